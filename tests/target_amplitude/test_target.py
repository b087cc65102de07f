"""The target's command over HTTP: what arrives in which order, and what it says."""

from __future__ import annotations

import json
from typing import Any

import orjson
import pytest
from singer_delivery.sdk.source_project import with_source_project
from target_amplitude.target import TargetAmplitude

from tests.destinations.amplitude import AMPLITUDE, KEY
from tests.end_to_end.commands import Command
from tests.pairs.walk import a_record
from tests.singer_delivery.toys import PlayedClock

COLUMNS = {name: {} for name in (*a_record(), "device_id", "$insert_id", "amplitude_id",
                                 "user_properties", "groups", "group_properties")}  # fmt: skip


@pytest.fixture
def service():
    with AMPLITUDE.open() as fake:
        yield fake


@pytest.fixture
def command(service, tmp_path, monkeypatch):
    return Command(
        TargetAmplitude, tmp_path, AMPLITUDE.settings(service), monkeypatch, PlayedClock()
    )


def feed(*rows: dict[str, Any], source: str = "another project's key") -> bytes:
    schema = with_source_project({"properties": COLUMNS}, "amplitude", source)
    messages = [
        {"type": "SCHEMA", "stream": "events", "schema": schema, "key_properties": ["uuid"]},
        *({"type": "RECORD", "stream": "events", "record": each} for each in rows),
    ]
    return b"".join(orjson.dumps(each) + b"\n" for each in messages)


def row(number: int, **fields: Any) -> dict[str, Any]:
    uuid = f"{number:08x}-1111-4111-8111-111111111111"
    return a_record(uuid=uuid, device_id=f"d{number % 7}", **fields)


def test_a_ledger_that_cannot_be_used_costs_no_request(service, command, tmp_path) -> None:
    (tmp_path / "taken").mkdir()
    ended = command.run(feed(row(1)), ledger_url=f"sqlite:///{tmp_path / 'taken'}")
    assert ended.code == 1
    assert "The ledger cannot be used" in ended.log
    assert service.questions == []


def test_a_refused_key_ends_the_run_in_order(service, command) -> None:
    ended = command.run(feed(row(1)), api_key="f" * 32)
    assert ended.code == 1
    assert "Check `api_key`" in command.report["outcome"]
    assert len(service.questions) == 1
    assert command.run(feed(row(1))).code == 0


def test_what_is_true_now_comes_after_all_events_and_the_creation_last(service, command) -> None:
    rows = [row(n, user_id=f"u{n % 3}", user_properties={"n": n}) for n in range(40)]
    assert command.run(feed(*rows), user_created_event="User Created").code == 0
    arrived = in_order(service)
    kinds = [name for name, _ in arrived]
    assert kinds == ["Played"] * 40 + ["$identify"] * 3 + ["User Created"] * 3
    requests = {name: {number for of, number in arrived if of == name} for name in {*kinds}}
    assert max(requests["Played"]) < min(requests["$identify"])
    assert max(requests["$identify"]) < min(requests["User Created"]), "after the 200 of the others"
    assert service.violations == []
    shown = [service.user(f"u{n}").properties for n in range(3)]
    assert shown == [{"n": 39}, {"n": 37}, {"n": 38}]


def test_a_group_is_acknowledged_before_the_first_event_of_its_block(service, command) -> None:
    firm = {"groups": {"firm": ["acme"]}, "group_properties": {"firm": {"acme": {"seats": 5}}}}
    rows = [row(n) for n in range(10)] + [row(10, **firm)]
    assert command.run(feed(*rows)).code == 0
    arrived = in_order(service)
    assert arrived[0][0] == "$groupidentify"
    assert all(request > arrived[0][1] for _, request in arrived[1:])


def test_a_second_run_sends_nothing_again_even_a_year_later(service, command) -> None:
    rows = [row(n, user_properties={"n": 1}) for n in range(20)]
    assert command.run(feed(*rows)).code == 0
    sent = len(in_order(service))
    command.clock.sleep(365 * 86_400)
    ended = command.run(feed(*rows))
    assert (ended.code, len(in_order(service))) == (0, sent)
    assert command.report["streams"]["events"]["skipped"] == {"delivered_before": 20}


def test_a_project_is_not_copied_into_itself(service, command) -> None:
    ended = command.run(feed(row(1), source=KEY))
    assert ended.code == 1
    assert "The rows come from the very Amplitude project that the target writes to" in ended.log
    assert in_order(service) == []
    assert KEY not in ended.log


def test_where_nothing_tells_the_project_a_warning_says_so(command) -> None:
    assert "Nothing says whether the rows come" in command.run(feed(row(1), source="")).log
    assert "Nothing says whether" not in command.run(feed(row(2))).log


def test_a_dry_run_says_whose_events_are_and_what_they_earn(command, tmp_path) -> None:
    paid = {"$revenue": 2.5}
    rows = [
        *(
            row(n, user_id="secret-ann", event_type="Order", event_properties=paid)
            for n in range(3)
        ),
        *(row(n, user_id=None) for n in range(3, 5)),
    ]
    ended = command.run(feed(*rows), dry_run=True, output_path=str(tmp_path / "out"))
    assert ended.code == 0, ended.log
    assert (
        "Events by their ids: 2 with a device alone, 3 with a user and a device; in all 1 users "
        "and 5 devices."
    ) in ended.log
    assert "The busiest id has 3 events of one day." in ended.log
    assert "Revenue, whatever its currency: 7.50 of `Order`." in ended.log
    assert "secret-ann" not in ended.log


def test_that_groups_need_the_add_on_is_said_once(command) -> None:
    of = {"groups": {"company": ["Acme"]}, "group_properties": {"company": {"Acme": {"size": 5}}}}
    ended = command.run(feed(row(1, user_id="u", **of), row(2, user_id="u", **of)))
    assert ended.code == 0, ended.log
    assert ended.log.count("the Accounts add-on alone") == 1
    assert "Accounts" not in command.run(feed(row(3, user_id="u"))).log


def test_a_dry_run_says_what_counts_to_the_volume(service, command, tmp_path) -> None:
    rows = [row(n, user_id="u1", user_properties={"n": n}) for n in range(5)]
    output = tmp_path / "dry.jsonl"
    ended = command.run(
        feed(*rows), dry_run=True, user_created_event="Created", output_path=str(output)
    )
    assert (
        "6 events would count to the volume of the Amplitude project: 5 of the records" in ended.log
    )
    written = [json.loads(line)["event"] for line in output.read_text().splitlines()]
    assert len(written) == 7
    assert in_order(service) == []


def test_the_first_type_of_event_beyond_what_is_shown_is_a_warning(
    command, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("target_amplitude.catalogue.MOST_EVENT_TYPES", 3)
    ended = command.run(feed(*(row(n, event_type=f"Type {n % 5}") for n in range(20))))
    assert "types of events were sent" in ended.log
    assert command.report["notes"]["event_type_over_2000"] == 8


def in_order(service: Any) -> list[tuple[str, int]]:
    """Return the name of whatever arrived, with the number of its request."""
    return [(each["event_type"], each["request"]) for each in service.arrivals]
