"""Facts as JSON and back. One codec for every dataclass of facts, so that no two places can disagree.

A dataclass becomes an object of its fields; an enum its value; tuples and frozensets become lists (sets sorted).
``Absent`` and ``Unknown`` become ``{"absent": what}`` and ``{"unknown": why}``: a reader of the JSON can tell them apart too.
"""

from __future__ import annotations

import dataclasses
import json
import types
import typing
from collections.abc import Mapping
from enum import Enum
from functools import cache
from typing import Any, TypeVar, Union

from bootkeep.facts.errors import NotUnderstood
from bootkeep.facts.reading import Readings
from bootkeep.facts.unknown import Absent, Unknown

T = TypeVar("T")


def to_plain(value: Any) -> Any:
    """A fact as what ``json.dumps`` takes."""
    if isinstance(value, Absent):
        return {"absent": value.what}
    if isinstance(value, Unknown):
        return {"unknown": value.why}
    if isinstance(value, Readings):
        return {key: to_plain(reading) for key, reading in sorted(value.answers.items())}
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: to_plain(getattr(value, field.name)) for field in dataclasses.fields(value)}
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, Mapping):
        return {str(key): to_plain(item) for key, item in value.items()}
    if isinstance(value, (frozenset, set)):
        return sorted(to_plain(item) for item in value)
    if isinstance(value, (tuple, list)):
        return [to_plain(item) for item in value]
    return value


def to_json(value: Any, *, indent: int | None = None) -> str:
    """A fact as JSON text. ASCII only, so that surrogate escapes (odd bytes of a reading) survive the round trip."""
    return json.dumps(to_plain(value), indent=indent, ensure_ascii=True)


def from_json(kind: type[T], text: str | bytes, *, where: str) -> T:
    """A fact back from JSON text. Raises NotUnderstood, naming ``where`` and the field, when it does not fit ``kind``."""
    try:
        plain = json.loads(text)
    except (ValueError, RecursionError) as error:
        raise NotUnderstood(f"not JSON: {error}", where=where) from error
    return from_plain(kind, plain, where=where)


def from_plain(kind: type[T], plain: Any, *, where: str) -> T:
    """A fact back from what ``json.loads`` gave. Unknown fields are ignored: newer writers may add some."""
    return typing.cast("T", _build(kind, plain, where))


@cache
def _hints(kind: type) -> dict[str, Any]:
    return typing.get_type_hints(kind)


def _build(kind: Any, plain: Any, where: str) -> Any:
    origin = typing.get_origin(kind)
    if origin in (Union, types.UnionType):
        return _build_union(typing.get_args(kind), plain, where)
    if origin in (tuple, frozenset, list):
        items = _expect(list, plain, where)
        (inner, *_rest) = typing.get_args(kind)
        return origin(_build(inner, item, f"{where}[{number}]") for number, item in enumerate(items))
    if origin in (dict, Mapping) or kind is dict:
        inner = (typing.get_args(kind) or (str, Any))[1]
        return {key: _build(inner, item, f"{where}.{key}") for key, item in _expect(dict, plain, where).items()}
    if kind is Any:
        return plain
    if kind is Readings:
        return Readings(_build(typing.get_type_hints(Readings)["answers"], plain, where))
    if isinstance(kind, type) and issubclass(kind, Enum):
        try:
            return kind(plain)
        except ValueError as error:
            raise NotUnderstood(str(error), where=where) from error
    if dataclasses.is_dataclass(kind):
        return _build_dataclass(kind, plain, where)
    if kind is float and isinstance(plain, int) and not isinstance(plain, bool):
        try:
            return float(plain)
        except OverflowError as error:
            raise NotUnderstood(str(error), where=where) from error
    return _expect(kind, plain, where)


def _build_dataclass(kind: Any, plain: Any, where: str) -> Any:
    fields = _expect(dict, plain, where)
    hints = _hints(kind)
    values = {
        field.name: _build(hints[field.name], fields[field.name], f"{where}.{field.name}")
        for field in dataclasses.fields(kind)
        if field.name in fields
    }
    lacking = [
        field.name
        for field in dataclasses.fields(kind)
        if field.init
        and field.name not in values
        and field.default is dataclasses.MISSING
        and field.default_factory is dataclasses.MISSING
    ]
    if lacking:
        raise NotUnderstood(f"{kind.__name__} without {', '.join(lacking)}", where=where)
    try:
        return kind(**values)
    except TypeError as error:
        raise NotUnderstood(str(error), where=where) from error


def _build_union(members: tuple[Any, ...], plain: Any, where: str) -> Any:
    if plain is None and type(None) in members:
        return None
    if isinstance(plain, dict) and set(plain) == {"absent"} and Absent in members:
        return Absent(str(plain["absent"]))
    if isinstance(plain, dict) and set(plain) == {"unknown"} and Unknown in members:
        return Unknown(str(plain["unknown"]))
    problems: list[NotUnderstood] = []
    for member in members:
        if member in (Absent, Unknown, type(None)):
            continue
        try:
            return _build(member, plain, where)
        except NotUnderstood as problem:
            problems.append(problem)
    raise problems[0] if problems else NotUnderstood("fits no member of its union", where=where)


def _expect(kind: type, plain: Any, where: str) -> Any:
    if not isinstance(plain, kind) or (kind is int and isinstance(plain, bool)):
        raise NotUnderstood(f"expected {kind.__name__}, found {type(plain).__name__}", where=where)
    return plain
