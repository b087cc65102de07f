"""HogQL as the stand-in reads it: a small real parser, and rows to apply it to. Pure.

Played is what PostHog documents and our queries may use; everything else is an error, as a query
that only this stand-in understood would prove nothing. Sources: PostHog docs, "HogQL", "HogQL
expressions", "Supported ClickHouse functions"; posthog/hogql/constants.py (100 rows without LIMIT,
at most 50,000).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any
from zoneinfo import ZoneInfo

DEFAULT_ROWS = 100
MOST_ROWS = 50_000

COLUMNS = {
    "events": {
        *("uuid", "event", "properties", "timestamp", "distinct_id", "created_at", "person_id"),
    },
    "persons": {"id", "created_at", "properties", "is_identified"},
    "person_distinct_ids": {"distinct_id", "person_id"},
    "groups": {"index", "key", "properties"},
}

Row = Mapping[str, Any]
Evaluate = Callable[[Sequence[Row]], Any]
"""An expression over the rows of a group; one that is no aggregate looks at the first of them."""

_TOKEN = re.compile(
    r"\s*(?:(?P<text>'(?:[^'\\]|\\.)*')|(?P<number>\d+)|\{(?P<value>[A-Za-z_]\w*)\}"
    r"|(?P<name>[A-Za-z_$][\w$]*)|(?P<sign><=|>=|!=|=|<|>|\(|\)|,|\.))"
)
_AGGREGATES = ("count", "countIf", "min", "max", "uniq")


class HogQLError(Exception):
    """What PostHog answers 400 to."""


@dataclass(frozen=True)
class Frame:
    """How times are read.

    Attributes:
        values: of placeholders.
        zone: in which times are shown and text is read as a time.
    """

    values: Mapping[str, Any]
    zone: ZoneInfo


@dataclass(frozen=True)
class Expression:
    """One that is parsed."""

    evaluate: Evaluate
    text: str
    is_aggregate: bool = False


@dataclass(frozen=True)
class Query:
    """A SELECT that is parsed."""

    columns: Sequence[tuple[str, Expression]]
    table: str
    where: Expression | None
    group_by: Sequence[Expression]
    order_by: Sequence[tuple[Expression, bool]]
    limit: int

    def rows(self, rows: Iterable[Row]) -> list[list[Any]]:
        """Return the rows of the answer."""
        found = [row for row in rows if self.where is None or self.where.evaluate([row]) is True]
        groups = self._groups(found)
        for expression, descends in reversed(self.order_by):
            groups.sort(key=expression.evaluate, reverse=descends)
        return [
            [expression.evaluate(group) for _, expression in self.columns]
            for group in groups[: self.limit]
        ]

    def _groups(self, found: Sequence[Row]) -> list[Sequence[Row]]:
        if not self.group_by:
            aggregates = any(expression.is_aggregate for _, expression in self.columns)
            return [found] if aggregates else [[row] for row in found]
        grouped: dict[tuple[Any, ...], list[Row]] = {}
        for row in found:
            key = tuple(each.evaluate([row]) for each in self.group_by)
            grouped.setdefault(key, []).append(row)
        return [*grouped.values()]


def parsed(text: str, frame: Frame) -> Query:
    """Read a query.

    Raises:
        HogQLError: it is none that is played.
    """
    reader = _Reader(_tokens(text), frame)
    query = reader.select()
    reader.end()
    return query


def _tokens(text: str) -> list[tuple[str, str]]:
    tokens, position = [], 0
    while text[position:].strip():
        match = _TOKEN.match(text, position)
        if match is None:
            msg = f"Syntax error at {text[position:].strip()[:20]!r}"
            raise HogQLError(msg)
        kind = str(match.lastgroup)
        tokens.append((kind, match[kind]))
        position = match.end()
    return tokens


class _Reader:
    """Reads tokens by the rule of each clause."""

    def __init__(self, tokens: list[tuple[str, str]], frame: Frame) -> None:
        self._tokens = tokens
        self._frame = frame
        self._aliases: dict[str, Expression] = {}
        self._table = ""

    def select(self) -> Query:
        self._expect("select")
        start = self._tokens
        self._tokens = self._after_from(start)  # the table first: columns are checked by it
        self._expect("from")
        self._table = self._name()
        if self._table not in COLUMNS:
            msg = f"Unknown table {self._table}"
            raise HogQLError(msg)
        rest, self._tokens = self._tokens, start
        columns = self._columns()
        self._tokens = rest
        where = self._expression() if self._is("where") else None
        groups = self._group_by() if self._is("group") else []
        orders = self._order_by() if self._is("order") else []
        limit = min(self._number(), MOST_ROWS) if self._is("limit") else DEFAULT_ROWS
        for name, each in columns:
            if groups and not each.is_aggregate and each.text not in {g.text for g in groups}:
                msg = f"Column {name} is not under aggregate function and not in GROUP BY keys"
                raise HogQLError(msg)
        return Query(columns, self._table, where, groups, orders, limit)

    def end(self) -> None:
        if self._tokens:
            msg = f"Syntax error: {self._tokens[0][1]!r} is not expected"
            raise HogQLError(msg)

    # Clauses --------------------------------------------------------------------------------

    def _after_from(self, tokens: list[tuple[str, str]]) -> list[tuple[str, str]]:
        places = [i for i, (kind, text) in enumerate(tokens) if (kind, text) == ("name", "from")]
        if not places:
            msg = "Syntax error: no FROM"
            raise HogQLError(msg)
        return tokens[places[0] :]

    def _columns(self) -> list[tuple[str, Expression]]:
        columns = []
        while True:
            expression = self._expression()
            name = self._name() if self._is("as") else expression.text
            self._aliases[name] = expression
            columns.append((name, expression))
            if not self._is(","):
                return columns

    def _group_by(self) -> list[Expression]:
        self._expect("by")
        groups = [self._expression()]
        while self._is(","):
            groups.append(self._expression())
        return groups

    def _order_by(self) -> list[tuple[Expression, bool]]:
        self._expect("by")
        orders = []
        while True:
            expression = self._expression()
            descends = self._is("desc")
            self._is("asc")
            orders.append((expression, descends))
            if not self._is(","):
                return orders

    # Expressions ----------------------------------------------------------------------------

    def _expression(self) -> Expression:
        left = self._both()
        while self._is("or"):
            left = _joined(any, left, self._both())
        return left

    def _both(self) -> Expression:
        left = self._compared()
        while self._is("and"):
            left = _joined(all, left, self._compared())
        return left

    def _compared(self) -> Expression:
        left = self._value()
        if self._is("is"):
            negated = self._is("not")
            self._expect("null")
            return Expression(
                lambda rows: (left.evaluate(rows) is None) is not negated,
                f"{left.text} is null",
                left.is_aggregate,
            )
        for sign, compare in _COMPARISONS.items():
            if self._is(sign):
                return self._comparison(sign, compare, left, self._value())
        return left

    def _comparison(
        self, sign: str, compare: Callable[[Any, Any], bool], left: Expression, right: Expression
    ) -> Expression:
        def evaluate(rows: Sequence[Row]) -> bool | None:
            one, other = left.evaluate(rows), right.evaluate(rows)
            if one is None or other is None:
                return None
            one, other = self._as_time(one, other), self._as_time(other, one)
            return compare(one, other)

        aggregates = left.is_aggregate or right.is_aggregate
        return Expression(evaluate, f"{left.text} {sign} {right.text}", aggregates)

    def _as_time(self, value: Any, other: Any) -> Any:
        """Read a text as a time where it stands beside one."""
        if not (isinstance(value, str) and isinstance(other, datetime)):
            return value
        try:
            found = datetime.fromisoformat(value)
        except ValueError as error:
            msg = f"Cannot parse DateTime: {value}"
            raise HogQLError(msg) from error
        return found if found.tzinfo else found.replace(tzinfo=self._frame.zone)

    def _value(self) -> Expression:
        kind, token = self._next()
        if kind == "text":
            text = re.sub(r"\\(.)", r"\1", token[1:-1])
            return Expression(lambda _: text, token)
        if kind == "number":
            return Expression(lambda _: int(token), token)
        if kind == "value":
            if token not in self._frame.values:
                msg = f"Unresolved placeholder: {{{token}}}"
                raise HogQLError(msg)
            value = self._frame.values[token]
            return Expression(lambda _: value, f"{{{token}}}")
        if token == "(":
            inner = self._expression()
            self._expect(")")
            return inner
        if kind == "name" and self._is("("):
            return self._call(token)
        if kind == "name":
            return self._field(token)
        msg = f"Syntax error: {token!r} is not expected"
        raise HogQLError(msg)

    def _call(self, name: str) -> Expression:
        if name == "toDate":
            of = self._expression()
            self._expect(")")
            return Expression(self._date(of), f"toDate({of.text})", of.is_aggregate)
        if name not in _AGGREGATES:
            msg = f"Unsupported function call '{name}(...)'"
            raise HogQLError(msg)
        distinct = self._is("distinct")
        inner = None if self._is(")") else self._expression()
        if inner is not None:
            self._expect(")")
        evaluate = _aggregate(name, inner, distinct=distinct)
        return Expression(evaluate, f"{name}()", is_aggregate=True)

    def _date(self, of: Expression) -> Evaluate:
        def evaluate(rows: Sequence[Row]) -> str:
            return of.evaluate(rows).astimezone(self._frame.zone).date().isoformat()  # type: ignore[no-any-return]

        return evaluate

    def _field(self, name: str) -> Expression:
        if name in self._aliases:
            return self._aliases[name]
        if name not in COLUMNS[self._table]:
            msg = f"Unable to resolve field: {name}"
            raise HogQLError(msg)
        if self._is("."):
            if name != "properties":
                msg = f"Can not access property of {name}"
                raise HogQLError(msg)
            key = self._name()
            return Expression(lambda rows: rows[0][name].get(key), f"{name}.{key}")
        return Expression(lambda rows: rows[0][name], name)

    # Tokens ---------------------------------------------------------------------------------

    def _is(self, token: str) -> bool:
        if self._tokens and self._tokens[0][0] in ("name", "sign") and self._matches(token):
            self._tokens = self._tokens[1:]
            return True
        return False

    def _matches(self, token: str) -> bool:
        return self._tokens[0][1].lower() == token

    def _expect(self, token: str) -> None:
        if not self._is(token):
            msg = f"Syntax error: expected {token}"
            raise HogQLError(msg)

    def _next(self) -> tuple[str, str]:
        if not self._tokens:
            msg = "Syntax error: unexpected end"
            raise HogQLError(msg)
        first, self._tokens = self._tokens[0], self._tokens[1:]
        return first

    def _name(self) -> str:
        kind, token = self._next()
        if kind != "name":
            msg = f"Syntax error: expected a name, not {token!r}"
            raise HogQLError(msg)
        return token

    def _number(self) -> int:
        kind, token = self._next()
        if kind != "number":
            msg = f"Syntax error: expected a number, not {token!r}"
            raise HogQLError(msg)
        return int(token)


_COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "!=": lambda one, other: bool(one != other),
    "<=": lambda one, other: bool(one <= other),
    ">=": lambda one, other: bool(one >= other),
    "=": lambda one, other: bool(one == other),
    "<": lambda one, other: bool(one < other),
    ">": lambda one, other: bool(one > other),
}


def _joined(
    how: Callable[[Iterable[bool]], bool], left: Expression, right: Expression
) -> Expression:
    return Expression(
        lambda rows: how(bool(each.evaluate(rows)) for each in (left, right)),
        f"{left.text} {how.__name__} {right.text}",
        left.is_aggregate or right.is_aggregate,
    )


def _aggregate(name: str, inner: Expression | None, *, distinct: bool) -> Evaluate:
    def values(rows: Sequence[Row]) -> list[Any]:
        assert inner is not None
        found = [inner.evaluate([row]) for row in rows]
        return [each for each in found if each is not None]

    if name == "countIf":
        return lambda rows: sum(each is True for each in values(rows))
    if name in ("min", "max"):
        choose = min if name == "min" else max
        return lambda rows: choose(values(rows), default=None)
    if distinct or name == "uniq":
        return lambda rows: len(set(values(rows)))
    return lambda rows: len(rows) if inner is None else len(values(rows))


def time_of(text: str) -> datetime:
    """Return a time as events have it in the stand-in: `2024-03-01T12:00:00.000000Z`."""
    return datetime.fromisoformat(text.removesuffix("Z")).replace(tzinfo=timezone.utc)
