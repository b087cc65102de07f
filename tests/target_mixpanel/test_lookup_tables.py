"""Lookup tables: from rows to CSV on disk to a table of the project.

Limits and types are restated from Mixpanel docs, "Replace Lookup Table".
"""

from __future__ import annotations

import csv
import gzip
import io
import json
import stat
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from singer_delivery.endpoint import Judgement, Reply, Verdict
from singer_delivery.errors import SettingsError, StorageError
from singer_delivery.io.transport import Transport
from singer_delivery.model import Effects, RecordMapping, Unmappable
from target_mixpanel.account import Account
from target_mixpanel.endpoint import LookupTableEndpoint
from target_mixpanel.lookup_tables import MAX_TABLE_BYTES, WAITS, LookupTable, csv_line
from target_mixpanel.settings import MappingSettings
from target_mixpanel.streams import Streams, table_ids

from tests.examples import examples
from tests.fakes.http.server import DropConnection, LoseReply
from tests.fakes.mixpanel import RATE_LIMITED, FakeMixpanel
from tests.fakes.mixpanel.lookup import CALLS_LIMIT
from tests.target_mixpanel.sending import request_of

TABLE = "1a2b3c4d-0000-4000-8000-00000000000a"
SECRET = "service-secret-1"
Row = Mapping[str, Any]


def table_in(folder: Path, *columns: str, **options: Any) -> LookupTable:
    table = LookupTable("songs", TABLE, folder / "0.csv.gz", **options)
    table.expect(columns or ("title", "id"), ["id"])
    return table


@pytest.fixture
def table(tmp_path: Path) -> Iterator[LookupTable]:
    table = table_in(tmp_path)
    yield table
    table.close()


def take_line(
    table: RecordMapping, line: bytes, *, is_message: bool = False
) -> list[tuple[str, str | None]]:
    """Give a table a row as JSON, as a run does; return what is counted."""
    effects = Effects()
    observation = table.observe(line, is_message=is_message)
    decision = table.decide(observation, {}, effects)
    assert (decision.sends, decision.skipped) == (False, None)
    assert effects == Effects(notes=effects.notes, is_gathered=True)
    return [tuple(note) for note in effects.notes]


def keep(table: RecordMapping, *rows: Row) -> None:
    for row in rows:
        take_line(table, json.dumps(row).encode())


def written(table: LookupTable) -> list[list[str]]:
    """The lines of the table's CSV, as Python reads them."""
    assert table.event() is not None
    text = gzip.decompress(table._path.read_bytes()).decode()
    return list(csv.reader(io.StringIO(text, newline=""), strict=True))


def service_account(mixpanel: FakeMixpanel) -> Account:
    known = mixpanel.credentials
    return Account(mixpanel.url, known.token, known.project_id, known.username, known.secret)


@pytest.fixture
def mixpanel() -> Iterator[FakeMixpanel]:
    with FakeMixpanel(lookup_tables={TABLE: "Songs"}, keep_bodies=True) as mixpanel:
        yield mixpanel


@pytest.fixture
def transport() -> Iterator[Transport]:
    transport = Transport("target-mixpanel/test")
    yield transport
    transport.close()


def replaced(mixpanel: FakeMixpanel, transport: Transport, table: LookupTable) -> Judgement:
    """Send a table over HTTP and return what the endpoint makes of the reply."""
    event = table.event()
    assert event is not None
    endpoint = LookupTableEndpoint(service_account(mixpanel), TABLE, table._path)
    assert endpoint.name == event.endpoint
    return endpoint.judge(transport.send(request_of(endpoint, event)), 1)


# The table ----------------------------------------------------------------------------------


def test_the_key_is_the_first_column_and_rows_stay_in_their_order(table):
    keep(table, {"id": "b", "title": "Beta"}, {"id": "a", "title": "Alpha"})
    assert written(table) == [["id", "title"], ["b", "Beta"], ["a", "Alpha"]]


