"""Records to test with: one that uses every field, and hypothesis strategies for valid ones."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from repro.model.data.content import Content, Item, Kind, ObjectRef
from repro.model.digest import Digest
from repro.model.environments.edited_file import EditedFile, EditedFiles, EditedTotal
from repro.model.environments.environment import Interpreter, PipEnvironment, ProjectInstall, VcsInstall, WheelInstall
from repro.model.finding import Finding
from repro.model.names import RelPath, UnsafePath, check_path
from repro.model.run_id import RunId
from repro.model.runs.compare import ComparedOutput
from repro.model.runs.manifest import Code, Manifest, Output, SubmoduleCode
from repro.model.runs.outside import OutsideItem
from repro.model.runs.rebuild_record import RebuildRecord
from repro.model.runs.recipe import Recipe, distinct_paths
from repro.model.runs.run_state import State
from repro.model.verdict import Verdict
from repro.model.watching.observations import Machine, Observations
from repro.model.watching.watch_record import BLIND, Means, ReadPart, Watch


def digest(fill: str) -> Digest:
    return Digest("b3:" + fill * 64)


def file(fill: str, size: int = 4, kind: Kind = Kind.FILE) -> Content:
    return Content(kind, size, digest=digest(fill))


def link(target: bytes) -> Content:
    return Content(Kind.SYMLINK, len(target), target=target)


MACHINE = Machine("host.example.org", "ann", "Linux 6.1.0 x86_64", "A Processor @ 3.00GHz", 16)

ENVIRONMENT = PipEnvironment(
    kind="pip",
    python=Interpreter("cpython", "3.11.7", "cpython-311-x86_64-linux-gnu", "linux-x86_64"),
    packages=(("numpy", "2.1.0"), ("ours", "0.1"), ("theirs", "1.0"), ("wheeled", "1.0+cpu"), ("yes", "1.0")),
    lock=ObjectRef(digest("1"), 123),
    project=(ProjectInstall("ours", "0.1", ".", True), ProjectInstall("part", "0.1", "packages/part", False)),
    vcs=(VcsInstall("theirs", "1.0", "git", "https://example.org/theirs.git", "c" * 40, "python"),),
    wheels=(
        WheelInstall("wheeled", "1.0+cpu", "wheeled-1.0+cpu-py3-none-any.whl", "d" * 64, ObjectRef(digest("2"), 9)),
    ),
    unlocked=("yes",),
)

RECIPE = Recipe(
    command=("python", "train.py", "--rate", "0.10", "", "größe", "no", "line\nbreak"),
    directory=b"work/\xff",
    code="a" * 40,
    data=(
        Item(RelPath(b"data"), file("3", 1000, Kind.DIRECTORY)),
        Item(RelPath("größe.csv".encode()), file("4")),
        Item(RelPath(b"latest"), link(b"../elsewhere/\xff")),
        Item(RelPath(b"run.sh"), file("5", 10, Kind.EXECUTABLE)),
    ),
    environment=ENVIRONMENT,
    parameters={
        "lr": 0.1,
        "depth": 3,
        "version": "1e-3",
        "flag": True,
        "nothing": None,
        "params.toml": {"deep": {"list": [1, 2.5, "x", {}], "$key": -0.0}},
    },
    variables={"PYTHONHASHSEED": "0", "PYTHONPATH": "{root}/src:{{x}", "TZ": "Europe/Berlin"},
    umask="0022",
    cpus=8,
)

WATCH = Watch(
    tool="strace 6.1",
    reason="because",
    blind=BLIND[Means.STRACE],
    read={"code": 3, "input": 1},
    programs=(b"/usr/bin/sort", b"tool/\xff"),
    hosts=("192.0.2.1:80", "[2001:db8::1]:443"),
    own_ports=False,
    listed=(b"data/images",),
)
EDITED = EditedFiles((EditedFile("numpy", "2.0.0", "numpy/größe.py", "e" * 64), EditedFile("six", "1.16.0", "six.py")))
MANY_EDITED = EditedFiles(EDITED.named, EditedTotal(20_000, digest("9")))
WATCHED = Manifest(
    run=RunId("20261123-021300-7f3kq2mz"),
    recipe=Recipe(
        command=("cat", "/etc/tool.conf"),
        directory=b".",
        code="a" * 40,
        data=(Item(RelPath(b"data"), file("2", 10, Kind.DIRECTORY)),),
        environment=None,
        outside=(
            OutsideItem(b"/data/set", file("3", 10, Kind.DIRECTORY)),
            OutsideItem(b"/etc/tool.conf", file("4")),
            OutsideItem(b"~/.config/tool/\xff", link(b"../x")),
            OutsideItem(b"~/large", file("5", 1 << 40)),
        ),
    ),
    code=Code(commit="b" * 40, pack=ObjectRef(digest("6"), 0)),
    state=State.COMPLETE,
    observations=Observations(
        "0.1.0", "2026-11-23T02:13:00Z", Machine("h", "u", "s", None, 1), watched="strace", watch=WATCH
    ),
    unstored=(b"~/large",),
    folders=(RelPath(b"out/made"),),
    reads=(ReadPart(RelPath(b"data"), 3, ObjectRef(digest("7"), 30)),),
    edited=EDITED,
)

COMPLETE = Manifest(
    run=RunId("20261123-021300-7f3kq2mz"),
    recipe=RECIPE,
    code=Code(
        commit="b" * 40,
        pack=ObjectRef(digest("6"), 4567),
        head="c" * 40,
        branch="feature/größe",
        dirty=True,
        submodules=(SubmoduleCode(RelPath(b"vendor/lib"), "d" * 40, ObjectRef(digest("7"), 89)),),
    ),
    state=State.FAILED,
    observations=Observations(
        repro="0.1.0",
        created="2026-11-23T02:13:00Z",
        machine=MACHINE,
        started="2026-11-23T02:13:01Z",
        finished="2026-11-23T02:14:01Z",
        duration_s=60.25,
        exit_code=137,
        signal="SIGKILL",
        environment={"build": "3.11.7 (main)", "libc": "glibc 2.36", "tags": {"numpy": ["cp311"]}},
        findings=(Finding("tainted", "changed: a: b", "train.py", "20261122-010203-aaaaaaaa", "run it again"),),
    ),
    name="first",
    message="two\nlines, and a # in it",
    tainted=(b"train.py", b"\xff\n"),
    outputs=(
        Output(RelPath(b"model"), file("8", 5000, Kind.DIRECTORY), True),
        Output(RelPath(b"found.txt"), file("9"), False),
        Output(RelPath(b"newest"), link(b"model"), True),
    ),
    missing_outputs=(RelPath(b"plots"), RelPath(b"no")),
    metrics={"metrics.json": {"accuracy": 0.97, "loss": 1e-300, "epochs": 10, "best": True}},
)

OPEN = Manifest(
    run=RunId("20261123-021300-7f3kq2mz"),
    recipe=Recipe(command=(), directory=b".", code="a" * 40, data=(), environment=None),
    code=Code(commit="b" * 40, pack=ObjectRef(digest("6"), 0)),
    state=State.OPEN,
    observations=Observations("0.1.0", "2026-11-23T02:13:00Z", Machine("h", "u", "s", None, 1)),
    missing_outputs=(RelPath(b"out"),),
)

REBUILD = RebuildRecord(
    run=RunId("20261123-021300-7f3kq2mz"),
    recipe=digest("e"),
    verdict=Verdict.DIFFERENT,
    outputs=(
        ComparedOutput(b"model", Verdict.DIFFERENT, file("1", 9, Kind.DIRECTORY), file("2", 8, Kind.DIRECTORY)),
        ComparedOutput(b"model/\xff", Verdict.DIFFERENT, file("3"), None),
        ComparedOutput(b"model/new", Verdict.DIFFERENT, None, link(b"x")),
        ComparedOutput(b"out.txt", Verdict.IDENTICAL, file("4"), file("4")),
    ),
    environment="pip, cpython 3.11.7, 4 packages",
    machine=MACHINE,
    repro="0.1.0",
    started="2026-11-24T02:13:01Z",
    duration_s=12.5,
    exit_code=0,
    findings=(Finding("other-platform", "recorded on linux-x86_64", hint="none"),),
)

# ---- strategies. Text without lone surrogates: those have no UTF-8, and nothing from outside can hold them.

texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=12)
hex_digits = st.sampled_from("0123456789abcdef")
digests = hex_digits.map(digest)
git_ids = hex_digits.map(lambda digit: digit * 40)
sizes = st.integers(0, 2**63 - 1)
whole = st.integers(-(10**40), 10**40)
scalars = st.none() | st.booleans() | whole | st.floats(allow_nan=False) | texts
plain_values: st.SearchStrategy[Any] = st.recursive(
    scalars, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(texts, inner, max_size=3), max_leaves=8
)
plain_maps = st.dictionaries(texts, plain_values, max_size=3)
refs = st.builds(ObjectRef, digests, sizes)


def _safe(raw: bytes) -> bool:
    try:
        check_path(raw)
    except UnsafePath:
        return False
    return True


names = st.binary(min_size=1, max_size=6) | texts.map(str.encode)
paths = st.lists(names, min_size=1, max_size=3).map(b"/".join).filter(_safe).map(RelPath)
links = st.binary(min_size=1, max_size=9).filter(lambda target: b"\0" not in target).map(link)
contents = (
    st.builds(
        lambda kind, size, name: Content(kind, size, digest=name),
        st.sampled_from([Kind.FILE, Kind.EXECUTABLE, Kind.DIRECTORY]),
        sizes,
        digests,
    )
    | links
)
items = st.lists(st.builds(Item, paths, contents), max_size=4).filter(lambda found: not distinct_paths(tuple(found)))
machines = st.builds(Machine, texts, texts, texts, st.none() | texts, st.integers(0, 4096))
findings = st.lists(
    st.builds(Finding, texts, texts, st.none() | texts, st.none() | texts, st.none() | texts), max_size=2
)
distribution_names = st.from_regex(r"[a-z0-9]{1,4}(-[a-z0-9]{1,3})?", fullmatch=True)
versions = st.from_regex(r"[0-9]{1,2}\.[0-9]{1,2}(\+cpu)?", fullmatch=True)
run_ids = st.from_regex(r"[0-9]{8}-[0-9]{6}-[a-z2-7]{8}", fullmatch=True).map(RunId)

environments = st.builds(
    PipEnvironment,
    kind=st.just("pip"),
    python=st.just(ENVIRONMENT.python),
    packages=st.dictionaries(distribution_names, versions, max_size=4).map(lambda found: tuple(sorted(found.items()))),
    lock=st.none() | refs,
    project=st.lists(
        st.builds(ProjectInstall, distribution_names, versions, st.sampled_from([".", "a", "a/b"]), st.booleans()),
        max_size=2,
    ).map(tuple),
    vcs=st.sampled_from([(), ENVIRONMENT.vcs]),
    wheels=st.sampled_from([(), ENVIRONMENT.wheels]),
    unlocked=st.lists(distribution_names, max_size=2).map(tuple),
)
no_nul = texts.filter(lambda text: "\0" not in text)
recipes = st.builds(
    Recipe,
    command=st.lists(no_nul, max_size=3).map(tuple),
    directory=st.just(b".") | paths,
    code=git_ids,
    data=items.map(lambda found: tuple(sorted(found, key=lambda item: item.path))),
    environment=st.none() | environments,
    parameters=st.dictionaries(
        texts, plain_values.filter(lambda v: not isinstance(v, str) or "\0" not in v), max_size=3
    ),
    variables=st.dictionaries(st.from_regex(r"[A-Za-z_][A-Za-z0-9_]{0,5}", fullmatch=True), no_nul, max_size=3),
    umask=st.from_regex(r"0[0-7]{3}", fullmatch=True),
    cpus=st.integers(1, 4096),
    extra=st.dictionaries(st.from_regex(r"later_[a-z]", fullmatch=True), plain_values, max_size=2),
)
codes = st.builds(
    Code,
    commit=git_ids,
    pack=refs,
    head=st.none() | git_ids,
    branch=st.none() | texts,
    dirty=st.booleans(),
    submodules=st.lists(st.builds(SubmoduleCode, paths, git_ids, refs), max_size=2, unique_by=lambda sub: sub.path).map(
        lambda found: tuple(sorted(found, key=lambda sub: sub.path))
    ),
)
later = st.dictionaries(st.from_regex(r"later_[a-z]", fullmatch=True), plain_values, max_size=2)
manifests = st.builds(
    Manifest,
    run=run_ids,
    recipe=recipes,
    code=codes,
    state=st.sampled_from(State),
    observations=st.builds(
        Observations,
        repro=texts,
        created=texts,
        machine=machines,
        started=st.none() | texts,
        finished=st.none() | texts,
        duration_s=st.none() | st.floats(0, 1e9),
        exit_code=st.none() | st.integers(0, 255),
        signal=st.none() | texts,
        watched=texts.filter(bool),
        watch=st.none() | st.just(WATCH),
        environment=plain_maps,
        findings=findings.map(tuple),
        extra=later,
    ),
    name=st.none() | texts,
    message=st.none() | texts,
    tainted=st.lists(names, max_size=2).map(lambda found: tuple(sorted(found))),
    outputs=items.map(
        lambda found: tuple(Output(item.path, item.content, True) for item in sorted(found, key=lambda i: i.path))
    ),
    missing_outputs=st.lists(paths, max_size=2).map(lambda found: tuple(sorted(found))),
    metrics=plain_maps,
    extra=later,
    extra_facts=later,
)
