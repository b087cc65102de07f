"""Which events and properties travel: `include_events`, `exclude_events`, `exclude_properties`."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from functools import lru_cache
from typing import Any, NamedTuple

WILD = {"*": ".*", "?": "."}
"""What is not literal in a pattern. Brackets are: `[Vendor] Page Viewed` is a usual name."""


class _Pattern(NamedTuple):
    """A pattern of a setting, or a name in it."""

    setting: str
    text: str
    matches: re.Pattern[str]


class Choice:
    """Decides by an event's name whether the user wants it, and knows which patterns met a name.

    In a pattern `*` stands for any characters and `?` for one; all else stands for itself, upper
    and lower case apart.

    Args:
        include: patterns of the events that travel; all of them when there is none.
        exclude: patterns of events that do not.
        rename: names of events that get another one; not patterns.
    """

    def __init__(
        self, include: Iterable[str], exclude: Iterable[str], rename: Iterable[str] = ()
    ) -> None:
        self._included = [_pattern("include_events", text) for text in include]
        self._excluded = [_pattern("exclude_events", text) for text in exclude]
        renamed = [_Pattern("rename_events", name, _literal(name)) for name in rename]
        self._unmatched = [*self._included, *self._excluded, *renamed]
        self._has_met = False

    def leaves_out(self, name: str) -> str | None:
        """Return the rule that leaves this event out, with its name, or None when it travels.

        Once for each name is enough: the answer is always the same.
        """
        self._has_met = True
        self._unmatched = [each for each in self._unmatched if not each.matches.fullmatch(name)]
        if self._included and not _is_one_of(self._included, name):
            return f"not included: {name}"
        if _is_one_of(self._excluded, name):
            return f"excluded: {name}"
        return None

    def warnings(self) -> list[str]:
        """Return a sentence for each pattern that no event met so far; none before the first."""
        return [_sentence(each) for each in self._unmatched] if self._has_met else []


LeavesOut = Callable[[str], bool]
"""Tells whether the user leaves out properties of a name."""


def fits_one_of(patterns: Iterable[str]) -> LeavesOut:
    """Return what tells whether a name fits one of these patterns, which are those of `Choice`."""
    any_of = [_regex(text) for text in patterns]
    return lru_cache(4096)(lambda name: any(each.fullmatch(name) for each in any_of))


def without(properties: Mapping[str, Any], leaves_out: LeavesOut) -> dict[str, Any]:
    """Return properties without those that the user leaves out."""
    return {name: value for name, value in properties.items() if not leaves_out(name)}


def _pattern(setting: str, text: str) -> _Pattern:
    return _Pattern(setting, text, _regex(text))


def _regex(text: str) -> re.Pattern[str]:
    parts = (WILD.get(character) or re.escape(character) for character in text)
    return re.compile("".join(parts), re.DOTALL)


def _literal(text: str) -> re.Pattern[str]:
    return re.compile(re.escape(text))


def _is_one_of(patterns: Iterable[_Pattern], name: str) -> bool:
    return any(each.matches.fullmatch(name) for each in patterns)


def _sentence(pattern: _Pattern) -> str:
    how = "Upper and lower case differ"
    if pattern.setting != "rename_events":
        how += "; `*` stands for any characters and `?` for one, all else for itself"
    return (
        f"`{pattern.setting}` names `{pattern.text}`, but no event of this run has such a name. "
        f"{how}."
    )
