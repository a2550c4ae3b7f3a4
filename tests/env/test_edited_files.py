"""Installed files that are not as they were installed, and what is not read again to know it."""

from __future__ import annotations

import hashlib
import os
import time
from pathlib import Path

import pytest

from repro.env.pip.edited_distributions import edited_distributions
from repro.env.pip.probe import probe
from repro.model.environments.edited_file import EditedFile
from repro.model.finding import Finding
from tests.env.conftest import Desk
from tests.env.small_index import SmallIndex


def installed(desk: Desk, name: str) -> Path:
    (path,) = desk.venv.glob(f"lib/*/site-packages/{name}")
    return path


def edited(desk: Desk) -> tuple[Finding, ...]:
    probed = probe(desk.python, desk.environ, str(desk.project))
    return edited_distributions(probed.distributions, probed.observations.prefix, str(desk.folder / "memo")).findings


def replace_file(path: Path, text: str) -> None:
    """As an editor does: a new file. The old one may be linked from uv's cache."""
    path.unlink()
    path.write_text(text)


@pytest.fixture
def two(desk: Desk, index: SmallIndex) -> Desk:
    index.add("alpha", "1.0")
    index.add("beta", "2.0", script="beta")
    desk.install("alpha", "beta")
    return desk


def test_what_was_installed_is_as_it_was_installed(two: Desk) -> None:
    assert edited(two) == ()


def test_an_edited_and_a_removed_file_are_named_with_what_to_do(two: Desk) -> None:
    replace_file(installed(two, "alpha.py"), "WHO = 'edited'\n")
    installed(two, "beta.py").unlink()
    first, second = edited(two)
    assert first.kind == second.kind == "environment-edited"
    assert "alpha.py" in first.detail
    assert "beta.py" in second.detail
    assert "--reinstall alpha==1.0" in (first.hint or "")
    assert edited(two) == (first, second)  # and the second time it is remembered


def test_what_an_edited_file_holds_is_recorded_and_a_removed_one_has_nothing(two: Desk) -> None:
    replace_file(installed(two, "alpha.py"), "WHO = 'edited'\n")
    installed(two, "beta.py").unlink()
    sha256 = hashlib.sha256(b"WHO = 'edited'\n").hexdigest()
    expected = (EditedFile("alpha", "1.0", "alpha.py", sha256), EditedFile("beta", "2.0", "beta.py", None))
    assert two.capture().edited == expected
    assert two.capture().edited == expected  # remembered


def test_a_run_is_told_before_it_starts_and_the_reinstalled_is_good_again(two: Desk) -> None:
    replace_file(installed(two, "alpha.py"), "WHO = 'edited'\n")
    assert [f.kind for f in two.capture().findings] == ["environment-edited"]
    two.uv("pip", "install", "--python", two.python, "--reinstall", "alpha==1.0")
    assert two.capture().findings == ()


def test_a_systems_package_is_compared_also_with_hashes_as_flit_once_wrote_them(two: Desk) -> None:
    """As Debian's python3-distro has it: no `INSTALLER`, and hexadecimal digits."""
    info = installed(two, "alpha-1.0.dist-info")
    (info / "INSTALLER").unlink()
    sha256 = hashlib.sha256(installed(two, "alpha.py").read_bytes()).hexdigest()
    replace_file(info / "RECORD", f"alpha.py,sha256={sha256},14\n")
    assert edited(two) == ()
    replace_file(installed(two, "alpha.py"), "WHO = 'edited'\n")
    [finding] = edited(two)
    assert "alpha.py was edited" in finding.detail
    assert "virtual environment" in (finding.hint or "")


def test_unchanged_files_are_not_read_again(two: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    edited(two)
    hashed: list[str] = []
    import repro.env.edited_files as module

    real = module._sha256

    def watched(path: str, *, follow_symlinks: bool) -> str | None:  # no stand-in: it calls the real function
        hashed.append(os.path.basename(path))
        return real(path, follow_symlinks=follow_symlinks)

    monkeypatch.setattr(module, "_sha256", watched)
    assert edited(two) == ()
    assert hashed == []
    replace_file(installed(two, "alpha.py"), installed(two, "alpha.py").read_text())
    assert edited(two) == ()
    assert "alpha.py" in hashed
    assert "beta.py" not in hashed


def test_an_edit_that_keeps_the_length_is_seen(two: Desk) -> None:
    edited(two)
    path = installed(two, "alpha.py")
    text = path.read_text()
    time.sleep(0.01)
    replace_file(path, text.replace("alpha", "ALPHA", 1))
    assert len(path.read_text()) == len(text)
    assert [f.kind for f in edited(two)] == ["environment-edited"]


def test_a_damaged_memo_is_looked_past(two: Desk) -> None:
    replace_file(installed(two, "alpha.py"), "WHO = 'edited'\n")
    found = edited(two)
    for path in (two.folder / "memo/installed-files").iterdir():
        path.write_text("{")
    assert edited(two) == found


def test_bytecode_and_what_installers_add_are_no_edits(two: Desk) -> None:
    two.uv("pip", "install", "--python", two.python, "--compile-bytecode", "--reinstall", "alpha==1.0")
    os.utime(installed(two, "alpha.py"))
    assert edited(two) == ()


def test_a_virtual_environment_whose_python_was_replaced_is_told(two: Desk) -> None:
    config = two.venv / "pyvenv.cfg"
    lines = [line for line in config.read_text().splitlines() if not line.startswith("version")]
    config.write_text("\n".join([*lines, "version_info = 3.11.0"]) + "\n")
    (finding,) = two.capture().findings
    assert finding.kind == "environment-drift"
    assert "made with Python 3.11.0" in finding.detail


def test_a_lock_made_with_another_interpreter_is_told(two: Desk) -> None:
    lock = two.lock_of(two.capture().environment)
    assert lock is not None
    text = lock.decode().replace("\n", "\n# python: cpython 3.10.1 cpython-310-x86_64-linux-gnu\n", 1)
    (two.project / "requirements.lock").write_text(text)
    findings = two.capture().findings
    assert [f.kind for f in findings] == ["environment-drift"]
    assert "3.10.1" in findings[0].detail
