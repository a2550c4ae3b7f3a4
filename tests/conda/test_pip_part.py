"""What `pip:` of an environment.yml may ask for: sources, commits, URLs, files, folders of the project."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

from repro.env.conda.install import CondaSource
from repro.env.conda.lock_parts import parts_of
from repro.env.conda.pip_part import BadPipPart
from repro.env.conda.platform import platform_here
from repro.env.conda.realise import realise
from repro.model.environments.conda_lock import CondaLock, LockedFile, ProjectFolder
from repro.model.environments.conda_lock_file import dump_conda_lock, parse_conda_lock
from tests.command_line import Person
from tests.conda.locking import lock
from tests.conda.test_solve import wish
from tests.env.own_package import BACKEND
from tests.env.small_index import SmallIndex, make_wheel, source_files

OWN = (
    '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'
    '[project]\nname = "own"\nversion = "0.1"\ndependencies = ["alpha"]\n'
)
TRAIN = "from importlib.metadata import version\nimport alpha, delta, gamma, own\n"


def repository(folder: Path, name: str) -> str:
    """A git repository with a package; its commit."""
    for file, text in source_files(name, "2.0").items():
        (folder / file).parent.mkdir(parents=True, exist_ok=True)
        (folder / file).write_text(text)
    return commit(folder)


def commit(folder: Path) -> str:
    who = {**os.environ, "GIT_CONFIG_GLOBAL": os.devnull, "GIT_CONFIG_NOSYSTEM": "1"}
    who |= {f"GIT_{role}_{what}": "ann@example.org" for role in ("AUTHOR", "COMMITTER") for what in ("NAME", "EMAIL")}

    def git(*words: str) -> str:
        done = subprocess.run(["git", *words], cwd=folder, env=who, capture_output=True, text=True, check=True)
        return done.stdout.strip()

    git("init", "--quiet")
    git("add", "--all")
    git("commit", "--quiet", "--message", "more")
    return git("rev-parse", "HEAD")


def own_package(folder: Path) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pyproject.toml").write_text(OWN)
    (folder / "backend.py").write_text(BACKEND)
    (folder / "own.py").write_text("WHO = 'own'\n")


def locked(channel: Path, wheels: SmallIndex, place: Path, *lines: str) -> CondaLock:
    """The lock as it is read again."""
    text = wish(channel, "python", f"{{pip: {list(lines)!r}}}")
    made = lock(text, place, UV_DEFAULT_INDEX=wheels.url)
    read = parse_conda_lock(dump_conda_lock(made), "conda-lock.yml")
    assert read == made
    return read


def by_pip(one: CondaLock) -> dict[str, LockedFile]:
    return {package.name: package for package in one.packages if package.manager == "pip"}


def said(made: CondaLock, wheels: SmallIndex, place: Path, program: str) -> str:
    """Make the environment, and return what a program in it prints."""
    parts = parts_of(made, platform_here(), str(place))
    source = CondaSource({}, (), str(place / "cache"), False, {**os.environ, "UV_DEFAULT_INDEX": wheels.url})
    standing = realise(
        parts.files,
        envs_dir=str(place / "envs"),
        source=lambda: source,
        vcs=parts.commits,
        project=parts.project,
        root=parts.root,
    )
    done = subprocess.run([f"{standing.bin_dir}/python", "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_a_source_is_locked_by_its_hash_and_built_in_the_environments_own_python(
    channel: Path, wheels: SmallIndex, tmp_path: Path
) -> None:
    wheels.add_source("gamma", "1.0")
    made = locked(channel, wheels, tmp_path, "gamma")
    assert by_pip(made)["gamma"].file_name == "gamma-1.0.tar.gz"
    assert said(made, wheels, tmp_path, "import gamma; print(gamma.WHO)") == "gamma 1.0 built\n"


def test_a_wheel_is_preferred_to_the_source_of_a_newer_version(
    channel: Path, wheels: SmallIndex, tmp_path: Path
) -> None:
    wheels.add_source("alpha", "2.0")
    assert by_pip(locked(channel, wheels, tmp_path, "alpha"))["alpha"].version == "1.0"


def test_git_is_locked_by_the_commit_as_conda_lock_does(channel: Path, wheels: SmallIndex, tmp_path: Path) -> None:
    head = repository(tmp_path / "lib", "delta")
    url = f"git+file://{tmp_path}/lib"
    made = locked(channel, wheels, tmp_path, f"-e {url}#egg=delta", "alpha")
    delta = by_pip(made)["delta"]
    assert (delta.url, delta.sha256) == (f"{url}@{head}", head)
    assert delta == by_pip(locked(channel, wheels, tmp_path, f"delta @ {url}@{head[:12]}"))["delta"]
    (tmp_path / "lib/delta.py").write_text("WHO = 'another'\n")
    commit(tmp_path / "lib")
    program = "import alpha, delta; print(alpha.WHO, delta.WHO)"
    assert said(made, wheels, tmp_path, program) == "alpha 1.0 delta 2.0 built\n"


def test_a_url_and_a_file_are_locked_by_their_hashes(channel: Path, wheels: SmallIndex, tmp_path: Path) -> None:
    make_wheel(tmp_path / "own", "beta", "2.0")
    wheels.add_source("gamma", "1.0")
    base = wheels.url.removesuffix("/simple")
    lines = (f"{base}/files/gamma-1.0.tar.gz", f"alpha @ {base}/files/alpha-1.0-py3-none-any.whl")
    made = locked(channel, wheels, tmp_path, *lines, "./own/beta-2.0-py3-none-any.whl")
    assert {name: one.url.partition(":")[0] for name, one in by_pip(made).items()} == {
        "alpha": "http",
        "beta": "file",
        "gamma": "http",
    }
    program = "import alpha, beta, gamma; print(alpha.WHO, beta.WHO, gamma.WHO)"
    assert said(made, wheels, tmp_path, program) == "alpha 1.0 beta 2.0 gamma 1.0 built\n"


def test_a_folder_of_the_project_is_code_and_what_it_needs_is_locked(
    channel: Path, wheels: SmallIndex, tmp_path: Path
) -> None:
    own_package(tmp_path / "libs/own")
    made = locked(channel, wheels, tmp_path, "-e ./libs/own")
    assert made.project == {platform_here(): (ProjectFolder("own", "libs/own", editable=True),)}
    assert by_pip(made).keys() == {"alpha"}
    (tmp_path / "libs/own/own.py").write_text("WHO = 'edited'\n")
    assert said(made, wheels, tmp_path, "import alpha, own; print(alpha.WHO, own.WHO)") == "alpha 1.0 edited\n"


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("-r requirements.txt", "an option"),
        (
            "--extra-index-url https://ann:secret@example.org/simple",
            "'--extra-index-url https://example.org/simple', an",
        ),
        ("x @ hg+https://example.org/x", "git alone"),
        ("words>=9", "conda installs words"),
        ("words @ https://example.org/words-9-py3-none-any.whl", "conda installs words"),
        ("libs/own", "no requirement"),
        ("{outside}", "outside the project"),
        ("git+file://{words}", "conda installs a package of that name"),
    ],
)
def test_what_no_lock_can_hold_or_conda_contradicts_is_refused(
    channel: Path, wheels: SmallIndex, tmp_path: Path, line: str, why: str
) -> None:
    outside = tmp_path / "outside"
    own_package(outside)
    if "{words}" in line:
        repository(tmp_path / "w", "words")
    project = tmp_path / "project"
    project.mkdir()
    text = wish(channel, "words", f"{{pip: ['{line.format(outside=outside, words=tmp_path / 'w')}']}}")
    with pytest.raises(BadPipPart, match=why) as refused:
        lock(text, project, UV_DEFAULT_INDEX=wheels.url)
    assert refused.value.hint


def test_such_a_project_is_locked_made_run_archived_and_rebuilt_without_a_network(
    ann: Person, bob: Person, channel: Path, wheels: SmallIndex, tmp_path: Path
) -> None:
    ann = ann.having(UV_DEFAULT_INDEX=wheels.url, UV_CACHE_DIR=str(tmp_path / "uv"))
    bob = bob.having(UV_CACHE_DIR=str(tmp_path / "another"))
    ann.git("init", "--quiet")
    own_package(ann.cwd)
    head = repository(tmp_path / "lib", "delta")
    wheels.add_source("gamma", "1.0")
    ann.write("repro.yaml", "environment: {file: environment.yml}\n")
    ann.write("environment.yml", wish(channel, "python", f"{{pip: [-e ., gamma, 'git+file://{tmp_path}/lib']}}"))
    # Where the script is, own.py would be found anyway: only what is installed has a version.
    ann.write("train.py", f"{TRAIN}open('out', 'w').write(version('own') + own.WHO + gamma.WHO + delta.WHO)\n")
    ann.repro("env", "lock")
    ann.repro("env", "create")
    shown = [finding["kind"] for finding in ann.repro_json("env", "show")["findings"]]
    assert shown == ["environment-local-source"], "nothing has drifted; the repository is of this machine"
    ann.git("add", "--all")
    ann.git("commit", "--quiet", "--message", "begin")
    ann.repro("run", "--", "python", "train.py")
    recorded = ann.manifest()["facts"]["recipe"]["environment"]
    assert [(one["name"], one["commit"]) for one in recorded["vcs"]] == [("delta", head)]
    assert [one["file"] for one in recorded["wheels"]] == ["gamma-1.0-py3-none-any.whl"]
    assert [(one["name"], one["path"]) for one in recorded["project"]] == [("own", ".")]
    (tmp_path / "lib/delta.py").write_text("WHO = 'another'\n")
    after = commit(tmp_path / "lib")
    ann.repro("env", "lock")
    prefix = ann.manifest()["observations"]["environment"]["prefix"]
    drifted = ann.having(CONDA_PREFIX=prefix).repro_json("env", "show")["findings"]
    details = [finding["detail"] for finding in drifted if finding["kind"] == "environment-drift"]
    assert details == [f"delta at commit {head[:12]} installed, conda-lock.yml has it at commit {after[:12]}"]
    ann.repro("env", "archive")
    ann.repro("push", "-r", str(tmp_path / "remote"))
    run = ann.runs()[-1]
    shutil.rmtree(tmp_path / "lib")
    shutil.rmtree(ann.home)
    answer = bob.repro_json("rebuild", run, "--from", str(tmp_path / "remote"), "--offline")
    assert answer["verdict"] == "identical", "what git had at the commit is in the archive"
