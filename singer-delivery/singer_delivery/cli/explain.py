"""`singer-delivery explain`: one source row in, what is sent out, with the reason of each field."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import click

from singer_delivery.cli import explain_pages as pages
from singer_delivery.cli.explaining import Explainer, facts_of
from singer_delivery.cli.plugins import plugin_of, plugin_options
from singer_delivery.errors import SettingsError

NO_ROWS = "Nothing to explain: give a row as a JSON line, or a RECORD message."


@click.command()
@plugin_options("target")
@click.argument("file", required=False, type=click.Path(path_type=Path))
@click.option("--stream", default="events", show_default=True, help="Of rows without a message.")
@click.option("--with-ledger", is_flag=True, help="Decide as the real ledger says; read only.")
@click.option("--json", "as_json", is_flag=True, help="A JSON object for each row.")
def command(
    target: str | None,
    config: tuple[str, ...],
    file: Path | None,
    stream: str,
    *,
    with_ledger: bool,
    as_json: bool,
) -> None:
    """Say what a source row becomes, and which row of which table makes each field.

    Rows come from FILE or standard input: JSON lines, RECORD messages, or a tap's own output. Later
    rows are decided with what earlier ones said. Nothing is sent, and nothing is remembered.
    """
    plugin = plugin_of("target", target, config)
    with facts_of(plugin, with_ledger=with_ledger) as facts:
        explainer = Explainer(plugin, facts, stream)
        found = False
        for line in _lines(file):
            explained = explainer.line(line)
            if explained is None:
                continue
            found = True
            click.echo(_json(pages.as_json(explained)) if as_json else pages.page(explained))
    if not found:
        click.echo(NO_ROWS, err=True)
        sys.exit(1)


def _lines(file: Path | None) -> list[bytes]:
    """Return the lines of the input; a row may also stand on several, as it is printed.

    Raises:
        SettingsError: the file cannot be read.
    """
    try:
        with click.open_file(str(file) if file is not None else "-", "rb") as source:
            content: bytes = source.read()
    except OSError as error:
        msg = f"{file or 'Standard input'} cannot be read ({error.strerror})."
        raise SettingsError(msg) from error
    try:
        json.loads(content)
    except (ValueError, RecursionError):
        return [line for line in content.splitlines() if line.strip()]
    return [content]


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)
