"""Whose device it is, under both identity systems, in every order in which it can be learnt."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING, Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Event, Fact

from tests.fakes.mixpanel.events import Rules, accepted, merged_ids
from tests.fakes.mixpanel.identity import Merge, OriginalPeople, SimplifiedPeople
from tests.pairs.any_record import thorough
from tests.pairs.walk import (
    AT_10,
    PLACE_10,
    T11,
    T12,
    Remembering,
    Walked,
    kinds,
    note_names,
    the,
)
from tests.target_mixpanel.importing import DAY, NOW, Importing, years_later

if TYPE_CHECKING:
    from collections.abc import Iterable

PLAN = {"plan": "pro"}
CLAIM = Fact("owner", "d1", "u1", AT_10, PLACE_10)
TOLD = Fact("link", "d1", "u1", AT_10)


def said(walked: Walked) -> tuple[str | None, list[Fact], list[Fact]]:
    """Return who is merged, what is claimed, and what holds once the event has arrived."""
    return walked.merges, walked.effects.claims, walked.effects.facts


NOTHING_SAID = (None, [], [])


def ids(event: Event) -> dict[str, Any]:
    """Return what says whose event it is."""
    names = ("$user_id", "$device_id", "distinct_id", "amplitude_device_id")
    return {k: v for k, v in event.body["properties"].items() if k in names}


def original(**chosen: Any) -> Importing:
    return Importing(identity_merge="original", **chosen)


# Simplified ID Merge ------------------------------------------------------------------------


def test_the_first_event_of_a_user_on_a_device_brings_the_link() -> None:
    mapped = Importing().reads(device_id="d1")
    event = the("event", mapped)
    assert ids(event) == {"$user_id": "u1", "$device_id": "d1"}
    assert mapped.order_of(event) == "u1"
    assert said(mapped) == ("d1", [CLAIM], [TOLD])


def test_later_events_carry_both_ids_and_link_nothing_new() -> None:
    importing = Importing()
    importing.reads(device_id="d1")
    mapped = importing.reads(device_id="d1", event_time=T11)
    event = the("event", mapped)
    assert ids(event) == {"$user_id": "u1", "$device_id": "d1"}
    assert mapped.order_of(event) == "u1"
    assert said(mapped) == NOTHING_SAID


def test_a_second_device_of_the_user_is_linked_too() -> None:
    importing = Importing()
    importing.reads(device_id="d1")
    mapped = importing.reads(device_id="d2")
    assert kinds(mapped) == ["event"]
    assert (mapped.merges, mapped.effects.facts) == ("d2", [Fact("link", "d2", "u1", AT_10)])


def test_a_second_user_on_a_device_goes_without_it_and_is_counted() -> None:
    importing = Importing()
    importing.reads(device_id="d1")
    mapped = importing.reads(user_id="u2", device_id="d1")
    event = the("event", mapped)
    assert ids(event) == {"$user_id": "u2", "amplitude_device_id": "d1"}
    assert mapped.order_of(event) == "u2"
    assert said(mapped) == NOTHING_SAID
    (note,) = mapped.notes
    assert note.name == "identity_conflict"
    assert note.example == "device d1 belongs to u1, also seen with u2"
    assert importing.known.recall("owner", "d1") == CLAIM


def test_a_device_alone_stays_a_device_and_queues_behind_its_owner() -> None:
    importing = Importing()
    before = importing.reads(user_id=None, device_id="d1")
    importing.reads(device_id="d1")
    importing.reads(user_id="u2", device_id="d1")
    after = importing.reads(user_id=None, device_id="d1")
    assert ids(the("event", before)) == ids(the("event", after)) == {"$device_id": "d1"}
    assert [each.order_of(the("event", each)) for each in (before, after)] == ["d1", "u1"]
    assert before.merges is after.merges is None


def test_what_waits_for_its_device_waits_in_the_lane_that_the_device_was_in() -> None:
    importing = Importing()
    anonymous = importing.reads(user_id=None, device_id=" d1 ")
    order = anonymous.order_of(the("event", anonymous))
    assert importing.reads(device_id="d1 ").merges == order == "d1"


def test_a_link_that_was_cut_off_comes_with_the_next_event_of_both() -> None:
    importing = Importing()
    importing.cut_off(device_id="d1")
    assert importing.known.recall("link", "d1") is None
    stranger = the("event", importing.reads(user_id="u2", device_id="d1", event_time=T11))
    assert ids(stranger) == {"$user_id": "u2", "amplitude_device_id": "d1"}
    again = importing.reads(device_id="d1", event_time=T12)
    assert kinds(again) == ["event"]
    assert said(again) == ("d1", [], [TOLD])


def test_the_same_record_is_the_same_event_before_and_after_its_link_is_known() -> None:
    importing = Importing()
    first = importing.reads(device_id="d1").events[0].body
    assert importing.reads(device_id="d1").events[0].body == first
    other = Importing()
    other.cut_off(device_id="d1")
    assert other.reads(device_id="d1").events[0].body == first


@pytest.mark.parametrize(
    ("user", "device", "sent"),
    [
        ("u1", None, {"$user_id": "u1"}),
        ("null", "d1", {"$device_id": "d1"}),
        (None, "d1", {"$device_id": "d1"}),
        ("u1", "undefined", {"$user_id": "u1", "amplitude_device_id": "undefined"}),
        (None, None, {"distinct_id": ""}),
        ("0", "-1", {"distinct_id": "", "amplitude_device_id": "-1"}),
    ],
)
def test_without_two_ids_nothing_is_linked(user: Any, device: Any, sent: dict) -> None:
    mapped = Importing().reads(user_id=user, device_id=device)
    (event,) = mapped.events
    assert ids(event) == sent
    assert said(mapped) == NOTHING_SAID


def test_a_device_that_has_its_users_very_id_is_linked_all_the_same() -> None:
    # Mixpanel keeps it apart, as `$device:same`.
    mapped = Importing().reads(user_id="same", device_id="same")
    assert ids(the("event", mapped)) == {"$user_id": "same", "$device_id": "same"}
    assert mapped.effects.claims == [Fact("owner", "same", "same", AT_10, PLACE_10)]


def test_events_of_nobody_are_kept_counted_and_wait_for_nobody() -> None:
    importing = Importing()
    one = importing.reads(user_id=None)
    other = importing.reads(user_id=None, uuid="6a1c1c1e-0c7f-4d3c-9a53-3a3a3a3a3a3a")
    assert note_names(one) == note_names(other) == ["no_identity"]
    assert [each.order_of(each.events[0]) for each in (one, other)] == ["", ""]


def test_mixpanels_prefix_is_taken_off_a_device_as_mixpanel_does() -> None:
    importing = Importing()
    importing.reads(device_id="d1")
    event = the("event", importing.reads(user_id="u2", device_id=" $device:d1"))
    assert ids(event) == {"$user_id": "u2", "amplitude_device_id": "$device:d1"}
    bare = the("event", importing.reads(user_id=None, device_id="$device:d1"))
    assert ids(bare) == {"$device_id": "d1", "amplitude_device_id": "$device:d1"}


@pytest.mark.parametrize("device", ["$device:", "$device:null", "$device: "])
def test_nothing_behind_the_prefix_is_no_device(device: str) -> None:
    mapped = Importing().reads(device_id=device)
    (event,) = mapped.events
    assert ids(event)["$user_id"] == "u1"
    assert "$device_id" not in ids(event)
    assert mapped.effects.claims == []


def test_an_identify_record_claims_the_device_and_the_next_event_links_it() -> None:
    importing = Importing()
    called = importing.reads(event_type="$identify", device_id="d1", user_properties=PLAN)
    assert kinds(called) == ["person"]
    assert called.effects.claims == [CLAIM]
    assert TOLD not in called.effects.facts
    assert called.merges is None
    stranger = the("event", importing.reads(user_id="u2", device_id="d1"))
    assert ids(stranger) == {"$user_id": "u2", "amplitude_device_id": "d1"}
    mapped = importing.reads(device_id="d1", event_time=T11)
    assert kinds(mapped) == ["event"]
    assert said(mapped) == ("d1", [], [TOLD])


OUT = {"exclude_events": ("Played",)}
OLD = {"now": years_later(3, 0), "skip_expired": True}


@pytest.mark.parametrize("settings", [OUT, OLD])
def test_what_is_left_out_claims_no_device(settings: dict) -> None:
    importing = Importing(**settings)
    mapped = importing.reads(device_id="d1", user_properties=PLAN)
    assert mapped.skipped is not None
    assert "event" not in kinds(mapped)
    assert importing.known.recall("owner", "d1") is None


def test_no_identity_event_is_ever_sent() -> None:
    importing = Importing()
    for name in ("$identify", "$groupidentify", "$create_alias", "$merge", "$identify "):
        mapped = importing.reads(event_type=name, device_id="d1", user_properties=PLAN)
        names = {event.body.get("event") for event in mapped.events}
        assert names.isdisjoint({"$identify", "$create_alias", "$merge"})


# Original ID Merge --------------------------------------------------------------------------


def test_a_merge_comes_before_the_event_and_has_the_same_ids() -> None:
    mapped = original().reads(user_id=" u1 ", device_id=" d1 ")
    assert kinds(mapped) == ["link", "event"]
    merge, event = mapped.events
    assert merge.body == {
        "event": "$merge",
        "properties": {
            "$distinct_ids": ["d1", "u1"],
            "$insert_id": stable_uuid("link", "100", "u1", "d1"),
            "time": AT_10 // 1000,
        },
    }
    assert (merge.endpoint, mapped.order_of(merge), merge.at) == ("/import", "u1", AT_10)
    two_ids = Fact("ids", "u1", "2", AT_10)
    assert said(mapped) == ("d1", [CLAIM, two_ids], [TOLD])
    assert ids(event) == {"distinct_id": "u1", "amplitude_device_id": "d1"}


def test_a_pair_is_merged_once() -> None:
    importing = original()
    importing.reads(device_id="d1")
    assert kinds(importing.reads(device_id="d1")) == ["event"]


def test_a_merge_that_was_cut_off_is_sent_again_the_same_to_the_letter() -> None:
    importing = original()
    first = importing.cut_off(device_id="d1")
    again = importing.reads(device_id="d1", event_time=T11)
    assert the("link", again).body == the("link", first).body
    assert (again.effects.claims, the("link", again).at) == ([], AT_10)


def test_a_second_user_is_never_merged_with_the_first() -> None:
    importing = original()
    importing.reads(device_id="d1")
    mapped = importing.reads(user_id="u2", device_id="d1")
    assert kinds(mapped) == ["event"]
    assert ids(mapped.events[0]) == {"distinct_id": "u2", "amplitude_device_id": "d1"}
    assert note_names(mapped) == ["identity_conflict"]


def test_a_device_alone_is_a_person_of_its_own_name() -> None:
    importing = original()
    importing.reads(device_id="d1")
    mapped = importing.reads(user_id=None, device_id="d1")
    event = the("event", mapped)
    assert (ids(event), mapped.order_of(event)) == ({"distinct_id": "d1"}, "u1")


@pytest.mark.parametrize(("user", "device"), [("same", "same"), ("u1", None), (None, "d1")])
def test_there_is_no_merge_without_two_ids(user: Any, device: Any) -> None:
    assert kinds(original().reads(user_id=user, device_id=device)) == ["event"]


def test_mixpanels_prefix_means_nothing_there() -> None:
    event = the("event", original().reads(user_id=None, device_id="$device:d1"))
    assert ids(event) == {"distinct_id": "$device:d1"}


@pytest.mark.parametrize("settings", [OUT, OLD])
def test_what_is_left_out_still_sends_its_merge(settings: dict) -> None:
    mapped = original(**settings).reads(device_id="d1")
    assert kinds(mapped) == ["link"]
    assert mapped.skipped is not None


@pytest.mark.parametrize("missing", ["user_id", "event_time", "device_id"])
def test_a_left_out_record_is_skipped_even_if_it_could_not_travel(missing: str) -> None:
    importing = original(exclude_events=("Played",))
    fields = {"device_id": "d1", "server_upload_time": None, missing: None}
    mapped = importing.reads(**fields)
    assert (mapped.skipped, mapped.events) == ("excluded: Played", ())


def test_an_identify_record_merges_even_when_it_sets_nothing() -> None:
    assert kinds(original().reads(event_type="$identify", device_id="d1")) == ["link"]


# Any history, cut off anywhere, arriving in any order ---------------------------------------

histories = st.lists(
    st.tuples(st.sampled_from([None, "u1", "u2", "u3"]), st.sampled_from([None, "d1", "d2", "u1"])),
    min_size=1,
    max_size=12,
)


def walked_through(
    history: list, importing: Importing, cuts: random.Random | None = None
) -> list[Walked]:
    """Walk a history; with `cuts`, some events are said and never reported as delivered."""
    walked = []
    for number, (user, device) in enumerate(history):
        fields = {
            "uuid": stable_uuid("test", str(number)),
            "user_id": user,
            "device_id": device,
        }
        lost = cuts is not None and cuts.random() < 0.5
        walked.append(importing.cut_off(**fields) if lost else importing.reads(**fields))
    return walked


def sent_of(history: list, importing: Importing, cuts: random.Random | None = None) -> list[Event]:
    return [e for walked in walked_through(history, importing, cuts) for e in walked.events]


def judged(events: Iterable[Event]) -> SimplifiedPeople:
    people = SimplifiedPeople()
    for event in events:
        people.meet(accepted(event.body, Rules("simplified", NOW // 1000), set()).who)
    return people


@thorough
@given(histories, st.integers(0, 2**32))
def test_every_order_of_arrival_ends_with_the_same_owners(history: list, seed: int) -> None:
    dice, importing = random.Random(seed), Importing()
    cut = dice.randrange(len(history) + 1)
    events = sent_of(history[:cut], importing, dice)
    events += sent_of(history, importing)  # the run is started again from the beginning
    dice.shuffle(events)
    people = judged(events)
    assert people.conflicts == []
    assert people.owners == first_users(history)


def first_users(history: list) -> dict[str, str]:
    owners: dict[str, str] = {}
    for user, device in history:
        if user is not None and device is not None:
            owners.setdefault(device, user)
    return owners


@thorough
@given(histories)
def test_no_event_of_an_owned_device_precedes_its_link_in_its_lane(history: list) -> None:
    lanes: dict[str, list[str]] = {}
    for walked in walked_through(history, Importing()):
        (event,) = walked.events
        device = ids(event).get("$device_id")
        if device is not None and "$user_id" in ids(event):
            linked = lanes.setdefault(walked.order_of(event), [])
            if device not in linked:
                assert walked.merges == device
                linked.append(device)
        elif device is not None and device in first_known(lanes):
            lane = lanes.get(walked.order_of(event), [])
            assert device in lane, "it could overtake the link"


def first_known(lanes: dict[str, list[str]]) -> set[str]:
    return {device for devices in lanes.values() for device in devices}


@thorough
@given(histories, st.integers(0, 2**32))
def test_original_merges_never_join_two_users(history: list, seed: int) -> None:
    # There ids of users and devices are of one kind: no device may be called as another user is.
    history = [(user, None if device == "u1" != user else device) for user, device in history]
    dice, importing = random.Random(seed), original()
    events = sent_of(history, importing, dice) + sent_of(history, importing)
    people = OriginalPeople()
    links = [event.body for event in events if event.kind == "link"]
    for number, body in enumerate(links):
        people.merge(Merge("$merge", merged_ids(body), number))
    users = {"u1", "u2", "u3"}
    assert all(len(users.intersection(cluster)) <= 1 for cluster in people.clusters())
    assert people.refused_merges == []


def test_nothing_is_known_to_a_mapping_but_what_it_is_told() -> None:
    importing = Importing()
    importing.reads(device_id="d1")
    importing.known = Remembering()
    assert importing.reads(device_id="d1").effects.claims == [CLAIM]


def test_the_time_of_a_claim_is_that_of_its_record() -> None:
    importing = Importing(now=NOW + DAY)
    importing.reads(device_id="d1", event_time=T11)
    assert importing.known.recall("owner", "d1").at == AT_10 + 3_600_000_000
