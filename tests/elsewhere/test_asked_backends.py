"""Build backends that are asked what they need: what they see of this machine, and archives that stand already."""

from __future__ import annotations

from pathlib import Path

import pytest

from repro.execution import landlock
from tests.elsewhere.test_archived_environment import ASKING, Desk, desk, index
from tests.elsewhere.test_sandboxes import without_the_package
from tests.env.own_package import BACKEND, pyproject
from tests.env.small_index import make_wheel

__all__ = ["desk", "index"]

PRYING = """

def get_requires_for_build_editable(config_settings=None):
    import os, socket, tempfile

    if not os.path.exists("look-for"):
        return []

    def can(what):
        try:
            what()
        except OSError:
            return False
        return True

    secret, host, port = open("look-for").read().split()
    open("written", "w").close()
    open(os.path.join(tempfile.gettempdir(), "written"), "w").close()
    open(os.path.expanduser("~/written"), "w").close()
    seen = {"secret": can(lambda: open(secret)), "network": can(lambda: socket.create_connection((host, int(port)), 9))}
    return [f"saw-{name}" for name, found in seen.items() if found] or ["beta"]
"""


def with_backend(desk: Desk, body: str) -> None:
    make_wheel(desk.index.root / "files", "own-backend", "1.0", body=BACKEND + body)
    desk.index.list_wheels("own-backend")
    desk.ann.write("pyproject.toml", pyproject())


def archived(desk: Desk, run: str) -> list[str]:
    [said] = desk.ann.repro_json("env", "archive", run)["runs"]
    return [file["name"].partition("-")[0] for file in said["files"]]


@pytest.fixture
def prying(desk: Desk) -> Desk:
    """With a backend that looks for a file in Ann's home and for the index, and asks for what it saw."""
    with_backend(desk, PRYING)
    desk.install("--editable", str(desk.ann.cwd))
    secret = desk.ann.home / "secret"
    secret.write_text("a key\n")
    host, _, port = desk.index.url.partition("://")[2].partition("/")[0].partition(":")
    desk.ann.write("look-for", f"{secret} {host} {port}\n")
    return desk


def run_of_other_code(desk: Desk, name: str) -> str:
    """A run whose backend nobody asked yet."""
    desk.ann.write("code", name)
    return desk.run()


def test_a_backend_sees_neither_the_users_files_nor_the_network_unless_the_settings_say_so(prying: Desk) -> None:
    for kind in ("bwrap", "landlock") if landlock.version() >= landlock.NET_FROM else ("bwrap",):
        prying.ann.write("repro.yaml", f"sandbox: {kind}\n")
        assert archived(prying, run_of_other_code(prying, kind)) == ["alpha", "beta", "own_backend"]
        assert not (prying.ann.home / "written").exists()
        assert not (prying.ann.cwd / "written").exists()
    prying.ann.write("repro.yaml", "sandbox: none\n")
    [said] = prying.ann.repro_json("env", "archive", run_of_other_code(prying, "none"))["runs"]
    assert "saw-" in said["findings"][0]["detail"], "which shows that it looks at all"
    assert (prying.ann.home / "written").exists()


def test_where_bubblewrap_does_not_work_the_next_best_is_taken_and_why_is_told(desk: Desk, tmp_path: Path) -> None:
    with_backend(desk, ASKING)
    desk.install("--editable", str(desk.ann.cwd))
    broken = tmp_path / "broken/bwrap"
    broken.parent.mkdir()
    broken.write_text("#!/bin/sh\necho 'bwrap: no permissions to create a new namespace' >&2; exit 1\n")
    broken.chmod(0o755)
    path = f"{broken.parent}:{desk.ann.environ['PATH']}"
    run = desk.run()
    done = desk.ann.having(PATH=path, PYTHONPATH=str(without_the_package(desk.ann))).repro("env", "archive", run)
    next_best = "in the weaker sandbox landlock" if landlock.version() else "without a sandbox"
    assert f"a build backend runs {next_best} (bwrap: bwrap: no permissions to create a new namespace" in done.stderr


def test_an_archive_that_stands_is_completed_as_far_as_backends_can_be_asked(desk: Desk) -> None:
    with_backend(desk, ASKING)
    desk.ann.git("add", "--all")
    desk.install("--editable", str(desk.ann.cwd))
    assert archived(desk, desk.run()) == ["alpha", "own_backend"]
    desk.ann.write("needs-beta", "")
    desk.ann.git("add", "--all")
    run = desk.run()
    assert archived(desk, run) == ["alpha", "beta", "own_backend"]

    desk.index.requests.clear()
    [again] = desk.ann.repro_json("env", "archive", run)["runs"]
    assert (again["archived_now"], desk.index.requests) == (False, [])
    desk.ann.repro("push", "-r", str(desk.remote))
    desk.index.stop()
    assert desk.bob.repro_json("rebuild", run, "--from", str(desk.remote), "--offline")["verdict"] == "identical"

    desk.ann.write("train.py", "import alpha; open('who', 'w').write('again ' + alpha.WHO)\n")
    ann = desk.ann.having(UV_CACHE_DIR=str(desk.ann.home / "empty"))
    [said] = ann.repro_json("env", "archive", desk.run())["runs"]
    assert (said["archived_now"], len(said["files"])) == (False, 3)
    [finding] = said["findings"]
    assert finding["kind"] == "backends-not-asked"
    assert "the archive stands as it was" in finding["detail"]
