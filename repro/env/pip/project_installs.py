"""Installs the project's own packages: in a copy of the environment, since that is shared and the project is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping, Sequence
from contextlib import suppress

from repro.env.pip.install_failures import PackageGone, UnsafeInstall, failure_of
from repro.env.pip.uv_process import run_uv
from repro.env.unobtainable import EnvironmentOffline
from repro.model.environments.environment import ProjectInstall
from repro.model.names import parse_path

# The first moment that a zip file can say; 0 makes some build backends fail.
_EPOCH = "315532800"


def copy_environment(prefix: str, destination: str) -> None:
    """Copy a relocatable environment: packages by hard link, what an installer rewrites in place by value.

    Installers replace files, so a link does not let them change the original. `bin` and everything directly in
    the prefix is copied.

    Args:
        prefix: of the environment.
        destination: must not exist.

    Raises:
        OSError: it cannot be written.
    """
    library = os.path.join(prefix, "lib")

    def place(source: str, target: str) -> None:
        if source.startswith(library + os.sep):
            try:
                os.link(source, target, follow_symlinks=False)
                return
            except OSError:
                pass  # another file system, or one without links: the copy below says what is wrong if it fails too
        shutil.copy2(source, target, follow_symlinks=False)

    shutil.copytree(prefix, destination, symlinks=True, copy_function=place)


def install_project(
    installs: tuple[ProjectInstall, ...],
    prefix: str,
    checkout_root: str,
    environ: Mapping[str, str],
    *,
    archive: Sequence[str],
    index: Sequence[str],
) -> None:
    """Install the project's packages with what builds them from an archive, else, where it may be asked, an index.

    Args:
        installs, prefix, checkout_root, environ: as of `_install`.
        archive: flags that make uv take packages from an archive's files alone; empty where there is none.
        index: flags that say which index may be asked.

    Raises:
        as `_install`.
    """
    if archive:
        with suppress(PackageGone, EnvironmentOffline):  # an archive may have been made for other code, or be older
            return _install(installs, prefix, checkout_root, environ, archive)
    return _install(installs, prefix, checkout_root, environ, index)


def _install(
    installs: tuple[ProjectInstall, ...],
    prefix: str,
    checkout_root: str,
    environ: Mapping[str, str],
    flags: Sequence[str],
) -> None:
    """Install the project's packages from the checkout, without their dependencies: those are locked.

    Args:
        installs: what the record says.
        prefix: of an environment that may be changed.
        checkout_root: where the project's code stands, an absolute path.
        environ: the user's variables.
        flags: tell uv where to look for what builds them.

    Raises:
        UnsafeInstall: a path leaves the checkout.
        EnvironmentNotMade, IndexUnreachable and their siblings: uv failed.
    """
    arguments = []
    for install in installs:
        folder = folder_of(install, checkout_root)
        arguments += ["--editable", folder] if install.editable else [folder]
    python = os.path.join(prefix, "bin", "python")
    fixed = {**environ, "SOURCE_DATE_EPOCH": _EPOCH}
    command = ["pip", "install", "--quiet", "--no-deps", "--python", python]
    result = run_uv([*command, *flags, *arguments], fixed, checkout_root)
    if result.returncode:
        raise failure_of(result, f"install the project's own {', '.join(install.name for install in installs)}")


def folder_of(install: ProjectInstall, checkout_root: str) -> str:
    """Return where a package of the project lies in a checkout.

    Raises:
        UnsafeInstall: its path leaves the checkout.
    """
    root = os.path.realpath(checkout_root)
    relative = "" if install.path == "." else os.fsdecode(parse_path(install.path))
    folder = os.path.realpath(os.path.join(root, relative))
    if folder != root and not folder.startswith(root + os.sep):
        raise UnsafeInstall(f"the folder of {install.name}, {install.path!r}, leads out of the project")
    return folder
