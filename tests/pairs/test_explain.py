"""`explain` over all pairs: every field that is sent has its origin, and it is the true one.

What is true is found without the tables: a column is taken out of the row, all of it is walked
again, and a field that changes must name the column. What is sent is what a service received.
"""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import orjson
import pytest
from singer_delivery.cli import explain_pages
from singer_delivery.cli.explaining import Explained, Explainer, Known

from tests.destinations import DESTINATIONS, Destination
from tests.end_to_end.commands import Command
from tests.fakes.company import Company
from tests.mixpanel_people.export import Export
from tests.mixpanel_people.runs import PROJECTS, TO_ORIGINAL, TO_POSTHOG, Project, messages
from tests.singer_delivery.toys import PlayedClock
from tests.targets.settings import ACCOUNT, KEY, PROJECT, TOKEN

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

KEYS = {"posthog": KEY, "mixpanel": {**TOKEN, **ACCOUNT}, "amplitude": PROJECT}
each_destination = pytest.mark.parametrize("destination", DESTINATIONS, ids=str)
each_project = pytest.mark.parametrize("project", PROJECTS, ids=str)

ORDERS = {
    "event": "Order Placed",
    "distinct_id": "customer",
    "anonymous_id": "visitor",
    "timestamp": "at",
    "groups": {"firm": {"key": "firm", "properties": "firm_is"}},
    "person": {"properties": "customer_is"},
}
STREAMS = {
    "orders": ORDERS,
    "chosen": {**ORDERS, "properties": ["total"]},
    "nested": {**ORDERS, "properties": "about"},
    "people": {"person": "id", "timestamp": "at", "anonymous_id": "visitor"},
    "firms": {"group": "firm", "key": "id", "properties": "about"},
}
ROWS = {
    "orders": {
        "id": 1, "customer": "ann", "visitor": "v1", "at": "2024-05-01T10:00:00Z", "firm": "f1",
        "firm_is": {"size": 3}, "customer_is": {"plan": "pro"}, "total": 9.5, "$ip": "1.2.3.4",
        "about": {"colour": "red", "$browser": "x"}, "_sdc_batched_at": "2024-05-01", "none": None,
    },
    "people": {"id": "ann", "at": "2024-05-01T10:00:00Z", "visitor": "v1", "plan": "pro"},
    "firms": {"id": "f1", "about": {"size": 3}, "other": 1},
}  # fmt: skip


def target(name: str, **settings: Any) -> Any:
    destination = next(each for each in DESTINATIONS if each.name == name)
    return destination.plugin(config={**KEYS[name], **settings})


def explainer(name: str, stream: str = "events", **settings: Any) -> Explainer:
    return Explainer(target(name, **settings), Known(), stream)


def company_rows(count: int, seed: int = 7) -> list[bytes]:
    hours = Company(seed, events=max(count, 100), hours=4).hours()
    return [line for lines in hours.values() for line in lines][:count]


def walked(of: Explainer, lines: Sequence[bytes]) -> Iterator[Explained]:
    for line in lines:
        found = of.line(line)
        if found is not None:
            yield found
            explain_pages.page(found)
            json.dumps(explain_pages.as_json(found))


def missing(of: Explainer, lines: Sequence[bytes]) -> set[tuple[str, str]]:
    """Return stream and path of each field that nothing explains."""
    found = set()
    is_sent = False
    for each in walked(of, lines):
        fields = [field for said in each.events for field in said.fields]
        found |= {(each.stream, field.path) for field in fields if field.origin is None}
        is_sent |= bool(each.events)
    assert is_sent
    return found


@each_destination
def test_every_field_of_the_company_s_rows_is_explained(destination):
    assert missing(explainer(destination.name), company_rows(300)) == set()


@pytest.mark.slow
@each_destination
@pytest.mark.parametrize("seed", [1, 2, 3])
def test_every_field_of_many_rows_is_explained(destination, seed):
    assert missing(explainer(destination.name), company_rows(2_000, seed)) == set()


OTHERS = {
    "posthog": [
        {"link_identities": "identify", "person_properties": "set_once"},
        {"person_profiles": "identified_only", "group_types": ["nothing"], "send_ip": False},
    ],
    "mixpanel": [
        {"identity_merge": "original", "geolocate_ip": True},
        {"user_properties_on_events": True, "group_keys": {"organization": "firm"}},
    ],
    "amplitude": [{"skip_user_properties_sync": False}, {"user_created_event": "Signed Up"}],
}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "settings"),
    [(name, each) for name, all_of in OTHERS.items() for each in all_of],
)
def test_every_field_is_explained_under_other_settings(name, settings):
    assert missing(explainer(name, **settings), company_rows(300)) == set()


