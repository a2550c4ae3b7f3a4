"""What is built in a conda environment, by backends that ask for more than they say: archived, and built offline."""

from __future__ import annotations

import shutil
from pathlib import Path

from tests.command_line import Person
from tests.conda.test_story import Story, rebuild, story
from tests.env.own_package import BACKEND, pyproject
from tests.env.small_index import SmallIndex, make_wheel

__all__ = ["story"]

ASKING = """

def get_requires_for_build_wheel(config_settings=None):
    return ["{0} >=1"]


get_requires_for_build_editable = get_requires_for_build_wheel
asked = build_wheel


def build_wheel(folder, config_settings=None, metadata_directory=None):
    import {0}

    return asked(folder)


build_editable = build_wheel
"""


def test_what_build_backends_ask_for_is_archived_and_the_run_is_rebuilt_without_channel_and_index(
    story: Story, wheels: SmallIndex, bob: Person, tmp_path: Path
) -> None:
    wheels.add("beta", "1.0")
    wheels.add("helper", "1.0")
    wheels.add_source("gamma", "1.0", ASKING.format("helper"))
    make_wheel(wheels.root / "files", "own-backend", "1.0", body=BACKEND + ASKING.format("beta"))
    wheels.list_wheels("own-backend")
    ann = story.ann.having(UV_DEFAULT_INDEX=wheels.url, UV_HTTP_RETRIES="0")
    ann.write("pyproject.toml", pyproject())
    ann.write("own.py", "WHO = 'own'\n")
    ann.write("train.py", "import gamma, own, words\nopen('out.txt', 'w').write(gamma.WHO + own.WHO)\n")
    asked = f"channels: ['{story.server.url}']\ndependencies: [words, {{pip: [gamma, -e .]}}]\n"
    ann.write("environment.yml", asked)
    ann.repro("env", "lock")
    ann.repro("env", "create")
    ann.git("add", "--all")
    ann.repro("run", "--", "python", "train.py")
    assert (ann.cwd / "out.txt").read_text() == "gamma 1.0 builtown"

    [said] = ann.repro_json("env", "archive")["runs"]
    names = {file["name"].rpartition("/")[2].partition("-")[0] for file in said["files"]}
    assert names >= {"words", "python", "tiny", "own_backend", "beta"}
    assert names.isdisjoint({"gamma", "helper"}), "a source was recorded as the wheel that it became"
    [run] = ann.runs()
    remote = tmp_path / "remote"
    ann.repro("push", "-r", str(remote))
    shutil.rmtree(ann.home)
    story.forget()
    wheels.stop()
    assert rebuild(bob, run, remote, 0, "--offline")["verdict"] == "identical"
