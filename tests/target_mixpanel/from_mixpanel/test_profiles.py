"""Profiles of people and groups: as read, when they changed, with what is gone."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.model import Unmappable
from target_mixpanel.from_mixpanel import (
    FromMixpanel,
    GroupProfilesFromMixpanel,
    ProfilesFromMixpanel,
    table,
)

from tests.pairs.walk import Walk, Walked
from tests.target_mixpanel.from_mixpanel.copying import ANON, a_row, sent
from tests.target_mixpanel.importing import assert_mixpanel_takes, settings, updates

ANN = {"$email": "ann@example.com", "Plan": "pro", "$created": "2023-01-02T03:04:05"}


def profile(
    id_: Any = "ann", read_at: str = "2024-03-02T00:00:00.000Z", **properties: Any
) -> dict[str, Any]:
    return {"distinct_id": id_, "read_at": read_at, "properties": properties}


def later(day: int, id_: Any = "ann", **properties: Any) -> dict[str, Any]:
    return profile(id_, f"2024-03-{day:02}T00:00:00.000Z", **properties)


class People(Walk):
    """Reads profiles, and events beside them, with one memory."""

    def __init__(self, **chosen: Any) -> None:
        super().__init__(lambda: ProfilesFromMixpanel(settings(**chosen)))
        self.events = Walk(lambda: FromMixpanel(settings(**chosen)))
        self.events.known = self.known


def test_a_profile_is_set_as_it_is() -> None:
    walked = People().reads_row(profile(**ANN))
    (event,) = walked.events
    assert event.endpoint == "/engage"
    assert event.body == {"$distinct_id": "ann", "$ip": 0, "$ignore_time": True, "$set": ANN}
    assert_mixpanel_takes(event)


@pytest.mark.parametrize("name", ["$unsubscribed", "$transactions", "$name", "$city", "empty"])
def test_what_belongs_to_the_person_travels(name: str) -> None:
    value = [{"$amount": 3, "$time": "2024-01-01T00:00:00"}] if name == "$transactions" else ""
    walked = People().reads_row(profile(**{name: value}))
    assert updates(walked) == [("$set", {name: value})]


@pytest.mark.parametrize("name", sorted(table.PROFILE_DROPPED))
def test_what_mixpanel_writes_or_messages_need_does_not(name: str) -> None:
    walked = People().reads_row(profile(Plan="pro", **{name: "2024-01-01T00:00:00"}))
    assert updates(walked) == [("$set", {"Plan": "pro"})]


def test_it_is_sent_again_when_it_changed() -> None:
    walk = People()
    walk.reads_row(later(2, **ANN))
    assert walk.reads_row(later(3, **ANN)).skipped == "unchanged"
    walked = walk.reads_row(later(4, **{**ANN, "Plan": "free"}))
    assert updates(walked) == [("$set", {**ANN, "Plan": "free"})]


def test_what_is_gone_is_taken_away() -> None:
    walk = People()
    walk.reads_row(later(2, Plan="pro", Trial=True))
    walked = walk.reads_row(later(3, Plan="pro"))
    assert updates(walked) == [("$set", {"Plan": "pro"}), ("$unset", ["Trial"])]
    for event in walked.events:
        assert_mixpanel_takes(event)
    assert updates(walk.reads_row(later(4))) == [("$unset", ["Plan"])]


def test_an_older_reading_changes_nothing() -> None:
    walk = People()
    walk.reads_row(later(5, Plan="pro"))
    assert walk.reads_row(later(4, Plan="free")).skipped == "superseded"


def test_a_profile_of_a_device_waits_for_the_end_of_the_run() -> None:
    walk = People()
    (event,) = walk.reads_row(profile("$device:d1", Plan="pro")).events
    assert event.body["$distinct_id"] == "$device:d1"
    # What waits under this kind is dropped if the device of its name has an owner by then.
    assert (event.kind, event.order, event.deferred) == ("device", "d1", True)
    assert_mixpanel_takes(event)
    walk.events.reads_row(a_row(**{"$user_id": "ann", "$device_id": "d1"}))
    again = walk.reads_row(later(9, "$device:d1", Plan="free"))
    assert again.skipped == "device has an owner"


IDENTIFY = a_row("$identify", "original", **{"$identified_id": "ann", "$anon_id": ANON})


def test_a_profile_goes_to_the_user_of_its_cluster() -> None:
    walk = People()
    walk.events.reads_row(IDENTIFY)
    walked = walk.reads_row(profile(ANON, Plan="pro"))
    assert walked.events[0].body["$distinct_id"] == "ann"


def test_of_two_profiles_of_one_user_the_newer_wins_key_by_key() -> None:
    old = {"$last_seen": "2024-01-01T00:00:00", "Plan": "free", "Colour": "red"}
    new = {"$last_seen": "2024-02-01T00:00:00", "Plan": "pro"}
    for rows in ([(ANON, old), ("ann", new)], [("ann", new), (ANON, old)]):
        walk = People()
        walk.events.reads_row(IDENTIFY)
        held: dict[str, Any] = {}
        for id_, of in rows:
            for operation, content in updates(walk.reads_row(profile(id_, **of))):
                held = {**held, **content} if operation == "$set" else {**content, **held}
        assert held == {"Plan": "pro", "Colour": "red"}


def test_whose_a_profile_is_follows_what_its_rows_were_sent_as() -> None:
    walk = People()
    walk.events.reads_row(a_row(mode="original", distinct_id=ANON))
    assert walk.reads_row(profile(ANON, a=1)).events[0].body["$distinct_id"] == f"$device:{ANON}"
    assert walk.reads_row(profile("bob", a=1)).events[0].body["$distinct_id"] == "bob"


def test_where_nothing_tells_how_ids_merge_a_bare_id_is_a_user_s() -> None:
    assert People().reads_row(profile(ANON, a=1)).events[0].body["$distinct_id"] == ANON


def test_devices_lose_their_prefix_on_the_way_to_original_id_merge() -> None:
    walk = People(identity_merge="original")
    walk.events.reads_row(a_row(distinct_id="$device:d1"))
    assert walk.reads_row(profile("$device:d1", a=1)).events[0].body["$distinct_id"] == "d1"


@pytest.mark.parametrize("id_", [None, "", " ", "null", "$device:", "$device:undefined"])
def test_a_profile_of_nobody_is_a_dead_letter(id_: Any) -> None:
    with pytest.raises(Unmappable, match="no_identity"):
        People().walks(profile(id_, a=1))


def test_properties_that_a_table_holds_as_json_text() -> None:
    walk = People()
    walk.reads_row({**profile(), "properties": '{"Plan":"pro","Trial":true}'})
    walked = walk.reads_row({**later(3), "properties": '{"Plan":"pro"}'})
    assert updates(walked) == [("$set", {"Plan": "pro"}), ("$unset", ["Trial"])]
    with pytest.raises(Unmappable, match="bad_properties"):
        walk.walks({**later(4), "properties": "{'half"})


def test_digits_of_an_id_stay() -> None:
    walked = People().reads_row(profile(9007199254740993, a=1))
    assert walked.events[0].body["$distinct_id"] == "9007199254740993"


def test_a_setting_sends_none() -> None:
    assert People(profiles=False).reads_row(profile(a=1)).skipped == "profiles: false"
    assert People().reads_row(profile()).skipped == "nothing to set"


def group(id_: Any = "acme", key: str = "company", day: int = 2, **properties: Any) -> dict:
    read_at = f"2024-03-{day:02}T00:00:00.000Z"
    return {"group_key": key, "group_id": id_, "read_at": read_at, "properties": properties}


def groups(**chosen: Any) -> Walk:
    return Walk(lambda: GroupProfilesFromMixpanel(settings(**chosen)))


def test_a_group_is_set_as_it_is_and_what_is_gone_is_taken_away() -> None:
    walk = groups()
    walked = walk.reads_row(group(Plan="pro", Size=3))
    (event,) = walked.events
    assert event.endpoint == "/groups"
    assert event.body == {
        "$group_key": "company", "$group_id": "acme", "$ip": 0, "$ignore_time": True,
        "$set": {"Plan": "pro", "Size": 3},
    }  # fmt: skip
    assert_mixpanel_takes(event)
    assert walk.reads_row(group(day=3, Plan="pro", Size=3)).skipped == "unchanged"
    changed = walk.reads_row(group(day=4, Plan="pro"))
    assert updates(changed) == [("$set", {"Plan": "pro"}), ("$unset", ["Size"])]


def test_each_group_key_is_named_once_before_the_first_event() -> None:
    said: list[str] = []
    chosen = settings(group_keys={"firm": "company"})
    walk = Walk(lambda: GroupProfilesFromMixpanel(chosen, said.append))
    for row in (group(a=1), group(a=2, day=3), group(key="firm", a=1), group(key="team", a=1)):
        walk.reads_row(row)
    assert ["`company`" in said[0], "`team`" in said[1], len(said)] == [True, True, 2]


def test_groups_of_two_keys_are_two() -> None:
    walk = groups(group_keys={"firm": "company"})
    walk.reads_row(group(a=1))
    walked = walk.reads_row(group(key="firm", a=1))
    assert walked.events[0].body["$group_key"] == "company"
    assert groups(groups=False).reads_row(group(a=1)).skipped == "groups: false"
    with pytest.raises(Unmappable, match="no_identity"):
        walk.walks(group(key="", a=1))


def test_rows_and_profiles_make_the_same_ids_in_two_runs() -> None:
    walk, row = People(), a_row(**{"$user_id": "ann"})
    first: Walked = walk.events.reads_row(row)
    assert sent(first) == sent(walk.events.reads_row(row))