def test_the_last_row_of_a_key_wins_in_the_place_of_the_first(table):
    keep(table, {"id": 1, "title": "old"}, {"id": 2, "title": "two"}, {"id": "1", "title": "new"})
    assert written(table) == [["id", "title"], ["1", "new"], ["2", "two"]]


@pytest.mark.parametrize(
    ("value", "cell", "typed"),
    [
        ("plain", "plain", "plain"),
        ('say "hi"', 'say "hi"', 'say "hi"'),
        ("two\nlines", "two\nlines", "two\nlines"),
        ("a\r\nb", "a\r\nb", "a\r\nb"),
        ("a\rb", "a\rb", "a\rb"),
        ("comma, semi;", "comma, semi;", "comma, semi;"),
        (" spaces ", " spaces ", " spaces "),
        ("żółć 🦆", "żółć 🦆", "żółć 🦆"),
        (True, "true", True),
        (False, "false", False),
        (9.5, "9.5", 9.5),
        (-3, "-3", -3),
        (0, "0", 0),
        (["a", 'b"c'], '["a","b\\"c"]', ["a", 'b"c']),
        ({"a": 1}, '{"a":1}', '{"a":1}'),
    ],
)
def test_values_arrive_as_mixpanel_types_them(mixpanel, transport, table, value, cell, typed):
    keep(table, {"id": "k", "title": value})
    assert written(table)[1] == ["k", cell]
    assert replaced(mixpanel, transport, table) == Judgement(Verdict.DELIVERED)
    assert mixpanel.lookup_tables[TABLE].rows == {"k": {"title": typed}}


@pytest.mark.parametrize("row", [{"id": "k"}, {"id": "k", "title": None}, {"id": "k", "title": ""}])
def test_what_has_no_value_is_an_empty_cell(mixpanel, transport, table, row):
    keep(table, row)
    replaced(mixpanel, transport, table)
    assert mixpanel.lookup_tables[TABLE].rows == {"k": {}}


def test_columns_that_the_schema_does_not_have_and_those_of_singer_stay_away(tmp_path):
    table = table_in(tmp_path, "id", "_sdc_batched_at", "title")
    keep(table, {"id": "k", "title": "x", "more": 1, "_sdc_batched_at": "2024-01-01"})
    assert written(table) == [["id", "title"], ["k", "x"]]
    table.close()


def test_columns_that_the_schema_does_not_have_are_counted(table):
    line = b'{"id": "k", "title": "x", "more": 1, "_sdc_x": 1, "_fivetran_synced": 2}'
    assert take_line(table, line) == [("lookup_column_not_in_schema", "songs.more")]
    assert take_line(table, b'{"id": "k", "title": "x"}') == []


@settings(max_examples=examples(60), deadline=None)
@given(st.lists(st.lists(st.text(st.characters(codec="utf-8")), min_size=1), min_size=1))
def test_any_text_is_read_from_csv_as_it_was_written(rows):
    text = b"".join(map(csv_line, rows)).decode()
    assert list(csv.reader(io.StringIO(text, newline=""), strict=True)) == rows


@pytest.mark.parametrize("row", [{"id": None}, {"id": ""}])
def test_a_row_with_an_empty_key_is_a_dead_letter(table, row):
    with pytest.raises(Unmappable, match="no_key: column `id` is empty"):
        keep(table, row)
    assert table.event() is None


def test_a_row_without_its_key_is_a_dead_letter(table):
    with pytest.raises(Unmappable, match="missing_key: it has no column `id`"):
        keep(table, {"title": "Rosebud"})
    assert table.event() is None


def test_a_row_that_nests_too_deep_is_a_dead_letter(table):
    line = b'{"id":"k","title":' + b"[" * 250 + b"]" * 250 + b"}"
    with pytest.raises(Unmappable, match="nested_too_deep"):
        take_line(table, line)


