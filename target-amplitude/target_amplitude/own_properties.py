"""The event's own properties: which stay, which leave, and which go elsewhere. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, NamedTuple

from singer_delivery.mapping.choice import without
from singer_delivery.mapping.records import put_aside
from singer_delivery.mapping.table import is_absent, select

from target_amplitude.amplitude import GUARDED_KEYS
from target_amplitude.moves import Move, Rows, moves
from target_amplitude.settings import MappingSettings
from target_amplitude.tables import SourceTables


class _Names(NamedTuple):
    """What is to be done with properties of certain names.

    Attributes:
        move: does what the rows say that read one of them; None where none does.
        leaving: those that do not stay.
        aside: those among them that get another name, since Amplitude acts on their own.
        super: those among them that move into the user properties of the event.
    """

    move: Move | None
    leaving: frozenset[str]
    aside: tuple[str, ...]
    super: tuple[str, ...]


class OwnProperties:
    """Says what becomes of the event's own properties.

    Args:
        settings: of the target.
        tables: of the source.
    """

    def __init__(self, settings: MappingSettings, tables: SourceTables) -> None:
        self._tables = tables
        self._nothing = tables.no_values
        self._leaves_out = settings.leaves_out_property() if settings.exclude_properties else None
        self._supers = frozenset(settings.super_properties)
        self._rows = {
            variant: Rows(*(
                select(rows, {*variant.split()})
                for rows in (tables.own_top, tables.of_user, tables.own)
            ))
            for variant in tables.variants
        }  # fmt: skip
        self._names = lru_cache(512)(self._look_at)  # those of one event are mostly the same
        self._move_of = lru_cache(256)(lambda rows: moves(rows, tables.moving))

    def divide(
        self, variant: str, own: Mapping[str, Any], top: dict[str, Any], of_user: dict[str, Any]
    ) -> dict[str, Any]:
        """Return the properties that stay, also under another name.

        Args:
            variant: of the record.
            own: the event's own properties.
            top: gets what moves to the top of the event.
            of_user: gets what moves into its user properties.
        """
        names = self._names(variant, tuple(own))
        made: dict[str, Any] = {}
        properties = self._staying(own, names)
        if names.move is not None:
            names.move(own, properties, top, of_user, made)
        if made:
            self.lay_over(properties, made)
        for name in names.super:
            if not is_absent(own[name]):
                of_user[name] = own[name]
        return properties

    def lay_over(self, properties: dict[str, Any], made: Mapping[str, Any]) -> None:
        """Add what rows made; a property that has one of their names is put aside."""
        if not properties.keys().isdisjoint(made):
            for name in made.keys() & properties.keys():
                put_aside(properties, name, properties[name], self._tables.prefix)
        properties.update(made)

    def kept(self, properties: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return properties without those that the settings leave out."""
        return properties if self._leaves_out is None else without(properties, self._leaves_out)

    def _look_at(self, variant: str, names: tuple[str, ...]) -> _Names:
        tables, rows = self._tables, self._rows[variant].reading(names)
        leaving = {name for name in names if tables.drops(name)}
        guarded = () if tables.is_copy else GUARDED_KEYS
        aside = tuple(name for name in names if name in guarded and name not in leaving)
        supers = tuple(name for name in names if name in self._supers and name not in leaving)
        move = self._move_of(rows) if any(rows) else None
        return _Names(move, frozenset(leaving.union(aside, supers)), aside, supers)

    def _staying(self, own: Mapping[str, Any], names: _Names) -> dict[str, Any]:
        """Return the properties that stay, each under a name of its own."""
        if names.aside:
            return self._staying_beside(own, names)
        properties = dict(own)
        for name in names.leaving:
            del properties[name]
        return self._with_values(properties)

    def _with_values(self, properties: dict[str, Any]) -> dict[str, Any]:
        """Return those that have a value."""
        values = properties.values()
        for nothing in self._nothing:
            if nothing in values:
                return {k: v for k, v in properties.items() if v not in self._nothing}
        return properties

    def _staying_beside(self, own: Mapping[str, Any], names: _Names) -> dict[str, Any]:
        """Return the same where some get another name: none that a property has, even an empty."""
        carried = {name: value for name, value in own.items() if name not in names.leaving}
        for name in names.aside:
            if not is_absent(own[name]):
                put_aside(carried, name, own[name], self._tables.prefix)
        return self._with_values(carried)
