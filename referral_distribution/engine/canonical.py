"""Values of the engine as text and back, one way to write each (rule C8).

What a figure was computed from is kept as JSON that says the same for ever: amounts as
text, days as ISO, keys in order, nothing left to a float.

>>> from dataclasses import dataclass, field, replace
>>> from decimal import Decimal as D
>>> @dataclass(frozen=True)
... class Step:
...     start: D
...     rate: D = D(0)
>>> @dataclass(frozen=True)
... class Deal:
...     day: date
...     steps: tuple[Step, ...] = ()
...     bases: dict[str, D] = field(default_factory=dict)
...     partner: Step | None = None
...     people: frozenset[int] = frozenset()
>>> steps = (Step(D("1E+3"), D("0.50")),)
>>> deal = Deal(date(2026, 2, 28), steps, {"b": D(2), "a": D(1)})
>>> print(write(deal))
{"bases":{"a":"1","b":"2"},"day":"2026-02-28","steps":[{"rate":"0.5","start":"1000"}]}
>>> read(Deal, write(deal)) == deal
True
>>> print(write([replace(deal, people=frozenset({3, 1}), steps=(), bases={})]))
[{"day":"2026-02-28","people":[1,3]}]

A field that has its default is left out, so what was written before a class got a new
field still reads as what it was. For that, defaults must keep their meaning.

Nothing is guessed. What a class does not know, or a value of another kind, is refused:

>>> for text in ('{"start":"1","end":"2"}', '{"start":1}', '{"rate":"1"}', "[]"):
...     try:
...         read(Step, text)
...     except Unreadable as error:
...         print(error)
Step has no field 'end'
1 is no str
Step needs the field 'start'
[] is no dict
>>> write(D("NaN"))
Traceback (most recent call last):
ValueError: NaN cannot be written
"""

import json
import types
from dataclasses import MISSING, fields, is_dataclass
from datetime import date
from decimal import Decimal, InvalidOperation
from functools import cache
from typing import Any, Union, get_args, get_origin, get_type_hints

PLAIN = (bool, int, str)
DAYS = (date,)  # in a tuple, where a clock that tests have stopped does not replace it


class Unreadable(ValueError):
    """A text that does not say what the class it is read as holds."""


def write(value) -> str:
    """Return ``value`` as canonical JSON: equal values give equal texts.

    :param value: dataclasses, Decimals, dates, texts, whole numbers, truth values,
        None, and tuples, lists, sets, dicts (keys: texts or whole numbers) of those.
    :raises ValueError: for anything else, floats among it.
    """
    return json.dumps(
        dump(value), sort_keys=True, separators=(",", ":"), ensure_ascii=False
    )


def read(cls, text: str):
    """Return what ``write`` made ``text`` of.

    :param cls: the type it had, such as ``Facts`` or ``tuple[Rule, ...]``.
    :raises Unreadable: when the text says something else.
    """
    try:
        return load(cls, json.loads(text))
    except json.JSONDecodeError as error:
        raise Unreadable(str(error)) from error


def dump(value):
    """Return ``value`` as what JSON knows; see ``write``."""
    if value is None or isinstance(value, PLAIN):
        return value
    if isinstance(value, Decimal) and value.is_finite():
        return _dump_decimal(value)
    if isinstance(value, DAYS) and not hasattr(value, "hour"):
        return value.isoformat()
    if is_dataclass(value):
        return _dump_fields(value)
    if isinstance(value, tuple | list):
        return [dump(item) for item in value]
    if isinstance(value, set | frozenset):
        return [dump(item) for item in sorted(value)]
    if isinstance(value, dict) and all(type(key) in (int, str) for key in value):
        return {str(key): dump(item) for key, item in value.items()}
    raise ValueError(f"{value!s} cannot be written")


def _dump_decimal(value):
    text = f"{value:f}"  # ``normalize`` would round
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return "0" if text == "-0" else text


def _dump_fields(value):
    return {
        name: dump(getattr(value, name))
        for name, (default, _type) in _describe(type(value)).items()
        if default is MISSING or getattr(value, name) != default
    }


def load(cls, data):
    """Return ``data``, as ``dump`` made it, as a value of ``cls``.

    :raises Unreadable: when it is none.
    """
    if is_dataclass(cls):
        return _load_fields(cls, data)
    if cls is Any:
        return data
    origin = get_origin(cls)
    if origin in (Union, types.UnionType):
        return _load_one_of(get_args(cls), data)
    if origin is tuple:
        return _load_tuple(get_args(cls), _require(list, data))
    if origin in (list, set, frozenset):
        [inner] = get_args(cls)
        return origin(load(inner, item) for item in _require(list, data))
    if origin is dict:
        key_type, inner = get_args(cls)
        items = _require(dict, data).items()
        return {_load_key(key_type, key): load(inner, item) for key, item in items}
    return _load_plain(cls, data)


def _load_fields(cls, data):
    described = _describe(cls)
    for name in _require(dict, data):
        if name not in described:
            raise Unreadable(f"{cls.__name__} has no field {name!r}")
    for name, (default, _type) in described.items():
        if default is MISSING and name not in data:
            raise Unreadable(f"{cls.__name__} needs the field {name!r}")
    return cls(**{name: load(described[name][1], item) for name, item in data.items()})


def _load_one_of(choices, data):
    for cls in choices:
        try:
            return load(cls, data)
        except Unreadable:
            continue
    raise Unreadable(f"{data!r} is none of {choices}")


def _load_tuple(inner, data):
    if len(inner) == 2 and inner[1] is Ellipsis:
        return tuple(load(inner[0], item) for item in data)
    if len(inner) != len(data):
        raise Unreadable(f"{len(data)} values where {len(inner)} belong")
    return tuple(load(cls, item) for cls, item in zip(inner, data, strict=True))


def _load_key(cls, text):
    try:
        return cls(text)
    except ValueError as error:
        raise Unreadable(f"{text!r} is no {cls.__name__}") from error


def _load_plain(cls, data):
    if cls not in (Decimal, *DAYS):
        return _require(types.NoneType if cls is None else cls, data)
    text = _require(str, data)
    try:
        value = Decimal(text) if cls is Decimal else date.fromisoformat(text)
    except (InvalidOperation, ValueError) as error:
        raise Unreadable(f"{data!r} is no {cls.__name__}") from error
    if cls is Decimal and not value.is_finite():
        raise Unreadable(f"{data!r} is no amount")
    return value


def _require(cls, data):
    if type(data) is not cls:
        raise Unreadable(f"{data!r} is no {cls.__name__}")
    return data


@cache
def _describe(cls):
    """Return ``{name: (default, type)}`` of a dataclass's fields."""
    hints = get_type_hints(cls)
    return {
        item.name: (
            item.default if item.default_factory is MISSING else item.default_factory(),
            hints[item.name],
        )
        for item in fields(cls)
        if item.init
    }
