"""Whatever is written under `streams`, and whatever row comes: events, a rule, or a dead letter.

`tests.pairs.walk` holds more of each row: as a message and by itself, and in another process's way,
it becomes the same.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from analytics_records.named_columns.description import check_columns, described
from hypothesis import event, given
from hypothesis import strategies as st
from singer_delivery.errors import SettingsError
from singer_delivery.model import Event, RecordMapping
from target_amplitude import from_columns as amplitude
from target_mixpanel import from_columns as mixpanel
from target_posthog import from_columns as posthog
from target_posthog.settings import MappingSettings

from tests.fakes.amplitude_batch.violations import ANONYMOUS_USER
from tests.pairs import amplitude_to_mixpanel, amplitude_to_posthog
from tests.pairs.any_record import assert_is_json, fewer, made_twice, outcome
from tests.pairs.any_stream import anything_written, descriptions, rows
from tests.pairs.walk import Walk, Walked
from tests.target_amplitude import loading
from tests.target_amplitude.loading import assert_amplitude_takes
from tests.target_mixpanel.importing import settings

REASONS = {
    "no_identity", "no_time", "time_out_of_range", "no_event_name", "event_name_too_long",
    "nested_too_deep", "bad_line", "inexact_id",
}  # fmt: skip


def to_posthog(words: dict[str, Any], **chosen: Any) -> RecordMapping:
    return posthog.from_columns("orders", words, {}, (), MappingSettings(**chosen))


def to_mixpanel(words: dict[str, Any], **chosen: Any) -> RecordMapping:
    return mixpanel.from_columns("orders", words, {}, (), settings(**chosen))


def to_amplitude(words: dict[str, Any], **chosen: Any) -> RecordMapping:
    return amplitude.from_columns("orders", words, {}, (), loading.settings(**chosen))


CHOSEN = {
    to_posthog: [{}, {"link_identities": "none"}, {"person_properties": "none"},
                 {"person_properties": "set_once", "group_types": ("team",)},
                 {"person_profiles": "identified_only"}],
    to_mixpanel: [{}, {"identity_merge": "original"}, {"profiles": False, "groups": False},
                  {"user_properties_on_events": False}],
    to_amplitude: [{}, {"user_properties": "none"}, {"user_properties": "set_once"},
                   {"skip_user_properties_sync": False}, {"groups": False},
                   {"events_without_id": "own_device"}, {"user_created_event": "Created"}],
}  # fmt: skip


def amplitude_takes(made: Event, _chosen: Any) -> None:
    """Without a column for devices there is one id, sent as it stands: see docs/streams.md."""
    assert_amplitude_takes(made, but={ANONYMOUS_USER})


TAKES = {
    to_posthog: amplitude_to_posthog.PAIR.takes,
    to_mixpanel: amplitude_to_mixpanel.PAIR.takes,
    to_amplitude: amplitude_takes,
}
targets = pytest.mark.parametrize("make", CHOSEN, ids=["posthog", "mixpanel", "amplitude"])


@targets
@fewer
@given(st.data())
def test_any_row_of_any_stream_becomes_events_or_says_why_not(
    make: Any, data: st.DataObject
) -> None:
    words = data.draw(descriptions)
    chosen = data.draw(st.sampled_from(CHOSEN[make]))
    if refusal(lambda: make(words, **chosen)):
        return
    walk = Walk(lambda: make(words, **chosen))
    for row in data.draw(st.lists(rows, min_size=1, max_size=4)):
        made_twice(walk, row)
        result = outcome(walk, row)
        event("an event" if isinstance(result, Walked) else result[0])
        if not isinstance(result, Walked):
            assert result[0] in REASONS
            continue
        assert result.events or result.skipped
        for made in result.events:
            assert_is_json(made.body)
            TAKES[make](made, settings(**chosen) if make is to_mixpanel else None)
        walk.known.learn(result.effects)


@targets
@fewer
@given(descriptions, st.lists(rows, max_size=4))
def test_a_second_run_tells_nothing_new_of_people_and_groups(
    make: Any, words: dict[str, Any], read: list[dict[str, Any]]
) -> None:
    if refusal(lambda: make(words)):
        return
    walk = Walk(lambda: make(words))
    for row in read:
        result = outcome(walk, row)
        if isinstance(result, Walked):
            walk.known.learn(result.effects)
            again = outcome(walk, row)
            assert isinstance(again, Walked)
            assert {made.kind for made in again.events} <= {"event"}
            ids = [
                [made.body for made in of.events if made.kind == "event"] for of in (result, again)
            ]
            assert [body.get("uuid") for body in ids[0]] == [body.get("uuid") for body in ids[1]]


@fewer
@given(anything_written, st.dictionaries(st.text(max_size=3), st.none(), max_size=3))
def test_whatever_is_written_is_a_description_or_a_sentence(
    words: dict[str, Any], has: dict[str, Any]
) -> None:
    wrong = refusal(lambda: described("orders", words, 200))
    if not wrong:
        it = described("orders", words, 200)
        wrong = refusal(lambda: check_columns(it, {"properties": has}))
    assert not wrong or "orders" in wrong


def refusal(make: Callable[[], Any]) -> str:
    """Return why a description is refused; empty if it is not."""
    try:
        make()
    except (ValueError, SettingsError) as error:
        return str(error)
    return ""


def ids(walked: Walked) -> list[Any]:
    bodies = [made.body for made in walked.events if made.kind == "event"]
    return [body.get("uuid") or body["properties"]["$insert_id"] for body in bodies]
