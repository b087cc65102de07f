"""Comparing, waiting, narrowing: with a destination that needs no network."""

from __future__ import annotations

import pytest
from singer_delivery.proof.comparing import compare, summed
from singer_delivery.proof.counting import CannotAsk, Counts, NotAsked
from singer_delivery.proof.verify import Options, Verifier, verdict_of

from tests.singer_delivery.proof.toy_counting import (
    DAY,
    ToyBooks,
    ToyCounter,
    ToyEvent,
    events,
)
from tests.singer_delivery.toys import PlayedClock

HOUR = DAY * 24


def verified(sent, *readings, options=None, **more):
    """Run a comparison; return what came of it, the counter, the clock and what was said."""
    counter, clock, said = ToyCounter(*readings), PlayedClock(0.0), []
    for name, value in more.items():
        setattr(counter, name, value)
    verifier = Verifier(counter, ToyBooks(sent), options or Options(), clock, said.append)
    verifier.announce()
    return verifier.run(), counter, clock, said


def test_what_is_equal_is_read_once_and_no_ids_are_asked():
    sent = events(5) + events(3, day=DAY + 1)
    outcome, counter, clock, said = verified(sent, sent)
    assert verdict_of(outcome, both_ways=True) == "equal"
    assert (counter.requests, counter.asked_ids, clock.now()) == (2, [], 0.0)
    assert outcome.comparison.days == {DAY: (5, 5), DAY + 1: (3, 3)}
    assert said == ["It costs a request a day."]


def test_a_lost_event_is_found_by_its_id_and_its_hour_is_named():
    sent = [each._replace(hour=HOUR + n) for n, each in enumerate(events(5))]
    outcome, counter, _, _ = verified(sent, sent[:3] + sent[4:])
    assert verdict_of(outcome, both_ways=False) == "differs"
    assert (outcome.missing.events, dict(outcome.missing.hours)) == (1, {HOUR + 3: 1})
    assert counter.asked_ids == [DAY]


def test_a_lost_day_needs_no_ids():
    sent = events(4) + events(6, day=DAY + 1, hour=HOUR + 30)
    outcome, counter, _, _ = verified(sent, sent[:4])
    assert (outcome.missing.events, dict(outcome.missing.hours)) == (6, {HOUR + 30: 6})
    assert counter.asked_ids == []


def test_more_is_no_difference_unless_asked_both_ways():
    sent = events(4)
    outcome, _, _, _ = verified(sent, [*sent, ToyEvent("foreign but under our mark")])
    assert [each.verdict for each in outcome.comparison.cells] == ["more"]
    assert verdict_of(outcome, both_ways=False) == "equal"
    assert verdict_of(outcome, both_ways=True) == "differs"


def test_copies_are_told_and_make_no_difference():
    sent = events(4)
    outcome, _, _, _ = verified(sent, sent + sent[:2])
    assert verdict_of(outcome, both_ways=True) == "equal"
    assert outcome.comparison.copies == 2
    assert [each.reason for each in outcome.reasons] == ["duplicates"]


def test_names_that_the_target_makes_itself_are_left_aside():
    sent = events(2)
    outcome, _, _, _ = verified(sent, [*sent, ToyEvent("a link", name="$link")])
    assert outcome.comparison.cells == []


def test_it_waits_while_the_destination_takes_in():
    sent = events(9)
    outcome, _, clock, said = verified(sent, sent[:3], sent[:7], sent)
    assert verdict_of(outcome, both_ways=False) == "equal"
    assert clock.now() == 600.0
    assert sum("reading again in 300 s" in each for each in said) == 2


def test_two_equal_readings_end_the_waiting():
    sent = events(9)
    outcome, _, clock, _ = verified(sent, sent[:7])
    assert (outcome.missing.events, clock.now()) == (2, 300.0)


def test_the_waiting_has_an_end():
    sent = events(9)
    readings = [sent[:n] for n in range(1, 9)]
    options = Options(interval=10.0, longest=25.0)
    outcome, _, clock, _ = verified(sent, *readings, options=options)
    assert clock.now() == 20.0
    assert outcome.missing.events == 6


