"""The dataclasses of the standard library, made in a small part of the time.

A small command ends after a tenth of a second, a third of which `dataclasses` took: it writes, compiles and runs the
source of seven methods for each class, and imports `inspect`. Most of the classes have no object in such a process, or
few, and next to none is compared or shown. Here, `__init__` alone is source, and it is compiled where many objects are
made; all other methods are functions that need none.

It is a part of `dataclasses`, and behaves as that does. A type checker sees that module itself, and the functions of
`dataclasses` take these objects. So to go back is a change of the lines that import it.
"""

from __future__ import annotations

from collections.abc import Callable
from operator import attrgetter, ge, gt, le, lt
from typing import TYPE_CHECKING, Any

_NONE: Any = object()

_MANY = 30
"""From how many objects on it pays to compile: that takes as long as to fill in some fifty."""


class _Field:
    """What a field has beyond its name and type."""

    __slots__ = ("default", "factory", "shown")

    def __init__(self, *, default: Any = _NONE, default_factory: Any = _NONE, repr: bool = True) -> None:
        self.default = default
        self.factory = default_factory
        self.shown = repr


_Fields = dict[str, _Field]


def _replace(instance: Any, /, **changes: Any) -> Any:
    """Return a new object with other values in some fields."""
    kept = {name: getattr(instance, name) for name in instance.__quick_fields__ if name not in changes}
    return type(instance)(**kept, **changes)


def _dataclass(
    *, frozen: bool = False, slots: bool = False, eq: bool = True, order: bool = False
) -> Callable[[type], type]:
    """Return the decorator. The module of the class has `from __future__ import annotations`, and no `ClassVar`."""

    def make(cls: type) -> type:
        fields: _Fields = {}
        for base in reversed(cls.__mro__[1:]):
            fields.update(getattr(base, "__quick_fields__", {}))
        own = {name: _field_of(cls, name) for name in _annotations(cls)}
        fields.update(own)
        namespace = {**cls.__dict__}
        for name, method in _methods(fields, frozen=frozen, slots=slots, eq=eq, order=order).items():
            namespace.setdefault(name, method)
        if eq and not frozen and "__hash__" not in cls.__dict__:
            namespace["__hash__"] = None
        return _made_again(cls, namespace, own, fields, slots=slots)

    return make


def _annotations(cls: type) -> dict[str, Any]:
    return getattr(cls, "__annotations__", {})  # a built-in base has none


def _field_of(cls: type, name: str) -> _Field:
    value = cls.__dict__.get(name, _NONE)
    return value if isinstance(value, _Field) else _Field(default=value)


def _made_again(cls: type, namespace: dict[str, Any], own: _Fields, fields: _Fields, *, slots: bool) -> type:
    """Return the class with what was added: what it stores its fields in cannot be changed once it is made."""
    for name in ("__dict__", "__weakref__"):
        namespace.pop(name, None)
    for name, field in own.items():
        if slots or field.default is _NONE:
            namespace.pop(name, None)
        else:
            namespace[name] = field.default
    if slots:
        taken = {name for base in cls.__mro__[1:-1] for name in getattr(base, "__slots__", ())}
        namespace["__slots__"] = tuple(name for name in fields if name not in taken)
    namespace["__quick_fields__"] = fields
    namespace["__dataclass_fields__"] = _StandardFields()
    made = type(cls)(cls.__name__, cls.__bases__, namespace)
    made.__qualname__ = cls.__qualname__
    return made


def _methods(fields: _Fields, *, frozen: bool, slots: bool, eq: bool, order: bool) -> dict[str, Any]:
    methods: dict[str, Any] = {
        "__init__": _init_when_called(fields, frozen=frozen),
        "__repr__": _repr_of([name for name, field in fields.items() if field.shown]),
        "__match_args__": tuple(fields),
    }
    values = _values_of(tuple(fields))
    if eq:
        methods["__eq__"] = _eq_of(values)
        if frozen:
            methods["__hash__"] = lambda self: hash(values(self))
    if order:
        methods |= {f"__{compare.__name__}__": _order_of(compare, values) for compare in (lt, le, gt, ge)}
    if frozen:
        methods |= {"__setattr__": _refuse_to_set, "__delattr__": _refuse_to_delete}
        if slots:
            methods |= {"__getstate__": _state, "__setstate__": _set_state}
    return methods


def _values_of(names: tuple[str, ...]) -> Callable[[Any], tuple[Any, ...]]:
    if len(names) > 1:
        return attrgetter(*names)
    return lambda self: tuple(getattr(self, name) for name in names)


