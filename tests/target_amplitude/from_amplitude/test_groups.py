"""What the copy says of groups: once a UTC day before the events, and at the end."""

from __future__ import annotations

from typing import Any

from tests.pairs.walk import T10, T11, T12, kinds, note_names, the
from tests.target_amplitude.loading import Copying, as_sent, assert_amplitude_takes, sent

NEXT_DAY = {
    "event_time": "2024-03-02 10:00:00.000000",
    "server_upload_time": "2024-03-02 10:00:05.000000",
}


def firm(**properties: Any) -> dict[str, Any]:
    return {"groups": {"firm": ["acme"]}, "group_properties": {"firm": {"acme": properties}}}


def test_a_group_is_told_before_the_first_event_of_its_day() -> None:
    walked = Copying().reads(**firm(seats=5))
    assert kinds(walked) == ["group", "event"]
    update = the("group", walked)
    assert update.leads
    assert not update.deferred
    assert_amplitude_takes(update)
    body = as_sent(update)
    assert len(body.pop("insert_id")) == len(body.pop("device_id")) == 36
    assert body == {
        "event_type": "$groupidentify",
        "groups": {"firm": "acme"},
        "group_properties": {"$set": {"seats": 5}},
    }


def test_later_changes_of_the_day_wait_for_the_end_and_the_next_day_tells_again() -> None:
    walk = Copying()
    walk.reads(**firm(seats=5), event_time=T10)
    assert kinds(walk.reads(**firm(seats=5), event_time=T11)) == ["event"]
    later = walk.reads(**firm(seats=6), event_time=T12)
    assert the("group", later).deferred
    assert_amplitude_takes(the("group", later))
    told = [each for each in walk.reads(**firm(seats=7), **NEXT_DAY).events if each.kind == "group"]
    assert [(each.leads, each.deferred) for each in told] == [(True, False), (False, True)]
    assert {each.order for each in told} == {the("group", later).order}, "in the place of the older"


def test_a_state_that_comes_back_is_no_duplicate() -> None:
    walk, ids = Copying(), set()
    for seats, at in ((5, T10), (6, T11), (5, T12)):
        walked = walk.reads(**firm(seats=seats), event_time=at)
        ids.add(as_sent(the("group", walked))["insert_id"])
    assert len(ids) == 3


def test_each_group_has_a_device_of_its_own() -> None:
    one, same, other = (
        sent(Copying().reads(groups={"firm": [key]}, group_properties={"firm": {key: {"a": 1}}}),
             "group")["device_id"]
        for key in ("acme", "acme", "umbrella")
    )  # fmt: skip
    assert one == same != other


def test_a_call_of_a_group_is_applied_and_never_sent_as_it_is() -> None:
    row = {"groups": {"firm": "acme"}, "group_properties": {"$set": {"a": 1}, "$unset": {"b": "-"}}}
    walked = Copying().reads(event_type="$groupidentify", **row)
    assert kinds(walked) == ["group"]
    assert sent(walked, "group")["group_properties"] == {"$unset": {"b": "-"}, "$set": {"a": 1}}


def test_no_group_is_updated_where_none_is_asked_for() -> None:
    walk = Copying(groups=False)
    walked = walk.reads(**firm(seats=5))
    assert kinds(walked) == ["event"]
    assert sent(walked)["groups"] == {"firm": ["acme"]}


def test_types_are_named_as_the_project_has_them() -> None:
    walked = Copying(group_keys={"firm": "company"}).reads(**firm(seats=5))
    assert sent(walked)["groups"] == {"company": ["acme"]}
    assert sent(walked, "group")["groups"] == {"company": "acme"}


def test_properties_of_no_group_are_counted() -> None:
    walked = Copying().reads(group_properties={"firm": {"a": 1}})
    assert "group_properties_of_no_group" in note_names(walked)
