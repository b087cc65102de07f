"""Profiles: a copy on the person's events, one closing `$identify`, one creation event; groups."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from singer_delivery.model import Event, Unmappable
from target_amplitude.closing import as_sent
from target_amplitude.from_mixpanel import (
    FromMixpanel,
    GroupProfilesFromMixpanel,
    ProfilesFromMixpanel,
)

from tests.pairs.walk import AT_10, Walk, Walked, kinds, note_names, the
from tests.target_amplitude.from_mixpanel.importing import (
    ANON,
    a_row,
    assert_amplitude_takes,
    body,
    settings,
)

CREATED_MS = 1_672_628_645_000  # 2023-01-02T03:04:05Z
ANN = {"$email": "ann@example.com", "Plan": "pro", "$created": "2023-01-02T03:04:05"}


def profile(id_: Any = "ann", day: int = 2, **properties: Any) -> dict[str, Any]:
    read_at = f"2024-03-{day:02}T00:00:00.000Z"
    return {"distinct_id": id_, "read_at": read_at, "properties": properties}


class People(Walk):
    """Reads profiles, and events beside them, with one memory."""

    def __init__(self, **chosen: Any) -> None:
        super().__init__(lambda: ProfilesFromMixpanel(settings(**chosen)))
        self.events = Walk(lambda: FromMixpanel(settings(**chosen)))
        self.events.known = self.known


def sent(event: Event) -> dict[str, Any]:
    """Return an event as it leaves."""
    assert_amplitude_takes(event)
    found: dict[str, Any] = orjson.loads(as_sent(orjson.dumps(event.body)))
    return found


def identify(walked: Walked) -> dict[str, Any]:
    return sent(the("person", walked))


def test_an_identify_tells_what_a_profile_says_when_all_events_are_there() -> None:
    walked = People().reads_row(profile(**ANN))
    event, of = the("person", walked), identify(walked)
    assert event.deferred
    assert of["event_type"] == "$identify"
    assert of["user_id"] == "ann"
    assert "device_id" not in of, "it would hand the device over"
    assert "$skip_user_properties_sync" not in of
    assert of["user_properties"] == {"$set": {
        "email": "ann@example.com", "Plan": "pro", "created": "2023-01-02T03:04:05",
    }}  # fmt: skip


def test_a_creation_event_shows_them_and_dates_the_person() -> None:
    walked = People().reads_row(profile(**ANN))
    assert kinds(walked) == ["person", "creation"]
    created = sent(the("creation", walked))
    assert created["event_type"] == "Mixpanel User Created"
    assert (created["user_id"], created["time"]) == ("ann", CREATED_MS)
    assert not {"device_id", "$skip_user_properties_sync", "user_properties"} & created.keys()


def test_it_has_the_name_that_is_set_or_none() -> None:
    named = People(user_created_event="Signed Up").reads_row(profile(**ANN))
    assert the("creation", named).body["event_type"] == "Signed Up"
    assert kinds(People(user_created_event="").reads_row(profile(**ANN))) == ["person"]


def test_without_a_date_the_first_event_says_since_when() -> None:
    walk = People()
    assert kinds(walk.reads_row(profile(Plan="pro"))) == ["person"]
    walked = walk.events.reads_row(a_row(**{"$user_id": "ann"}))
    assert sent(the("creation", walked))["time"] == AT_10 // 1000


def test_an_event_before_the_creation_dates_the_person() -> None:
    walk = People()
    walk.reads_row(profile(**{**ANN, "$created": "2024-03-01T12:00:00"}))
    walked = walk.events.reads_row(a_row(**{"$user_id": "ann"}))
    assert sent(the("creation", walked))["time"] == AT_10 // 1000


def test_every_event_carries_a_copy() -> None:
    walk = People()
    walk.reads_row(profile(**ANN, **{"$initial_referrer": "r", "Long": "x" * 1025}))
    of = body(walk.events.reads_row(a_row(**{"$user_id": "ann"})))
    assert of["user_properties"] == {
        "email": "ann@example.com", "Plan": "pro", "created": "2023-01-02T03:04:05",
        "initial_referrer": "r",
    }  # fmt: skip
    assert of["$skip_user_properties_sync"] is True


def test_what_the_row_says_wins_over_the_copy() -> None:
    walk = People(super_properties=("Plan",))
    walk.reads_row(profile(**ANN))
    of = body(walk.events.reads_row(a_row(**{"$user_id": "ann"}, Plan="free")))
    assert of["user_properties"]["Plan"] == "free"


def test_a_person_without_a_profile_is_counted() -> None:
    walk = People()
    walked = walk.events.reads_row(a_row(**{"$user_id": "ann"}))
    assert "no_profile" in note_names(walked)
    assert "user_properties" not in body(walked)


def test_a_setting_copies_none() -> None:
    walk = People(user_properties_on_events=False)
    walk.reads_row(profile(**ANN))
    walked = walk.events.reads_row(a_row(**{"$user_id": "ann"}))
    assert "user_properties" not in body(walked)
    assert "no_profile" not in note_names(walked)


def test_it_is_told_again_when_it_changed_with_what_is_gone() -> None:
    walk = People()
    walk.reads_row(profile(**ANN, Trial=True))
    assert walk.reads_row(profile(day=3, **ANN, Trial=True)).skipped == "unchanged"
    changed = walk.reads_row(profile(day=4, **ANN))
    assert identify(changed)["user_properties"]["$unset"] == {"Trial": "-"}
    assert kinds(changed) == ["person"], "a creation event is sent once"
    assert walk.reads_row(profile(day=3, Plan="old")).skipped == "superseded"


NAMES = [
    ("$email", "email"), ("$name", "name"), ("$first_name", "first_name"), ("$phone", "phone"),
    ("$avatar", "avatar"), ("$timezone", "timezone"), ("$last_seen", "mixpanel_last_seen"),
    ("Plan", "Plan"),
]  # fmt: skip


@pytest.mark.parametrize(("name", "expected"), NAMES)
def test_names_lose_their_dollar(name: str, expected: str) -> None:
    of = identify(People().reads_row(profile(**{name: "x"})))
    assert of["user_properties"] == {"$set": {expected: "x"}}


def test_of_two_names_one_stays_behind_a_prefix() -> None:
    of = identify(People().reads_row(profile(**{"$email": "a", "email": "b"})))
    assert of["user_properties"] == {"$set": {"email": "b", "mixpanel_email": "a"}}


def test_first_attribution_is_set_once() -> None:
    of = identify(People().reads_row(profile(Plan="x", initial_utm_source="s")))
    assert of["user_properties"] == {"$set": {"Plan": "x"}, "$setOnce": {"initial_utm_source": "s"}}


@pytest.mark.parametrize(
    "name", ["$android_devices", "$ios_devices", "$campaigns", "$geo_source", "$transactions"]
)
def test_some_properties_do_not_travel(name: str) -> None:
    of = identify(People().reads_row(profile(Plan="x", **{name: ["y"]})))
    assert of["user_properties"] == {"$set": {"Plan": "x"}}


def test_a_place_is_all_four_keys() -> None:
    of = identify(People().reads_row(profile(**{"$country_code": "US", "$city": "Austin"})))
    assert {key: of[key] for key in ("country", "region", "city", "dma")} == {
        "country": "United States", "region": "", "city": "Austin", "dma": "",
    }  # fmt: skip
    assert "country" not in identify(People().reads_row(profile(Plan="x")))


def test_group_keys_of_a_profile_are_groups_of_the_identify() -> None:
    walk = People(group_keys={"company_id": "company"})
    of = identify(walk.reads_row(profile(company_id="acme")))
    assert of["groups"] == {"company": ["acme"]}


PAYMENTS = [{"$amount": 9.5, "$time": "2024-01-02T00:00:00"}, {"$amount": "x"}, 7]


def test_payments_are_events_of_revenue_where_a_setting_names_them() -> None:
    walk = People(transaction_event="Paid")
    walked = walk.reads_row(profile(Plan="x", **{"$transactions": PAYMENTS}))
    paid = sent(the("event", walked))
    assert (paid["event_type"], paid["user_id"], paid["revenue"]) == ("Paid", "ann", 9.5)
    assert paid["$skip_user_properties_sync"] is True
    assert "transactions_dropped" in note_names(walked), "two of them say too little"
    whole = profile(Plan="x", **{"$transactions": PAYMENTS[:1]})
    assert "transactions_dropped" not in note_names(
        People(transaction_event="Paid").reads_row(whole)
    )
    dropped = People().reads_row(profile(Plan="x", **{"$transactions": PAYMENTS}))
    assert "transactions_dropped" in note_names(dropped)


def test_a_payment_is_sent_once_for_good() -> None:
    walk = People(transaction_event="Paid")
    walk.reads_row(profile(Plan="x", **{"$transactions": PAYMENTS}))
    more = [*PAYMENTS, {"$amount": 4, "$time": "2024-02-02T00:00:00"}]
    changed = walk.reads_row(profile(day=3, Plan="y", **{"$transactions": more}))
    assert sent(the("event", changed))["revenue"] == 4


def test_a_payment_is_news_of_a_profile_that_says_nothing_else_new() -> None:
    walk = People(transaction_event="Paid")
    walk.reads_row(profile(Plan="x", **{"$transactions": PAYMENTS}))
    more = [*PAYMENTS, {"$amount": 4, "$time": "2024-02-02T00:00:00"}]
    paid = walk.reads_row(profile(day=3, Plan="x", **{"$transactions": more}))
    assert [sent(event)["revenue"] for event in paid.events] == [4]
    assert not walk.reads_row(profile(day=4, Plan="x", **{"$transactions": more})).events


def test_a_payment_that_moves_in_the_list_is_no_other() -> None:
    walk = People(transaction_event="Paid")
    twice = [{"$amount": 1, "$time": "2024-01-01T00:00:00"}, *[PAYMENTS[0]] * 2]
    first = walk.reads_row(profile(Plan="x", **{"$transactions": twice}))
    assert len({event.body["insert_id"] for event in first.events if event.kind == "event"}) == 3
    moved = walk.reads_row(profile(day=3, Plan="y", **{"$transactions": twice[1:]}))
    assert [event.kind for event in moved.events if event.kind == "event"] == []


def test_set_once_never_overwrites() -> None:
    of = identify(People(user_properties="set_once").reads_row(profile(Plan="x")))
    assert of["user_properties"] == {"$setOnce": {"Plan": "x"}}


def test_a_setting_sends_no_state_and_copies_all_the_same() -> None:
    walk = People(user_properties="none", user_created_event="")
    assert walk.reads_row(profile(Plan="x")).skipped == "user_properties: none"
    of = body(walk.events.reads_row(a_row(**{"$user_id": "ann"})))
    assert of["user_properties"] == {"Plan": "x"}


def test_where_events_are_synced_the_identify_goes_before_them() -> None:
    walk = People(skip_user_properties_sync=False)
    event = the("person", walk.reads_row(profile(Plan="x")))
    assert (event.deferred, event.leads) == (False, True)
    of = body(walk.events.reads_row(a_row(**{"$user_id": "ann"})))
    assert not {"$skip_user_properties_sync", "user_properties"} & of.keys()


def test_a_profile_goes_to_the_user_of_its_cluster() -> None:
    walk = People()
    row = a_row("$identify", "original", **{"$identified_id": "ann", "$anon_id": ANON})
    walk.events.reads_row(row)
    assert identify(walk.reads_row(profile(ANON, Plan="x")))["user_id"] == "ann"


def test_a_device_s_profile_waits_for_the_end_and_is_copied_on_its_events() -> None:
    walk = People()
    event = the("device", walk.reads_row(profile("$device:d1", Plan="x")))
    assert (event.deferred, event.order) == (True, "d1"), "dropped if it has an owner by then"
    of = sent(event)
    assert (of.get("user_id"), of["device_id"]) == (None, "d1")
    assert body(walk.events.reads_row(a_row(distinct_id="$device:d1")))["user_properties"] == {
        "Plan": "x"
    }
    walk.events.reads_row(a_row(**{"$user_id": "ann", "$device_id": "d1"}))
    again = walk.reads_row(profile("$device:d1", day=3, Plan="y"))
    assert again.skipped == "device has an owner"


def test_in_an_original_project_a_bare_id_of_an_sdk_is_a_device() -> None:
    walk = People()
    row = a_row("$identify", "original", **{"$identified_id": "a", "$anon_id": "b"})
    walk.events.reads_row(row)
    assert sent(the("device", walk.reads_row(profile(ANON, Plan="x"))))["device_id"] == ANON
    assert identify(People().reads_row(profile(ANON, Plan="x")))["user_id"] == ANON


@pytest.mark.parametrize("id_", [None, "", "null", "$device:"])
def test_a_profile_of_nobody_is_a_dead_letter(id_: Any) -> None:
    with pytest.raises(Unmappable, match="no_identity"):
        People().walks(profile(id_, Plan="x"))


def group(day: int = 2, key: str = "company_id", id_: Any = "acme", **properties: Any) -> dict:
    read_at = f"2024-03-{day:02}T00:00:00.000Z"
    return {"group_key": key, "group_id": id_, "read_at": read_at, "properties": properties}


def groups(**chosen: Any) -> Walk:
    of = {"group_keys": {"company_id": "company"}, **chosen}
    return Walk(lambda: GroupProfilesFromMixpanel(settings(**of)))


def test_a_group_is_told_before_any_event() -> None:
    walk = groups()
    event = the("group", walk.reads_row(group(**{"$name": "Acme", "Size": 3})))
    of = sent(event)
    assert event.leads
    assert (of["event_type"], of["groups"]) == ("$groupidentify", {"company": "acme"})
    assert of["group_properties"] == {"$set": {"name": "Acme", "Size": 3}}
    assert walk.reads_row(group(day=3, **{"$name": "Acme", "Size": 3})).skipped == "unchanged"
    changed = sent(the("group", walk.reads_row(group(day=4, **{"$name": "Acme"}))))
    assert changed["group_properties"]["$unset"] == {"Size": "-"}


def test_groups_are_left_out_or_refused() -> None:
    assert groups(groups=False).reads_row(group(a=1)).skipped == "groups: false"
    with pytest.raises(Unmappable, match="no_identity"):
        groups().walks(group(id_="", a=1))


def test_properties_that_the_user_leaves_out_name_no_place_either() -> None:
    walk = People(exclude_properties=("$email", "$city"))
    of = identify(walk.reads_row(profile(**ANN, **{"$city": "Oslo"})))
    assert of["user_properties"]["$set"].keys() == {"Plan", "created"}
    assert "city" not in of
