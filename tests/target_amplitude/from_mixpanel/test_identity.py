"""Whose an event is, by what its row says and by what rows before it said."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.model import Unmappable

from tests.pairs.walk import note_names
from tests.target_amplitude.from_mixpanel.importing import (
    ANON,
    MISSING,
    Importing,
    a_row,
    body,
    identity,
)

BEFORE = "$distinct_id_before_identity"
BOTH = {"$user_id": "ann", "$device_id": "d1", "distinct_id": "ann"}

ALONE = [
    ("both", "simplified", BOTH, ("ann", "d1")),
    ("a user", "simplified", {"$user_id": "ann", "distinct_id": "ann"}, ("ann", None)),
    ("a device", "simplified", {"$device_id": "d1", "distinct_id": "$device:d1"}, (None, "d1")),
    ("by its prefix", "simplified", {"distinct_id": "$device:d1"}, (None, "d1")),
    ("a prefix at the device", "simplified", {"$device_id": "$device:d1"}, (None, "d1")),
    ("a bare id is a user's", "simplified", {"distinct_id": "ann"}, ("ann", None)),
    ("of an SDK's form too", "simplified", {"distinct_id": ANON}, (ANON, None)),
    ("restamped", "simplified",
     {"distinct_id": "ann", BEFORE: "$device:d1", "$device_id": "d1"}, ("ann", "d1")),
    ("restamped, without a device", "simplified",
     {"distinct_id": "ann", BEFORE: "$device:d1"}, ("ann", "d1")),
    ("a device that is the user's own id", "simplified",
     {"$user_id": "ann", "$device_id": "ann"}, ("ann", None)),
    ("digits stay", "simplified", {"$user_id": 9007199254740993}, ("9007199254740993", None)),
    ("trimmed", "simplified", {"$user_id": " ann "}, ("ann", None)),
    ("short ids pass", "simplified", {"$user_id": "7"}, ("7", None)),
    ("a placeholder is nobody", "simplified",
     {"$user_id": "undefined", "$device_id": "d1", "distinct_id": "$device:d1"}, (None, "d1")),
    ("an original row: a user", "original", {"$user_id": "ann", "distinct_id": "ann"},
     ("ann", None)),
    ("its device", "original", {"distinct_id": "d1", "$device_id": "d1"}, (None, "d1")),
    ("what SDKs make", "original", {"distinct_id": ANON}, (None, ANON)),
    ("no SDK's form", "original", {"distinct_id": "ann@example.com"}, ("ann@example.com", None)),
    ("undecided: as original", None, {"distinct_id": ANON}, (None, ANON)),
]  # fmt: skip


@pytest.mark.parametrize(
    ("mode", "of", "expected"), [pytest.param(*rest, id=first) for first, *rest in ALONE]
)
def test_a_row_alone(mode: str | None, of: dict[str, Any], expected: tuple) -> None:
    assert identity(Importing().reads(mode=mode, **of)) == expected


def test_nobody_is_a_dead_letter_or_as_the_setting_says() -> None:
    row = a_row(distinct_id="")
    with pytest.raises(Unmappable, match="no_identity"):
        Importing().walks(row)
    left = Importing(events_without_id="skip").reads_row(row)
    assert (left.skipped, left.events) == ("events_without_id: skip", ())
    walk = Importing(events_without_id="own_device")
    first, other = (
        identity(walk.reads_row({**row, "uuid": f"{number:08}-0000-4000-8000-000000000000"}))
        for number in (1, 2)
    )
    assert first[0] is None
    assert first != other
    again = {**row, "uuid": "00000001-0000-4000-8000-000000000000"}
    assert identity(walk.reads_row(again)) == first


def test_a_device_s_owner_has_its_events() -> None:
    walk = Importing()
    walk.reads(**BOTH)
    later = walk.reads(**{"$device_id": "d1", "distinct_id": "$device:d1"})
    assert identity(later) == ("ann", "d1")
    assert "known_by_device" in note_names(later)


def test_a_second_user_keeps_user_and_device_and_is_counted() -> None:
    walk = Importing()
    walk.reads(**BOTH)
    walked = walk.reads(**{"$user_id": "bob", "$device_id": "d1", "distinct_id": "bob"})
    assert identity(walked) == ("bob", "d1")
    assert "identity_conflict" in note_names(walked)
    alone = walk.reads(**{"$device_id": "d1", "distinct_id": "$device:d1"})
    assert identity(alone) == ("ann", "d1")


def test_mixpanel_s_verdict_wins_over_the_owner() -> None:
    walk = Importing()
    walk.reads(**{"$user_id": "bob", "$device_id": "d1", "distinct_id": "bob"})
    restamped = {"distinct_id": "ann", BEFORE: "$device:d1", "$device_id": "d1"}
    assert identity(walk.reads(**restamped)) == ("ann", "d1")


def identify(user: str, other: str, **more: Any) -> dict[str, Any]:
    return a_row("$identify", "original", **{"$identified_id": user, "$anon_id": other, **more})


def test_rows_that_join_ids_are_no_events() -> None:
    walk = Importing()
    for row in (
        identify("ann", ANON),
        a_row("$create_alias", "original", distinct_id="ann", alias="d9"),
        a_row("$merge", "original", **{"$distinct_ids": ["ann", "ann@example.com"]}),
    ):
        walked = walk.reads_row(row)
        assert (walked.skipped, walked.events) == ("identity_verb", ())


def test_a_cluster_s_user_has_the_events_of_all_its_ids() -> None:
    walk = Importing()
    walk.reads_row(identify("ann", ANON))
    assert identity(walk.reads(mode="original", distinct_id=ANON)) == ("ann", ANON)
    assert identity(walk.reads(mode="original", distinct_id="ann")) == ("ann", None)


def test_a_refused_row_joins_nothing() -> None:
    walk = Importing()
    walk.reads_row(identify("ann", ANON, **{"$failure_reason": "ANON_ID_MERGED"}))
    assert identity(walk.reads(mode="original", distinct_id=ANON)) == (None, ANON)


def test_several_users_of_a_cluster_are_the_first() -> None:
    walk = Importing()
    walk.reads_row(identify("ann", ANON))
    walk.reads_row(a_row("$merge", "original", **{"$distinct_ids": ["ann", "ann@example.com"]}))
    walked = walk.reads(mode="original", **{"$user_id": "ann@example.com"})
    assert identity(walked)[0] == "ann"
    assert body(walked)["event_properties"]["mixpanel_user_id"] == "ann@example.com"
    assert "several_user_ids" in note_names(walked)


def test_guesses_are_counted_and_a_setting_ends_them() -> None:
    original: dict[str, Any] = {"mode": "original", "distinct_id": ANON}
    assert "bare_id_taken_for_device" in note_names(Importing().reads(**original))
    as_user = Importing(bare_distinct_ids="user").reads(**original)
    assert identity(as_user) == (ANON, None)
    as_device = Importing(bare_distinct_ids="device").reads(mode="original", distinct_id="ann")
    assert identity(as_device) == (None, "ann")


STAY = [
    ("an id that is not sent", {**BOTH, "distinct_id": "other"}, "mixpanel_distinct_id", "other"),
    ("one that is", BOTH, "mixpanel_distinct_id", MISSING),
    ("a device's", {"$device_id": "d1", "distinct_id": "$device:d1"}, "mixpanel_distinct_id",
     MISSING),
    ("a placeholder", {**BOTH, "$user_id": "null"}, "mixpanel_user_id", "null"),
    ("a good user stands once", BOTH, "mixpanel_user_id", MISSING),
    ("a good device stands once", BOTH, "mixpanel_device_id", MISSING),
    ("a device of nobody", {**BOTH, "$device_id": "unknown"}, "mixpanel_device_id", "unknown"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("of", "name", "value"), [pytest.param(*rest, id=first) for first, *rest in STAY]
)
def test_ids_that_are_not_sent_stay_as_properties(of: dict, name: str, value: Any) -> None:
    sent = body(Importing().reads(**of))
    assert sent["event_properties"].get(name, MISSING) == value


def test_a_long_id_is_its_start_and_a_hash() -> None:
    user, _ = identity(Importing().reads(**{"$user_id": "u" * 2000}))
    assert user.startswith("u" * 950)
    assert len(user) <= 1024


def test_a_row_that_is_left_out_says_whose_the_device_is() -> None:
    walk = Importing(exclude_events=("Secret",))
    assert walk.reads("Secret", **BOTH).events == ()
    later = walk.reads(**{"$device_id": "d1", "distinct_id": "$device:d1"})
    assert identity(later) == ("ann", "d1")


@pytest.mark.parametrize("mode", ["simplified", "original", None])
def test_a_row_that_is_read_again_is_of_the_same_person_with_the_same_id(mode: str | None) -> None:
    rows = [
        a_row(mode=mode, uuid=f"{number:08}-0000-4000-8000-000000000000", **of)
        for number, of in enumerate([
            BOTH, {"$device_id": "d1", "distinct_id": "$device:d1"},
            {"$user_id": "bob", "$device_id": "d1", "distinct_id": "bob"},
            {"distinct_id": "ann"}, {"distinct_id": ANON},
        ])
    ]  # fmt: skip
    walk = Importing()
    first = [body(walk.reads_row(row)) for row in rows]
    assert [body(walk.reads_row(row)) for row in rows] == first
