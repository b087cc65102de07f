"""Mixpanel export -> PostHog events. What becomes what is in `table.py`."""

from __future__ import annotations

from typing import Any, ClassVar

from analytics_records.mixpanel import columns, fields
from analytics_records.mixpanel.observation import Seen
from analytics_records.mixpanel.outcomes import DROPPED_PREFIXES
from analytics_records.mixpanel.pair import MixpanelPair, Number
from analytics_records.mixpanel.source import PREFIX, Mixpanel, layout
from analytics_records.mixpanel.whose import Persons, Whom
from singer_delivery.mapping.choice import Choice, LeavesOut
from singer_delivery.mapping.identity import Identity, Who
from singer_delivery.mapping.names import EventNames
from singer_delivery.mapping.properties import PropertyTable
from singer_delivery.mapping.selection import Export
from singer_delivery.mapping.table import Row, select
from singer_delivery.model import Decision, Effects, Fact, Facts, Note

from target_posthog.events import PostHog, base_of
from target_posthog.from_mixpanel.conversions import IDS, NOBODY
from target_posthog.from_mixpanel.people import GroupProfilesFromMixpanel, ProfilesFromMixpanel
from target_posthog.from_mixpanel.table import (
    COLUMNS,
    EVENT_NAMES,
    EVENT_PROPERTY_ROWS,
    PROPERTIES,
)
from target_posthog.nesting import STORED
from target_posthog.people import PostHogDecision
from target_posthog.posthog import GUARDED_KEYS, MAX_NAME_CHARACTERS, READER, SERVICE, harmless_name
from target_posthog.settings import MappingSettings

__all__ = [
    "PREFIX",
    "FromMixpanel",
    "GroupProfilesFromMixpanel",
    "ProfilesFromMixpanel",
    "exports",
]

ALSO_WRITTEN = ("$mixpanel_event_name", "$groups")
"""Properties of an event that no row writes, beside those that every event has."""

OF_NOBODY = Note("no_identity")
IS_A_USER = "device_is_a_user"
CONFLICT = "identity_conflict"


