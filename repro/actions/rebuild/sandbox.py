"""Choosing what the command of a rebuild runs in, and setting it up."""

from __future__ import annotations

import os
from collections.abc import Mapping

from repro.actions.rebuild.outside import has_home_inputs, not_the_same_here, outside_files, place_in_home
from repro.actions.rebuild.room import Room
from repro.actions.rebuild.view import (
    LOG_FOLDER,
    MAX_PROTECTED,
    Needs,
    made_folders,
    needs_of,
    own_view,
    protected_inputs,
    recorded_account,
    recorded_view,
    visible_path,
)
from repro.env.realised import PrefixEnvironment
from repro.execution import landlock
from repro.execution.bubblewrap import Bubblewrap, arguments_for, find_programs, place_links, probe
from repro.execution.capabilities import can_give_up_reading
from repro.execution.machine import describe_machine
from repro.execution.pinning import can_pin_addresses
from repro.execution.sandbox import InBubblewrap, Sandbox, Unconfined, UnderLandlock, landlock_rules
from repro.execution.sandbox_choice import NO_BWRAP, NO_LANDLOCK, ORDER, refusal, weaker
from repro.execution.sandbox_etc import fill_etc
from repro.model.dataclass import dataclass, replace
from repro.model.finding import Finding
from repro.model.names import name_to_text
from repro.model.runs.manifest import Manifest
from repro.model.runs.recipe import ROOT
from repro.model.watching.sandbox import Account, Guarantee, View
from repro.model.watching.sandbox_kind import SandboxKind

_FROM_SHELL = (
    *("TERM", "COLORTERM", "NO_COLOR", "LD_LIBRARY_PATH", "CUDA_VISIBLE_DEVICES", "CUDA_HOME"),
    *("NVIDIA_VISIBLE_DEVICES", "ROCR_VISIBLE_DEVICES"),
)


@dataclass(frozen=True, slots=True)
class Setting:
    """Where a command runs: the sandbox, what the command sees where, and the variables of the machine it gets.

    `made` are folders that stand in the checkout for the sandbox's sake alone; `log` is where the command may write
    down what fails in it, as it sees that path; `kept` are folders of this machine that it sees as they are;
    `withholds`: files that nobody may read are not read there, whoever the command's user is.
    """

    sandbox: Sandbox
    view: View
    realised: PrefixEnvironment | None
    environ: Mapping[str, str]
    guarantee: Guarantee
    findings: tuple[Finding, ...] = ()
    made: tuple[str, ...] = ()
    log: str = os.devnull
    kept: tuple[bytes, ...] = ()
    withholds: bool = False


@dataclass(frozen=True, slots=True)
class _Subject:
    """What is rebuilt, and with what."""

    manifest: Manifest
    environ: Mapping[str, str]
    realised: PrefixEnvironment | None
    room: Room
    needs: Needs
    withhold: bool = False


def check_kind(kind: SandboxKind, environ: Mapping[str, str]) -> None:
    """Refuse a sandbox that was asked for and cannot be had, before anything else is done.

    Raises:
        NoSandbox: it cannot.
    """
    if kind is SandboxKind.BWRAP and not find_programs(environ.get("PATH", "")):
        raise refusal(kind, NO_BWRAP)
    if kind is SandboxKind.CONTAINER:
        return  # an environment of kind image has one, no other has: `repro.actions.rebuild.container`
    if kind is SandboxKind.LANDLOCK and not landlock.version():
        raise refusal(kind, NO_LANDLOCK)


