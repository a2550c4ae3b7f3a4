"""`run --twice`: executes a run again, elsewhere, with circumstances varied, and says what its result depends on."""

from __future__ import annotations

from collections.abc import Callable

from repro.actions.rebuild.rebuild import RebuildOptions, Rebuilt, rebuild
from repro.model.dataclass import dataclass
from repro.model.runs.compare import is_reproduced
from repro.model.runs.manifest import Manifest
from repro.model.runs.rebuild_record import RebuildRecord
from repro.model.runs.variation import Aspect, aspects_of, suspects
from repro.project import Project


@dataclass(frozen=True, slots=True)
class Repeated:
    """What a repetition with `varied` gave. `depends_on` is empty where the result is the same, and where it is
    another even with nothing varied.
    """

    record: RebuildRecord
    started: bool
    varied: tuple[Aspect, ...]
    depends_on: tuple[Aspect, ...] = ()


def repeat(project: Project, manifest: Manifest, offline: bool, say: Callable[[str], None]) -> Repeated:
    """Execute a sealed run again in another directory with everything varied that can be; if the result is another,
    find out by further repetitions which circumstance makes it so.

    Raises:
        CannotProceed, RemoteError, IntegrityError: as `repro.actions.rebuild.rebuild.rebuild`.
    """

    def once(aspects: tuple[Aspect, ...]) -> Rebuilt:
        options = RebuildOptions(offline=offline, vary=aspects, discard=True)
        return rebuild(project, manifest.run, options, lambda text: None)

    aspects = aspects_of(manifest.recipe)
    say(f"once more, with another directory, {', '.join(aspects)}")
    first = once(aspects)
    if not first.started or is_reproduced(first.record.verdict):
        return Repeated(first.record, first.started, aspects)
    say("the result is another: looking for what it depends on")
    found = suspects(aspects, lambda some: not is_reproduced(once(some).record.verdict))
    return Repeated(first.record, True, aspects, found)
