"""The target as a whole, from Singer messages to what Mixpanel holds."""

from __future__ import annotations

import json
import signal
import tempfile

import pytest
from singer_delivery.errors import ServiceRefused, SettingsError

from tests.fakes.http.server import Hold, LoseReply, Reply
from tests.fakes.mixpanel import FakeMixpanel
from tests.target_mixpanel.running import (
    TIMEOUT,
    by_account,
    by_token,
    record,
    report_in,
    run,
    run_executable,
    schema,
    start_executable,
    state,
)

TABLE = "1a2b3c4d-0000-4000-8000-00000000000a"
STREAMS = {
    "orders": {"event": "Order Placed", "distinct_id": "customer", "timestamp": "at"},
    "users": {"person": "id"},
    "firms": {"group": "company", "key": "id"},
}
WITH_TABLE = {**STREAMS, "songs": {"lookup_table": TABLE}}
ORDERS = schema("orders", "id", "customer", "at", "total")
USERS = schema("users", "id", "plan")
FIRMS = schema("firms", "id", "size")
SONGS = schema("songs", "title", "id")
AT_MS = 1_767_225_600_000  # 2026-01-01T00:00:00Z


def order(number, **columns):
    return record("orders", id=number, customer="ann", at="2026-01-01T00:00:00Z", **columns)


def song(key, title):
    return record("songs", id=key, title=title)


@pytest.fixture
def mixpanel():
    with FakeMixpanel(group_keys=["company"], lookup_tables={TABLE: "Songs"}) as fake:
        yield fake


@pytest.fixture
def spool(tmp_path, monkeypatch):
    """The folder of temporary files, in which nothing may stay."""
    folder = tmp_path / "spool"
    folder.mkdir()
    monkeypatch.setenv("TMPDIR", str(folder))
    monkeypatch.setattr(tempfile, "tempdir", str(folder))
    return folder


def everything(mixpanel):
    return {**by_account(mixpanel), **by_token(mixpanel), "streams": WITH_TABLE}


# What arrives -------------------------------------------------------------------------------


def test_streams_become_events_people_groups_and_a_table(tmp_path, mixpanel, spool):
    ended = run_executable(
        tmp_path,
        everything(mixpanel),
        *(ORDERS, USERS, FIRMS, SONGS),
        order(1, total=9.5),
        record("users", id="ann", plan="pro"),
        record("firms", id="acme", size=3),
        song("s1", 'Say "hi", żółw'),
        song("s2", None),
        state(seen=5),
    )

    assert ended.code == 0, ended.log
    assert ended.states == [{"seen": 5}]
    (event,) = mixpanel.stored()
    assert (event["event"], event["distinct_id"], event["time"]) == ("Order Placed", "ann", AT_MS)
    assert event["properties"]["total"] == 9.5
    assert mixpanel.profiles()["ann"] == {"plan": "pro"}
    assert mixpanel.group_profiles()["company", "acme"] == {"size": 3}
    table = mixpanel.lookup_tables[TABLE]
    assert table.columns == ("id", "title")
    assert table.rows == {"s1": {"title": 'Say "hi", żółw'}, "s2": {}}
    assert not mixpanel.swallowed
    assert list(spool.iterdir()) == []


def test_the_report_counts_every_record_and_update(tmp_path, mixpanel):
    messages = [ORDERS, USERS, SONGS, order(1), record("users", id="ann", plan="pro")]
    run(tmp_path, everything(mixpanel), *messages, song("a", 1), song("a", 2), song("", 3))

    report = report_in(tmp_path)
    ended = {"skipped": {}, "dead": {}, "undecided": 0}
    assert report["outcome"] == "complete"
    assert report["streams"] == {
        "orders": {"read": 1, "delivered": 1, **ended},
        "users": {"read": 1, "delivered": 1, **ended},
        "songs": {"read": 3, "delivered": 2, **ended, "dead": {"no_key": 1}},
    }
    delivered = {name: of["delivered"] for name, of in report["endpoints"].items()}
    assert delivered == {"/import": 1, "/engage": 1, f"/lookup-tables/{TABLE}": 1}


