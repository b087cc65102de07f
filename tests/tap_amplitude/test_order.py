"""The order key of a row, and rows put in order in memory and on disk."""

from __future__ import annotations

import json
import random
import stat
from datetime import timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from singer_delivery.tap.errors import SpoolUnwritable
from singer_delivery.tap.sorting import Rows, Sorter, are_in_order
from tap_amplitude.order import key_of, keys_of

from tests.tap_amplitude.ordering import in_order
from tests.tap_amplitude.running import MONDAY, row

TIMES = [
    "2024-01-01 10:00:00.000000",
    "2024-01-01 10:00:00.000001",
    "2024-01-01T10:00:00.000000",
    "2024-01-01 09:59:59.999999",
    None,
    "",
    "soon",
    7,
]


def line_of(**columns):
    return json.dumps(columns).encode()


rows = st.builds(
    line_of,
    server_upload_time=st.sampled_from(TIMES),
    event_time=st.sampled_from(TIMES),
    event_id=st.none() | st.integers(-3, 3) | st.sampled_from([2**63, -(2**65), "x"]),
    uuid=st.none() | st.sampled_from("abc"),
    place=st.integers(),
    event_properties=st.fixed_dictionaries({"event_id": st.integers()}),
)


@given(st.lists(rows))
def test_rows_order_by_their_documented_key_and_keep_their_place_within_it(lines):
    keys = keys_of(lines)
    pairs = sorted(zip(keys, lines, strict=True), key=lambda pair: pair[0])
    assert [line for _, line in pairs] == in_order(lines)
    assert are_in_order(keys) is (in_order(lines) == lines or sorted(keys) == keys)


@given(st.lists(rows))
def test_a_key_is_that_of_the_row_whatever_rows_are_beside_it(lines):
    assert keys_of(lines) == [key_of(line) for line in lines]


@pytest.mark.parametrize(
    ("text", "instant"),
    [
        ("2024-01-01 10:00:00.5", "2024-01-01 10:00:00.500000"),
        ("2024-01-01 10:00:00.1234567", "2024-01-01 10:00:00.123456"),
        ("2024-01-01 10:00:00", "2024-01-01 10:00:00.000000"),
        ("2024-01-01T10:00:00Z", "2024-01-01 10:00:00.000000"),
        ("2024-01-01T10:00:00.12345Z", "2024-01-01 10:00:00.123450"),
        ("2024-01-01 10:00:00.12345Z", "2024-01-01 10:00:00.123450"),
        ("2024-01-01T10:00:00.25+02:00", "2024-01-01 08:00:00.250000"),
        ("0001-01-01T00:00:00+02:00", ""),
        ("0001-01-01T00:00:00", "0001-01-01 00:00:00.000000"),
    ],
)
def test_other_forms_of_time_compare_as_instants(text, instant):
    assert key_of(line_of(server_upload_time=text)).server_upload_time == instant


@pytest.mark.parametrize("number", ["7", 7.0, " 7 "])
def test_a_number_is_read_however_it_is_written(number):
    assert key_of(line_of(event_id=number)) == key_of(b'{"event_id":7}')


@pytest.mark.parametrize("number", ["seven", True, 7.5, [7], {}, None])
def test_what_is_no_number_comes_before_any(number):
    assert key_of(line_of(event_id=number)) == key_of(b"{}") < key_of(b'{"event_id":-9e18}')


def sort(folder, parts, run_bytes):
    sorter = Sorter(keys_of, folder, run_bytes)
    for part in parts:
        sorter.add(Rows(part, keys_of(part)))
    yield from (line for lines in sorter.blocks() for line in lines)
    sorter.close()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.lists(rows, min_size=1, max_size=9), min_size=1, max_size=9), st.data())
def test_any_rows_in_any_parts_are_sorted_in_any_memory(tmp_path, parts, data):
    run_bytes = data.draw(st.sampled_from([1, 500, 3000, 1_000_000]))
    everything = [line for part in parts for line in part]
    assert [*sort(tmp_path, parts, run_bytes)] == in_order(everything)
    assert {path.name for path in tmp_path.iterdir()} <= {"lock"}


@pytest.mark.parametrize("seed", range(3))
def test_long_runs_are_merged(tmp_path, seed):
    chance = random.Random(seed)
    lines = [row(MONDAY + timedelta(seconds=chance.randrange(99)), n) for n in range(3000)]
    chance.shuffle(lines)
    parts = [lines[at : at + 77] for at in range(0, len(lines), 77)]
    assert [*sort(tmp_path, parts, 200_000)] == in_order(lines)


def test_what_is_in_order_leaves_in_the_blocks_in_which_it_came(tmp_path):
    parts = [[row(MONDAY, number)] * 3 for number in range(4)]
    sorter = Sorter(keys_of, tmp_path)
    for part in parts:
        sorter.add(Rows(part, keys_of(part)))
    assert all(came is left for came, left in zip(parts, sorter.blocks(), strict=True))
    assert [*tmp_path.iterdir()] == []


def test_what_is_on_disk_is_its_owners_and_gone_at_the_end(tmp_path):
    sorter = Sorter(keys_of, tmp_path / "spool", run_bytes=1)
    lines = [row(MONDAY, 2), row(MONDAY, 1)]
    for line in lines:
        sorter.add(Rows([line], keys_of([line])))
    (runs,) = (tmp_path / "spool").glob("run-*/runs")
    assert stat.S_IMODE(runs.stat().st_mode) == 0o600
    assert stat.S_IMODE(runs.parent.stat().st_mode) == 0o700
    sorter.close()
    assert [*(tmp_path / "spool").glob("run-*")] == []


def test_a_disk_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "spool").write_text("a file")
    sorter = Sorter(keys_of, tmp_path / "spool", run_bytes=1)
    with pytest.raises(SpoolUnwritable, match="spool_dir"):
        sorter.add(Rows([b"{}"], keys_of([b"{}"])))