def test_what_is_there_under_another_name_is_not_lost():
    sent = events(3)
    outcome, _, _, _ = verified(sent, [*sent[:2], sent[2]._replace(name="turned")])
    assert outcome.missing.events == 0
    assert outcome.missing.elsewhere == [DAY]
    assert verdict_of(outcome, both_ways=False) == "equal"
    assert "other_name_or_day" in [each.reason for each in outcome.reasons]


def test_beyond_the_requests_allowed_whole_days_are_named():
    sent = [each._replace(hour=HOUR + n % 3) for n, each in enumerate(events(500))]
    outcome, counter, _, _ = verified(sent, sent[:-1], most_requests=20)
    assert counter.asked_ids == []
    assert outcome.missing.whole_days == {DAY: "beyond"}
    assert outcome.missing.events == 1
    assert set(outcome.missing.hours) == {HOUR, HOUR + 1, HOUR + 2}
    assert verdict_of(outcome, both_ways=False) == "differs"


def test_ids_that_are_refused_name_whole_days():
    sent = events(3)
    outcome, _, _, said = verified(sent, sent[:2], refuses_ids=True)
    assert outcome.missing.whole_days == {DAY: "refused"}
    assert said[-1] == "No ids today."
    (sentence,) = [each.sentence for each in outcome.reasons if each.reason == "ids_refused"]
    assert "--max-requests" not in sentence


def test_what_was_not_asked_is_unknown_and_never_equal():
    sent = events(3) + events(2, day=DAY + 9)
    lacks = [NotAsked(DAY, DAY, "history", "The plan shows a week.")]
    outcome, _, _, _ = verified(sent, sent, not_asked=lacks)
    assert verdict_of(outcome, both_ways=False) == "unknown"
    assert outcome.comparison.days == {DAY: (3, None), DAY + 9: (2, 2)}
    assert outcome.reasons[0].sentence == "The plan shows a week."


def test_figures_beside_never_fail():
    sent = events(3)
    outcome, _, _, _ = verified(sent, sent, refuses_beside=True)
    assert verdict_of(outcome, both_ways=False) == "equal"
    assert outcome.reasons[0].sentence == "No figures of others today."


def test_days_are_chosen():
    sent = events(3) + events(2, day=DAY + 1) + events(4, day=DAY + 2)
    outcome, _, _, _ = verified(sent, sent, options=Options(DAY + 1, DAY + 1))
    assert outcome.comparison.days == {DAY + 1: (2, 2)}


def test_every_id_finds_what_counts_hide():
    sent = events(3)
    held = [*sent[:2], ToyEvent("another id")]
    hidden, _, _, _ = verified(sent, held)
    assert verdict_of(hidden, both_ways=True) == "equal"
    outcome, _, _, _ = verified(sent, held, options=Options(every_id=True))
    assert (outcome.missing.events, dict(outcome.missing.hours)) == (1, {HOUR: 1})
    assert verdict_of(outcome, both_ways=False) == "differs"


def test_it_is_not_begun_when_it_costs_too_much():
    sent = [each for day in range(30) for each in events(1, day=DAY + day)]
    with pytest.raises(CannotAsk, match="more than 29 requests"):
        verified(sent, sent, most_requests=29)


def test_the_ids_of_all_days_are_part_of_the_cost():
    sent = [each for day in range(3) for each in events(50, day=DAY + day)]
    with pytest.raises(CannotAsk, match="more than 17 requests"):
        verified(sent, sent, options=Options(every_id=True), most_requests=17)
    _, _, _, said = verified(sent, sent, options=Options(every_id=True), most_requests=18)
    assert said[1] == "The ids of all 3 days take 15 requests more."


def test_ids_of_all_days_that_were_not_compared_are_never_equal():
    sent = events(3)
    outcome, _, _, _ = verified(sent, sent, options=Options(every_id=True), refuses_ids=True)
    assert verdict_of(outcome, both_ways=False) == "unknown"
    assert outcome.missing.events == 0


