"""A Mixpanel project into an Amplitude project over HTTP: once, twice, and in another order."""

from __future__ import annotations

import io
import json
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest
from analytics_records.mixpanel.columns import KEYS, schema
from target_amplitude.target import TargetAmplitude

from tests.examples import first_of
from tests.fakes.amplitude_batch import FakeAmplitudeBatch
from tests.target_amplitude.from_mixpanel.importing import ANON, AT_MS, a_row

PEOPLE = 25
CREATED_MS = 1_683_356_889_000  # 2023-05-06T07:08:09Z


def anon(number: int) -> str:
    return f"{number:08x}{ANON[8:]}"


def user(number: int) -> str:
    return f"user{number}@example.com"


def lives(mode: str) -> dict[str, list[dict[str, Any]]]:
    """Return the streams of a project: each person's visit before a login, and after it."""
    prefix = "$device:" if mode == "simplified" else ""
    made: dict[str, list[dict[str, Any]]] = {name: [] for name in KEYS}
    for number in range(PEOPLE):
        for step in range(4):
            of: dict[str, Any] = {"$device_id": anon(number), "distinct_id": prefix + anon(number)}
            if step >= 2:
                of |= {"$user_id": user(number), "distinct_id": user(number)}
            of["$insert_id"] = f"i{number}-{step}"
            row = a_row("Played", mode, uuid=f"{step:08}-0000-4000-8000-{number:012}", **of)
            made["events"].append(_at(row, 100 * step + number))
        if mode == "original":
            row = a_row(
                "$identify", mode, uuid=f"99999999-0000-4000-8000-{number:012}",
                **{"$identified_id": user(number), "$anon_id": anon(number)},
            )  # fmt: skip
            made["identities"].append(_at(row, 150 + number))
        properties = {"$email": user(number), "n": number, "$created": "2023-05-06T07:08:09"}
        made["profiles"].append({
            "distinct_id": user(number), "read_at": "2024-03-02T00:00:00.000Z",
            "properties": properties,
        })  # fmt: skip
    made["group_profiles"].append({
        "group_key": "company", "group_id": "acme", "read_at": "2024-03-02T00:00:00.000Z",
        "properties": {"Size": 3},
    })  # fmt: skip
    made["events"].sort(key=lambda row: (row["time"], row["uuid"]))
    made["events"] += made["identities"]
    return made


def _at(row: dict[str, Any], seconds: int) -> dict[str, Any]:
    row["time"] = f"2024-03-01T10:{seconds // 60:02}:{seconds % 60:02}.000Z"
    row["properties"]["time"] = AT_MS + seconds * 1000
    return row


def messages(mode: str) -> bytes:
    said: list[dict[str, Any]] = [
        {"type": "SCHEMA", "stream": name, "schema": schema(name), "key_properties": list(key)}
        for name, key in KEYS.items()
    ]
    said += [
        {"type": "RECORD", "stream": name, "record": row}
        for name, of in lives(mode).items()
        for row in of
    ]
    said.append({"type": "STATE", "value": {"done": True}})
    return b"".join(json.dumps(each).encode() + b"\n" for each in said)


def run(folder: Path, amplitude: FakeAmplitudeBatch, sent: bytes, **config: Any) -> None:
    files = {
        "ledger_url": f"sqlite:///{folder / 'ledger.sqlite3'}",
        "dead_letter_path": str(folder / "dead.singer"),
        "report_path": str(folder / "report.json"),
        "status_path": str(folder / "status.json"),
        "reports_path": str(folder / "reports"),
        "max_in_flight": 4,
    }
    target = TargetAmplitude(
        config={"api_key": amplitude.api_key, "base_url": amplitude.url, **files, **config}
    )
    target.listen(io.BytesIO(sent))


@pytest.mark.parametrize("mode", ["simplified", "original"])
@pytest.mark.parametrize("processes", first_of([0, 2]))
def test_everybody_is_whom_mixpanel_says_and_nothing_comes_twice(
    tmp_path: Path, mode: str, processes: int
) -> None:
    with FakeAmplitudeBatch() as amplitude:
        for _ in range(2):
            run(tmp_path, amplitude, messages(mode), processes=processes)
        rows = amplitude.rows()
        played = [each for each in rows if each["event_type"] == "Played"]
        assert len(played) == 4 * PEOPLE
        assert amplitude.violations == []
        for number in range(PEOPLE):
            mine = [each for each in played if each["device_id"] == anon(number)]
            assert len(mine) == 4
            assert {each["person"] for each in mine} == {user(number)}
            person = amplitude.user(user(number))
            assert person is not None
            assert person.properties["email"] == person.shown["email"] == user(number)
            assert person.first_used == CREATED_MS
            after = [each for each in mine if each["user_id"] is not None]
            assert all(each["user_properties"]["n"] == number for each in after)
        created = [each for each in rows if each["event_type"] == "Mixpanel User Created"]
        assert len(created) == PEOPLE
        assert amplitude.groups() == {("company", "acme"): {"Size": 3}}
        assert amplitude.orders()[0]["event_type"] == "$groupidentify"
    assert not (tmp_path / "dead.singer").exists()


def test_a_run_repeated_a_month_later_doubles_nothing(tmp_path: Path) -> None:
    """Amplitude knows an event again for seven days; the ledger's list does for good."""
    now = [datetime(2024, 4, 1, tzinfo=timezone.utc)]
    with FakeAmplitudeBatch(now=lambda: now[0]) as amplitude:
        for _ in range(2):
            run(tmp_path, amplitude, messages("simplified"), transaction_event="Paid")
            now[0] += timedelta(days=30)
        assert len(amplitude.stored()) == (4 + 1) * PEOPLE  # and the creation events
        assert len(amplitude.arrivals) == len(amplitude.stored()) + len(amplitude.orders())
    report = json.loads((tmp_path / "report.json").read_text())
    assert "delivered_before" in json.dumps(report)
