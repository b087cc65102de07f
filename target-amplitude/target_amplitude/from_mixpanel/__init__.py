"""Mixpanel export -> Amplitude. The table is in `table.py`."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, ClassVar

from analytics_records.mixpanel import columns
from analytics_records.mixpanel.observation import Seen
from analytics_records.mixpanel.pair import MixpanelPair
from analytics_records.mixpanel.source import PREFIX, SESSION, UUID, Mixpanel
from analytics_records.mixpanel.whose import Persons, Whom
from analytics_records.nobody import besides
from singer_delivery.mapping.choice import Choice, fits_one_of
from singer_delivery.mapping.identity import Identity, Who
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import Reading
from singer_delivery.mapping.selection import Export
from singer_delivery.model import Decision, Effects, Fact, Facts

from target_amplitude.amplitude import IDS, READER
from target_amplitude.decision import AmplitudeDecision
from target_amplitude.destination import Amplitude
from target_amplitude.from_mixpanel import table
from target_amplitude.from_mixpanel.conversions import is_ios, is_web
from target_amplitude.from_mixpanel.profiles import (
    GroupProfilesFromMixpanel,
    ProfilesFromMixpanel,
)
from target_amplitude.settings import MappingSettings
from target_amplitude.tables import SourceTables

OF_PEOPLE = besides(IDS)
"""What Amplitude makes of ids of people."""

leaves = fits_one_of([*table.DROPPED, *table.READ])
"""Tells whether a property of an event does not travel as one."""

_READ = frozenset({UUID, SESSION})
_KINDS = {table.PAGE: "page", **dict.fromkeys(table.ELEMENTS.values(), "page element")}
VARIANTS = tuple(
    f"{where} {kind}".strip()
    for where in ("web not_ios", "app ios", "app not_ios")
    for kind in ("", "page", "page element")
)


def variant_of(reading: Reading[Any]) -> str:
    """Return where an event happened, and of what kind it is."""
    own = reading.event_properties
    where = "web not_ios" if is_web(own) else "app ios" if is_ios(own) else "app not_ios"
    kind = _KINDS.get(table.EVENT_NAMES.get(reading.name, ""), "")
    return f"{where} {kind}" if kind else where


class FromMixpanel(MixpanelPair[AmplitudeDecision]):
    """Makes Amplitude events of the rows of a Mixpanel export.

    Args:
        settings: of the target.
        choice: of the events that travel; by default the one of the settings.
        number: numbers equal rows, where rows are decided.
    """

    decision_type: ClassVar[type[Decision]] = AmplitudeDecision

    def __init__(
        self,
        settings: MappingSettings,
        choice: Choice | None = None,
        number: Callable[[str], int] | None = None,
    ) -> None:
        tables = tables_of(settings)
        assert isinstance(tables.source, Mixpanel), "as `tables_of` makes it"
        super().__init__(
            tables.source,
            Amplitude(settings, tables),
            choice or settings.choice(),
            Persons(OF_PEOPLE, settings.bare_distinct_ids, apart=True),
            number,
        )
        self._settings = settings
        self._knows_mode = False

    def __reduce__(self) -> tuple[type[FromMixpanel], tuple[MappingSettings]]:
        """Let another process make the same: what is compiled cannot travel."""
        return type(self), (self._settings,)

    def decide(self, observation: Observation, facts: Facts, effects: Effects) -> AmplitudeDecision:
        """Return the decision of a row: see `MixpanelPair`."""
        assert isinstance(observation, Seen), "as the source makes them"
        if not self._knows_mode:
            self._knows_mode = remember_mode(observation, facts, effects)
        it = super().decide(observation, facts, effects)
        if it.sends_event:  # its device and user may be known better at the next reading
            it.event_id = observation.uuid
        return it

    def identity(self, whom: Whom, seen: Seen, facts: Facts, effects: Effects) -> Identity:
        """Return by which ids Amplitude gets a row: see `MixpanelPair`.

        Raises:
            Unmappable: it is nobody's (`no_identity`).
        """
        who = Who(whom.user, whom.device, whom.user or whom.device or "")
        if not who.distinct_id and not seen.is_verb:
            who = self.destination.who(_nobody(seen), [])
        return self._whose(who, seen, facts, effects)


def remember_mode(seen: Seen, facts: Facts, effects: Effects) -> bool:
    """Remember how the source merges ids: profiles do not say; tell whether that was known.

    The fact `source_mode`, "mixpanel" -> `simplified` or `original`, is a claim.
    """
    if not (seen.is_simplified or seen.is_verb):
        return False
    if facts.recall("source_mode", "mixpanel") is not None:
        return True
    mode = "simplified" if seen.is_simplified else "original"
    effects.claims.append(Fact("source_mode", "mixpanel", mode, 0))
    return False  # the claim may be ignored with its record


def tables_of(settings: MappingSettings) -> SourceTables:
    """Return what of a row becomes what in Amplitude."""
    group_keys = {key: key for key in settings.group_keys}
    source = Mixpanel(READER, _READ, group_keys)
    return SourceTables(
        source=source,
        prefix=PREFIX,
        event_names=table.EVENT_NAMES,
        insert_id=source.event_uuid,
        ids=OF_PEOPLE,
        changes=source.changes,
        top=table.TOP,
        own_top=table.OWN_TOP,
        own=table.OWN,
        of_user=table.OF_USER,
        beside=table.BESIDE,
        moving=table.MOVING,
        drops=leaves,
        variants=VARIANTS,
        variant_of=variant_of,
        created_event=table.CREATED_EVENT,
    )


def _nobody(seen: Seen) -> Observation:
    """Return a row of nobody, with what tells it from others."""
    return Observation(
        seen.name, None, None, None, seen.at, seen.time_column, seen.person, seen.groups,
        event_ids=(seen.uuid,),
    )  # fmt: skip


def exports(
    settings: MappingSettings, choice: Choice, number: Callable[[str], int] | None = None
) -> list[Export]:
    """Return how the streams of an export are known, and what makes the mapping of each."""
    return columns.exports(
        lambda _schema: FromMixpanel(settings, choice, number),
        lambda _schema: GroupProfilesFromMixpanel(settings),
        lambda _schema: ProfilesFromMixpanel(settings),
    )
