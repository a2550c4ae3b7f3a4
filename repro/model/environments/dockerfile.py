"""What a Dockerfile says: which images it starts from, which files it takes, which builder it needs. Pure.

Source: Docker's "Dockerfile reference" (syntax of lines, FROM, ARG, COPY, ADD, RUN --mount, here-documents).
"""

from __future__ import annotations

import itertools
import json
import re
from collections.abc import Mapping

from repro.model.dataclass import dataclass
from repro.model.pattern import pattern

_ESCAPE = pattern(r"#\s*escape\s*=\s*([\\`])\s*$", re.IGNORECASE)
_DIRECTIVE = pattern(r"#\s*\w+\s*=")
_WORD = pattern(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
_SYNTAX = pattern(r"#\s*syntax\s*=\s*(\S+)", re.IGNORECASE)
_HEREDOC = pattern(r"(?:^|[\s\d])<<(-?)([\"']?)([A-Za-z_][A-Za-z0-9_]*)\2")
_SECRET_MOUNT = pattern(r"--mount=\S*type=(?:secret|ssh)\b")
_SCRATCH = "scratch"
# Flags that Docker's classic builder does not have.
_BUILDKIT = {
    "RUN": ("--mount", "--network", "--security", "--device"),
    "COPY": ("--chmod", "--link", "--parents", "--exclude"),
    "ADD": ("--chmod", "--link", "--checksum", "--keep-git-dir", "--unpack", "--exclude"),
}


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """What was found in a Dockerfile.

    Attributes:
        bases: the images that it starts from, each once, in order; a stage of its own and `scratch` are none.
        sources: what `COPY` and `ADD` take of the context, paths and patterns relative to it; None for all of it,
            or where that cannot be told.
        buildkit: the first thing in it that Docker's classic builder does not have, None where there is none.
        secrets: the first thing in it that takes a secret from whoever builds.
        frontend: the image that reads the file, of a `# syntax=` line.
    """

    bases: tuple[str, ...]
    sources: tuple[str, ...] | None
    buildkit: str | None = None
    secrets: str | None = None
    frontend: str | None = None


def read_dockerfile(text: str, arguments: Mapping[str, str], target: str | None = None) -> Dockerfile:
    """Return what a Dockerfile says; what has no meaning is passed over: the engine will say so.

    Args:
        text: the file's.
        arguments: values of build arguments that win over the file's own.
        target: the stage that is built: what follows it does not count.
    """
    instructions = _until(_instructions(text), target)
    bases, sources = _taken(instructions, arguments)
    frontend = _frontend(text)
    needs = next((need for word, rest in instructions if (need := _beyond_classic(word, rest))), None)
    secret = next(
        (found[0] for word, rest in instructions if word == "RUN" and (found := _SECRET_MOUNT.search(rest))), None
    )
    return Dockerfile(bases, sources, f"# syntax={frontend}" if frontend else needs, secret, frontend)


def _until(instructions: list[tuple[str, str]], target: str | None) -> list[tuple[str, str]]:
    """Leave out the stages behind the one that is built."""
    if target is None:
        return instructions
    stages = [index for index, (word, _) in enumerate(instructions) if word == "FROM"]
    for number, index in enumerate(stages):
        stage = _from(instructions[index][1])[1]
        if target.lower() in ((stage or "").lower(), str(number)):
            return instructions[: (*stages, len(instructions))[number + 1]]
    return instructions


def _frontend(text: str) -> str | None:
    """Return what a `# syntax=` line names; it counts among the directives at the top alone."""
    for line in text.splitlines():
        if found := _SYNTAX.match(line.strip()):
            return found[1]
        if not _DIRECTIVE.match(line.strip()):
            return None
    return None


def _beyond_classic(word: str, rest: str) -> str | None:
    """Return what an instruction has that only BuildKit knows, as it is written."""
    if word in _BUILDKIT and _HEREDOC.search(rest):
        return f"{word} <<"
    for flag in itertools.takewhile(lambda part: part.startswith("--"), rest.split()):
        if flag.partition("=")[0] in _BUILDKIT.get(word, ()):
            return f"{word} {flag.partition('=')[0]}"
    return None


def _binds(rest: str) -> bool:
    """Whether a RUN sees files of the context: by a mount of type bind, the default, that is not of a stage."""
    flags = itertools.takewhile(lambda part: part.startswith("--"), rest.split())
    mounts = [flag.removeprefix("--mount=") for flag in flags if flag.startswith("--mount=")]
    options = [dict(pair.partition("=")[::2] for pair in mount.split(",")) for mount in mounts]
    return any(option.get("type", "bind") == "bind" and "from" not in option for option in options)


def _taken(
    instructions: list[tuple[str, str]], arguments: Mapping[str, str]
) -> tuple[tuple[str, ...], tuple[str, ...] | None]:
    """Return the base images, and what is taken of the context."""
    bases: dict[str, None] = {}
    stages: set[str] = {_SCRATCH}
    sources: set[str] = set()
    known: dict[str, str] = {}
    everything = False
    for word, rest in instructions:
        if word == "ARG" and not bases:
            name, _, value = rest.partition("=")
            known[name.strip()] = arguments.get(name.strip(), value.strip().strip("\"'"))
        elif word == "FROM":
            image, stage = _from(_filled(rest, known))
            if image.lower() not in stages and image:
                bases[image] = None
            if stage:
                stages.add(stage.lower())
        elif word in ("COPY", "ADD"):
            taken = _sources(rest)
            everything |= taken is None
            sources.update(taken or ())
        elif word == "ONBUILD" or (word == "RUN" and _binds(rest)):
            everything = True
    return tuple(bases), None if everything else tuple(sorted(sources))


def _instructions(text: str) -> list[tuple[str, str]]:
    escape = "\\"
    found: list[tuple[str, str]] = []
    line, at_top = "", True
    documents: list[tuple[bool, str]] = []  # here-documents that are open: whether tabs before the end count, the end
    for raw in text.splitlines():
        if documents:
            tabs, end = documents[0]
            if (raw.lstrip("\t") if tabs else raw) == end:
                documents.pop(0)
            continue
        if at_top and _DIRECTIVE.match(raw.strip()):
            told = _ESCAPE.match(raw.strip())
            escape = told[1] if told else escape
            continue
        at_top = False
        part = raw.strip()
        if not part or part.startswith("#"):  # inside a continued line too
            continue
        if part.endswith(escape):
            line += part[:-1] + " "
            continue
        word, _, rest = (line + part).partition(" ")
        found.append((word.upper(), rest.strip()))
        if word.upper() in _BUILDKIT:
            documents = [(bool(tabs), end) for tabs, _, end in _HEREDOC.findall(rest)]
        line = ""
    return found


def _from(rest: str) -> tuple[str, str | None]:
    words = [word for word in rest.split() if not word.startswith("--")]
    stage = words[2] if len(words) == 3 and words[1].upper() == "AS" else None
    return (words[0] if words else ""), stage


def _sources(rest: str) -> tuple[str, ...] | None:
    """Return what a COPY takes of the context: nothing where it takes from another stage, None where it is not told."""
    words = rest.split()
    flags = [word for word in words if word.startswith("--")]
    if any(flag.startswith("--from=") for flag in flags):
        return ()
    plain = rest
    for flag in flags:
        plain = plain.replace(flag, "", 1)
    plain = plain.strip()
    if plain.startswith("["):
        try:
            words = [str(word) for word in json.loads(plain)]
        except ValueError:
            return None
    else:
        words = plain.split()
    taken = [word for word in words[:-1] if "://" not in word and not word.startswith("git@")]
    if any("$" in word or word.startswith("<<") for word in taken):
        return None
    cleaned = [re.sub(r"^(?:\./+|/+)+", "", word).rstrip("/") for word in taken]
    return None if any(word in ("", ".") or ".." in word.split("/") for word in cleaned) else tuple(cleaned)


def _filled(text: str, known: Mapping[str, str]) -> str:
    return _WORD.sub(lambda found: known.get(found[1] or found[3]) or found[2] or "", text)
