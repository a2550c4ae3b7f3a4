"""A directory as content with some of its files only: those that a run read."""

from __future__ import annotations

from collections.abc import Mapping

from repro.model.data.content import Content, Kind
from repro.model.data.objects import ObjectSink
from repro.model.data.tree import Entry, encode_tree, total_size


def store_partial_tree(files: Mapping[bytes, Content], sink: ObjectSink) -> Content:
    """Store the trees of a directory that holds these files, whose own objects are stored, and return it.

    Args:
        files: content by path relative to the directory; none inside another.
        sink: where the trees go.
    """
    here: list[Entry] = []
    below: dict[bytes, dict[bytes, Content]] = {}
    for path, content in files.items():
        name, slash, rest = path.partition(b"/")
        if slash:
            below.setdefault(name, {})[rest] = content
        else:
            here.append(Entry(name, content))
    here += [Entry(name, store_partial_tree(inner, sink)) for name, inner in below.items()]
    entries = sorted(here, key=lambda entry: entry.name)
    return Content(Kind.DIRECTORY, total_size(entries), digest=sink.add_bytes(encode_tree(entries)).digest)
