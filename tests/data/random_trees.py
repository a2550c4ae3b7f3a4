"""Directories with any legal content, as values that hypothesis can shrink, and on disk."""

from __future__ import annotations

import os
from typing import TypeAlias

from hypothesis import strategies as st

from repro.model.names import is_git_name

Node: TypeAlias = "tuple[str, bytes] | dict[bytes, Node]"
"""`("f" | "x" | "l", bytes or target)`, or a directory."""

NAMES = st.one_of(
    st.binary(min_size=1, max_size=12),
    st.sampled_from([b"-", b"a b", b" ", b"\n", b"\xff", "é".encode(), b"n" * 255, b"\\x41", b"..."]),
).filter(lambda n: b"/" not in n and b"\0" not in n and n not in (b".", b"..") and not is_git_name(n))
TARGETS = st.binary(min_size=1, max_size=20).filter(lambda target: b"\0" not in target)

LEAVES = st.one_of(
    st.tuples(st.sampled_from(["f", "x"]), st.binary(max_size=50)),
    st.tuples(st.just("l"), TARGETS),
)
TREES: st.SearchStrategy[dict[bytes, Node]] = st.recursive(
    st.dictionaries(NAMES, LEAVES, max_size=5),
    lambda inner: st.dictionaries(NAMES, st.one_of(LEAVES, inner), max_size=4),
    max_leaves=20,
)


def build(node: Node, path: bytes) -> None:
    """Make `node` at `path`, where nothing is yet."""
    if isinstance(node, dict):
        os.mkdir(path)
        for name, inner in node.items():
            build(inner, path + b"/" + name)
        return
    kind, data = node
    if kind == "l":
        os.symlink(data, path)
        return
    with open(path, "xb") as file:
        file.write(data)
    os.chmod(path, 0o755 if kind == "x" else 0o644)


def read_back(path: bytes) -> Node:
    """Return what stands at `path`, by the plainest means."""
    if os.path.islink(path):
        return ("l", os.readlink(path))
    if os.path.isdir(path):
        return {name: read_back(path + b"/" + name) for name in os.listdir(path)}
    with open(path, "rb") as file:
        return ("x" if os.stat(path).st_mode & 0o100 else "f", file.read())
