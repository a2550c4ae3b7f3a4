"""Facts about runs that rules ask for: is the code in the history, what have remotes, who rebuilt it."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping
from datetime import datetime
from typing import BinaryIO

from repro.actions.check.remotes import Remotes, RemoteUnknown
from repro.actions.check.runs import MadeBy
from repro.code.checked_repository import CheckedRepository
from repro.code.code_in_history import History
from repro.code.code_pack_files import Files, files_of_code_pack
from repro.code.files_in_git import FilesInGit
from repro.code.repository import MissingCommit
from repro.errors import IntegrityError
from repro.model.checks.result_check import Known, OnRemote, Reach, RunFacts
from repro.model.data.content import ObjectRef
from repro.model.dataclass import dataclass
from repro.model.digest import digest_of, hex_of
from repro.model.record import NewerFormat
from repro.model.runs.manifest import Manifest
from repro.model.runs.rebuild_record import RebuildRecord, parse_rebuild
from repro.model.settings.policy import Requirements
from repro.project import Workspace

_LARGEST_PACK = 1 << 30
_UNSHALLOW = "`git fetch --unshallow`"


@dataclass(frozen=True, slots=True)
class _Rebuilds:
    """Records of rebuilds; why there may be others, and what would tell."""

    records: tuple[RebuildRecord, ...] = ()
    unknown: str = ""
    hint: str = ""


class Facts:
    """Finds out what is required to be known of a run, each thing once."""

    def __init__(
        self, workspace: Workspace, repo: CheckedRepository, files: FilesInGit, history: History, remotes: Remotes
    ) -> None:
        self._workspace = workspace
        self._repo = repo
        self._files = files
        self._history = history
        self._remotes = remotes
        self._reach: dict[bytes, Reach] = {}
        self._there: dict[tuple[bytes, str], OnRemote] = {}
        self._rebuilds: dict[bytes, _Rebuilds] = {}

    def of(self, made: MadeBy, data: bytes, require: Requirements) -> RunFacts:
        """Return what `require` asks for, of a run whose manifest has these bytes."""
        rebuilds = self._rebuilds_of(made, require) if require.rebuilt else _Rebuilds()
        return RunFacts(
            made.manifest,
            made.file,
            self._reach_of(made) if require.reachable else Reach(Known.YES),
            self._remotes_of(made, data, require.pushed | require.environment_pushed),
            rebuilds.records,
            rebuilds.unknown,
            rebuilds.hint,
            self._archives_of(made.manifest, require.archived),
        )

    def _reach_of(self, made: MadeBy) -> Reach:
        if made.oid not in self._reach:
            try:
                self._reach[made.oid] = self._look_for_code(made.manifest)
            except MissingCommit as error:
                hint = error.hint or "`git fetch` brings it"
                self._reach[made.oid] = Reach(Known.UNKNOWN, error.message, hint)
        return self._reach[made.oid]

    def _look_for_code(self, manifest: Manifest) -> Reach:
        code, recipe = manifest.code, manifest.recipe
        base = code.head if code.dirty else code.commit
        if base is not None and self._history.has_commit(base.encode()):
            return Reach(Known.YES)
        outputs = [*(bytes(output.path) for output in manifest.outputs), *map(bytes, manifest.missing_outputs)]
        since = _seconds(manifest.observations.created)
        if self._history.has_code(recipe.code.encode(), outputs, since):
            return Reach(Known.YES)
        try:
            files = self._history.files_of(code.commit.encode()) or self._from_pack(manifest)
        except (RemoteUnknown, IntegrityError) as error:
            reason = f"its commit {code.commit} is not here, its code pack is not in the store, and {error.message}"
            return Reach(Known.UNKNOWN, reason, error.hint or "")
        answer = self._history.has_files(files, outputs)
        if answer:
            return Reach(Known.YES)
        if answer is None or self._history.is_cut_off:
            return Reach(Known.UNKNOWN, "only a part of the history was looked at", _UNSHALLOW)
        return Reach(Known.NO)

    def _from_pack(self, manifest: Manifest) -> Files:
        """Return the files of a run's commit from its code pack: the store's, or the default remote's.

        Raises:
            RemoteUnknown: it cannot be had.
            IntegrityError: it is not what it should be.
        """
        with tempfile.TemporaryFile() as file:
            self._copy_pack(manifest.code.pack, file)
            return files_of_code_pack(file, manifest.code.commit)

    def _copy_pack(self, ref: ObjectRef, file: BinaryIO) -> None:
        cache = self._workspace.cache()
        if cache.has(ref.digest):
            cache.copy_to(ref, file.fileno())
        else:
            file.write(self._remotes.default().read_object(ref.digest, min(ref.size, _LARGEST_PACK)))
            file.flush()

    def _archives_of(self, manifest: Manifest, names: frozenset[str]) -> dict[str, OnRemote]:
        if not names:
            return {}
        from repro.actions.environments.build_needs import requirements_in_code

        try:
            build = requirements_in_code(manifest, self._copy_pack)
        except (RemoteUnknown, IntegrityError) as error:
            reason = f"what builds the project's own packages is in its code, and {error.message}"
            return {name: OnRemote(name, Known.UNKNOWN, reason=reason, hint=error.hint or "") for name in names}
        return {name: self._remotes.has_archive(name, manifest, build) for name in names}

    def _remotes_of(self, made: MadeBy, data: bytes, names: frozenset[str]) -> Mapping[str, OnRemote]:
        for name in names:
            if (made.oid, name) not in self._there:
                self._there[made.oid, name] = self._remotes.has_run(name, made.manifest, data)
        return {name: self._there[made.oid, name] for name in names}

    def _rebuilds_of(self, made: MadeBy, require: Requirements) -> _Rebuilds:
        if made.oid not in self._rebuilds:
            run = made.manifest.run
            found = [
                record
                for file in self._files.below(f".repro/rebuilds/{run}".encode())
                if (record := _rebuild(self._repo.read(file.oid), file.path.decode("utf-8", "replace"), run))
            ]
            unknown = hint = ""
            if self._remotes.is_any and not _suffice(found, require):
                try:
                    there = self._remotes.default().rebuild_records(run)
                    found += [record for name, data in there if (record := _rebuild(data, name, run))]
                except RemoteUnknown as error:
                    unknown, hint = error.message, error.hint or ""
            self._rebuilds[made.oid] = _Rebuilds(tuple(found), unknown, hint)
        return self._rebuilds[made.oid]


def _suffice(found: list[RebuildRecord], require: Requirements) -> bool:
    hosts = [len({r.machine.host for r in found if one.counts(r.verdict)}) >= one.hosts for one in require.rebuilt]
    return all(hosts)


def _rebuild(data: bytes, name: str, run: str) -> RebuildRecord | None:
    """Return a rebuild record of a run; None for what is none, or was changed: its name has its digest."""
    try:
        record = parse_rebuild(data, name)
    except (IntegrityError, NewerFormat):
        return None
    is_whole = hex_of(digest_of(data))[:16] == name.removesuffix(".yaml").rpartition("-")[2]
    return record if is_whole and record.run == run else None


def _seconds(created: str) -> int:
    """Return a time of a record in seconds since 1970; of what is no time, the beginning."""
    try:
        return int(datetime.fromisoformat(created).timestamp())
    except ValueError:
        return 0
