"""What the kernel's files say of processor time, read as a container has them."""

from __future__ import annotations

import pytest

from repro.model.runs.cpu_quota import QuotaFolder, cores_within, cpus_of_max, cpus_of_quota, quota_folders

V2_MOUNT = "30 23 0:26 / /sys/fs/cgroup rw,nosuid shared:9 - cgroup2 cgroup2 rw,nsdelegate\n"
V1_MOUNTS = (
    "31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755\n"
    "32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct\n"
    "33 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset\n"
)


def paths(groups: str, mounts: str) -> list[tuple[str, int]]:
    return [(folder.path, folder.version) for folder in quota_folders(groups, mounts)]


def test_the_groups_above_limit_as_well_as_the_own() -> None:
    assert paths("0::/user.slice/job 1.scope\n", V2_MOUNT) == [
        ("/sys/fs/cgroup/user.slice/job 1.scope", 2),
        ("/sys/fs/cgroup/user.slice", 2),
        ("/sys/fs/cgroup", 2),
    ]


def test_of_version_1_only_the_hierarchy_with_processor_time_counts() -> None:
    groups = "5:cpuset:/a\n4:cpu,cpuacct:/b\n1:name=systemd:/c\n0::/\n"
    assert paths(groups, V1_MOUNTS) == [("/sys/fs/cgroup/cpu,cpuacct/b", 1), ("/sys/fs/cgroup/cpu,cpuacct", 1)]


def test_both_versions_may_be_there_at_once() -> None:
    unified = V1_MOUNTS + "41 31 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
    assert paths("1:cpu:/\n0::/x\n", unified) == [
        ("/sys/fs/cgroup/cpu,cpuacct", 1),
        ("/sys/fs/cgroup/unified/x", 2),
        ("/sys/fs/cgroup/unified", 2),
    ]


@pytest.mark.parametrize(
    ("group", "top", "found"),
    [
        ("/", "/", ["/sys/fs/cgroup"]),  # with a namespace of its own, as Docker does with version 2
        ("/docker/abc", "/docker/abc", ["/sys/fs/cgroup"]),  # without one, as with version 1
        ("/docker/abc/in", "/docker/abc", ["/sys/fs/cgroup/in", "/sys/fs/cgroup"]),
        ("/docker/abc", "/docker/abcdef", ["/sys/fs/cgroup"]),  # a mount of another group
        ("/../other", "/", ["/sys/fs/cgroup"]),  # a group outside of the namespace
    ],
)
def test_a_container_sees_its_own_group_where_the_mount_begins(group: str, top: str, found: list[str]) -> None:
    mounts = f"30 23 0:26 {top} /sys/fs/cgroup ro - cgroup2 cgroup ro\n"
    assert quota_folders(f"0::{group}\n", mounts) == tuple(QuotaFolder(path, 2) for path in found)


def test_a_mount_point_with_odd_characters_is_found() -> None:
    mounts = V2_MOUNT.replace("/sys/fs/cgroup", r"/a\040b\134040c")
    assert paths("0::/\n", mounts) == [(r"/a b\040c", 2)]


@pytest.mark.parametrize("groups", ["", "nonsense", "0::/\n", "4:cpu:/a\n"])
@pytest.mark.parametrize("mounts", ["", "nonsense\n", "1 2 - cgroup2\n", "- - -\n"])
def test_where_nothing_is_mounted_nothing_limits(groups: str, mounts: str) -> None:
    assert quota_folders(groups, mounts) == ()


@pytest.mark.parametrize(
    ("text", "cpus"),
    [
        ("max 100000\n", None),
        ("200000 100000\n", 2.0),
        ("50000 100000\n", 0.5),
        ("10000 4000\n", 2.5),
        ("", None),
        ("100000\n", None),
        ("x y\n", None),
        ("100000 0\n", None),
    ],
)
def test_a_limit_is_quota_by_period(text: str, cpus: float | None) -> None:
    assert cpus_of_max(text) == cpus


def test_of_version_1_a_quota_below_zero_is_none() -> None:
    assert cpus_of_quota("-1\n", "100000\n") is None
    assert cpus_of_quota("150000\n", "100000\n") == 1.5


@pytest.mark.parametrize(
    ("cores", "quotas", "usable"),
    [(8, [], 8), (8, [2.0], 2), (8, [4.0, 1.5], 2), (8, [0.1], 1), (2, [16.0], 2), (1, [], 1)],
)
def test_the_least_of_all_is_what_can_be_used(cores: int, quotas: list[float], usable: int) -> None:
    assert cores_within(cores, quotas) == usable
