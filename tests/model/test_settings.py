"""Settings files: what has no meaning is refused with its line, and remotes are edited in the user's own text."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from repro.model.data.links import Way
from repro.model.environments.environment_settings import EnvironmentSettings
from repro.model.settings.settings import BadSettings, Settings, merge_settings, parse_settings
from repro.model.settings.settings_edit import BadRemoteName, add_remote, check_remote_name, remove_remote

WHOLE = """\
inputs: [data, ./more/]
outputs: [out]
exclude: ["*.log"]
parameters: [params.toml]
metrics: [metrics.json]
variables: [MY_SEED]
environment:
  kind: pip
  python: .venv/bin/python
  lock: requirements.txt
remotes:
  store: {url: /srv/repro}
  cloud:
    url: s3://bucket/x
remote: store
store: ~/store
link: [reflink, hardlink, copy]
sync: now
watch: strace
capture_outside: 500 MiB
network: forbid
"""


def test_every_setting_is_read() -> None:
    assert parse_settings(WHOLE.encode(), "repro.yaml") == Settings(
        inputs=(b"data", b"more"),  # type: ignore[arg-type]
        outputs=(b"out",),  # type: ignore[arg-type]
        exclude=("*.log",),
        parameters=(b"params.toml",),  # type: ignore[arg-type]
        metrics=(b"metrics.json",),  # type: ignore[arg-type]
        variables=("MY_SEED",),
        environment=EnvironmentSettings("pip", ".venv/bin/python", "requirements.txt"),
        remotes={"store": "/srv/repro", "cloud": "s3://bucket/x"},
        remote="store",
        store="~/store",
        link=(Way.REFLINK, Way.HARDLINK, Way.COPY),
        sync="now",
        watch="strace",
        capture_outside=500 << 20,
        network="forbid",
    )


@pytest.mark.parametrize("text", ["", "# nothing\n", "{}", "~", "inputs:\nenvironment:\nremotes:\n"])
def test_nothing_said_is_nothing_set(text: str) -> None:
    assert parse_settings(text.encode(), "repro.yaml") == Settings()


# text -> (line, what the message says, what the hint says)
BAD: dict[str, tuple[int, str, str]] = {
    "inputs: [a]\noutput: [b]\n": (2, "'output' is not a setting", "'outputs'"),
    "zebra: 1\n": (1, "'zebra' is not a setting", "known are: inputs"),
    "environment:\n  pyton: x\n": (2, "'pyton'", "'python'"),
    "remotes:\n  a:\n    uri: x\n": (3, "'uri'", "'url'"),
    "watch: yes\n": (1, "watch is 'yes', not one of: auto, strace", ""),
    "capture_outside: big\n": (1, "'big' is no size", "500 MiB"),
    "capture_outside: -1\n": (1, "must be a size", "500 MiB"),
    "network: [a]\n": (1, "network is ['a'], not one of: allow, forbid", ""),
    "remotes:\n  a:\n": (2, "'a' has no url", ""),
    "remotes: [a]\n": (1, "names with values", ""),
    "environment: pip\n": (1, "environment must be names with values", ""),
    "environment:\n  kind: nix\n": (2, "'nix'", ""),
    "environment:\n  kind: pip\n  image: x\n": (3, "environment.kind is pip, and environment.image", ""),
    "inputs: data\n": (1, "inputs must be a list", "inputs: [data]"),
    "inputs:\n- a\n- 1\n": (3, "not 1", ""),
    "inputs:\n- ../a\n": (2, "points outside", ""),
    "outputs:\n- .repro/x\n": (2, "repro's own folder", ""),
    "metrics: [/a.json]\n": (1, "absolute", ""),
    "variables: [A B]\n": (1, "'A B'", ""),
    "variables: [größe]\n": (1, "'größe'", ""),
    "remote: [a]\n": (1, "remote must be text", ""),
    "store: 3\n": (1, "store must be text", ""),
    "link: [copy,\n  hardlnk]\n": (2, "'hardlnk' is no way to link", "'hardlink'"),
    "link: zebra\n": (1, "'zebra' is no way to link", "known are: reflink, hardlink, symlink, copy"),
    "link: [1]\n": (1, "1 is no way to link", "known are"),
    "link: []\n": (1, "link must be a list", "link: [reflink, copy]"),
    "link: {a: b}\n": (1, "link must be a list", ""),
    "- a\n": (1, "the file must be names with values", ""),
    "inputs: [a]\ninputs: [b]\n": (2, "stands twice", ""),
    "a: *x\n": (1, "aliases", ""),
    "inputs: [a\n": (2, "", ""),
}


@pytest.mark.parametrize("text", BAD)
def test_what_has_no_meaning_is_refused_with_its_line(text: str) -> None:
    line, said, hint = BAD[text]
    with pytest.raises(BadSettings) as caught:
        parse_settings(text.encode(), "repro.yaml")
    assert caught.value.message.startswith(f"repro.yaml, line {line}")
    assert said in caught.value.message
    assert hint in (caught.value.hint or "")
    assert caught.value.exit_code == 2


def test_build_arguments_are_texts_and_no_secrets() -> None:
    text = "environment: {build_args: {B: '2', A: x y}, target: first}"
    found = parse_settings(text.encode(), "repro.yaml").environment
    assert (found.build_args, found.target) == ((("A", "x y"), ("B", "2")), "first")


@pytest.mark.parametrize(
    "argument",
    [
        "PIP_TOKEN: x",
        "token: x",
        "AWS_SECRET_ACCESS_KEY: x",
        "INDEX: 'https://ann:pw@example.org/simple'",
        "V: 3.10",
        "'': x",
    ],
)
def test_a_build_argument_that_looks_like_a_secret_or_is_no_text_is_refused(argument: str) -> None:
    with pytest.raises(BadSettings, match=r"build_args|build argument") as refused:
        parse_settings(f"environment:\n  build_args:\n    {argument}\n".encode(), "repro.yaml")
    assert "line 3" in refused.value.message
    assert "ann:pw" not in refused.value.message


def test_the_nearer_file_wins_and_lists_are_joined() -> None:
    near = parse_settings(
        b"inputs: [b, c]\nenvironment: {python: p}\nremotes: {x: {url: near}}\nstore: s\nlink: symlink\nsync: now\n",
        "local",
    )
    far = parse_settings(
        b"inputs: [a, b]\nenvironment: {python: q, lock: l}\nremotes: {x: {url: far}, y: {url: z}}\nlink: [copy]\n"
        b"sync: later\n",
        "user",
    )
    merged = merge_settings(near, far)
    assert merged.inputs == (b"a", b"b", b"c")
    assert merged.environment == EnvironmentSettings(None, "p", "l")
    assert merged.remotes == {"x": "near", "y": "z"}
    assert (merged.store, merged.remote, merged.sync) == ("s", None, "now")
    assert merged.link == (Way.SYMLINK,)  # an order of preference is one value
    assert merge_settings(near, Settings()) == merge_settings(Settings(), near) == near


def test_no_setting_is_lost_where_the_other_file_has_none() -> None:
    whole = parse_settings(WHOLE.encode(), "repro.yaml")
    assert merge_settings(whole, Settings()) == merge_settings(Settings(), whole) == whole


COMMENTED = """\
# ours
inputs: [data]   # the data

