"""Amplitude's automatic events in PostHog's words: clicked elements, revenue.

Sources: Amplitude docs, Autocapture and Revenue events; PostHog docs, Autocapture, and its
ingestion, which reads `$elements`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from analytics_records.amplitude.reading import Reading
from singer_delivery.mapping.table import is_absent
from singer_delivery.mapping.values import as_text

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

REVENUE_EVENTS = frozenset({
    "revenue_amount", "verified_revenue", "unverified_revenue", "[Amplitude] Revenue",
    "[Amplitude] Revenue (Verified)", "[Amplitude] Revenue (Unverified)",
})  # fmt: skip
_MORE_THAN_ALL_MONEY = 2**63  # nor does a greater number fit into JSON readers' integers


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


def revenue(reading: Reading) -> float | None:
    """For revenue events `$revenue`, else `$price` times `$quantity` (1 when it is missing)."""
    if reading.name not in REVENUE_EVENTS:
        return None
    properties = reading.event_properties
    whole_sum = _number(properties.get("$revenue"))
    price, quantity = _number(properties.get("$price")), _number(properties.get("$quantity"))
    if whole_sum is not None or price is None:
        return whole_sum
    product = price * (1 if quantity is None else quantity)
    return product if abs(product) < _MORE_THAN_ALL_MONEY else None


def currency(reading: Reading) -> Any:
    """For revenue events, as it is."""
    return reading.event_properties.get("$currency") if reading.name in REVENUE_EVENTS else None


def _number(value: Any) -> float | None:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    return None
