from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest

from repro.env.pip import realise as realise_module
from repro.env.pip.install_failures import (
    EnvironmentNotMade,
    IndexUnreachable,
    PackageGone,
    PackageHashMismatch,
    TamperedWheel,
    UnsafeInstall,
)
from repro.env.pip.lock_file import BadLock
from repro.env.pip.realise import vcs_requirement
from repro.env.unobtainable import EnvironmentOffline
from repro.errors import CannotProceed, IntegrityError, RemoteError
from repro.model.data.content import ObjectRef
from repro.model.digest import digest_of
from repro.model.environments.environment import PipEnvironment, ProjectInstall, VcsInstall, WheelInstall
from repro.model.names import UnsafePath
from tests.env.conftest import BASE_PYTHON, Desk, output_of
from tests.env.small_index import make_wheel, sha256
from tests.env.test_capture import commit_all, write_package


def captured(desk: Desk, *names: str) -> PipEnvironment:
    for name in names:
        desk.index.add(name, "1.0", script=f"say-{name}")
    desk.install(*names)
    environment = desk.capture().environment
    assert environment.unlocked == ()
    return environment


def tree(root: str) -> dict[str, bytes | str]:
    """Every file and link below `root`, without caches of bytecode."""
    found: dict[str, bytes | str] = {}
    for path in sorted(Path(root).rglob("*")):
        name = str(path.relative_to(root))
        if path.is_symlink():
            found[name] = str(path.readlink())
        elif path.is_file() and "__pycache__" not in name:
            found[name] = path.read_bytes()
    return found


def left_in(desk: Desk) -> list[str]:
    return [name for name in os.listdir(desk.envs) if name.startswith("tmp-")] if desk.envs.exists() else []


def test_what_was_captured_stands_elsewhere(desk: Desk) -> None:
    environment = captured(desk, "alpha", "beta")
    shutil.rmtree(desk.venv)
    made = desk.realise(environment)
    assert made.bin_dir == os.path.join(made.prefix, "bin")
    assert output_of(made, desk.environ, "python", "-c", "import alpha, beta; print(alpha.WHO, beta.WHO)") == (
        "alpha 1.0 beta 1.0\n"
    )
    assert output_of(made, desk.environ, "say-alpha") == "alpha 1.0\n"


def test_what_is_realised_captures_as_the_same_environment(desk: Desk) -> None:
    environment = captured(desk, "alpha", "beta")
    made = desk.realise(environment)
    shutil.rmtree(desk.venv)
    desk.venv.symlink_to(made.prefix)
    assert desk.capture().environment == environment


def test_the_second_time_starts_no_process(desk: Desk) -> None:
    environment = captured(desk, "alpha")
    first = desk.realise(environment)
    started = []
    sys.addaudithook(lambda event, _: started.append(event) if event == "subprocess.Popen" else None)
    assert desk.realise(environment, PATH="/nowhere") == first
    assert started == []


def test_two_places_hold_the_same_bytes(desk: Desk) -> None:
    environment = captured(desk, "alpha", "beta")
    one = desk.realise(environment)
    desk.envs = desk.folder / "another" / "place"
    two = desk.realise(environment)
    assert one.prefix != two.prefix
    assert tree(one.prefix) == tree(two.prefix)


def test_environments_share_files_by_link_and_none_can_be_written_through_another(desk: Desk) -> None:
    alone = captured(desk, "alpha")
    first, second = desk.realise(alone), desk.realise(captured(desk, "beta"))
    assert first.prefix != second.prefix
    one, two = (next(Path(made.prefix).rglob("site-packages/alpha.py")) for made in (first, second))
    assert one.samefile(two)
    files = [path for path in Path(second.prefix).rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if path.stat().st_nlink > 1 and path.stat().st_mode & 0o222] == []


def test_nothing_is_compiled_or_seeded(desk: Desk) -> None:
    made = desk.realise(captured(desk, "alpha"), UV_COMPILE_BYTECODE="1", UV_VENV_SEED="1")
    names = os.listdir(next(Path(made.prefix).glob("lib/python*/site-packages")))
    assert not [name for name in names if name == "__pycache__" or name.startswith(("pip", "setuptools"))]


