"""What the commands about dead letters print. Pure."""

from __future__ import annotations

import json
import textwrap
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

from singer_delivery.cli.dead_letter_lines import Damaged, Letter
from singer_delivery.cli.dead_letter_reasons import explained
from singer_delivery.cli.dead_letter_summary import Count, Summary
from singer_delivery.progress.words import plain_lines, ruled

WIDTH = 96
NO_REASON = "(mended)"
HEADS = ("stream", "reason", "letters", "first", "last", "requests")


class Form(NamedTuple):
    """How letters are shown: the ids alone, and with or without values."""

    ids_only: bool
    values: bool


def summary(found: Summary, path: Path) -> str:
    """Return the counts as a table, and what to do for each reason."""
    if not found.letters:
        return "\n".join([f"No dead letters in {path}.", *_damaged(found.damaged, found.examples)])
    rows = [
        (
            stream,
            reason or NO_REASON,
            f"{of.letters:,}",
            _time(of.first),
            _time(of.last),
            _tries(of),
        )
        for stream, reason, of in found.by_frequency()
    ]
    parts = [
        f"{found.letters:,} dead letters in {path}",
        ruled(HEADS, rows, numbers=(2, 5)),
        *(_what_to_do(reason, count, found) for reason, count in found.reasons().items()),
        *_damaged(found.damaged, found.examples),
    ]
    return plain_lines("\n\n".join(parts))


def summary_json(found: Summary, path: Path) -> str:
    """Return the same as a JSON object."""
    counts = [
        {
            "stream": stream,
            "reason": reason,
            "letters": of.letters,
            "first": of.first or None,
            "last": of.last or None,
            "requests": {"fewest": of.fewest, "most": of.most},
            "endpoints": sorted(of.endpoints),
            "example": of.example,
            "meaning": explained(reason).meaning,
            "advice": explained(reason).advice,
        }
        for stream, reason, of in found.by_frequency()
    ]
    damaged = [{"line": each.number, "what": each.what} for each in found.examples]
    said = {"path": str(path), "letters": found.letters, "counts": counts}
    return json.dumps({**said, "damaged": found.damaged, "damaged_lines": damaged}, indent=2)


def letter(of: Letter, keys: Sequence[str], form: Form) -> str:
    """Return a letter as people read it."""
    why = of.why
    head = [f"line {of.number:,}", of.stream, why.reason or NO_REASON]
    head += [each for each in (_time(why.at) if why.at else "", why.endpoint) if each]
    if why.attempts:
        head.append("1 request" if why.attempts == 1 else f"{why.attempts} requests")
    lines = [" · ".join(head)]
    if why.detail:
        lines += textwrap.wrap(why.detail, WIDTH, initial_indent="  ", subsequent_indent="  ")
    return plain_lines("\n".join([*lines, *_content(of, keys, form)]))


def _content(of: Letter, keys: Sequence[str], form: Form) -> list[str]:
    message = of.why.message
    if message is not None and not form.ids_only:
        return [f"  the line: {message if form.values else shape(message)}"]
    record = of.record
    if record is None:
        return ["  The record cannot be shown: it is no JSON that Python reads."]
    shown = {name: value for name, value in record.items() if not form.ids_only or name in keys}
    return [_printed(shown if form.values else _shapes(shown))]


def written(files: Mapping[Path, tuple[str, int]], damaged: Sequence[Damaged], path: Path) -> str:
    """Say which files were written, with the reason and the number of letters of each."""
    rows = [(reason or NO_REASON, f"{n:,}", str(to)) for to, (reason, n) in files.items()]
    found = ruled(("reason", "letters", "file"), rows, numbers=(1,)) if rows else ""
    head = f"{path} stays as it is." if rows else f"There are no such letters in {path}."
    return "\n\n".join(each for each in (found, head, *_damaged(len(damaged), damaged)) if each)


def shape(value: Any) -> str:
    """Return what a value is, without what it says."""
    if isinstance(value, str):
        return f"<text of {len(value):,}>"
    if isinstance(value, bool) or value is None:
        return f"<{json.dumps(value)}>"
    if isinstance(value, (int, float)):
        return "<number>"
    return f"<{'object' if isinstance(value, dict) else 'list'} of {len(value):,}>"


def _shapes(record: Mapping[str, Any]) -> dict[str, Any]:
    return {
        name: {key: shape(each) for key, each in value.items()}
        if isinstance(value, dict)
        else shape(value)
        for name, value in record.items()
    }


def _printed(record: Mapping[str, Any]) -> str:
    return textwrap.indent(json.dumps(record, ensure_ascii=False, indent=2), "  ")


def _what_to_do(reason: str, count: int, found: Summary) -> str:
    about = explained(reason)
    examples = (of.example for (_, its), of in found.counts.items() if its == reason and of.example)
    example = next(examples, "")
    lines = [about.meaning, about.advice, *([f"For example: {example}"] if example else [])]
    body = [
        wrapped
        for line in lines
        for wrapped in textwrap.wrap(line, WIDTH, initial_indent="  ", subsequent_indent="  ")
    ]
    return "\n".join([f"{reason or NO_REASON} ({count:,})", *body])


def _damaged(count: int, examples: Sequence[Damaged]) -> list[str]:
    """Return a paragraph on damaged lines, if there are any."""
    if not count:
        return []
    what = "1 line is" if count == 1 else f"{count:,} lines are"
    named = [f"  line {each.number:,} {each.what}" for each in examples[:5]]
    head = f"{what} damaged; no command removes or sends what stands there:"
    return ["\n".join([head, *named, *(["  …"] if count > len(named) else [])])]


def _time(at: str) -> str:
    return at[:16].replace("T", " ") if at else "unknown"


def _tries(of: Count) -> str:
    return f"{of.most:,}" if of.fewest == of.most else f"{of.fewest:,} to {of.most:,}"
