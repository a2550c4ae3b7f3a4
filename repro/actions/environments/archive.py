"""`repro env archive`: keeping the files that a run's environment is made from."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Sequence

from repro.actions.archives import archived_files
from repro.actions.environments.asked_backends import asked_before, remember_asked
from repro.actions.environments.build_needs import has_own_packages, requirements_of_run
from repro.actions.environments.code_of_run import lay_out_code
from repro.actions.run_source import RunSource, bring, open_run
from repro.env.environment_cache import TEMPORARY, remove_left_overs
from repro.env.kind_modules import kind_named
from repro.env.kinds import ArchiveRequest, RunCode
from repro.errors import CannotProceed, ReproError
from repro.model.dataclass import dataclass
from repro.model.environments.archive import Archive, ArchivedFile
from repro.model.environments.environment import Environment, named_objects
from repro.model.environments.environment_record import environment_id
from repro.model.environments.outside_world import commits_not_archived, depends_on_outside, not_archived_to_build
from repro.model.finding import Finding
from repro.model.run_id import RunId
from repro.model.runs.manifest import Manifest
from repro.model.watching.sandbox_kind import SandboxKind
from repro.project import Project
from repro.store.records.archives import ArchiveRecords


class NotArchivable(CannotProceed):
    """A file that an environment needs cannot be had, so that nothing was recorded."""

    id = "not-archivable"


@dataclass(frozen=True, slots=True)
class ArchivedRun:
    """What became of a run's environment.

    `files` are all files of its archive; `fresh` says whether the archive was made, or got more files, now. `needed` is
    false where nothing of the environment comes from the outside world, or none was recorded. `findings` are of the
    kinds `weaker-sandbox` and `backends-not-asked`.
    """

    run: RunId
    files: tuple[ArchivedFile, ...]
    fresh: bool
    needed: bool = True
    findings: tuple[Finding, ...] = ()


def archive_runs(project: Project, texts: Sequence[str]) -> list[ArchivedRun]:
    """Archive the environments of runs: `@last` if none is named.

    Raises:
        NoSuchRun, AmbiguousRun: none, or several.
        NotArchivable: a file cannot be had at all; the environments before were archived.
        CannotProceed, IntegrityError, RemoteError: an index does not answer, or serves other bytes.
    """
    records = project.records()
    selected = [records.select(text) for text in texts or ("@last",)]
    return [archive_run(project, records.read(run)) for run in selected]


def archive_run(project: Project, manifest: Manifest, *, offline: bool = False) -> ArchivedRun:
    """Archive the environment of one run, unless that was done; see `archive_runs`.

    `offline`: only see whether it was done. Where it was not, that is `NotArchivable`.
    """
    environment = manifest.recipe.environment
    if environment is None:
        return ArchivedRun(manifest.run, (), fresh=False, needed=False)
    build = requirements_of_run(project, manifest)
    if not depends_on_outside(environment, build):
        return ArchivedRun(manifest.run, (), fresh=False, needed=False)
    known = archived_files(project.records(), environment)
    source = open_run(project, manifest.run, None)
    had = known if _can_be_had(known, source, offline=offline) else ()
    names = [file.name for file in had]
    stands = bool(had) and not commits_not_archived(environment, names)
    stands = stands and not not_archived_to_build(environment, names, build)
    asked = asked_before(project, manifest, environment) if has_own_packages(environment) else ()
    if stands and asked is not None and not not_archived_to_build(environment, names, asked):
        return ArchivedRun(manifest.run, had, fresh=False)
    findings: list[Finding] = []
    try:
        if offline:
            without = "the network was not to be used"
            raise NotArchivable(without if stands else f"the environment is not archived: {without}")
        bring(source, [ref for _, ref in named_objects(environment)])
        files = _archive(project, source, environment, build, had, findings.append)
    except ReproError as error:
        if not stands or asked is not None:
            raise
        # It has all that anybody could say before; whether that is all is not known, which must stop nobody.
        return ArchivedRun(manifest.run, had, fresh=False, findings=(*findings, _not_asked(manifest.run, error)))
    return ArchivedRun(manifest.run, files, fresh=set(files) != set(had), findings=tuple(findings))


def archive_as_settings_say(project: Project, manifest: Manifest, *, offline: bool) -> tuple[Finding, ...]:
    """Archive a run's environment that the settings want archived. The run is recorded, whatever comes of this.

    Returns:
        A finding of kind `environment-unarchived` where it was not done; and those of `ArchivedRun`.
    """
    again = f"`repro env archive {manifest.run}` does it later"
    try:
        return archive_run(project, manifest, offline=offline).findings
    except ReproError as error:
        return (Finding("environment-unarchived", error.message, run=manifest.run, hint=error.hint or again),)


def _not_asked(run: RunId, error: ReproError) -> Finding:
    detail = f"the archive stands as it was, not completed with what build backends ask for: {error.message}"
    return Finding("backends-not-asked", detail, run=run, hint=error.hint)


def _can_be_had(files: Sequence[ArchivedFile], source: RunSource, *, offline: bool) -> bool:
    """Whether the files of a record are here or on the remote: a record comes by git too, and its files do not.

    `offline`: the remote is not asked.
    """
    away = [file.object.digest for file in files if not source.cache.has(file.object.digest)]
    return not away or (
        not offline and source.objects is not None and all(source.objects.has(digest) for digest in away)
    )


def _archive(
    project: Project,
    source: RunSource,
    environment: Environment,
    build: tuple[str, ...],
    had: tuple[ArchivedFile, ...],
    say: Callable[[Finding], None],
) -> tuple[ArchivedFile, ...]:
    run = source.manifest.run
    kind = kind_named(environment.kind)
    plan = kind.plan(environment, environ=project.environ)
    if plan.blocking:
        reasons = "; ".join(finding.detail for finding in plan.blocking)
        raise NotArchivable(f"the environment of {run} cannot be archived here: {reasons}", plan.blocking[0].hint)
    cache, own = project.cache(), ArchiveRecords(project.folder)
    known = {sha256: ref for sha256, ref in own.objects_by_sha256().items() if cache.has(ref.digest)}
    known |= {file.sha256: file.object for file in had}
    environments = project.places.environments
    os.makedirs(environments, exist_ok=True)
    remove_left_overs(environments)
    # There, and not in /tmp: it may take as much as the environment, and what a kill leaves is found again.
    with tempfile.TemporaryDirectory(prefix=TEMPORARY, dir=environments) as folder:
        request = ArchiveRequest(
            objects=cache,
            sink=cache,
            known=known,
            archived=had,
            means=plan.means,
            envs_dir=environments,
            folder=folder,
            environ=project.environ,
            project_root=project.root,
            settings=project.settings.environment,
            build=build,
            code=_code(project, source, folder, say) if has_own_packages(environment) else None,
        )
        archived = kind.archive(environment, request)
    if archived.findings:
        reasons = "; ".join(finding.detail for finding in archived.findings[:3])
        raise NotArchivable(f"the environment of {run} is not archived: {reasons}", archived.findings[0].hint)
    cache.flush()
    own.add(Archive(environment_id(environment), environment.kind, archived.files))
    if has_own_packages(environment):
        remember_asked(project, source.manifest, environment, archived.build)
    return archived.files


def _code(project: Project, source: RunSource, folder: str, say: Callable[[Finding], None]) -> RunCode:
    from repro.actions.environments.confine import confined_in

    kind = project.settings.sandbox or SandboxKind.AUTO
    return RunCode(lay_out_code(source, folder), confined_in(kind, folder, project.environ, say))
