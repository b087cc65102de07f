"""Compares what the books say was accepted with what a destination holds. Pure.

Fewer is a difference; more is none by default, since others may send to the same project.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal, NamedTuple

from singer_delivery.proof.counting import CellKey, Counts, NotAsked

CellVerdict = Literal["equal", "fewer", "more", "not asked"]
FEWER: Literal["fewer"] = "fewer"
MORE: Literal["more"] = "more"
NOT_ASKED: Literal["not asked"] = "not asked"


@dataclass(frozen=True)
class Sent:
    """So many events of a day and a name were accepted; `source_name` is the source's own."""

    day: int
    name: str
    source_name: str
    count: int


class Line(NamedTuple):
    """A cell, a day or a name beside what was found; `found` is None where nobody could say.

    `day` is None where a name is compared over the whole range alone.
    """

    day: int | None
    name: str
    sent: int
    found: int | None
    verdict: CellVerdict


@dataclass(frozen=True)
class Comparison:
    """What came of it.

    Attributes:
        cells: those that differ or could not be asked, by day and name.
        days: day -> sent and found; found is None where it could not be asked by day.
        names: name -> sent and found.
        copies: rows that are there a second time and will go.
        shared: names whose figures hold events of others too.
        not_asked: what could not be asked.
    """

    cells: list[Line]
    days: dict[int, tuple[int, int | None]]
    names: dict[str, tuple[int, int | None]]
    copies: int = 0
    shared: frozenset[str] = frozenset()
    not_asked: list[NotAsked] = field(default_factory=list)

    @property
    def lacking(self) -> list[Line]:
        """Cells of which fewer were found."""
        return [each for each in self.cells if each.verdict == FEWER]


def summed(cells: Iterable[Sent]) -> dict[CellKey, int]:
    """Return day and name -> events sent, whatever the source called them."""
    sent: defaultdict[CellKey, int] = defaultdict(int)
    for cell in cells:
        sent[cell.day, cell.name] += cell.count
    return dict(sent)


def compare(sent: Mapping[CellKey, int], counts: Counts, own_names: Collection[str]) -> Comparison:
    """Return how what was sent differs from what was found; `own_names` are left aside."""
    found = {key: n for key, n in counts.found.items() if key[1] not in own_names}
    lines = [
        _line(key, sent.get(key, 0), found.get(key, 0), counts)
        for key in sorted(sent.keys() | found.keys())
        if key[1] not in counts.by_name
    ]
    lines += _whole_names(sent, counts)
    return Comparison(
        cells=[each for each in lines if each.verdict != "equal"],
        days=_days(lines, sent),
        names=_names(lines),
        copies=sum(counts.copies.values()),
        shared=frozenset(counts.shared),
        not_asked=list(counts.not_asked),
    )


def _line(key: CellKey, sent: int, found: int, counts: Counts) -> Line:
    day, name = key
    if counts.is_unseen(day):
        return Line(day, name, sent, None, NOT_ASKED)
    return Line(day, name, sent, found, _verdict(sent, found))


def _verdict(sent: int, found: int) -> CellVerdict:
    if found < sent:
        return FEWER
    return MORE if found > sent else "equal"


def _whole_names(sent: Mapping[CellKey, int], counts: Counts) -> Iterable[Line]:
    """Yield a line for each name that is compared over the whole range alone."""
    of_name: defaultdict[str, int] = defaultdict(int)
    unseen = set[str]()
    for (day, name), count in sent.items():
        of_name[name] += count
        if counts.is_unseen(day):
            unseen.add(name)
    for name, found in sorted(counts.by_name.items()):
        if name in unseen:
            yield Line(None, name, of_name[name], None, NOT_ASKED)
        else:
            yield Line(None, name, of_name[name], found, _verdict(of_name[name], found))


def _days(lines: Iterable[Line], sent: Mapping[CellKey, int]) -> dict[int, tuple[int, int | None]]:
    """Return the sums of days; a day of which a part is not known by day has no found."""
    sums: defaultdict[int, int] = defaultdict(int)
    found: defaultdict[int, int | None] = defaultdict(int)
    unknown = {each.name for each in lines if each.day is None}
    for (day, name), count in sent.items():
        sums[day] += count
        if name in unknown:
            found[day] = None
    for each in lines:
        if each.day is not None:
            sums[each.day] += 0
            found[each.day] = _plus(found[each.day], each.found)
    return {day: (sums[day], found[day]) for day in sorted(sums)}


def _names(lines: Iterable[Line]) -> dict[str, tuple[int, int | None]]:
    names: dict[str, tuple[int, int | None]] = {}
    for each in lines:
        sent, found = names.get(each.name, (0, 0))
        names[each.name] = sent + each.sent, _plus(found, each.found)
    return dict(sorted(names.items()))


def _plus(some: int | None, more: int | None) -> int | None:
    return None if some is None or more is None else some + more
