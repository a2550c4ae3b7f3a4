"""What settings say of a remote's encryption, and where the key of a place is found."""

from __future__ import annotations

import pytest

from repro.model.settings.remote_encryption import Encrypted, KeyKind, KeySource, encryption_at, is_configured
from repro.model.settings.settings import BadSettings, merge_settings, parse_settings
from repro.model.settings.settings_edit import BadRemoteName, add_remote, remove_remote, set_encryption

FILE = KeySource(KeyKind.FILE, "~/k", "local")
KNOWN = Encrypted(FILE)
REQUIRED = Encrypted(None)


def read(text: str, what: str = "local", committed: bool = False) -> dict[str, Encrypted]:
    return dict(parse_settings(text.encode(), what, committed).encryption)


def test_a_key_is_in_one_of_three_places_or_known_elsewhere() -> None:
    text = """\
remotes:
  a: {url: /a, encryption: {key_file: ~/k}}
  b: {url: /b, encryption: {key_command: "pass show b"}}
  c: {encryption: {keyring: c}}
  d: {url: /d, encryption: required}
  e: {url: /e}
"""
    assert read(text) == {
        "a": KNOWN,
        "b": Encrypted(KeySource(KeyKind.COMMAND, "pass show b", "local")),
        "c": Encrypted(KeySource(KeyKind.KEYRING, "c", "local")),
        "d": REQUIRED,
    }
    assert set(parse_settings(text.encode(), "x").remotes) == {"a", "b", "d", "e"}


@pytest.mark.parametrize(
    "encryption",
    [
        *("{}", "yes", "true", "[]", "3", "{key_file: }", "{key_file: 3}", "{key_file: a, keyring: b}"),
        *("{key-file: a}", "{key: a}", "'repro-key-1:AAAA'", "{key_file: [a]}"),
    ],
)
def test_what_names_no_one_place_is_refused_with_its_line(encryption: str) -> None:
    with pytest.raises(BadSettings, match=r"repro\.yaml, line 3"):
        parse_settings(f"remotes:\n  a:\n    {{url: /a, encryption: {encryption}}}\n".encode(), "repro.yaml")


@pytest.mark.parametrize("kind", ["key_file", "key_command"])
def test_what_comes_with_a_clone_names_no_file_and_no_command(kind: str) -> None:
    text = f"remotes:\n  a:\n    url: /a\n    encryption: {{{kind}: x}}\n"
    with pytest.raises(BadSettings, match=r"repro\.yaml, line 4") as caught:
        read(text, "repro.yaml", committed=True)
    assert "local.yaml" in str(caught.value.hint)
    assert read(text.replace(kind, "keyring"), "repro.yaml", committed=True)
    assert read("remotes: {a: {url: /a, encryption: required}}", "repro.yaml", committed=True) == {"a": REQUIRED}


@pytest.mark.parametrize(
    ("nearer", "farther", "merged"),
    [
        (KNOWN, REQUIRED, KNOWN),
        (REQUIRED, KNOWN, KNOWN),
        (KNOWN, None, KNOWN),
        (None, KNOWN, KNOWN),
        (REQUIRED, None, REQUIRED),
        (None, REQUIRED, REQUIRED),
        (KNOWN, Encrypted(KeySource(KeyKind.FILE, "other", "user")), KNOWN),
    ],
)
def test_the_nearer_key_wins_and_nothing_makes_a_remote_plain(
    nearer: Encrypted | None, farther: Encrypted | None, merged: Encrypted
) -> None:
    def having(encrypted: Encrypted | None) -> str:
        if encrypted is None:
            return "remotes: {a: {url: /a}}"
        value = f"{{key_file: '{encrypted.key.value}'}}" if encrypted.key else "required"
        return f"remotes: {{a: {{url: /a, encryption: {value}}}}}"

    settings = [
        parse_settings(having(one).encode(), one.key.said_in if one and one.key else "x") for one in (nearer, farther)
    ]
    assert dict(merge_settings(*settings).encryption) == {"a": merged}


REMOTES = {"store": "/srv/repro", "again": "/srv/repro/", "cloud": "s3://bucket/x", "plain": "/srv/plain"}


@pytest.mark.parametrize("place", ["/srv/repro", "/srv/repro/", "file:///srv/repro", "/srv/./repro"])
def test_the_key_goes_with_the_place(place: str) -> None:
    encryption = {"again": REQUIRED, "store": KNOWN, "cloud": REQUIRED}
    assert encryption_at(place, REMOTES, encryption) == KNOWN
    assert is_configured(place, REMOTES)


def test_another_place_has_no_key() -> None:
    encryption = {"store": KNOWN, "cloud": REQUIRED, "gone": KNOWN}
    assert encryption_at("s3://bucket/x/", REMOTES, encryption) == REQUIRED
    for place in ("s3://bucket/x/y", "/srv", "/srv/plain", "ssh://h/srv/repro"):
        assert encryption_at(place, REMOTES, encryption) is None
    assert is_configured("/srv/plain", REMOTES)
    assert not is_configured("s3://bucket/y", REMOTES)


def test_a_remote_is_added_with_its_key_and_both_are_removed() -> None:
    text = "# mine\nlink: copy\n"
    added = add_remote(text, "a", "/a", "local", KNOWN)
    assert added == text + '\nremotes:\n  a:\n    url: "/a"\n    encryption:\n      key_file: "~/k"\n'
    assert remove_remote(added, "a", "local") == text + "\n"
    required = add_remote("", "a", "/a", "x", REQUIRED)
    assert required == 'remotes:\n  a:\n    url: "/a"\n    encryption: required\n'


def test_a_key_is_named_anew_and_the_url_stays() -> None:
    text = set_encryption("", "a", KNOWN, "local")
    assert text == 'remotes:\n  a:\n    encryption:\n      key_file: "~/k"\n'
    other = Encrypted(KeySource(KeyKind.COMMAND, "echo 'x: \"y\"'", "local"))
    text = set_encryption(text, "a", other, "local")
    assert read(text) == {"a": other}
    assert "~/k" not in text
    text = set_encryption(add_remote(text, "b", "/b", "local"), "b", KNOWN, "local")
    assert parse_settings(text.encode(), "local").remotes == {"b": "/b"}
    assert read(text) == {"a": other, "b": KNOWN}
    # What an earlier remote of that name left does not count for a new one.
    assert read(add_remote(text, "a", "/a", "local")) == {"b": KNOWN}
    with pytest.raises(BadRemoteName):
        remove_remote(text, "c", "local")
