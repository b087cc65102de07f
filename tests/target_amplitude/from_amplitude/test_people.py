"""What the copy says of people: on each event as it was, and once what is true now."""

from __future__ import annotations

from typing import Any

import orjson
from singer_delivery.ledger.update import Update
from target_amplitude import closing

from tests.pairs.walk import T10, T11, T12, Walked, kinds, note_names, the
from tests.target_amplitude.loading import Copying, as_sent, assert_amplitude_takes, sent

LATE = {
    "event_time": "2024-01-01 10:00:00.000000",
    "server_upload_time": "2024-03-01 12:30:00.000000",
}


def closed(*walks: Walked) -> dict[str, dict[str, Any]]:
    """Return the `$identify` of each person at the end: updates lie over each other."""
    waiting: dict[str, Update] = {}
    for walked in walks:
        for event in walked.events:
            if event.deferred and event.kind == "person":
                encoded = orjson.dumps(event.body)
                update = Update("/batch", event.order or "", 0, "", "", "", encoded, b"", "")
                waiting[update.name] = update.over(waiting.get(update.name))
    return {name: orjson.loads(closing.as_sent(of.encoded)) for name, of in waiting.items()}


def test_the_state_is_one_identify_by_the_user_alone() -> None:
    walked = Copying().reads(device_id="d1", user_properties={"plan": "pro", "n": ""})
    assert kinds(walked) == ["event", "person"]
    assert_amplitude_takes(the("person", walked))
    identify = sent(walked, "person")
    assert identify.pop("insert_id")
    assert identify == {
        "event_type": "$identify",
        "user_id": "u1",
        "user_properties": {"$set": {"plan": "pro", "n": ""}},
    }


def test_it_waits_and_is_sent_when_it_changed_and_is_newer() -> None:
    walk = Copying()
    first = walk.reads(user_properties={"plan": "free"}, event_time=T11)
    assert the("person", first).deferred
    assert kinds(walk.reads(user_properties={"plan": "free"}, event_time=T12)) == ["event"]
    assert kinds(walk.reads(user_properties={"plan": "old"}, event_time=T10)) == ["event"]


def test_snapshots_are_merged_key_by_key_and_the_newest_counts() -> None:
    walk = Copying()
    rows = [
        walk.reads(user_properties={"plan": "free", "city": "Oslo"}, event_time=T10),
        walk.reads(user_properties={"plan": "pro"}, event_time=T11),
        walk.reads(user_properties={"city": None}, event_time=T12),
    ]
    (identify,) = closed(*rows).values()
    assert identify["user_properties"] == {"$unset": {"city": "-"}, "$set": {"plan": "pro"}}


def test_what_was_taken_away_comes_back_and_is_in_one_operation() -> None:
    walk = Copying()
    rows = [
        walk.reads(event_type="$identify", user_properties={"$unset": {"a": "-"}}, event_time=T10),
        walk.reads(user_properties={"a": 1}, event_time=T11),
        walk.reads(
            event_type="$identify", user_properties={"$setOnce": {"a": 2, "b": 3}}, event_time=T12
        ),
    ]
    (identify,) = closed(*rows).values()
    assert identify["user_properties"] == {"$set": {"a": 1}, "$setOnce": {"b": 3}}


def test_a_clearing_call_takes_away_all_that_was_ever_told() -> None:
    walk = Copying()
    rows = [
        walk.reads(user_properties={"a": 1, "b": 2}, event_time=T10),
        walk.reads(event_type="$identify", user_properties={"$clearAll": "-"}, event_time=T11),
        walk.reads(user_properties={"b": 3}, event_time=T12),
    ]
    (identify,) = closed(*rows).values()
    assert identify["user_properties"] == {"$unset": {"a": "-"}, "$set": {"b": 3}}


def test_the_id_of_an_identify_is_made_of_what_it_says() -> None:
    def said(plan: str) -> str:
        return sent(Copying().reads(user_properties={"plan": plan}), "person")["insert_id"]

    assert said("pro") == said("pro") != said("free")


