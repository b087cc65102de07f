"""The generator is what it says: Mixpanel's rules, all kinds of rows, a truth one can reach."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from datetime import date

import pytest

from tests.fakes.company.rows import Dice
from tests.mixpanel_people import export as exports
from tests.mixpanel_people.calls import DAY, HOUR, MINUTE, Call, Upload
from tests.mixpanel_people.export import Export
from tests.mixpanel_people.identities import (
    FULL,
    MERGED_ALREADY,
    NOT_A_UUID,
    VERBS,
    Ids,
    Original,
    Simplified,
    ids_of,
)
from tests.mixpanel_people.judge import faults, judge
from tests.mixpanel_people.mixpanel import Mixpanel
from tests.mixpanel_people.reader import Reader
from tests.mixpanel_people.truth import NOBODY, Who
from tools.connectors import ROOT, projects

SYSTEMS = ("simplified", "original")
ANN, BOB = Who("user", "ann"), Who("user", "bob")
A, B = "aaaaaaaa-aaaa-4aaa-8aaa-aaaaaaaaaaaa", "bbbbbbbb-bbbb-4bbb-8bbb-bbbbbbbbbbbb"

each_system = pytest.mark.parametrize("system", SYSTEMS)


def ids(user=None, device=None, distinct_id=None) -> Ids:
    return ids_of({"$user_id": user, "$device_id": device, "distinct_id": distinct_id})


# Simplified ID Merge --------------------------------------------------------------------------


def simplified(*events: Ids) -> list[Who]:
    """Whom events count for in the end."""
    people = Simplified()
    for each in events:
        people.take(each)
    return [people.who(each) for each in events]


def test_an_event_with_both_ids_links_the_device_for_past_and_future():
    found = simplified(ids(None, "D"), ids("ann", "D"), ids(None, "D"), ids(None, "E"))
    assert found == [ANN, ANN, ANN, Who("device", "E")]


def test_a_device_stays_its_first_users():
    found = simplified(ids("ann", "D"), ids(None, "D"), ids("bob", "D"), ids(None, "D"))
    assert found == [ANN, ANN, BOB, ANN]


def test_a_user_has_many_devices():
    assert simplified(ids("ann", "D"), ids("ann", "E"), ids(None, "E")) == [ANN] * 3


@pytest.mark.parametrize(
    ("sent", "who", "stored"),
    [
        (ids(distinct_id="ann"), ANN, "ann"),
        (ids(distinct_id="$device:D"), Who("device", "D"), "$device:D"),
        (ids(device="$device:D"), Who("device", "D"), "$device:D"),
        (ids(user="ann", device="D", distinct_id="else"), ANN, "ann"),
        (ids(device="D", distinct_id="else"), Who("device", "D"), "$device:D"),
        (ids(distinct_id=""), NOBODY, None),
        (ids(), NOBODY, None),
        (ids(user="null", device="D"), Who("device", "D"), "$device:D"),
        (ids(user=7), Who("user", "7"), "7"),
    ],
)
def test_ids_are_derived_as_mixpanel_does(sent, who, stored):
    people = Simplified()
    people.take(sent)
    assert (people.who(sent), people.ingested(sent)) == (who, stored)


# Original ID Merge ----------------------------------------------------------------------------


@pytest.fixture
def original() -> Original:
    return Original(users={"ann": None, "bob": None})


def identify(user: str, anonymous: str) -> dict[str, str]:
    return {"$identified_id": user, "$anon_id": anonymous}


def test_identify_joins_an_anonymous_id_once(original):
    assert original.link("$identify", identify("ann", A)) is None
    assert original.link("$identify", identify("ann", B)) is None
    assert original.link("$identify", identify("ann", A)) is None  # nothing is new
    assert original.link("$identify", identify("bob", A)) == MERGED_ALREADY
    assert [original.who(ids(distinct_id=each)) for each in (A, B, "bob")] == [ANN, ANN, BOB]


def test_identify_takes_only_uuids(original):
    assert original.link("$identify", identify("ann", "visitor-1")) == NOT_A_UUID
    assert original.who(ids(distinct_id="visitor-1")) == Who("device", "visitor-1")


def test_alias_and_merge_join_any_two(original):
    alias = {"distinct_id": "visitor-1", "alias": "ann"}
    assert original.link("$create_alias", alias) is None
    assert original.who(ids(distinct_id="visitor-1")) == ANN
    assert original.link("$merge", {"$distinct_ids": ["ann", "bob"]}) is None
    assert original.who(ids(distinct_id="bob")) in (ANN, BOB)
    assert len(original.clusters) == 1


def test_a_cluster_has_500_ids(original):
    for number in range(499):
        assert original.link("$merge", {"$distinct_ids": ["ann", f"x{number}"]}) is None
    assert original.link("$merge", {"$distinct_ids": ["ann", "one more"]}) == FULL


def test_user_and_device_of_an_event_join_nothing(original):
    event = ids("ann", A, "ann")
    original.take(event)
    assert original.who(ids(distinct_id=A)) == Who("device", A)


# Sessions -------------------------------------------------------------------------------------


def sessions(zone: str, *moments: int) -> list[int]:
    """Numbers of the sessions of events of one device."""
    project = Mixpanel(Dice(1), "simplified", None, zone, readings=False)
    calls = [Call(name="Opened", at=at, ids={"$device_id": "D"}) for at in moments]
    project.take(Upload(max(moments), calls))
    found = [due.session for due in project.truth().events.values()]
    return [list(dict.fromkeys(found)).index(each) for each in found]


def test_a_session_ends_after_half_an_hour_and_at_midnight():
    noon, half = 20_000 * DAY + 12 * HOUR, 30 * MINUTE
    assert sessions("UTC", noon, noon + half, noon + 2 * half + 1) == [0, 0, 1]
    assert sessions("UTC", noon + 12 * HOUR - 1, noon + 12 * HOUR) == [0, 1]
    assert sessions("America/New_York", noon + 12 * HOUR - 1, noon + 12 * HOUR) == [0, 0]
    assert sessions("Asia/Kolkata", noon + 390 * MINUTE - 1, noon + 390 * MINUTE) == [0, 1]


# The export -----------------------------------------------------------------------------------


@pytest.fixture(scope="module", params=SYSTEMS)
def export(request) -> Export:
    return Export(seed=3, users=80, system=request.param)


@pytest.fixture(scope="module")
def rows(export) -> list[dict]:
    return [json.loads(line) for line in export.lines()]


@pytest.mark.parametrize("seed", [1, 2, 3])
@each_system
def test_its_truth_can_be_read_from_it(system, seed):
    export = Export(seed, users=100, system=system)
    read = Reader(system).read(export.lines(), export.profiles)
    assert faults(judge(read.held(export.truth), export.truth)) == {}


@each_system
def test_another_reading_changes_nobody(system):
    export = Export(seed=5, users=60, system=system, readings=True)
    first, second = (export.lines(reading=reading) for reading in (1, 2))
    assert len(second) > len(first)
    assert any(b"$distinct_id_before_identity" in line for line in second)
    assert not any(b"$distinct_id_before_identity" in line for line in first)
    read = Reader(system).read(second, export.profiles)
    assert faults(judge(read.held(export.truth), export.truth)) == {}


@each_system
def test_a_first_reading_shows_all_that_was_taken_before(system):
    """Else it would show the second login of a device without the first."""
    export = Export(seed=6, users=30, system=system, readings=True)
    taken = sorted(export.rows, key=lambda row: row.properties["$mp_api_timestamp_ms"])
    late: set[str] = set()
    for row in taken:
        device = row.properties.get("$device_id")
        assert row.appears == 2 or device not in late
        late |= {device} if row.appears == 2 else set()
    assert len(late) > 2
    assert not late & {profile.distinct_id for profile in export.profiles}


def test_it_has_rows_of_every_kind(export, rows):
    names = Counter(row["event"] for row in rows)
    for name in ("$mp_web_page_view", "$mp_click", "$ae_first_open", "$hotshard_events"):
        assert names[name], name
    assert all(names[verb] for verb in VERBS) == (export.system == "original")
    shapes = [set(row["properties"]) for row in rows]
    for name in ("$distinct_id_before_identity", "company", "amount", "$import", "mp_lib"):
        assert any(name in shape for shape in shapes), name
    assert any("$insert_id" not in shape for shape in shapes)
    assert any("distinct_id" not in shape for shape in shapes)
    assert any(row["properties"].get("distinct_id") == "" for row in rows)
    shown = [str(row["properties"].get("distinct_id")) for row in rows]
    assert any(each.startswith("$device:") for each in shown) == (export.system == "simplified")
    failed = sum("$failure_reason" in shape for shape in shapes)
    assert (failed > 2) == (export.system == "original")


def test_rows_come_twice_late_and_odd(export, rows):
    serials = Counter(row["properties"]["serial"] for row in rows)
    assert any(count > 1 for count in serials.values())
    late = [r for r in rows if _lag(r["properties"]) > DAY and "$import" not in r["properties"]]
    assert late
    odd = {type(row["properties"]["odd"]) for row in rows if "odd" in row["properties"]}
    assert {int, float, str, bool, dict, list, type(None)} <= odd
    assert any("\u2028" in json.dumps(row, ensure_ascii=False) for row in rows)
    assert any(isinstance(row["properties"].get("distinct_id"), int) for row in rows)
    assert {type(row["properties"]["time"]) for row in rows} == {int, float, str}


def _lag(properties: dict) -> float:
    return properties["$mp_api_timestamp_ms"] - float(properties["time"])


def test_people_share_devices_and_have_several(export):
    truth = export.truth
    assert len(truth.shared) > 3
    assert max(Counter(truth.owners.values()).values()) > 1
    kinds = Counter(due.who.kind for due in truth.events.values())
    assert kinds["user"] > kinds["device"] > 10
    assert kinds["nobody"] > 3
    assert any(due.times == 2 for due in truth.events.values())


def test_profiles_are_of_canonical_ids(export):
    shown = {profile.distinct_id for profile in export.profiles}
    if export.system == "original":
        assert len(shown - export.truth.users) > 5  # anonymous ids stand for people
    else:
        assert {who.id for who in export.truth.states if who.kind == "user"} <= shown
    (groups,) = export.group_profiles.values()
    assert {group.distinct_id for group in groups} == {key for _, key in export.truth.groups}


@each_system
def test_a_seed_makes_the_same_everywhere(system):
    """Also where hashes of text differ from process to process."""
    made = (
        "from tests.mixpanel_people.export import Export\n"
        f"export = Export(4, users=20, system={system!r})\n"
        "import hashlib, sys\n"
        "text = b''.join(export.lines()) + repr(export.profiles).encode()\n"
        "sys.stdout.write(hashlib.sha256(text).hexdigest())\n"
    )
    digests = {
        subprocess.run(
            [sys.executable, "-c", made],
            cwd=ROOT,
            env={"PYTHONHASHSEED": seed},
            check=True,
            capture_output=True,
        ).stdout
        for seed in ("1", "2")
    }
    assert len(digests) == 1
    other = Export(5, users=20, system=system)
    assert Export(4, users=20, system=system).lines() != other.lines()


def test_an_old_project_has_the_clock_on_its_wall():
    new, old = (Export(3, users=40, zone=zone) for zone in (None, "US/Pacific"))
    assert {row.at for row in new.rows} == {row.at for row in old.rows}
    offsets = {(row.time - row.at) // HOUR for row in old.rows}
    assert offsets == {-8, -7}  # summer time begins within
    assert {due.at for due in old.truth.events.values()} == {
        due.at for due in new.truth.events.values()
    }


def test_files_hold_all_rows_and_profiles(tmp_path):
    export = Export(3, users=20)
    folder = export.write(tmp_path / "export", files=3)
    lines: Counter[bytes] = Counter()
    for path in folder.glob("export-*"):
        body = path.read_bytes()
        packed = path.suffix == ".gz"
        lines.update((gzip.decompress(body) if packed else body).split(b"\n")[:-1])
    assert lines == Counter(export.lines(reading=9))
    people = (folder / "people.jsonl").read_bytes().splitlines()
    assert {json.loads(line)["$distinct_id"] for line in people} == {
        profile.distinct_id for profile in export.profiles
    }


def test_days_are_those_of_the_project():
    export = Export(3, users=20, scenes=())
    assert export.days[0] == exports.START.date() == date(2025, 3, 6)
    assert sum(len(export.lines(day)) for day in export.days) == len(export.lines())


def test_it_stands_on_nothing_that_it_tests():
    ours = {project.package for project in projects()}
    made = (
        "import sys, tests.mixpanel_people.export, tests.mixpanel_people.reader\n"
        "sys.stdout.write(' '.join(sys.modules))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", made], cwd=ROOT, check=True, capture_output=True, text=True
    )
    assert not ours & {name.partition(".")[0] for name in run.stdout.split()}
