"""A ledger against a plain model of what it promises, over whatever runs Hypothesis thinks of.

The model keeps every sentence that was ever said, in order, and strikes out what a refusal takes
back. What is known of a name is what the last sentence that is not struck out says.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)
from singer_delivery.ledger import facts as ledger_facts
from singer_delivery.ledger.ledger import Ledger
from singer_delivery.model import Fact

from tests.examples import examples
from tests.singer_delivery.ledger.ledgers import fact, update

ALL = OWN, UPDATED = ("ann", "bob")
"""Ann's facts are carried by events, or claimed; Bob's by events and by updates."""

LATER = st.integers(0, 1)
TWO_VALUES = st.integers(0, 1).map(lambda number: f"v{number}")


@dataclass(eq=False)
class Sentence:
    """`first` is the sentence that it renews, or itself."""

    fact: Fact
    block: int
    record: tuple[int, int] | None
    is_kept: bool = False
    is_claim: bool = False
    is_struck_out: bool = False
    first: Sentence | None = None

    @property
    def origin(self) -> Sentence:
        return self.first or self


class Model:
    """What a ledger promises, in the plainest words."""

    def __init__(self) -> None:
        self.on_disk: dict[str, Fact] = {}
        self.sentences: list[Sentence] = []
        self.disowned: list[Fact] = []
        self.settled = -1

    def of(self, name: str) -> list[Sentence]:
        return [s for s in self.sentences if s.fact.name == name and not s.is_struck_out]

    def recall(self, name: str) -> Fact | None:
        said = self.of(name)
        if said:
            return said[-1].fact
        return None if self.is_gone(name) else self.on_disk.get(name)

    def is_gone(self, name: str) -> bool:
        """Tell whether a refused update made what is on disk untrue, or put it in doubt."""
        known = self.on_disk.get(name)
        return known is not None and any(
            known.value == each.value or known.at <= each.at
            for each in self.disowned
            if each.name == name
        )

    def lasts(self, sentence: Sentence) -> bool:
        return sentence.is_claim or sentence.block <= self.settled

    def forget(self, record: tuple[int, int], *, kept: bool) -> None:
        for sentence in self.sentences:
            origin = sentence.origin
            if origin.record == record and (kept or not origin.is_kept):
                sentence.is_struck_out = True

    def refuse(self, refused: Fact) -> None:
        """Values of updates are never said twice here: they name what was refused."""
        before = True
        for sentence in reversed(self.of(refused.name)):
            before = before and sentence.fact.value != refused.value
            if not before:
                sentence.is_struck_out = True
        self.disowned.append(refused)

    def save(self, *, claims_only: bool) -> None:
        if not claims_only:
            for name in [name for name in self.on_disk if self.is_gone(name)]:
                del self.on_disk[name]
            self.disowned.clear()
        for name in ALL:
            lasting = [sentence for sentence in self.of(name) if self.lasts(sentence)]
            if lasting and (not claims_only or any(each.is_claim for each in lasting)):
                self.on_disk[name] = lasting[-1].fact
                self.drop(name, lasting[-1])

    def drop(self, name: str, saved: Sentence) -> None:
        """Strike out what is on disk, or was said before it: the disk says it from now on."""
        for sentence in self.sentences[: self.sentences.index(saved) + 1]:
            if sentence.fact.name == name:
                sentence.is_struck_out = True

    def killed(self) -> None:
        self.sentences.clear()
        self.disowned.clear()
        self.settled = -1


class AnyRun(RuleBasedStateMachine):
    """Runs that decide, settle, are refused, save, and are killed."""

    url = ""
    keep = True

    runs = 0

    @initialize(cached=st.sampled_from([1, ledger_facts.CACHED]))
    def begin(self, cached: int) -> None:
        ledger_facts.CACHED = cached  # few, so that much is read from the disk again; or all
        self.model = Model()
        AnyRun.runs += 1
        self.scope = f"project {AnyRun.runs}"
        self.time = 0
        self.updates: list[Fact] = []
        self.open()

    def open(self) -> None:
        self.ledger = Ledger(self.url, self.scope, keep=self.keep)
        self.block, self.place = 0, 0

    def teardown(self) -> None:
        if hasattr(self, "ledger"):
            self.ledger.close()

    def next_record(self) -> tuple[int, int]:
        self.place += 1
        return self.block, self.place

    def add(self, said: Fact, **fields: Any) -> None:
        self.model.sentences.append(Sentence(said, self.block, **fields))

    # What a record says -------------------------------------------------------------------------

    def passes(self, later: int) -> int:
        self.time += later
        return self.time

    @rule(value=TWO_VALUES, is_kept=st.booleans(), later=LATER)
    def say(self, value: str, is_kept: bool, later: int) -> None:  # noqa: FBT001 - a strategy's
        said, record = fact(OWN, value, self.passes(later)), self.next_record()
        self.ledger.say([said], record, is_kept=is_kept)
        self.add(said, record=record, is_kept=is_kept)

    @rule(later=LATER, is_alone=st.booleans())
    def keep_an_update(self, later: int, is_alone: bool) -> None:  # noqa: FBT001 - a strategy's
        """A record may have an event besides an update that waits for the end of the run."""
        record, at = self.next_record(), self.passes(later)
        said = fact(UPDATED, f"update {len(self.model.sentences)} at {at}", at)
        for each, is_kept in ((fact(OWN, "both", at), False), (said, True))[is_alone:]:
            self.ledger.say([each], record, is_kept=is_kept)
            self.add(each, record=record, is_kept=is_kept)
        self.updates.append(said)

    @rule(later=LATER)
    def change_at_once(self, later: int) -> None:
        said = fact(UPDATED, f"event {len(self.model.sentences)}", self.passes(later))
        record = self.next_record()
        self.ledger.say([said], record)
        self.add(said, record=record)

    @rule(name=st.sampled_from(ALL), later=LATER)
    def renew(self, name: str, later: int) -> None:
        known = self.model.recall(name)
        renewed = (known or fact(name))._replace(at=self.passes(later))
        self.ledger.renew([renewed, renewed._replace(value="never said")], self.block)
        if known is not None and known.at < self.time:
            said = self.model.of(name)
            self.add(renewed, record=None, first=said[-1].origin if said else None)

    @rule(value=TWO_VALUES, later=LATER)
    def claim(self, value: str, later: int) -> None:
        said = fact(OWN, value, self.passes(later))
        self.ledger.claim([said])
        for sentence in self.model.of(OWN):  # it holds whatever becomes of them
            sentence.is_struck_out = True
        self.add(said, record=None, is_claim=True)

    # What becomes of records --------------------------------------------------------------------

    @rule()
    def close_block(self) -> None:
        self.block, self.place = self.block + 1, 0

    @rule(is_all=st.booleans())
    def settle(self, is_all: bool) -> None:  # noqa: FBT001 - a strategy's
        if is_all:
            self.close_block()
        while self.model.settled < self.block - 1:
            self.model.settled += 1
            self.ledger.settle(self.model.settled)
            if not is_all:
                break

    @precondition(lambda self: self.unsettled())
    @rule(data=st.data(), kept=st.booleans())
    def refuse_a_record(self, data: Any, kept: bool) -> None:  # noqa: FBT001 - a strategy's
        record = data.draw(st.sampled_from(self.unsettled()))
        self.ledger.forget(record, kept=kept)
        self.model.forget(record, kept=kept)

    def unsettled(self) -> list[tuple[int, int]]:
        records = {s.record for s in self.model.sentences if s.record is not None}
        return sorted(record for record in records if record[0] > self.model.settled)

    @precondition(lambda self: self.updates and self.keep)
    @rule()
    def refuse_an_update(self) -> None:
        """Those of one name take each other's place: only the newest may come to be sent."""
        refused = self.updates.pop()
        self.updates.clear()
        self.ledger.refused(update(refused.name, refused.at, facts=json.dumps([refused])))
        self.model.refuse(refused)

    # The disk -----------------------------------------------------------------------------------

    @rule()
    def save(self) -> None:
        self.ledger.save()
        if self.keep:
            self.model.save(claims_only=False)
        self.the_disk_has_what_lasts()

    @rule()
    def save_claims(self) -> None:
        self.ledger.save_claims()
        if self.keep:
            self.model.save(claims_only=True)
        self.the_disk_has_what_lasts()

    def the_disk_has_what_lasts(self) -> None:
        on_disk = {name: self.ledger._store.fact("person", name) for name in ALL}
        assert on_disk == {name: self.model.on_disk.get(name) for name in ALL}

    @rule()
    def is_killed_and_started_again(self) -> None:
        self.ledger.close()
        self.open()
        self.model.killed()
        for name in ALL:
            assert self.ledger.recall("person", name) == self.model.on_disk.get(name)

    @invariant()
    def what_is_known_is_what_was_said_last(self) -> None:
        if hasattr(self, "ledger"):
            for name in ALL:
                assert self.ledger.recall("person", name) == self.model.recall(name)


@pytest.mark.hypothesis
@pytest.mark.parametrize("keep", [True, False], ids=["a run", "a dry run"])
def test_what_is_known_and_what_is_on_disk_are_as_promised(url, keep, monkeypatch):
    monkeypatch.setattr(ledger_facts, "CACHED", ledger_facts.CACHED)  # it is changed by each run
    monkeypatch.setattr(AnyRun, "url", url)
    monkeypatch.setattr(AnyRun, "keep", keep)
    run_state_machine_as_test(
        AnyRun,
        settings=settings(
            max_examples=examples(300 if keep else 50),
            stateful_step_count=30,
            deadline=None,
            suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much],
        ),
    )