def test_a_row_comes_in_its_message_too(table):
    take_line(table, b'{"type":"RECORD","stream":"songs","record":{"id":"k"}}', is_message=True)
    assert written(table) == [["id", "title"], ["k", ""]]


def test_no_event_is_made_of_a_row(table):
    assert table.map({"id": "k"}, WAITS) == ((), ())


def test_an_empty_table_is_not_sent(table, tmp_path):
    assert table.event() is None
    assert not list(tmp_path.glob("*.gz"))


def test_the_event_says_what_the_table_holds_and_quotes_no_row(table):
    keep(table, {"id": "k", "title": "Rosebud"}, {"id": "l"})
    event = table.event()
    assert event.body == {"lookup_table": TABLE, "columns": ["id", "title"], "rows": 2}


@pytest.mark.parametrize("keys", [[], ["id", "title"]])
def test_a_table_needs_exactly_one_key(tmp_path, keys):
    table = LookupTable("songs", TABLE, tmp_path / "0.csv.gz")
    with pytest.raises(SettingsError, match=rf"'songs' .* exactly one key .* has {len(keys)}\."):
        table.expect(["id", "title"], keys)
    table.close()


def test_a_schema_that_grows_on_the_way_adds_its_columns(table):
    keep(table, {"id": "a", "title": "Alpha"})
    table.expect(["artist", "id", "title"], ["id"])
    keep(table, {"id": "b", "title": "Beta", "artist": "Bo"})
    assert written(table) == [["id", "title", "artist"], ["a", "Alpha", ""], ["b", "Beta", "Bo"]]


def test_a_schema_that_shrinks_on_the_way_leaves_the_column_empty_from_then_on(table):
    keep(table, {"id": "a", "title": "Alpha"})
    table.expect(["id"], ["id"])
    keep(table, {"id": "b"})
    assert written(table) == [["id", "title"], ["a", "Alpha"], ["b", ""]]


def test_a_key_that_changes_on_the_way_stops_the_run(table):
    with pytest.raises(SettingsError, match="its key property was `id` and became `title`"):
        table.expect(["id", "title"], ["title"])


def test_a_table_over_the_limit_is_refused_with_its_size(tmp_path):
    assert MAX_TABLE_BYTES == 100_000_000
    rows = [{"id": f"{number:03}", "title": "x" * 20} for number in range(10)]
    size = len(b"id,title\r\n") + 10 * len(b"000,xxxxxxxxxxxxxxxxxxxx\r\n")
    (tmp_path / "fits").mkdir()
    fits = table_in(tmp_path / "fits", limit=size)
    keep(fits, *rows)
    assert fits.event() is not None
    table = table_in(tmp_path, limit=size - 1)
    keep(table, *rows)
    with pytest.raises(SettingsError) as caught:
        table.event()
    assert f"{size:,} bytes" in str(caught.value)
    assert f"takes {size - 1:,}" in str(caught.value)
    assert TABLE in str(caught.value)
    assert "'songs'" in str(caught.value)
    fits.close()
    table.close()


def test_a_disk_that_does_not_take_the_rows_is_told_in_a_sentence(tmp_path):
    with pytest.raises(StorageError, match="rows of stream 'songs' could not be kept in"):
        LookupTable("songs", TABLE, tmp_path / "nowhere" / "0.csv.gz")
    table = table_in(tmp_path)
    table._rows.close()
    with pytest.raises(StorageError, match="free that disk, or set TMPDIR"):
        keep(table, {"id": "k"})


# The request --------------------------------------------------------------------------------


def test_the_request_puts_compressed_csv_in_the_name_of_the_service_account(tmp_path):
    account = Account("https://api.mixpanel.com", "token", "2195193", "importer", SECRET)
    path = tmp_path / "table.csv.gz"
    path.write_bytes(b"what lies there")
    request = LookupTableEndpoint(account, TABLE, path).request(b"{}")
    assert request.method == "PUT"
    assert request.url == f"https://api.mixpanel.com/lookup-tables/{TABLE}?project_id=2195193"
    assert request.body == b"what lies there"
    assert request.headers["Content-Type"] == "text/csv"
    assert request.headers["Content-Encoding"] == "gzip"
    assert request.headers["Authorization"] == account.authorization


