"""Results that git keeps otherwise than they were made: line endings, filters, Git LFS."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from tests.check.conftest import Checker

CSV = "printf 'a,b\\r\\n1,2\\r\\n' > results/a"
MADE = b"a,b\r\n1,2\r\n"


def make(person: Checker, script: str = CSV, path: str = "results/a") -> None:
    person.repro("run", "--watch", "off", "-o", path, "--", "sh", "-c", script)
    person.git("add", "--all")


def in_a_fresh_clone(person: Checker, path: str = "results/a") -> bytes:
    person.git("commit", "--quiet", "--all", "--allow-empty", "-m", "the result")
    person.git("clone", "--quiet", ".", "../fresh")
    return (person.home / "fresh" / path).read_bytes()


@pytest.mark.parametrize("text", ["* text=auto\n", "*  text\n", 'results/** text=auto eol=lf\n"unclosed\n'])
def test_line_endings_that_git_takes_away_are_named_and_kept_by_the_proposed_command(made: Checker, text: str) -> None:
    made.write(".gitattributes", text)
    make(made)
    found = made.finding("line-ends-changed", "--staged")
    assert (found["path"], found["run"]) == ("results/a", made.run_id())
    made.mend(found)
    assert made.findings("--staged") == []
    assert in_a_fresh_clone(made) == MADE


def test_line_endings_that_a_setting_of_the_clone_takes_away_are_kept_too(made: Checker) -> None:
    made.git("config", "core.autocrlf", "input")
    make(made)
    made.git("commit", "--quiet", "-m", "converted")
    (made.cwd / "results/a").write_bytes(MADE.replace(b"\r", b""))  # as another clone has it
    made.mend(made.finding("line-ends-changed", "--range", "HEAD~1..HEAD"))
    assert made.findings("--rev", "HEAD") == []
    assert in_a_fresh_clone(made) == MADE


@pytest.mark.parametrize("attributes", ["eol=crlf", "text eol=crlf", "text=auto eol=crlf", "crlf eol=crlf"])
def test_what_every_clone_has_as_the_run_made_it_is_accounted_for(made: Checker, attributes: str) -> None:
    made.write(".gitattributes", f"results/** {attributes}\n")
    make(made)
    assert b"\r" not in made.git("cat-file", "blob", ":results/a").encode()
    assert made.findings("--staged") == []
    assert in_a_fresh_clone(made) == MADE


def test_a_directory_of_converted_files_is_accounted_for_without_the_store(made: Checker) -> None:
    made.write(".gitattributes", "results/** text eol=crlf\n")
    make(made, CSV.replace("results/a", "results/b"), "results")
    assert made.findings("--staged") == []


def test_binary_files_and_those_that_are_exempt_are_taken_as_they_are(made: Checker) -> None:
    made.write(".gitattributes", "* text=auto eol=crlf\nresults/raw binary\n")
    make(made, "printf 'a\\nb\\n' > results/raw; printf '\\0\\n' > results/a", "results")
    assert made.findings("--staged") == []


@pytest.mark.parametrize("name", ["a b", "s*[x]", 'q"\\', "#hash", "größe", "line\nbreak"])
def test_a_file_of_any_name_is_kept_as_it_was_made(made: Checker, name: str) -> None:
    made.write(".gitattributes", "* text=auto\n")
    (made.cwd / "results/a").unlink()
    script = made.write("csv.py", f"open({'results/' + name!r}, 'wb').write({MADE!r})\n")
    made.repro("run", "--watch", "off", "-o", f"results/{name}", "--", "python", script.name)
    made.git("add", "--all")
    made.mend(made.finding("line-ends-changed", "--staged"))
    assert made.findings("--staged") == []
    assert in_a_fresh_clone(made, f"results/{name}") == MADE


def test_what_a_filter_of_the_clone_made_of_a_result_is_not_known(made: Checker) -> None:
    made.git("config", "filter.upper.clean", "tr a-z A-Z")
    made.write(".gitattributes", "results/** filter=upper\n")
    make(made)
    found = made.finding("could-not-tell", "--staged")
    assert "filter=upper" in found["detail"]
    made.mend(found)
    assert made.findings("--staged") == []


CLEAN = """\
#!/bin/sh
# What `git-lfs clean` does, in the words of its specification: the real one is no package that pip can bring.
set -e
temp=$(mktemp)
cat > "$temp"
oid=$(sha256sum < "$temp" | cut -c1-64)
folder=$(git rev-parse --git-common-dir)/lfs/objects/$(echo "$oid" | cut -c1-2)/$(echo "$oid" | cut -c3-4)
mkdir -p "$folder"
printf 'version https://git-lfs.github.com/spec/v1\\noid sha256:%s\\nsize %s\\n' "$oid" "$(wc -c < "$temp")"
mv "$temp" "$folder/$oid"
"""


@pytest.fixture
def large(made: Checker) -> Checker:
    """A result that Git LFS keeps, staged."""
    clean = made.write("../bin/clean", CLEAN, 0o755)
    made.git("config", "filter.lfs.clean", str(clean))
    made.write(".gitattributes", "results/** filter=lfs diff=lfs merge=lfs -text\n")
    made.git("add", "--renormalize", "--all")
    make(made)
    assert made.git("cat-file", "blob", ":results/a").startswith("version https://git-lfs")
    return made


def kept_by_lfs(person: Checker) -> Path:
    oid = hashlib.sha256(MADE).hexdigest()
    return person.cwd / ".git/lfs/objects" / oid[:2] / oid[2:4] / oid


def test_a_result_that_lfs_keeps_is_known_by_the_bytes_that_it_keeps(large: Checker) -> None:
    assert large.findings("--staged") == []
    large.git("commit", "--quiet", "-m", "large")
    (large.cwd / "results/a").write_bytes(b"something else\n")
    assert large.findings("--rev", "HEAD") == []
    large.git("add", "results")
    assert large.kinds("--staged") == ["result-changed"]


def test_a_result_whose_bytes_lfs_has_elsewhere_is_not_known(large: Checker) -> None:
    kept_by_lfs(large).unlink()
    assert large.findings("--staged") == []  # the work tree still has it
    (large.cwd / "results/a").unlink()
    found = large.finding("could-not-tell", "--staged")
    assert "git lfs fetch --include=results/a" in found["hint"]


def test_what_lfs_keeps_is_looked_at_and_not_believed(large: Checker) -> None:
    kept_by_lfs(large).write_bytes(MADE.replace(b"1", b"7"))
    (large.cwd / "results/a").unlink()
    assert large.kinds("--staged") == ["could-not-tell"]


def test_the_place_of_lfs_may_be_another_and_worktrees_share_it(large: Checker) -> None:
    large.git("commit", "--quiet", "-m", "large")
    kept_by_lfs(large).parents[3].rename(large.cwd / ".git/elsewhere")
    large.git("config", "lfs.storage", "elsewhere")
    large.git("config", "--unset", "filter.lfs.clean")
    large.git("worktree", "add", "--quiet", "../beside")
    beside = Checker(home=large.home, cwd=large.home / "beside", venv=large.venv, variables=large.variables)
    assert (beside.cwd / "results/a").read_bytes().startswith(b"version https://git-lfs")
    assert beside.findings("--rev", "HEAD") == []
