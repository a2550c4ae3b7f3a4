"""What a Dockerfile says: which images it starts from, and which files of its context it takes. Pure.

Source: Docker's "Dockerfile reference" (syntax of lines, FROM, ARG, COPY, ADD).
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass

_ESCAPE = re.compile(r"#\s*escape\s*=\s*([\\`])\s*$", re.IGNORECASE)
_DIRECTIVE = re.compile(r"#\s*\w+\s*=")
_WORD = re.compile(r"\$(?:\{(\w+)(?::?-([^}]*))?\}|(\w+))")
_SCRATCH = "scratch"


@dataclass(frozen=True, slots=True)
class Dockerfile:
    """What was found in a Dockerfile.

    Attributes:
        bases: the images that it starts from, each once, in order; a stage of its own and `scratch` are none.
        sources: what `COPY` and `ADD` take of the context, paths and patterns relative to it; None for all of it,
            or where that cannot be told.
    """

    bases: tuple[str, ...]
    sources: tuple[str, ...] | None


def read_dockerfile(text: str, arguments: Mapping[str, str]) -> Dockerfile:
    """Return what a Dockerfile says; what has no meaning is passed over: the engine will say so.

    Args:
        text: the file's.
        arguments: values of build arguments that win over the file's own.
    """
    bases: dict[str, None] = {}
    stages: set[str] = {_SCRATCH}
    sources: set[str] = set()
    known: dict[str, str] = {}
    everything = False
    for word, rest in _instructions(text):
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
        elif word == "ONBUILD" or (word == "RUN" and "--mount" in rest):
            everything = True
    return Dockerfile(tuple(bases), None if everything else tuple(sorted(sources)))


def _instructions(text: str) -> list[tuple[str, str]]:
    escape = "\\"
    found: list[tuple[str, str]] = []
    line, at_top = "", True
    for raw in text.splitlines():
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
