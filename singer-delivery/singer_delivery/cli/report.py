"""`singer-delivery report`: one page to read, print and sign, of what a target has delivered."""

from __future__ import annotations

from collections import Counter
from contextlib import closing
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import click

from singer_delivery.cli.dead_letter_lines import opened, read_lines
from singer_delivery.cli.dead_letter_reasons import explained
from singer_delivery.cli.dead_letter_summary import Summary
from singer_delivery.cli.plugins import plugin_of, plugin_options
from singer_delivery.errors import DeliveryError, SettingsError, StorageError
from singer_delivery.io.files import write_private
from singer_delivery.ledger import coverage
from singer_delivery.proof.counting import day_of
from singer_delivery.proof.report_data import data_of
from singer_delivery.proof.report_sources import (
    Count,
    Covered,
    Evidence,
    kept_runs,
    newest_verified,
    public_settings,
)
from singer_delivery.sdk.config import path_of


@click.command(short_help="Write one page about a migration, or its plan.")
@plugin_options("target")
@click.option("--output", type=click.Path(path_type=Path), help="File; <target>.report.html.")
@click.option("--with-ids", is_flag=True, help="Show examples, which name people.")
def command(
    target: str | None, config: tuple[str, ...], output: Path | None, *, with_ids: bool
) -> None:
    """Write one HTML page about what was delivered, and whether it is there.

    It is made of the books, the reports of runs, the newest result of `verify`, and the dead
    letters. After a dry run it is a plan: what a run will do, and what it costs.
    """
    plugin = plugin_of("target", target, config)
    path = output or Path(f"{plugin.name}.report.html")
    from singer_delivery.proof.report_page import page  # noqa: PLC0415 - Jinja takes a while

    evidence = evidence_of(plugin, datetime.now(timezone.utc))
    data = data_of(evidence, explained, with_ids=with_ids)
    try:
        write_private(path, page(data))
    except OSError as error:
        msg = f"The report could not be written to {path} ({error.strerror}): set --output."
        raise StorageError(msg) from error
    click.echo(data["verdict"]["sentence"])
    click.echo(f"The {data['kind']} is in {path}.")


def evidence_of(target: Any, now: datetime) -> Evidence:
    """Return everything that a report about a target is made of.

    Raises:
        DeliveryError: something of it cannot be read.
    """
    config = target.config
    folder, last = path_of(config, "reports_path"), path_of(config, "report_path")
    counts, covered, gaps = _books(target)
    return Evidence(
        target=target.name,
        version=str(target.plugin_version),
        made_at=now.strftime("%Y-%m-%dT%H:%M:%SZ"),
        runs=kept_runs(folder, last),
        verified=newest_verified(folder),
        counts=counts,
        covered=covered,
        gaps=gaps,
        letters=_letters(Path(config["dead_letter_path"])),
        settings=public_settings(config, target.config_jsonschema),
    )


def _books(target: Any) -> tuple[list[Count] | None, list[Covered], list[Covered]]:
    """Return what the books say; None for the counts where there are none."""
    from singer_delivery.ledger.books import Books  # noqa: PLC0415 - SQLAlchemy takes long

    try:
        books = Books(target.config["ledger_url"], target.scope)
    except SettingsError:  # there is no such file
        return None, [], []
    with closing(books):
        counts = Counter[tuple[int, str, str]]()
        for cell in books.cells():
            counts[cell.day, cell.name, cell.source_name] += cell[3]
        covered = books.coverage()
    found = [
        Count(str(day_of(day)), name, source, count)
        for (day, name, source), count in sorted(counts.items())
    ]
    ranges, between = ([Covered(*each) for each in of] for of in (covered, coverage.gaps(covered)))
    return found or None, ranges, between


def _letters(path: Path) -> dict[str, int] | None:
    """Return how many dead letters lie there, by reason."""
    if not path.is_file():
        return {}
    try:
        with opened(path) as letters:
            return Summary.of(read_lines(letters)).reasons()
    except DeliveryError:  # the counts of the runs are told all the same
        return None
