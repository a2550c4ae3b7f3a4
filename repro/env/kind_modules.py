"""The module that knows a kind of environment."""

from __future__ import annotations

from repro.env.kinds import EnvironmentKind
from repro.errors import CannotProceed


class KindNotHere(CannotProceed):
    """This repro reads environments of a kind and cannot make them."""

    id = "unknown-environment-kind"


def kind_named(kind: str) -> EnvironmentKind:
    """Return the module of a kind; only that one is imported.

    Raises:
        KindNotHere: there is none.
    """
    match kind:
        case "pip":
            from repro.env.pip import kind as pip

            return pip
        case "conda":
            from repro.env.conda import kind as conda

            return conda
        case "image":
            from repro.env.image import kind as image

            return image
    raise KindNotHere(f"this repro cannot make environments of kind {kind}", "install a newer repro")