def test_an_environment_without_packages_can_be_made(desk: Desk) -> None:
    made = desk.realise(desk.capture().environment)
    assert output_of(made, desk.environ, "python", "-c", "import sys; print(sys.prefix)").strip() == made.prefix


def test_the_variables_of_this_machine_do_not_reach_in(desk: Desk) -> None:
    (desk.folder / "intruder").mkdir()
    (desk.folder / "intruder/alpha.py").write_text("WHO = 'intruder'\n")
    made = desk.realise(captured(desk, "alpha"))
    here = {**desk.environ, "PYTHONPATH": str(desk.folder / "intruder"), "PYTHONHOME": "/nowhere", "VIRTUAL_ENV": "/x"}
    assert output_of(made, here, "python", "-c", "import alpha; print(alpha.WHO)") == "alpha 1.0\n"
    assert made.child_environ(here)["VIRTUAL_ENV"] == made.prefix
    assert made.child_environ({})["PATH"] == made.bin_dir


def test_a_local_wheel_and_a_commit_are_installed(desk: Desk) -> None:
    wheel = make_wheel(desk.folder / "local", "alpha", "1.0")
    repository = desk.folder / "repository"
    write_package(repository, "theirs")
    commit_all(repository)
    desk.install(str(wheel), f"theirs @ git+file://{repository}")
    environment = desk.capture().environment
    wheel.unlink()
    shutil.rmtree(desk.venv)
    made = desk.realise(environment)
    said = output_of(made, desk.environ, "python", "-c", "import alpha, theirs; print(alpha.WHO, theirs.WHO)")
    assert said == "alpha 1.0 theirs from source\n"


# ---- the project's own packages


def test_project_installs_are_made_in_a_copy(desk: Desk) -> None:
    environment = captured(desk, "alpha")
    shared = desk.realise(environment)
    before = tree(shared.prefix)
    write_package(desk.project, "mine")
    desk.install("-e", str(desk.project))
    environment = desk.capture().environment
    checkout = desk.folder / "checkout"
    shutil.copytree(desk.project, checkout, ignore=shutil.ignore_patterns(".venv"))
    (checkout / "mine.py").write_text("WHO = 'of the checkout'\n")
    shutil.rmtree(desk.project)
    made = desk.realise(environment, checkout=checkout, project_env=desk.folder / "own")
    assert made.prefix == str(desk.folder / "own")
    program = "import alpha, mine; print(alpha.WHO, mine.WHO)"
    assert output_of(made, desk.environ, "python", "-c", program) == "alpha 1.0 of the checkout\n"
    assert output_of(made, desk.environ, "say-alpha") == "alpha 1.0\n"
    assert tree(shared.prefix) == before
    shutil.rmtree(made.prefix)
    assert tree(shared.prefix) == before


def test_a_project_install_that_is_not_editable_is_built_from_the_checkout(desk: Desk) -> None:
    write_package(desk.project / "libs/other", "other")
    desk.install(str(desk.project / "libs/other"))
    environment = desk.capture().environment
    made = desk.realise(environment, checkout=desk.project, project_env=desk.folder / "own")
    assert output_of(made, desk.environ, "python", "-c", "import other; print(other.WHO)") == "other from source\n"


def test_without_the_code_the_projects_own_packages_are_left_out(desk: Desk) -> None:
    write_package(desk.project, "mine")
    desk.install("-e", str(desk.project))
    made = desk.realise(desk.capture().environment)
    assert made.prefix.startswith(str(desk.envs))
    assert (
        output_of(made, desk.environ, "python", "-c", "import importlib.util as u; print(u.find_spec('mine'))")
        == "None\n"
    )


