"""The settings of targets that say what is read of a source, and how they are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

from singer_sdk import typing as th

TEXTS = th.ObjectType(additional_properties=th.StringType)
"""The type of a setting that gives texts to names."""


class ChosenEvents(TypedDict):
    """Which of a source's events travel, and by what names."""

    include_events: tuple[str, ...]
    exclude_events: tuple[str, ...]
    rename_events: dict[str, str]


def chosen_events_settings(source: str) -> list[th.Property[Any]]:
    """Return the settings that choose among the events of the source of this name."""
    return [
        th.Property(
            "include_events",
            th.ArrayType(th.StringType),
            title="Include events",
            description=(f"{source} event names to load, * and ? being wild; by default all."),
        ),
        th.Property(
            "exclude_events",
            th.ArrayType(th.StringType),
            title="Exclude events",
            description=(
                f"{source} event names to leave out, * and ? being wild; counted in the report."
            ),
        ),
        th.Property(
            "rename_events",
            TEXTS,
            title="Rename events",
            description="New names of events, by their old names.",
        ),
    ]


def exclude_properties_setting() -> th.Property[Any]:
    """Return the setting that leaves out properties."""
    return th.Property(
        "exclude_properties",
        th.ArrayType(th.StringType),
        title="Exclude properties",
        description="Names of properties of events and people to leave out, * and ? being wild.",
    )


def backfill_days_setting(source: str) -> th.Property[Any]:
    """Return the setting that says which records of a source say something about now."""
    return th.Property(
        "backfill_days",
        th.IntegerType(minimum=0),
        default=30,
        title="Backfill days",
        description=(
            f"A row that {source} received more than this many days after it happened says nothing "
            "about what is true of its person and groups now."
        ),
    )


def bare_ids_setting(source: str) -> th.Property[Any]:
    """Return the setting that says what a source's ids are that nothing tells apart."""
    return th.Property(
        "bare_distinct_ids",
        th.StringType,
        default="auto",
        allowed_values=["auto", "user", "device"],
        title="Bare distinct ids",
        description=(
            f"Whether an id of {source} that nothing says is a user's or a device's is one or the "
            "other; auto tells by its form."
        ),
    )


def chosen_events(config: Mapping[str, Any]) -> ChosenEvents:
    """Read the settings that choose among the source's events."""
    return ChosenEvents(
        include_events=tuple(config.get("include_events") or ()),
        exclude_events=tuple(config.get("exclude_events") or ()),
        rename_events=dict(config.get("rename_events") or {}),
    )
