"""What a user may decide about a mapping. Pure data, no reading of files or of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

from singer_delivery.mapping.choice import Choice

from target_mixpanel.mixpanel import GUARDED_KEYS, IDENTITY_EVENTS

IdentityMerge = Literal["simplified", "original"]

LINK_EVENT = "Identity Linked"
"""Name of the event that links a device to its user, where the setting gives none."""

_YEAR = 31_557_600_000_000  # 365.25 days in microseconds


@dataclass(frozen=True, kw_only=True)
class MappingSettings:
    """The settings of target-mixpanel that change what a record becomes.

    Attributes:
        identity_merge: which identity system the project has; Simplified ID Merge, the default of
            Mixpanel since 2024, or the original one.
        user_properties_on_events: whether what was true of the person at the time stays on the
            event, as `user.<name>`: profiles have no history.
        profiles: whether profiles of people are updated.
        groups: whether profiles of groups are updated.
        backfill_days: a record that Amplitude received more than this many days after it happened
            says nothing about now.
        group_keys: Amplitude's group type to the group key of the Mixpanel project; the same name
            where there is none.
        geolocate_ip: whether Mixpanel locates an event without a city by its `ip_address`.
        retention_years: how long the project keeps events; older ones are counted.
        skip_expired: whether events older than that are left out.
        include_events: names or patterns (`*`, `?`) of the Amplitude events that travel, if any.
        exclude_events: names or patterns (`*`, `?`) of Amplitude events that do not travel.
        rename_events: Amplitude's event name to the name it gets.
        bare_distinct_ids: what a `distinct_id` of a Mixpanel export is that nothing tells: `auto`
            looks at its form, else it is a `user`'s or a `device`'s.
        link_event: name of the event that links a device to its user in a copy from Original to
            Simplified ID Merge.
        now: the time when the run started, in microseconds since 1970.
        version: of this software, for `$lib_version`.

    Raises:
        ValueError: a name is Mixpanel's own, or the retention is no number of years.
    """

    now: int
    identity_merge: IdentityMerge = "simplified"
    user_properties_on_events: bool = True
    profiles: bool = True
    groups: bool = True
    backfill_days: int = 30
    group_keys: Mapping[str, str] = field(default_factory=dict)
    geolocate_ip: bool = False
    retention_years: int = 2
    skip_expired: bool = False
    include_events: tuple[str, ...] = ()
    exclude_events: tuple[str, ...] = ()
    rename_events: Mapping[str, str] = field(default_factory=dict)
    bare_distinct_ids: Literal["auto", "user", "device"] = "auto"
    link_event: str = LINK_EVENT
    version: str = "unknown"

    def __post_init__(self) -> None:
        for old, new in self.rename_events.items():
            check_event_name(f"`rename_events` calls `{old}`", new)
        check_event_name("`link_event` is", self.link_event)
        for group_type, key in self.group_keys.items():
            check_group_key(f"`group_keys` calls `{group_type}`", key)
        if self.retention_years < 1:
            msg = "`retention_years` must be 1 or more: how long the Mixpanel project keeps events."
            raise ValueError(msg)

    @cached_property
    def expires(self) -> int:
        """The time before which events are older than the retention, in microseconds."""
        return self.now - self.retention_years * _YEAR

    def choice(self) -> Choice:
        """Return what chooses the events that travel."""
        return Choice(self.include_events, self.exclude_events, self.rename_events)


def check_event_name(what: str, name: str) -> None:
    """Refuse an event name that is an order to merge people.

    Args:
        what: says whose name it is, as the beginning of a sentence.
        name: of the event.

    Raises:
        ValueError: with a sentence for people.
    """
    if name in IDENTITY_EVENTS:
        msg = f"{what} `{name}`, which is no event for Mixpanel but an order. Choose another name."
        raise ValueError(msg)


def check_group_key(what: str, key: str) -> None:
    """Refuse a group key that Mixpanel keeps for itself.

    Args:
        what: says whose key it is, as the beginning of a sentence.
        key: as in the settings of the Mixpanel project.

    Raises:
        ValueError: with a sentence for people.
    """
    if key in GUARDED_KEYS or not key.strip():
        msg = f"{what} `{key}`, which is no group key in Mixpanel. Choose one of the project's."
        raise ValueError(msg)
