"""Events of a stream at one destination: a `Pair` that tells equal records apart."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeVar

from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import Destination, Pair, PairDecision
from singer_delivery.model import Effects, Facts, Mapped, Note

from analytics_records.named_columns.rows import COPY, Rows
from analytics_records.named_columns.source import NamedColumns, Seen

D = TypeVar("D", bound=PairDecision)

Number = Callable[[str], int]
"""Returns how often a thing came before in the run, and counts it."""

Warn = Callable[[str], None]
"""Logs a sentence as a warning, once."""


class Lent(NamedTuple):
    """What a run lends to the mapping of a stream, where its records are decided.

    Attributes:
        number: numbers equal records.
        warn: gets what the user should know of the stream.
        choice: which events travel; it remembers which patterns matched.
    """

    number: Number | None = None
    warn: Warn | None = None
    choice: Choice | None = None


NOTHING_LENT = Lent()

EQUAL = "equal_rows_are_one_event"
"""Note of a record that is equal to one before it and has no id of its own."""


class EventRows(Pair[D]):
    """Makes events of the records of a stream.

    Equal records without an id are one event, since they have one uuid; that is counted. Where the
    user asks for it the second one's number is a part of its uuid, and so on. The number is that
    among equal records, not the place in the file: it is the same when the stream is read again in
    another order, or from a bookmark, which equal records are all before or all after.

    Args:
        source: the records.
        rows: reads them.
        destination: of the events.
        choice: which events travel.
        number: numbers equal records, where records are decided.
        args: that make the same in another process.
    """

    def __init__(
        self,
        source: NamedColumns,
        rows: Rows,
        destination: Destination[D],
        choice: Choice,
        number: Number | None,
        args: tuple[Any, ...],
    ) -> None:
        super().__init__(source, destination, choice)
        self._args = args
        self._stream, self._number = rows.stream, number
        self._tells_apart = rows.description.numbers_copies

    def __reduce__(self) -> tuple[Any, tuple[Any, ...]]:
        """Let another process make the same: what is compiled cannot travel."""
        return type(self), self._args

    def decide(self, observation: Observation, facts: Facts, effects: Effects) -> D:
        """Return the decision of a record, and fill in its effects.

        Raises:
            Unmappable: it has no name, id or time that the destination takes.
        """
        it = super().decide(observation, facts, effects)
        assert isinstance(observation, Seen), "as the source makes them"
        if observation.content and it.skipped is None and self._number is not None:
            before = self._number(f"{self._stream}\x1f{observation.content}")
            if before and self._tells_apart:
                it.copy = before
            elif before:
                effects.notes.append(Note(EQUAL, self._stream))
        return it

    def map(self, record: Mapping[str, Any], decision: D) -> Mapped:
        """Return what a clean record becomes. Pure."""
        numbered = {**record, COPY: decision.copy} if decision.copy else record
        return super().map(numbered, decision)


def warn_of(rows: Rows, warn: Warn | None) -> None:
    """Warn of a stream whose records have no id, unless equal ones are to be told apart."""
    if warn is None or rows.has_ids or rows.description.numbers_copies:
        return
    warn(
        f"Stream '{rows.stream}' has neither key properties nor an `insert_id` under `streams`: "
        f"equal rows become one event, counted in the report as `{EQUAL}`. Name a column as its "
        "`insert_id`, or set it to {row_number: true} to keep each."
    )


def chosen(rows: Rows, choice: Choice) -> Choice:
    """Return which events travel: the choice is among names that a column says."""
    return choice if rows.description.name_column else Choice((), ())
