"""The commands that mend what a check of results finds. Each can be called as it stands, in the project's root."""

from __future__ import annotations

import json
import posixpath
import re
from collections.abc import Iterable, Mapping
from typing import Any

from repro.model.dataclass import dataclass
from repro.model.names import is_within, name_to_text
from repro.model.pattern import pattern
from repro.model.runs.manifest import Manifest
from repro.model.runs.recipe import ROOT
from repro.model.yaml.strict import resolve_plain

_SAFE = pattern(rb"[A-Za-z0-9_@%+=:,./-]+")
_PATHSPEC = pattern(rb"[*?\[\\]|\A:")  # what git would not take as it stands
_LONGEST = 600
RECORDS = b".repro"
RUNS = RECORDS + b"/runs"


@dataclass(frozen=True, slots=True)
class Result:
    """A result: `path` is the data's, `file` the one that git has.

    Where that is a pointer, `tracked` is what it names: `path`, or the directory that `path` is in.
    """

    path: bytes
    file: bytes
    tracked: bytes | None = None

    @property
    def shown(self) -> str:
        """The file that git has, in text form."""
        return name_to_text(self.file)


@dataclass(frozen=True, slots=True)
class Mending:
    """Commands for what is looked at: the index, or (`commits`) a commit, which only another one can mend."""

    commits: bool = False

    def track_again(self, result: Result) -> str:
        """Return how a pointer is written anew."""
        track = f"rm {path_word(result.file)} && repro add {path_word(result.path)}"
        return self._done(f"{track} && {_git_add(result.file)}", f"Write {result.shown} anew")

    def add(self, result: Result) -> str:
        """Return how a result and its manifest come into git."""
        track = f"repro add {path_word(result.tracked)} && " if result.tracked else ""
        return self._done(track + _git_add(result.file, RECORDS), f"Account for {result.shown}")

    def record(self, result: Result) -> str:
        """Return how the first run of a result is recorded."""
        return f"repro run -o {path_word(result.path)} -- COMMAND && {self.add(result)}"

    def again(self, result: Result, manifest: Manifest, *options: str) -> str:
        """Return how the run is done once more, and its result is taken."""
        return f"{run_again(result, manifest, options)} && {self.add(result)}"

    def take_back(self, result: Result, manifest: Manifest, made: bytes) -> str:
        """Return how the bytes come back that the run made at the path `made`."""
        word = path_word(made)
        return f"repro checkout --force --run {manifest.run} {word} && {self.add(result)}"

    def bring(self, path: bytes, run: str) -> str:
        """Return how an output of a run comes into the work tree."""
        return f"repro checkout --force --run {run} {path_word(path)}"

    def keep_as_it_is(self, result: Result, attributes: Iterable[str], first: str = "") -> str:
        """Return how git is told to convert a file no more, after the command `first`."""
        folder, _, name = result.file.rpartition(b"/")
        file = folder + b"/.gitattributes" if folder else b".gitattributes"
        line = _attributes_pattern(name) + b" " + b" ".join(b"-" + one.encode() for one in attributes)
        tell = f"printf '\\n%s\\n' {_word(line)} >> {path_word(file)}"
        add = _git_add(result.file).replace(" add -- ", " add --renormalize -- ")
        command = " && ".join(filter(None, [first, tell, _git_add(file), add]))
        return self._done(command, f"Keep {result.shown} as it was made")

    def add_manifest(self, file: bytes, run: str) -> str:
        """Return how a manifest comes into git that is in the work tree, or was fetched."""
        if file.startswith(RUNS + b"/"):
            return self._done(_git_add(file), f"Record the run {run}")
        own = RUNS + f"/{run}.yaml".encode()
        copy = f"mkdir -p {path_word(RUNS)} && cp {path_word(file)} {path_word(own)}"
        return self._done(f"{copy} && {_git_add(own)}", f"Record the run {run}")

    def restore(self, file: bytes, source: str) -> str:
        """Return how a file becomes again what it is in a commit."""
        word = path_word(file)
        command = f"git restore --source={source} --staged --worktree -- {word}"
        return self._done(command, f"Restore {name_to_text(file)}")

    def remove(self, file: bytes) -> str:
        """Return how a file leaves git."""
        return self._done(f"git rm --quiet --force -- {path_word(file)}", f"Remove {name_to_text(file)}")

    def take_remote(self, file: bytes, remote: str, run: str) -> str:
        """Return how a manifest becomes that of a remote."""
        command = f"rm {path_word(file)} && repro fetch --adopt -r {text_word(remote)} {run} && {_git_add(file)}"
        return self._done(command, f"Restore {name_to_text(file)}")

    def rebuild(self, run: str) -> str:
        """Return how a rebuild of this machine is recorded."""
        command = f"repro rebuild {run} && {_git_add(f'.repro/rebuilds/{run}'.encode())}"
        return self._done(command, f"Record a rebuild of {run}")

    def _done(self, command: str, message: str) -> str:
        return f"{command} && git commit --quiet -m {text_word(message)}" if self.commits else command


