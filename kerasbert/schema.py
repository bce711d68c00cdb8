"""Reads dataclasses from JSON. Every key and every type is checked, so that a damaged file raises an error.

Ranges are checked by the dataclass itself, in `__post_init__`.
"""

import dataclasses
import types
import typing
from collections.abc import Mapping
from functools import cache


def from_json(kind, value, place: str = "", *, whole: bool = False):
    """Converts plain JSON to an instance of a type.

    Args:
        kind: a dataclass, `int`, `float`, `str`, `bool`, `dict`, `object`, `list[X]`, `tuple[X, ...]`, `dict[str, X]`,
            or a union of these with `None`.
        value: the result of `json.loads`.
        place: the key that holds the value, for error messages, such as `files.onnx.bytes`.
        whole: whether fields with a default must be given as well.

    Raises:
        ValueError: a key is missing or unknown, or a value has another type; the message names the key.
    """
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if origin in (typing.Union, types.UnionType):
        if value is None and type(None) in arguments:
            return None
        (kind,) = [argument for argument in arguments if argument is not type(None)]
        return from_json(kind, value, place, whole=whole)
    if dataclasses.is_dataclass(kind):
        return _dataclass(kind, value, place, whole)
    if origin in (list, tuple):
        if not isinstance(value, list):
            raise _wrong(place, value, "a list")
        items = enumerate(value)
        return origin(from_json(arguments[0], item, f"{place}[{index}]", whole=whole) for index, item in items)
    if origin is dict:
        if not isinstance(value, dict):
            raise _wrong(place, value, "an object")
        return {name: from_json(arguments[1], item, _inside(place, name), whole=whole) for name, item in value.items()}
    if kind is float and isinstance(value, int) and not isinstance(value, bool):
        return float(value)
    if kind is not object and (not isinstance(value, kind) or (isinstance(value, bool) and kind is not bool)):
        raise _wrong(place, value, NAMES[kind])
    return value


NAMES = {int: "a whole number", float: "a number", str: "text", bool: "true or false", dict: "an object"}


def _dataclass(kind, value, place: str, whole: bool):
    if not isinstance(value, Mapping):
        raise _wrong(place, value, "an object")
    fields = {field.name: field for field in dataclasses.fields(kind)}
    hints = _hints(kind)
    unknown = [name for name in value if name not in fields]
    if unknown:
        raise ValueError(f"unknown key {_inside(place, unknown[0])!r}; expected {', '.join(fields)}")
    for name, field in fields.items():
        if (whole or is_required(field)) and name not in value:
            raise ValueError(f"no key {_inside(place, name)!r}")
    read = {name: from_json(hints[name], item, _inside(place, name), whole=whole) for name, item in value.items()}
    return kind(**read)


def is_required(field: dataclasses.Field) -> bool:
    """Whether a field of a dataclass has no default."""
    return field.default is field.default_factory is dataclasses.MISSING


@cache
def _hints(kind) -> dict:
    """The types of a class's fields. Python takes long to find them, and every call of a pipeline asks."""
    return typing.get_type_hints(kind)


def _inside(place: str, name) -> str:
    return f"{place}.{name}" if place else str(name)


def _wrong(place: str, value, wanted: str) -> ValueError:
    return ValueError(f"{place or 'the value'} is {value!r:.60}, not {wanted}")


def part_from_json(kind, values: Mapping, place: str = "") -> dict:
    """Checks some fields of a dataclass, by name; fields may be missing.

    Raises:
        ValueError: an unknown key, or a value of another type; the message names the key.
    """
    hints = _hints(kind)
    unknown = [name for name in values if name not in hints]
    if unknown:
        raise ValueError(f"unknown key {_inside(place, unknown[0])!r}; expected {', '.join(hints)}")
    return {name: from_json(hints[name], value, _inside(place, name)) for name, value in values.items()}
