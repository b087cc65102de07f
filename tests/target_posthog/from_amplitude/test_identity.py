from __future__ import annotations

import pytest
from singer_delivery.mapping.values import stable_uuid
from singer_delivery.model import Fact

from tests.pairs.walk import PLACE_10, Remembering, a_record, kinds, note_names, the
from tests.target_posthog.from_amplitude.remembering import Importing

AT_10 = 1_709_287_200_000_000
LATER = "2024-03-01 11:00:00.000000"


def test_the_device_is_merged_into_the_user_by_an_alias() -> None:
    mapped = Importing(version="1.2").reads(device_id="d1")
    link = the("link", mapped)
    assert link.body == {
        "event": "$create_alias",
        "distinct_id": "u1",
        "uuid": stable_uuid("link", "100", "u1", "d1"),
        "timestamp": "2024-03-01T10:00:00.000000Z",
        "properties": {
            "$geoip_disable": True,
            "$lib": "target-posthog",
            "$lib_version": "1.2",
            "historical_migration": True,
            "analytics_source": "amplitude",
            "alias": "d1",
        },
    }
    assert (mapped.order_of(link), mapped.merges, link.at) == ("u1", "d1", AT_10)


def test_the_device_is_merged_into_the_user_by_an_identify() -> None:
    link = the("link", Importing(link_identities="identify").reads(device_id="d1"))
    assert link.body["event"] == "$identify"
    assert link.body["distinct_id"] == "u1"
    assert link.body["properties"]["$anon_distinct_id"] == "d1"
    assert "alias" not in link.body["properties"]


def test_the_link_comes_before_the_event_and_has_the_same_ids() -> None:
    mapped = Importing().reads(user_id=" u1 ", device_id=" d1 ")
    assert kinds(mapped) == ["link", "event"]
    link, event = mapped.events
    assert link.body["distinct_id"] == event.body["distinct_id"] == "u1"
    assert link.body["properties"]["alias"] == event.body["properties"]["$device_id"] == "d1"


def test_the_owner_is_a_claim_and_the_link_a_fact() -> None:
    effects = Importing().reads(device_id="d1").effects
    assert effects.claims == [Fact("owner", "d1", "u1", AT_10, PLACE_10)]
    assert effects.facts == [Fact("link", "d1", "u1", AT_10)]


def test_a_pair_is_linked_once() -> None:
    importing = Importing()
    importing.reads(device_id="d1")
    assert kinds(importing.reads(device_id="d1", event_time=LATER)) == ["event"]


def test_a_second_device_of_the_user_is_linked_too() -> None:
    importing = Importing()
    importing.reads(device_id="d1")
    second = importing.reads(device_id="d2")
    assert kinds(second) == ["link", "event"]
    assert second.merges == "d2"


def test_a_link_that_was_cut_off_is_sent_again_the_same_to_the_letter() -> None:
    importing = Importing()
    first = importing.cut_off(device_id="d1")
    again = importing.walks(a_record(device_id="d1", event_time=LATER))
    assert the("link", again).body == the("link", first).body
    assert again.effects.facts == first.effects.facts
    assert again.effects.claims == []
    assert the("link", again).at == the("link", first).at == AT_10


def test_a_second_user_on_a_device_is_a_conflict_and_not_linked() -> None:
    importing = Importing()
    importing.reads(device_id="d1")
    mapped = importing.reads(user_id="u2", device_id="d1")
    assert kinds(mapped) == ["event"]
    assert mapped.events[0].body["distinct_id"] == mapped.order_of(mapped.events[0]) == "u2"
    (note,) = mapped.notes
    assert note.name == "identity_conflict"
    assert note.example == "device d1 belongs to u1, also seen with u2"
    assert importing.known.recall("owner", "d1").value == "u1"


def test_a_device_alone_is_its_own_person_before_it_is_linked_and_its_owners_after() -> None:
    importing = Importing()
    before = importing.reads(user_id=None, device_id="d1")
    importing.reads(device_id="d1")
    after = importing.reads(user_id=None, device_id="d1")
    assert (before.decision.person, after.decision.person) == ("d1", "u1")
    assert before.events[0].body["distinct_id"] == after.events[0].body["distinct_id"] == "d1"