def set_up(
    kind: SandboxKind,
    manifest: Manifest,
    environ: Mapping[str, str],
    realised: PrefixEnvironment | None,
    room: Room,
    *,
    withhold: bool = False,
) -> Setting:
    """Return the setting for a kind; for `AUTO`, of the first kind that works, with a finding that says why no better.

    `withhold`: take root its privilege to read files that nobody may read, where that can be done.

    Raises:
        NoSandbox: the kind was asked for and does not work here.
    """
    for folder in (room.home, room.temporary, room.etc, os.path.dirname(room.log)):
        os.makedirs(folder, exist_ok=True)
    needs = needs_of(manifest, environ, realised, room.root)
    subject = _Subject(manifest, environ, realised, room, needs, withhold)
    reasons: list[str] = []
    for tried in ORDER if kind is SandboxKind.AUTO else (kind,):
        setting = _SETTINGS[tried](subject)
        if isinstance(setting, Setting):
            return replace(setting, findings=(*weaker(tried, reasons), *setting.findings))
        reasons.append(f"{tried}: {setting}")
    raise refusal(kind, reasons[-1].partition(": ")[2])


def _bwrap(subject: _Subject) -> Setting | str:
    programs = find_programs(subject.environ.get("PATH", ""))
    account = recorded_account(subject.manifest)
    view = recorded_view(subject.manifest, subject.room, subject.realised, subject.needs, account)
    made = tuple(made_folders(view, subject.room))
    words = NO_BWRAP
    for own_user in (True, False):
        # Only root can do without a user namespace, and then the user keeps root's number.
        account = account if own_user else replace(account, uid=os.getuid(), gid=os.getgid())
        fill_etc(subject.room.etc, account, os.fsdecode(view.home))
        place_links(view, subject.room.etc)
        cwd = _working_directory(subject.manifest, view)
        arguments = arguments_for(view, account, subject.room.etc, cwd, own_user=own_user, withhold=subject.withhold)
        for program in programs:
            found = probe(program, arguments)
            if isinstance(found, Bubblewrap):
                return _in_bwrap(subject, found, view, account, made)
            words = found
    return words


def _in_bwrap(
    subject: _Subject, bubblewrap: Bubblewrap, view: View, account: Account, made: tuple[str, ...]
) -> Setting:
    realised = _moved(subject.realised, view)
    environ = {name: subject.environ[name] for name in _FROM_SHELL if name in subject.environ}
    environ["PATH"] = ":".join(visible_path(subject.environ.get("PATH", ""), subject.needs.all))
    environ |= {"HOME": os.fsdecode(view.home), "USER": account.user, "LOGNAME": account.user, "SHELL": "/bin/sh"}
    findings = []
    if subject.needs.program:
        program = name_to_text(subject.needs.program)
        detail = f"the command is a program of this machine, installed in {program}: no record has it"
        findings.append(Finding("program-not-recorded", detail))
    log = os.path.join(os.fsdecode(LOG_FOLDER), os.path.basename(subject.room.log))
    guarantee = Guarantee(SandboxKind.BWRAP, tuple(_missed_in_bwrap(subject, view, account)))
    return Setting(
        InBubblewrap(bubblewrap),
        view,
        realised,
        environ,
        guarantee,
        tuple(findings),
        made,
        log,
        subject.needs.all,
        withholds=True,
    )


def _landlock(subject: _Subject) -> Setting | str:
    if not landlock.version():
        return NO_LANDLOCK
    room, view = subject.room, own_view(subject.room, subject.realised, subject.room.home)
    manifest = subject.manifest
    place_in_home(manifest, room, room.home)
    outside = [path for path, _ in outside_files(manifest, room) if path.startswith(b"/")]
    places = (room.root, room.home, room.temporary, os.path.dirname(room.log))
    own = [os.fsencode(os.path.realpath(path)) for path in places]
    readable = [*subject.needs.all, *([view.prefix] if view.prefix else []), *outside]
    environ = dict(subject.environ) | {"HOME": room.home}
    environ |= dict.fromkeys(("TMPDIR", "TEMP", "TMP"), room.temporary)
    environ.pop("XDG_RUNTIME_DIR", None)
    guarantee = Guarantee(SandboxKind.LANDLOCK, tuple(_missed_under_landlock(subject)))
    findings = tuple(not_the_same_here(manifest))
    withholds = can_give_up_reading()
    rules = landlock_rules(readable, own, own_ports=_may_use_own_ports(manifest))
    sandbox = UnderLandlock(rules, subject.withhold and withholds)
    return Setting(
        sandbox,
        view,
        subject.realised,
        environ,
        guarantee,
        findings,
        log=room.log,
        kept=tuple(readable),
        withholds=withholds,
    )


