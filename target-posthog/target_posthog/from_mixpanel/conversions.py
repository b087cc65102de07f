"""Fields of PostHog that are derived from several of Mixpanel, or in a form of its own.

The first line of each docstring is printed beside its row, for the analyst who reviews the mapping.

Sources: constants and property names of the open mixpanel-js (`src/autocapture`); PostHog docs,
Autocapture, Sessions, and its ingestion, which reads `$elements`.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from typing import Any

from analytics_records.devices import device_class
from analytics_records.mixpanel.columns import FIRST_ATTRIBUTION
from analytics_records.mixpanel.source import SESSION, UUID
from analytics_records.nobody import besides
from singer_delivery.mapping.pair import PairDecision
from singer_delivery.mapping.pair import Reading as AnyReading
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import as_text, moment, session_uuid

from target_posthog.posthog import IDS as RULES

Reading = AnyReading[PairDecision]

IDS = besides(RULES)
"""What PostHog and everybody makes of ids."""

NOBODY = "mixpanel:"
"""Before the uuid of an event of nobody."""


def who_is(reading: Reading) -> str:
    """`$user_id`; else the device as ingested, without `$device:`; else the id as ingested.

    Ids over 200 bytes become their first 150 bytes, a dash and a hash: PostHog would cut them.
    """
    return reading.decision.distinct_id


def other_distinct_id(reading: Reading) -> Any:
    """As it is, where it is not the id that is sent."""
    found = reading.record.get("distinct_id")
    return None if is_absent(found) or found == reading.decision.distinct_id else found


def nobody(reading: Reading) -> bool | None:
    """False for an event of nobody: it makes no person."""
    it = reading.decision
    is_nobody = it.user is None and it.distinct_id == NOBODY + reading.record[UUID]
    return False if is_nobody else None


def device(reading: Reading) -> str | None:
    """Trimmed, without `$device:`, as the link and `distinct_id` have it."""
    return reading.decision.device


def groups(keys: Mapping[str, list[str]]) -> dict[str, str]:
    """The first value of each property that `group_keys` names; all stay where they are."""
    return {group_type: of[0] for group_type, of in keys.items()}


def device_type(reading: Reading) -> str | None:
    """`Desktop`, `Mobile` or `Tablet`, told from the device and the system."""
    own, get = reading.event_properties.get, reading.record.get
    return device_class(own("$os"), own("$browser"), own("$device"), get("mp_lib"), get("$model"))


def session(reading: Reading) -> str | None:
    """A UUIDv7 of the start of the session that the tap worked out, and of the device.

    All its events are after the start and of the same day, as PostHog asks (PostHog docs,
    Sessions).
    """
    text, it = reading.record.get(SESSION), reading.decision
    start = _micros(text) if isinstance(text, str) else None
    if start is None or not start <= it.at < start + _DAY:
        return None
    return session_uuid(start // 1000, it.device or it.distinct_id)


_DAY = 86_400_000_000  # microseconds


@lru_cache(2048)  # a session is many events
def _micros(text: str) -> int | None:
    found = moment(text)
    return None if found is None else found.at


def first_touch(reading: Reading) -> dict[str, Any] | None:
    """Where the person came from at first, as `$initial_…`; on the event it stays as it is."""
    own = reading.event_properties
    found = {first_name(name): own[name] for name in FIRST_ATTRIBUTION & own.keys()}
    return {name: found[name] for name in sorted(found) if not is_absent(found[name])} or None


def first_name(name: str) -> str:
    """Return PostHog's name of a property of first attribution."""
    return name if name.startswith("$") else f"${name}"


ELEMENT_ACTIONS = {"$mp_click": "click", "$mp_input_change": "change", "$mp_submit": "submit"}
_FIELDS = (
    ("$el_tag_name", "tag_name"),
    ("$el_text", "$el_text"),
    ("$el_attr__href", "attr__href"),
    ("$el_id", "attr__id"),
)
_NODE_FIELDS = (("$tag_name", "tag_name"), ("$id", "attr__id"))
_ATTRIBUTE = "$attr-"


def element_action(name: Any) -> str | None:
    """`click`, `change` or `submit`, for the three events about elements."""
    return ELEMENT_ACTIONS.get(name) if isinstance(name, str) else None


def elements(reading: Reading) -> list[dict[str, Any]] | None:
    """The element and those around it, for the three events about elements; `$el_…` as well."""
    if reading.name not in ELEMENT_ACTIONS:
        return None
    found = reading.record.get("$elements")
    nodes = found if isinstance(found, list) else []
    chain = [_node(node) for node in nodes if isinstance(node, dict)]
    own = {**(chain[0] if chain else {}), **_own(reading.event_properties)}
    return [own, *chain[1:]] if own else None


def other_elements(reading: Reading) -> Any:
    """As it is, on any other event, or where it is no list."""
    found = reading.record.get("$elements")
    is_used = reading.name in ELEMENT_ACTIONS and isinstance(found, list)
    return None if is_used or is_absent(found) else found


def _own(properties: Mapping[str, Any]) -> dict[str, Any]:
    element = {to: as_text(properties[name]) for name, to in _FIELDS if properties.get(name)}
    return {**element, **_classes(properties.get("$el_classes"))}


def _node(node: Mapping[str, Any]) -> dict[str, Any]:
    element = {
        f"attr__{key.removeprefix(_ATTRIBUTE)}": as_text(value)
        for key, value in node.items()
        if key.startswith(_ATTRIBUTE) and not is_absent(value)
    }
    element |= {to: as_text(node[name]) for name, to in _NODE_FIELDS if node.get(name)}
    for name in ("nth_child", "nth_of_type"):  # both count from 1
        if type(node.get(f"${name}")) is int:
            element[name] = node[f"${name}"]
    return {**element, **_classes(node.get("$classes"))}


def _classes(classes: Any) -> dict[str, str]:
    """Return the classes of an element, which Mixpanel has as a list."""
    names = [as_text(one) for one in classes if one] if isinstance(classes, list) else []
    return {"attr__class": " ".join(names)} if names else {}
