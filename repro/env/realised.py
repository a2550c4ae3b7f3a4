"""An environment that a command can be started in: a folder of this machine, or an image that an engine has."""

from __future__ import annotations

from collections.abc import Mapping

from repro.model.dataclass import dataclass, field


@dataclass(frozen=True, slots=True)
class PrefixEnvironment:
    """An environment that stands in a folder of this machine.

    Attributes:
        prefix: absolute path of its root.
        bin_dir: absolute path of the folder that goes first on PATH.
        further_bin_dirs: absolute paths of folders that go behind it.
        starter: words that go before a command: a program that sets what only code of the environment can, and becomes
            the command.
        variables: what the child must have set besides PATH.
        removed: variables that the child must not inherit. PYTHONHOME and PYTHONPATH are among them: this
            machine's would put other code before the environment's. A recorded PYTHONPATH is the recipe's, and
            is set again by whoever starts the command.
    """

    prefix: str
    bin_dir: str
    variables: Mapping[str, str] = field(default_factory=dict)
    removed: tuple[str, ...] = ()
    further_bin_dirs: tuple[str, ...] = ()
    starter: tuple[str, ...] = ()

    def child_environ(self, environ: Mapping[str, str]) -> dict[str, str]:
        """Return `environ` as a command inside this environment must see it."""
        child = {name: value for name, value in environ.items() if name not in self.removed}
        child.update(self.variables)
        path = environ.get("PATH", "")
        child["PATH"] = ":".join([self.bin_dir, *self.further_bin_dirs, *([path] if path else [])])
        return child


@dataclass(frozen=True, slots=True)
class ContainerEnvironment:
    """An image that a container engine has: a command is started in a container of it.

    Attributes:
        engine: the engine's URL.
        image: the image's id, 64 hex digits.
    """

    engine: str
    image: str


Realised = PrefixEnvironment | ContainerEnvironment
"""An environment that a command can be started in."""
