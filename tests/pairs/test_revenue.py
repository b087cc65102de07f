"""Revenue is told by its properties, on any event, at every destination."""

from __future__ import annotations

import pytest

from tests.pairs.pair import PairUnderTest
from tests.pairs.test_any_record import CARRYING as PAIRS
from tests.pairs.walk import the

MISSING = "missing"
NAMES = [
    "Purchase Completed", "revenue_amount", "verified_revenue", "unverified_revenue",
    "[Amplitude] Revenue", "$pageview",
]  # fmt: skip
GIVEN = [
    ({"$revenue": 30.0, "$currency": "EUR"}, 30.0, "EUR"),
    ({"$price": 10.0, "$quantity": 2}, 20.0, MISSING),
    ({"$price": 10.0, "$quantity": 2, "$revenue": 20.0}, 20.0, MISSING),
    ({"$price": 9.0, "$quantity": 2, "$revenue": 20.0}, 20.0, MISSING),
    ({"$price": 2}, 2, MISSING),
    ({"$price": 2, "$quantity": None}, 2, MISSING),
    ({"$price": 2, "$quantity": 0}, 0, MISSING),
    ({"$price": 2, "$quantity": "two"}, MISSING, MISSING),
    ({"$quantity": 2}, MISSING, MISSING),
    ({"$revenue": "9", "$price": True}, MISSING, MISSING),
    ({"$revenue": "9", "$price": 3}, 3, MISSING),
    ({"$revenue": 0, "$price": 3}, 0, MISSING),
    ({"$revenue": -3}, -3, MISSING),
    ({"$price": 2**62, "$quantity": 2**62}, MISSING, MISSING),
    ({"$price": 1e300, "$quantity": 1e300}, MISSING, MISSING),
    ({"$currency": "EUR"}, MISSING, "EUR"),
]


@pytest.mark.parametrize("pair", PAIRS, ids=repr)
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(("given", "revenue", "currency"), GIVEN)
def test_revenue_is_told_by_its_properties(
    pair: PairUnderTest, name: str, given: dict, revenue: object, currency: object
) -> None:
    walked = pair.walk().reads(event_type=name, event_properties=given)
    sent = the("event", walked).body["properties"]
    assert sent.get("revenue", MISSING) == revenue
    assert sent.get("currency", MISSING) == currency
    said = {key: value for key, value in given.items() if value is not None}
    assert said.items() <= sent.items(), "what was said stays as well"


@pytest.mark.parametrize("pair", PAIRS, ids=repr)
def test_one_s_own_revenue_stays_and_gives_way_to_what_amplitude_counts(
    pair: PairUnderTest,
) -> None:
    own = the("event", pair.walk().reads(event_properties={"revenue": "lots"})).body["properties"]
    assert own["revenue"] == "lots"
    both = {"revenue": "lots", "$revenue": 5}
    sent = the("event", pair.walk().reads(event_properties=both)).body["properties"]
    assert (sent["revenue"], sent["amplitude_revenue"]) == (5, "lots")
