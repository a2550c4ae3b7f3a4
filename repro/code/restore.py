"""A commit's code pack as a git checkout with the same commit id. The pack is not trusted."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence

from repro.code.checked_code import check_code
from repro.code.checkout import Checkout, write_index
from repro.code.pack_format import write_pack_index
from repro.code.untrusted_pack import BadCodePack, open_untrusted_pack
from repro.errors import CannotProceed
from repro.model.dataclass import dataclass
from repro.model.names import name_to_text

_CONFIG = b"""[core]
\trepositoryformatversion = 0
\tfilemode = true
\tbare = false
\tlogallrefupdates = true
\tautocrlf = false
"""

# The files were written byte by byte as the run saw them. Git must not see them as changed because an
# attribute in the code would have converted them.
_ATTRIBUTES = b"* -text -filter -ident -working-tree-encoding\n"


class TargetNotEmpty(CannotProceed):
    """The directory to restore into has something in it."""

    id = "target-not-empty"


@dataclass(frozen=True, slots=True)
class SubmodulePack:
    """A submodule's code: its path in the outermost repository, its commit, the path of its pack file."""

    path: bytes
    commit: str
    pack: str


def restore_commit(commit: str, pack: str, into: str, submodules: Sequence[SubmodulePack] = ()) -> None:
    """Make `into` a git checkout of `commit`, HEAD detached, with nothing but what the pack holds.

    The files have the exact bytes of the blobs; nothing in the pack is executed or configures anything. A
    submodule without a pack becomes an empty directory. On any failure what was made is removed.

    Args:
        commit: 40 hex digits.
        pack: the path of a file as `write_pack` writes it; it is copied, not kept.
        into: an absent or empty directory; its parents are made.
        submodules: in any order.

    Raises:
        BadCodePack: a pack is damaged or incomplete, or not exactly the commit's, or unsafe.
        BadGitObject: a tree or the commit in it is malformed.
        TargetNotEmpty: `into` exists and is not an empty directory.
    """
    made = _claim(into)
    try:
        gitlinks = _restore_repository(commit, pack, os.fsencode(into), b"")
        for submodule in sorted(submodules, key=lambda found: found.path):
            if gitlinks.get(submodule.path) != submodule.commit.encode():
                raise BadCodePack(
                    f"the code has no submodule {name_to_text(submodule.path)!r} at commit {submodule.commit}"
                )
            path = os.path.join(os.fsencode(into), submodule.path)
            gitlinks |= _restore_repository(submodule.commit, submodule.pack, path, submodule.path + b"/")
    except BaseException:
        _unclaim(into, made)
        raise


def _claim(into: str) -> bool:
    """Return whether we made the directory."""
    os.makedirs(os.path.dirname(os.path.abspath(into)), exist_ok=True)
    try:
        os.mkdir(into)
    except FileExistsError:
        if os.path.isdir(into) and not os.listdir(into):
            return False
        raise TargetNotEmpty(
            f"cannot restore code into {name_to_text(os.fsencode(into))}: it is not an empty directory",
            "name a directory that does not exist yet",
        ) from None
    return True


def _unclaim(into: str, made: bool) -> None:
    if made:
        shutil.rmtree(into)
        return
    for name in os.listdir(into):
        path = os.path.join(into, name)
        if os.path.isdir(path) and not os.path.islink(path):
            shutil.rmtree(path)
        else:
            os.unlink(path)


def _restore_repository(commit: str, pack: str, path: bytes, prefix: bytes) -> dict[bytes, bytes]:
    """Restore one repository into the empty directory `path` and return its submodules: path -> commit."""
    dot_git = os.path.join(os.fsdecode(path), ".git")
    folder = os.path.join(dot_git, "objects", "pack")
    for name in (folder, *(os.path.join(dot_git, part) for part in ("info", "refs/heads", "refs/tags"))):
        os.makedirs(name)
    temporary = os.path.join(folder, "tmp_pack")
    # A copy first: what is checked must be what is used, whoever writes to the original meanwhile.
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o444)
    with open(descriptor, "wb") as copy, open(pack, "rb") as original:
        shutil.copyfileobj(original, copy, 1 << 20)
    with open(temporary, "rb") as file, open_untrusted_pack(file) as contents:
        header = check_code(contents, commit.encode())
        final = os.path.join(folder, f"pack-{contents.trailer.hex()}")
        write_pack_index(final + ".idx", [found.indexed for found in contents.objects.values()], contents.trailer)
        os.rename(temporary, final + ".pack")
        checkout = Checkout(contents, path)
        checkout.write(header.tree)
    write_index(os.path.join(dot_git, "index"), checkout.written)
    if header.parents:
        _write(os.path.join(dot_git, "shallow"), commit.encode() + b"\n")
    _write(os.path.join(dot_git, "config"), _CONFIG)
    _write(os.path.join(dot_git, "info", "attributes"), _ATTRIBUTES)
    # HEAD is last: without it git takes the directory for no repository, so a killed restore cannot pass for one.
    _write(os.path.join(dot_git, "HEAD"), commit.encode() + b"\n")
    return {prefix + name: oid for name, oid in checkout.gitlinks.items()}


def _write(path: str, data: bytes) -> None:
    with open(path, "xb") as file:
        file.write(data)