@each_project
@pytest.mark.parametrize("system", ["simplified", pytest.param("original", marks=pytest.mark.slow)])
def test_every_field_of_a_mixpanel_export_is_explained(project, system):
    export = Export(seed=1, users=20, system=system)
    lines = [line for stream in messages(export) for line in stream]
    found = explainer(project.destination.name, **project.settings)
    assert missing(found, lines) == set()


@each_project
def test_whose_rows_these_are_is_known(project):
    export = Export(seed=1, users=3)
    lines = [line for stream in messages(export) for line in stream]
    of_mixpanel = explainer(project.destination.name, **project.settings)
    assert {each.guide.vendor for each in walked(of_mixpanel, lines)} == {"Mixpanel"}
    of_amplitude = explainer(project.destination.name)
    assert {each.guide.vendor for each in walked(of_amplitude, company_rows(3))} == {"Amplitude"}
    orders = explainer(project.destination.name, "orders", streams=STREAMS)
    (of_nobody,) = walked(orders, [orjson.dumps(ROWS["orders"])])
    assert of_nobody.guide.vendor == ""


@each_destination
@pytest.mark.parametrize("stream", STREAMS)
def test_every_field_of_a_named_stream_is_explained(destination, stream):
    row = orjson.dumps(ROWS.get(stream, ROWS["orders"]))
    found = explainer(destination.name, stream, streams={stream: STREAMS[stream]})
    assert missing(found, [row]) == set()


# The true origin -------------------------------------------------------------------------------

ROW = {
    "user_id": "u1", "device_id": "d1", "amplitude_id": 1, "app": 7, "event_type": "Bought",
    "uuid": "5a1c1c1e-0c7f-4d3c-9a53-3a3a3a3a3a3a", "$insert_id": "i1", "session_id": 1709287200000,
    "event_time": "2024-03-01 10:00:00.000000", "client_event_time": "2024-03-01 10:00:00.000000",
    "server_upload_time": "2024-03-01 10:00:05.000000", "platform": "iOS", "os_name": "ios",
    "os_version": "17.1", "device_brand": "Apple", "device_model": "iPhone 12", "country": "Spain",
    "region": "Madrid", "city": "Madrid", "language": "Spanish", "ip_address": "1.2.3.4",
    "device_family": "Apple iPhone", "device_type": "Apple iPhone", "version_name": "3.2",
    "location_lat": 1.5, "location_lng": 2.5, "idfa": "f", "library": "lib", "start_version": "1",
    "event_properties": {"$revenue": 5.0, "$price": 2.5, "colour": "red", "$ip": "x", "title": "t"},
    "user_properties": {"plan": "pro", "email": "a@example.com"}, "groups": {"firm": ["f1"]},
    "unheard_of": 1,
}  # fmt: skip

MIXPANEL_ROW = {
    "event": "$mp_web_page_view", "uuid": "5a1c1c1e-0c7f-4d3c-9a53-3a3a3a3a3a3a",
    "time": "2024-03-01T10:00:00.000Z", "day": "2024-03-01", "session_start": None,
    "identity_merge": "simplified",
    "properties": {
        "time": 1709287200, "distinct_id": "u1", "$user_id": "u1", "$device_id": "d1",
        "$insert_id": "i1", "$browser": "Chrome", "$browser_version": 120, "$os": "Windows",
        "$current_url": "https://example.com/a?b=c", "$city": "Madrid", "$region": "Madrid",
        "mp_country_code": "ES", "current_page_title": "A", "$host": "example.com",
        "$initial_referrer": "https://example.org", "colour": "red", "amount": 9.5, "company": "c1",
        "$screen_height": 900, "mp_lib": "web", "$lib_version": "2.1", "$import": True,
    },
}  # fmt: skip


def bodies(of: Explained) -> dict[str, dict[str, Any]]:
    """Return the fields of each kind of event, by their path."""
    return {said.event.kind: {each.path: each.value for each in said.fields} for said in of.events}


def without(row: Mapping[str, Any], name: str) -> dict[str, Any]:
    """Return a row without a column, or without a property in one of its objects."""
    head, _, rest = name.partition(".")
    if not rest:
        return {key: value for key, value in row.items() if key != head}
    return {**row, head: {key: value for key, value in row[head].items() if key != rest}}


def names_in(row: Mapping[str, Any]) -> list[str]:
    inner = [f"{n}.{key}" for n, of in row.items() if isinstance(of, dict) for key in of]
    return [*row, *inner]


def is_named(name: str, columns: Sequence[str]) -> bool:
    """Tell whether a column, or a property of an object, is among those that a field names."""
    bare = name.removeprefix("properties.")
    heads = {each.partition(".")[0] for each in columns}
    known = {*columns, *(each.removeprefix("row.") for each in columns)}
    is_whole = any(each.startswith((f"{name}.", f"{bare}.")) for each in columns)
    return (
        name in known or bare in known or is_whole or name.partition(".")[0] in heads & {*columns}
    )


