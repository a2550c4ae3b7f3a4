"""Which paths git ignores: `.gitignore` at every level, `info/exclude`, `core.excludesFile`."""

from __future__ import annotations

import errno
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING

from repro.model.dataclass import dataclass

if TYPE_CHECKING:
    from dulwich.ignore import Pattern
    from dulwich.repo import Repo

_SPECIAL = frozenset(b"*?[\\")


class RuleFile:
    """The patterns of one file, indexed so that a name is matched against few of them.

    Most patterns are a plain name or `*.ending`; those are found in a dict. A regular expression is tried
    only for the others: with the usual 150 lines and 20,000 new files that is the difference between
    milliseconds and seconds.
    """

    def __init__(self, data: bytes, depth: int, ignore_case: bool) -> None:
        """Read patterns that apply to paths below a directory whose path is `depth` bytes long, slash included."""
        self.depth = depth
        self._exact: dict[bytes, list[tuple[int, Pattern]]] = {}
        self._ending: dict[bytes, list[tuple[int, Pattern]]] = {}
        self._other: list[tuple[int, Pattern]] = []
        for number, pattern in enumerate(_patterns(data, ignore_case)):
            text = pattern.pattern.removeprefix(b"!").rstrip(b"/")
            rest = text[1:] if text.startswith(b"*.") else text
            if ignore_case or b"/" in text or not text or _SPECIAL.intersection(rest):
                self._other.append((number, pattern))
            elif rest is text:
                self._exact.setdefault(text, []).append((number, pattern))
            else:
                self._ending.setdefault(text[text.rindex(b".") :], []).append((number, pattern))

    def verdict(self, path: bytes, name: bytes, is_dir: bool) -> bool | None:
        """Return whether the file ignores `path`, or None where it says nothing. The last match wins."""
        candidates = self._other + self._exact.get(name, [])
        if self._ending and b"." in name:
            candidates = candidates + self._ending.get(name[name.rindex(b".") :], [])
        relative = path[self.depth :]
        found = max(
            ((number, pattern.is_exclude) for number, pattern in candidates if pattern.matches(relative, is_dir)),
            default=None,
        )
        return found[1] if found else None


@dataclass(frozen=True, slots=True)
class IgnoreRules:
    """All rules that apply inside one directory, weakest first."""

    files: tuple[RuleFile, ...]
    ignore_case: bool

    def ignores(self, path: bytes, name: bytes, is_dir: bool) -> bool:
        """Whether git ignores `path` (relative to the root), given that it ignores none of its parents."""
        for rules in reversed(self.files):
            verdict = rules.verdict(path, name, is_dir)
            if verdict is not None:
                return verdict
        return False

    def inside(self, directory: bytes, full_path: bytes) -> IgnoreRules:
        """Return the rules inside a directory that holds a `.gitignore`.

        Args:
            directory: the path relative to the root, with its trailing slash, or empty.
            full_path: where the `.gitignore` is.
        """
        data = read_rule_file(full_path, follow=False)
        if not data:
            return self
        return IgnoreRules((*self.files, RuleFile(data, len(directory), self.ignore_case)), self.ignore_case)


def repository_rules(repo: Repo) -> IgnoreRules:
    """Return the rules that hold in the whole repository: `core.excludesFile`, then `info/exclude`."""
    from dulwich.ignore import default_user_ignore_filter_path

    config = repo.get_config_stack()
    ignore_case = config.get_boolean((b"core",), b"ignorecase", False) is True
    paths = (
        os.path.expanduser(default_user_ignore_filter_path(config)),
        os.path.join(repo.commondir(), "info", "exclude"),
    )
    contents = [read_rule_file(os.fsencode(path), follow=True) for path in paths if path]
    return IgnoreRules(tuple(RuleFile(data, 0, ignore_case) for data in contents if data), ignore_case)


def read_rule_file(path: bytes, *, follow: bool) -> bytes:
    """Return the file's bytes; empty where there is none.

    Args:
        path: where it is.
        follow: true for a file outside the work tree. In it, git follows no symlink to a `.gitignore`; outside
            it, git does without a file that it may not read, as under `sudo`.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | (0 if follow else os.O_NOFOLLOW))
        with open(descriptor, "rb") as file:
            return file.read()
    except OSError as error:
        if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.EISDIR):
            return b""
        if follow and error.errno == errno.EACCES:
            return b""
        raise


def _patterns(data: bytes, ignore_case: bool) -> Sequence[Pattern]:
    import io

    from dulwich.ignore import Pattern, read_ignore_patterns
    from dulwich.wildmatch import MalformedPattern

    found = []
    for line in read_ignore_patterns(io.BytesIO(data.removeprefix(b"\xef\xbb\xbf"))):
        try:
            found.append(Pattern(line, ignore_case))
        except MalformedPattern:  # git lets such a line match nothing
            continue
    return found
