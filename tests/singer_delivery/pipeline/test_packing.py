"""What records become is packed into pieces: small, in order, and each with its places."""

from __future__ import annotations

import pickle
import zlib
from typing import Any

import orjson
from hypothesis import given
from hypothesis import strategies as st
from singer_delivery.endpoint import Endpoint, Limits
from singer_delivery.model import EVENTS_A_RECORD
from singer_delivery.pipeline.blocks import Input
from singer_delivery.pipeline.packing import (
    LANES,
    PIECES_A_REQUEST,
    Packed,
    Packer,
    Result,
    Task,
    Tasks,
    lane_of,
)
from singer_delivery.pipeline.pieces import place_of
from singer_delivery.pipeline.report import StreamCounts

from tests.singer_delivery.toys import ToyDecision, ToyEndpoint, ToyMapping, plain

ENDPOINTS: dict[str, Endpoint] = {
    "toy": ToyEndpoint(limits=Limits(16, 1_000)),
    "people": plain("people"),
}


def packed(
    *rows: dict[str, Any], spread: int = 1, packs: bool = True, endpoints: Any = ENDPOINTS
) -> Result:
    task = Task(ToyMapping(), endpoints, "the toy", are_messages=False, packs=packs)
    people = [row.get("person", "") for row in rows]
    packer = Packer(spread)
    packer.add_all(
        task,
        [orjson.dumps(row) for row in rows],
        [ToyDecision(person) for person in people],
        bytes(map(lane_of, people)),
    )
    return packer.result()


def events_of(piece: Packed) -> list[dict[str, Any]]:
    expanded = zlib.decompressobj(-zlib.MAX_WBITS).decompress(piece.body.data)
    assert len(expanded) == piece.body.size
    events: list[dict[str, Any]] = orjson.loads(b"[" + expanded + b"]")
    return events


def numbers_of(piece: Packed) -> list[int]:
    return [event["number"] for event in events_of(piece)]


rows = st.lists(
    st.fixed_dictionaries(
        {
            "events": st.lists(st.integers(0, 99), max_size=4),
            "person": st.sampled_from(["ann", "bob", "cyn", "dev"]),
            "padding": st.text(max_size=5),
        }
    ),
    max_size=30,
)


@given(rows, st.sampled_from([1, 4, LANES]))
def test_every_event_is_in_one_piece_of_its_lanes_and_in_order(of, spread):
    places: dict[int, int] = {}
    for piece in packed(*of, spread=spread).packed:
        assert len(piece.places) <= max(1, 16 // PIECES_A_REQUEST)
        assert list(piece.places) == sorted(piece.places)
        assert sum(piece.tallies.values()) == len(piece.places)
        for place, event in zip(piece.places, events_of(piece), strict=True):
            assert lane_of(event["person"]) % spread == piece.group
            places[place] = event["number"]
    expected = {
        place_of(record, number): event
        for record, row in enumerate(of)
        for number, event in enumerate(row["events"])
    }
    assert places == expected


@given(rows)
def test_pieces_of_one_group_keep_the_order_of_the_records(of):
    last: dict[int, int] = {}
    for piece in packed(*of, spread=4).packed:
        assert piece.places[0] > last.get(piece.group, -1)
        last[piece.group] = piece.places[-1]


def test_a_piece_is_an_eighth_of_a_request_by_its_bytes_too():
    result = packed(*({"events": [n], "person": "p" * 40} for n in range(8)))
    assert all(piece.body.size < 1_000 / PIECES_A_REQUEST for piece in result.packed)
    assert len(result.packed) == 8


def test_an_event_larger_than_that_is_a_piece_by_itself():
    small, large = {"events": [1], "person": ""}, {"events": [2], "person": "p" * 900}
    result = packed(small, large, small)
    assert list(map(numbers_of, result.packed)) == [[1], [2], [1]]


def test_what_has_an_order_of_its_own_goes_in_its_own_lane():
    [piece] = packed({"events": [1], "person": "ann", "order": "group"}, spread=LANES).packed
    assert piece.group == lane_of("group")


def test_an_endpoint_that_does_not_pack_gets_its_events_one_by_one():
    result = packed({"events": [1, 2], "person": "ann", "endpoint": "people", "at": 7})
    assert result.packed == []
    assert [(each.place, each.lane, each.order, each.at) for each in result.apart] == [
        (0, lane_of("ann"), "ann", 7),
        (1, lane_of("ann"), "ann", 7),
    ]


def test_what_is_deferred_and_what_a_dry_run_writes_is_never_packed():
    deferred = packed({"events": [1], "person": "ann", "at": 1, "deferred": True})
    assert [each.deferred for each in deferred.apart] == [True]
    dry = packed({"events": [1], "person": "ann"}, packs=False)
    assert deferred.packed == dry.packed == []
    assert len(dry.apart) == 1


def test_a_record_of_which_nothing_can_be_made_leaves_nothing_but_its_reason():
    result = packed(
        {"events": [1], "strange": ["a"]},
        {"events": [2], "strange": ["b"], "late": "odd"},
        {"events": [3], "strange": ["a"], "unsayable": 1},
        {"events": [4], "strange": ["a", None]},
    )
    assert [number for piece in result.packed for number in numbers_of(piece)] == [1, 4]
    assert result.dead == [(1, "odd", "it is found late"), (2, "unsayable", "it cannot be said")]
    assert result.notes == {("strange", "a"): 2, ("strange", None): 1}


def test_a_line_that_cannot_be_read_after_all_is_dead():
    task = Task(ToyMapping(), ENDPOINTS, "the toy", are_messages=True, packs=True)
    packer = Packer(1)
    packer.add_all(task, [b"{}"], [ToyDecision()], b"\0")
    assert packer.result().dead == [(0, "bad_line", "it has no record")]


def test_a_place_is_a_record_and_one_of_its_events():
    assert divmod(place_of(999, 3), EVENTS_A_RECORD) == (999, 3)


def test_the_task_of_an_input_is_pickled_once():
    tasks = Tasks(ENDPOINTS, packs=True)
    of = Input("events", ToyMapping(), StreamCounts(), are_messages=True, service="the toy")
    assert tasks.of(of) is tasks.of(of)
    assert tasks.pickled(of) is tasks.pickled(of)
    again = pickle.loads(tasks.pickled(of))
    assert (again.service, again.are_messages, again.packs) == ("the toy", True, True)
