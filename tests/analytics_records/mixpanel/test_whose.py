"""Whose a row is, by Mixpanel's rules for projects with Simplified and with Original ID Merge."""

from __future__ import annotations

from typing import Any

import orjson
import pytest
from analytics_records.mixpanel.ids import Ids, looks_generated
from analytics_records.mixpanel.source import Mixpanel
from analytics_records.mixpanel.whose import Persons, Whom
from analytics_records.nobody import stands_for_nobody
from singer_delivery.mapping.ids import IdRules
from singer_delivery.model import Effects, Fact

from tests.analytics_records.mixpanel.rows import tapped
from tests.pairs.walk import Remembering

RULES = IdRules(stands_for_nobody, lambda text: text)
A_UUID = "18cf5f53-1f3a-4d0b-9a53-3a3a3a3a3a3a"
BEFORE = "__distinct_id_before_identity"
OF_THE_WEB = "186b2c1f0a1-0d2e3f4a5b6c7d-16525635-1fa400-186b2c1f0a2"


class Reading:
    """Rows that are read in order, with a memory."""

    def __init__(self, bare: Any = "auto") -> None:
        self.source, self.persons = Mixpanel("Elsewhere"), Persons(RULES, bare)
        self.known = Remembering()
        self.notes: list[str] = []

    def reads(self, event: str = "Played", mode: str | None = None, **properties: Any) -> Whom:
        whom, effects = self.looks(event, mode, **properties)
        self.known.learn(effects)
        self.notes = [note.name for note in effects.notes]
        return whom

    def looks(
        self, event: str = "Played", mode: str | None = None, **properties: Any
    ) -> tuple[Whom, Effects]:
        line = orjson.dumps(tapped(event, mode, **properties))
        seen, effects = self.source.observe(line, is_message=False), Effects()
        whom = self.persons.of(seen, self.known, effects)
        is_new = whom.own is not None and self.known.recall("user", whom.own) is None
        if is_new and not seen.is_verb:
            effects.claims.append(Fact("user", str(whom.own), "", *seen.since))  # as `Whose` does
        return whom, effects


@pytest.mark.parametrize(
    ("properties", "user", "device", "ingested"),
    [
        ({"__user_id": "ann", "__device_id": "d", "distinct_id": "ann"}, "ann", "d", "ann"),
        ({"__device_id": "d", "distinct_id": "$device:d"}, None, "d", "d"),
        ({"distinct_id": "$device:d"}, None, "d", "d"),
        ({"__device_id": "$device:d", "distinct_id": "$device:d"}, None, "d", "d"),
        # changed to ann when she logged in: the event came of the device
        ({"__device_id": "d", "distinct_id": "ann", BEFORE: "$device:d"}, "ann", "d", "d"),
        ({"distinct_id": "ann", BEFORE: "$device:d", "__user_id": "ann"}, "ann", "d", "d"),
        # from a server
        ({"distinct_id": "ann"}, "ann", None, "ann"),
        ({"distinct_id": A_UUID}, A_UUID, None, A_UUID),
        ({"__user_id": " ann ", "__device_id": "ann"}, "ann", None, "ann"),
        ({"__user_id": "null", "__device_id": "d", "distinct_id": "$device:d"}, None, "d", "d"),
        ({"__user_id": "ann", "__device_id": "0"}, "ann", None, "ann"),
        ({"distinct_id": ""}, None, None, ""),
        ({}, None, None, ""),
    ],
)  # fmt: skip
def test_in_a_project_with_simplified_id_merge(
    properties: dict[str, Any], user: str | None, device: str | None, ingested: str
) -> None:
    whom = Reading().reads(mode="simplified", **properties)
    assert (whom.user, whom.device, whom.ingested) == (user, device, ingested)


@pytest.mark.parametrize("mode", ["original", None])
def test_a_bare_id_is_a_user_s_by_its_form_in_doubt(mode: str | None) -> None:
    reading = Reading()
    assert reading.reads(mode=mode, distinct_id="ann@example.com").user == "ann@example.com"
    assert reading.notes == ["bare_id_taken_for_user"]
    for generated in (A_UUID, A_UUID.upper(), OF_THE_WEB):
        whom = reading.reads(mode=mode, distinct_id=generated)
        assert (whom.user, whom.device, whom.ingested) == (None, generated, generated)
        assert reading.notes == ["bare_id_taken_for_device"]


