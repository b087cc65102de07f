"""What every pair says of its events for the books: id, source's name and hour of the source."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, timezone
from typing import Any

import pytest
from singer_delivery.model import Event

from tests.pairs import test_any_record, test_any_row
from tests.pairs.any_row import RowsUnderTest, a_row
from tests.pairs.pair import PairUnderTest
from tests.pairs.walk import the

pairs = pytest.mark.parametrize("pair", test_any_record.PAIRS, ids=repr)
of_rows = pytest.mark.parametrize("pair", test_any_row.PAIRS, ids=repr)

HOUR = int(datetime(2024, 3, 1, 10, tzinfo=timezone.utc).timestamp()) // 3_600
DAY = (date(2024, 3, 1) - date(1970, 1, 1)).days


def id_in(body: Mapping[str, Any]) -> str:
    """Return what the destination tells the event by when it comes again, where its docs say."""
    of = body.get("properties", {})
    found: str = body.get("uuid") or body.get("insert_id") or of["$insert_id"]
    return found


def said(event: Event) -> tuple[str, str, int]:
    assert event.id == id_in(event.body)
    return event.name, event.source_name, event.source_hour


@pairs
@pytest.mark.parametrize(
    ("uploaded", "hour"),
    [
        ("2024-03-01 10:59:59.999999", HOUR),
        ("2024-03-01T10:00:00Z", HOUR),
        ("2024-03-01T12:30:00+02:00", HOUR),
        ("2024-03-01 11:00:00", HOUR + 1),
        (None, 0),
        ("soon", 0),
    ],
)
def test_an_event_of_amplitude_s_export_is_of_the_hour_of_its_upload(
    pair: PairUnderTest, uploaded: Any, hour: int
) -> None:
    row = {"server_upload_time": uploaded, "server_received_time": None}
    event = the("event", pair.walk().reads(**row, event_type="Played"))
    assert said(event) == (event.name, "Played", hour)


@pairs
def test_a_renamed_event_has_both_names(pair: PairUnderTest) -> None:
    walk = pair.walk(rename_events={"Played": "Listened"})
    assert said(the("event", walk.reads(event_type="Played")))[:2] == ("Listened", "Played")


@of_rows
@pytest.mark.parametrize(("day", "hour"), [("2024-03-01", DAY * 24), (None, 0), ("soon", 0)])
def test_a_row_of_mixpanel_s_export_is_of_its_day(
    pair: RowsUnderTest, day: str | None, hour: int
) -> None:
    event = the("event", pair.walk().reads_row({**a_row("Played"), "day": day}))
    assert said(event) == (event.name, "Played", hour)