@pytest.mark.parametrize("act", [LoseReply(), DropConnection(), RATE_LIMITED])
def test_a_table_whose_reply_is_lost_is_put_again(mixpanel, transport, table, act):
    keep(table, {"id": "k", "title": "x"})
    mixpanel.misbehave(act)
    assert replaced(mixpanel, transport, table).verdict is Verdict.RETRIABLE
    assert replaced(mixpanel, transport, table).verdict is Verdict.DELIVERED
    first, second = mixpanel.journal
    assert first.body == second.body
    assert mixpanel.lookup_tables[TABLE].rows == {"k": {"title": "x"}}


def test_the_hundredth_replacement_of_a_day_is_the_last_and_the_next_waits(
    mixpanel, transport, table
):
    keep(table, {"id": "k"})
    verdicts = [replaced(mixpanel, transport, table).verdict for _ in range(CALLS_LIMIT + 1)]
    assert verdicts == [Verdict.DELIVERED] * 100 + [Verdict.RETRIABLE]


def test_a_table_that_the_project_does_not_have_stops_the_run(transport, table):
    keep(table, {"id": "k"})
    with FakeMixpanel() as mixpanel:
        judgement = replaced(mixpanel, transport, table)
    assert judgement.verdict is Verdict.FATAL
    assert f"no lookup table {TABLE} (404)" in judgement.detail
    assert "Create it in Mixpanel first" in judgement.detail


def test_refused_rows_are_named_by_their_number_in_the_order_they_came(
    mixpanel, transport, tmp_path
):
    account = service_account(mixpanel)
    bad = b"id,title\r\na,1\r\n,2\r\nb,3\r\na,4\r\n"
    (tmp_path / "bad.csv.gz").write_bytes(gzip.compress(bad))
    endpoint = LookupTableEndpoint(account, TABLE, tmp_path / "bad.csv.gz")
    judgement = endpoint.judge(transport.send(endpoint.request(b"{}")), 1)
    assert judgement.verdict is Verdict.FATAL
    assert TABLE in judgement.detail
    assert "row 2: primary key is required and cannot be blank" in judgement.detail
    assert "row 4: invalid row: row indexes 1 and 4 have the same primary key" in judgement.detail
    assert "the header being row 0" in judgement.detail
    assert "Nothing of it was replaced" in judgement.detail


def test_a_table_too_large_for_mixpanel_stops_the_run(transport, table):
    keep(table, {"id": "k", "title": "x" * 100})
    with FakeMixpanel(lookup_tables={TABLE: "Songs"}, max_table_bytes=50) as mixpanel:
        judgement = replaced(mixpanel, transport, table)
    assert judgement.verdict is Verdict.FATAL
    assert "too large for Mixpanel (413)" in judgement.detail


@pytest.fixture
def endpoint(tmp_path: Path) -> LookupTableEndpoint:
    account = Account("https://api.mixpanel.com", "token", "1", "importer", SECRET)
    return LookupTableEndpoint(account, TABLE, tmp_path / "0.csv.gz")


@pytest.mark.parametrize("body", [b"", b"<html>wifi</html>", b"{}", b"[]", b'{"status":"error"}'])
def test_a_200_of_something_else_replaces_nothing(endpoint, body):
    judgement = endpoint.judge(Reply(200, body), 1)
    assert (judgement.verdict, judgement.reason) == (Verdict.RETRIABLE, "no Mixpanel reply")


