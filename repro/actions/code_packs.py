"""A snapshot's code as objects: one pack per repository, made once per commit."""

from __future__ import annotations

import os
import tempfile

from repro.code.code_pack import write_pack
from repro.code.snapshot import CodeSnapshot
from repro.model.data.content import ObjectRef
from repro.model.digest import BadDigest, parse_digest
from repro.model.names import check_path
from repro.model.runs.manifest import Code, SubmoduleCode
from repro.project import Project
from repro.store.cache.cache import Cache
from repro.store.files.whole_file import replace_text


def pack_code(project: Project, snapshot: CodeSnapshot, cache: Cache) -> Code:
    """Store the packs of a snapshot's commit and of its submodules' commits."""
    return Code(
        commit=snapshot.commit,
        pack=_pack(project, project.root, snapshot.commit, cache),
        head=snapshot.head,
        branch=snapshot.branch,
        dirty=snapshot.dirty,
        submodules=tuple(
            SubmoduleCode(check_path(sub.path), sub.commit, _pack(project, sub.root, sub.commit, cache))
            for sub in snapshot.submodules
        ),
    )


def _pack(project: Project, root: str, commit: str, cache: Cache) -> ObjectRef:
    memo = os.path.join(project.places.memos, "code", commit)
    known = _remembered(memo)
    if known and cache.has(known.digest):
        return known
    with tempfile.TemporaryFile() as file:
        write_pack(root, commit, file)
        file.seek(0)
        ref = cache.add_descriptor(file.fileno())
    os.makedirs(os.path.dirname(memo), exist_ok=True)
    replace_text(memo, f"{ref.digest} {ref.size}\n")
    return ref


def _remembered(memo: str) -> ObjectRef | None:
    try:
        with open(memo, encoding="ascii") as file:
            digest, size = file.read().split()
        return ObjectRef(parse_digest(digest), int(size))
    except (FileNotFoundError, ValueError, BadDigest):
        return None
