"""Ids by how the source merges them and how the destination does: four kinds of copies.

What each row must be sent as is written down by the rules of Mixpanel, row by row.
"""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from singer_delivery.mapping.excluded import WithoutPeople
from singer_delivery.model import Effects
from target_mixpanel.from_mixpanel import FromMixpanel
from target_mixpanel.from_mixpanel.whose import Unlinked

from tests.pairs.walk import AT_10, Remembering, Walk, note_names, the
from tests.target_mixpanel.from_mixpanel.copying import ANON, AT_MS, Copying, a_row, ids, links
from tests.target_mixpanel.importing import assert_mixpanel_takes, settings

BEFORE = "$distinct_id_before_identity"

SIMPLIFIED = [
    ("both", {"$user_id": "ann", "$device_id": "d1", "distinct_id": "ann"},
     {"$user_id": "ann", "$device_id": "d1"}),
    ("a user", {"$user_id": "ann", "distinct_id": "ann"}, {"$user_id": "ann"}),
    ("a device", {"$device_id": "d1", "distinct_id": "$device:d1"}, {"$device_id": "d1"}),
    ("a device by its prefix alone", {"distinct_id": "$device:d1"}, {"$device_id": "d1"}),
    ("a bare id is a user's", {"distinct_id": "ann"}, {"$user_id": "ann"}),
    ("a bare id of an SDK's form too", {"distinct_id": ANON}, {"$user_id": ANON}),
    ("restamped: it came as the device's",
     {"$user_id": "ann", "$device_id": "d1", "distinct_id": "ann", BEFORE: "$device:d1"},
     {"$device_id": "d1"}),
    ("restamped, without a device of its own",
     {"distinct_id": "ann", BEFORE: "$device:d1"}, {"$device_id": "d1"}),
    ("reshuffled", {"distinct_id": "x", "$preshuffle_distinct_id": "$device:d1"},
     {"$device_id": "d1"}),
    ("a number", {"$user_id": 12345678901234567890, "distinct_id": "x"},
     {"$user_id": "12345678901234567890"}),
    ("a placeholder is nobody", {"$user_id": "null", "$device_id": "d1"},
     {"$device_id": "d1", "mixpanel_user_id": "null"}),
    ("nobody", {"distinct_id": None}, {"distinct_id": ""}),
]  # fmt: skip


def cases(table: list[tuple]) -> list:
    return [pytest.param(*rest, id=first) for first, *rest in table]


@pytest.mark.parametrize(("of", "expected"), cases(SIMPLIFIED))
def test_simplified_to_simplified(of: dict, expected: dict) -> None:
    walked = Copying().reads(**of)
    assert ids(walked) == expected
    assert_mixpanel_takes(the("event", walked))


ORIGINAL_TO_ORIGINAL = [
    ("as it came", {"distinct_id": "ann"}, {"distinct_id": "ann"}),
    ("re-keyed since", {"distinct_id": ANON, BEFORE: "ann"}, {"distinct_id": "ann"}),
    ("both stay", {"distinct_id": "d1", "$user_id": "ann", "$device_id": "d1"},
     {"distinct_id": "d1", "$user_id": "ann", "$device_id": "d1"}),
    ("a placeholder is nobody", {"distinct_id": "anonymous"}, {"distinct_id": ""}),
    ("so is one beside", {"distinct_id": "ann", "$user_id": "n/a"},
     {"distinct_id": "ann", "mixpanel_user_id": "n/a"}),
]  # fmt: skip


@pytest.mark.parametrize(("of", "expected"), cases(ORIGINAL_TO_ORIGINAL))
def test_original_to_original(of: dict, expected: dict) -> None:
    walked = Copying(identity_merge="original").reads(mode="original", **of)
    assert ids(walked) == expected
    assert_mixpanel_takes(the("event", walked), "original")


def verb(name: str, mode: str = "original", /, **properties: Any) -> dict[str, Any]:
    return a_row(name, mode, **properties)


IDENTIFY = verb("$identify", **{"$identified_id": "ann", "$anon_id": ANON, "distinct_id": "ann"})


