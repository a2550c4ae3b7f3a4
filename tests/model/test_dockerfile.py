"""What a Dockerfile says of its base images, and of the files that it takes."""

from __future__ import annotations

import pytest

from repro.model.environments.dockerfile import read_dockerfile


@pytest.mark.parametrize(
    ("text", "bases"),
    [
        ("FROM debian:12\n", ("debian:12",)),
        ("from --platform=linux/amd64 debian AS Build\nFROM build\nFROM scratch\n", ("debian",)),
        ("ARG V=12\nARG I='debian'\nFROM $I:${V}\n", ("debian:12",)),
        ("ARG V\nFROM debian:${V:-11}\n", ("debian:11",)),
        ("# a comment\n\nFROM \\\n# inside\n  debian\nFROM alpine as x\nFROM debian\n", ("debian", "alpine")),
        ("# escape=`\nFROM `\n debian\nRUN dir C:\\\n", ("debian",)),
    ],
)
def test_base_images(text: str, bases: tuple[str, ...]) -> None:
    assert read_dockerfile(text, {}).bases == bases


def test_a_build_argument_wins_over_the_files_own() -> None:
    assert read_dockerfile("ARG V=1\nFROM debian:$V\n", {"V": "2"}).bases == ("debian:2",)


@pytest.mark.parametrize(
    ("line", "sources"),
    [
        ("COPY a b /x/", ("a", "b")),
        ("COPY --chown=1:1 --chmod=755 ./src/ /x", ("src",)),
        ('COPY ["with blank", "b", "/x"]', ("b", "with blank")),
        ("COPY --from=build /made /x", ()),
        ("ADD https://example.org/file lib/*.py /x", ("lib/*.py",)),
        ("COPY . /x", None),
        ("COPY / /x", None),
        ("COPY ../outside /x", None),
        ("COPY $NAME /x", None),
        ("RUN --mount=type=bind,target=/src make", None),
        ("ONBUILD COPY a /x", None),
        ("RUN echo COPY a b", ()),
    ],
)
def test_files_that_it_takes(line: str, sources: tuple[str, ...] | None) -> None:
    assert read_dockerfile(f"FROM debian\n{line}\n", {}).sources == sources
