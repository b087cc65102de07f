from __future__ import annotations

from collections import Counter

import pytest
from singer_delivery.errors import SettingsError, TooManyDeadLetters
from singer_delivery.pipeline.dead_letter_limit import ENOUGH, DeadLetterLimit


def is_over(limit: str, read: int, dead: int, *, at_end: bool = False) -> bool:
    try:
        DeadLetterLimit.read(limit).check(read, Counter(refused=dead), at_end=at_end)
    except TooManyDeadLetters:
        return True
    return False


@pytest.mark.parametrize(
    ("limit", "read", "dead", "over"),
    [
        ("500", 500, 500, False),
        ("500", 501, 501, True),
        ("0", 1, 1, True),
        ("20%", ENOUGH, ENOUGH // 5, False),
        ("20%", ENOUGH, ENOUGH // 5 + 1, True),
        ("20%", ENOUGH - 1, ENOUGH - 1, False),  # too few to say
        (" 0.5 % ", 10_000, 50, False),
        (" 0.5 % ", 10_000, 51, True),
        ("100%", 5_000, 5_000, False),
    ],
)
def test_a_limit_is_a_number_or_a_share(limit, read, dead, over):
    assert is_over(limit, read, dead) == over


def test_a_share_says_something_from_the_first_hundred_records_on():
    assert ENOUGH == 100


@pytest.mark.parametrize(
    ("limit", "read", "dead", "over"),
    [
        ("20%", 10, 10, True),
        ("20%", 10, 3, True),
        ("20%", 10, 2, False),
        ("20%", 99, 20, True),
        ("20%", 9, 8, False),  # too few to say
        ("20%", 2, 1, False),
        ("20%", 2, 2, False),
        ("20%", 0, 0, False),
        ("100%", 1, 1, False),
        ("5", 5, 5, False),
        ("5", 6, 6, True),
    ],
)
def test_at_the_end_a_share_is_judged_of_few_records_too(limit, read, dead, over):
    assert is_over(limit, read, dead, at_end=True) == over


@pytest.mark.parametrize(
    ("limit", "read", "dead", "doubtful"),
    [
        ("20%", 1, 1, True),
        ("20%", 99, 20, True),
        ("20%", 99, 19, False),
        ("20%", 100, 100, False),
        ("20%", 0, 0, False),
        ("5", 9, 5, False),
        ("100%", 9, 9, False),
    ],
)
def test_a_share_of_few_records_leaves_a_doubt(limit, read, dead, doubtful):
    assert DeadLetterLimit.read(limit).doubts(read, dead) == doubtful


@pytest.mark.parametrize("text", ["", "many", "-1", "5 %%", "1.5", "%"])
def test_anything_else_is_refused_in_words(text):
    with pytest.raises(SettingsError, match="max_dead_letters"):
        DeadLetterLimit.read(text)


def test_the_sentence_names_the_three_most_frequent_reasons():
    dead = Counter(no_identity=600, refused=50, no_time=40, event_too_large=1)
    with pytest.raises(TooManyDeadLetters) as caught:
        DeadLetterLimit.read("20%").check(2_000, dead)
    assert "691 of 2,000 records" in str(caught.value)
    assert "no_identity (600), refused (50), no_time (40)." in str(caught.value)
