"""Times in every form that sources write, and those that have no one meaning."""

from __future__ import annotations

from datetime import datetime, timedelta, timezone
from typing import Any

import pytest
from analytics_records.named_columns.times import read, reader
from hypothesis import given
from hypothesis import strategies as st

EPOCH = datetime(1970, 1, 1, tzinfo=timezone.utc)


def at(*parts: int) -> int:
    """Microseconds since 1970 of year, month, day and so on, in UTC."""
    return (datetime(*parts, tzinfo=timezone.utc) - EPOCH) // timedelta(microseconds=1)  # type: ignore[misc,arg-type]


NOON = at(2026, 3, 1, 10, 11, 12)

FORMS = [
    ("2026-03-01T10:11:12Z", NOON),
    ("2026-03-01T10:11:12.123456789Z", NOON + 123_456),
    ("2026-03-01T10:11:12+0000", NOON),
    ("2026-03-01T10:11:12+05:30", at(2026, 3, 1, 4, 41, 12)),
    ("2026-03-01 10:11:12 UTC", NOON),
    ("2026-03-01 10:11:12+00", NOON),
    ("2026-03-01", at(2026, 3, 1)),
    ("2026-03-01T10", at(2026, 3, 1, 10)),
    ("20260301T101112Z", NOON),
    ("20260301T101112.5+0100", at(2026, 3, 1, 9, 11, 12) + 500_000),
    ("2026-03-01T10:11:12.123 Z", NOON + 123_000),
    ("2026-03-01 10:11:12 +0000 UTC", NOON),
    ("2026-03-01 10:11:12 -0130 UTC", at(2026, 3, 1, 11, 41, 12)),
    ("Sun, 01 Mar 2026 10:11:12 GMT", NOON),
    ("1 Mar 2026 10:11:12 +0200", at(2026, 3, 1, 8, 11, 12)),
    ("2026-03-01T23:59:60Z", at(2026, 3, 2)),
    ("2026-03-01T24:00:00Z", at(2026, 3, 2)),
    (1772359872, NOON),
    (1772359872000, NOON),
    (1772359872123456, NOON + 123_456),
    (1772359872123456789, NOON + 123_456),
    ("1772359872", NOON),
    ("1772359872000", NOON),
    ("1772359872.5", NOON + 500_000),
    ("1.772359872e18", NOON),
    (1772359872.5, NOON + 500_000),
    ("2026-3-1", at(2026, 3, 1)),
    ("2026-03-01T10:11:12-00:00", NOON),
    ("2026-03-01T10:11:12.123456+00:00 ", NOON + 123_456),
    ("2026-03-01T10:11:12 GMT", NOON),
    ("2026-03-01T10:11:12z", NOON),
    ("20260301", at(2026, 3, 1)),
    (20260301, at(2026, 3, 1)),
    ("20260301101112", NOON),
]


@pytest.mark.parametrize(("value", "found"), FORMS)
def test_a_form_with_one_meaning_is_read(value: Any, found: int) -> None:
    assert read(value) == found


@pytest.mark.parametrize(
    "value",
    [
        *("03/01/2026", "2026-W09-7", "2026-060", "yesterday", "", "10:11", "2026-02-30"),
        *("2026-03-01T24:00:01Z", "2026-03-01T10:60", "2026-13-01", "0000-00-00", "20261301"),
        *("9999-12-31T24:00", "Sun, 01 Foo 2026 10:11:12 GMT", "1e999999999", "1" * 40),
        *({"$date": "2026-03-01T10:11:12Z"}, ["2026-03-01"], None, True, 0, 1, -5, 12345),
        *(float("inf"), float("nan"), 10**30, "NaN", "\u0662\u0660\u0662\u0666-03-01"),
    ],
)
def test_what_has_no_one_meaning_is_no_time(value: Any) -> None:
    assert read(value) is None


@given(st.integers(10**8, 10**10 - 1), st.sampled_from([1, 10**3, 10**6, 10**9]))
def test_a_number_means_the_same_in_every_unit_and_as_text(seconds: int, unit: int) -> None:
    number = seconds * unit
    assert read(number) == read(str(number)) == read(f"{number}.0") == seconds * 10**6


@given(st.datetimes(datetime(1973, 4, 1), datetime(2286, 1, 1)))  # noqa: DTZ001 - naive means UTC
def test_a_time_is_read_as_it_was_written(time: datetime) -> None:
    expected = (time.replace(tzinfo=timezone.utc) - EPOCH) // timedelta(microseconds=1)
    for text in (time.isoformat(), time.isoformat(" ") + "+00", f"{time:%Y%m%dT%H%M%S.%fZ}"):
        assert read(text) == expected


anything = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.text(), inner, max_size=2),
    max_leaves=3,
)
FORMATS = ["%d/%m/%Y", "%d.%m.%Y %H:%M", "%Y%m%d", "%m/%d/%y %I:%M %p", "%Y-%m-%dT%H:%M:%S%z"]


@given(anything | st.from_regex(r"[0-9TZ:+. -]{1,30}"), st.sampled_from([None, *FORMATS]))
def test_whatever_comes_is_a_time_or_none(value: Any, written: str | None) -> None:
    found = reader(written)(value)
    assert found is None or -62_135_596_800_000_000 <= found <= 253_402_300_799_999_999


@pytest.mark.parametrize(
    ("written", "value", "found"),
    [
        ("%d/%m/%Y", "01/03/2026", at(2026, 3, 1)),
        ("%d/%m/%Y", " 01/03/2026 ", at(2026, 3, 1)),
        ("%m/%d/%Y %H:%M", "03/01/2026 10:11", at(2026, 3, 1, 10, 11)),
        ("%Y%m%d", 20260301, at(2026, 3, 1)),
        ("%Y-%m-%dT%H:%M:%S%z", "2026-03-01T10:11:12+0530", at(2026, 3, 1, 4, 41, 12)),
        ("%G-W%V-%u", "2026-W09-7", at(2026, 3, 1)),
        ("%d/%m/%Y", "2026-03-01", None),
        ("%d/%m/%Y", 1772359872, None),
        ("%d/%m/%Y", None, None),
        ("%Y-%m-%dT%H:%M:%S%z", "0001-01-01T00:00:00+0530", None),
    ],
)
def test_a_format_is_read_as_it_says_and_nothing_else(
    written: str, value: Any, found: int | None
) -> None:
    assert reader(written)(value) == found
