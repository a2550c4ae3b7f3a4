"""`repro env lock` where the package index does not answer, or refuses: another exit code than where it has nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from uv import find_uv_bin

from tests.command_line import Person, make_venv
from tests.env.small_index import make_wheel
from tests.refusing_server import NO_SUCH_HOST, NOBODY_LISTENS, SILENCE, refusing_server


@pytest.fixture
def ann(ann: Person, tmp_path: Path) -> Person:
    """Ann, with a package installed that came from an index."""
    make_wheel(tmp_path / "wheels", "alpha", "1.0")
    ann = replace(ann, venv=make_venv(tmp_path / "env", [find_uv_bin()])).having(
        UV_CACHE_DIR=str(tmp_path / "uv"), UV_HTTP_RETRIES="0", UV_HTTP_TIMEOUT="1"
    )
    ann.git("init", "--quiet")
    index = ["--no-index", "--find-links", str(tmp_path / "wheels")]
    done = ann.call(find_uv_bin(), "pip", "install", "-q", "-p", str(ann.venv / "bin/python"), *index, "alpha")
    assert done.returncode == 0, done.stderr
    return ann


def refused(ann: Person, url: str, expect: int, *more: str) -> tuple[str, str, str]:
    error = ann.having(UV_DEFAULT_INDEX=url).repro_json("env", "lock", *more, expect=expect)["error"]
    return error["id"], error["message"], error["hint"]


def test_an_index_that_refuses_or_does_not_answer_is_a_remotes_failure_and_one_without_the_package_is_not(
    ann: Person,
) -> None:
    with refusing_server() as server:
        for status in (401, 503, SILENCE):
            server.status = status
            kind, message, hint = refused(ann, f"{server.url}/simple", 5)
            assert kind == "index-unreachable", (status, message)
            assert "alpha 1.0" in message
            assert ("credentials" in hint) == (status == 401)
        server.status = 404
        assert refused(ann, f"{server.url}/simple", 3)[0] == "not-lockable"
        server.status = SILENCE
        asked = len(server.requests)
        assert refused(ann, f"{server.url}/simple", 3, "--offline")[0] == "not-lockable"
        assert len(server.requests) == asked
    assert refused(ann, f"{NO_SUCH_HOST}/simple", 5)[0] == "index-unreachable"
    assert not (ann.cwd / "requirements.lock").exists()


def test_what_no_index_could_pin_is_no_remotes_failure(ann: Person, tmp_path: Path) -> None:
    wheel = make_wheel(tmp_path / "gone", "beta", "1.0")
    done = ann.call(find_uv_bin(), "pip", "install", "-q", "-p", str(ann.venv / "bin/python"), "--no-index", str(wheel))
    assert done.returncode == 0, done.stderr
    wheel.unlink()
    kind, message, _ = refused(ann, f"{NOBODY_LISTENS}/simple", 3)
    assert kind == "not-lockable"
    assert "alpha 1.0" in message
    assert "beta 1.0" in message
