from __future__ import annotations

import os
import subprocess
import sys

from repro.code.pointer_files import pointer_paths
from tests.code.git_repository import GitRepository, init


def test_pointers_are_found_tracked_or_not(repository: GitRepository) -> None:
    repository.write("data.repro")
    repository.write(b"sub/latin-\xe9.repro")
    repository.write("sub/file.repro.txt")
    os.symlink("data.repro", repository.root / "link.repro")
    assert pointer_paths(repository.path) == [b"data.repro", b"sub/latin-\xe9.repro"]


def test_data_records_and_foreign_directories_are_not_searched(repository: GitRepository) -> None:
    repository.write("data.repro")
    for name in ("data/in.repro", ".repro/x.repro", "node_modules/x.repro", "venv/x.repro", ".repro.d/.repro"):
        repository.write(name)
    repository.write("venv/pyvenv.cfg")
    init(repository.root / "nested").write("x.repro")
    repository.write(".git/x.repro")
    assert pointer_paths(repository.path) == [b"data.repro"]


def test_finding_pointers_loads_no_heavy_module() -> None:
    script = "import repro.code.pointer_files, sys; print('dulwich' in sys.modules, 'subprocess' in sys.modules)"
    result = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True, text=True)
    assert result.stdout == "False False\n"
