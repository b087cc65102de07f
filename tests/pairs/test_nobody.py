"""Ids that stand for nobody are nobody's, in every column and at every destination.

`walk` reads each record as a line of a file and as a message, and both must come to the same.
"""

from __future__ import annotations

import pytest
from singer_delivery.model import Unmappable

from tests.pairs.pair import PairUnderTest
from tests.pairs.test_any_record import PAIRS
from tests.pairs.walk import Walk, Walked, note_names, the

# Restated on purpose: Amplitude docs, HTTP V2 API; Mixpanel docs, Import Events; Android.
NOBODY = [
    "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "-1", "0", "{}", "[]",
    "lmy47d", "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000", "anon",
    "<nil>", "true", "false", "9774d56d682e549c", "000000000000000", "0000000000000000",
    "02:00:00:00:00:00",
]  # fmt: skip
SOMEBODY = [
    "unknown-7", "00", "anonymous@example.com", "1", "nobody", "zero", "nina", "nullify",
    "0" * 14, "9774d56d682e549d", "unknown" * 20,
]  # fmt: skip

pairs = pytest.mark.parametrize("pair", PAIRS, ids=repr)


def spellings(text: str) -> list[str]:
    return [text, text.upper(), text.title(), f" {text}\t", f'"{text}"', " ".join(text)]


def whose(pair: PairUnderTest, walked: Walked) -> str:
    """Return the user or the device that a destination takes an event to be of."""
    return pair.person_of(the("event", walked).body)


def devices(walked: Walked) -> set[object]:
    bodies = [made.body for made in walked.events]
    return {
        each.get("device_id") or each.get("properties", {}).get("$device_id") for each in bodies
    }


@pairs
@pytest.mark.parametrize("text", NOBODY)
def test_as_a_user_it_is_no_user_and_owns_nothing(pair: PairUnderTest, text: str) -> None:
    for written in spellings(text):
        walk = pair.walk()
        first = walk.reads(user_id=written, device_id="d1", user_properties={"plan": "pro"})
        assert whose(pair, first) == "d1"
        assert note_names(first).count("illegal_user_id") == 1
        assert "link" not in [made.kind for made in first.events]
        amy = walk.reads(user_id="amy", device_id="d1")
        assert whose(pair, amy) == "amy"
        assert "identity_conflict" not in note_names(amy), "the device was nobody's"
        kind = "sent_with" if pair.is_copy else "owner"
        assert walk.known.recall(kind, "d1").value == "amy"


@pairs
@pytest.mark.parametrize("text", NOBODY)
def test_as_a_device_it_is_no_device_and_nobody_s(pair: PairUnderTest, text: str) -> None:
    for written in spellings(text):
        walk = pair.walk()
        for user in ("amy", "ben"):
            walked = walk.reads(user_id=user, device_id=written)
            assert whose(pair, walked) == user
            assert note_names(walked) == ["illegal_device_id"]
            assert len(walked.events) == 1, "no link"
            assert devices(walked) == {None}
        alone = walk.reads(user_id=None, device_id=written, amplitude_id=5)
        assert whose(pair, alone) in ("amplitude:5", "")


@pairs
@pytest.mark.parametrize("number", [0, -1])
def test_a_number_can_stand_for_nobody_too(pair: PairUnderTest, number: int) -> None:
    walked = pair.walk().reads(user_id=number, device_id="d1")
    assert whose(pair, walked) == "d1"
    walked = pair.walk().reads(user_id="u1", device_id=number)
    assert note_names(walked) == ["illegal_device_id"]


@pairs
@pytest.mark.parametrize("text", SOMEBODY)
def test_an_id_that_only_looks_like_one_is_somebody(pair: PairUnderTest, text: str) -> None:
    walked = pair.walk().reads(user_id=text, device_id="d1")
    assert whose(pair, walked) == text
    walked = pair.walk().reads(user_id=None, device_id=text)
    assert whose(pair, walked) == text


@pairs
@pytest.mark.parametrize("text", NOBODY)
def test_a_plain_row_of_nobody_is_a_dead_letter(pair: PairUnderTest, text: str) -> None:
    form = {"event": "Ordered", "distinct_id": "user_id", "timestamp": "event_time"}
    walk = Walk(lambda: pair.from_columns(form))
    for written in spellings(text):
        row = {"uuid": "1", "user_id": written, "event_time": "2024-03-01"}
        with pytest.raises(Unmappable, match="no_identity"):
            walk.walks(row)
