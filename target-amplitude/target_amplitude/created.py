"""The creation events of users: at what time, and once for each. Knows no source.

Amplitude dates a person new by the earliest event, so an import moves that date back, and who has a
profile and no event does not appear at all (docs, "Backfill data").
"""

from __future__ import annotations

from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import CREATION, Effects, Event, Fact, Facts, Note

from target_amplitude.amplitude import EARLIEST, ids_of, make_event
from target_amplitude.decision import AmplitudeDecision
from target_amplitude.settings import MappingSettings

NO_DATE = Note("no_creation_date")


def creation_event(user: str, name: str, at: int, fact: Fact) -> Event:
    """Return the event that says since when there is a user; it leaves last of all.

    Neither skipped nor with properties: it makes visible what the `$identify` before it says.

    Args:
        user: who was created.
        name: of the event.
        at: when, in microseconds.
        fact: that it was sent.
    """
    made = make_event(CREATION, name, at, stable_uuid("created", user), ids_of(user, None))
    made.order, made.deferred, made.facts = f"created\x1f{user}", True, (fact,)
    return made


class Created:
    """Decides when a user was created: once for each, by an event dated as early as is known.

    Amplitude dates a person new by the earliest event. The fact `created`, user -> run and time of
    the creation as the source has it, says that the event was decided; while that run lasts an
    earlier event of the user may still move it.

    Args:
        settings: of the target.
        default: name of the event where the settings have none.
    """

    def __init__(self, settings: MappingSettings, default: str = "") -> None:
        chosen = settings.user_created_event
        self.name = default if chosen is None else chosen.strip()
        self._run = f"{settings.now:x}"

    def decide(
        self,
        it: AmplitudeDecision,
        user: str | None,
        created: int | None,
        at: int | None,
        facts: Facts,
        effects: Effects,
    ) -> None:
        """Decide whether a record sends the creation event of its user.

        Args:
            it: gets the time, and the value of the fact.
            user: of the record.
            created: when the source says that the user was created, in microseconds; None for
                nothing.
            at: when the event of the record happened, likewise.
            facts: of the past.
            effects: gets the fact and what is counted.
        """
        if not self.name or user is None:
            return
        last, known = facts.recall("created", user), None
        if last is not None:
            if at is not None and at >= last.at:  # nearly always
                return
            run, known = _read(last)
            if run != self._run:
                return
        said = created if created is not None else known
        first = min(
            [time for time in (at, None if last is None else last.at) if time], default=None
        )
        when = _earliest(said, first)
        if when is None:
            effects.notes.append(NO_DATE)
        elif last is None or when < last.at:
            it.created = when
            it.creation = f"{self._run}:{'' if said is None else said}"
            effects.kept.append(self.fact(it, user))

    def fact(self, it: AmplitudeDecision, user: str) -> Fact:
        """Return the fact that the creation event was sent."""
        return Fact("created", user, it.creation, it.created)

    def events(self, it: AmplitudeDecision, user: str) -> list[Event]:
        """Return the event that was decided."""
        if not it.created:
            return []
        return [creation_event(user, self.name, it.created, self.fact(it, user))]


def _read(fact: Fact) -> tuple[str, int | None]:
    run, _, said = fact.value.partition(":")
    return run, int(said) if said else None


def _earliest(said: int | None, first: int | None) -> int | None:
    if said is not None and said >= EARLIEST and (first is None or said <= first):
        return said
    return first