def _none(subject: _Subject) -> Setting | str:
    environ, manifest = dict(subject.environ), subject.manifest
    if has_home_inputs(manifest):
        place_in_home(manifest, subject.room, subject.room.home)
        environ["HOME"] = subject.room.home
    view = own_view(subject.room, subject.realised, environ.get("HOME", "/"))
    missed = (*_missed_without_namespaces(subject), "files and the network of this machine are open to the command")
    findings = tuple(not_the_same_here(manifest))
    guarantee = Guarantee(SandboxKind.NONE, missed)
    return Setting(Unconfined(), view, subject.realised, environ, guarantee, findings)


_SETTINGS = {SandboxKind.BWRAP: _bwrap, SandboxKind.LANDLOCK: _landlock, SandboxKind.NONE: _none}


def _missed_everywhere() -> list[str]:
    missed = ["programs and libraries of the system are this machine's"]
    return missed if can_pin_addresses() else [*missed, "addresses in memory are another at each start"]


def _missed_in_bwrap(subject: _Subject, view: View, account: Account) -> list[str]:
    place, wanted = subject.manifest.observations.place, recorded_account(subject.manifest)
    missed = _missed_everywhere()
    if place is not None and place.root != view.root:
        missed.append(f"the project stands at {name_to_text(view.root)}, in the run at {name_to_text(place.root)}")
    if account.uid != wanted.uid:
        missed.append(f"the user's number is {account.uid}, in the run {wanted.uid}")
    if len(protected_inputs(subject.manifest)) > MAX_PROTECTED:
        missed.append(f"only {MAX_PROTECTED} of the inputs are read-only")
    return missed


def _missed_without_namespaces(subject: _Subject) -> list[str]:
    seen, here = subject.manifest.observations, describe_machine()
    missed = _missed_everywhere()
    if seen.place is None or seen.place.root != os.fsencode(subject.room.root):
        missed.append("the project stands at another path than in the run")
    if seen.machine.host != here.host:
        missed.append(f"the host name is {here.host}, in the run {seen.machine.host}")
    if seen.machine.user != here.user:
        missed.append(f"the user is {here.user}, in the run {seen.machine.user}")
    return [*missed, "inputs can be written to"]


def _missed_under_landlock(subject: _Subject) -> list[str]:
    missed = [*_missed_without_namespaces(subject), "the command sees which files exist on this machine"]
    have = landlock.version()
    if have < landlock.NET_FROM:
        return [*missed, "the network is open to the command"]
    ports = " to ports below the ephemeral ones" if _may_use_own_ports(subject.manifest) else ""
    return [*missed, f"of the network, only TCP connections{ports} are refused"]


def _may_use_own_ports(manifest: Manifest) -> bool:
    """Whether the run's processes talked to one another over ports, or nobody knows that they did not."""
    watch = manifest.observations.watch
    return watch is None or watch.own_ports is not False


def _moved(realised: PrefixEnvironment | None, view: View) -> PrefixEnvironment | None:
    """Return the environment as it is seen in the view."""
    if realised is None or view.prefix is None:
        return realised
    seen = os.fsdecode(view.prefix)
    variables = {name: value.replace(realised.prefix, seen) for name, value in realised.variables.items()}
    starter = tuple(word.replace(realised.prefix, seen) for word in realised.starter)
    return replace(realised, prefix=seen, bin_dir=os.path.join(seen, "bin"), variables=variables, starter=starter)


def _working_directory(manifest: Manifest, view: View) -> bytes:
    directory = manifest.recipe.directory
    return view.root if directory == ROOT else view.root + b"/" + directory
