"""Builds as the settings and the Dockerfile ask for them: arguments, a stage, what only BuildKit has."""

from __future__ import annotations

import secrets
from pathlib import Path

import pytest

from repro.env.image.build import BuildFailed, build, plan_build
from repro.env.image.engine import connect
from repro.model.environments.image_lock import parse_image_lock
from tests.command_line import Person
from tests.container_engine import BASE, TestEngine

STAGES = f"""\
FROM {BASE} AS first
ARG GREETING=none
ENV GREETING=$GREETING
FROM first AS second
ENV GREETING=second
FROM registry.invalid/never:1
"""

BUILDKIT = f"""\
FROM {BASE}
COPY --chmod=0750 tool.sh /opt/tool.sh
RUN --mount=type=cache,target=/cache echo {{token}} > /made && echo words > /cache/words
"""


def test_arguments_and_a_stage_are_built_and_recorded_and_another_value_is_drift(imaged: Person) -> None:
    imaged.write("Dockerfile", STAGES)
    settings = "environment:\n  kind: image\n  target: first\n  build_args: {GREETING: %s}\n"
    imaged.write("repro.yaml", settings % "hello")
    imaged.repro("env", "lock")
    built = parse_image_lock((imaged.cwd / "image.lock").read_bytes(), "the lock").built_from
    assert built is not None
    assert (built.arguments, built.target) == ((("GREETING", "hello"),), "first")
    assert [name for name, _ in built.bases] == [BASE], "what is not built is not fetched"
    script = "import os; open('said', 'w').write(os.environ['GREETING'])"
    done = imaged.repro("run", "-o", "said", "--", "python3", "-c", script)
    assert (imaged.cwd / "said").read_text() == "hello"
    assert "environment-drift" not in done.stderr
    first = imaged.manifest()["facts"]["recipe"]
    assert first["environment"]["built_from"]["arguments"] == {"GREETING": "hello"}

    imaged.write("repro.yaml", settings % "goodbye")
    (finding,) = imaged.repro_json("env", "check", expect=1)["findings"]
    assert finding["kind"] == "environment-drift"
    assert "build arguments" in finding["detail"]
    imaged.repro("env", "lock")
    imaged.repro("run", "-o", "said", "--", "python3", "-c", script)
    assert (imaged.cwd / "said").read_text() == "goodbye"
    assert imaged.manifest()["facts"]["recipe"]["id"] != first["id"]


def test_a_dockerfile_that_takes_everything_does_not_take_its_own_lock(imaged: Person) -> None:
    imaged.write("Dockerfile", f"FROM {BASE}\nCOPY . /opt/project\nENV PYTHONPATH=/opt/project/lib\n")
    imaged.repro("env", "lock")
    first = (imaged.cwd / "image.lock").read_bytes()
    assert imaged.repro_json("env", "check")["findings"] == []
    imaged.repro("env", "lock")
    assert (imaged.cwd / "image.lock").read_bytes() == first


def test_two_builds_by_buildkit_give_one_image(engine: TestEngine, tmp_path: Path) -> None:
    found = connect({"DOCKER_HOST": engine.address})
    project = tmp_path / "project"
    project.mkdir()
    (project / "Dockerfile").write_text(BUILDKIT.format(token=secrets.token_hex(8)))
    (project / "tool.sh").write_text("#!/bin/sh\n")
    plan = plan_build(str(project), "Dockerfile", None, {})
    first = build(found, plan, str(tmp_path / "memo"), fresh=True)
    second = build(found, plan, str(tmp_path / "memo"), fresh=True)
    assert first == second
    said = found.client.containers.run(
        f"sha256:{first.image}",
        ["python3", "-c", "import os; print(oct(os.stat('/opt/tool.sh').st_mode), os.path.exists('/made'))"],
        remove=True,
        network_mode="none",
    )
    assert said == b"0o100750 True\n"


def test_what_a_command_printed_stands_in_the_error_of_buildkit(engine: TestEngine, tmp_path: Path) -> None:
    found = connect({"DOCKER_HOST": engine.address})
    command = "echo the $((6 * 7))nd reason; exit 7"  # the error has the command, too
    (tmp_path / "Dockerfile").write_text(f"FROM {BASE}\nRUN --mount=type=cache,target=/c {command}\n")
    with pytest.raises(BuildFailed, match="the 42nd reason") as failed:
        build(found, plan_build(str(tmp_path), "Dockerfile", None, {}), str(tmp_path / "memo"))
    assert "exit code: 7" in failed.value.message


def test_a_build_that_takes_a_secret_is_refused_before_anything_is_built(imaged: Person) -> None:
    imaged.write("Dockerfile", f"FROM {BASE}\nRUN --mount=type=secret,id=pip cat /run/secrets/pip\n")
    done = imaged.repro("env", "lock", expect=3)
    assert "--mount=type=secret" in done.stderr
    assert "environment.image" in done.stderr


def test_a_syntax_line_whose_image_cannot_be_had_is_named(imaged: Person, registry_at: str) -> None:
    imaged.write("Dockerfile", f"# syntax={registry_at}/frontend:1\nFROM {BASE}\n")
    error = imaged.repro_json("env", "lock", expect=3)["error"]
    assert error["id"] == "no-such-image", "the engine was not left to find out in the build"
    assert f"Dockerfile begins with `# syntax={registry_at}/frontend:1`" in error["message"]
    assert "leave the line out" in error["hint"]
    error = imaged.repro_json("env", "lock", "--offline", expect=3)["error"]
    assert error["id"] == "environment-offline", "nobody was asked"
