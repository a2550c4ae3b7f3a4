"""A container's limit of processor time decides how many processes pack small files, and how many threads cut."""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from repro.store import usable_cores
from repro.store.packs import packing_processes
from repro.store.transfer import large_objects
from repro.store.usable_cores import quotas

V1 = Path("/sys/fs/cgroup/cpu")
V2 = Path("/sys/fs/cgroup")


def test_quotas_are_read_where_the_kernel_says_that_they_are(tmp_path: Path) -> None:
    (tmp_path / "cgroup").write_text("4:cpu:/job\n0::/slice/job\n")
    (tmp_path / "mountinfo").write_text(
        f"30 23 0:26 / {tmp_path}/v2 rw - cgroup2 cgroup2 rw\n31 23 0:27 / {tmp_path}/v1 rw - cgroup cgroup rw,cpu\n"
    )
    for folder, name, text in (
        ("v2/slice/job", "cpu.max", "max 100000\n"),
        ("v2/slice", "cpu.max", "300000 100000\n"),
        ("v1/job", "cpu.cfs_quota_us", "150000\n"),
        ("v1/job", "cpu.cfs_period_us", "100000\n"),
        ("v1", "cpu.cfs_quota_us", "-1\n"),
        ("v1", "cpu.cfs_period_us", "100000\n"),
    ):
        path = tmp_path / folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    assert sorted(quotas(str(tmp_path))) == [1.5, 3.0]
    assert list(quotas(str(tmp_path / "there is nothing"))) == []


@pytest.fixture
def uncached() -> Iterator[None]:
    usable_cores.usable_cores.cache_clear()
    yield
    usable_cores.usable_cores.cache_clear()


@pytest.mark.usefixtures("uncached")
@pytest.mark.parametrize(("quota", "packing", "cutting"), [(None, 4, 4), (3.0, 3, 3), (1.2, 2, 2), (0.5, 0, 2)])
def test_a_quota_leaves_fewer_processes_and_threads(
    monkeypatch: pytest.MonkeyPatch, quota: float | None, packing: int, cutting: int
) -> None:
    # A machine with as many cores as this one may not have, and a limit that needs root to be set.
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: set(range(16)))
    monkeypatch.setattr(usable_cores, "quotas", lambda: iter([] if quota is None else [quota]))
    assert packing_processes.processes_to_start() == packing
    assert large_objects.threads() == cutting


def _group_with_half_a_processor() -> Path | None:
    """A control group of this machine that gives its processes half a processor; None where none may be made."""
    for top, name, text in ((V1, "cpu.cfs_quota_us", "50000"), (V2, "cpu.max", "50000 100000")):
        group = top / f"repro-test-{os.getpid()}"
        try:
            group.mkdir()
        except OSError:
            continue
        with contextlib.suppress(OSError):
            (group / name).write_text(text)
            return group
        group.rmdir()
    return None


def test_a_real_limit_is_seen_by_who_is_limited() -> None:
    group = _group_with_half_a_processor()
    if group is None:
        pytest.skip("control groups can be made by root only, and where they are not read-only")
    script = (
        "import sys\nfrom pathlib import Path\nfrom repro.store.usable_cores import quotas, usable_cores\n"
        "Path(sys.argv[1], 'cgroup.procs').write_text('0')\nprint(usable_cores(), min(quotas()))\n"
    )
    try:
        done = subprocess.run([sys.executable, "-c", script, str(group)], capture_output=True, text=True, check=True)
    finally:
        group.rmdir()
    assert done.stdout == "1 0.5\n"