@pytest.mark.parametrize("path", ["..", "/etc", "a/../../b", "link"])
def test_a_project_install_cannot_leave_the_checkout(desk: Desk, path: str) -> None:
    write_package(desk.folder / "outside", "mine")
    (desk.project / "link").symlink_to(desk.folder / "outside")
    environment = replace(desk.capture().environment, project=(ProjectInstall("mine", "0.1", path, True),))
    with pytest.raises((UnsafeInstall, UnsafePath)) as caught:
        desk.realise(environment, checkout=desk.project, project_env=desk.folder / "own")
    assert caught.value.exit_code == 4


# ---- what comes from elsewhere


def test_a_tampered_wheel_is_refused(desk: Desk) -> None:
    desk.install(str(make_wheel(desk.folder / "local", "alpha", "1.0")))
    environment = desk.capture().environment
    (wheel,) = environment.wheels
    desk.objects.held[wheel.object.digest] = make_wheel(
        desk.folder / "evil", "alpha", "1.0", body="import os"
    ).read_bytes()
    with pytest.raises(TamperedWheel, match=r"alpha-1\.0") as caught:
        desk.realise(environment)
    assert caught.value.exit_code == 4
    assert os.listdir(desk.envs) == []


def test_an_index_that_serves_other_bytes_is_refused(desk: Desk) -> None:
    environment = captured(desk, "alpha")
    desk.index.add("alpha", "1.0", body="import os")
    with pytest.raises(PackageHashMismatch, match="alpha") as caught:
        desk.realise(environment, UV_CACHE_DIR=str(desk.folder / "empty"))
    assert isinstance(caught.value, IntegrityError)
    assert os.listdir(desk.envs) == []


def test_an_index_that_lies_about_a_hash_is_refused(desk: Desk) -> None:
    environment = captured(desk, "alpha")
    wheel = desk.index.root / "files/alpha-1.0-py3-none-any.whl"
    make_wheel(desk.index.root / "files", "alpha", "1.0", body="import os")
    with pytest.raises(PackageHashMismatch) as caught:
        desk.realise(environment, UV_CACHE_DIR=str(desk.folder / "empty"))
    assert wheel.exists()
    assert caught.value.exit_code == 4


def test_uv_cannot_be_told_to_look_away_from_hashes(desk: Desk) -> None:
    environment = captured(desk, "alpha")
    make_wheel(desk.index.root / "files", "alpha", "1.0", body="import os")
    with pytest.raises(PackageHashMismatch):
        desk.realise(environment, UV_CACHE_DIR=str(desk.folder / "empty"), UV_NO_VERIFY_HASHES="1")


def test_a_version_that_vanished_is_told_from_a_network_that_failed(desk: Desk) -> None:
    environment = captured(desk, "alpha")
    desk.index.remove("alpha", "1.0")
    with pytest.raises(PackageGone, match=r"alpha==1\.0") as gone:
        desk.realise(environment, UV_CACHE_DIR=str(desk.folder / "empty"))
    assert isinstance(gone.value, CannotProceed)
    assert gone.value.hint
    desk.index.stop()
    with pytest.raises(IndexUnreachable, match="alpha") as unreachable:
        desk.realise(environment, UV_CACHE_DIR=str(desk.folder / "another"))
    assert isinstance(unreachable.value, RemoteError)
    assert os.listdir(desk.envs) == []


def test_offline_uses_what_is_here_and_names_what_is_not(desk: Desk) -> None:
    environment = captured(desk, "alpha")
    desk.index.requests.clear()
    with pytest.raises(EnvironmentOffline, match="alpha"):
        desk.realise(environment, offline=True, UV_CACHE_DIR=str(desk.folder / "empty"))
    assert desk.realise(environment, offline=True).prefix
    assert desk.index.requests == []


def test_no_index_is_asked_for_what_is_in_uvs_cache(desk: Desk) -> None:
    settings = desk.folder / "home/.config/uv/uv.toml"
    settings.parent.mkdir(parents=True)
    index = f'[[index]]\nurl = "{desk.index.url}"\ndefault = true\ncache-control = {{api = "max-age=0"}}\n'
    settings.write_text(index)  # what uv was told is out of date at once
    del desk.environ["UV_DEFAULT_INDEX"]
    environment = captured(desk, "alpha")
    desk.index.requests.clear()
    assert desk.realise(environment).prefix
    assert desk.index.requests == []
    made = desk.envs / os.listdir(desk.envs)[0]
    shutil.rmtree(made)
    assert desk.realise(environment, UV_CACHE_DIR=str(desk.folder / "empty")).prefix == str(made)
    assert desk.index.requests


