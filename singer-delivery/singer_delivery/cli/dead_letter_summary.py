"""Counts the letters of a file by stream and reason."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from singer_delivery.cli.dead_letter_lines import Damaged, Letter, Line, Why

EXAMPLES = 5
"""Damaged lines that are named one by one."""


@dataclass
class Count:
    """Letters of one stream with one reason.

    Attributes:
        letters: how many.
        first, last: when the first and the last were written, RFC 3339; empty where nobody knows.
        fewest, most: requests that one of them travelled in.
        endpoints: to which they were sent.
        example: the detail of the first.
    """

    letters: int = 0
    first: str = ""
    last: str = ""
    fewest: int = 0
    most: int = 0
    endpoints: set[str] = field(default_factory=set)
    example: str = ""

    def add(self, why: Why) -> None:
        """Count a letter."""
        self.fewest = min(self.fewest, why.attempts) if self.letters else why.attempts
        self.most = max(self.most, why.attempts)
        self.letters += 1
        self.example = self.example or why.detail
        if why.endpoint:
            self.endpoints.add(why.endpoint)
        if why.at:
            self.first = min(self.first or why.at, why.at)
            self.last = max(self.last, why.at)


@dataclass
class Summary:
    """What is in a file.

    Attributes:
        counts: by stream and reason.
        damaged: how many lines are neither letters nor SCHEMA messages.
        examples: the first of these.
    """

    counts: dict[tuple[str, str], Count] = field(default_factory=dict)
    damaged: int = 0
    examples: list[Damaged] = field(default_factory=list)

    @classmethod
    def of(cls, lines: Iterable[Line]) -> Summary:
        """Count lines."""
        found = cls()
        for line in lines:
            if isinstance(line, Letter):
                key = line.stream, line.why.reason
                found.counts.setdefault(key, Count()).add(line.why)
            elif isinstance(line, Damaged):
                found.damaged += 1
                if len(found.examples) < EXAMPLES:
                    found.examples.append(line)
        return found

    @property
    def letters(self) -> int:
        """How many there are."""
        return sum(each.letters for each in self.counts.values())

    def by_frequency(self) -> list[tuple[str, str, Count]]:
        """Return stream, reason and count, the most frequent first."""
        found = [(stream, reason, of) for (stream, reason), of in self.counts.items()]
        return sorted(found, key=lambda each: (-each[2].letters, each[0], each[1]))

    def reasons(self) -> dict[str, int]:
        """Return how many letters have each reason, the most frequent first."""
        found: dict[str, int] = {}
        for (_, reason), count in self.counts.items():
            found[reason] = found.get(reason, 0) + count.letters
        return dict(sorted(found.items(), key=lambda each: (-each[1], each[0])))