@pytest.mark.parametrize("text", ["AB-1234", "2024-03-01", "12345", "a-b-c-d-zz", "ann", "a-b-c-d"])
def test_ids_of_people_do_not_look_generated(text: str) -> None:
    assert not looks_generated(text)


def test_in_doubt_a_setting_can_say_it() -> None:
    assert Reading("user").reads(distinct_id=A_UUID).user == A_UUID
    assert Reading("device").reads(distinct_id="ann").device == "ann"


def test_a_bare_id_that_is_the_device_s_is_no_user() -> None:
    whom = Reading().reads(mode="simplified", distinct_id="d", __device_id="d")
    assert (whom.user, whom.device) == (None, "d")


def test_an_id_that_a_row_named_as_a_user_is_one_from_then_on() -> None:
    reading = Reading()
    before = reading.looks(distinct_id=A_UUID, at="2024-03-01T09:00:00.000Z")[0]
    reading.reads(__user_id=A_UUID, at="2024-03-01T09:30:00.000Z")
    assert before.user is None
    assert reading.looks(distinct_id=A_UUID, at="2024-03-01T09:00:00.000Z")[0] == before
    assert reading.looks(distinct_id=A_UUID, at="2024-03-01T09:40:00.000Z")[0].user == A_UUID


def test_a_login_says_whose_rows_are_that_came_before_it() -> None:
    reading = Reading()
    joined = reading.reads("$identify", "original", __identified_id="ann", __anon_id=A_UUID)
    assert (joined.user, joined.joined) == ("ann", (A_UUID,))
    early = {"mode": "original", "distinct_id": A_UUID, "at": "2024-01-01T09:00:00.000Z"}
    whom = reading.reads(**early)
    assert (whom.user, whom.device, whom.ingested) == ("ann", A_UUID, A_UUID)
    assert reading.notes == []


def test_a_canonical_id_that_is_a_device_s_is_its_user_s() -> None:
    reading = Reading()
    reading.reads("$identify", "original", __identified_id="ann", __anon_id=A_UUID)
    whom = reading.reads(mode="original", distinct_id=A_UUID, __user_id="ann", __device_id=A_UUID)
    assert (whom.user, whom.device, whom.ingested) == ("ann", A_UUID, "ann")
    before = {"distinct_id": A_UUID, "__distinct_id_before_identity": "ann"}
    whom = reading.reads(mode="original", **before)
    assert (whom.user, whom.ingested) == ("ann", "ann")


def test_several_users_of_one_cluster_are_the_first() -> None:
    reading = Reading()
    reading.reads("$identify", "original", __identified_id="ann", __anon_id="a1")
    later = {"__identified_id": "bob", "__anon_id": "b1", "at": "2024-03-01T10:00:00.001Z"}
    reading.reads("$identify", "original", **later)
    joined = reading.reads("$merge", "original", __distinct_ids=["b1", "a1"], __insert_id="m")
    assert (joined.user, joined.others) == ("ann", ("bob",))
    assert joined.joined == ("a1",), "what was bob's goes with him"
    assert reading.notes == ["several_user_ids"]
    for one in ("bob", "b1", "a1", "ann"):
        assert reading.reads(mode="original", distinct_id=one).user == "ann"
    whom = reading.reads(mode="original", __user_id="bob")
    assert (whom.user, whom.own, whom.ingested) == ("ann", "bob", "bob")
    assert reading.notes == ["several_user_ids"]


def test_a_user_whom_a_later_login_names_is_no_device_of_an_earlier_row() -> None:
    reading = Reading()
    reading.reads("$identify", "original", __identified_id="ann", __anon_id="a1")
    reading.reads("$identify", "original", __identified_id="bob", __anon_id="a1")
    early = {"distinct_id": "ann", BEFORE: "bob", "at": "2024-01-01T09:00:00.000Z"}
    whom = reading.reads(mode="original", **early)
    assert (whom.user, whom.device, whom.ingested) == ("ann", None, "bob")