def run_again(result: Result, manifest: Manifest, options: Iterable[str] = ()) -> str:
    """Return the call of `repro run` that repeats a run; of a very long command, or none, `COMMAND` stands for it."""
    recipe = manifest.recipe
    outputs = [bytes(output.path) for output in manifest.outputs if output.declared]
    if not any(is_within(result.path, path) for path in outputs):
        outputs.append(result.path)
    words = ["repro run", *options]
    words += [f"-p {text_word(f'{name}={value}')}" for name, value in _given(recipe.parameters)]
    words += [f"-o {path_word(posixpath.relpath(path, recipe.directory))}" for path in outputs]
    command = " ".join(text_word(word) for word in recipe.command)
    if recipe.command and all(word.isprintable() for word in recipe.command) and len(command) <= _LONGEST:
        words += ["--", command]
    else:
        words += ["--", "COMMAND"]
    call = " ".join(words)
    return call if recipe.directory == ROOT else f"(cd {path_word(recipe.directory)} && {call})"


def path_word(path: bytes) -> str:
    """Return a path as a word for the shell, never to be taken for an option."""
    return _word(b"./" + path if path.startswith(b"-") else path)


def text_word(text: str) -> str:
    """Return a text as a word for the shell."""
    return _word(text.encode("utf-8", "surrogateescape"))


def _word(raw: bytes) -> str:
    if _SAFE.fullmatch(raw):
        return raw.decode()
    text = raw.decode("utf-8", "surrogateescape")
    if name_to_text(raw) == text.replace("\\", "\\\\"):
        return "'" + text.replace("'", "'\\''") + "'"
    # What no terminal shows: bash, zsh and POSIX 2024 read it so.
    escaped = "".join(chr(b) if 32 <= b < 127 and b not in b"'\\" else f"\\x{b:02x}" for b in raw)
    return f"$'{escaped}'"


def _attributes_pattern(name: bytes) -> bytes:
    """Return a name in a folder as its `.gitattributes` takes it: quoted as in C where it must be."""
    escaped = re.sub(rb"([*?\[\\])", rb"\\\1", name)
    if _SAFE.fullmatch(escaped):
        return b"/" + escaped
    quoted = b"".join(
        bytes([code]) if 32 <= code < 127 and code not in b'"\\' else b"\\%03o" % code for code in escaped
    )
    return b'"/' + quoted + b'"'


def _git_add(*paths: bytes) -> str:
    literal = "--literal-pathspecs " if any(_PATHSPEC.search(path) for path in paths) else ""
    return f"git {literal}add -- {' '.join(path_word(path) for path in paths)}"


def _given(parameters: Mapping[str, Any]) -> Iterable[tuple[str, str]]:
    """Yield what was given with `-p`, as it is to be given again; a parameter file's values are a mapping."""
    for name, value in parameters.items():
        if isinstance(value, bool) or value is None:
            yield name, json.dumps(value)
        elif isinstance(value, str):
            yield name, value if _is_itself(value) else json.dumps(value, ensure_ascii=False)
        elif isinstance(value, int | float):
            yield name, repr(value)


def _is_itself(text: str) -> bool:
    if text[:1] in ("'", '"') or text != text.strip():
        return False
    try:
        return resolve_plain(text) == text
    except ValueError:
        return False
