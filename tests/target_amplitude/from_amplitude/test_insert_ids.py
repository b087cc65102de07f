"""Insert ids that the source used for two events, and what the list of deliveries knows."""

from __future__ import annotations

from typing import Any

from tests.pairs.walk import T10, T11, Walked, note_names
from tests.target_amplitude.loading import Copying, sent

ONE, OTHER = "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"


def row(uuid: str, **fields: Any) -> dict[str, Any]:
    return {"device_id": "d1", "$insert_id": "i1", "uuid": uuid, **fields}


def delivered(walk: Copying, walked: Walked) -> None:
    """List an event as the ledger does when its block is settled."""
    known = (walked.decision.delivery, walked.decision.also_known)
    walk.known.deliveries.update(each for each in known if each is not None)


def test_the_second_event_of_a_device_and_an_insert_id_goes_by_its_uuid() -> None:
    walk = Copying()
    assert sent(walk.reads(**row(ONE)))["insert_id"] == "i1"
    second = walk.reads(**row(OTHER))
    assert sent(second)["insert_id"] == OTHER
    assert note_names(second) == ["insert_id_reused"]
    assert sent(walk.reads(**row(ONE)))["insert_id"] == "i1", "read again, it is the first still"


def test_it_is_left_out_where_the_copy_cleans_up() -> None:
    walk = Copying(reused_insert_ids="skip")
    walk.reads(**row(ONE))
    assert walk.reads(**row(OTHER)).skipped == "insert_id_reused"


def test_no_link_is_counted_where_the_row_is_left_out() -> None:
    walk = Copying(reused_insert_ids="skip")
    walk.reads(**row(ONE, amplitude_id=5))
    third = "33333333-3333-4333-8333-333333333333"
    walk.reads(**row(third, device_id="d2", user_id="u2", amplitude_id=6))
    walked = walk.reads(**row(OTHER, user_id=None, amplitude_id=6))
    assert (walked.skipped, note_names(walked)) == ("insert_id_reused", ["known_by_amplitude_id"])


def test_what_is_known_of_a_device_waits_for_a_row_of_its_user_that_is_sent() -> None:
    walk = Copying(reused_insert_ids="skip")
    walk.reads(**row(ONE, user_id=None, user_properties={"plan": "x"}))
    assert walk.reads(**row(OTHER, user_id="ann")).skipped == "insert_id_reused"
    third = "33333333-3333-4333-8333-333333333333"
    walked = walk.reads(**row(third, user_id="ann", **{"$insert_id": "i3"}))
    (update,) = [event for event in walked.events if event.kind == "person"]
    assert update.body["state"] == {"plan": "x"}


def test_another_device_may_use_the_same_insert_id() -> None:
    walk = Copying()
    walk.reads(**row(ONE))
    assert sent(walk.reads(**row(OTHER, device_id="d2")))["insert_id"] == "i1"


def test_a_later_run_knows_by_the_list_of_deliveries() -> None:
    first = Copying()
    walked = first.reads(**row(ONE))
    later = Copying()
    delivered(later, walked)
    assert sent(later.reads(**row(OTHER)))["insert_id"] == OTHER
    again = Copying()
    delivered(again, walked)
    assert sent(again.reads(**row(ONE)))["insert_id"] == "i1"


def test_an_event_is_known_by_its_row_whatever_its_ids_become() -> None:
    keys = {
        Copying(**chosen).reads(**row(ONE, **fields)).decision.delivery
        for chosen in ({}, {"rename_events": {"Played": "x"}})
        for fields in ({}, {"$insert_id": "i2"}, {"device_id": "d9"})
    }
    assert len(keys) == 1


def test_rows_without_a_uuid_are_known_by_device_and_insert_id() -> None:
    one, same, other = (
        Copying().reads(uuid=None, device_id=device, **{"$insert_id": "i1"}).decision.delivery
        for device in ("d1", "d1", "d2")
    )
    assert one == same != other
    assert one is not None
    assert one.day == 19_783, "the day on which it happened"


def test_a_record_of_a_call_is_no_event_to_list() -> None:
    call = Copying().reads(event_type="$identify", user_properties={"a": 1})
    assert call.decision.delivery is None
    assert [Copying().reads(event_time=t).decision.delivery.day for t in (T10, T11)] == [19_783] * 2
