"""Where a sandbox puts things: recorded paths come from elsewhere, and nothing of the system may be covered by them."""

from __future__ import annotations

import pytest

from repro.model.runs.processor import Level, ask_for, features_of, lacking, level_of
from repro.model.watching.sandbox import Mount, account_of, in_order, is_usable, place_inside, place_of
from repro.model.watching.sandbox_rules import made_files

V2 = "pni ssse3 sse4_1 sse4_2 popcnt cx16"
V3 = f"{V2} avx avx2 bmi1 bmi2 f16c fma movbe"
V4 = f"{V3} avx512f avx512bw avx512cd avx512dq avx512vl"


@pytest.mark.parametrize("path", [b"/home/ann/p", b"/srv/x", b"/root", b"/data", b"/home/ann/a b\xff", b"/tmp/x"])
def test_a_recorded_path_that_is_nobodys_is_taken(path: bytes) -> None:
    assert place_of(path, b"/own", ()) == path


@pytest.mark.parametrize(
    "path",
    [
        *(
            b"",
            b"/",
            b"home/ann",
            b"/home/../etc",
            b"/home//ann",
            b"/home/ann/",
            b"/a/./b",
            b"/a\0b",
            b"/" + b"a" * 256,
        ),
        *(b"/usr/lib/x", b"/etc", b"/proc/self", b"/dev/shm/x", b"/lib64/x", b"/sys/x", b"/run/x", b"/nix/store"),
    ],
)
def test_a_recorded_path_that_is_unsafe_or_the_systems_is_not_taken(path: bytes) -> None:
    assert not is_usable(path)
    assert place_of(path, b"/own", ()) == b"/own"


def test_nothing_is_put_over_what_the_interpreter_needs_or_into_it() -> None:
    needed = (b"/opt/python",)
    assert place_of(b"/opt", b"/own", needed) == b"/own"
    assert place_of(b"/opt/python", b"/own", needed) == b"/own"
    assert place_of(b"/opt/python/lib", b"/own", needed) == b"/own"
    assert place_of(b"/opt/python3", b"/own", needed) == b"/opt/python3"


def test_what_lies_inside_another_is_mounted_after_it_and_the_last_word_counts() -> None:
    mounts = [
        Mount(b"1", b"/a/b/c"),
        Mount(b"2", b"/a-b"),
        Mount(b"3", b"/a"),
        Mount(b"4", b"/a/b"),
        Mount(b"5", b"/a"),
    ]
    assert [mount.source for mount in in_order(mounts)] == [b"5", b"4", b"1", b"2"]


def test_a_name_that_could_write_another_line_into_etc_passwd_is_replaced() -> None:
    account = account_of("host\nevil 6.6.6.6", "x:0:0::/:/bin/sh\nroot", 1000, 2**63 - 1)
    assert (account.host, account.user, account.gid) == ("localhost", "user", 2**32 - 2)
    files = made_files("ann", "desk", "/home/ann", 1000, 100)
    assert files["passwd"] == "root:x:0:0:root:/root:/bin/sh\nann:x:1000:100:ann:/home/ann:/bin/sh\n"
    assert "127.0.0.1 localhost desk" in files["hosts"]


def test_root_stands_once_in_etc_passwd() -> None:
    assert made_files("root", "desk", "/root", 0, 0)["passwd"] == "root:x:0:0:root:/root:/bin/sh\n"


def test_levels_of_instruction_sets() -> None:
    assert [level_of(features_of(flags)) for flags in ("", V2, V3, V4, "asimd sve")] == [0, 2, 3, 4, 0]
    assert level_of(features_of(V4.replace("avx512vl", ""))) == Level.V3


def test_a_processor_that_can_more_is_asked_for_the_recorded_level() -> None:
    asked = ask_for(features_of(V3), features_of(V4), "2.3.5")
    assert asked["OPENBLAS_CORETYPE"] == "Haswell"
    assert "AVX512_SKX" in asked["NPY_DISABLE_CPU_FEATURES"].split()
    assert ask_for(features_of(V3), features_of(V4), "2.4.0")["NPY_DISABLE_CPU_FEATURES"].startswith("X86_V4")
    assert "NPY_DISABLE_CPU_FEATURES" not in ask_for(features_of(V3), features_of(V4), None)
    spr = [ask_for(features_of(V3), features_of(V4), v)["NPY_DISABLE_CPU_FEATURES"] for v in ("1.24.4", "1.25.0")]
    assert [names.split()[-1] for names in spr] == ["AVX512_ICL", "AVX512_SPR"]


def test_nothing_is_asked_within_a_level_of_a_lower_one_or_where_nothing_was_recorded() -> None:
    same = features_of(V4)
    assert ask_for(same, (*same, "avx512_bf16"), None) == {}
    assert ask_for(same, features_of(V3), None) == {}
    assert ask_for((), same, None) == {}


def test_what_a_processor_lacks_is_named() -> None:
    assert lacking(features_of(V3), features_of(V2)) == ("avx", "avx2", "bmi1", "bmi2", "f16c", "fma", "movbe")
    assert lacking(features_of(V2), features_of(V4)) == ()


def test_a_path_lies_on_this_machine_where_the_innermost_mount_around_it_may_be_written_to() -> None:
    mounts = (
        Mount(b"/own/home", b"/home/ann", writable=True),
        Mount(b"/own/p", b"/home/ann/p", writable=True),
        Mount(b"/own/data", b"/home/ann/p/data"),
    )
    assert place_inside(b"/home/ann/.tool", mounts) == b"/own/home/.tool"
    assert place_inside(b"/home/ann/p/x", mounts) == b"/own/p/x"
    assert place_inside(b"/home/ann/p/data/x", mounts) is None
    assert place_inside(b"/home/ann", mounts) is None
    assert place_inside(b"/home/anna/x", mounts) is None
