"""An answer that is remembered in a file."""

from __future__ import annotations

import os
from pathlib import Path

from repro.env.memo_file import write_memo


def test_a_memo_takes_the_place_of_the_one_before_and_its_folder_is_made(tmp_path: Path) -> None:
    memo = tmp_path / "memos" / "of-some" / "answer"
    write_memo(str(memo), "no\n")
    write_memo(str(memo), "yes: ä\n")
    assert memo.read_bytes() == "yes: ä\n".encode()
    assert os.listdir(memo.parent) == ["answer"]


def test_a_memo_that_cannot_be_written_is_passed_over_and_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "answer").mkdir()
    write_memo(str(tmp_path / "answer"), "yes")
    assert os.listdir(tmp_path) == ["answer"]
    (tmp_path / "file").touch()
    write_memo(str(tmp_path / "file" / "answer"), "yes")
    assert (tmp_path / "file").read_bytes() == b""