remotes:
    # the disk
    disk:          # in the cellar
        url: /mnt/disk
    cloud: {url: "s3://b/x"}  # not cheap
remote: disk  # the default
# end
"""


def test_adding_and_removing_leaves_every_other_line_alone() -> None:
    added = add_remote(COMMENTED, "new", "/srv/x", "repro.yaml")
    assert [line for line in added.splitlines() if line not in COMMENTED.splitlines()] == [
        "    new:",
        '      url: "/srv/x"',
    ]
    assert remove_remote(added, "new", "repro.yaml") == COMMENTED
    removed = remove_remote(COMMENTED, "disk", "repro.yaml")
    gone = [line for line in COMMENTED.splitlines() if line not in removed.splitlines()]
    assert gone == ["    disk:          # in the cellar", "        url: /mnt/disk"]


def test_a_remote_may_be_called_like_a_setting() -> None:
    text = "environment:\n  python: p\nremotes:\n  python:\n    url: /x\n"
    assert remove_remote(text, "python", "r") == "environment:\n  python: p\n"


@pytest.mark.parametrize(
    "text", ["remotes: {a: {url: x}}\n", '{"remotes": {"a": {"url": "x"}}}\n', "remotes:\n  ? a\n  : url: x\n"]
)
def test_a_layout_that_cannot_be_changed_safely_is_left_to_the_user(text: str) -> None:
    with pytest.raises(BadSettings, match="cannot be changed safely"):
        remove_remote(text, "a", "repro.yaml")
    with pytest.raises((BadSettings, BadRemoteName)):
        add_remote(text, "a", "y", "repro.yaml")


def test_names_that_are_taken_unknown_or_none_are_refused() -> None:
    for name in ("", "-x", "a b", "a/b", "ä", "x\n"):
        with pytest.raises(BadRemoteName):
            check_remote_name(name)
    with pytest.raises(BadRemoteName, match="exists"):
        add_remote(COMMENTED, "disk", "/x", "r")
    with pytest.raises(BadRemoteName, match="nope"):
        remove_remote(COMMENTED, "nope", "r")


LAYOUTS = [
    "",
    "# only a comment\n",
    COMMENTED,
    COMMENTED.replace("\n", "\r\n"),
    "remotes: {}\n",
    "remotes:\n",
    "remotes:   # none yet\nstore: x\n",
    "remotes: {a: {url: x}}\n",
    "remotes:\n- a\n",
    "store: x",
    "---\nstore: x\n",
    "store: x\n...\n",
    "store: |\n  a\n  remotes:\n    a: b\n",
    "exclude: [\"a\\u2028b\", 'c\u2028d']\nremotes:\n  a:\n    url: x\n\n  b:\n    url: y\n",
    "remotes:\n  a:\n\n    # between\n    url: x\n  b: {url: y}\n",
    "store: x\nremotes:\n        deep: {url: x}\n",
]
names = st.sampled_from(["a", "b", "disk", "cloud", "store", "url", "null", "1", "no", "x.y"])
urls = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=12)


@given(st.sampled_from(LAYOUTS), st.lists(st.tuples(st.booleans(), names, urls), max_size=6))
@settings(deadline=None)
def test_any_edits_of_any_layout_are_refused_or_are_what_is_read(text: str, edits: list[tuple[bool, str, str]]) -> None:
    for adding, name, url in edits:
        try:
            before = parse_settings(text.encode(), "r")
            text = add_remote(text, name, url, "r") if adding else remove_remote(text, name, "r")
        except (BadSettings, BadRemoteName):
            continue
        after = parse_settings(text.encode(), "r")
        if adding:
            assert after.remotes == {**before.remotes, name: url}
        else:
            assert after.remotes == {other: kept for other, kept in before.remotes.items() if other != name}
        assert (after.inputs, after.exclude, after.store) == (before.inputs, before.exclude, before.store)


@pytest.mark.parametrize("image", ["https://ann:pa55@r.example.org/x", "ann:pa55@r.example.org/x", "a b", "x@sha256:1"])
def test_what_is_no_reference_to_an_image_is_refused_and_not_shown(image: str) -> None:
    with pytest.raises(BadSettings, match=r"repro\.yaml, line 1: environment\.image is no reference") as refused:
        parse_settings(f"environment: {{image: '{image}'}}\n".encode(), "repro.yaml")
    assert "pa55" not in f"{refused.value.message} {refused.value.hint}"


@pytest.mark.parametrize(
    "image",
    [
        "busybox",
        "team/x:1",
        "r.example.org:5000/a/b_c:V1.2",
        f"x:1@sha256:{'0' * 64}",
        f"sha256:{'f' * 64}",
        "[::1]:50/x",
    ],
)
def test_references_to_images_are_taken_as_they_are(image: str) -> None:
    found = parse_settings(f"environment: {{image: '{image}'}}\n".encode(), "repro.yaml").environment
    assert found.image == image
