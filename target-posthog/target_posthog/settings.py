"""What a user may decide about a mapping. Pure data, no reading of files or of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from singer_delivery.mapping.choice import Choice, LeavesOut, fits_one_of

LinkIdentities = Literal["alias", "identify", "none"]
PersonProperties = Literal["set", "set_once", "none"]
PersonProfiles = Literal["always", "identified_only"]
BareDistinctIds = Literal["auto", "user", "device"]

LIVE_HOURS = 48
"""Younger events are billed and treated as live ones (PostHog docs, "Migrate to PostHog")."""

MAX_GROUP_TYPES = 5
"""A PostHog project has five group types; a sixth is accepted and linked to nothing.

Source: PostHog docs, Group analytics; `group-type-manager` of its ingestion.
"""


@dataclass(frozen=True)
class MappingSettings:
    """The settings of target-posthog that change what a record becomes.

    Attributes:
        link_identities: how the device a person was seen on is merged into the person: by
            `$create_alias`, by `$identify`, or not at all.
        person_properties: `set` overwrites with what is newer, `set_once` never overwrites (for a
            project that is already live), `none` sends none.
        person_profiles: `identified_only` keeps events without a user id from creating profiles.
        backfill_days: a record that Amplitude received more than this many days after it happened
            says nothing about now.
        group_types: the group types to link, at most five; without it the first five met.
        include_events: names or patterns (`*`, `?`) of the events that travel, if any.
        exclude_events: names or patterns (`*`, `?`) of events that do not travel.
        rename_events: an event's name to the name it gets.
        send_ip: whether `ip_address` travels, as `$ip`.
        send_advertising_ids: whether `idfa` and `adid` travel.
        exclude_properties: names or patterns (`*`, `?`) of properties that do not travel.
        group_keys: properties of a Mixpanel export that name groups, to the types of those groups.
        revenue: `revenue` and `currency`, to the properties of a Mixpanel export that hold them.
        bare_distinct_ids: whether an id of Mixpanel that nothing says is a user's or a device's is
            one or the other; `auto` tells by its form.
        version: of this software, for `$lib_version`.
        live_from: since when PostHog takes events for live ones, in microseconds since 1970; they
            are counted. None counts none.

    Raises:
        ValueError: more than five group types, or something else than revenue and currency.
    """

    link_identities: LinkIdentities = "alias"
    person_properties: PersonProperties = "set"
    person_profiles: PersonProfiles = "always"
    backfill_days: int = 30
    group_types: tuple[str, ...] | None = None
    include_events: tuple[str, ...] = ()
    exclude_events: tuple[str, ...] = ()
    rename_events: Mapping[str, str] = field(default_factory=dict)
    send_ip: bool = True
    send_advertising_ids: bool = True
    exclude_properties: tuple[str, ...] = ()
    group_keys: Mapping[str, str] = field(default_factory=dict)
    revenue: Mapping[str, str] = field(default_factory=dict)
    bare_distinct_ids: BareDistinctIds = "auto"
    version: str = "unknown"
    live_from: int | None = None

    def __post_init__(self) -> None:
        if self.group_types is not None and len(self.group_types) > MAX_GROUP_TYPES:
            msg = (
                f"`group_types` names {len(self.group_types)} types, but a PostHog project has "
                f"{MAX_GROUP_TYPES}. Choose the {MAX_GROUP_TYPES} to link; the others stay "
                "readable in `$amplitude_groups`."
            )
            raise ValueError(msg)
        unknown = sorted(self.revenue.keys() - {"revenue", "currency"})
        if unknown:
            msg = f"`revenue` names `{unknown[0]}`: PostHog knows `revenue` and `currency`."
            raise ValueError(msg)

    def leaves_out_property(self) -> LeavesOut:
        """Return what tells whether properties of a name are left out."""
        return fits_one_of(self.exclude_properties)

    def choice(self) -> Choice:
        """Return what chooses the events that travel."""
        return Choice(self.include_events, self.exclude_events, self.rename_events)
