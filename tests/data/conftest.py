import os
import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def open_path() -> Iterator[Path]:
    """A folder that another user can reach: pytest's own belong to the user who runs it."""
    path = Path(tempfile.mkdtemp(prefix="repro-test-"))
    path.chmod(0o755)
    yield path
    for folder, folders, _ in os.walk(path):
        for name in folders:
            os.chmod(os.path.join(folder, name), 0o700)
    shutil.rmtree(path)
