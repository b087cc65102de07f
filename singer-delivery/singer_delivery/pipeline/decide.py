"""Decides records one after the other: the only code that asks the ledger or changes it.

What a record becomes depends on the past in a few questions: whose device is this, is this state
newer than what was sent. They are answered here, in order; all else is a pure function of record
and decision that may run anywhere.
"""

from __future__ import annotations

import time

from singer_delivery.ledger.ledger import Ledger
from singer_delivery.model import Decision, Effects, Unmappable
from singer_delivery.pipeline.blocks import Input
from singer_delivery.pipeline.checkpoints import Checkpoints
from singer_delivery.pipeline.delivery import Delivery
from singer_delivery.pipeline.lanes import People
from singer_delivery.pipeline.outcomes import Outcomes
from singer_delivery.pipeline.packing import LANES, Tasks, mapped_and_encoded

LONG_LINE = 64 * 1024
"""Bytes of a line whose event may prove too large. It is mapped at once, since a record of which
nothing can be made must say nothing. What services take is more than ten times that."""

OLD = 1.0
"""Seconds after which a block is closed though it could take more."""


DELIVERED_BEFORE = "delivered_before"
"""The rule that leaves a record out whose event is in the list of deliveries."""

_DELIVERED_BEFORE = Decision(skipped=DELIVERED_BEFORE, sends=False)


class Decider:
    """Takes the records of all streams, in the order in which they come. One thread uses it.

    Args:
        ledger: answers, and remembers what records say.
        checkpoints: has the block that takes records.
        outcomes: learns of records that are decided at once.
        delivery: takes blocks that are closed.
        tasks: says how records are mapped.
    """

    def __init__(
        self,
        ledger: Ledger,
        checkpoints: Checkpoints,
        outcomes: Outcomes,
        delivery: Delivery,
        tasks: Tasks,
    ) -> None:
        self._ledger = ledger
        self._remembers = ledger.remembers
        self._checkpoints = checkpoints
        self._outcomes = outcomes
        self._delivery = delivery
        self._tasks = tasks
        self._people = People()
        self._effects = Effects()
        self._turn = 0

    def take(self, of: Input, line: bytes, original: bytes | None = None) -> None:
        """Decide a record.

        Args:
            of: its stream.
            line: the record, or the RECORD message that holds it.
            original: the message as it came, where `line` was made of it.

        Raises:
            DeliveryError: the run cannot go on.
            Interrupted: the run is to stop.
        """
        mapping, effects = of.mapping, self._effects
        try:
            observation = mapping.observe(line, is_message=of.are_messages)
            decision: Decision = mapping.decide(observation, self._ledger, effects)
            if len(line) > LONG_LINE and decision.sends:
                mapped_and_encoded(line, self._tasks.of(of), decision)
        except Unmappable as error:
            self._effects = Effects()
            message = of.message_of(line) if original is None else original
            self.refuse(of, message, error.reason, error.detail)
            return
        of.counts.read += 1
        if self._remembers and self._was_delivered(decision):
            decision = _DELIVERED_BEFORE
            effects.facts.clear()  # they would be true of an event that is not sent
            effects.kept.clear()
            effects.notes.clear()
        if decision.sends:
            self._add(of, line, original, decision, effects)
        else:
            self._leave_out(of, decision, effects)

    def refuse(self, of: Input, message: bytes, reason: str, detail: str) -> None:
        """Put a record of which nothing can be made among the dead letters.

        Raises:
            DeliveryError: they are too many.
        """
        of.counts.read += 1
        self._outcomes.unmappable(of, message, reason, detail)

    def _add(
        self, of: Input, line: bytes, original: bytes | None, decision: Decision, effects: Effects
    ) -> None:
        lane = self._lane(decision)
        block = self._checkpoints.last
        place = len(block.lines)
        self._apply(effects, (block.number, place))
        block.add(of, line, decision, lane, original)
        if block.is_full or (not place & 63 and time.monotonic() - block.begun > OLD):
            self._delivery.close_block()

    def _leave_out(self, of: Input, decision: Decision, effects: Effects) -> None:
        block = self._checkpoints.last
        if effects.is_gathered:
            if not (block.is_empty or block.gathers):
                self._delivery.close_block()  # STATE before this record need not wait for it
                block = self._checkpoints.last
            block.left_out += 1
            block.gathers = True
            self._outcomes.gather(of)
        else:
            block.left_out += 1
            block.unsent[of, decision.skipped] += 1
        self._apply(effects, (block.number, -1))
        if block.is_full:
            self._delivery.close_block()

    def _was_delivered(self, decision: Decision) -> bool:
        """Tell whether the event of a record was delivered before."""
        if not decision.sends or decision.skipped is not None:
            return False
        delivery = decision.delivery
        return delivery is not None and self._ledger.was_delivered(delivery)

    def _apply(self, effects: Effects, record: tuple[int, int]) -> None:
        """Do what a decision changes, and empty its lists for the next one."""
        ledger = self._ledger
        if effects.claims:
            ledger.claim(effects.claims)
            effects.claims.clear()
        if effects.facts:
            ledger.say(effects.facts, record)
            effects.facts.clear()
        if effects.kept:
            ledger.say(effects.kept, record, is_kept=True)
            effects.kept.clear()
        if effects.renewed:
            ledger.renew(effects.renewed, record[0])
            effects.renewed.clear()
        if effects.notes:
            self._outcomes.note(effects.notes)
            effects.notes.clear()
        effects.is_gathered = False

    def _lane(self, decision: Decision) -> int:
        """Return the lane of a record; what it merges with may ask for a block of its own."""
        person, checkpoints = decision.person, self._checkpoints
        number, settled = checkpoints.last.number, checkpoints.settled
        if not person:
            self._turn = (self._turn + 1) % LANES
            return self._turn
        if decision.merges is None:
            return self._people.lane(person, number, settled)
        lane, other = self._people.linked(person, decision.merges, number, settled)
        if other is not None and other.block == number:
            self._delivery.close_block()  # a piece waits for those of earlier blocks alone
            return self._lane(decision)
        if other is not None:
            needs = self._checkpoints.last.needs
            needs[lane] = needs.get(lane, 0) | 1 << other.lane
        return lane
