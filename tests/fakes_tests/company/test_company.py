"""The generated export is what it says, and its truth is what a slow second reader finds."""

from __future__ import annotations

import re
from collections import Counter
from datetime import datetime, timedelta, timezone
from typing import Any

import orjson
import pytest

from demo import bundle
from tests.fakes.company import Company

# Restated on purpose from the rows Amplitude exports since 2023 (Amplitude docs, Export API).
COLUMNS = set(
    re.split(
        r"\s+",
        "$insert_id $insert_key $schema adid amplitude_attribution_ids amplitude_event_type "
        "amplitude_id app city client_event_time client_upload_time country data data_type "
        "device_brand device_carrier device_family device_id device_manufacturer device_model "
        "device_type dma event_id event_properties event_time event_type global_user_properties "
        "group_properties groups idfa ip_address is_attribution_event language library "
        "location_lat location_lng os_name os_version partner_id paying plan platform "
        "processed_time region sample_rate server_received_time server_upload_time session_id "
        "source_id start_version user_creation_time user_id user_properties uuid version_name",
    )
)
TIME = re.compile(r"\d{4}-\d\d-\d\d[ T]\d\d:\d\d:\d\d\.\d{6}")
DAY = timedelta(days=1)


@pytest.fixture(scope="module")
def company() -> Company:
    return Company()


@pytest.fixture(scope="module")
def rows(company) -> list[dict[str, Any]]:
    return [orjson.loads(line) for lines in company.hours().values() for line in lines]


def clean(value: Any) -> str | None:
    text = (value or "").strip()
    return None if text in ("", "null") else text


def ids(row: dict[str, Any]) -> tuple[str | None, str | None]:
    return clean(row["user_id"]), clean(row["device_id"])


def moment(row: dict[str, Any]) -> datetime:
    """When the row happened, for a reader who distrusts clocks that are off by more than a day."""
    received = datetime.fromisoformat(row["server_received_time"])
    for column in ("event_time", "client_event_time"):
        if row[column] is not None:
            found = datetime.fromisoformat(row[column])
            if datetime(2000, 1, 1) < found < received + DAY:  # noqa: DTZ001 - both without zone
                return found
    return received


def is_dead(row: dict[str, Any]) -> bool:
    nobody = not any((*ids(row), row["amplitude_id"]))
    name = row["event_type"] or ""
    return nobody or not 0 < len(name) <= 200 or len(orjson.dumps(row)) > 900_000


def test_the_same_seed_makes_the_same_export():
    assert Company(events=400).hours() == Company(events=400).hours()


def test_another_seed_makes_another_export():
    assert Company(seed=8, events=400).hours() != Company(seed=7, events=400).hours()


def test_the_export_has_as_many_lines_as_asked_for(company, rows):
    assert len(rows) == company.truth().lines == 5_000


def test_the_stream_yields_the_same_lines_as_the_hours(company):
    assert dict(company.stream()) == company.hours()


def test_the_bundled_export_is_the_one_the_generator_makes():
    assert bundle.read(bundle.BUNDLE) == bundle.sample_company().hours()


def test_the_bundled_export_is_small():
    assert bundle.BUNDLE.stat().st_size < 2_000_000


def test_every_row_has_the_documented_columns(rows):
    old = [row for row in rows if row["$schema"] == 12]
    known = [row.keys() - {"experiment_cohort"} for row in rows if row["$schema"] != 12]
    assert all(columns == COLUMNS for columns in known)
    assert old
    assert all(len(COLUMNS - row.keys()) == 6 for row in old)


def test_every_row_lies_in_the_hour_of_its_upload(company):
    for hour, lines in company.hours().items():
        for line in lines:
            uploaded = orjson.loads(line)["server_upload_time"]
            assert uploaded.startswith(f"{hour:%Y-%m-%d %H}:")


def test_times_are_written_as_amplitude_writes_them(rows):
    columns = [column for column in COLUMNS if column.endswith("_time")]
    times = [row[column] for row in rows for column in columns if row[column] is not None]
    assert all(TIME.fullmatch(text) for text in times)


def test_uuids_are_unique(rows):
    assert len({row["uuid"] for row in rows}) == len(rows)


def test_an_hour_stands_in_the_order_of_receipt_and_no_other(company):
    lines = company.hours()[datetime(2024, 3, 1, 12, tzinfo=timezone.utc)]
    rows = [orjson.loads(line) for line in lines]
    for column, is_sorted in (("server_received_time", True), ("event_time", False)):
        times = [row[column] or "" for row in rows]
        assert (times == sorted(times)) is is_sorted


def test_some_devices_deliver_hours_late(rows):
    late = [
        row
        for row in rows
        if datetime.fromisoformat(row["server_received_time"]) - moment(row) > timedelta(hours=2)
    ]
    assert len(late) > 50


