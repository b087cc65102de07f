"""What a pair asks of a source: what a vendor's records say."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any, Protocol

from singer_delivery.mapping.changes import Changes
from singer_delivery.mapping.observation import Groups, Observation
from singer_delivery.model import Note


class Source(Protocol):
    """What a vendor's records say. Pure.

    Attributes:
        name: of the vendor, for the names of what is put aside.
        name_column: holds the name of the event.
        calls: names of records that are no events, to the call they are.
        first_attribution: names of properties that say where a person came from at first.
    """

    name: str
    name_column: str
    calls: Mapping[str, str]
    first_attribution: frozenset[str]

    def observe(self, line: bytes, *, is_message: bool) -> Observation:
        """Return what decisions need of a record.

        Raises:
            Unmappable: the line is no record, or an unreadable one.
        """

    def people_of(self, seen: Any) -> Collection[str] | None:
        """Return by which id it knows the person of a record: see `RecordMapping`."""

    def shaped(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return a clean record as the vendor has it, whatever it went through on the way.

        Raises:
            Unmappable: it cannot be read.
        """

    def event_name(self, record: Mapping[str, Any]) -> str:
        """Return the name of the event."""

    def event_properties(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return the event's own properties."""

    def person_properties(self, record: Mapping[str, Any]) -> Mapping[str, Any]:
        """Return what it says of the person."""

    def groups(self, record: Mapping[str, Any], call: str) -> Groups:
        """Return the groups it names, and what it says of groups."""

    def groups_beside(
        self, record: Mapping[str, Any], groups: Groups, linked: Collection[str]
    ) -> dict[str, Any]:
        """Return what it says of groups beside those whose types are among the linked ones."""

    def changes(self, properties: Mapping[str, Any], notes: list[Note]) -> Changes:
        """Return what properties of a person or a group change."""

    def event_uuid(self, record: Mapping[str, Any]) -> str:
        """Return the id of the event."""

    def hour(self, record: Mapping[str, Any], shaped: Mapping[str, Any]) -> int:
        """Return the hour of the export that a record was in, since 1970; 0 for unknown.

        `record` is as it came, `shaped` the same as `shaped` returns it.
        """

    def link_uuid(self, record: Mapping[str, Any], user: str, device: str) -> str:
        """Return the id of the link between a user and a device."""
