"""The two shapes of an event say the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from target_posthog.shapes import as_v0, as_v1, encoded_as_v0, encoded_as_v1

RUN = "2026-01-01T00:00:00+00:00"
UUID = "0192f0c1-2b8e-5d4e-9b1c-3f6d2a7b8c90"


def of_v0(**properties: Any) -> dict[str, Any]:
    return {
        "event": "Played",
        "distinct_id": "ann",
        "uuid": UUID,
        "timestamp": "2024-05-01T10:00:00.123456Z",
        "properties": properties,
    }


def test_what_v1_has_beside_the_properties_is_moved_there_and_the_rest_stays():
    stays = {
        "$set": {"plan": "pro"},
        "$set_once": {"$initial_utm_source": "ad"},
        "$groups": {"company": "acme"},
        "session_id": "the customer's own",
    }
    moves = {"$session_id": "s", "$window_id": "w", "$process_person_profile": False}
    sent = of_v0(**moves, **stays)
    before = json.dumps(sent)
    assert as_v1(sent, RUN) == {
        "options": {"disable_skew_correction": True, "process_person_profile": False},
        "event": "Played",
        "distinct_id": "ann",
        "uuid": UUID,
        "timestamp": "2024-05-01T10:00:00.123456Z",
        "session_id": "s",
        "window_id": "w",
        "properties": stays,
    }
    assert json.dumps(sent) == before, "the event itself is not changed"


def test_an_event_without_a_time_gets_that_of_the_run():
    sent = of_v0()
    del sent["timestamp"]
    assert as_v1(sent, RUN)["timestamp"] == RUN


NAMES = st.sampled_from(["$session_id", "$window_id", "$set", "plan"]) | st.text()
PROPERTIES = st.dictionaries(NAMES, st.text()) | st.fixed_dictionaries(
    {"$process_person_profile": st.booleans(), "big": st.integers(2**64, 2**200)}
)


@given(PROPERTIES)
def test_there_and_back_is_the_same_event(properties):
    sent = {**of_v0(), "properties": properties}
    assert as_v0(as_v1(sent, RUN)) == sent


@pytest.mark.parametrize("number", [1, 2**63, 2**200])
def test_an_encoded_event_takes_the_shape_that_is_asked_for(number):
    v0 = json.dumps(of_v0(number=number, **{"$session_id": "s"}), separators=(",", ":")).encode()
    v1 = encoded_as_v1(v0, RUN)
    assert json.loads(v1) == as_v1(json.loads(v0), RUN)
    assert encoded_as_v1(v1, RUN) is v1
    assert encoded_as_v0(v0) is v0
    assert encoded_as_v0(v1) == v0