def test_a_late_row_says_nothing_of_now() -> None:
    walk = Copying()
    walk.reads(user_properties={"plan": "pro"}, event_time=T10)
    assert kinds(walk.reads(user_properties={"plan": "old"}, **LATE)) == ["event"]


def test_existing_values_win_where_live_traffic_runs() -> None:
    identify = sent(
        Copying(user_properties="set_once").reads(user_properties={"a": 1, "b": None}), "person"
    )
    assert identify["user_properties"] == {"$setOnce": {"a": 1}}


def test_no_state_where_none_is_asked_for() -> None:
    walk = Copying(user_properties="none")
    assert kinds(walk.reads(user_properties={"a": 1})) == ["event"]
    call = walk.reads(event_type="$identify", user_properties={"$set": {"a": 1}})
    assert call.skipped == "user_properties: none"


def test_the_state_goes_to_whom_the_source_s_own_id_names() -> None:
    walk = Copying()
    walk.reads(user_id="ann", device_id="d1", amplitude_id=1, event_time=T10)
    walk.reads(user_id="bob", device_id="d1", amplitude_id=2, event_time=T11)
    row = {"user_id": None, "device_id": "d1", "user_properties": {"a": 1}, "event_time": T12}
    assert sent(walk.reads(**row, amplitude_id=1), "person")["user_id"] == "ann"
    assert "person" not in kinds(walk.reads(**row, amplitude_id=3)), "nobody is named"


def test_what_only_adds_is_counted() -> None:
    walked = Copying().reads(event_type="$identify", user_properties={"$add": {"n": 1}})
    assert walked.skipped == "nothing to set"
    assert note_names(walked) == ["operations_without_counterpart"]


def test_a_person_is_created_once_as_early_as_is_known() -> None:
    walk = Copying(user_created_event="User Created")
    row = {"user_properties": {"a": 1}, "user_creation_time": "2023-01-01 00:00:00.000000"}
    walked = walk.reads(**row, event_time=T11)
    assert kinds(walked) == ["event", "person", "creation"]
    event = the("creation", walked)
    assert event.deferred
    assert_amplitude_takes(event)
    made = as_sent(event)
    assert made.pop("insert_id")
    assert made == {"event_type": "User Created", "user_id": "u1", "time": 1_672_531_200_000}
    assert "creation" not in kinds(walk.reads(event_time=T12))


def test_without_a_date_the_first_event_is_the_creation() -> None:
    walk = Copying(user_created_event="User Created")
    assert sent(walk.reads(event_time=T11), "creation")["time"] == 1_709_290_800_000
    earlier = walk.reads(event_time=T10)
    assert sent(earlier, "creation")["time"] == 1_709_287_200_000
    assert "creation" not in kinds(walk.reads(event_time=T12))
    nobody = walk.reads(user_id=None, device_id="d1")
    assert "creation" not in kinds(nobody)


def test_properties_that_the_user_leaves_out_are_not_told_of_people_either() -> None:
    walk = Copying(exclude_properties=("secret*",))
    walked = walk.reads(user_properties={"secret": 1, "plan": "pro"})
    assert sent(walked, "person")["user_properties"] == {"$set": {"plan": "pro"}}
    walk.reads(user_id=None, device_id="d2", user_properties={"secret": 2, "city": "Oslo"})
    inherited = walk.reads(user_id="u2", device_id="d2", user_properties={})
    assert sent(inherited, "person")["user_properties"] == {"$set": {"city": "Oslo"}}
    assert kinds(walk.reads(user_id="u3", user_properties={"secret": 3})) == ["event"]


def test_properties_that_the_user_leaves_out_are_not_among_those_that_are_shown() -> None:
    walk = Copying(exclude_properties=("secret*",))
    walk.reads(user_properties={"secret": 1, "plan": "pro"})
    assert [fact.value for fact in walk.known.of("property_names").values()] == ['["plan"]']
