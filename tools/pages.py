"""What every page about a mapping is made of: sections and tables in Markdown."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping
from dataclasses import fields as dataclass_fields
from pathlib import Path
from typing import Any

from singer_delivery.mapping.table import OfReading, Row, Values

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "mappings"
"""Where the pages are."""


def section(title: str, body: str) -> str:
    """Return a section under a heading."""
    return f"## {title}\n\n{body}"


def table(head: tuple[str, ...], lines: Iterable[tuple[str, ...]]) -> str:
    """Return a table."""
    rows = (head, tuple("---" for _ in head), *lines)
    return "".join(f"| {' | '.join(row)} |\n" for row in rows)


def code(text: str) -> str:
    """Return a name as a name."""
    return f"`{text}`"


def mapping_rows(
    service: str, rows: Iterable[Row], conditions: Mapping[str, str], source: str = "Amplitude"
) -> str:
    """Return rows of a mapping as a table.

    Args:
        service: the destination.
        rows: of its mapping.
        conditions: what the conditions of rows mean.
        source: of the rows.
    """
    lines = ((code(row.to), _source(row), _how(row), _when(row, conditions)) for row in rows)
    return table((service, source, "How", "When"), lines)


def _source(row: Row) -> str:
    joint = ", " if isinstance(row.source, (Values, OfReading)) else ", else "
    return joint.join(code(column) for column in row.columns)


def _how(row: Row) -> str:
    if row.convert is None:
        return "As it is"
    return (inspect.getdoc(row.convert) or "").splitlines()[0].rstrip(".")


def _when(row: Row, conditions: Mapping[str, str]) -> str:
    return "" if row.when is None else conditions[row.when]


def event_properties(service: str, rows: str) -> str:
    """Return what becomes of `event_properties`, before the rows that read a key of it."""
    words = f"All of `event_properties` travels as it is.\n{service} knows these by another name:"
    return f"{words}\n\n{rows}"


def event_names(
    vendor: Any,
    theirs: Mapping[str, str],
    calls: Mapping[str, str],
    changed: str,
    source: str = "Amplitude",
) -> str:
    """Return what becomes of the names of events.

    Args:
        vendor: the destination's module in its target.
        theirs: the source's names to the destination's.
        calls: what the records of Identify calls become.
        changed: the property that keeps a name that changed.
        source: of the events.
    """
    service = vendor.SERVICE
    lines = [(code(old), code(new)) for old, new in theirs.items()]
    lines += [(code(name), becomes) for name, becomes in calls.items()]
    lines.append((f"a name {service} gives a meaning", f"`{source.lower()}_<name without $>`"))
    lines.append(("any other", "unchanged"))
    return (
        table((source, service), lines)
        + "\nThe setting `rename_events` comes first. A changed name stays readable in "
        + f"`{changed}`.\nNames {service} gives a meaning: "
        + listed(_meaningful(vendor))
    )


def _meaningful(vendor: Any) -> set[str]:
    """Return the names that a destination gives a meaning, and how such names begin."""
    prefixes = {f"{prefix}…" for prefix in vendor.MEANINGFUL_PREFIXES}
    return vendor.MEANINGFUL_NAMES | getattr(vendor, "RESERVED_NAMES", frozenset()) | prefixes


def pairs(left: str, right: str, entries: Mapping[str, str]) -> str:
    """Return a table of names and what they mean."""
    return table((left, right), ((code(key), value) for key, value in entries.items()))


def listed(words: Iterable[str]) -> str:
    """Return names in a line."""
    return ", ".join(code(word) for word in sorted(words)) + ".\n"


def guarded(vendor: Any, source: str = "amplitude", place: str = "in `event_properties`") -> str:
    """Return what becomes of keys on which a destination acts.

    Args:
        vendor: its module in the target.
        source: before the names that such keys travel under.
        place: where they are found.
    """
    return (
        f"{vendor.SERVICE} acts on these keys of an event.\n"
        f"Found {place}, they travel as `{source}_<key without $>`:\n"
        f"imported data does not steer {vendor.SERVICE}.\n"
        "A value that a table above replaces is kept in the same way.\n\n"
        + listed(vendor.GUARDED_KEYS)
    )


def ending(table_of: Any, of: type[Any], *hidden: str) -> list[str]:
    """Return the sections that end every page.

    Args:
        table_of: the module with the tables of the mapping.
        of: the dataclass that holds the settings.
        hidden: fields that are no settings of the user's.
    """
    return [
        section("Counted in the report", pairs("Name", "Meaning", table_of.COUNTED)),
        section("Left out by a rule", pairs("Rule", "Meaning", table_of.SKIPPED)),
        section("Dead letters", pairs("Reason", "Meaning", table_of.DEAD_LETTERS)),
        section("Settings", settings(of, *hidden)),
    ]


def settings(of: type[Any], *hidden: str) -> str:
    """Return the settings of a mapping as a table.

    Args:
        of: the dataclass that holds them.
        hidden: fields that are no settings of the user's.
    """
    explained = _attributes(inspect.getdoc(of) or "")
    lines = (
        (code(field.name), explained[field.name])
        for field in dataclass_fields(of)
        if field.name not in hidden
    )
    return table(("Setting", "What it decides"), lines)


def _attributes(docstring: str) -> dict[str, str]:
    """Read the section Attributes of a docstring."""
    section = docstring.partition("Attributes:\n")[2].partition("\n\n")[0]
    read: dict[str, str] = {}
    name = ""
    for line in section.splitlines():
        if line.startswith("     "):
            read[name] += " " + line.strip()
        else:
            name, _, read[name] = (word.strip() for word in line.partition(":"))
    return read
