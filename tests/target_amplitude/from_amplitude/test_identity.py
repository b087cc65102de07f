"""Whose an event is at the copy, and how Amplitude learns whose device it is."""

from __future__ import annotations

import pytest
from singer_delivery.model import Unmappable

from tests.pairs.walk import T10, T11, T12, kinds, note_names, the
from tests.target_amplitude.loading import Copying, assert_amplitude_takes, sent


def ids(walked) -> tuple[str | None, str | None]:
    body = sent(walked)
    return body.get("user_id"), body.get("device_id")


def test_rows_go_with_the_ids_they_have() -> None:
    walk = Copying()
    assert ids(walk.reads(user_id=None, device_id="d1", amplitude_id=7)) == (None, "d1")
    assert ids(walk.reads(device_id="d1", amplitude_id=7)) == ("u1", "d1")
    assert ids(walk.reads(device_id=None)) == ("u1", None)
    assert ids(walk.reads(user_id=5, device_id=6)) == ("5", "6")


def test_a_row_without_a_user_stays_without_one_after_the_login() -> None:
    walk = Copying()
    walk.reads(device_id="d1", amplitude_id=7, event_time=T10)
    walked = walk.reads(user_id=None, device_id="d1", amplitude_id=7, event_time=T11)
    assert ids(walked) == (None, "d1")
    assert kinds(walked) == ["event"], "Amplitude knows the user of the device itself"
    assert note_names(walked) == ["known_by_amplitude_id"]


def test_a_device_whose_user_the_amplitude_id_alone_tells_is_linked_first() -> None:
    walk = Copying()
    walk.reads(device_id="d1", amplitude_id=7, event_time=T10)
    walked = walk.reads(user_id=None, device_id="d2", amplitude_id=7, event_time=T11)
    assert kinds(walked) == ["link", "event"]
    link = sent(walked, "link")
    assert_amplitude_takes(the("link", walked))
    assert link["event_type"] == "$identify"
    assert (link["user_id"], link["device_id"]) == ("u1", "d2")
    assert "user_properties" not in link
    assert ids(walked) == (None, "d2")
    assert "linked_by_amplitude_id" in note_names(walked)
    again = walk.reads(user_id=None, device_id="d2", amplitude_id=7, event_time=T12)
    assert kinds(again) == ["event"], "once is enough"


def test_a_shared_device_is_linked_back_where_the_source_says_so() -> None:
    walk = Copying()
    walk.reads(user_id="ann", device_id="d1", amplitude_id=1, event_time=T10)
    bob = walk.reads(user_id="bob", device_id="d1", amplitude_id=2, event_time=T11)
    assert kinds(bob) == ["event"]
    assert "shared_device" in note_names(bob)
    anonymous = walk.reads(user_id=None, device_id="d1", amplitude_id=1, event_time=T12)
    assert sent(anonymous, "link")["user_id"] == "ann"


def test_a_link_is_the_same_when_it_is_sent_again() -> None:
    def linked() -> dict:
        walk = Copying()
        walk.reads(device_id="d1", amplitude_id=7, event_time=T10)
        return sent(walk.reads(user_id=None, device_id="d2", amplitude_id=7), "link")

    assert linked() == linked()


def test_a_row_read_again_does_not_hand_a_device_back() -> None:
    walk = Copying()
    walk.reads(user_id="ann", device_id="d1", amplitude_id=1, event_time=T10)
    walk.reads(user_id="ann", device_id="d1", amplitude_id=1, event_time=T11)
    walk.reads(user_id="bob", device_id="d1", amplitude_id=2, event_time=T12)
    again = walk.reads(user_id=None, device_id="d1", amplitude_id=1, event_time=T11)
    assert kinds(again) == ["event"]


def test_the_lane_is_the_device_s_else_the_user_s() -> None:
    walk = Copying()
    assert walk.reads(device_id="d1").decision.person == "d1"
    assert walk.reads(device_id=None).decision.person == "u1"


@pytest.mark.parametrize("nobody", ["anonymous", "Null", " 0 ", "lmy47d", "{}"])
def test_an_id_that_stands_for_nobody_is_none(nobody: str) -> None:
    walked = Copying().reads(user_id=nobody, device_id="d1")
    assert ids(walked) == (None, "d1")
    assert note_names(walked) == ["illegal_user_id"]
    walked = Copying().reads(user_id="u1", device_id=nobody)
    assert ids(walked) == ("u1", None)


def test_ids_are_trimmed_and_long_ones_shortened_with_a_hash() -> None:
    assert ids(Copying().reads(user_id=" ann ")) == ("ann", None)
    one, other = (ids(Copying().reads(user_id="x" * 1024 + end))[0] for end in "ab")
    assert one is not None
    assert other is not None
    assert one != other
    assert len(one) <= 1024
    assert one[:950] == other[:950] == "x" * 950
    assert ids(Copying().reads(user_id="x" * 1024))[0] == "x" * 1024


def test_without_ids_amplitude_s_own_stands_for_the_person() -> None:
    walked = Copying().reads(user_id=None, amplitude_id=7)
    assert ids(walked) == (None, "amplitude:7")
    assert "without_ids" in note_names(walked)


def test_a_row_of_nobody_is_what_the_setting_says() -> None:
    with pytest.raises(Unmappable, match="no_identity"):
        Copying().reads(user_id=None)
    skipped = Copying(events_without_id="skip").reads(user_id=None)
    assert skipped.skipped == "events_without_id: skip"
    first, same = (
        ids(Copying(events_without_id="own_device").reads(user_id=None))[1] for _ in range(2)
    )
    other = Copying(events_without_id="own_device").reads(user_id=None, uuid="other")
    assert first == same != ids(other)[1]


def test_whoever_is_older_than_the_copy_is_counted_once() -> None:
    walk = Copying()
    row = {"user_properties": {"a": 1}, "user_creation_time": "2020-01-01 00:00:00.000000"}
    assert note_names(walk.reads(**row)) == ["new_before_range"]
    assert note_names(walk.reads(**row)) == []
    dated = Copying(user_created_event="User Created").reads(**row)
    assert "new_before_range" not in note_names(dated)
