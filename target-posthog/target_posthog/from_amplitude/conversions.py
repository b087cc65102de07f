"""Fields of PostHog that are derived from several of Amplitude, or in a form of its own.

The first line of each docstring is printed beside its row, for the analyst who reviews the mapping.

Sources: Amplitude docs, Autocapture and Revenue events; PostHog docs, Autocapture, Sessions, and
its ingestion, which reads `$elements`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analytics_records.nobody import besides
from singer_delivery.mapping.identity import Ids, Who
from singer_delivery.mapping.observation import Observation
from singer_delivery.mapping.pair import PairDecision
from singer_delivery.mapping.pair import Reading as AnyReading
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import (
    as_text,
    clean_id,
    instant,
    is_language_code,
    language_code,
    session_uuid,
)
from singer_delivery.model import Note

from target_posthog import links
from target_posthog.posthog import IDS

Reading = AnyReading[PairDecision]

NO_ID = "neither `user_id` nor `device_id` nor `amplitude_id` says whose event it is"
_IDS = besides(IDS)
_known = Ids(_IDS).who
_DAY = 86_400_000_000  # microseconds
_TOO_LATE = 10**14  # milliseconds: the year 5138


def who_is(seen: Observation, notes: list[Note]) -> Who:
    """`user_id`, else `device_id`, else `amplitude:` and `amplitude_id`: trimmed, never illegal.

    Ids over 200 bytes become their first 150 bytes, a dash and a hash: PostHog would cut them.

    Raises:
        Unmappable: none of the three is an id (`no_identity`).
    """
    who = _known(seen.user, seen.device, notes)
    return who if who.distinct_id else links.of_source("amplitude", seen.source_id, NO_ID, _IDS)


def locale(value: Any) -> str | None:
    """The language code: a code as it is, an English name as ISO 639-1."""
    return language_code(value) if isinstance(value, str) else None


def language_name(value: Any) -> Any:
    """The language's name, unless it is a code."""
    return None if isinstance(value, str) and is_language_code(value) else value


def session(reading: Reading) -> str | None:
    """A UUIDv7 of its start and of the device, for events of the 24 h after it.

    The start is read from the device's clock, and so are the 24 hours: `event_time` is corrected,
    and may lie before the start of its own session. PostHog leaves sessions aside that are not in
    the 24 hours after the time in their id (PostHog docs, Sessions).
    """
    start_ms = reading.record.get("session_id")
    if type(start_ms) is not int:
        start_ms = _whole_number(start_ms)
    if not (0 < start_ms < _TOO_LATE and _is_of_session(reading, start_ms * 1000)):
        return None
    it = reading.decision
    return session_uuid(start_ms, it.device or it.distinct_id)


def _is_of_session(reading: Reading, start: int) -> bool:
    """Tell whether an event can be of a session with this start, in microseconds since 1970."""
    by_device = instant(reading.record.get("client_event_time"))
    if by_device is None:  # nothing tells how far the two clocks are apart
        return abs(reading.decision.at - start) < _DAY
    return 0 <= by_device - start < _DAY


def _whole_number(value: Any) -> int:
    """Return what a text or a float has digits for, else -1."""
    if type(value) is float:
        return int(value) if value.is_integer() and value < _TOO_LATE else -1
    text = clean_id(value) or ""
    is_number = text.isascii() and text.isdigit() and len(text) <= 14
    return int(text) if is_number else -1


def device(reading: Reading) -> str | None:
    """Trimmed, as the link and `distinct_id` have it."""
    return reading.decision.device


ELEMENT_ACTIONS = {
    "[Amplitude] Element Clicked": "click",
    "[Amplitude] Element Changed": "change",
}
ELEMENT_FIELDS = (
    ("[Amplitude] Element Tag", "tag_name"),
    ("[Amplitude] Element Text", "$el_text"),
    ("[Amplitude] Element Href", "attr__href"),
    ("[Amplitude] Element ID", "attr__id"),
    ("[Amplitude] Element Class", "attr__class"),
    ("[Amplitude] Element Aria Label", "attr__aria-label"),
)
ATTRIBUTES, HIERARCHY = "[Amplitude] Element Attributes", "[Amplitude] Element Hierarchy"
ELEMENT_KEYS = (*(source for source, _ in ELEMENT_FIELDS), ATTRIBUTES, HIERARCHY)


def element_action(name: Any) -> str | None:
    """`click` or `change`, for the two events about elements."""
    return ELEMENT_ACTIONS.get(name) if isinstance(name, str) else None


def elements(reading: Reading) -> list[dict[str, Any]] | None:
    """The element and those around it, for the two events about elements."""
    if reading.name not in ELEMENT_ACTIONS:
        return None
    properties = reading.event_properties
    hierarchy = properties.get(HIERARCHY)
    nodes = hierarchy if isinstance(hierarchy, list) else []
    chain = [_node(node) for node in nodes if isinstance(node, dict)]
    own = {**(chain[0] if chain else {}), **_own(properties)}
    return [own, *chain[1:]] if own else None


def _own(properties: Mapping[str, Any]) -> dict[str, Any]:
    element = _attributes(properties.get(ATTRIBUTES))
    for source, to in ELEMENT_FIELDS:
        value = properties.get(source)
        if not is_absent(value):
            element[to] = as_text(value)
    return element


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    # PostHog counts children from 1, Amplitude from 0.
    element = _attributes(node.get("attrs"))
    for source, to in (("tag", "tag_name"), ("id", "attr__id")):
        if not is_absent(node.get(source)):
            element[to] = as_text(node[source])
    for source, to in (("index", "nth_child"), ("indexOfType", "nth_of_type")):
        if type(node.get(source)) is int:
            element[to] = node[source] + 1
    classes = node.get("classes")
    if isinstance(classes, list) and classes:
        element["attr__class"] = " ".join(as_text(name) for name in classes)
    return element


def _attributes(attributes: Any) -> dict[str, Any]:
    if not isinstance(attributes, dict):
        return {}
    return {f"attr__{key}": as_text(v) for key, v in attributes.items() if not is_absent(v)}
