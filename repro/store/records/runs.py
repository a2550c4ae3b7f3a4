"""The records under `.repro/`: one manifest per run, and one file per rebuild.

What was made here, or is in git, stands in `runs/` and `rebuilds/`; what came from a remote, in the same folders of
`local/fetched/`, where git does not see it. Where a record stands in both, the first counts.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
from collections.abc import Iterator
from typing import TYPE_CHECKING, TextIO

from repro.errors import LockedError
from repro.model.dataclass import dataclass
from repro.model.pattern import pattern
from repro.model.run_id import NoSuchRun, RunId, RunName, select_run
from repro.store.records.folder import prepare_folder, write_beside

if TYPE_CHECKING:
    from repro.model.runs.manifest import Manifest
    from repro.model.runs.rebuild_record import RebuildRecord

_FILE = pattern(r"([0-9]{8}-[0-9]{6}-[a-z2-7]{8})\.yaml")
_FETCHED = os.path.join("local", "fetched")
_NAME = pattern(rb"^name: .*$", re.MULTILINE)
_HEAD = 4096  # a manifest's name stands in its first lines


class RunIdTaken(Exception):
    """Another run got this id in the same moment; take the next."""


@dataclass(frozen=True, slots=True)
class Records:
    """The records in one folder `.repro/`, which is made at the first write."""

    folder: str

    def run_ids(self) -> list[RunId]:
        """Return the ids of all runs, oldest first."""
        names = {*_names(self.folder, "runs"), *_names(self.folder, _FETCHED, "runs")}
        return sorted(RunId(match[1]) for match in map(_FILE.fullmatch, names) if match)

    def strange_names(self) -> list[str]:
        """Return the names of YAML files among the manifests that are called by no run id."""
        return [n for n in _names(self.folder, "runs") if n.endswith(".yaml") and not _FILE.fullmatch(n)]

    def rebuilt_runs(self) -> list[str]:
        """Return the names of the folders of rebuild records: run ids, sorted."""
        names = {*_names(self.folder, "rebuilds"), *_names(self.folder, _FETCHED, "rebuilds")}
        return sorted(name for name in names if not name.startswith("."))

    def open_runs(self) -> list[RunId]:
        """Return the runs whose beginning is marked here: those that were not sealed, if they are here still."""
        try:
            names = os.listdir(os.path.join(self.folder, "local"))
        except FileNotFoundError:
            return []
        marked = (name.removesuffix(".start") for name in names if name.endswith(".start"))
        return sorted(RunId(run) for run in marked if os.path.exists(self.path(RunId(run))))

    def select(self, text: str) -> RunId:
        """Return the run that `text` means.

        Raises:
            NoSuchRun, AmbiguousRun: none, or several.
        """
        ids = self.run_ids()
        if text in ids:
            return RunId(text)
        if text.startswith("@"):  # counted from the newest: names matter only in the answer that there are fewer
            with contextlib.suppress(NoSuchRun):
                return select_run(text, [RunName(run, None) for run in ids])
        return select_run(text, [RunName(run, self._name(run)) for run in ids])

    def path(self, run: RunId) -> str:
        """Return where the run's manifest is, or would be."""
        return os.path.join(self.folder, self._where("runs", f"{run}.yaml"))

    def shown(self, run: RunId) -> str:
        """Return the path of the run's manifest in the project."""
        return ".repro/" + self._where("runs", f"{run}.yaml")

    def is_fetched(self, run: RunId) -> bool:
        """Whether the run's manifest came from a remote, and is none of those that git should have."""
        return self._where("runs", f"{run}.yaml").startswith(_FETCHED)

    def _where(self, *parts: str) -> str:
        """Return where a record is below the folder: among our own, or among the fetched ones."""
        fetched = os.path.join(_FETCHED, *parts)
        own = os.path.join(*parts)
        is_own = os.path.lexists(os.path.join(self.folder, own))
        return fetched if not is_own and os.path.lexists(os.path.join(self.folder, fetched)) else own

    def read_bytes(self, run: RunId) -> bytes:
        """Return the manifest file's bytes.

        Raises:
            NoSuchRun: it is not here.
        """
        try:
            with open(self.path(run), "rb") as file:
                return file.read()
        except FileNotFoundError:
            raise NoSuchRun(f"there is no manifest of {run} here", f"`repro fetch {run}` brings it") from None

    def read(self, run: RunId) -> Manifest:
        """Return the run's manifest.

        Raises:
            NoSuchRun: it is not here.
            BadRecord, NewerFormat: it cannot be read.
        """
        from repro.model.runs.manifest import parse_manifest

        return parse_manifest(self.read_bytes(run), self.shown(run))

    def create(self, manifest: Manifest) -> None:
        """Write a new run's manifest.

        Raises:
            RunIdTaken: another process has just written one of that id.
        """
        from repro.model.runs.manifest import render_manifest

        self.prepare()
        path = os.path.join(self.folder, "runs", f"{manifest.run}.yaml")
        temp = write_beside(path, render_manifest(manifest))
        try:
            os.link(temp, path)  # unlike a rename, a link does not replace
        except FileExistsError:
            raise RunIdTaken(manifest.run) from None
        finally:
            os.unlink(temp)
        _sync_folder(path)

    def replace(self, manifest: Manifest) -> None:
        """Write a run's manifest in place of the one that is there."""
        from repro.model.runs.manifest import render_manifest

        self.write_bytes(manifest.run, render_manifest(manifest))

    def write_bytes(self, run: RunId, data: bytes) -> None:
        """Write a manifest file where git is to have it; the caller has parsed it."""
        self._write(os.path.join("runs", f"{run}.yaml"), data)

    def write_fetched(self, run: RunId, data: bytes) -> None:
        """Write a manifest file as it came from a remote; the caller has parsed it."""
        self._write(os.path.join(_FETCHED, "runs", f"{run}.yaml"), data)

    def adopt(self, run: RunId) -> None:
        """Put the run's records that came from a remote where git is to have them; what is there already stays."""
        names = [os.path.join("runs", f"{run}.yaml")]
        names += [os.path.join("rebuilds", run, name) for name in self.rebuild_names(run)]
        for name in names:
            fetched = os.path.join(self.folder, _FETCHED, name)
            if self._where(*name.split(os.sep)).startswith(_FETCHED):
                with open(fetched, "rb") as file:
                    self._write(name, file.read())
            with contextlib.suppress(FileNotFoundError):
                os.unlink(fetched)

    def rebuild_names(self, run: RunId) -> list[str]:
        """Return the file names of the run's rebuild records, oldest first."""
        names = {*_names(self.folder, "rebuilds", run), *_names(self.folder, _FETCHED, "rebuilds", run)}
        return sorted(name for name in names if name.endswith(".yaml") and not name.startswith("."))

    def rebuild_path(self, run: RunId, name: str) -> str:
        """Return where a rebuild record is, or would be."""
        return os.path.join(self.folder, self._where("rebuilds", run, name))

    def rebuilds(self, run: RunId) -> list[RebuildRecord]:
        """Return the run's rebuild records, oldest first.

        Raises:
            BadRecord, NewerFormat: one cannot be read.
        """
        from repro.model.runs.rebuild_record import parse_rebuild

        found = []
        for name in self.rebuild_names(run):
            with open(self.rebuild_path(run, name), "rb") as file:
                found.append(parse_rebuild(file.read(), ".repro/" + self._where("rebuilds", run, name)))
        return found

    def add_rebuild(self, record: RebuildRecord) -> str:
        """Write a rebuild record and return its path."""
        from repro.model.runs.rebuild_record import rebuild_file_name, render_rebuild

        data = render_rebuild(record)
        return self._write(os.path.join("rebuilds", record.run, rebuild_file_name(record, data)), data)

    def write_fetched_rebuild(self, run: RunId, name: str, data: bytes) -> None:
        """Write a rebuild record as it came from a remote."""
        self._write(os.path.join(_FETCHED, "rebuilds", run, name), data)

    def prepare(self) -> None:
        """Make the folder and tell git what in it belongs to this machine alone."""
        prepare_folder(self.folder)

    @contextlib.contextmanager
    def hold(self, run: RunId) -> Iterator[None]:
        """Hold a run while it is executed or sealed, so that nobody seals it under us.

        Raises:
            LockedError: another process holds it.
        """
        self.prepare()
        path = os.path.join(self.folder, "local", f"{run}.lock")
        with _locked(path, run) as lock:
            lock.truncate(0)
            lock.write(str(os.getpid()))
            lock.flush()
            try:
                yield
            finally:
                with contextlib.suppress(FileNotFoundError):
                    os.unlink(path)

    def _write(self, name: str, data: bytes) -> str:
        self.prepare()
        path = os.path.join(self.folder, name)
        os.replace(write_beside(path, data), path)
        _sync_folder(path)
        return path

    def _name(self, run: RunId) -> str | None:
        from repro.model.yaml.strict import BadYaml, load_yaml

        try:
            with open(self.path(run), "rb") as file:
                match = _NAME.search(file.read(_HEAD))
            return str(load_yaml(match[0], "name")["name"]) if match else None
        except (FileNotFoundError, BadYaml):
            return None  # a damaged manifest has no name; whoever reads it gets the error


def _names(*folder: str) -> list[str]:
    try:
        return sorted(os.listdir(os.path.join(*folder)))
    except FileNotFoundError:
        return []


def _locked(path: str, run: RunId) -> TextIO:
    while True:
        lock = open(path, "a+", encoding="ascii")  # noqa: SIM115  # returned open
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            lock.seek(0)
            holder = lock.read().strip() or "unknown"
            lock.close()
            raise LockedError(f"the run {run} is held by process {holder}", "wait until it has ended") from None
        with contextlib.suppress(FileNotFoundError):
            # Its former holder may have removed the file between our open and our lock: then it locks nothing.
            if os.stat(path).st_ino == os.fstat(lock.fileno()).st_ino:
                return lock
        lock.close()


def _sync_folder(path: str) -> None:
    descriptor = os.open(os.path.dirname(path), os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
