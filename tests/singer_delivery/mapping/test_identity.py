"""Whose a record is: whom it names, whom the source's own id names, and what stays apart."""

from __future__ import annotations

from typing import Any, NamedTuple

import pytest
from singer_delivery.mapping.identity import Who, Whose
from singer_delivery.mapping.observation import NO_GROUPS, NOTHING, Observation
from singer_delivery.model import Effects

from tests.pairs.walk import Remembering


class Row(NamedTuple):
    """A record: its user, its device, the source's own id."""

    user: str | None
    device: str | None
    source_id: Any = None


class Found(NamedTuple):
    """Whose a record is: under which id it is sent, whose device it is, what is linked."""

    distinct_id: str
    own_device: str | None
    linked: str | None


class Walk:
    """Decides one row after the other, and counts."""

    def __init__(self, *, apart: bool = False, links: bool = True) -> None:
        self.whose = Whose("somewhere", links=links, apart=apart)
        self.past = Remembering()
        self.counted: list[str] = []
        self.time = 0
        self.in_doubt = False

    def take(self, row: Row, time: int | None = None) -> Found:
        self.time += 1
        when = self.time if time is None else time
        user, device, source_id = row
        seen = Observation(
            "Played", user, device, source_id, when, "when", NOTHING, NO_GROUPS, received=when
        )
        effects = Effects()
        who = Who(user, device, user or device or "")
        found = self.whose.of(who, seen, self.past, effects)
        self.past.add(effects.claims)
        if found.due is not None:
            self.past.add([found.due.owner, found.due.sent])
        self.counted += [note.name for note in effects.notes]
        self.in_doubt = found.in_doubt
        linked = None if found.due is None else found.due.device
        return Found(found.who.distinct_id, found.own_device, linked)


EITHER = pytest.mark.parametrize("apart", [False, True])


@EITHER
def test_who_is_known_by_the_source_did_it_whoever_owns_the_device(apart: Any) -> None:
    walk = Walk(apart=apart)
    assert walk.take(Row("jane", "d", 6)) == ("jane", "d", "d")
    assert walk.take(Row(None, "d", 6)) == ("jane", "d", None)
    assert walk.take(Row("mary", "d", 7)) == ("mary", None, None)
    assert walk.take(Row(None, "d", 7)) == ("mary", None, None)
    assert walk.take(Row(None, "new", 7)) == ("mary", None, None), "it names nobody: no link"
    assert walk.take(Row(None, None, "7")) == ("mary", None, None)
    assert walk.counted == [
        "known_by_somewhere_id", "identity_conflict", *["known_by_somewhere_id"] * 3,
    ]  # fmt: skip


@EITHER
@pytest.mark.parametrize("source_id", [None, 8])
def test_who_is_nobodys_yet_is_the_device(apart: Any, source_id: object) -> None:
    walk = Walk(apart=apart)
    assert walk.take(Row(None, "d", source_id)) == ("d", None, None)
    walk.take(Row("jane", "d", 6))
    assert walk.take(Row(None, "d", source_id)) == ("d", None, None)
    assert walk.counted == []


def test_what_was_decided_is_decided_again_when_it_is_read_again() -> None:
    rows = (
        Row(None, "d", 7), Row("mary", "d", 7), Row(None, "d", 7), Row("bob", "mary", 8),
        Row(None, "eve", 9), Row("ann", "eve", 9), Row("eve", None, 10), Row(None, "eve", 11),
        Row(None, "new", 7), Row("mary", "new", 7), Row(None, "new", None),
    )  # fmt: skip
    walk = Walk()
    first = [(walk.take(row)[:2], walk.in_doubt) for row in rows]
    again = [(walk.take(row, time)[:2], walk.in_doubt) for time, row in enumerate(rows, 1)]
    assert again == first


def test_the_id_of_a_user_is_never_linked_as_a_device() -> None:
    walk = Walk()
    walk.take(Row("alice", None, 1))
    assert walk.take(Row("bob", "alice", 2)) == ("bob", None, None)
    assert walk.take(Row(None, "alice", 3)) == ("device:alice", None, None)
    assert walk.take(Row("alice", "alice", 1)) == ("alice", None, None)
    assert walk.counted == ["device_is_a_user", "device_is_a_user"]


def test_a_user_called_like_the_device_of_another_goes_by_another_id() -> None:
    walk = Walk()
    assert walk.take(Row("bob", "alice", 2)) == ("bob", "alice", "alice")
    assert walk.take(Row("alice", "phone", 1)) == ("user:alice", "phone", "phone")
    assert walk.take(Row("alice", "phone", 1)) == ("user:alice", "phone", None)
    assert walk.take(Row(None, None, 1)).distinct_id == "user:alice"
    assert walk.take(Row(None, "alice", None)) == ("alice", None, None), "that is bob's device"


def test_where_devices_are_apart_the_same_text_is_two() -> None:
    walk = Walk(apart=True)
    walk.take(Row("alice", None, 1))
    assert walk.take(Row("bob", "alice", 2)) == ("bob", "alice", "alice")
    assert walk.take(Row("alice", "alice", 1)) == ("alice", None, None)
    assert walk.take(Row(None, "alice", 3)) == ("alice", None, None)
    assert "device_is_a_user" not in walk.counted


def test_without_links_whom_the_source_knows_is_known_too() -> None:
    walk = Walk(links=False)
    assert walk.take(Row("jane", "d", 6)) == ("jane", None, None)
    assert walk.take(Row(None, "d", 6)) == ("jane", None, None)
