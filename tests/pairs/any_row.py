"""Rows and profiles of a Mixpanel project, of whatever Hypothesis thinks of."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import cached_property
from types import ModuleType
from typing import Any

from hypothesis import strategies as st
from singer_delivery.model import Event, RecordMapping

from tests.pairs.any_record import texts, values
from tests.pairs.walk import UUID, Alike, Walk

IDS = st.sampled_from([
    "ann", " ann ", "null", "$device:d1", "d1", "", 7, 2**70, "x" * 300, "$device:", ["ann"], None,
    "18c5f0a1-7d3e-4b52-9c1d-aa0011223344",
])  # fmt: skip
NAMES = st.sampled_from([
    "Played", "Played", "Played", "$mp_web_page_view", "$mp_click", "$identify", "$create_alias",
    "$merge", "$hotshard_events", "$hotshard_record", "session_start", "", " ", 7, None, "n" * 300,
    "n" * 1100,
])  # fmt: skip
TIMES = st.sampled_from([
    "2024-03-01T10:00:00.000Z", "2024-03-01T10:00:00.000Z", "2099-01-01T00:00:00.000Z",
    "1970-02-01T00:00:00.000Z", "soon", None, 7,
])  # fmt: skip
MODES = st.sampled_from(["simplified", "original", None, "odd"])
_IDENTITY = dict.fromkeys(
    (
        "distinct_id", "$user_id", "$device_id", "$distinct_id_before_identity",
        "$preshuffle_distinct_id", "$identified_id", "$anon_id", "alias",
        "mp_original_distinct_id",
    ),
    IDS,
)  # fmt: skip
_OF_A_ROW: dict[str, st.SearchStrategy[Any]] = {
    **_IDENTITY,
    "$distinct_ids": st.lists(IDS, max_size=3),
    "$failure_reason": st.sampled_from([None, "ANON_ID_MERGED"]),
    "$insert_id": st.sampled_from(["i1", "i" * 40, "a_b", "null", 7, None, ""]),
    "time": st.sampled_from([1_709_287_200, 1_709_287_200_000, 1.5, "soon", -1, True, None]),
    "$mp_api_timestamp_ms": st.sampled_from([1_709_287_200_500, None, "x"]),
    "mp_lib": st.sampled_from(["web", "python"]),
    "$os": st.sampled_from(["iOS", "Android", "Mac OS X", 7]),
    "mp_country_code": st.sampled_from(["US", "XX", 7]),
    "$latitude": st.sampled_from([1.5, "x", True]),
    "$longitude": st.sampled_from([2.5, None]),
    "mp_original_event_name": st.sampled_from(["Ticked", 7]),
}


def rows(keys: Collection[str]) -> st.SearchStrategy[dict[str, Any]]:
    """Return rows whose properties often have one of these names."""
    own = st.dictionaries(st.sampled_from(sorted(keys)) | texts, values, max_size=6)
    known = st.fixed_dictionaries({}, optional=_OF_A_ROW)
    properties = st.builds(lambda one, other: {**one, **other}, own, known)
    usual = properties.map(lambda of: {"$user_id": "ann", "$insert_id": "i1", **of})
    odd = st.sampled_from([None, [], "x", "{}", '{"a": 1}', 7])
    likely = {
        "event": NAMES,
        "properties": properties | usual | usual,
        "uuid": st.sampled_from([UUID, None, "x", 7]),
        "time": TIMES,
        "identity_merge": MODES,
    }
    beside = {
        "day": st.sampled_from(["2024-03-01", None]),
        "session_start": st.sampled_from(["2024-03-01T09:59:00.000Z", None, "x", 7]),
    }
    return st.builds(
        lambda row, unknown, other: {**unknown, **row, **other},
        st.fixed_dictionaries(likely, optional=beside),
        st.dictionaries(texts, values, max_size=2),
        st.just({}) | st.just({}) | st.fixed_dictionaries({"properties": odd}),
    )


_READ_AT = st.sampled_from([
    "2024-03-02T00:00:00.000Z", "2024-03-03T00:00:00.000Z", None, "soon",
])  # fmt: skip
_SAID: dict[str, st.SearchStrategy[Any]] = {
    "$email": texts,
    "email": texts,
    "$created": st.sampled_from(["2023-01-01T00:00:00", "soon", 7]),
    "$last_seen": st.sampled_from(["2024-03-01T00:00:00", None, 7]),
    "$country_code": st.sampled_from(["US", 7]),
    "$city": texts,
    "$transactions": st.sampled_from([[{"$amount": 3, "$time": "2024-01-01T00:00:00"}], [7], 7]),
    "initial_utm_source": texts,
}
_CONTENT = st.builds(
    lambda one, other: {**one, **other},
    st.dictionaries(texts, values, max_size=4),
    st.fixed_dictionaries({}, optional=_SAID),
)
profiles = st.fixed_dictionaries({
    "distinct_id": IDS, "read_at": _READ_AT, "properties": _CONTENT | st.sampled_from([None, 7]),
})  # fmt: skip
groups = st.fixed_dictionaries({
    "group_key": st.sampled_from(["company", "", None, 7]), "group_id": IDS, "read_at": _READ_AT,
    "properties": _CONTENT,
})  # fmt: skip


@dataclass(frozen=True)
class RowsUnderTest:
    """A pair of Mixpanel and a destination.

    Attributes:
        name: of it.
        settings: makes the destination's settings; those not given are the usual ones.
        choices: of such settings.
        make: makes the mapping of rows, of profiles and of group profiles.
        table: the module with the pair's table.
        page: the module that prints it.
        keys: names of properties that mean something there.
        leaves: tells whether a property does not travel as one.
        takes: asserts that the destination takes an event, by its own rules.
        is_copy: whether source and destination are one vendor's: unknown columns stay behind.
        remembers: kinds of facts that a row may make of which nothing is sent.
    """

    name: str
    settings: Callable[..., Any]
    choices: st.SearchStrategy[Any]
    make: tuple[Callable[[Any], RecordMapping], ...]
    table: ModuleType
    page: ModuleType
    keys: Collection[str]
    leaves: Callable[[str], bool]
    takes: Callable[[Event, Any], None]
    is_copy: bool = False
    remembers: frozenset[str] = frozenset()

    @cached_property
    def rows(self) -> st.SearchStrategy[dict[str, Any]]:
        """Rows of whatever Hypothesis thinks of, most of them events."""
        return rows(self.keys)

    @cached_property
    def _made(self) -> dict[str, Alike]:
        return {}

    def walk(self, chosen: Any = None, of: int = 0) -> Walk:
        """Return a mapping and a new memory. Mappings are pure, and used again.

        Args:
            chosen: settings.
            of: 0 for rows, 1 for profiles, 2 for group profiles.
        """
        chosen = self.settings() if chosen is None else chosen
        name = f"{of} {chosen!r}"
        if name not in self._made:
            self._made[name] = Alike.made(lambda: self.make[of](chosen))
        walk = Walk(self._made[name])
        walk.remembers = walk.remembers | self.remembers
        return walk

    def __repr__(self) -> str:
        return self.name


def a_row(name: str = "Played", /, **properties: Any) -> Mapping[str, Any]:
    """Return a small row of a user's."""
    of = {"time": 1_709_287_200_000, "$user_id": "ann", "distinct_id": "ann", "$insert_id": "i1"}
    return {
        "uuid": UUID,
        "time": "2024-03-01T10:00:00.000Z",
        "day": "2024-03-01",
        "session_start": None,
        "identity_merge": "simplified",
        "event": name,
        "properties": {**of, **properties},
    }
