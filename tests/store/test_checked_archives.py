"""Archive records under names that are not theirs."""

from __future__ import annotations

import pytest

from repro.model.environments.archive import Archive, archive_file_name, render_archive
from repro.store.records.archives import WrongArchive, checked_archive
from tests.model.some_records import digest


def test_a_record_is_taken_under_its_own_name_alone() -> None:
    data = render_archive(Archive(digest("1"), "pip", ()))
    own, file = digest("1")[3:], archive_file_name(data)
    assert checked_archive(f"{own}/{file}", data, "shown").environment == digest("1")
    with pytest.raises(WrongArchive, match="is of the environment"):
        checked_archive(f"{digest('2')[3:]}/{file}", data, "shown")
    with pytest.raises(WrongArchive, match="was changed after it was written"):
        checked_archive(f"{own}/{file}", data + b"# more\n", "shown")
