"""How times and other columns are declared, and how times are written, for loaders of all kinds."""

from __future__ import annotations

import json
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st
from singer_sdk.helpers._flattening import flatten_schema
from tap_amplitude.timestamps import in_rfc3339

from tests.tap_amplitude.running import MONDAY, Sandbox, row
from tests.tap_amplitude.taking import batch_config, run_and_take

TIMES = {  # restated: the columns that are times
    "client_event_time",
    "client_upload_time",
    "event_time",
    "processed_time",
    "server_received_time",
    "server_upload_time",
    "user_creation_time",
}
RFC_3339 = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
LINES = [
    row(MONDAY, n, **dict.fromkeys(TIMES - {"user_creation_time"}, f"2024-01-01 10:00:0{n}.500000"))
    for n in range(3)
]


@pytest.fixture
def archive(tmp_path):
    (tmp_path / "in").mkdir()
    (tmp_path / "in" / "1_2024-01-01_0#1.json").write_bytes(b"\n".join(LINES))
    return str(tmp_path / "in")


def properties(output):
    return output.of_type("SCHEMA")[0]["schema"]["properties"]


CHOICES = [{}, *({"timestamps": choice} for choice in ("date-time", "rfc3339", "text"))]


@pytest.mark.parametrize("choice", CHOICES)
def test_times_are_declared_as_chosen(sandbox, archive, choice):
    found = properties(sandbox.run(archive_path=archive, **choice))
    declared = {name for name, column in found.items() if column.get("format") == "date-time"}
    assert declared == (set() if choice == {"timestamps": "text"} else TIMES)
    assert all(found[name]["type"] == ["string", "null"] for name in TIMES)


@pytest.mark.parametrize("choice", [{}, {"timestamps": "date-time"}, {"timestamps": "text"}])
def test_rows_stay_as_they_are(sandbox, archive, choice):
    output = sandbox.run(archive_path=archive, **choice)
    assert output.raw_records == [line.decode() for line in LINES]


def test_rfc_3339_is_written_on_both_roads(sandbox, archive, tmp_path):
    options = {"archive_path": archive, "timestamps": "rfc3339"}
    records = sandbox.run(**options).records
    taken, _ = run_and_take(sandbox, batch_config=batch_config(tmp_path / "root"), **options)
    (content,) = taken.contents
    assert [json.loads(line) for line in content.split(b"\n") if line] == records
    for line, record in zip(LINES, records, strict=True):
        was = json.loads(line)
        assert {name for name in was if was[name] != record[name]} == TIMES - {"user_creation_time"}
        assert all(RFC_3339.fullmatch(record[name]) for name in TIMES if record[name])
        assert record["event_time"].replace("T", " ") == was["event_time"] + "Z"


def test_only_columns_change():
    line = b'{"event_time":"2024-01-01 10:00:00","p":{"event_time":"2024-01-01 10:00:00"},"n":1.0}'
    assert in_rfc3339(line) == line.replace(b"01 10:00:00", b"01T10:00:00Z", 1)


@given(
    st.dictionaries(
        st.sampled_from(sorted(TIMES)) | st.text(max_size=3),
        st.sampled_from(["2024-01-01T10:00:00Z", "soon", "", None, 7, {"event_time": "x"}]),
    )
)
def test_what_is_no_time_of_amplitudes_stays(columns):
    assert json.loads(in_rfc3339(json.dumps(columns).encode())) == columns


def test_no_column_becomes_text_for_being_a_union(sandbox, archive):
    found = properties(sandbox.run(archive_path=archive))
    unions = {name for name, column in found.items() if len({*column["type"]} - {"null"}) > 1}
    assert unions == {"amplitude_attribution_ids"}
    assert found["paying"]["type"] == ["boolean", "null"]
    assert found["sample_rate"]["type"] == ["number", "null"]


@pytest.mark.parametrize("depth", [0, 1, 3])
def test_the_sdks_flattening_keeps_every_column(sandbox, archive, depth):
    schema = sandbox.run(archive_path=archive).of_type("SCHEMA")[0]["schema"]
    flat = flatten_schema(schema, max_level=depth)
    assert {*flat["properties"]} == {*schema["properties"]}


@pytest.mark.parametrize("timestamps", ["rfc3339", "text"])
def test_flattened_rows_have_the_same_times(tmp_path, archive, timestamps):
    output = Sandbox(tmp_path).run(
        archive_path=archive,
        timestamps=timestamps,
        flattening_enabled=True,
        flattening_max_depth=1,
    )
    assert all(isinstance(record["event_properties"], str) for record in output.records)
    times = [record["event_time"] for record in output.records]
    assert all(bool(RFC_3339.fullmatch(time)) is (timestamps == "rfc3339") for time in times)
