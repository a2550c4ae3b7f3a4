from __future__ import annotations

import os
from pathlib import Path

import pytest
from uv import find_uv_bin

from repro.env.pip.install_failures import failure_of
from repro.env.pip.uv_process import UvFailure, UvResult, find_uv, index_arguments, index_settings, run_uv, uv_environ

WORDINGS = {
    UvFailure.HASH: "error: Failed to download `six==1.16.0`\n  cause: Hash mismatch for `six==1.16.0`\n",
    UvFailure.ABSENT: "error: No solution found\n  cause: Because there is no version of six==9 and you require six==9",
    UvFailure.OFFLINE: "error: No solution\n  cause: Because six was not found in the cache and you require six==1",
    UvFailure.UNREACHABLE: "error: Request failed after 3 retries\n  cause: error sending request for url\n"
    "  cause: tcp connect error\n  cause: Connection refused (os error 111)",
    UvFailure.REFUSED: "error: Failed to fetch: https://x\n  cause: HTTP status client error (401 Unauthorized) for x",
    UvFailure.DISK_FULL: "error: Failed to install: six\n  cause: No space left on device (os error 28)",
    UvFailure.OTHER: "error: Failed to build `x`\n  cause: The build backend returned an error",
}
EXIT_CODES = {UvFailure.HASH: 4, UvFailure.UNREACHABLE: 5, UvFailure.REFUSED: 5}


@pytest.mark.parametrize("failure", WORDINGS)
def test_failures_are_told_apart(failure: UvFailure) -> None:
    result = UvResult(1, "", WORDINGS[failure])
    assert result.failure is failure
    error = failure_of(result, "install")
    assert error.exit_code == EXIT_CODES.get(failure, 3)
    assert error.hint


@pytest.mark.parametrize(
    ("words", "failure"),
    [
        ("fatal: remote error: upload-pack: not our ref 1234", UvFailure.ABSENT),
        ("fatal: '/srv/gamma' does not appear to be a git repository", UvFailure.ABSENT),
        ("fatal: repository 'https://example.org/none.git/' not found", UvFailure.ABSENT),
        ("fatal: could not read Username for 'https://example.org': terminal prompts disabled", UvFailure.REFUSED),
        ("fatal: unable to access 'https://example.org/': Couldn't connect to server", UvFailure.UNREACHABLE),
        ("fatal: unable to access 'https://example.org/': Could not resolve host: example.org", UvFailure.UNREACHABLE),
    ],
)
def test_what_git_says_of_a_commit_is_told_apart(words: str, failure: UvFailure) -> None:
    result = UvResult(2, "", f"error: Failed to download and build `x`\n  cause: Git operation failed\n    {words}\n")
    assert result.failure is failure
    assert (failure is UvFailure.ABSENT) == ("the git host" in str(failure_of(result, "install").hint))


def test_the_reason_is_uvs_last_error_without_warnings_and_hints() -> None:
    stderr = "warning: old\nUsing Python 3\nerror: Failed to fetch: x\n  cause: not found\n\nhint: do this\n"
    assert UvResult(1, "", stderr).reason == "Failed to fetch: x; not found"
    assert UvResult(-9, "", "").reason == "exit code -9"


def test_a_long_error_is_told_by_its_ends() -> None:
    causes = "".join(f"  cause: {word}\n" for word in ("first", "second", "third", "last"))
    assert UvResult(1, "", f"error: Failed\n{causes}").reason == "Failed; first; last"
    build = "error: Failed to build\n  cause: The backend failed\n\n         [stderr]\n" + "         noise\n" * 99
    reason = UvResult(1, "", build + "         the end\n").reason
    assert reason.startswith("Failed to build; The backend failed [stderr] noise")
    assert reason.endswith("noise the end")
    assert len(reason) < 300


def test_credentials_do_not_stand_in_uvs_words(tmp_path: os.PathLike[str]) -> None:
    environ = {"PATH": os.defpath, "HOME": str(tmp_path), "UV_CACHE_DIR": str(tmp_path), "UV_HTTP_RETRIES": "0"}
    environ["UV_DEFAULT_INDEX"] = "http://ann:pa55word@127.0.0.1:9/simple"
    result = run_uv(["pip", "compile", "-", "--no-deps"], environ, str(tmp_path), stdin="six==1.16.0\n")
    assert result.returncode != 0
    assert "pa55word" not in result.stderr


def test_uv_gets_neither_the_active_environment_nor_what_weakens_hashes() -> None:
    passed = uv_environ(
        {"VIRTUAL_ENV": "/v", "PYTHONPATH": "/p", "UV_NO_VERIFY_HASHES": "1", "UV_INDEX": "u", "A": "b"}
    )
    assert not passed.keys() & {"VIRTUAL_ENV", "PYTHONPATH", "UV_NO_VERIFY_HASHES"}
    assert (passed["UV_INDEX"], passed["A"]) == ("u", "b")


def test_who_uses_no_network_reads_no_certificates() -> None:
    certificates = {"SSL_CERT_FILE": "/f", "SSL_CERT_DIR": "/d", "PIP_CERT": "/p"}
    assert uv_environ(certificates).items() >= {("SSL_CERT_FILE", "/f"), ("SSL_CERT_DIR", "/d")}
    assert not uv_environ(certificates, offline=True).keys() & {"SSL_CERT_FILE", "SSL_CERT_DIR"}


def test_pips_settings_are_passed_on_where_uv_has_none_of_its_own() -> None:
    pips = {"PIP_INDEX_URL": "https://i", "PIP_EXTRA_INDEX_URL": "https://e https://f", "PIP_FIND_LINKS": "/a  /b"}
    passed = uv_environ(pips)
    assert passed["UV_DEFAULT_INDEX"] == "https://i"
    assert passed["UV_EXTRA_INDEX_URL"] == "https://e https://f"
    assert passed["UV_INDEX_STRATEGY"] == "unsafe-best-match"
    assert passed["UV_FIND_LINKS"] == "/a,/b"
    kept = uv_environ({**pips, "UV_INDEX_URL": "https://mine", "UV_INDEX": "https://mine", "UV_FIND_LINKS": "/c"})
    assert "UV_DEFAULT_INDEX" not in kept
    assert "UV_EXTRA_INDEX_URL" not in kept
    assert "UV_INDEX_STRATEGY" not in kept
    assert kept["UV_FIND_LINKS"] == "/c"
    assert index_arguments({"PIP_NO_INDEX": "1"}, True) == ["--offline", "--no-index"]
    assert index_settings({"PIP_INDEX_URL": "https://i", "HOME": "/"}) == (("PIP_INDEX_URL", "https://i"),)


def test_the_uv_that_repro_was_installed_with_wins_over_one_on_path(tmp_path: Path) -> None:
    (tmp_path / "uv").write_text("#!/bin/sh\n")
    (tmp_path / "uv").chmod(0o755)
    assert find_uv({"PATH": str(tmp_path)}) == find_uv_bin()