@pytest.mark.parametrize(
    ("user", "device"),
    [("same", "same"), ("u1", None), ("null", "d1"), (None, "d1"), ("u1", "undefined")],
)
def test_there_is_no_link_without_two_ids(user: str | None, device: str | None) -> None:
    mapped = Importing().reads(user_id=user, device_id=device)
    assert kinds(mapped) == ["event"]
    assert mapped.effects.claims == []


def test_without_links_nobody_owns_a_device() -> None:
    importing = Importing(link_identities="none")
    assert kinds(importing.reads(device_id="d1")) == ["event"]
    mapped = importing.reads(user_id="u2", device_id="d1")
    assert note_names(mapped) == []
    assert importing.known.of() == {}


def test_without_links_an_owner_of_an_earlier_run_does_not_count() -> None:
    importing = Importing(link_identities="none")
    importing.known.facts["owner", "d1"] = Fact("owner", "d1", "u1", AT_10)
    assert importing.reads(user_id=None, device_id="d1").decision.person == "d1"


def test_an_excluded_record_still_sends_its_link_and_nothing_else() -> None:
    importing = Importing(exclude_events=("Play*",))
    mapped = importing.reads(
        device_id="d1",
        user_properties={"plan": "pro"},
        groups={"firm": ["f1"]},
        group_properties={"firm": {"f1": {"size": 3}}},
    )
    assert kinds(mapped) == ["link"]
    assert mapped.skipped == "excluded: Played"
    assert kinds(importing.reads(device_id="d1")) == []


@pytest.mark.parametrize("missing", ["user_id", "event_time", "device_id"])
def test_an_excluded_record_is_skipped_even_if_it_could_not_travel(missing: str) -> None:
    importing = Importing(exclude_events=("Played",))
    fields = {"device_id": "d1", "server_upload_time": None, missing: None}
    mapped = importing.reads(**fields)
    assert mapped.skipped == "excluded: Played"


@pytest.mark.parametrize(
    ("settings", "name", "skipped"),
    [
        ({"include_events": ("Play*",)}, "Played", None),
        ({"include_events": ("Play*",)}, "Paused", "not included: Paused"),
        ({"include_events": ("played",)}, "Played", "not included: Played"),
        ({"exclude_events": ("[Amplitude] Page Viewed",)}, "[Amplitude] Page Viewed",
         "excluded: [Amplitude] Page Viewed"),
        ({"exclude_events": ("[Amplitude] *",)}, "[Amplitude] Page Viewed",
         "excluded: [Amplitude] Page Viewed"),
        ({"exclude_events": ("P?used", "Other")}, "Other", "excluded: Other"),
        ({"include_events": ("P*",), "exclude_events": ("Pa*",)}, "Paused", "excluded: Paused"),
        ({"exclude_events": ("New",), "rename_events": {"Old": "New"}}, "Old", None),
        ({"exclude_events": ("Old",), "rename_events": {"Old": "New"}}, "Old", "excluded: Old"),
    ],
)  # fmt: skip
def test_events_are_chosen_by_amplitudes_names(
    settings: dict, name: str, skipped: str | None
) -> None:
    assert Importing(**settings).reads(event_type=name).skipped == skipped


@pytest.mark.parametrize(
    ("old", "new"),
    [("Old", "New"), ("[Amplitude] Page Viewed", "Page"), ("n" * 300, "short")],
)
def test_an_event_is_renamed(old: str, new: str) -> None:
    (event,) = Importing(rename_events={old: new}).reads(event_type=old).events
    assert event.body["event"] == event.name == new
    assert event.body["properties"]["$amplitude_event_name"] == old


def test_nothing_is_known_to_a_mapping_but_what_it_is_told() -> None:
    importing = Importing()
    importing.reads(device_id="d1")
    importing.known = Remembering()
    assert kinds(importing.walks(a_record(device_id="d1"))) == ["link", "event"]
