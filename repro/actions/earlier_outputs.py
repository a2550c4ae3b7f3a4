"""Whether what stood at a path when a run began had been made by an earlier run: then it is a result, not source."""

from __future__ import annotations

from repro.code.object_reader import blob_at
from repro.errors import IntegrityError
from repro.model.data.content import Content, Kind
from repro.model.digest import Digest, digest_of
from repro.model.names import is_within
from repro.model.record import NewerFormat
from repro.model.run_id import RunId
from repro.model.runs.manifest import Output
from repro.project import Project
from repro.store.records.runs import Records

# How many earlier runs are asked, the newest first. Each costs the reading of a manifest, at the end of a run that
# wrote over a file that was there before.
_RUNS = 200


class EarlierOutputs:
    """The outputs of the project's earlier runs, read when they are first asked for."""

    def __init__(self, project: Project, run: RunId, commit: str) -> None:
        """Ask about all runs but `run`, whose code at the start is `commit`."""
        self._project = project
        self._run = run
        self._commit = commit
        self._made: dict[bytes, set[Digest]] | None = None
        self._folders: set[bytes] = set()

    def made(self, path: bytes, content: Content) -> bool:
        """Whether an earlier run made this content at this path."""
        return content.digest in self._read().get(path, ())

    def made_code(self, path: bytes) -> bool:
        """Whether an earlier run made the file that was part of the code, or the directory that it is in."""
        made = self._read()
        if any(path != folder and is_within(path, folder) for folder in self._folders):
            return True
        data = blob_at(self._project.root, self._commit, path) if path in made else None
        return data is not None and digest_of(data) in made[path]

    def _read(self) -> dict[bytes, set[Digest]]:
        if self._made is None:
            self._made = {}
            records = self._project.records()
            for run in [run for run in records.run_ids() if run != self._run][-_RUNS:]:
                for output in _outputs_of(records, run):
                    if output.content.kind is Kind.DIRECTORY:
                        self._folders.add(output.path)
                    if output.content.digest:
                        self._made.setdefault(output.path, set()).add(output.content.digest)
        return self._made


def _outputs_of(records: Records, run: RunId) -> tuple[Output, ...]:
    """A record that cannot be read, or not by this repro, must not cost another run its own."""
    try:
        return records.read(run).outputs
    except (IntegrityError, NewerFormat):
        return ()
