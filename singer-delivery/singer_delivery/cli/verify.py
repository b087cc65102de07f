"""`singer-delivery verify`: is all that was accepted there? Exit code 0, 1, 2, or 130."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass, fields
from datetime import date, datetime, timezone
from typing import Any

import click
import orjson

from singer_delivery.cli.plugins import installed, plugin_of, plugin_options
from singer_delivery.errors import DeliveryError
from singer_delivery.io.files import write_private
from singer_delivery.io.retry import Clock
from singer_delivery.proof.again import Way
from singer_delivery.proof.counting import CannotAsk, Counter, day_number, day_of
from singer_delivery.proof.result import Asked, not_asked, result_of, table
from singer_delivery.proof.soft import soft_check
from singer_delivery.proof.verify import Options, Verifier
from singer_delivery.sdk.config import path_of

EQUAL, DIFFERS, UNKNOWN, INTERRUPTED = 0, 1, 2, 130
CODES = {"equal": EQUAL, "differs": DIFFERS, "unknown": UNKNOWN}


@dataclass(frozen=True)
class Wishes:
    """What the command line says beside the options of the comparison."""

    config: Sequence[str]
    source: str | None
    source_config: Sequence[str]
    source_timezone: str | None
    source_names: int | None
    is_raw: bool
    as_json: bool
    only_cost: bool
    most_requests: int | None


def day(_ctx: click.Context, _param: click.Parameter, value: datetime | None) -> int | None:
    """Read a day."""
    return None if value is None else day_number(date(value.year, value.month, value.day))


DAY = click.DateTime(formats=["%Y-%m-%d"])
SECONDS = click.FloatRange(min=0)


@click.command(short_help="Compare the books with the destination.")
@plugin_options("target")
@click.option("--since", "first", type=DAY, callback=day, help="First day to compare, of UTC.")
@click.option("--until", "last", type=DAY, callback=day, help="Last day to compare, included.")
@click.option("--both-ways", is_flag=True, help="More at the destination is a difference, too.")
@click.option("--every-id", is_flag=True, help="Compare ids on all days, not only where some lack.")
@click.option(
    "--raw", "is_raw", is_flag=True, help="Count raw exports where reports cannot be asked."
)
@click.option(
    "--interval", type=SECONDS, default=300.0, show_default=True, help="Seconds between readings."
)
@click.option(
    "--wait", "longest", type=SECONDS, default=3600.0, show_default=True, help="Seconds in all."
)
@click.option(
    "--max-requests", "most_requests", type=click.IntRange(1), help="Most requests to send."
)
@click.option("--cost", "only_cost", is_flag=True, help="Say what it costs, ask nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")
@click.option("--source", metavar="TAP", help="Compare with this tap's source, too; softly.")
@click.option("--source-config", multiple=True, metavar="FILE", help="The tap's settings, or ENV.")
@click.option("--source-timezone", metavar="ZONE", help="In which the source counts days.")
@click.option("--source-names", type=click.IntRange(0), help="How many names to ask of the source.")
def command(**given: Any) -> None:
    """Compare what the books say was accepted with what the destination holds.

    Exit code 0: equal; 1: something lacks; 2: it could not be asked; 130: interrupted. More at the
    destination is no difference, unless --both-ways says so.
    """
    wishes = Wishes(**{each.name: given[each.name] for each in fields(Wishes)})
    options = Options(**{each.name: given[each.name] for each in fields(Options)})
    try:
        code = _verify(given["target"], wishes, options)
    except KeyboardInterrupt:
        tell("Interrupted: nothing is changed, ask again at any time.")
        code = INTERRUPTED
    except DeliveryError as error:
        tell(str(error))
        code = UNKNOWN
    sys.exit(code)


def tell(sentence: str) -> None:
    """Say something to the person who waits; stdout is for the result."""
    click.echo(sentence, err=True)


def _verify(name: str | None, wishes: Wishes, options: Options) -> int:
    from singer_delivery.ledger.books import Books  # noqa: PLC0415 - SQLAlchemy takes long

    target, clock = plugin_of("target", name, wishes.config), Clock()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a target waits for its requests
    counter = _counter_of(target, clock, wishes)
    with closing(Books(target.config["ledger_url"], target.scope)) as books:
        verifier = Verifier(counter, books, options, clock, tell)
        if wishes.only_cost:
            verifier.announce()
            return EQUAL
        asked_at = datetime.fromtimestamp(clock.now(), timezone.utc)
        way = _way(target.name, wishes, books.coverage())
        result = _result(verifier, counter, options, way, asked_at)
    _keep(result, target, asked_at)
    if wishes.as_json:
        click.echo(orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
    else:
        click.echo("\n".join(table(result)))
    _compare_with_source(wishes, verifier, clock)
    return CODES[result["verdict"]]


def _result(
    verifier: Verifier, counter: Counter, options: Options, way: Way, at: datetime
) -> dict[str, Any]:
    """Return the result of a comparison, also of one that could not be made."""
    try:
        verifier.announce()
        outcome = verifier.run()
    except CannotAsk as error:
        return not_asked(_asked(counter, options, at), str(error))
    return result_of(outcome, _asked(counter, options, at), way, both_ways=options.both_ways)


def _counter_of(target: Any, clock: Clock, wishes: Wishes) -> Counter:
    """Return what asks the target's destination.

    Raises:
        CannotAsk: it cannot be asked, or a setting for that is missing.
    """
    make: Callable[..., Counter] | None = getattr(target, "counter", None)
    if make is None:
        msg = f"{target.name} has no way yet to ask its destination what it holds."
        raise CannotAsk(msg)
    counter = make(clock, tell, raw=wishes.is_raw)
    if wishes.most_requests is not None:
        counter.most_requests = wishes.most_requests
    return counter


def _asked(counter: Counter, options: Options, at: datetime) -> Asked:
    return Asked(
        destination=counter.destination,
        project=counter.project,
        asked_at=at.strftime("%Y-%m-%dT%H:%M:%SZ"),
        time_zone=counter.time_zone,
        requests=counter.requests,
        since=_day_text(options.first),
        until=_day_text(options.last),
    )


def _day_text(day: int | None) -> str | None:
    return None if day is None else str(day_of(day))


def _way(target: str, wishes: Wishes, coverage: Sequence[Any]) -> Way:
    """Return how hours are sent again: by the tap that is named."""
    source = wishes.source or ""
    return Way(
        target=target,
        target_config=wishes.config,
        source=source,
        source_config=wishes.source_config,
        by_day=_takes_days(source, coverage),
        under_meltano="MELTANO_PROJECT_ROOT" in os.environ or "MELTANO_ENVIRONMENT" in os.environ,
    )


def _takes_days(source: str, coverage: Sequence[Any]) -> bool:
    """Tell whether a tap takes whole days alone: by itself, or by what it covered."""
    taps = installed("tap")
    if source in taps:
        return bool(getattr(taps[source].load(), "takes_whole_days", False))
    ends = [end for each in coverage for end in (str(each.start), str(each.end))]
    return bool(ends) and all(each.endswith("T00") or len(each) == 10 for each in ends)


def _keep(result: Any, target: Any, at: datetime) -> None:
    """Keep the result beside the run reports, if they are kept."""
    folder = path_of(target.config, "reports_path")
    if folder is None:
        return
    path = folder / f"verify-{at:%Y%m%dT%H%M%SZ}.json"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_private(path, orjson.dumps(result, option=orjson.OPT_INDENT_2).decode())
    except OSError as error:
        tell(f"The result cannot be kept in {path}: {error.strerror}.")
    else:
        tell(f"The result is kept in {path}.")


def _compare_with_source(wishes: Wishes, verifier: Verifier, clock: Clock) -> None:
    """Print the books beside the source's own figures; it never fails the command."""
    if not wishes.source or not wishes.source_config:
        return
    try:
        tap = plugin_of("tap", wishes.source, wishes.source_config)
        make = getattr(tap, "source_counter", None)
        if make is None:
            tell(f"{wishes.source} has no way to ask its source for figures.")
            return
        counter = make(clock, tell, wishes.source_timezone)
        lines = soft_check(verifier.sent, counter, wishes.source_names)
        click.echo("\n" + "\n".join(lines), err=wishes.as_json)
    except DeliveryError as error:
        tell(f"The source was not asked: {error}")
