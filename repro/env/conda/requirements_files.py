"""Puts the lines of requirements files in the place of `-r FILE` and `-c FILE` under `pip:` of an environment.yml."""

from __future__ import annotations

import os
from collections.abc import Iterator

from repro.errors import CannotProceed
from repro.model.dataclass import dataclass, field, replace
from repro.model.environments.conda_environment_yml import BadEnvironmentYml, CondaWish, Wanted
from repro.model.environments.requirements_file import included, requirement_lines
from repro.model.pattern import pattern

_URL = pattern(r"[A-Za-z][A-Za-z0-9+.-]*://.*")


class NoRequirementsFile(CannotProceed):
    """A requirements file that an environment.yml names cannot be read."""

    id = "no-requirements-file"


def with_requirements_files(wish: CondaWish, root: str, source: str) -> CondaWish:
    """Return what is wanted with the lines of the files that are named.

    As pip does it, a file counts from the one that names it, and a path in a requirement from the environment.yml.

    Args:
        wish: as it was read.
        root: the project's, an absolute path.
        source: the environment.yml that it was read from, relative to the root.

    Raises:
        NoRequirementsFile: one is not there, or is no text.
        BadEnvironmentYml: one includes itself, or is to be fetched.
    """
    if not any(included(one.spec) for one in wish.pip):
        return wish
    reader = _Reader(root)
    for one in wish.pip:
        reader.take(one, os.path.join(root, source), source, (), constrains=False)
    files = tuple(dict.fromkeys(reader.files))
    return replace(wish, pip=tuple(reader.wanted), constraints=tuple(reader.constraints), files=files)


@dataclass(frozen=True, slots=True)
class _Reader:
    root: str
    wanted: list[Wanted] = field(default_factory=list)
    constraints: list[Wanted] = field(default_factory=list)
    files: list[str] = field(default_factory=list)

    def take(self, one: Wanted, inside: str, shown: str, within: tuple[str, ...], *, constrains: bool) -> None:
        """Take a line that stands in the file `inside`, which `within` led to."""
        named = included(one.spec)
        if named is None:
            (self.constraints if constrains else self.wanted).append(one)
            return
        place = f"{shown}, line {one.position[0]}"
        if _URL.fullmatch(named.path):
            raise BadEnvironmentYml(
                f"{place}: {named.path} is to be fetched, and nobody could tell when it has changed",
                "keep it as a file of the project",
            )
        path = os.path.normpath(os.path.join(os.path.dirname(inside), named.path))
        if path in within:
            raise BadEnvironmentYml(f"{place}: {named.path} includes itself", "take out one of the lines")
        name = os.path.relpath(path, self.root)
        self.files.append(name)
        for line in self.lines(path, name, place, one):
            self.take(line, path, name, (*within, path), constrains=named.constrains)

    def lines(self, path: str, name: str, place: str, asked: Wanted) -> Iterator[Wanted]:
        """Yield the lines of a file; they hold where the one holds that asks for it."""
        try:
            with open(path, encoding="utf-8-sig") as file:
                text = file.read()
        except UnicodeDecodeError:
            raise NoRequirementsFile(f"{place}: {name} is no UTF-8 text") from None
        except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
            raise NoRequirementsFile(
                f"{place}: {name} is not there", "a file counts from the folder of the one that names it"
            ) from None
        for number, line in requirement_lines(text):
            yield Wanted(line, asked.selector, (number, 1), name)