def test_a_chain_of_aliases_gets_its_user_from_a_row() -> None:
    reading = Reading()
    reading.reads("$create_alias", "original", distinct_id="x-1", alias="x-2")
    joined = reading.reads("$create_alias", "original", distinct_id="x-2", alias="x-3")
    assert (joined.user, joined.joined) == (None, ())
    whom = reading.reads(mode="original", __user_id="ann", distinct_id="x-2")
    assert whom.user == "ann"
    assert {*whom.joined} == {"x-1", "x-2", "x-3"}
    assert reading.reads(mode="original", distinct_id="x-1").user == "ann"


def test_a_user_whom_a_row_named_before_is_the_user_of_a_later_cluster() -> None:
    reading = Reading()
    reading.reads(mode="original", __user_id="ann")
    joined = reading.reads("$create_alias", "original", distinct_id="a1", alias="ann")
    assert (joined.user, joined.joined) == ("ann", ("a1",))


def test_a_refused_row_joins_nothing() -> None:
    reading = Reading()
    refused = {"__identified_id": "ann", "__anon_id": "a1", "__failure_reason": "no uuid"}
    assert reading.reads("$identify", "original", **refused).user is None
    assert reading.reads(mode="original", distinct_id=A_UUID).user is None
    assert reading.known.of("cluster", "cluster_user", "cluster_ids") == {}


def test_to_read_rows_that_join_ids_again_changes_nothing() -> None:
    rows: list[dict[str, Any]] = [
        {"event": "$identify", "__identified_id": "ann", "__anon_id": "a1"},
        {"event": "$create_alias", "distinct_id": "b1", "alias": "b2"},
        {"event": "$merge", "__distinct_ids": ["b1", "a1"]},
        {"event": "$identify", "__identified_id": "cid", "__anon_id": "c1"},
        {"event": "$merge", "__distinct_ids": ["c1", "b2"]},
    ]
    rows = [{**row, "at": f"2024-03-01T10:0{number}:00.000Z"} for number, row in enumerate(rows)]
    reading = Reading()
    for row in rows:
        reading.reads(mode="original", **row)
    facts = dict(reading.known.facts)
    for row in rows:
        reading.reads(mode="original", **row)
    assert reading.known.facts == facts
    whose = {one: reading.reads(mode="original", distinct_id=one).user for one in ("b2", "c1")}
    assert whose == {"b2": "ann", "c1": "ann"}


@pytest.mark.parametrize("cut", range(6))
def test_links_of_a_run_that_was_cut_off_are_said_again(cut: int) -> None:
    # What a row says of clusters holds once its links are delivered; only claims hold before.
    rows: list[dict[str, Any]] = [
        {"event": "$create_alias", "distinct_id": "a1", "alias": "a2"},
        {"event": "$identify", "__identified_id": "ann", "__anon_id": "a2"},
        {"event": "$merge", "__distinct_ids": ["a1", "b1"]},
    ]
    cut_off = Reading()
    for number, row in enumerate(rows):
        _, effects = cut_off.looks(mode="original", **row)
        if number < cut:
            cut_off.known.learn(effects)
        else:
            cut_off.known.add(effects.claims)
    said = {one for row in rows for one in cut_off.reads(mode="original", **row).joined}
    never_cut = Reading()
    expected = {one for row in rows for one in never_cut.reads(mode="original", **row).joined}
    missing = expected - said
    assert not missing if cut < 2 else missing <= {"a1"}


def test_ids_are_read_by_what_the_destination_makes_of_them() -> None:
    notes: list[Any] = []
    rules = IdRules(stands_for_nobody, lambda text: text[:4])
    ids = Ids(rules).of("annabel", "$device:device", "ANONYMOUS", None, notes)
    assert (ids.user, ids.device, ids.bare) == ("anna", "devi", ())
    assert {note.name for note in notes} == {"long_id", "illegal_distinct_id"}
