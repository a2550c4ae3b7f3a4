"""Installs the pip packages of a conda lock into its prefix, by uv, each file by its SHA-256."""

from __future__ import annotations

import base64
import csv
import hashlib
import io
import os
from collections.abc import Mapping, Sequence
from glob import glob

from repro.env.pip.cache_first import run_cache_first
from repro.env.pip.install_failures import failure_of
from repro.env.pip.realise import vcs_requirement, verified_wheel
from repro.env.pip.uv_process import UvFailure, UvResult, index_arguments, run_uv
from repro.model.dataclass import dataclass
from repro.model.environments.conda_lock import LockedFile
from repro.model.environments.environment import ProjectInstall, VcsInstall, WheelInstall


@dataclass(frozen=True, slots=True)
class Beside:
    """What pip added from other places than an index.

    Attributes:
        vcs: commits.
        wheels: what came with the run, and the paths of the files.
        made_of_commits: paths of wheels that an archive has in place of commits, verified.
        project: folders of the project at `root`.
    """

    vcs: Sequence[VcsInstall] = ()
    wheels: Sequence[tuple[WheelInstall, str | None]] = ()
    made_of_commits: Sequence[str] = ()
    project: Sequence[ProjectInstall] = ()
    root: str = ""


def install_pip_part(
    packages: Sequence[LockedFile],
    beside: Beside,
    prefix: str,
    final: str,
    archived: Mapping[str, str],
    environ: Mapping[str, str],
    *,
    offline: bool,
) -> None:
    """Install what a lock has of pip, and what came from elsewhere, without looking for dependencies.

    A hash finds the same file anywhere: what is archived is taken, else what uv's cache has; then the user's indexes
    are asked, and the lock's URLs where these do not have a file.

    Args:
        packages: of a lock; those of conda are left out.
        beside: what no index serves.
        prefix: has the Python.
        final: where the environment is going to stand: scripts name it.
        archived: paths of wheels that are here, by their SHA-256.
        environ: the user's variables; uv's and pip's index settings and cache count.
        offline: do not use the network.

    Raises:
        PackageHashMismatch, IndexUnreachable, PackageGone, EnvironmentOffline, EnvironmentDiskFull, EnvironmentNotMade:
            as of kind pip.
    """
    wheels = [package for package in packages if package.manager == "pip"]
    if not (wheels or beside.vcs or beside.wheels or beside.made_of_commits or beside.project):
        return
    before = set(os.listdir(os.path.join(prefix, "bin")))
    if wheels:
        _install_locked(wheels, prefix, archived, environ, offline)
    command = ["pip", "install", "--quiet", "--no-deps", "--break-system-packages"]
    command += ["--python", os.path.join(prefix, "bin", "python")]
    if beside.wheels or beside.made_of_commits:
        paths = [*(verified_wheel(wheel, path) for wheel, path in beside.wheels), *beside.made_of_commits]
        _run([*command, "--no-index", *paths], environ, prefix, "install the wheels of the run")
    if beside.vcs:
        commits = [vcs_requirement(install) for install in beside.vcs]
        index = index_arguments(environ, offline)
        _run([*command, *index, *commits], environ, prefix, "install what was recorded by its commit")
    if beside.project:
        from repro.env.pip.project_installs import install_project

        index = [*index_arguments(environ, offline), "--break-system-packages"]
        install_project(tuple(beside.project), prefix, beside.root, environ, archive=(), index=index)
    if final != prefix:
        _rename_interpreter(prefix, final, set(os.listdir(os.path.join(prefix, "bin"))) - before)


def _install_locked(
    wheels: Sequence[LockedFile], prefix: str, archived: Mapping[str, str], environ: Mapping[str, str], offline: bool
) -> None:
    here = f"{prefix}.wheels"
    os.makedirs(here, exist_ok=True)
    for wheel in wheels:
        path = archived.get(wheel.sha256)
        if path is not None:
            os.symlink(path, os.path.join(here, wheel.file_name))
    everything = all(wheel.sha256 in archived for wheel in wheels)
    result = _install(wheels, prefix, here, environ, offline=offline or everything, by_url=False)
    if result.returncode and result.failure is UvFailure.ABSENT and not offline:
        result = _install(wheels, prefix, here, environ, offline=False, by_url=True)
    if result.returncode:
        raise failure_of(result, "install the locked pip packages")


def _run(command: list[str], environ: Mapping[str, str], prefix: str, doing: str) -> None:
    result = run_uv(command, environ, os.path.dirname(prefix))
    if result.returncode:
        raise failure_of(result, doing)


def _install(
    wheels: Sequence[LockedFile], prefix: str, here: str, environ: Mapping[str, str], *, offline: bool, by_url: bool
) -> UvResult:
    listed = os.path.join(here, "requirements.txt")
    with open(listed, "w", encoding="utf-8") as file:
        for wheel in wheels:
            what = f"{wheel.name} @ {wheel.url}" if by_url else f"{wheel.name}=={wheel.version}"
            file.write(f"{what} --hash=sha256:{wheel.sha256}\n")
    command = ["pip", "install", "--quiet", "--no-deps", "--require-hashes", "--break-system-packages"]
    command += [] if any(wheel.is_built for wheel in wheels) else ["--no-build"]
    command += ["--python", os.path.join(prefix, "bin", "python"), "--find-links", here, "-r", listed]
    return run_cache_first([*command, *index_arguments(environ, offline)], environ, os.path.dirname(prefix))


def _rename_interpreter(prefix: str, final: str, scripts: set[str]) -> None:
    """Let scripts name the interpreter by the path that the environment is going to have, and RECORD know of it."""
    changed = {}
    for name in scripts:
        path = os.path.join(prefix, "bin", name)
        if os.path.islink(path):
            continue
        with open(path, "rb") as file:
            data = file.read()
        if os.fsencode(prefix) not in data[:4096]:
            continue
        new = data.replace(os.fsencode(prefix), os.fsencode(final))
        mode = os.stat(path).st_mode
        os.unlink(path)  # it may be linked to uv's cache
        with open(path, "wb") as file:
            file.write(new)
        os.chmod(path, mode)
        changed[name] = new
    if changed:
        for record in glob("lib/python*/site-packages/*.dist-info/RECORD", root_dir=prefix):
            _write_record(os.path.join(prefix, record), changed)


def _write_record(record: str, changed: Mapping[str, bytes]) -> None:
    with open(record, encoding="utf-8", newline="") as file:
        rows = list(csv.reader(file))
    touched = False
    for row in rows:
        folder, name = os.path.split(row[0]) if row else ("", "")
        if os.path.basename(folder) == "bin" and folder.startswith("..") and name in changed and len(row) == 3:
            digest = base64.urlsafe_b64encode(hashlib.sha256(changed[name]).digest()).rstrip(b"=").decode()
            row[1:] = [f"sha256={digest}", str(len(changed[name]))]
            touched = True
    if touched:
        text = io.StringIO()
        csv.writer(text, lineterminator="\n").writerows(rows)
        os.unlink(record)
        with open(record, "w", encoding="utf-8", newline="") as file:
            file.write(text.getvalue())