@pytest.mark.parametrize("status", [400, 401, 403, 404, 405, 413])
def test_a_refusal_of_something_else_stops_the_run_and_names_the_host(endpoint, status):
    judgement = endpoint.judge(Reply(status, b"<html>service-secret-1</html>"), 1)
    assert judgement.verdict is Verdict.FATAL
    assert "api.mixpanel.com" in judgement.detail
    assert SECRET not in judgement.detail


@pytest.mark.parametrize(
    "answer",
    [
        {"error": "x", "failed_records": 7},
        {"error": "x", "failed_records": ["words"]},
        {"error": "x"},
    ],
)
def test_a_refusal_without_rows_repeats_what_mixpanel_says(endpoint, answer):
    reply = Reply(400, json.dumps({"code": 400, **answer}).encode())
    assert "(400): x." in endpoint.judge(reply, 1).detail


# The streams that replace tables ------------------------------------------------------------

SCHEMA = {"properties": {"id": {}, "title": {}}}


@pytest.fixture
def streams() -> Iterator[Streams]:
    named = {"songs": {"lookup_table": TABLE}, "bands": {"lookup_table": "bands-1"}}
    streams = Streams(named, MappingSettings(now=0))
    yield streams
    streams.close()


def test_rows_wait_in_a_folder_for_their_owner_alone_and_are_removed(streams):
    keep(streams.mapping_for("songs", SCHEMA, ["id"]), {"id": "k"})
    ((stream, event),) = streams.last_events()
    path = streams.table_paths()[TABLE]
    folder = path.parent
    assert (stream, event.name) == ("songs", TABLE)
    assert event.order == event.endpoint == f"/lookup-tables/{TABLE}"
    assert path.exists()
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    streams.close()
    assert not folder.exists()


def test_closing_twice_is_harmless(streams):
    streams.close()
    streams.close()


def test_only_tables_that_got_rows_are_replaced(streams):
    streams.mapping_for("songs", SCHEMA, ["id"])
    keep(streams.mapping_for("bands", SCHEMA, ["id"]), {"id": 1})
    assert [stream for stream, _ in streams.last_events()] == ["bands"]


def test_a_second_schema_goes_on_with_the_same_table(streams):
    keep(streams.mapping_for("songs", SCHEMA, ["id"]), {"id": 1, "title": "a"})
    wider = {"properties": {"id": {}, "title": {}, "year": {}}}
    later = {"id": 2, "title": "b", "year": 1999}
    keep(streams.mapping_for("songs", wider, ["id"]), later)
    ((_, event),) = streams.last_events()
    assert event.body["columns"] == ["id", "title", "year"]
    assert event.body["rows"] == 2


def test_no_folder_is_made_where_no_table_is_named(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    streams = Streams({"orders": {"person": "id"}}, MappingSettings(now=0))
    assert streams.table_paths() == {}
    assert list(streams.last_events()) == []
    streams.close()


def test_a_machine_without_a_folder_for_rows_is_told_of_it(monkeypatch, tmp_path):
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(StorageError, match="set TMPDIR"):
        Streams({"songs": {"lookup_table": TABLE}}, MappingSettings(now=0))


@pytest.mark.parametrize("table_id", ["", " ", "a/b", "../../etc", "a b", 'a"b', "x" * 65, "é"])
def test_an_id_that_is_none_is_refused_in_a_sentence(table_id):
    with pytest.raises(SettingsError, match="Stream 'songs' must be described as"):
        table_ids({"songs": {"lookup_table": table_id}})


def test_a_table_is_described_by_its_id_alone():
    with pytest.raises(SettingsError, match="Stream 'songs' must be described as"):
        table_ids({"songs": {"lookup_table": TABLE, "key": "id"}})


def test_two_streams_cannot_replace_the_same_table():
    named = {
        "songs": {"lookup_table": TABLE},
        "x": {"person": "id"},
        "hits": {"lookup_table": TABLE},
    }
    with pytest.raises(SettingsError, match=f"'songs' and 'hits' name the same .* {TABLE}"):
        table_ids(named)
