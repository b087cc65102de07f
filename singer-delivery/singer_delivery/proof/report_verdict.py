"""The verdict of a report in a sentence, and what to know beside it. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timezone
from typing import Any

from singer_delivery.progress.figures import COMPLETE, RUNNING
from singer_delivery.proof.report_sources import Evidence
from singer_delivery.proof.result import span_of

NOT_VERIFIED = "not verified"


def verdict(
    of: Evidence, days: Sequence[Sequence[Any]], names: Sequence[Sequence[Any]]
) -> dict[str, str]:
    """Return the verdict: `state` in a word, `sentence`, and `beside` it what else to know.

    Args:
        of: what the report is made of.
        days: each with what was sent and found.
        names: of events, each with its name at the source, what was sent and found.
    """
    sent, verified = sum(each[2] for each in names), of.verified
    if verified is None:
        ask = f"Ask with: singer-delivery verify --target {of.target} --config …"
        state, sentence, beside = NOT_VERIFIED, _unverified(of, sent), [ask]
    else:
        state, sentence, beside = *_asked(verified, sent, days), [_age(of, verified)]
    return {"state": state, "sentence": sentence, "beside": " ".join([*beside, *_unread(of)])}


def _asked(
    verified: Mapping[str, Any], sent: int, days: Sequence[Sequence[Any]]
) -> tuple[str, str]:
    where = str((verified.get("destination") or {}).get("name") or "the destination")
    chosen = f"days {span_of(verified)}" if span_of(verified) else ""
    if verified.get("verdict") == "differs":
        only = f" Only {chosen} were compared." if chosen else ""
        return "differs", _differs(verified, where, sent, days) + only
    if verified.get("verdict") != "equal":
        said = (
            f"not all of the {sent:,} events could be compared at {where}"
            if sent
            else f"the books hold no event that could be compared with {where}"
        )
        return "unknown", f"Unknown: {said}."
    holds = f"{where} holds every one of the {sent:,} events"
    if chosen:
        return "unknown", (f"Unknown as a whole: {holds} of {chosen}; no other days were compared.")
    return "equal", f"The numbers match: {holds} that it accepted."


def _unread(of: Evidence) -> Iterator[str]:
    """Say what no comparison tells: what was never sent."""
    runs = [run for run in of.runs if "plan" not in run]
    if runs and runs[-1].get("outcome") == RUNNING:
        yield "A run is under way: what it brings is not in here."
    elif runs and runs[-1].get("outcome") != COMPLETE:
        yield f"The last run did not come to its end ({runs[-1].get('outcome')}): start it again."
    if of.gaps:
        gaps = "1 gap that was" if len(of.gaps) == 1 else f"{len(of.gaps):,} gaps that were"
        yield f"The source has {gaps} not read."
    there = sum((of.letters or {}).values())
    if there:
        yield f"Dead letters that lie there still: {there:,}."


def _differs(
    verified: Mapping[str, Any], where: str, sent: int, days: Sequence[Sequence[Any]]
) -> str:
    missing = (verified.get("missing") or {}).get("events") or 0
    said = (
        f"{missing:,} of {sent:,} events are missing at {where}"
        if missing
        else f"{where} holds events that were not sent"
    )
    return f"The numbers differ: {said}{_days_that_differ(days)}."


def _days_that_differ(days: Sequence[Sequence[Any]]) -> str:
    asked = [each for each in days if each[2] is not None]
    differ = sum(each[1] != each[2] for each in asked)
    if len(asked) == len(days):
        return f"; {differ:,} of {len(days):,} days differ"
    return f"; of {len(asked):,} days that could be asked {differ:,} differ" if asked else ""


def _unverified(of: Evidence, sent: int) -> str:
    if of.counts is None and not of.runs:
        return "Nothing was delivered yet: there are neither books nor reports of runs."
    counted = (
        "" if of.counts is not None else ", as the runs counted them (what was sent again twice)"
    )
    return (
        f"Not yet verified: {sent:,} events were accepted{counted}, and nobody has asked yet "
        "whether they are there."
    )


def _age(of: Evidence, verified: Mapping[str, Any]) -> str:
    """Say when it was asked, and whether a run came after it."""
    asked = str(verified.get("asked_at") or "")
    said = f"Asked {asked or 'nobody knows when'}, with {verified.get('requests') or 0:,} requests."
    ends = (str(run.get("finished", "")) for run in of.runs if "plan" not in run)
    last = max(ends, key=_moment, default="")
    if _moment(last) > _moment(asked):
        return f"{said} A run went on after that, until {last}: verify again."
    return said


def _moment(text: str) -> float:
    try:
        at = datetime.fromisoformat(text.replace("Z", "+00:00"))
    except ValueError:
        return 0.0
    return (at if at.tzinfo else at.replace(tzinfo=timezone.utc)).timestamp()