def wrong_origins(
    name: str, row: Mapping[str, Any], unless: set[str], **settings: Any
) -> list[str]:
    """Return fields that hang on a column which they do not name."""
    whole = explainer(name, **settings).line(orjson.dumps(row))
    found = []
    for column in names_in(row):
        if column in unless:
            continue
        try:
            less = explainer(name, **settings).line(orjson.dumps(without(row, column)))
        except Exception:  # noqa: BLE001 - no export any more
            continue
        after = bodies(less)
        for said in whole.events:
            of = after.get(said.event.kind)
            if of is None:
                continue
            for each in said.fields:
                columns = each.origin.columns
                if of.get(each.path) != each.value and not is_named(column, columns):
                    found.append(f"{said.event.kind} {each.path}: {column} not in {columns}")
    return found


IDS = {"user_id", "device_id", "user_properties", "event_type", "event_properties", "uuid"}
"""Columns without which a record is another person's, or another event."""


@each_destination
def test_a_field_names_the_columns_that_it_hangs_on(destination):
    assert wrong_origins(destination.name, ROW, IDS | {"platform"}) == []


MIXPANEL_IDS = {
    "event", "properties", "identity_merge", "properties.distinct_id", "properties.$user_id",
    "properties.$device_id", "uuid",
}  # fmt: skip


@each_project
def test_a_field_of_a_mixpanel_row_names_the_columns_that_it_hangs_on(project):
    name = project.destination.name
    assert wrong_origins(name, MIXPANEL_ROW, MIXPANEL_IDS, **project.settings) == []


# What is sent ----------------------------------------------------------------------------------


def received(fake: Any) -> list[dict[str, Any]]:
    """Return the events and updates in the requests that a service got, without keys."""
    found: list[dict[str, Any]] = []
    for exchange in fake.journal:
        body = exchange.body
        text = gzip.decompress(body) if body[:2] == b"\x1f\x8b" else body
        said = json.loads(text)
        if isinstance(said, dict):
            said = said.get("batch") or said.get("events") or []
        found += [{k: v for k, v in each.items() if k != "$token"} for each in said]
    return found


def as_sent(explained: Explained) -> list[dict[str, Any]]:
    return [json.loads(orjson.dumps(said.body)) for said in explained.events]


def ordered(events: Sequence[Mapping[str, Any]]) -> list[str]:
    return sorted(json.dumps(each, sort_keys=True) for each in events)


def sent_by_the_target(
    destination: Destination, lines: Sequence[bytes], folder: Path, patch: Any, **settings: Any
) -> list[dict[str, Any]]:
    with destination.open(keep_bodies=True) as fake:
        config = {**destination.settings(fake), **settings}
        command = Command(destination.plugin, folder, config, patch, PlayedClock())
        ended = command.run(b"".join(line + b"\n" for line in lines), processes=0)
        assert ended.code == 0, ended.log
        return received(fake)


@each_destination
def test_what_is_explained_is_what_the_target_sends(destination, tmp_path, monkeypatch):
    rows = [orjson.dumps(ROW), *company_rows(40)[::13]]
    for number, row in enumerate(rows):
        columns = {name: {} for name in orjson.loads(row)}
        schema = orjson.dumps(
            {
                "type": "SCHEMA",
                "stream": "events",
                "schema": {"properties": columns},
                "key_properties": [],
            }
        )
        message = b'{"type":"RECORD","stream":"events","record":%b}' % row
        folder = tmp_path / str(number)
        folder.mkdir()
        sent = sent_by_the_target(destination, [schema, message], folder, monkeypatch)
        with destination.open() as fake:
            plugin = destination.plugin(config=destination.settings(fake))
            explained = Explainer(plugin, Known(), "events").line(row)
        assert ordered(as_sent(explained)) == ordered(sent)


@pytest.mark.parametrize("project", [TO_POSTHOG, TO_ORIGINAL], ids=str)
def test_what_is_explained_of_an_export_is_what_the_target_sends(
    project: Project, tmp_path, monkeypatch
):
    streams = messages(Export(seed=1, users=4))
    lines = [line for stream in streams for line in stream[:2]]
    with project.destination.open(
        group_keys=("company",), keep_bodies=True, **project.options
    ) as fake:
        config = {**project.destination.settings(fake), **project.settings}
        command = Command(project.destination.plugin, tmp_path, config, monkeypatch, PlayedClock())
        ended = command.run(b"".join(line + b"\n" for line in lines), processes=0)
        assert ended.code == 0, ended.log
        sent = received(fake)
        plugin = project.destination.plugin(config=config)
    explainer = Explainer(plugin, Known(), "events")
    explained = [each for line in lines if (each := explainer.line(line)) is not None]
    said = [event for each in explained for event in as_sent(each)]
    assert ordered(said) == ordered(sent)
