"""What engines write in several ways into a layer, repro writes in one."""

from __future__ import annotations

import tarfile

from repro.env.image.layer_entries import Below, needs_below, plain_members

EPOCH = 315532800


def entry(path: str, mode: int = 0o755, *, mtime: int = 5, link: str = "") -> tarfile.TarInfo:
    """A directory where the path ends with a slash, else a file."""
    info = tarfile.TarInfo(path.rstrip("/"))
    info.type = tarfile.DIRTYPE if path.endswith("/") else tarfile.REGTYPE
    info.mode, info.mtime, info.linkname = mode, mtime, link
    return info


def below(*layers: list[tarfile.TarInfo]) -> Below:
    found = Below()
    for layer in layers:
        found.add(layer)
    return found


def written(members: list[tarfile.TarInfo], under: Below) -> list[tuple[str, int, float, str]]:
    plain = plain_members(members, under, EPOCH)
    return sorted((member.name, member.mode, member.mtime, member.linkname) for member in plain)


BASE = [entry(path) for path in ("usr/", "usr/a", "usr/d/", "usr/d/x", "usr/d/e/", "usr/d/e/y", "usr/d/e/z", "etc/")]


def test_an_opaque_directory_and_single_names_are_one() -> None:
    again = [entry("usr/"), entry("usr/d/"), entry("usr/d/e/"), entry("usr/d/e/y")]
    opaque = [*again, entry("usr/d/.wh..wh..opq", mtime=99)]
    single = [*again, entry("usr/d/.wh.x", 0, mtime=0), entry("usr/d/e/.wh.z", 0)]
    assert needs_below(opaque)
    assert written(opaque, below(BASE)) == written(single, below(BASE))
    assert [name for name, *_ in written(opaque, below(BASE)) if ".wh." in name] == ["usr/d/.wh.x", "usr/d/e/.wh.z"]


def test_of_what_is_gone_the_topmost_path_is_named_and_a_file_in_its_place_says_enough() -> None:
    opaque = [entry("usr/"), entry("usr/d/"), entry("usr/d/.wh..wh..opq"), entry("usr/d/x")]
    assert [name for name, *_ in written(opaque, below(BASE)) if ".wh." in name] == ["usr/d/.wh.e"]
    replaced = [entry("usr/"), entry("usr/d/"), entry("usr/d/.wh..wh..opq"), entry("usr/d/e")]
    assert [name for name, *_ in written(replaced, below(BASE)) if ".wh." in name] == ["usr/d/.wh.x"]


def test_what_a_layer_between_has_taken_away_is_not_named_again() -> None:
    between = [entry("usr/"), entry("usr/d/"), entry("usr/d/.wh.e"), entry("usr/d/w")]
    opaque = [entry("usr/"), entry("usr/d/"), entry("usr/d/.wh..wh..opq")]
    names = [name for name, *_ in written(opaque, below(BASE, between))]
    assert names == ["usr", "usr/d", "usr/d/.wh.w", "usr/d/.wh.x"]


def test_a_name_that_is_gone_has_nothing_left_over_from_the_engine() -> None:
    left_over = [entry("usr/.wh.a", 0o755, mtime=77, link="usr/d/x")]
    assert written(left_over, Below()) == [("usr/.wh.a", 0o600, EPOCH, "")]


def test_a_layer_without_entries_for_its_directories_has_them_all_the_same() -> None:
    base, made_anew = [entry("opt/x/y"), entry("opt/z")], [entry("opt/.wh..wh..opq"), entry("opt/w")]
    again = [entry("opt/"), entry("opt/.wh..wh..opq")]
    assert [name for name, *_ in written(again, below(base))] == ["opt", "opt/.wh.x", "opt/.wh.z"]
    assert written(again, below(base, made_anew))[1:] == [("opt/.wh.w", 0o600, EPOCH, "")]


def test_what_is_below_is_only_asked_for_where_a_directory_was_made_anew() -> None:
    assert not needs_below([entry("usr/"), entry("usr/.wh.a"), entry("opt/")])
