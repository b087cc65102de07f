from __future__ import annotations

from datetime import datetime, timezone

import pytest

from tests.fakes.mixpanel_export.where import Where

ROW = {
    "$time": datetime(2024, 3, 1, 9, tzinfo=timezone.utc),
    "n": 7,
    "text": 'a "b" c',
    "yes": True,
    "number text": "12",
    "nothing": None,
}


@pytest.mark.parametrize(
    "text",
    [
        'properties["n"] == 7',
        'properties["n"]>=7 and properties["n"]<8',
        'properties["n"] > 100 or properties["yes"]',
        "properties['n'] != 8",
        'not properties["n"] == 8',
        'not (properties["n"] == 8 or properties["n"] == 9)',
        '"\\"b\\"" in properties["text"]',
        'defined(properties["n"])',
        'not defined(properties["absent"])',
        'number(properties["number text"]) == 12',
        'string(properties["n"]) == "7"',
        'boolean(properties["n"])',
        'properties["$time"] == datetime("2024-03-01T09:00:00")',
        'properties["$time"]>=datetime(1709283600) and properties["$time"]<datetime(1709283601)',
        'properties["n"] > -7.5',
        'properties["n"] <= 7',
    ],
)
def test_conditions_find_the_row(text):
    assert Where(text).finds(ROW)


@pytest.mark.parametrize(
    "text",
    [
        'properties["n"] == "7"',  # another type
        'not properties["n"] == "7"',  # undefined stays undefined
        'properties["absent"] > 1',
        'properties["nothing"] > 1',
        'properties["yes"] == 1',
        'properties["n"]',  # no truth of its own
        'number(properties["text"]) > 0',
        'properties["$time"] > 0',
        'properties["$time"] < datetime("nonsense")',
    ],
)
def test_what_does_not_compare_finds_nothing(text):
    assert not Where(text).finds(ROW)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "properties",
        'properties["n"',
        "properties[n]",
        'properties["n"] = 7',
        'properties["n"] == 7 8',
        'user["n"] == 7',
        '(properties["n"] == 7',
        "unknown(1)",
        'properties["n"] == \'open',
    ],
)
def test_other_texts_are_no_conditions(text):
    with pytest.raises(ValueError):  # noqa: PT011 - the text is the server's
        Where(text)