@pytest.mark.parametrize("lock", [b"", b"-r /etc/passwd\n", b"# repro pip lock 1\n--index-url https://x\n"])
def test_a_bad_lock_starts_nothing(desk: Desk, lock: bytes) -> None:
    ref = desk.objects.add_bytes(lock)
    with pytest.raises(BadLock):
        desk.realise(replace(desk.capture().environment, lock=ref))
    assert not desk.envs.exists()


def test_a_lock_that_was_not_fetched_is_named(desk: Desk) -> None:
    environment = replace(desk.capture().environment, lock=ObjectRef(digest_of(b"x"), 1))
    with pytest.raises(EnvironmentNotMade, match="lock"):
        realise_module.realise(
            environment, lock=None, wheels={}, interpreter=BASE_PYTHON, envs_dir=str(desk.envs), environ=desk.environ
        )


GIT = VcsInstall("theirs", "0.1", "git", "https://example.org/theirs.git", "a" * 40)


@pytest.mark.parametrize(
    "install",
    [
        replace(GIT, name="--editable"),
        replace(GIT, name="theirs @ https://evil.example/x.whl #"),
        replace(GIT, vcs="hg"),
        replace(GIT, url="--index-url=https://evil.example"),
        replace(GIT, url="/etc"),
        replace(GIT, url="ext::sh -c id"),
        replace(GIT, url="https://example.org/x.git#subdirectory=.."),
        replace(GIT, url="https://ann:secret@example.org/x.git"),
        replace(GIT, commit="main"),
        replace(GIT, commit="a" * 40 + "#egg=x"),
        replace(GIT, subdirectory="../.."),
        replace(GIT, subdirectory="x&egg=y"),
    ],
)
def test_an_install_that_no_capture_writes_is_refused(install: VcsInstall) -> None:
    with pytest.raises(UnsafeInstall):
        vcs_requirement(install)


def test_a_sound_commit_becomes_a_requirement() -> None:
    assert vcs_requirement(replace(GIT, subdirectory="a/b")) == (
        f"theirs @ git+https://example.org/theirs.git@{'a' * 40}#subdirectory=a/b"
    )


def test_a_wheel_under_a_name_of_another_package_is_refused(desk: Desk) -> None:
    wheel = make_wheel(desk.folder / "local", "alpha", "1.0")
    ref = desk.objects.add_bytes(wheel.read_bytes())
    install = WheelInstall("beta", "1.0", wheel.name, sha256(wheel), ref)
    with pytest.raises(UnsafeInstall):
        desk.realise(replace(desk.capture().environment, wheels=(install,)))


# ---- at any kill


def test_two_at_once_end_with_the_same_environment(desk: Desk) -> None:
    environment = captured(desk, "alpha", "beta")
    with ThreadPoolExecutor(4) as pool:
        made = list(pool.map(lambda _: desk.realise(environment), range(4)))
    assert {one.prefix for one in made} == {made[0].prefix}
    assert len(os.listdir(desk.envs)) == 1
    assert output_of(made[0], desk.environ, "say-beta") == "beta 1.0\n"


REALISE = """
import pickle, sys
from repro.env.pip.realise import realise
environment, arguments = pickle.loads(bytes.fromhex(sys.argv[1]))
realise(environment, **arguments)
"""


