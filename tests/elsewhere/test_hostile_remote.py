"""A remote in the hands of somebody who means harm: exit code 4, the thing is named, nothing outside is touched."""

from __future__ import annotations

import io
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from repro.code.git_objects import encode_commit, object_id
from repro.code.pack_format import BLOB, COMMIT, KIND_NAMES, TREE, PackWriter
from repro.model.data.content import Content, Item, Kind, ObjectRef
from repro.model.digest import digest_of
from repro.model.names import RelPath
from repro.model.run_id import RunId
from repro.model.runs.manifest import Code, Manifest, Output, render_manifest
from repro.model.runs.recipe import Recipe
from repro.model.runs.run_state import State
from repro.model.watching.observations import Machine, Observations
from tests.command_line import Person
from tests.packed_remotes import put_in

RUN = RunId("20261123-021300-7f3kq2mz")


@dataclass
class Hostile:
    """A remote that is written by hand, and Bob's things beside it that must stay as they are."""

    folder: Path
    outside: Path
    manifest: Manifest = field(init=False)

    def add(self, data: bytes) -> ObjectRef:
        return ObjectRef(put_in(self.folder, data), len(data))

    def code(self, *entries: tuple[bytes, bytes, bytes]) -> tuple[Code, str]:
        """A pack of blobs by (mode, name, data), and its tree's id."""
        blobs = {object_id(KIND_NAMES[BLOB], data): data for _, _, data in entries}
        names = [(mode, name, object_id(KIND_NAMES[BLOB], data)) for mode, name, data in entries]
        tree = b"".join(mode + b" " + name + b"\0" + bytes.fromhex(oid.decode()) for mode, name, oid in names)
        root = object_id(KIND_NAMES[TREE], tree)
        commit = encode_commit(root, None, 1700000000, b"x\n")
        out = io.BytesIO()
        writer = PackWriter(out, 2 + len(blobs))
        for kind, data in [(COMMIT, commit), (TREE, tree), *((BLOB, data) for data in blobs.values())]:
            writer.add(kind, data)
        writer.finish()
        return Code(object_id(KIND_NAMES[COMMIT], commit).decode(), self.add(out.getvalue())), root.decode()

    def publish(
        self,
        *entries: tuple[bytes, bytes, bytes],
        data: tuple[Item, ...] = (),
        outputs: tuple[Output, ...] = (),
        directory: bytes = b".",
    ) -> None:
        code, tree = self.code(*entries)
        command = ("touch", str(self.outside / "ran"))
        seen = Observations("0.1.0", "2026-11-23T02:13:00Z", Machine("h", "u", "s", None, 1), exit_code=0)
        recipe = Recipe(command, directory, tree, data, None)
        self.manifest = Manifest(RUN, recipe, code, State.COMPLETE, seen, outputs=outputs)
        self.write(render_manifest(self.manifest))

    def write(self, manifest: bytes) -> None:
        path = self.folder / "runs" / f"{RUN}.yaml"
        path.parent.mkdir(exist_ok=True)
        path.write_bytes(manifest)


@pytest.fixture
def hostile(tmp_path: Path) -> Hostile:
    folder, outside = tmp_path / "remote", tmp_path / "outside"
    folder.mkdir()
    outside.mkdir()
    (folder / "repro-remote").write_text('{"repro-remote": 1}')
    (outside / "precious.txt").write_text("precious")
    return Hostile(folder, outside)


# In a sandbox, a command that ran would leave no trace outside.
UNCONFINED = ("--sandbox", "none")


def refused(bob: Person, hostile: Hostile, *named: str, command: str = "rebuild") -> None:
    """Bob's call ends with 4 and names it; outside there is what was there, and nothing ran."""
    unconfined = UNCONFINED if command == "rebuild" else ()
    answer = bob.repro_json(command, RUN, *unconfined, "--from", str(hostile.folder), expect=4)
    for name in named:
        assert name in answer["error"]["message"]
    assert [path.name for path in hostile.outside.iterdir()] == ["precious.txt"]
    assert (hostile.outside / "precious.txt").read_text() == "precious"
    assert not list(bob.cwd.iterdir())
    assert {path.name for path in bob.cwd.parent.iterdir()} <= {bob.cwd.name, ".cache", ".local", ".config"}


