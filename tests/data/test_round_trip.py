import os
import tempfile

from hypothesis import given, settings
from hypothesis import strategies as st

from repro.data.capture import capture
from repro.data.checkout import place
from repro.data.standing import would_lose
from repro.model.names import RelPath
from repro.store.cache.cache import Cache
from repro.store.files.digest_only import DigestOnly
from tests.data.random_trees import TREES, Node, build, read_back

DATA = RelPath(b"data")
BACK = RelPath(b"back")


@settings(max_examples=40, deadline=None)
@given(TREES)
def test_a_tree_that_comes_back_is_the_same_tree(tree: dict[bytes, Node]) -> None:
    with tempfile.TemporaryDirectory() as root:
        build(tree, os.fsencode(root) + b"/data")
        cache = Cache(root + "/cache")
        content = capture(root, DATA, cache).content
        place(content, root, BACK, cache)
        assert read_back(os.fsencode(root) + b"/back") == tree
        assert capture(root, BACK, DigestOnly()).content == content


@settings(max_examples=30, deadline=None)
@given(TREES, TREES)
def test_one_tree_is_brought_to_another_and_nothing_else_is_left(
    old: dict[bytes, Node], new: dict[bytes, Node]
) -> None:
    with tempfile.TemporaryDirectory() as root:
        here = os.fsencode(root)
        build(old, here + b"/back")
        build(new, here + b"/data")
        cache = Cache(root + "/cache")
        content = capture(root, DATA, cache).content
        place(content, root, BACK, cache, prune=True)
        assert read_back(here + b"/back") == new


@settings(max_examples=30, deadline=None)
@given(TREES, TREES, st.booleans())
def test_what_is_not_said_to_be_lost_is_still_there(
    old: dict[bytes, Node], new: dict[bytes, Node], prune: bool
) -> None:
    with tempfile.TemporaryDirectory() as root:
        here = os.fsencode(root)
        build(old, here + b"/back")
        build(new, here + b"/data")
        cache = Cache(root + "/cache")
        content = capture(root, DATA, cache).content
        lost = set(would_lose(content, root, BACK, cache, prune))
        before = _leaves(old, b"back")
        place(content, root, BACK, cache, prune)
        after = _leaves(read_back(here + b"/back"), b"back")
        kept_bytes = {data for kind, data in _leaves(new, b"").values() if kind != "l"}
        for path, leaf in before.items():
            if path not in lost and after.get(path) != leaf:
                assert leaf[0] != "l"
                assert leaf[1] in kept_bytes


def _leaves(node: Node, path: bytes) -> dict[bytes, tuple[str, bytes]]:
    if not isinstance(node, dict):
        return {path: node}
    return {p: leaf for name, inner in node.items() for p, leaf in _leaves(inner, path + b"/" + name).items()}
