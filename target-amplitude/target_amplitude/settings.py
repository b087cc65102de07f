"""What a user may decide about a mapping. Pure data, no reading of files or of the environment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from singer_delivery.mapping.choice import Choice, LeavesOut, fits_one_of

from target_amplitude.amplitude import (
    MAX_GROUP_TYPES,
    MAX_TEXT_CHARACTERS,
    MEANINGFUL_NAMES,
    MEANINGFUL_PREFIXES,
    RESERVED_NAMES,
    REVENUE_KEYS,
)

UserProperties = Literal["set", "set_once", "none"]
BareDistinctIds = Literal["auto", "user", "device"]
EventsWithoutId = Literal["dead_letter", "skip", "own_device"]
ReusedInsertIds = Literal["keep", "skip"]


@dataclass(frozen=True, kw_only=True)
class MappingSettings:
    """The settings of target-amplitude that change what a record becomes.

    Attributes:
        user_properties: `set` overwrites with what is newer, `set_once` never overwrites (where
            Amplitude's SDK writes already), `none` sends no state of people.
        user_properties_on_events: whether each event carries what was true of its person.
        skip_user_properties_sync: whether events neither read nor write what Amplitude knows of
            their person; `false` is for a project that nobody else writes to.
        user_created_event: the event that says once for each user since when there is one; empty
            for none. By default the pair decides.
        transaction_event: the event that a purchase in a profile becomes; empty for none.
        super_properties: names of properties that move into the user properties of their event.
        exclude_properties: names or patterns (`*`, `?`) of properties that do not travel.
        group_keys: properties that hold groups, to their group types.
        revenue: Amplitude's `revenue`, `price`, `quantity`, `productId`, `revenueType` and
            `currency`, to the properties that hold them.
        groups: whether properties of groups are sent.
        send_ip: whether an address travels, and then only beside a location.
        send_advertising_ids: whether `idfa` and `adid` travel.
        bare_distinct_ids: whether an id that may be a user's or a device's is a user's; `auto`
            tells by its form.
        events_without_id: what becomes of an event of nobody; with `own_device` each is a person.
        reused_insert_ids: whether another row of a device that has the insert id of an earlier one
            is sent under its own `uuid`, or left out.
        backfill_days: a record that the source received more than this many days after it happened
            says nothing about now.
        include_events: names or patterns (`*`, `?`) of the source's events that travel, if any.
        exclude_events: names or patterns (`*`, `?`) of the source's events that do not travel.
        rename_events: the source's event name to the name it gets.
        now: the time when the run started, in microseconds since 1970.

    Raises:
        ValueError: a name is Amplitude's own, too long, or stands for nothing there.
    """

    now: int
    user_properties: UserProperties = "set"
    user_properties_on_events: bool = True
    skip_user_properties_sync: bool = True
    user_created_event: str | None = None
    transaction_event: str = ""
    super_properties: tuple[str, ...] = ()
    exclude_properties: tuple[str, ...] = ()
    group_keys: Mapping[str, str] = field(default_factory=dict)
    revenue: Mapping[str, str] = field(default_factory=dict)
    groups: bool = True
    send_ip: bool = True
    send_advertising_ids: bool = True
    bare_distinct_ids: BareDistinctIds = "auto"
    events_without_id: EventsWithoutId = "dead_letter"
    reused_insert_ids: ReusedInsertIds = "keep"
    backfill_days: int = 30
    include_events: tuple[str, ...] = ()
    exclude_events: tuple[str, ...] = ()
    rename_events: Mapping[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        for old, new in self.rename_events.items():
            check_event_name(f"`rename_events` calls `{old}`", new)
        for setting in ("user_created_event", "transaction_event"):
            name = getattr(self, setting)
            if name:
                check_event_name(f"`{setting}` is", name)
        _check_group_keys(self.group_keys)
        _check_revenue(self.revenue)

    def leaves_out_property(self) -> LeavesOut:
        """Return what tells whether properties of a name are left out."""
        return fits_one_of(self.exclude_properties)

    def choice(self) -> Choice:
        """Return what chooses the events that travel."""
        return Choice(self.include_events, self.exclude_events, self.rename_events)


def check_event_name(what: str, name: str) -> None:
    """Refuse an event type that Amplitude refuses, or gives a meaning of its own.

    Args:
        what: says whose name it is, as the beginning of a sentence.
        name: of the event.

    Raises:
        ValueError: with a sentence for people.
    """
    is_theirs = name in RESERVED_NAMES or name in MEANINGFUL_NAMES
    if is_theirs or name.startswith(MEANINGFUL_PREFIXES) or not name.strip():
        msg = f"{what} `{name}`, which is no event type for Amplitude's customers. Choose another."
        raise ValueError(msg)
    if len(name) > MAX_TEXT_CHARACTERS:
        msg = f"{what} a name of {len(name)} characters; Amplitude takes {MAX_TEXT_CHARACTERS}."
        raise ValueError(msg)


def check_group_type(what: str, group_type: str) -> None:
    """Refuse a group type that is none.

    Args:
        what: says whose type it is, as the beginning of a sentence.
        group_type: in Amplitude.

    Raises:
        ValueError: with a sentence for people.
    """
    if not group_type.strip() or group_type.startswith("$"):
        msg = f"{what} `{group_type}`, which is no group type in Amplitude. Choose another."
        raise ValueError(msg)


def _check_group_keys(group_keys: Mapping[str, str]) -> None:
    for key, group_type in group_keys.items():
        check_group_type(f"`group_keys` calls `{key}`", group_type)
    types = {*group_keys.values()}
    if len(types) > MAX_GROUP_TYPES:
        msg = (
            f"`group_keys` names {len(types)} group types, but an Amplitude project has "
            f"{MAX_GROUP_TYPES}. Choose the {MAX_GROUP_TYPES} to link."
        )
        raise ValueError(msg)


def _check_revenue(revenue: Mapping[str, str]) -> None:
    unknown = [key for key in revenue if key not in REVENUE_KEYS]
    if unknown:
        msg = f"`revenue` names `{unknown[0]}`; Amplitude knows {', '.join(REVENUE_KEYS)}."
        raise ValueError(msg)
    if revenue.keys() >= {"revenue", "price"}:
        msg = (
            "`revenue` names both `revenue` and `price`, and Amplitude would count price times "
            "quantity alone. Leave one of them out."
        )
        raise ValueError(msg)
    if revenue and not revenue.keys() & {"revenue", "price"}:
        msg = "`revenue` names neither `revenue` nor `price`: without an amount nothing is revenue."
        raise ValueError(msg)
