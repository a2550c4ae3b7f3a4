from pathlib import Path

from repro.store.files.reflink import reflink


def test_a_reflink_is_a_whole_copy_or_nothing(tmp_path: Path) -> None:
    data = b"x" * 1_000_000
    (tmp_path / "source").write_bytes(data)
    with (tmp_path / "source").open("rb") as source, (tmp_path / "target").open("w+b") as target:
        done = reflink(source.fileno(), target.fileno())
    assert (tmp_path / "target").read_bytes() == (data if done else b"")


def test_across_file_systems_there_is_none(tmp_path: Path) -> None:
    with open("/proc/self/status", "rb") as source, (tmp_path / "target").open("w+b") as target:
        assert not reflink(source.fileno(), target.fileno())