def test_about_one_row_in_a_hundred_is_odd(rows):
    plain = {"event_type", "event_time", "user_id", "device_id", "amplitude_id", "$insert_id"}
    odd = [
        row
        for row in rows
        if is_dead(row)
        or None in [row[column] for column in plain - {"user_id"}]
        or row["user_id"] in ("", "null")
        or row["$schema"] == 12
        or "T" in row["event_time"]
        or {"deep", "token", "bigger"} & row["event_properties"].keys()
        or "experiment_cohort" in row
        or row["event_type"].startswith("$f")
        or moment(row).isoformat(" ", "microseconds") != row["event_time"]
        or row["user_id"] != clean(row["user_id"])
        or {"cohort", "campaign"} & row["groups"].keys()
    ]
    assert 0.01 * len(rows) < len(odd) < 0.02 * len(rows)


def test_no_more_than_one_row_is_oversize(rows):
    assert sum(len(orjson.dumps(row)) > 900_000 for row in rows) == 1


def test_addresses_and_mails_are_from_the_blocks_kept_for_documentation(rows):
    assert {row["ip_address"].rpartition(".")[0] for row in rows} <= {"203.0.113", "198.51.100"}
    mails = [(row["user_properties"] or {}).get("email") for row in rows]
    assert all(mail.endswith("@example.com") for mail in mails if mail)


# The truth, found again from the rows by a second reader. ------------------------------------


def test_the_truth_names_the_dead(company, rows):
    assert company.truth().dead.keys() == {row["uuid"] for row in rows if is_dead(row)}
    assert set(company.truth().dead.values()) == {
        "no_identity",
        "no_event_name",
        "event_name_too_long",
        "event_too_large",
    }


def test_the_truth_counts_events_by_name(company, rows):
    operations = ("$identify", "$groupidentify")
    alive = [row for row in rows if not is_dead(row) and row["event_type"] not in operations]
    assert company.truth().events == {row["uuid"] for row in alive}
    assert company.truth().events_by_name == Counter(row["event_type"] for row in alive)
    assert company.truth().identifies
    assert company.truth().group_identifies


def test_the_truth_gives_each_device_its_first_user(company, rows):
    owners: dict[str, str] = {}
    conflicts = set()
    for user, device in (ids(row) for row in rows if not is_dead(row)):
        if user and device and owners.setdefault(device, user) != user:
            conflicts.add((device, user))
    assert company.truth().owners == owners
    assert company.truth().conflicts == conflicts
    assert company.truth().links == len(owners)
    assert conflicts


def test_the_truth_knows_who_stayed_anonymous(company, rows):
    known: set[int] = set()
    devices: set[str] = set()
    bare: set[str] = set()
    for row in (row for row in rows if not is_dead(row)):
        user, device = ids(row)
        if user:
            known.add(row["amplitude_id"])
        elif row["amplitude_id"] not in known:
            (devices if device else bare).add(device or f"amplitude:{row['amplitude_id']}")
    assert company.truth().anonymous == (devices - company.truth().owners.keys()) | bare


def test_the_truth_keeps_the_newest_properties_of_each_user(company, rows):
    users: dict[int, str] = {}
    people: dict[str, dict[str, Any]] = {}
    for row in (row for row in rows if not is_dead(row)):
        user, _ = ids(row)
        if user:
            users.setdefault(row["amplitude_id"], user)
        who = user or users.get(row["amplitude_id"])
        if who and row["event_type"] != "$identify" and row["user_properties"] is not None:
            plain = row["user_properties"].items()
            people.setdefault(who, {}).update(
                {key: value for key, value in plain if not key.startswith("initial_")}
            )
    assert company.truth().people == people


def test_people_change_over_time(company, rows):
    counts = {
        (row["user_id"], row["user_properties"]["login_count"])
        for row in rows
        if "login_count" in (row["user_properties"] or {})
    }
    assert len(counts) > 2 * len(company.truth().people)


def test_the_truth_keeps_the_newest_properties_of_each_group(company, rows):
    groups: dict[tuple[str, str], dict[str, Any]] = {}
    for row in (row for row in rows if not is_dead(row)):
        for group_type, keys in row["group_properties"].items():
            for key, properties in keys.items():
                groups.setdefault((group_type, key), {}).update(properties)
    assert company.truth().groups == groups


def test_there_are_more_group_types_than_posthog_links(company, rows):
    met = dict.fromkeys(name for row in rows if not is_dead(row) for name in row["groups"])
    assert company.truth().group_types == list(met)
    linked = {key for key in company.truth().groups if key[0] in list(met)[:5]}
    assert company.truth().linked_groups.keys() == linked
    assert linked < company.truth().groups.keys()


def test_the_truth_counts_sessions_that_have_an_event(company, rows):
    operations = ("$identify", "$groupidentify")
    assert company.truth().sessions == {
        (ids(row)[1], row["session_id"])
        for row in rows
        if not is_dead(row) and row["event_type"] not in operations and row["session_id"] > 0
    }
