"""What the suite over all pairs must know of one."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from operator import itemgetter
from types import ModuleType
from typing import Any

from hypothesis import strategies as st
from singer_delivery.model import Event, RecordMapping

from tests.pairs import any_record
from tests.pairs.walk import Alike, Walk


def _usual_person(body: Mapping[str, Any]) -> str:
    of = body["properties"]
    found: str | None = body.get("distinct_id") or of.get("$user_id") or of.get("$device_id")
    return of["distinct_id"] if found is None else found


@dataclass(frozen=True)
class PairUnderTest:
    """A pair of a source and a destination.

    Attributes:
        name: of it.
        settings: makes the destination's settings; those not given are the usual ones.
        choices: of such settings.
        make: makes the mapping.
        from_columns: makes the mapping of a stream `orders` whose key is `uuid`.
        table: the module with the pair's table.
        page: the module that prints it.
        columns: of the source, restated.
        keys: names of properties that mean something there.
        takes: asserts that the destination takes an event, by its own rules.
        revealing: settings under which every column that travels shows.
        hidden: values of columns that must not be found in what is sent.
        kept: settings under which no property may vanish.
        properties_of: the properties of an event's body.
        silent: columns that say something only where others are missing.
        is_copy: whether source and destination are one vendor's: unknown columns stay behind.
        person_of: whom an event's body is of: the user, or the device.
    """

    name: str
    settings: Callable[..., Any]
    choices: st.SearchStrategy[Any]
    make: Callable[[Any], RecordMapping]
    from_columns: Callable[[Mapping[str, str]], RecordMapping]
    table: ModuleType
    page: ModuleType
    columns: frozenset[str]
    keys: Collection[str]
    takes: Callable[[Event, Any], None]
    revealing: Mapping[str, Any] = field(default_factory=dict)
    hidden: Mapping[str, str] = field(default_factory=dict)
    kept: tuple[Mapping[str, Any], ...] = ({},)
    properties_of: Callable[[Mapping[str, Any]], Mapping[str, Any]] = itemgetter("properties")
    silent: frozenset[str] = frozenset()
    is_copy: bool = False
    person_of: Callable[[Mapping[str, Any]], str] = _usual_person

    @cached_property
    def records(self) -> st.SearchStrategy[dict[str, Any]]:
        """Records of whatever Hypothesis thinks of, most of them events."""
        return any_record.records(self.keys)

    @cached_property
    def _made(self) -> dict[str, Alike]:
        return {}

    def walk(self, chosen: Any = None, **settings: Any) -> Walk:
        """Return a mapping and a new memory. Mappings are pure, and used again."""
        chosen = self.settings(**settings) if chosen is None else chosen
        name = repr(chosen)
        if name not in self._made:
            self._made[name] = Alike.made(lambda: self.make(chosen))
        return Walk(self._made[name])

    def fresh(self, chosen: Any) -> Walk:
        """Return a mapping that remembers nothing, and a new memory."""
        return Walk(lambda: self.make(chosen))

    def __repr__(self) -> str:
        return self.name