class FromMixpanel(MixpanelPair[PostHogDecision]):
    """Makes PostHog events and links of the rows of a Mixpanel export.

    An event goes under the id with which it came to Mixpanel, so that a row read again after a
    merge is the same event; what the merge says is told as a link, which PostHog applies to past
    events, too.

    Args:
        settings: of the target.
        choice: of the events that travel; by default the one of the settings.
        number: numbers equal rows, where rows are decided.
    """

    decision_type: ClassVar[type[Decision]] = PostHogDecision

    def __init__(
        self,
        settings: MappingSettings,
        choice: Choice | None = None,
        number: Number | None = None,
    ) -> None:
        self._settings = settings
        source = Mixpanel(READER, COLUMNS, settings.group_keys, leaving(settings))
        self.table = property_table(settings)
        destination = PostHog(settings, source, event_names(settings), self.table, _not_asked)
        persons = Persons(IDS, settings.bare_distinct_ids)
        super().__init__(source, destination, choice or settings.choice(), persons, number)

    def __reduce__(self) -> tuple[type[FromMixpanel], tuple[MappingSettings]]:
        """Let another process make the same: what is compiled cannot travel."""
        return type(self), (self._settings,)

    def identity(self, whom: Whom, seen: Seen, facts: Facts, effects: Effects) -> Identity:
        """Return by which ids PostHog gets a row; see `MixpanelPair`."""
        if seen.is_verb:
            return super().identity(whom, seen, facts, effects)
        ingested = whom.ingested
        if not ingested:
            effects.notes.append(OF_NOBODY)
            ingested = f"{NOBODY}{seen.uuid}"
        found = self._whose(Who(whom.user, whom.device, ingested), seen, facts, effects)
        sent = found.who.distinct_id
        if whom.user is not None and ingested == whom.device:
            # It came of the device, and Mixpanel has said since whose it is.
            is_other = found.own_device is None and _is_a_user(ingested, seen, facts)
            sent = f"device:{ingested}" if is_other else ingested
        elif sent != ingested and ingested not in (whom.user, whom.device):
            sent = ingested
        if sent == found.who.distinct_id:
            return found
        return found._replace(who=found.who._replace(distinct_id=sent))

    def decide_links(
        self, it: PostHogDecision, whom: Whom, seen: Seen, facts: Facts, effects: Effects
    ) -> None:
        """Decide which links a row sends beside the one between its device and its user."""
        if it.user is None or not self.destination.links:
            return
        others = dict.fromkeys(whom.joined)
        if whom.ingested not in (whom.user, whom.device, whom.own, ""):
            others[whom.ingested] = None
        for one in others:
            if one not in (it.user, it.own_device):
                self._link(one, it, whom, seen, facts, effects)
        if it.links:
            it.merges = it.links[0][0]

    def _link(
        self,
        one: str,
        it: PostHogDecision,
        whom: Whom,
        seen: Seen,
        facts: Facts,
        effects: Effects,
    ) -> None:
        """Link another id to the user of a row, unless it was, or is somebody else's."""
        user, owner = str(it.user), facts.recall("owner", one)
        if owner is None:
            if one not in whom.joined and _is_a_user(one, seen, facts):
                effects.notes.append(Note(IS_A_USER, one))
                return
            owner = Fact("owner", one, user, seen.at, seen.place)
            effects.claims.append(owner)
        elif owner.value != user:
            words = f"{one} belongs to {owner.value}, also seen with {user}"
            effects.notes.append(Note(CONFLICT, words))
            return
        elif facts.recall("link", one) is not None:
            return
        it.links += ((one, user, owner.at),)
        effects.facts.append(Fact("link", one, user, owner.at))


def _is_a_user(one: str, seen: Seen, facts: Facts) -> bool:
    """Tell whether an earlier row named a user by an id."""
    known = facts.recall("user", one)
    return known is not None and not seen.is_before(known)


def _not_asked(*_: Any) -> Who:
    raise AssertionError("whose a row is says `identity`")  # noqa: EM101, TRY003


def leaving(settings: MappingSettings) -> LeavesOut:
    """Return what tells which properties leave: as the user says, or as Mixpanel's bookkeeping."""
    excluded = settings.leaves_out_property()

    def leaves(name: str) -> bool:
        return excluded(name) or (name.startswith(DROPPED_PREFIXES) and name not in COLUMNS)

    return leaves


def event_names(settings: MappingSettings) -> EventNames:
    """Return what names the events."""

    def harmless(name: str) -> str:
        return harmless_name(name, PREFIX)

    return EventNames(settings.rename_events, EVENT_NAMES, harmless, MAX_NAME_CHARACTERS, SERVICE)


def property_table(settings: MappingSettings) -> PropertyTable:
    """Return the table of properties, compiled."""
    conditions = [] if settings.person_properties == "none" else ["person_properties"]
    revenue = tuple(Row(to, name) for to, name in settings.revenue.items())
    return PropertyTable(
        PROPERTIES,
        select(EVENT_PROPERTY_ROWS, conditions) + revenue,
        base=base_of(settings, "mixpanel"),
        conditions=conditions,
        also_written=ALSO_WRITTEN,
        guarded=GUARDED_KEYS,
        layout=layout(COLUMNS, fields.STEADY),
        fit=STORED,
    )


def exports(
    settings: MappingSettings, choice: Choice, number: Number | None = None
) -> list[Export]:
    """Return how the streams of an export are known, and what makes the mapping of each."""
    return columns.exports(
        lambda _schema: FromMixpanel(settings, choice, number),
        lambda _schema: GroupProfilesFromMixpanel(settings),
        lambda _schema: ProfilesFromMixpanel(settings),
    )
