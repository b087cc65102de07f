"""The stream of verb rows: before the first event, from years back, in few requests."""

from __future__ import annotations

from datetime import date

import pytest

from tests.fakes.mixpanel_export.faults import EndsEarly
from tests.tap_mixpanel.running import Sandbox, at, days_of_rows, fake, row

VERBS = [
    row(at(2, 5), 1, "$identify", **{"$identified_id": "ann", "$anon_id": "a"}),
    row(at(3, 5), 2, "$create_alias", alias="b", distinct_id="ann"),
    row(at(-60), 3, "$merge", **{"$distinct_ids": ["ann", "c"]}),
]
ROWS = [*days_of_rows(3, 4, 0, 5, 2), *VERBS]


def names(asked):
    return [exchange.query.get("event") for exchange in asked if "event" in exchange.query]


def identities(output):
    messages = output.of_type("RECORD")
    return [m["record"] for m in messages if m["stream"] == "identities"]


def run(mixpanel, tmp_path, **options):
    settings = {"identities_start_date": "2023-01-01", **options}
    return Sandbox(tmp_path, mixpanel).run(streams=["identities", "events"], **settings)


def test_verb_rows_of_years_leave_before_the_first_event(tmp_path):
    with fake(ROWS) as mixpanel:
        output = run(mixpanel, tmp_path)
        windows = [
            (exchange.query["from_date"], exchange.query["to_date"])
            for exchange in mixpanel.journal
            if "event" in exchange.query
        ]
        assert set(names(mixpanel.journal)) == {'["$identify", "$create_alias", "$merge"]'}
    assert [record["properties"]["n"] for record in identities(output)] == [3, 1, 2]
    streams = [message["stream"] for message in output.of_type("RECORD")]
    assert streams.index("events") == len(VERBS)
    assert {record["identity_merge"] for record in output.events} == {"original"}
    spans = [date.fromisoformat(last) - date.fromisoformat(first) for first, last in windows]
    assert max(span.days for span in spans) == 91
    assert windows[0][0] == "2023-01-01"
    assert windows[-1][1] == "2024-01-05"
    assert len(windows) == 5


def test_the_verbs_are_in_events_again_with_the_same_records(tmp_path):
    with fake(ROWS) as mixpanel:
        output = run(mixpanel, tmp_path)
    by_uuid = {record["uuid"]: record for record in output.events}
    assert [by_uuid.get(r["uuid"]) for r in identities(output)[1:]] == identities(output)[1:]


def test_a_project_with_simplified_merge_is_not_asked_for_them(tmp_path):
    rows = [row(at(day), n, distinct_id=f"$device:d{n}") for day in (1, 2) for n in range(30)]
    with fake(rows) as mixpanel:
        output = run(mixpanel, tmp_path, time_frame="auto")
        assert names(mixpanel.journal) == []
    assert identities(output) == []
    assert {record["identity_merge"] for record in output.events} == {"simplified"}
    with fake(rows) as mixpanel:
        run(mixpanel, tmp_path, identity_merge="simplified")
        assert names(mixpanel.journal) == []


def test_a_window_that_fails_is_halved_and_loses_nothing(tmp_path):
    with fake(ROWS) as mixpanel:
        is_verbs = lambda exchange: "event" in exchange.query  # noqa: E731
        mixpanel.misbehave(EndsEarly(0.5), EndsEarly(0.5), EndsEarly(0), when=is_verbs)
        output = run(mixpanel, tmp_path)
    assert [record["properties"]["n"] for record in identities(output)] == [3, 1, 2]


def test_the_next_run_asks_for_the_last_days_alone(tmp_path):
    with fake(ROWS) as mixpanel:
        state = run(mixpanel, tmp_path).states[-1]
        assert state["bookmarks"]["identities"]["replication_key_value"] == "2024-01-05"
        asked = len(mixpanel.journal)
        late = row(at(1), 9, "$identify", **{"$identified_id": "bob", "$anon_id": "z"})
        mixpanel.publish([late])
        output = run(mixpanel, tmp_path, state=state)
        windows = [
            exchange.query["from_date"]
            for exchange in mixpanel.journal[asked:]
            if "event" in exchange.query
        ]
    assert windows == ["2023-12-30"]
    assert [record["properties"]["n"] for record in identities(output)] == [9, 1, 2]


@pytest.mark.parametrize("streams", [["identities"], ["identities", "profiles"]])
def test_the_stream_stands_alone(tmp_path, streams):
    with fake(ROWS) as mixpanel:
        output = Sandbox(tmp_path, mixpanel).run(
            streams=streams, identities_start_date="2023-06-01"
        )
    assert len(identities(output)) == 3
    assert not output.events
