"""What becomes of records and events: the report, the dead letters, the ledger."""

from __future__ import annotations

import pytest
from singer_delivery.endpoint import Reply
from singer_delivery.errors import ServiceRefused, TooManyDeadLetters
from singer_delivery.model import Fact

from tests.singer_delivery.pipeline.parts import DELIVERED, REFUSED
from tests.singer_delivery.toys import Sender, scripted, toy_event, within


def said(name: str) -> Fact:
    return Fact("person", name, f"v {name}", 1)


# Records ------------------------------------------------------------------------------------


def test_a_record_is_delivered_when_all_its_events_are(pipeline):
    pipeline.send(events=[1, 2])
    pipeline.decide(1)
    assert pipeline.counts()["undecided"] == 1
    pipeline.decide(2)
    assert pipeline.counts() == {
        "read": 1,
        "delivered": 1,
        "skipped": {},
        "dead": {},
        "undecided": 0,
    }
    assert pipeline.report.kinds == {"event": 2}
    assert pipeline.report.names == {"event 1": 1, "event 2": 1}


def test_a_record_whose_events_are_refused_is_dead_once(pipeline):
    pipeline.send(events=[1, 2, 3])
    pipeline.decide(1)
    pipeline.decide(2, 3, judgement=REFUSED)
    assert pipeline.counts()["dead"] == {"refused": 1}
    assert pipeline.counts()["delivered"] == 0
    assert pipeline.report.endpoint("toy").dead == {"refused": 2}
    [record] = pipeline.files.dead()
    assert record["_dead_letter"].pop("at")
    assert record["_dead_letter"] == {
        "reason": "refused",
        "detail": "The toy refused it.",
        "attempts": 2,
        "endpoint": "toy",
    }


@pytest.mark.parametrize("order", [(1, 2), (2, 1)])
def test_a_record_with_one_refused_event_is_dead_in_whichever_order_it_is_decided(pipeline, order):
    pipeline.send(events=[1, 2])
    for number in order:
        pipeline.decide(number, judgement=REFUSED if number == 2 else DELIVERED)
    assert pipeline.counts() == {
        "read": 1,
        "delivered": 0,
        "skipped": {},
        "dead": {"refused": 1},
        "undecided": 0,
    }


@pytest.mark.parametrize(
    "trouble", [{"unmappable": "no_identity"}, {"unsayable": 1}, {"late": "found late"}]
)
def test_what_cannot_be_mapped_or_encoded_is_dead_and_sends_nothing(pipeline, trouble):
    pipeline.send(events=[1, 2], said=["ann"], **trouble)
    assert pipeline.by_hand.waiting == {}
    reason = trouble.get("unmappable", trouble.get("late", "unsayable"))
    assert pipeline.counts() == {
        "read": 1,
        "delivered": 0,
        "skipped": {},
        "dead": {reason: 1},
        "undecided": 0,
    }
    assert pipeline.files.dead()[0]["_dead_letter"]["attempts"] == 0
    assert pipeline.ledger.recall("person", "ann") is None


def test_a_skipped_record_counts_as_skipped_even_when_events_go_with_it(pipeline):
    pipeline.take(skipped="excluded: Heartbeat")
    pipeline.send(skipped="excluded: Heartbeat", events=[1])
    assert pipeline.counts()["undecided"] == 2
    pipeline.decide(1)
    assert pipeline.counts()["skipped"] == {"excluded: Heartbeat": 2}
    assert pipeline.counts()["delivered"] == 0


def test_a_skipped_record_whose_event_is_refused_is_dead(pipeline):
    pipeline.send(skipped="excluded: Heartbeat", events=[1])
    pipeline.decide(1, judgement=REFUSED)
    assert pipeline.counts()["dead"] == {"refused": 1}
    assert pipeline.counts()["skipped"] == {}


def test_a_record_of_which_nothing_is_sent_counts_as_delivered(pipeline):
    pipeline.take()
    pipeline.delivery.flush()
    assert pipeline.counts()["delivered"] == 1


def test_notes_of_decisions_and_of_the_mapping_are_counted_with_their_examples(pipeline):
    pipeline.send(events=[1], odd=["a", "b", "a", None], strange=["c", None])
    assert pipeline.report.notes == {"odd": 4, "strange": 2}
    assert pipeline.report.examples == {"odd": ["a", "b"], "strange": ["c"]}


def test_what_cannot_be_mapped_leaves_no_note(pipeline):
    pipeline.send(events=[1], odd=["a"], unmappable="no_identity")
    pipeline.send(events=[2], strange=["c"], late="late")
    assert pipeline.report.notes == {}


# What is remembered -------------------------------------------------------------------------


def test_the_next_record_knows_what_the_one_before_it_said(pipeline):
    pipeline.take(events=[1], person="ann", said=["ann"], claims=["device"])
    assert pipeline.ledger.recall("person", "ann") == said("ann")
    assert pipeline.ledger.recall("owner", "device") == Fact("owner", "device", "ann", 1)


def test_facts_of_a_refused_event_are_forgotten(pipeline):
    pipeline.send(events=[1], said=["ann"])
    pipeline.decide(1, judgement=REFUSED)
    assert pipeline.ledger.recall("person", "ann") is None
    pipeline.outcomes.save()
    assert pipeline.files.on_disk("person", "ann") is None


def test_facts_of_a_refused_event_give_way_to_those_before(pipeline):
    pipeline.send(events=[1], person="ann", value="old", at=1)
    pipeline.decide(1)
    pipeline.send(events=[2], person="ann", value="new", at=2)
    pipeline.decide(2, judgement=REFUSED)
    assert pipeline.ledger.recall("person", "ann") == Fact("person", "ann", "old", 1)


