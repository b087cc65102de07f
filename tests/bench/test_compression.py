"""What the bench of compression measures."""

from __future__ import annotations

import json

from bench.compression import codecs, measured, pieces

EVENTS = [
    json.dumps({"distinct_id": f"person {n % 90}", "uuid": str(n)}).encode() for n in range(2_500)
]


def test_pieces_hold_every_event_once_and_never_more_than_fit():
    found = [json.loads(b"[" + piece + b"]") for piece in pieces(EVENTS)]
    assert max(map(len, found)) <= 125
    assert sorted(int(each["uuid"]) for piece in found for each in piece) == [*range(2_500)]


def test_every_codec_makes_it_smaller_and_takes_some_time():
    parts = list(pieces(EVENTS))
    figures = measured(parts, 1)
    assert figures.keys() == codecs().keys()
    whole = sum(map(len, parts))
    assert all(0 < size < whole and cpu >= 0 for size, cpu in figures.values())
