"""The conditions that an export and engage take. Pure.

Source: Mixpanel docs, "Segmentation Expressions": `properties["x"]` with comparisons, `in` (part of
a text), `and`, `or`, `not`, `defined()`, the casts `boolean()`, `number()`, `string()`,
`datetime()`. What does not compare is undefined, and no row is found by it. Of `user[…]` and
arithmetic nothing is played: they are refused.
"""

from __future__ import annotations

import operator
import re
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Any

Value = Any
Expression = Callable[[Mapping[str, Any]], Value]

UNDEFINED = object()

_TOKEN = re.compile(
    r"\s*(?:(?P<text>\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*')|(?P<number>-?\d+(?:\.\d+)?)"
    r"|(?P<name>[A-Za-z_]+)|(?P<sign>==|!=|>=|<=|[<>()\[\]]))"
)
_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "==": operator.eq,
    "!=": operator.ne,
    ">=": operator.ge,
    "<=": operator.le,
    ">": operator.gt,
    "<": operator.lt,
}


class Where:
    """A condition.

    Raises:
        ValueError: The text is none.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        reader = _Reader(_tokens(text))
        self._expression = reader.either()
        reader.end()

    def finds(self, properties: Mapping[str, Any]) -> bool:
        """Whether a row or profile is found; `$time` is its time in seconds."""
        return self._expression(properties) is True

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Where) and self.text == other.text

    def __hash__(self) -> int:
        return hash(self.text)


class _Reader:
    """Reads tokens by the rule of each kind of expression, from loose to tight."""

    def __init__(self, tokens: list[tuple[str, str]]) -> None:
        self._tokens = tokens

    def end(self) -> None:
        if self._tokens:
            msg = f"{self._tokens[0][1]} is not expected here"
            raise ValueError(msg)

    def either(self) -> Expression:
        left = self._both()
        while self._is("or"):
            left = _or(left, self._both())
        return left

    def _both(self) -> Expression:
        left = self._negated()
        while self._is("and"):
            left = _and(left, self._negated())
        return left

    def _negated(self) -> Expression:
        return _not(self._negated()) if self._is("not") else self._compared()

    def _compared(self) -> Expression:
        left = self._value()
        for sign, compare in {**_COMPARISONS, "in": _contains}.items():
            if self._is(sign):
                return _comparison(compare, left, self._value())
        return left

    def _value(self) -> Expression:
        kind, token = self._next()
        if kind == "text":
            return _constant(_unquoted(token))
        if kind == "number":
            return _constant(float(token))
        if token == "(":
            inner = self.either()
            self._expect(")")
            return inner
        if token in ("true", "false"):
            return _constant(token == "true")
        if token == "properties":
            return self._property()
        if token in _FUNCTIONS:
            self._expect("(")
            inner = self.either()
            self._expect(")")
            return _applied(_FUNCTIONS[token], inner)
        msg = f"{token} is not known"
        raise ValueError(msg)

    def _property(self) -> Expression:
        self._expect("[")
        kind, token = self._next()
        if kind != "text":
            msg = "properties[…] takes a name in quotes"
            raise ValueError(msg)
        self._expect("]")
        name = _unquoted(token)
        return lambda properties: properties.get(name, UNDEFINED)

    def _is(self, token: str) -> bool:
        if self._tokens and self._tokens[0][0] != "text" and self._tokens[0][1] == token:
            self._tokens.pop(0)
            return True
        return False

    def _expect(self, token: str) -> None:
        if not self._is(token):
            msg = f"{token} is expected"
            raise ValueError(msg)

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            msg = "it ends too soon"
            raise ValueError(msg)
        return self._tokens.pop(0)


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            msg = f"{text[position:].strip()[:1]} is not known"
            raise ValueError(msg)
        kind = str(match.lastgroup)
        tokens.append((kind, match[kind]))
        position = match.end()
    return tokens


def _unquoted(token: str) -> str:
    return re.sub(r"\\(.)", r"\1", token[1:-1])


def _constant(value: Value) -> Expression:
    return lambda _: value


def _or(left: Expression, right: Expression) -> Expression:
    return lambda row: left(row) is True or right(row) is True


def _and(left: Expression, right: Expression) -> Expression:
    return lambda row: left(row) is True and right(row) is True


def _not(inner: Expression) -> Expression:
    def negated(row: Mapping[str, Any]) -> Value:
        value = inner(row)
        return not value if isinstance(value, bool) else UNDEFINED

    return negated


def _comparison(
    compare: Callable[[Any, Any], bool], left: Expression, right: Expression
) -> Expression:
    def compared(row: Mapping[str, Any]) -> Value:
        one, other = left(row), right(row)
        return compare(one, other) if _alike(one, other) else UNDEFINED

    return compared


def _alike(one: Value, other: Value) -> bool:
    kinds = {_kind(one), _kind(other)}
    return len(kinds) == 1 and None not in kinds


def _kind(value: Value) -> type | None:
    if isinstance(value, bool):
        return bool
    if isinstance(value, (int, float)):
        return float
    return type(value) if isinstance(value, (str, datetime)) else None


def _contains(part: Any, text: Any) -> bool:
    return isinstance(text, str) and part in text


def _applied(function: Callable[[Value], Value], inner: Expression) -> Expression:
    return lambda row: function(inner(row))


def _number(value: Value) -> Value:
    try:
        return float(value)
    except (TypeError, ValueError):
        return UNDEFINED


def _datetime(value: Value) -> Value:
    """Seconds since 1970 or ISO text, in the frame of the project."""
    if isinstance(value, datetime):
        return value
    try:
        if isinstance(value, str):
            return datetime.fromisoformat(value).replace(tzinfo=timezone.utc)
        return datetime.fromtimestamp(value, timezone.utc)
    except (TypeError, ValueError, OverflowError):
        return UNDEFINED


_FUNCTIONS: Mapping[str, Callable[[Value], Value]] = {
    "defined": lambda value: value is not UNDEFINED,
    "boolean": lambda value: UNDEFINED if value is UNDEFINED else bool(value),
    "number": _number,
    "string": lambda value: UNDEFINED if value is UNDEFINED else str(value),
    "datetime": _datetime,
}
