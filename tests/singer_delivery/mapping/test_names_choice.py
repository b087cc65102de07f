"""Which events travel, and under which names."""

from __future__ import annotations

import pytest
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.names import EventNames
from singer_delivery.model import Unmappable


@pytest.mark.parametrize(
    ("name", "sent_as"),
    [("Old", "New"), ("Page", "Mine"), ("Theirs", "$theirs"), ("$x", "p_x"), ("Any", "Any")],
)
def test_an_event_is_called_as_the_user_says_else_as_there_else_as_it_is(
    name: str, sent_as: str
) -> None:
    renamed, theirs = {"Old": "New", "Page": "Mine"}, {"Page": "$page", "Theirs": "$theirs"}
    names = EventNames(renamed, theirs, lambda name: name.replace("$", "p_"), 10, "Elsewhere")
    assert names.sent_as(name) == sent_as
    with pytest.raises(Unmappable, match="has 11 characters, Elsewhere takes 10") as caught:
        names.sent_as("n" * 11)
    assert caught.value.reason == "event_name_too_long"


@pytest.mark.parametrize(
    ("include", "exclude", "name", "rule"),
    [
        ((), (), "Paused", None),
        (("Play*",), (), "Played", None),
        (("Play*",), (), "Paused", "not included: Paused"),
        (("played",), (), "Played", "not included: Played"),
        ((), ("[Amplitude] *",), "[Amplitude] Page", "excluded: [Amplitude] Page"),
        ((), ("[Amplitude]*",), "A purchase", None),
        ((), ("[!a]b", "[a-c]b", "(b|c).+"), "cb", None),
        ((), ("[a-c]?",), "[a-c]b", "excluded: [a-c]b"),
        ((), ("a*c",), "a\nc", "excluded: a\nc"),
        ((), ("a?c",), "ac", None),
        ((), ("",), "a", None),
        ((), ("[Amplitude] Page",), "[Amplitude] Page", "excluded: [Amplitude] Page"),
        ((), ("P?used", "Other"), "Other", "excluded: Other"),
        (("P*",), ("Pa*",), "Paused", "excluded: Paused"),
    ],
)
def test_events_are_chosen_by_name(
    include: tuple, exclude: tuple, name: str, rule: str | None
) -> None:
    assert Choice(include, exclude).leaves_out(name) == rule


def test_a_pattern_that_met_no_name_is_known() -> None:
    choice = Choice(["P*", "[x]*"], ["Pa*", "Q*"], {"Paused": "Stopped", "Pa*": "Stopped"})
    assert choice.warnings() == [], "no event, no warning"
    choice.leaves_out("Paused")
    said = choice.warnings()
    assert [sentence.partition(",")[0] for sentence in said] == [
        "`include_events` names `[x]*`",
        "`exclude_events` names `Q*`",
        "`rename_events` names `Pa*`",
    ]
    for name in ("Quit", "[x]y", "Pa*"):
        choice.leaves_out(name)
    assert choice.warnings() == []