def test_identity_events_go_as_they_are_from_original_to_original() -> None:
    walk = Copying(identity_merge="original")
    walked = walk.reads_row(IDENTIFY)
    (event,) = walked.events
    assert event.body == {
        "event": "$identify",
        "properties": {
            "$identified_id": "ann", "$anon_id": ANON, "distinct_id": "ann",
            "time": AT_MS, "$insert_id": "i1", "ip": 0,
        },
    }  # fmt: skip
    assert_mixpanel_takes(event, "original")
    again = walk.reads_row(IDENTIFY)
    assert (again.skipped, again.events) == ("identity_verb", ())


@pytest.mark.parametrize("merge", ["simplified", "original"])
def test_an_identity_event_that_was_refused_joins_nothing(merge: str) -> None:
    refused = verb("$identify", **{
        "$identified_id": "ann", "$anon_id": ANON, "$failure_reason": "ANON_ID_MERGED",
    })  # fmt: skip
    walk = Copying(identity_merge=merge)
    assert walk.reads_row(refused).skipped == "identity_verb"
    assert walk.known.of("cluster", "owner") == {}


def test_an_identity_event_becomes_a_link_from_original_to_simplified() -> None:
    walk = Copying()
    walked = walk.reads_row(IDENTIFY)
    (event,) = walked.events
    assert event.kind == "link"
    assert event.body == {
        "event": "Identity Linked",
        "properties": {
            "$user_id": "ann", "$device_id": ANON, "time": AT_MS, "$insert_id": "i1", "ip": 0,
        },
    }  # fmt: skip
    assert walked.merges == ANON, "behind what the device did"
    assert_mixpanel_takes(event)
    assert walk.reads_row(IDENTIFY).skipped == "identity_verb", "once"


def test_the_link_has_the_name_that_is_set() -> None:
    (event,) = Copying(link_event="Login").reads_row(IDENTIFY).events
    assert event.body["event"] == "Login"


def test_the_link_is_sent_again_until_it_is_delivered() -> None:
    walk = Copying()
    first = walk.walks(IDENTIFY)
    walk.known.add(first.effects.claims)  # on disk, and then the run was killed
    assert links(walk.walks(IDENTIFY)) == links(first)


ORIGINAL = [
    ("its user", {"$user_id": "ann", "distinct_id": "ann"}, {"$user_id": "ann"}),
    ("the anonymous id that a verb links", {"distinct_id": ANON}, {"$device_id": ANON}),
    ("re-keyed since", {"distinct_id": "ann", BEFORE: ANON}, {"$device_id": ANON}),
    ("a user by the verb", {"distinct_id": "ann"}, {"$user_id": "ann"}),
    ("a user by the verb, with a device", {"distinct_id": "ann", "$device_id": "d7"},
     {"$user_id": "ann", "$device_id": "d7"}),
    ("the verb's id goes before another device",
     {"$user_id": "ann", "distinct_id": ANON, "$device_id": "d7"},
     {"$user_id": "ann", "$device_id": ANON, "mixpanel_device_id": "d7"}),
    ("an SDK's form", {"distinct_id": ANON.replace("a1", "b2")},
     {"$device_id": ANON.replace("a1", "b2")}),
    ("no SDK's form", {"distinct_id": "bob@example.com"}, {"$user_id": "bob@example.com"}),
    ("the row's own device", {"distinct_id": "d9", "$device_id": "d9"}, {"$device_id": "d9"}),
    ("nobody", {"distinct_id": ""}, {"distinct_id": ""}),
]  # fmt: skip


@pytest.mark.parametrize("mode", ["original", None])
@pytest.mark.parametrize(("of", "expected"), cases(ORIGINAL))
def test_original_to_simplified(of: dict, expected: dict, mode: str | None) -> None:
    walk = Copying()
    walk.reads_row(IDENTIFY)
    walked = walk.reads(mode=mode, **of)
    assert ids(walked) == expected
    assert_mixpanel_takes(the("event", walked))