def test_a_full_disk_is_named_and_leaves_nothing(desk: Desk) -> None:
    import pickle

    desk.index.add("big", "1.0", body="# " + os.urandom(400_000).hex())
    desk.install("big")
    environment = desk.capture().environment
    desk.envs.mkdir()
    arguments = {
        "lock": desk.lock_of(environment),
        "wheels": {},
        "interpreter": BASE_PYTHON,
        "envs_dir": str(desk.envs),
        "environ": desk.environ,
    }
    payload = pickle.dumps((environment, arguments)).hex()
    program = f"""
from repro.env.pip.install_failures import EnvironmentDiskFull
try:
    exec({REALISE!r})
except EnvironmentDiskFull as error:
    import os
    assert "No space left" in error.message and error.hint and error.exit_code == 3, error
    assert os.listdir({str(desk.envs)!r}) == []
    raise SystemExit(42)
"""
    small = f'mount -t tmpfs -o size=500k none {desk.envs} || exit 77; exec "$@"'
    who = ["-m"] if os.getuid() == 0 else ["-rm"]
    command = ["unshare", *who, "sh", "-c", small, "sh", sys.executable, "-c", program, payload]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode in (1, 77) and "not permitted" in done.stderr:
        pytest.skip("this machine lets nobody mount a small file system")
    assert done.returncode == 42, done.stderr


def test_a_kill_half_way_leaves_only_what_is_cleaned_up_later(desk: Desk) -> None:
    import pickle

    environment = captured(desk, "alpha")
    wrapper = desk.folder / "python"
    wrapper.write_text(f'#!/bin/sh\nsleep 30\nexec {BASE_PYTHON} "$@"\n')
    wrapper.chmod(0o755)
    arguments = {
        "lock": desk.lock_of(environment),
        "wheels": {},
        "interpreter": str(wrapper),
        "envs_dir": str(desk.envs),
        "environ": desk.environ,
    }
    payload = pickle.dumps((environment, arguments)).hex()
    process = subprocess.Popen([sys.executable, "-c", REALISE, payload], start_new_session=True)
    deadline = time.monotonic() + 20
    while not left_in(desk) and time.monotonic() < deadline:
        time.sleep(0.01)
    os.killpg(process.pid, signal.SIGKILL)
    assert process.wait() == -signal.SIGKILL
    (left,) = os.listdir(desk.envs)
    assert left.startswith("tmp-")
    made = desk.realise(environment)
    assert sorted(os.listdir(desk.envs)) == sorted([left, os.path.basename(made.prefix)])
    shutil.rmtree(made.prefix)
    two_days_ago = time.time() - 2 * 24 * 3600
    os.utime(desk.envs / left, (two_days_ago, two_days_ago))
    made = desk.realise(environment)
    assert os.listdir(desk.envs) == [os.path.basename(made.prefix)]


def test_an_environment_that_somebody_installed_into_is_made_anew(desk: Desk) -> None:
    environment = captured(desk, "alpha")
    made = desk.realise(environment)
    before = tree(made.prefix)
    desk.index.add("beta", "1.0")
    desk.uv("pip", "install", "--python", made.prefix, "beta")
    again = desk.realise(environment)
    assert again == made
    assert tree(again.prefix) == before
    assert left_in(desk) == []


def test_an_environment_whose_files_were_taken_away_is_made_anew(desk: Desk) -> None:
    environment = captured(desk, "alpha")
    made = desk.realise(environment)
    os.unlink(os.path.join(made.prefix, "bin/python"))
    assert output_of(desk.realise(environment), desk.environ, "say-alpha") == "alpha 1.0\n"


def test_another_lock_is_another_environment(desk: Desk) -> None:
    one = captured(desk, "alpha")
    two = captured(desk, "beta")
    assert desk.realise(one).prefix != desk.realise(two).prefix


def test_a_build_that_fails_is_shown_in_uvs_words(desk: Desk) -> None:
    write_package(desk.project, "mine")
    (desk.project / "backend.py").write_text("raise SystemExit('the backend is broken')\n")
    environment = replace(desk.capture().environment, project=(ProjectInstall("mine", "0.1", ".", True),))
    with pytest.raises(EnvironmentNotMade, match="mine") as caught:
        desk.realise(environment, checkout=desk.project, project_env=desk.folder / "own")
    assert "broken" in caught.value.message
    assert caught.value.hint