def test_names_that_may_hide_what_lacks_are_never_equal():
    """Five of ours are away, and nine of others stand under the same name."""
    sent = events(9)
    foreign = events(9, name="play", hour=0)
    held = [*sent[:4], *(each._replace(id=f"foreign {each.id}") for each in foreign)]
    outcome, _, _, _ = verified(sent, held, shared={"play"})
    assert verdict_of(outcome, both_ways=False) == "unknown"
    assert verdict_of(outcome, both_ways=True) == "unknown"
    assert "shared_names" in [each.reason for each in outcome.reasons]


def test_reading_again_keeps_to_the_requests_too():
    sent = events(9)
    readings = [sent[:n] for n in range(1, 9)]
    outcome, counter, clock, said = verified(sent, *readings, most_requests=3)
    assert (counter.requests, clock.now()) == (3, 600.0)
    assert "--max-requests" in said[-1]
    assert "not_read_again" in [each.reason for each in outcome.reasons]


def test_a_name_of_the_whole_range_is_read_again_as_a_whole():
    sent = [*events(4), *events(4, day=DAY + 1), *events(2, name="stop")]
    once = Options(longest=300.0)
    for first in (sent[:-1], [*sent[:7], *sent[8:]]):
        outcome, _, _, _ = verified(sent, first, sent, by_name={"play"}, options=once)
        assert outcome.comparison.cells == []


def test_a_name_of_the_whole_range_whose_ids_are_there_is_not_lost():
    sent = [*events(4), *events(4, day=DAY + 1)]
    held = [*sent[:7], sent[7]._replace(name="turned")]
    outcome, counter, _, _ = verified(sent, held, by_name={"play"})
    assert counter.asked_ids == [DAY, DAY + 1]
    assert outcome.missing.events == 0
    assert verdict_of(outcome, both_ways=False) == "equal"


def test_a_name_of_the_whole_range_is_not_asked_where_a_part_is_not():
    sent = [*events(4), *events(4, day=DAY + 1)]
    lacks = [NotAsked(DAY, DAY, "history", "The plan shows a week.")]
    outcome, _, _, _ = verified(sent, sent[4:], by_name={"play"}, not_asked=lacks)
    assert [each.verdict for each in outcome.comparison.cells] == ["not asked"]
    assert verdict_of(outcome, both_ways=False) == "unknown"


def test_what_is_elsewhere_is_not_counted_as_missing_beside_a_day_that_lacks():
    """One day has all ids, under other names; the ids of the other take too many requests."""
    sent = [*events(3), *events(300, day=DAY + 1)]
    held = [*(each._replace(name="turned") for each in sent[:2]), sent[2], *sent[3:-1]]
    outcome, _, _, _ = verified(sent, held, most_requests=20)
    assert outcome.missing.elsewhere == [DAY]
    assert outcome.missing.whole_days == {DAY + 1: "beyond"}
    assert outcome.missing.events == 1


def test_empty_books_are_said():
    with pytest.raises(CannotAsk, match="The books hold no events"):
        verified([], [])


def test_a_name_that_is_compared_over_the_whole_range_has_no_days():
    sent = {(DAY, "a"): 3, (DAY + 1, "a"): 2, (DAY, "b"): 1}
    counts = Counts(found={(DAY, "b"): 1}, by_name={"a": 4})
    comparison = compare(sent, counts, ())
    assert [(e.day, e.name, e.sent, e.found) for e in comparison.cells] == [(None, "a", 5, 4)]
    assert comparison.days == {DAY: (4, None), DAY + 1: (2, None)}
    assert comparison.names == {"a": (5, 4), "b": (1, 1)}


def test_cells_of_one_name_from_two_names_of_the_source_are_one():
    class Cell:
        def __init__(self, source_name: str, count: int) -> None:
            self.day, self.name, self.source_name, self.count = DAY, "a", source_name, count

    assert summed([Cell("x", 2), Cell("y", 3)]) == {(DAY, "a"): 5}