def test_guesses_are_counted_and_a_setting_ends_them() -> None:
    assert "bare_id_as_device" in note_names(Copying().reads(mode="original", distinct_id=ANON))
    assert "bare_id_as_user" in note_names(Copying().reads(mode="original", distinct_id="ann"))
    as_user = Copying(bare_distinct_ids="user").reads(mode="original", distinct_id=ANON)
    assert ids(as_user) == {"$user_id": ANON}
    as_device = Copying(bare_distinct_ids="device").reads(mode="original", distinct_id="ann")
    assert ids(as_device) == {"$device_id": "ann"}


def test_what_an_id_was_sent_as_it_stays() -> None:
    walk = Copying()
    first = walk.reads(mode="original", distinct_id=ANON)
    assert ids(first) == {"$device_id": ANON}
    now = walk.reads(mode="original", distinct_id=ANON, **{"$user_id": ANON})
    assert ids(now)["$user_id"] == ANON
    assert [(of["$user_id"], of["$device_id"]) for of in links(now)] == [(ANON, ANON)]
    assert ids(walk.reads(mode="original", distinct_id=ANON)) == {"$device_id": ANON}
    assert links(walk.reads(mode="original", distinct_id=ANON, **{"$user_id": ANON})) == []


def test_a_second_user_id_of_a_person_goes_by_the_first() -> None:
    walk = Copying()
    walk.reads_row(verb("$identify", **{"$identified_id": "ann", "$anon_id": ANON}))
    walk.reads_row(verb("$merge", **{"$distinct_ids": ["ann", "ann@example.com"]}))
    walked = walk.reads(mode="original", **{"$user_id": "ann@example.com"})
    assert ids(walked) == {"$user_id": "ann", "mixpanel_user_id": "ann@example.com"}
    assert "several_user_ids" in note_names(walked)


def test_two_users_that_were_sent_apart_stay_two() -> None:
    walk = Copying()
    for user in ("ann", "bob"):
        walk.reads(mode="original", **{"$user_id": user})
    walked = walk.reads_row(verb("$merge", **{"$distinct_ids": ["ann", "bob"]}))
    assert walked.skipped == "identity_verb"
    assert note_names(walked) == ["sent_apart"]
    assert ids(walk.reads(mode="original", **{"$user_id": "bob"})) == {"$user_id": "bob"}


@pytest.mark.parametrize(
    ("name", "of"),
    [
        ("$create_alias", {"distinct_id": ANON, "alias": "ann"}),
        ("$create_alias", {"distinct_id": "ann", "alias": ANON}),
        ("$merge", {"$distinct_ids": [ANON, "ann"]}),
    ],
)
def test_other_identity_events_link_the_one_that_is_a_user(name: str, of: dict) -> None:
    (link,) = links(Copying().reads_row(verb(name, **of)))
    assert (link["$user_id"], link["$device_id"]) == ("ann", ANON)


def test_a_second_user_of_a_device_is_sent_without_it() -> None:
    for mode in ("simplified", "original"):
        walk = Copying()
        walk.reads(mode=mode, **{"$user_id": "ann", "$device_id": "d1"})
        walked = walk.reads(mode=mode, **{"$user_id": "bob", "$device_id": "d1"})
        assert ids(walked) == {"$user_id": "bob", "mixpanel_device_id": "d1"}
        assert "identity_conflict" in note_names(walked)


SIMPLIFIED_TO_ORIGINAL = [
    ("a user", {"$user_id": "ann", "distinct_id": "ann"}, "ann"),
    ("a device", {"$device_id": "d1", "distinct_id": "$device:d1"}, "d1"),
    ("restamped", {"$user_id": "ann", "$device_id": "d1", "distinct_id": "ann",
                   BEFORE: "$device:d1"}, "d1"),
    ("both", {"$user_id": "ann", "$device_id": "d1", "distinct_id": "ann"}, "ann"),
]  # fmt: skip


@pytest.mark.parametrize(("of", "expected"), cases(SIMPLIFIED_TO_ORIGINAL))
def test_simplified_to_original(of: dict, expected: str) -> None:
    walked = Copying(identity_merge="original").reads(**of)
    assert ids(walked)["distinct_id"] == expected
    assert_mixpanel_takes(the("event", walked), "original")


