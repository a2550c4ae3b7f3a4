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
        ("RUN --network=none --mount=target=/src make", None),
        ("RUN --mount=type=bind,from=build,target=/src make", ()),
        ("RUN --mount=type=cache,target=/root/.cache pip install x", ()),
        ("ONBUILD COPY a /x", None),
        ("RUN echo COPY a b", ()),
    ],
)
def test_files_that_it_takes(line: str, sources: tuple[str, ...] | None) -> None:
    assert read_dockerfile(f"FROM debian\n{line}\n", {}).sources == sources


@pytest.mark.parametrize(
    ("text", "needs"),
    [
        ("FROM a\nRUN --mount=type=cache,target=/c make\n", "RUN --mount"),
        ("FROM a\nCOPY --chmod=755 x /x\n", "COPY --chmod"),
        ("FROM a\nCOPY --chown=1:1 x /x\nRUN echo --mount\n", None),
        ("FROM a\nRUN <<E\nFROM b\nE\n", "RUN <<"),
        ("FROM a\nRUN cat <<-'E' > /x\n\tFROM b\n\tE\n", "RUN <<"),
        ("FROM a\nRUN echo $((1<<3)) 'a<<b'\n", None),
        ("# syntax=docker/dockerfile:1\nFROM a\n", "# syntax=docker/dockerfile:1"),
        ("# a comment\n# syntax=docker/dockerfile:1\nFROM a\n", None),
    ],
)
def test_what_the_classic_builder_does_not_have(text: str, needs: str | None) -> None:
    found = read_dockerfile(text, {})
    assert found.buildkit == needs
    assert found.bases == ("a",)


def test_what_follows_a_here_document_counts() -> None:
    text = "FROM a\nRUN <<A <<B\nCOPY x /x\nA\nFROM c\nB\nCOPY y /y\nFROM b\n"
    assert read_dockerfile(text, {}).bases == ("a", "b")
    assert read_dockerfile(text, {}).sources == ("y",)
    assert read_dockerfile("FROM a\nRUN <<-A\n\tFROM c\n\tA\nFROM b\n", {}).bases == ("a", "b")


@pytest.mark.parametrize("target", ["First", "0"])
def test_stages_behind_the_target_do_not_count(target: str) -> None:
    text = "FROM a AS first\nCOPY x /x\nFROM b AS second\nCOPY y /y\n"
    found = read_dockerfile(text, {}, target)
    assert (found.bases, found.sources) == (("a",), ("x",))
    assert read_dockerfile(text, {}, "second").bases == ("a", "b")
    assert read_dockerfile(text, {}, "none").bases == ("a", "b"), "the engine will say that there is none"


def test_a_secret_of_a_build_is_named() -> None:
    assert read_dockerfile("FROM a\nRUN --mount=type=secret,id=pip x\n", {}).secrets == "--mount=type=secret"
    assert read_dockerfile("FROM a\nRUN --mount=id=k,type=ssh x\n", {}).secrets == "--mount=id=k,type=ssh"
    assert read_dockerfile("FROM a\nRUN --mount=type=cache,target=/c x\n", {}).secrets is None