FILE = (b"100644", b"train.py", b"x\n")


def _link(hostile: Hostile) -> tuple[bytes, bytes, bytes]:
    return (b"120000", b"way", str(hostile.outside).encode())


def test_a_good_remote_made_by_hand_is_rebuilt(hostile: Hostile, bob: Person) -> None:
    """The others would prove nothing if this one failed too."""
    hostile.publish(FILE)
    bob.repro("rebuild", RUN, *UNCONFINED, "--from", str(hostile.folder), expect=1)  # no outputs: undetermined
    assert (hostile.outside / "ran").exists()


def test_an_input_with_a_path_that_leaves_the_project_is_refused(hostile: Hostile, bob: Person) -> None:
    ref = hostile.add(b"evil")
    hostile.publish(FILE, data=(Item(RelPath(b"../outside/evil"), Content(Kind.FILE, 4, digest=ref.digest)),))
    refused(bob, hostile, "facts.recipe.data[0]: path", "'../outside/evil'")
    refused(bob, hostile, "facts.recipe.data[0]: path", command="verify")


def test_a_tree_with_a_name_that_leaves_it_is_refused(hostile: Hostile, bob: Person) -> None:
    file = hostile.add(b"evil")
    tree = hostile.add(b"repro-tree 1\0f 4 " + file.digest[3:].encode() + b" ../../outside/evil\0")
    hostile.publish(FILE, data=(Item(RelPath(b"data"), Content(Kind.DIRECTORY, 4, digest=tree.digest)),))
    refused(bob, hostile, "../../outside/evil")


@pytest.mark.parametrize("name", [b"..", b".git", b".GIT", b"git~1", b"a/b"])
def test_code_with_an_unsafe_name_is_refused(hostile: Hostile, bob: Person, name: bytes) -> None:
    hostile.publish((b"100644", name, b"evil"))
    refused(bob, hostile, name.decode())


def test_an_input_behind_a_link_in_the_code_is_refused(hostile: Hostile, bob: Person) -> None:
    ref = hostile.add(b"evil")
    item = Item(RelPath(b"way/precious.txt"), Content(Kind.FILE, 4, digest=ref.digest))
    hostile.publish(_link(hostile), data=(item,))
    refused(bob, hostile, "way")


def test_an_output_behind_a_link_in_the_code_is_not_removed(hostile: Hostile, bob: Person) -> None:
    output = Output(RelPath(b"way/precious.txt"), Content(Kind.FILE, 4, digest=digest_of(b"evil")), True)
    hostile.publish(_link(hostile), outputs=(output,))
    refused(bob, hostile, "way")


def test_a_working_directory_behind_a_link_in_the_code_is_refused(hostile: Hostile, bob: Person) -> None:
    hostile.publish(_link(hostile), directory=b"way/made")
    refused(bob, hostile, "'way/made'")


def test_an_object_that_is_longer_than_declared_is_refused(hostile: Hostile, bob: Person) -> None:
    ref = hostile.add(b"0" * 1_000_000)
    hostile.publish(FILE, data=(Item(RelPath(b"data"), Content(Kind.FILE, 10, digest=ref.digest)),))
    refused(bob, hostile, ref.digest[5:])


def test_a_manifest_under_another_runs_name_is_refused(hostile: Hostile, bob: Person) -> None:
    hostile.publish(FILE)
    hostile.write(render_manifest(replace(hostile.manifest, run=RunId("20200101-000000-aaaaaaaa"))))
    refused(bob, hostile, "20200101-000000-aaaaaaaa")


def test_a_manifest_that_is_deep_or_executes_is_refused(hostile: Hostile, bob: Person) -> None:
    hostile.write(b"a: " + b"[" * 100_000)
    refused(bob, hostile, "nested too deeply")
    hostile.write(b"a: !!python/object/apply:os.system [touch %s/ran]\n" % str(hostile.outside).encode())
    refused(bob, hostile, "tag")