def test_one_merge_for_each_pair_from_simplified_to_original() -> None:
    walk = Copying(identity_merge="original")
    both = {"$user_id": "ann", "$device_id": "d1", "distinct_id": "ann"}
    first = walk.reads(**both)
    assert [event.body["event"] for event in first.events] == ["$merge", "Played"]
    assert links(first)[0]["$distinct_ids"] == ["d1", "ann"]
    assert links(first)[0]["time"] == AT_MS
    assert links(walk.reads(**both)) == []
    assert walk.known.recall("owner", "d1").value == "ann"
    assert walk.known.recall("owner", "d1").at == AT_10


def test_a_row_that_is_left_out_still_merges_and_still_links_nothing() -> None:
    both = {"$user_id": "ann", "$device_id": "d1"}
    merged = Copying(identity_merge="original", exclude_events=("Played",)).reads(**both)
    assert [event.body["event"] for event in merged.events] == ["$merge"]
    walk = Copying(exclude_events=("Played",))
    assert walk.reads(**both).events == ()
    assert walk.known.of("owner") == {}


def test_a_restamped_device_whom_no_row_links_is_counted_at_the_end() -> None:
    unlinked = Unlinked()
    walk = Walk(lambda: FromMixpanel(settings(), unlinked=unlinked))
    for device in ("d1", "d2"):
        of = {"distinct_id": "ann", BEFORE: f"$device:{device}", "$device_id": device}
        walk.reads_row(a_row("Played", "simplified", **of))
    assert unlinked.count(walk.known) == 2
    walk.reads_row(a_row("Played", "simplified", **{"$user_id": "ann", "$device_id": "d1"}))
    assert unlinked.count(walk.known) == 1


@pytest.mark.parametrize("merge", ["simplified", "original"])
@pytest.mark.parametrize("mode", ["simplified", "original", None])
def test_a_row_that_is_read_again_is_sent_as_before(merge: str, mode: str | None) -> None:
    rows = [
        a_row(mode=mode, uuid=f"u{number}", **of)
        for number, of in enumerate([
            {"distinct_id": ANON}, {"distinct_id": "$device:d1", "$device_id": "d1"},
            {"$user_id": "ann", "$device_id": "d1", "distinct_id": "ann"},
            {"$user_id": "bob", "$device_id": "d1", "distinct_id": "bob"},
            {"distinct_id": "d1", "$device_id": "d1"}, {"$user_id": ANON},
            {"distinct_id": ANON}, {"distinct_id": ""},
        ])
    ]  # fmt: skip
    if mode != "simplified":
        rows.insert(5, {**IDENTIFY, "identity_merge": mode})
    walk = Copying(identity_merge=merge)
    first = [sent for row in rows for sent in walk.reads_row(row).events if sent.kind == "event"]
    again = [sent for row in rows for sent in walk.reads_row(row).events]
    assert [sent.body for sent in again] == [sent.body for sent in first]


EVERY_ID = {
    "$user_id": "ann", "$device_id": "d1", "distinct_id": "$device:d1", BEFORE: "b1",
    "$preshuffle_distinct_id": "p1", "$identified_id": "i1", "$anon_id": "a1", "alias": "l1",
    "$distinct_ids": ["m1", 7], "mp_original_distinct_id": "o1",
}  # fmt: skip


@pytest.mark.parametrize(
    "id_", ["ann", "d1", "$device:d1", "b1", "p1", "i1", "a1", "l1", "m1", "7", "o1"]
)
def test_a_person_can_be_left_out_by_every_id_of_a_row(id_: str) -> None:
    mapping = WithoutPeople(FromMixpanel(settings()), {id_})
    line = orjson.dumps(a_row("$merge", "original", **EVERY_ID))
    seen = mapping.observe(line, is_message=False)
    decided = mapping.decide(seen, Remembering(), Effects())
    assert (decided.skipped, decided.sends) == ("excluded_person", False)


def test_nobody_else_is_left_out() -> None:
    mapping = WithoutPeople(FromMixpanel(settings()), {"bob", "d"})
    seen = mapping.observe(orjson.dumps(a_row(**EVERY_ID)), is_message=False)
    assert mapping.decide(seen, Remembering(), Effects()).skipped is None
