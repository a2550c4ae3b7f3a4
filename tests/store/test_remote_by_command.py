"""As a user has it: a run is pushed to a bucket or to a server, and rebuilt elsewhere from there alone."""

from __future__ import annotations

from pathlib import Path

from tests.command_line import Person
from tests.remote_servers import SftpServer, aws_variables, web_server


def _push_and_rebuild(project: Person, bob: Person, url: str) -> str:
    """Ann's run goes to a URL; Bob, who has nothing else, gets every byte of it. The run's id."""
    project.repro("remote", "add", "store", url)
    project.repro("run", "--", "python", "train.py")
    run = project.runs()[-1]
    pushed = project.repro_json("push", "-j", "4")
    assert pushed["runs"] == [run]
    assert project.repro_json("push")["objects"] == 0
    rebuilt = bob.repro_json("rebuild", "--from", url, run[:15])
    assert rebuilt["verdict"] == "identical"
    return run


def test_a_run_is_rebuilt_from_a_bucket(project: Person, bob: Person, s3_port: int, bucket: str) -> None:
    ann = project.having(**aws_variables(project.home))
    bob = bob.having(**aws_variables(bob.home))
    _push_and_rebuild(ann, bob, f"s3://{bucket}/prefix?endpoint=http://127.0.0.1:{s3_port}")


def test_a_run_is_rebuilt_from_a_server(project: Person, bob: Person, sftp: SftpServer, tmp_path: Path) -> None:
    for person in (project, bob):
        sftp.let_in(person.home)
    run = _push_and_rebuild(project, bob, f"ssh://ann@127.0.0.1:{sftp.port}{tmp_path}/far")

    with web_server(tmp_path) as port:
        url = f"http://127.0.0.1:{port}/far"
        refused = bob.repro("rebuild", "--from", url, run[:15], expect=5)
        assert "full id" in refused.stderr
        other = bob.having(REPRO_STORE=str(tmp_path / "other-store"))
        assert other.repro_json("rebuild", "--from", url, run)["verdict"] == "identical"
        assert "has no run" in bob.repro("rebuild", "--from", url, "20200101-000000-aaaaaaaa", expect=3).stderr


def test_a_server_that_nobody_reaches_is_exit_code_5_with_a_hint(bob: Person) -> None:
    failed = bob.repro("rebuild", "--from", "ssh://127.0.0.1:1/srv", "20200101-000000-aaaaaaaa", expect=5)
    assert "cannot be reached" in failed.stderr
    assert "hint" in failed.stderr
    assert "Traceback" not in failed.stderr


def test_a_url_with_a_password_or_that_is_none_gets_into_no_settings_file(project: Person) -> None:
    for url, says in (("https://ann:secret@example.org/x", "holds a password"), ("http://[::1/x", "is no URL")):
        for option in ((), ("--local",)):
            refused = project.repro("remote", "add", "bad", url, *option, expect=2)
            assert says in refused.stderr
            assert "secret" not in refused.stderr
    assert "bad" not in project.repro("remote", "list").stdout
