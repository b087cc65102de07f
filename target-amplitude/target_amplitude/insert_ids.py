"""Insert ids that a source used again, for another event of the same device. Knows no source.

Amplitude takes two events with one device and one insert id for the same, within seven days of the
first (docs, "HTTP V2 API", Event deduplication). A source that was fed again later has both, and
counts both; in a copy, which takes less than seven days, the second would vanish behind a 200.
"""

from __future__ import annotations

from singer_delivery.mapping.observation import Observation
from singer_delivery.model import Facts, Note

from target_amplitude.decision import AmplitudeDecision
from target_amplitude.settings import ReusedInsertIds

REUSED = "insert_id_reused"
KEPT = 1 << 15
"""Keys that are remembered of events under way, in each of two halves: some 10 MB."""


class InsertIds:
    """Tells by which ids events are known, and which insert ids were used before.

    Args:
        reused: what becomes of an event whose insert id was used by another.
    """

    def __init__(self, reused: ReusedInsertIds) -> None:
        self._skips = reused == "skip"
        self._recent: dict[str, str] = {}
        self._older: dict[str, str] = {}

    def decide(
        self, it: AmplitudeDecision, seen: Observation, facts: Facts, notes: list[Note]
    ) -> None:
        """Decide by which ids an event is known, and whether it is sent under another.

        Args:
            it: gets them.
            seen: the record, with the id that its event has, and the source's own of the row.
            facts: of the past; the list of deliveries has both keys of each event.
            notes: what is counted.
        """
        if not seen.event_ids:
            return
        own, *of_row = seen.event_ids
        key = f"{own}\x1f{it.device or it.user}"
        row = of_row[0] if of_row else ""
        it.event_id = row or key
        if not row or row == own:
            return
        it.dedup_key = key
        if not self._is_reused(it, key, row, facts):
            return
        if self._skips:
            it.skipped = REUSED
        else:
            it.insert_id, it.dedup_key = row, ""
            notes.append(Note(REUSED))

    def _is_reused(self, it: AmplitudeDecision, key: str, row: str, facts: Facts) -> bool:
        first = self._recent.get(key) or self._older.get(key)
        if first is not None:
            return first != row
        listed, known = it.delivery, it.also_known
        assert listed is not None
        assert known is not None
        if facts.was_delivered(known) and not facts.was_delivered(listed):
            return True
        self._remember(key, row)
        return False

    def _remember(self, key: str, row: str) -> None:
        if len(self._recent) >= KEPT:
            self._recent, self._older = {}, self._recent
        self._recent[key] = row
