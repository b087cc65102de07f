"""Any stream, by naming its columns, to Amplitude."""

from __future__ import annotations

from typing import Any

import pytest
from singer_delivery.model import Unmappable
from target_amplitude.from_columns import description, from_columns

from tests.pairs.walk import Walk, Walked, kinds, note_names, the
from tests.target_amplitude.loading import as_sent, assert_amplitude_takes, sent, settings

ORDERS = {"event": "Ordered", "distinct_id": "user", "timestamp": "at"}
DEVICES = {"person": "user", "anonymous_id": "device", "timestamp": "at"}
LATER = "2024-03-01 11:00:00"
ROW = {"id": 1, "user": "ann", "at": "2024-03-01 10:00:00"}


def loading(words: dict[str, Any], **chosen: Any) -> Walk:
    return Walk(lambda: from_columns("orders", words, {}, ["id"], settings(**chosen)))


def read(walk: Walk, **fields: Any) -> Walked:
    walked = walk.reads_row({**ROW, **fields})
    for event in walked.events:
        assert_amplitude_takes(event)
    return walked


def test_a_row_is_an_event() -> None:
    body = sent(read(loading(ORDERS), total=5, note="", remark=None, tags=["a"]))
    assert len(body.pop("insert_id")) == 36
    assert body == {
        "event_type": "Ordered",
        "time": 1_709_287_200_000,
        "user_id": "ann",
        "event_properties": {"id": 1, "total": 5, "note": "", "tags": ["a"]},
        "$skip_user_properties_sync": True,
    }


def test_the_first_user_of_a_device_has_what_happens_on_it() -> None:
    walk = loading({**ORDERS, "anonymous_id": "device"})

    def ids(walked: Walked) -> tuple[Any, Any]:
        return sent(walked).get("user_id"), sent(walked).get("device_id")

    assert ids(read(walk, user=None, device="d1")) == (None, "d1")
    assert ids(read(walk, device="d1")) == ("ann", "d1")
    later = read(walk, user=None, device="d1", at="2024-03-01 11:00:00")
    assert ids(later) == ("ann", "d1")
    assert note_names(later) == ["known_by_device"]
    second = read(walk, user="bob", device="d1", at="2024-03-01 12:00:00")
    assert ids(second) == ("bob", "d1")
    assert note_names(second) == ["identity_conflict"]


def test_what_amplitude_acts_on_travels_under_another_name() -> None:
    body = sent(read(loading(ORDERS), **{"$revenue": 5, "$price": 2}))
    assert body["event_properties"] == {"id": 1, "orders_revenue": 5, "orders_price": 2}
    assert body.keys().isdisjoint({"revenue", "price"})


def test_revenue_is_what_the_setting_names() -> None:
    body = sent(read(loading(ORDERS, revenue={"price": "unit", "quantity": "n"}), unit=2.5, n=3))
    assert (body["price"], body["quantity"]) == (2.5, 3)


def test_lists_in_lists_become_text() -> None:
    walked = read(loading(ORDERS), cart=[{"sku": "a"}], matrix=[[1], [2]])
    assert sent(walked)["event_properties"]["cart"] == [{"sku": "a"}]
    assert sent(walked)["event_properties"]["matrix"] == ["[1]", "[2]"]
    assert note_names(walked) == ["lists_in_lists"]


def test_a_person_s_properties_beside_an_event() -> None:
    walk = loading({**ORDERS, "person": {"properties": ["plan"]}})
    walked = read(walk, plan="pro")
    assert kinds(walked) == ["event", "person"]
    assert sent(walked)["user_properties"] == {"plan": "pro"}
    assert sent(walked, "person")["user_properties"] == {"$set": {"plan": "pro"}}


def test_groups_and_what_is_known_of_them_before_the_event() -> None:
    of = {"key": "team_id", "properties": ["team"]}
    walked = read(loading({**ORDERS, "groups": {"team": of}}), team_id=7, team="x")
    assert kinds(walked) == ["group", "event"]
    assert the("group", walked).leads
    assert sent(walked)["groups"] == {"team": ["7"]}
    assert sent(walked, "group")["group_properties"] == {"$set": {"team": "x"}}


def test_a_row_describes_a_person_at_the_end_of_the_run() -> None:
    walk = loading({"person": "user"})
    event = the("person", read(walk, plan="pro", at=None))
    assert event.deferred
    assert as_sent(event)["user_properties"] == {"$set": {"id": 1, "plan": "pro"}}
    assert read(walk, plan="pro", at=None).skipped == "unchanged"
    none = loading({"person": "user"}, user_properties="none")
    assert read(none, plan="pro").skipped == "user_properties: none"


def test_a_row_of_a_person_says_whose_a_device_is() -> None:
    """What Amplitude has of the device by then is anonymous: only an event of both joins it."""
    walk = loading(DEVICES)
    walked = read(walk, device="d1")
    link = sent(walked, "link")
    assert (link["event_type"], link["user_id"], link["device_id"]) == ("$identify", "ann", "d1")
    assert "user_properties" not in link
    assert walked.order_of(the("link", walked)) == "d1"
    assert kinds(read(walk, device="d1", plan="pro", at=LATER)) == ["person"]
    assert kinds(read(walk, user="bob", device="d1", at=LATER)) == ["person"]


def test_a_row_of_a_person_without_properties_says_whose_a_device_is() -> None:
    walk = loading({**DEVICES, "properties": []})
    walked = read(walk, device="d1")
    assert (kinds(walked), walked.skipped) == (["link"], "nothing to set")
    assert kinds(read(walk, device="d1")) == []
    none = loading(DEVICES, user_properties="none")
    assert kinds(read(none, device="d1")) == ["link"]


def test_a_row_describes_a_group_before_what_follows() -> None:
    event = the("group", read(loading({"group": "team", "key": "user"}), seats=5, at=None))
    assert event.leads
    assert as_sent(event)["groups"] == {"team": "ann"}
    assert read(loading({"group": "team", "key": "user"}, groups=False)).skipped == "groups: false"


def test_a_row_of_nobody_is_what_the_setting_says() -> None:
    with pytest.raises(Unmappable, match="column `user` of `orders` holds no id"):
        read(loading(ORDERS), user="null")
    assert read(loading(ORDERS, events_without_id="skip"), user=None).skipped
    own = read(loading(ORDERS, events_without_id="own_device"), user=None)
    assert len(sent(own)["device_id"]) == 36


def test_equal_ids_are_one_delivery_and_copies_are_told_apart() -> None:
    walk = loading(ORDERS)
    assert read(walk).decision.delivery == read(walk).decision.delivery is not None
    assert read(walk, id=2).decision.delivery != read(walk).decision.delivery


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        ({**ORDERS, "event": "$identify"}, "The stream `orders` is called `\\$identify`"),
        ({**ORDERS, "event": "[Amplitude] Revenue"}, "no event type for Amplitude's customers"),
        ({"group": "$x", "key": "id"}, "has the group `\\$x`"),
        ({**ORDERS, "groups": {" ": "id"}}, "no group type in Amplitude"),
    ],
)
def test_names_that_are_amplitude_s_own_are_refused(words: Any, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        description("orders", words)


def test_properties_that_the_user_leaves_out_are_told_of_no_person() -> None:
    walk = loading({"person": "user", "timestamp": "at"}, exclude_properties=("secret*",))
    of = sent(read(walk, secret_a=1, plan="pro"), "person")
    assert of["user_properties"] == {"$set": {"id": 1, "plan": "pro"}}
    walk = loading({"person": "user", "timestamp": "at"}, exclude_properties=("*",))
    assert read(walk, plan="pro").skipped == "nothing to set"
