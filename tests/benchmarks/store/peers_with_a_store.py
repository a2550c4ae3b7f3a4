"""The tools that keep data beside a git repository, and send it from there: DVC, git-annex, git-lfs."""

from __future__ import annotations

import shutil
from collections.abc import Sequence

from tests.benchmarks.store.timed_steps import Step, run
from tests.benchmarks.store.tool import Tool, empty, remove
from tests.benchmarks.store.tool_repro import make_writable


class Dvc(Tool):
    """As it comes: files are copies where the file system has no reflinks."""

    name = "DVC"
    program = "dvc"
    links = False

    def begin(self) -> Sequence[Step]:
        self.remote.mkdir()
        steps = [
            self.step("git", "init", "--quiet"),
            self._dvc("init", "--quiet"),
            self._dvc("config", "core.check_update", "false"),
            self._dvc("remote", "add", "--default", "store", self._url()),
        ]
        if self.links:
            steps.append(self._dvc("config", "cache.type", "hardlink"))
        if self.bucket:
            steps.append(self._dvc("remote", "modify", "store", "endpointurl", self.bucket.endpoint))
        return steps

    def add(self) -> Sequence[Step]:
        return [self._dvc("add", "--quiet", "data")]

    def push(self) -> Sequence[Step]:
        return [self._dvc("push", "--quiet")]

    def status(self) -> Sequence[Step]:
        return [self._dvc("status")]

    def move(self) -> None:
        remove(self.copy)
        empty(self.place / "other-site")
        shutil.copytree(self.project / ".git", self.copy / ".git")
        (self.copy / ".dvc").mkdir()
        for name in (".dvc/config", "data.dvc", ".gitignore"):
            shutil.copy(self.project / name, self.copy / name)

    def bring(self) -> Sequence[Step]:
        site = str(self.place / "other-site")
        return [self.call("pull", "--quiet", cwd=self.copy, DVC_NO_ANALYTICS="true", DVC_SITE_CACHE_DIR=site)]

    def forget_add(self) -> None:
        for path in (self.project / ".dvc" / "cache", self.project / ".dvc" / "tmp", self.place / "site"):
            remove(path)
        for name in ("data.dvc", ".gitignore"):
            remove(self.project / name)
        make_writable(self.data)

    def forget_push(self) -> None:
        self.turn += 1
        remove(self.place / "site")  # it remembers what the remote has
        if self.bucket:
            run([self._dvc("remote", "modify", "store", "url", self._url())])
        else:
            empty(self.remote)

    def tidy(self) -> None:
        run([self._dvc("gc", "--workspace", "--cloud", "--force", "--quiet")])

    def _dvc(self, *arguments: str) -> Step:
        return self.call(*arguments, DVC_NO_ANALYTICS="true", DVC_SITE_CACHE_DIR=str(self.place / "site"))

    def _url(self) -> str:
        return f"s3://{self.bucket.name}/dvc-{self.turn}" if self.bucket else str(self.remote)


class LinkingDvc(Dvc):
    """With files as hard links of its cache's."""

    name = "DVC, hard links"
    keeps_data = False
    links = True


class GitAnnex(Tool):
    """With a directory as special remote, unencrypted. Files become links to its store."""

    name = "git-annex"
    program = "git-annex"
    keeps_data = False

    def begin(self) -> Sequence[Step]:
        self.remote.mkdir()
        store = ("type=directory", f"directory={self.remote}", "encryption=none")
        return [
            self.step("git", "init", "--quiet"),
            self.step("git", "annex", "init", "--quiet", "here"),
            self.step("git", "annex", "initremote", "--quiet", "store", *store),
        ]

    def add(self) -> Sequence[Step]:
        return [
            self.step("git", "annex", "add", "--quiet", "data"),
            self.step("git", "commit", "--quiet", "--message", "add"),
        ]

    def push(self) -> Sequence[Step]:
        return [self.step("git", "annex", "copy", "--quiet", "--to", "store", "data")]

    def status(self) -> Sequence[Step]:
        return [self.step("git", "annex", "status")]

    def move(self) -> None:
        remove(self.copy)
        run(
            [
                self.step("git", "clone", "--quiet", str(self.project), str(self.copy)),
                self.step("git", "annex", "init", "--quiet", "there", cwd=self.copy),
                self.step(
                    "git", "annex", "enableremote", "--quiet", "store", f"directory={self.remote}", cwd=self.copy
                ),
            ]
        )

    def bring(self) -> Sequence[Step]:
        return [self.step("git", "annex", "get", "--quiet", "--from", "store", "data", cwd=self.copy)]

    def forget_add(self) -> None:
        for path in (self.project, self.remote):
            remove(path)
        self.project.mkdir()
        run(self.begin())

    def forget_push(self) -> None:
        empty(self.remote)


class GitLfs(Tool):
    """With a bare repository on the same disk as remote."""

    name = "git-lfs"
    program = "git-lfs"

    def begin(self) -> Sequence[Step]:
        return [
            self.step("git", "init", "--quiet", "--initial-branch=main"),
            self.step("git", "lfs", "install", "--local", "--skip-smudge"),
            self.step("git", "lfs", "track", "data", "data/**"),
            self.step("git", "init", "--quiet", "--bare", str(self.remote)),
            self.step("git", "remote", "add", "origin", str(self.remote)),
        ]

    def add(self) -> Sequence[Step]:
        return [
            self.step("git", "add", "data", ".gitattributes"),
            self.step("git", "commit", "--quiet", "--message", "add"),
        ]

    def push(self) -> Sequence[Step]:
        return [self.step("git", "push", "--quiet", "origin", "HEAD:main")]

    def status(self) -> Sequence[Step]:
        return [self.step("git", "status", "--short")]

    def move(self) -> None:
        remove(self.copy)

    def bring(self) -> Sequence[Step]:
        self.home.joinpath(".gitconfig").write_text(_FILTER)
        return [
            self.step("git", "clone", "--quiet", "--branch", "main", self.remote.as_uri(), str(self.copy)),
        ]

    def forget_add(self) -> None:
        for path in (self.project / ".git", self.project / ".gitattributes", self.remote):
            remove(path)
        run(self.begin())

    def forget_push(self) -> None:
        remove(self.remote)
        run([self.step("git", "init", "--quiet", "--bare", str(self.remote))])
        remove(self.project / ".git" / "refs" / "remotes")


_FILTER = """\
[filter "lfs"]
    clean = git-lfs clean -- %f
    smudge = git-lfs smudge -- %f
    process = git-lfs filter-process
    required = true
"""
