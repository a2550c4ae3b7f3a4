from __future__ import annotations

import json

import pytest

from repro.env.pip.installed import FromArchive, FromIndex, Unpinnable, origin_of, remote_url, without_credentials
from repro.env.pip.probe import InstalledDistribution
from repro.model.environments.environment import ProjectInstall, VcsInstall

SITE = "/p/.venv/lib/python3.11/site-packages"
COMMIT = "a" * 40


def installed(direct_url: object = None, version: str = "1.0") -> InstalledDistribution:
    text = None if direct_url is None else json.dumps(direct_url)
    return InstalledDistribution("alpha", version, SITE, f"{SITE}/alpha-1.0.dist-info", text)


@pytest.mark.parametrize(
    ("url", "stripped"),
    [
        ("https://ann:secret@example.org/x.git", "https://example.org/x.git"),
        ("https://t0ken@example.org/x.git", "https://example.org/x.git"),
        ("ssh://git@example.org/x.git", "ssh://git@example.org/x.git"),
        ("ssh://git:secret@example.org:2222/x.git", "ssh://git@example.org:2222/x.git"),
        ("https://example.org/x.whl?download=1#sha256=00", "https://example.org/x.whl?download=1"),
        ("https://example.org/x.whl?X-Amz-Signature=s&a=1&private_token=t", "https://example.org/x.whl?a=1"),
        ("https://example.org/x.whl?sig=s", "https://example.org/x.whl"),
        ("file:///home/ann/x.whl", "file:///home/ann/x.whl"),
    ],
)
def test_credentials_leave_a_url(url: str, stripped: str) -> None:
    assert without_credentials(url) == stripped


@pytest.mark.parametrize(
    ("remote", "url"),
    [
        ("git@example.org:ann/x.git", "ssh://git@example.org/ann/x.git"),
        ("example.org:/srv/x.git", "ssh://example.org/srv/x.git"),
        ("/srv/git/x.git", "file:///srv/git/x.git"),
        ("https://example.org/x.git", "https://example.org/x.git"),
        ("ssh://git@example.org:22/x.git", "ssh://git@example.org:22/x.git"),
    ],
)
def test_a_git_remote_is_written_as_a_url(remote: str, url: str) -> None:
    assert remote_url(remote) == url


def test_what_has_no_direct_url_came_from_an_index() -> None:
    assert origin_of(installed(), "/p") == FromIndex(installed())


def test_a_version_that_is_none_cannot_be_pinned() -> None:
    assert isinstance(origin_of(installed(version="1.0-dev-unknown"), "/p"), Unpinnable)


def test_an_archive_with_its_hash_can_be_locked() -> None:
    found = origin_of(
        installed({"url": "https://e.org/a.tar.gz", "archive_info": {"hash": f"sha256={'b' * 64}"}}), "/p"
    )
    assert isinstance(found, FromArchive)
    assert (found.url, found.sha256) == ("https://e.org/a.tar.gz", "b" * 64)


@pytest.mark.parametrize(
    "direct_url",
    [
        {"url": "http://example.org/a.whl", "archive_info": {}},
        {"url": "https://example.org/a.zip", "archive_info": {}, "subdirectory": "x"},
        {"url": "file:///tmp/alpha-1.0.tar.gz", "archive_info": {}},
        {"url": "https://example.org/x", "vcs_info": {"vcs": "hg", "commit_id": COMMIT}},
        {"url": "https://example.org/x", "vcs_info": {"vcs": "git", "commit_id": "main"}},
        {"url": "https://example.org/x", "dir_info": {}},
        {"url": "file:///p/.repro/x", "dir_info": {}},
    ],
)
def test_what_cannot_be_pinned_says_why_and_what_to_do(direct_url: object) -> None:
    found = origin_of(installed(direct_url), "/p")
    assert isinstance(found, Unpinnable)
    assert found.reason
    assert found.hint


def test_a_folder_is_inside_the_project_only_if_it_is() -> None:
    inside = {"url": "file:///p/libs/a%20b", "dir_info": {"editable": True}}
    assert origin_of(installed(inside), "/p") == ProjectInstall("alpha", "1.0", "libs/a b", True)
    beside = {"url": "file:///pp", "dir_info": {"editable": True}}
    assert not isinstance(origin_of(installed(beside), "/p"), ProjectInstall)


def test_a_commit_is_recorded_without_the_credentials_of_its_url() -> None:
    plain = {"url": "https://t0ken@e.org/a.git", "vcs_info": {"vcs": "git", "commit_id": COMMIT}}
    assert origin_of(installed(plain), "/p") == VcsInstall("alpha", "1.0", "git", "https://e.org/a.git", COMMIT)
