"""Whether git may keep other bytes in a blob than the file has: line endings, `$Id$`, encodings, LFS."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from repro.code.git_index import Tracked
from repro.code.ignore_rules import read_rule_file

if TYPE_CHECKING:
    from dulwich.repo import Repo

ATTRIBUTES = b".gitattributes"

# Source: gitattributes(5). An unset attribute (`-text`) converts nothing.
_CONVERTING = frozenset((b"text", b"eol", b"crlf", b"filter", b"ident", b"working-tree-encoding"))


def may_convert(repo: Repo, root: bytes, tracked: Tracked, found: Iterable[bytes]) -> bool:
    """Whether some file of the work tree may differ from the blob that the index names for it.

    Errs on the side of yes: then files are read instead of trusting the index. The attributes files in the
    index count too, because a file may have been converted before its attributes file was changed.

    Args:
        repo: the repository.
        root: its work tree.
        tracked: its index.
        found: the paths of the `.gitattributes` in the work tree.
    """
    config = repo.get_config_stack()
    if _setting(config, b"autocrlf").lower() not in (b"", b"false", b"no", b"off", b"0"):
        return True
    outside = [os.fsencode(os.path.join(repo.commondir(), "info", "attributes")), b"/etc/gitattributes"]
    outside.append(os.path.expanduser(_setting(config, b"attributesfile")) or _default_user_attributes())
    texts = [read_rule_file(path, follow=True) for path in outside]
    texts += [read_rule_file(os.path.join(root, path), follow=False) for path in found]
    texts += _in_index(repo, tracked)
    return any(_mentions_conversion(text) for text in texts)


def _setting(config: object, name: bytes) -> bytes:
    from dulwich.config import Config

    assert isinstance(config, Config)
    try:
        value = config.get((b"core",), name)
    except KeyError:
        return b""
    return value if isinstance(value, bytes) else str(value).encode()


def _default_user_attributes() -> bytes:
    from dulwich.config import get_xdg_config_home_path

    return os.fsencode(get_xdg_config_home_path("git", "attributes"))


def _in_index(repo: Repo, tracked: Tracked) -> list[bytes]:
    from dulwich.objects import ObjectID

    paths = [path for path in tracked.files if path == ATTRIBUTES or path.endswith(b"/" + ATTRIBUTES)]
    oids = {tracked.files[path].oid for path in paths} - {b""}
    return [repo.object_store.get_raw(ObjectID(oid))[1] for oid in oids if ObjectID(oid) in repo.object_store]


def _mentions_conversion(text: bytes) -> bool:
    for line in text.splitlines():
        if line.lstrip().startswith(b"#"):
            continue
        if any(word.split(b"=", 1)[0] in _CONVERTING for word in line.split()[1:]):
            return True
    return False
