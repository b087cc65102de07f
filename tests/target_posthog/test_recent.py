from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import pytest
from singer_delivery.model import Event, Known, Mapped, Note
from target_posthog.recent import LIVE_HOURS, CountingRecent

LIVE_FROM = 1_709_294_400_000_000
NOTE = Note("younger_than_48_hours")


class Making:
    """A mapping that makes events of these times."""

    def __init__(self, *, needs_keys: bool) -> None:
        self.needs_keys = needs_keys

    def __call__(self, record: Mapping[str, Any], known: Known) -> Mapped:
        events = tuple(Event("/batch/", "event", "x", "ann", at, {}) for at in record["times"])
        return Mapped(events, record.get("skipped"), notes=(Note("other"),))


@pytest.mark.parametrize(
    ("times", "notes"),
    [
        ([], 0),
        ([None], 0),
        ([LIVE_FROM - 1], 0),
        ([LIVE_FROM], 1),
        ([LIVE_FROM - 1, None, LIVE_FROM + 1], 1),
        ([LIVE_FROM, LIVE_FROM], 2),
    ],
)
def test_each_event_that_posthog_takes_for_a_live_one_is_noted(times, notes):
    counting = CountingRecent(Making(needs_keys=False), LIVE_FROM)
    mapped = counting({"times": times, "skipped": "excluded: x"}, None)
    assert mapped.notes == (Note("other"), *[NOTE] * notes)
    assert [event.at for event in mapped.events] == times
    assert mapped.skipped == "excluded: x"


def test_the_hours_are_those_of_posthog_s_documents():
    assert LIVE_HOURS == 48


@pytest.mark.parametrize("needs_keys", [True, False])
def test_keys_are_needed_where_the_mapping_needs_them(needs_keys):
    assert CountingRecent(Making(needs_keys=needs_keys), 0).needs_keys is needs_keys
