"""The generator is what it says: Amplitude's rules, all kinds of rows, a truth one can reach."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from datetime import datetime, timedelta

import pytest

from tests.fakes.company.rows import Dice
from tests.people import reader
from tests.people.amplitude import Amplitude, Call, Upload, revenue_of
from tests.people.export import Export
from tests.people.ids import AmplitudeIds
from tests.people.judge import faults, judge
from tests.people.properties import OPERATIONS, Tables
from tests.people.reader import Reader, State
from tests.people.truth import Truth, Who
from tools.connectors import ROOT, projects


@pytest.fixture(scope="module")
def export() -> Export:
    return Export(seed=3, users=60)


@pytest.fixture(scope="module")
def rows(export) -> list[dict]:
    return [json.loads(line) for line in export.lines]


def read(export: Export) -> dict:
    return faults(judge(Reader().read(export.lines).held(export.truth), export.truth))


# Amplitude's ids: the examples of its page "Track unique users" ------------------------------

J, M, Z, D = "Jane", "Mary", "Zack", "David"


@pytest.mark.parametrize(
    ("events", "people"),
    [
        ([("A", None), ("B", None), ("B", None), ("C", None), ("A", None), ("C", None)], "122313"),
        ([("G", None), ("G", None), ("G", "John")], "111"),
        ([("K", Z), ("L", Z)], "11"),
        ([("R", J), ("R", None), ("R", M), ("R", None), ("R", None)], "11222"),
        ([("Y", D), ("Z", None), ("Z", D), ("Z", None)], "1211"),
    ],
    ids=["no user", "user after", "two devices", "two users", "merged"],
)
def test_amplitude_ids_are_those_of_amplitudes_own_examples(events, people):
    ids = AmplitudeIds()
    given = [ids.of(user, device) for device, user in events]
    numbers = {each: place for place, each in enumerate(dict.fromkeys(given))}
    due = dict.fromkeys(people)
    assert [numbers[each] for each in given] == [list(due).index(each) for each in people]


def test_an_anonymous_person_is_merged_into_the_user_it_turns_out_to_be():
    ids = AmplitudeIds()
    david = ids.of("David", "Y")
    anonymous = ids.of(None, "Z")
    assert ids.of("David", "Z") == david != anonymous
    assert ids.person(anonymous) == david


def test_two_users_are_never_merged():
    ids = AmplitudeIds()
    jane, mary = ids.of("Jane", "R"), ids.of("Mary", "R")
    assert (ids.person(jane), ids.person(mary)) == (jane, mary)


# Its tables -----------------------------------------------------------------------------------


def test_operations_do_what_the_identify_api_says():
    tables = Tables()
    for change in (
        {"$set": {"a": 1, "b": [1]}, "$setOnce": {"c": "first"}, "$add": {"n": 2}},
        {"$setOnce": {"c": "second"}, "$add": {"n": 3}, "$append": {"b": [2]}},
        {"$prepend": {"b": 0}, "$unset": {"a": "-"}, "$preInsert": {"x": [1]}},
        {"$postInsert": {"b": [2, 3]}, "$remove": {"x": [1]}},
    ):
        tables.apply("ada", change)
    assert tables.final("ada") == {"b": [0, 1, 2, 3], "c": "first", "n": 5, "x": []}
    tables.apply("ada", {"$clearAll": "-"})
    assert tables.final("ada") == {}


def test_null_removes_a_property_and_a_loss_without_a_sign_does_not_show():
    tables = Tables()
    tables.apply("ada", {"plan": "pro", "phone": "1"})
    tables.lose("ada", "plan")
    tables.apply("ada", {"phone": None})
    assert (tables.now["ada"], tables.final("ada")) == ({}, {"plan": "pro"})


def test_a_backfilled_row_counts_only_where_nothing_is_known():
    tables = Tables()
    tables.backfill("ada", {"plan": "old", "size": 1})
    tables.backfill("ada", {"plan": "older"})
    tables.apply("ada", {"plan": "pro"})
    tables.backfill("ada", {"plan": "old"})
    assert tables.final("ada") == {"plan": "pro", "size": 1}


@pytest.mark.parametrize(
    ("properties", "revenue"),
    [
        ({}, None),
        ({"$revenue": 5}, 5),
        ({"$price": 2, "$quantity": 3}, 6),
        ({"$price": 2}, 2),
        ({"$revenue": 5, "$price": 2}, 5),
        ({"$quantity": 3}, None),
    ],
)
def test_revenue_is_read_from_properties_alone(properties, revenue):
    assert revenue_of(properties) == revenue


def test_a_row_shows_the_table_at_its_receipt():
    amplitude = Amplitude(Dice(1))
    calls = [
        Call(name="Opened", at=1, user="ada", device="d-1", person={"plan": "pro"}),
        Call(name="Opened", at=2, user="ada", device="d-1", person={"plan": None}),
        Call(name="Opened", at=3, device="d-1"),
    ]
    shown = [json.loads(line) for line in amplitude.take(Upload(10_000_000, calls))]
    assert [row["user_properties"] for row in shown] == [{"plan": "pro"}, {"plan": None}, {}]
    assert len({row["amplitude_id"] for row in shown}) == 1
    assert [row["user_id"] for row in shown] == ["ada", "ada", None]


# The export -----------------------------------------------------------------------------------


def test_the_generator_and_the_judge_load_nothing_of_what_they_judge():
    packages = [each.package for each in projects()]
    code = (
        "import sys, tests.people.export, tests.people.judge, tests.people.reader;"
        f"print([name for name in {packages} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True)  # noqa: PLW1510 - what it says is looked at
    assert done.stdout == "[]\n", done.stderr


def test_a_seed_makes_the_same_export_and_another_seed_another_one():
    first, second, other = (Export(seed, users=15) for seed in (4, 4, 5))
    assert (first.lines, first.truth) == (second.lines, second.truth)
    assert first.lines != other.lines


def test_rows_stand_in_the_order_key(rows):
    keys = [
        (row["server_upload_time"], row["event_time"], row["event_id"], row["uuid"]) for row in rows
    ]
    uploads = Counter(row["server_upload_time"] for row in rows)
    assert keys == sorted(keys)
    assert max(uploads.values()) > 3


def test_about_one_device_in_seven_is_shared(export):
    share = len(export.truth.shared) / len(export.truth.owners)
    assert 0.1 < share < 0.2


def test_every_kind_of_row_is_there(rows, export):
    found = Counter(kind for row in rows for kind in _kinds(row))
    kinds = {
        "late", "backfilled", "null", "snapshot", "part", "nothing", "$identify", "$groupidentify",
        "number", "long number", "without Amplitude ID", "without device", "clock off",
        "anonymous", "keyless group", "two groups", "revenue", "session",
    }  # fmt: skip
    assert found.keys() >= kinds
    assert {name for row in rows for name in row["user_properties"]} >= {
        "$set", "$setOnce", "$unset", "$add", "$append", "$clearAll",
    }  # fmt: skip
    assert export.truth.dead.values()
    assert {due.who.kind for due in export.truth.events.values()} == {"user", "device", "amplitude"}


def _kinds(row):
    shown, groups = row["user_properties"], row["group_properties"]
    lag = _time(row["server_upload_time"]) - _time(row["event_time"])
    off = _time(row["client_upload_time"]) - _time(row["server_upload_time"])
    keys = list(row["groups"].values())
    return {
        kind
        for kind, holds in {
            "late": timedelta(days=1) < lag < timedelta(days=30),
            "backfilled": lag > timedelta(days=30),
            "clock off": abs(off) > timedelta(hours=1),
            "null": None in shown.values(),
            "snapshot": shown and not shown.keys() & set(OPERATIONS),
            "part": shown.keys() == {"city"},
            "nothing": not shown,
            row["event_type"]: True,
            "number": isinstance(row["user_id"], int),
            "long number": isinstance(row["user_id"], int) and row["user_id"] > 2**64,
            "without Amplitude ID": row["amplitude_id"] is None,
            "without device": row["device_id"] is None,
            "anonymous": row["user_id"] is None,
            "keyless group": any("name" in of for of in groups.values() if isinstance(of, dict)),
            "two groups": any(len(each) > 1 for each in keys),
            "revenue": "$revenue" in row["event_properties"],
            "session": row["session_id"] > 0,
        }.items()
        if holds
    }


def _time(text):
    return datetime.fromisoformat(text)


def test_an_hour_in_parts_has_each_row_once(export, tmp_path):
    folder = export.write(tmp_path / "export", parts=8)
    files = sorted(folder.iterdir())
    lines = [line for each in files for line in gzip.decompress(each.read_bytes()).splitlines()]
    assert Counter(lines) == Counter(export.lines)
    assert len(files) == 8 * len(export.hours)
    assert {each.name.partition("#")[2] for each in files} >= {"627.json.gz", "70.json.gz"}


# Its truth can be reached from its rows ---------------------------------------------------------


@pytest.mark.parametrize("seed", range(1, 5))
def test_the_rules_lead_from_the_rows_to_the_truth(seed):
    assert read(Export(seed, users=60)) == {}


def test_rows_known_by_their_amplitude_id_are_counted(export):
    truth = export.truth
    assert 0 < truth.known < sum(due.is_anonymous for due in truth.events.values())


def test_without_the_order_of_receipt_the_rules_lead_elsewhere(export):
    shuffled = Export(seed=3, users=60)
    shuffled.lines = Dice(1).shuffled(shuffled.lines)
    wrong = read(shuffled)
    assert wrong["wrong owners"].wrong > 0
    assert wrong["stale properties"].wrong > 0


def _by_device(_, user, device, amplitude_id):
    if user is not None:
        return Who("user", user)
    return Who("amplitude", str(amplitude_id)) if device is None else Who("device", device)


def _as_a_whole(self, properties, place):
    if not reader.is_call(properties):
        self.values.clear()
    APPLY(self, properties, place)


def _snapshots_alone(self, properties, place):
    if not reader.is_call(properties):
        APPLY(self, properties, place)


APPLY = State.apply


@pytest.mark.parametrize(
    ("owner", "name", "other", "fault"),
    [
        (Reader, "_who", _by_device, "anonymous rows at another person"),
        (State, "apply", _as_a_whole, "lost properties"),
        (State, "apply", _snapshots_alone, "stale properties"),
        (State, "inherit", lambda *_: None, "lost properties"),
        (reader, "_is_backfilled", lambda _: False, "stale properties"),
        (reader, "is_nobody", lambda text: not text, "anonymous rows at another person"),
    ],
    ids=["amplitude_id", "part", "calls", "inherit", "backfill", "nobody"],
)
def test_no_rule_can_be_left_out(export, monkeypatch, owner, name, other, fault):
    monkeypatch.setattr(owner, name, other)
    assert read(export)[fault].wrong > 0


def test_the_truth_of_nothing_is_nothing():
    assert judge(Reader().held(Truth()), Truth())["people too many or too few"] == (0, 0, ())