def test_a_service_account_alone_will_do_without_profiles(tmp_path, mixpanel):
    config = {**by_account(mixpanel), "profiles": False, "groups": False, "streams": STREAMS}
    target = run(tmp_path, config, ORDERS, USERS, order(1), record("users", id="ann"), state(n=1))
    assert target.states == [{"n": 1}]
    assert [event["distinct_id"] for event in mixpanel.arrivals] == ["ann"]
    assert mixpanel.journal[0].query == {"strict": "1", "project_id": "2195193"}
    assert {exchange.path for exchange in mixpanel.journal} == {"/import"}
    assert report_in(tmp_path)["streams"]["users"]["skipped"] == {"profiles: false": 1}


def test_a_project_id_may_be_written_as_a_number(tmp_path, mixpanel):
    config = {**everything(mixpanel), "project_id": int(mixpanel.credentials.project_id)}
    assert run(tmp_path, config, ORDERS, order(1), state(n=1)).states == [{"n": 1}]


def test_what_is_loaded_twice_is_stored_once(tmp_path, mixpanel):
    config = {**by_token(mixpanel), "streams": STREAMS}
    for _ in range(2):
        run(tmp_path, config, ORDERS, USERS, order(1), record("users", id="ann", plan="pro"))
    assert len(mixpanel.arrivals) == 2
    assert len(mixpanel.stored()) == 1
    assert len(mixpanel.updates) == 1  # the second has nothing new


@pytest.mark.parametrize("token_only", [True, False])
def test_nothing_secret_is_logged_or_kept(tmp_path, mixpanel, token_only):
    mixpanel.misbehave(Reply(403), when=lambda exchange: exchange.path == "/engage")
    config = by_token(mixpanel) if token_only else everything(mixpanel)
    messages = [ORDERS, USERS, order(1), record("users", id="ann", plan="pro"), state(n=1)]
    ended = run_executable(tmp_path, {**config, "streams": STREAMS}, *messages)
    assert ended.code == 1
    assert "(403)" in ended.log
    kept = [path for path in tmp_path.iterdir() if path.is_file() and path.name != "config.json"]
    assert len(kept) >= 2
    for text in [ended.log.encode(), *(path.read_bytes() for path in kept)]:
        assert mixpanel.credentials.token.encode() not in text
        assert mixpanel.credentials.secret.encode() not in text


def test_an_update_that_waits_for_the_next_run_gets_the_token_of_that_run(tmp_path, mixpanel):
    mixpanel.misbehave(Reply(403), when=lambda exchange: exchange.path == "/engage")
    config = {**everything(mixpanel), "streams": STREAMS}
    with pytest.raises(ServiceRefused):
        run(tmp_path, config, USERS, record("users", id="ann", plan="pro"), state(n=1))
    run(tmp_path, config, USERS)
    assert mixpanel.profiles()["ann"] == {"plan": "pro"}
    assert not mixpanel.swallowed


# Lookup tables, until the end and before it --------------------------------------------------


@pytest.mark.parametrize("bookmarks", [None, [], ["updated_at"]])
def test_a_lookup_table_of_a_stream_that_goes_on_from_a_bookmark_is_warned_of(
    tmp_path, mixpanel, spool, caplog, bookmarks
):
    config = {**everything(mixpanel), "streams": WITH_TABLE}
    songs = {**SONGS, "bookmark_properties": bookmarks}
    run(tmp_path, config, songs, song("a", "Alpha"), songs, song("b", "Beta"))
    warned = [text for text in caplog.messages if "goes on from `updated_at`" in text]
    assert len(warned) == bool(bookmarks)


def test_a_refused_table_stops_the_run_and_its_rows_are_read_again(tmp_path, mixpanel, spool):
    del mixpanel.lookup_tables[TABLE]
    ended = run_executable(
        tmp_path,
        {**everything(mixpanel), "check": False},
        *(ORDERS, SONGS),
        *(order(1), state(n=1), song("a", "Alpha"), state(n=2), order(2), state(n=3)),
    )
    assert ended.code == 1
    assert f"Mixpanel has no lookup table {TABLE} (404)" in ended.log
    assert "Traceback" not in ended.log
    assert ended.states == [{"n": 1}]
    assert len(mixpanel.stored()) == 2  # events are not held up by a table
    assert report_in(tmp_path)["streams"]["songs"]["undecided"] == 1
    assert list(spool.iterdir()) == []


def test_a_table_with_refused_rows_names_them_in_the_sentence(tmp_path, mixpanel):
    blank = schema("songs", "", "id")  # a column without a name
    with pytest.raises(ServiceRefused, match=rf"lookup table {TABLE} \(400\): row 0: invalid hea"):
        run(tmp_path, everything(mixpanel), blank, song("a", "Alpha"), state(n=1))
    assert "row 0" in report_in(tmp_path)["outcome"]


