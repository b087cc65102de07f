"""`singer-delivery dead-letters`: what lies there, why, what to do, and sending it again."""

from __future__ import annotations

import sys
from pathlib import Path

import click

from singer_delivery.cli import dead_letter_pages as pages
from singer_delivery.cli.dead_letter_choice import Chosen, choosing, naming_the_file, path_of
from singer_delivery.cli.dead_letter_lines import Damaged, Schema, opened, read_lines
from singer_delivery.cli.dead_letter_summary import Summary
from singer_delivery.cli.dead_letter_writer import split as split_file


@click.group()
def command() -> None:
    """Look at dead letters, part them, and send them again."""


@command.command()
@naming_the_file
@click.option("--json", "as_json", is_flag=True, help="As one JSON object.")
def summary(
    file: Path | None, target: str | None, config: tuple[str, ...], *, as_json: bool
) -> None:
    """Count the letters by stream and reason, and say what to do for each reason."""
    path = path_of(file, target, config)
    with opened(path) as letters:
        found = Summary.of(read_lines(letters))
    click.echo(pages.summary_json(found, path) if as_json else pages.summary(found, path))


@command.command()
@naming_the_file
@choosing
@click.option("--limit", type=click.IntRange(min=0), default=20, help="At most so many; 0: all.")
@click.option("--ids-only", is_flag=True, help="Only the columns of each stream's key.")
@click.option(
    "--values/--no-values",
    default=None,
    help="Whether values of records are shown; by default on a terminal alone.",
)
def show(
    file: Path | None,
    target: str | None,
    config: tuple[str, ...],
    reasons: tuple[str, ...],
    streams: tuple[str, ...],
    limit: int,
    *,
    ids_only: bool,
    values: bool | None,
) -> None:
    """Print letters with their reasons.

    Records hold people's data: into a pipe or a log go the forms of their values alone.
    """
    chosen = Chosen(frozenset(reasons), frozenset(streams))
    form = pages.Form(ids_only=ids_only, values=sys.stdout.isatty() if values is None else values)
    path, keys, shown = path_of(file, target, config), dict[str, list[str]](), 0
    with opened(path) as letters:
        for line in read_lines(letters):
            if isinstance(line, Damaged):
                click.echo(f"Line {line.number} {line.what}.", err=True)
            elif isinstance(line, Schema):
                keys[line.stream] = line.keys()
            elif chosen.has(line):
                click.echo(pages.letter(line, keys.get(line.stream, []), form))
                shown += 1
                if shown == limit:
                    click.echo(f"Here --limit {limit} ends the list.", err=True)
                    return
    if not shown:
        click.echo(f"There are no such letters in {path}.", err=True)


@command.command()
@naming_the_file
@choosing
@click.option(
    "--into", metavar="FOLDER", type=click.Path(path_type=Path), help="By default beside the file."
)
def split(
    file: Path | None,
    target: str | None,
    config: tuple[str, ...],
    reasons: tuple[str, ...],
    streams: tuple[str, ...],
    into: Path | None,
) -> None:
    """Write a file for each reason, which can be piped into the target by itself.

    The file itself stays as it is, and no file is overwritten.
    """
    path = path_of(file, target, config)
    chosen = Chosen(frozenset(reasons), frozenset(streams))
    written, damaged = split_file(path, chosen, into or path.parent)
    click.echo(pages.written(written, damaged, path))


@command.command()
@naming_the_file
@choosing
def retry(
    file: Path | None,
    target: str | None,
    config: tuple[str, ...],
    reasons: tuple[str, ...],
    streams: tuple[str, ...],
) -> None:
    """Send letters again, and keep those that die again.

    The target runs as it always does. What it has decided leaves the file; what dies again comes
    back with its new reason. Whatever interrupts it, no letter is lost.
    """
    from singer_delivery.cli.dead_letter_retry import Retry  # noqa: PLC0415 - the others need none

    chosen = Chosen(frozenset(reasons), frozenset(streams))
    sys.exit(Retry.of(target, config, file, chosen).run())