def _eq_of(values: Callable[[Any], tuple[Any, ...]]) -> Callable[[Any, object], Any]:
    def __eq__(self: Any, other: object) -> Any:
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    return __eq__


def _order_of(compare: Callable[[Any, Any], Any], values: Callable[[Any], tuple[Any, ...]]) -> Callable[..., Any]:
    return lambda self, other: (
        compare(values(self), values(other)) if other.__class__ is self.__class__ else NotImplemented
    )


def _repr_of(names: list[str]) -> Callable[[Any], str]:
    def __repr__(self: Any) -> str:
        return f"{type(self).__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in names)})"

    return __repr__


def _refuse_to_set(self: Any, name: str, value: object) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot assign to field {name!r}")


def _refuse_to_delete(self: Any, name: str) -> None:
    from dataclasses import FrozenInstanceError

    raise FrozenInstanceError(f"cannot delete field {name!r}")


def _state(self: Any) -> list[Any]:
    return [getattr(self, name) for name in self.__quick_fields__]


def _set_state(self: Any, state: list[Any]) -> None:
    for name, value in zip(self.__quick_fields__, state, strict=True):
        object.__setattr__(self, name, value)


def _init_when_called(fields: _Fields, *, frozen: bool) -> Callable[..., None]:
    """Return an `__init__` that fills in the fields one by one, and soon puts a compiled one in its own place."""
    made = 0

    def __init__(self: Any, *args: Any, **kwargs: Any) -> None:
        nonlocal made
        made += 1
        if made < _MANY and _fill_in(self, fields, args, kwargs):
            return
        compiled = _compiled_init(fields, frozen=frozen, calls_post_init=hasattr(self, "__post_init__"))
        for cls in type(self).__mro__:
            if cls.__dict__.get("__init__") is __init__:
                compiled.__qualname__ = f"{cls.__qualname__}.__init__"
                cls.__init__ = compiled  # type: ignore[misc]
        compiled(self, *args, **kwargs)

    return __init__


def _fill_in(self: Any, fields: _Fields, args: tuple[Any, ...], kwargs: dict[str, Any]) -> bool:
    """Set the fields as `__init__` would; False where the arguments are wrong, which that one is to say."""
    given = dict(zip(fields, args, strict=False))
    if len(args) > len(fields) or not kwargs.keys() <= fields.keys() or not given.keys().isdisjoint(kwargs):
        return False
    given |= kwargs
    if any(name not in given and f.default is _NONE and f.factory is _NONE for name, f in fields.items()):
        return False
    for name, field in fields.items():
        value = given[name] if name in given else field.factory() if field.default is _NONE else field.default
        object.__setattr__(self, name, value)
    if hasattr(self, "__post_init__"):
        self.__post_init__()
    return True


def _compiled_init(fields: _Fields, *, frozen: bool, calls_post_init: bool) -> Any:
    known: dict[str, Any] = {"__set": object.__setattr__, "__none": _NONE}
    parameters, lines = ["self"], []
    for name, field in fields.items():
        value = name
        if field.default is not _NONE:
            known[f"__default_{name}"] = field.default
            parameters.append(f"{name}=__default_{name}")
        elif field.factory is not _NONE:
            known[f"__factory_{name}"] = field.factory
            parameters.append(f"{name}=__none")
            value = f"__factory_{name}() if {name} is __none else {name}"
        else:
            parameters.append(name)
        lines.append(f"__set(self, {name!r}, {value})" if frozen else f"self.{name} = {value}")
    if calls_post_init:
        lines.append("self.__post_init__()")
    body = "\n    ".join(lines or ["pass"])
    exec(f"def __init__({', '.join(parameters)}):\n    {body}\n", known)
    return known["__init__"]


class _StandardFields:
    """What `dataclasses` looks for in an object that it is given; made when it does."""

    __slots__ = ()

    def __get__(self, instance: object, owner: Any) -> Any:
        import dataclasses

        def standard(field: _Field) -> Any:
            if field.factory is not _NONE:
                return dataclasses.field(default_factory=field.factory, repr=field.shown)
            default = dataclasses.MISSING if field.default is _NONE else field.default
            return dataclasses.field(default=default, repr=field.shown)

        types = {name: text for cls in reversed(owner.__mro__[:-1]) for name, text in _annotations(cls).items()}
        fields = [(name, types[name], standard(field)) for name, field in owner.__quick_fields__.items()]
        return getattr(dataclasses.make_dataclass(owner.__name__, fields), "__dataclass_fields__")  # noqa: B009


if TYPE_CHECKING:
    from dataclasses import dataclass, field, replace
else:
    dataclass, field, replace = _dataclass, _Field, _replace

__all__ = ["dataclass", "field", "replace"]
