"""Whose records are loaded: the settings that leave people out, and take a sample of people."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from singer_sdk import typing as th

from singer_delivery.errors import SettingsError
from singer_delivery.io.id_files import read_ids
from singer_delivery.mapping.excluded import WithoutPeople
from singer_delivery.mapping.sampled import Sampled
from singer_delivery.model import RecordMapping

EXCLUDE_PEOPLE, SAMPLE_USERS = "exclude_people_path", "sample_users"


def people_settings() -> list[th.Property[Any]]:
    """Return the settings that say whose records are loaded."""
    return [
        th.Property(
            EXCLUDE_PEOPLE,
            th.StringType,
            title="Excluded people",
            description=(
                "File of ids, one a line, of people to leave out: records with one of them, as "
                "user, device or any other id the source has, are not sent, only counted "
                "(excluded_person)."
            ),
        ),
        th.Property(
            SAMPLE_USERS,
            th.CustomType({"type": ["string", "number"]}),  # Meltano fails on decimals
            default="100%",
            title="Sample of people",
            description=(
                "Which share of people is loaded, such as 1% or 0.01: each with all of their "
                "records or with none, always the same people, so that funnels stay true. Other "
                "people's records are only counted (not_sampled). STATE moves on all the same."
            ),
        ),
    ]


def excluded_by(config: Mapping[str, Any]) -> frozenset[str]:
    """Return the ids of people who are left out.

    Raises:
        SettingsError: their file cannot be read.
    """
    path = config.get(EXCLUDE_PEOPLE)
    return frozenset() if path is None else read_ids(path, EXCLUDE_PEOPLE)


def share_of(config: Mapping[str, Any]) -> float:
    """Return which share of people is loaded, 1 for all.

    Raises:
        SettingsError: the setting is no share.
    """
    text = str(config[SAMPLE_USERS]).strip()
    try:
        share = float(text.removesuffix("%")) / (100 if text.endswith("%") else 1)
    except ValueError:
        share = -1
    if not 0 <= share <= 1:  # nor what is no number
        msg = f"`{SAMPLE_USERS}` must be a share such as 1% or 0.01, not '{text}'."
        raise SettingsError(msg)
    return share


def of_chosen_people(
    mapping: RecordMapping, config: Mapping[str, Any], excluded: Collection[str]
) -> RecordMapping:
    """Return a mapping of the records of those people alone whom the settings choose.

    Args:
        mapping: of everybody's.
        config: of the target.
        excluded: the ids of people who are left out.
    """
    share = share_of(config)
    sampled = Sampled(mapping, share) if share < 1 else mapping
    return WithoutPeople(sampled, excluded) if excluded else sampled


def sample_warning(config: Mapping[str, Any]) -> str | None:
    """Say what a run with a sample of people leaves behind; None where there is nothing to say."""
    share = share_of(config)
    if share >= 1 or config["dry_run"]:
        return None
    return (
        f"`{SAMPLE_USERS}` loads {share * 100:g} % of people, and STATE moves on as if it were "
        "all. Start the complete load from the beginning: under Meltano with `--full-refresh`, or "
        "with a `--state-id-suffix` of its own. What was loaded by then is not doubled."
    )
