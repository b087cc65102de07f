"""What is marked slow stays the same case."""

from __future__ import annotations

import pytest

from tests.examples import first_of


@pytest.mark.parametrize(
    ("case", "values", "name"),
    [
        ("one", ("one",), None),
        ((1, "two"), (1, "two"), None),
        (pytest.param(1, "two", id="named"), (1, "two"), "named"),
        (pytest.param("one", marks=pytest.mark.slow), ("one",), None),
    ],
)
def test_a_slow_case_has_the_values_it_had(case, values, name):
    first, second = first_of([case, case])

    assert first is case
    assert (second.values, second.id) == (values, name)
    assert {mark.name for mark in second.marks} == {"slow"}