def test_facts_last_when_every_event_of_their_block_is_decided(pipeline):
    pipeline.take(events=[1], said=["ann"])
    pipeline.send(events=[2], said=["bob"])
    pipeline.decide(1)
    pipeline.outcomes.save()
    assert pipeline.files.on_disk("person", "ann") is None
    pipeline.decide(2)
    pipeline.outcomes.save()
    assert pipeline.files.on_disk("person", "ann") == said("ann")
    assert pipeline.files.on_disk("person", "bob") == said("bob")


def test_facts_of_a_block_wait_for_the_blocks_before_it(pipeline):
    pipeline.send(events=[1], said=["ann"])
    pipeline.send(events=[2], said=["bob"])
    pipeline.decide(2)
    pipeline.outcomes.save()
    assert pipeline.files.on_disk("person", "bob") is None
    pipeline.decide(1)
    pipeline.outcomes.save()
    assert pipeline.files.on_disk("person", "bob") == said("bob")


def test_claims_are_on_disk_before_sending_and_outlast_a_refusal(pipeline):
    pipeline.send(events=[1], person="ann", claims=["device"])
    pipeline.outcomes.before_sending()
    claim = Fact("owner", "device", "ann", 1)
    assert pipeline.files.on_disk("owner", "device") == claim
    pipeline.decide(1, judgement=REFUSED)
    assert pipeline.ledger.recall("owner", "device") == claim


def test_what_cannot_be_mapped_says_and_claims_nothing(pipeline):
    pipeline.send(claims=["device"], unmappable="no_identity")
    assert pipeline.ledger.recall("owner", "device") is None
    pipeline.send(events=[1])  # nor does the next record in its place
    assert pipeline.ledger.recall("owner", "device") is None


# Too many dead letters ----------------------------------------------------------------------


def test_too_many_dead_letters_stop_the_run_before_its_state(pipelines):
    pipeline = pipelines(most="1")
    pipeline.take(unmappable="no_identity")
    pipeline.send(events=[1])
    pipeline.state(1)
    with pytest.raises(TooManyDeadLetters, match="no_identity"):
        pipeline.decide(1, judgement=REFUSED)
    assert pipeline.states == []
    with pytest.raises(TooManyDeadLetters):
        pipeline.take(unmappable="no_identity")


def test_what_the_mapping_finds_late_counts_among_the_dead(pipelines):
    pipeline = pipelines(most="1")
    pipeline.take(events=[1], late="late")
    pipeline.take(events=[2], late="late")
    with pytest.raises(TooManyDeadLetters):
        pipeline.delivery.flush()
    counts = pipeline.counts()
    assert counts["read"] == 2
    assert counts["delivered"] == 0


def test_a_run_whose_dead_letters_are_too_many_stops_from_a_sending_thread(pipelines):
    sender = Sender(scripted(*[Reply(400)] * 3))
    pipeline = pipelines(sender, most="0")
    pipeline.take(events=[1, 2])
    with pytest.raises(TooManyDeadLetters):
        within(pipeline.finish)


# Updates that wait --------------------------------------------------------------------------


def test_a_record_whose_update_waits_is_delivered_once_that_is_kept(pipeline):
    pipeline.send(events=[1], person="ann", order="ann", value="v", at=5, deferred=True)
    assert pipeline.counts()["delivered"] == 1
    assert pipeline.by_hand.waiting == {}
    [update] = pipeline.ledger.updates()
    assert (update.endpoint, update.name, update.at) == ("toy", "ann", 5)


def test_a_refused_update_is_a_dead_letter_while_its_record_stays_delivered(pipelines):
    pipeline = pipelines(Sender(scripted(Reply(400))), most="0")
    pipeline.send(events=[1], person="ann", order="ann", value="v", at=5, deferred=True)
    with pytest.raises(TooManyDeadLetters):  # counted by its endpoint
        within(pipeline.finish)


def test_one_refused_update_among_many_is_forgotten_with_its_facts(pipelines):
    pipeline = pipelines(Sender(lambda sent: Reply(400 if 1 in sent else 200)))
    for number, person in ((1, "ann"), (2, "bob")):
        pipeline.take(events=[number], person=person, order=person, value="v", at=5, deferred=True)
    within(pipeline.finish)
    assert pipeline.counts()["delivered"] == 2
    assert pipeline.report.endpoint("toy").dead == {"http 400": 1}
    [letter] = pipeline.files.dead()
    assert letter["events"] == [1]
    assert pipeline.ledger.recall("person", "ann") is None
    assert pipeline.ledger.recall("person", "bob") == Fact("person", "bob", "v", 5)


# Records that are sent together -------------------------------------------------------------


def test_what_was_made_of_records_together_is_never_refused_in_silence(pipelines):
    pipeline = pipelines(Sender(scripted(Reply(400))))
    pipeline.take(stream="table", events=[1], gathered=True)
    pipeline.state(1)
    event = toy_event(9)
    with pytest.raises(ServiceRefused, match="The toy refused it"):
        within(lambda: pipeline.finish([("table", event)]))
    assert pipeline.states == []
    assert pipeline.counts("table")["undecided"] == 1


# Requests -----------------------------------------------------------------------------------


def test_requests_and_retries_are_counted(pipelines):
    sender = Sender(scripted(Reply(503), Reply(429)))
    pipeline = pipelines(sender)
    pipeline.take(events=[1, 2])
    within(pipeline.finish)
    counts = pipeline.report.endpoint("toy")
    assert counts.requests == 3
    assert counts.retries == {"http 503": 1, "http 429": 1}
    assert counts.bytes_sent == sum(map(len, sender.bodies))
    assert counts.delivered == 2