def test_a_table_whose_reply_is_lost_is_sent_again_and_lets_state_pass(tmp_path, mixpanel):
    mixpanel.misbehave(LoseReply())
    target = run(tmp_path, everything(mixpanel), SONGS, song("a", "Alpha"), state(n=1))
    assert target.states == [{"n": 1}]
    assert [exchange.method for exchange in mixpanel.journal] == ["PUT", "PUT"]
    assert report_in(tmp_path)["endpoints"][f"/lookup-tables/{TABLE}"]["retries"] == {"network": 1}


def test_a_table_that_is_too_large_stops_the_run_behind_the_events(
    tmp_path, mixpanel, spool, monkeypatch
):
    monkeypatch.setattr("target_mixpanel.lookup_tables.LookupTable.__init__.__defaults__", (20,))
    with pytest.raises(SettingsError, match=r"'songs'.* bytes of CSV; Mixpanel takes 20"):
        run(tmp_path, everything(mixpanel), ORDERS, SONGS, order(1), song("a", "x" * 20))
    assert len(mixpanel.stored()) == 1
    assert mixpanel.lookup_tables[TABLE].rows == {}
    assert list(spool.iterdir()) == []


def test_a_table_is_not_replaced_when_the_run_was_stopped(tmp_path, mixpanel, spool):
    mixpanel.misbehave(Reply(401))
    with pytest.raises(ServiceRefused):
        run(tmp_path, everything(mixpanel), ORDERS, SONGS, song("a", "Alpha"), order(1), state(n=1))
    assert [exchange.path for exchange in mixpanel.journal] == ["/import"]
    assert list(spool.iterdir()) == []


def test_a_signal_leaves_the_table_as_it_is_and_its_rows_for_the_next_run(
    tmp_path, mixpanel, spool
):
    mixpanel.misbehave(Hold())
    messages = [ORDERS, SONGS, song("a", "Alpha"), order(1), state(n=1)]
    process = start_executable(tmp_path, everything(mixpanel), *messages)
    mixpanel.wait_until_held()
    process.terminate()
    mixpanel.release()
    output, log = process.communicate(timeout=TIMEOUT)
    assert process.returncode == 128 + signal.SIGTERM, log
    assert output == b""
    assert [exchange.path for exchange in mixpanel.journal] == ["/import"]
    assert report_in(tmp_path)["streams"]["songs"]["undecided"] == 1
    assert list(spool.iterdir()) == []


def test_a_table_without_rows_stays_as_it_is(tmp_path, mixpanel):
    target = run(tmp_path, everything(mixpanel), SONGS, state(n=1))
    assert target.states == [{"n": 1}]
    assert mixpanel.journal == []


def test_a_table_goes_on_through_a_new_schema(tmp_path, mixpanel):
    wider = schema("songs", "id", "title", "year")
    later = record("songs", id="b", title="Beta", year=1999)
    run(tmp_path, everything(mixpanel), SONGS, song("a", "Alpha"), wider, later)
    assert mixpanel.lookup_tables[TABLE].rows == {
        "a": {"title": "Alpha"},
        "b": {"title": "Beta", "year": 1999},
    }


# Dry run ------------------------------------------------------------------------------------


def test_a_dry_run_writes_what_it_would_send_and_needs_no_credentials(tmp_path, mixpanel, spool):
    config = {"base_url": mixpanel.url, "streams": WITH_TABLE, "dry_run": True}
    messages = [ORDERS, USERS, SONGS, order(1), record("users", id="ann", plan="pro")]
    target = run(tmp_path, config, *messages, song("a", 1), song("b", 2), state(n=1))

    assert target.states == []
    assert mixpanel.journal == []
    lines = [json.loads(line) for line in (tmp_path / "dry-run.jsonl").read_text().splitlines()]
    by_endpoint = {line["endpoint"]: line["event"] for line in lines}
    assert by_endpoint["/import"]["event"] == "Order Placed"
    assert by_endpoint["/engage"]["$set"] == {"plan": "pro"}
    assert "$token" not in by_endpoint["/engage"]
    assert by_endpoint[f"/lookup-tables/{TABLE}"] == {
        "lookup_table": TABLE,
        "columns": ["id", "title"],
        "rows": 2,
    }
    assert list(spool.iterdir()) == []
