"""`python -m bench.from_mixpanel`: what it costs to read a Mixpanel project, and to bring it back.

Reading: the tap alone from the raw export, beside npm's mixpanel-import. Bringing back: the tap on
an archive of the same rows, and the target that sends them to Amplitude, beside a tap and a target
with the defaults of the Singer SDK. Writes bench/from-mixpanel.md and prints it.
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from pathlib import Path

from bench.export import Export
from bench.export_server import ExportServer
from bench.figures import cpu, largest, rate, total
from bench.limits import MEMORY_LIMIT_MB, highest
from bench.mixpanel_rows import generated
from bench.peers import pipelines as peers
from bench.pipelines import TAP_SETTINGS, Floor, Ours
from bench.processes import BIN, Pipe, RunFailed
from bench.services import SERVICES
from bench.sink import Counts
from bench.table import machine, median, number, recipe, spread, table
from bench.trials import PEERS_SHARE, Results, Trial, run_rounds

EVENTS, ROUNDS = 200_000, 3
PAGE = Path(__file__).parent / "from-mixpanel.md"
TAP = "tap-mixpanel"
SDK_TIMES = 10
"""How many times the events/s of the SDK's defaults RECORD messages reach at least."""

HEAD = """\
# From Mixpanel: how fast, and at what cost

`{command}` wrote this page: {machine}.

All read the same generated rows of about 500 bytes; medians of {rounds} rounds, in turns.
The raw export is served from files that are compressed already; what is sent goes to a local sink
that answers at once and validates nothing. Start-up is included.
"""


@dataclass(frozen=True)
class Reading:
    """`tap-mixpanel` alone, from the raw export into a file.

    Args:
        server: serves the export.
    """

    server: str
    note: str = ""
    name: str = f"{TAP}, RECORD messages into a file"

    def start(self, export: Export, work: Path, url: str) -> Pipe:  # noqa: ARG002 - it sends nothing
        """Start it."""
        first, last = (export.files[place].path.name.split(".")[0] for place in (0, -1))
        config = {
            **TAP_SETTINGS[TAP],
            "base_url": self.server,
            "query_base_url": self.server,
            "project_id": "2718281",
            "service_account_username": "bench.0123ab.mp-service-account",
            "service_account_secret": "0123456789abcdefghijklmnopqrstuv",
            "start_date": first,
            "end_date": f"{date.fromisoformat(last) + timedelta(days=1)}",
            "spool_dir": str(work / "spool"),
        }
        path = work / "tap.json"
        path.write_text(json.dumps(config))
        return Pipe([[str(BIN / TAP), "--config", str(path)]], work)

    def sent(self, export: Export, work: Path, counts: Counts, output: bytes) -> int:  # noqa: ARG002
        """Check that every row came."""
        peers.check_rows(output.count(b'{"type":"RECORD"'), export)
        return 0


def main() -> None:
    """Run the rounds and write the page."""
    parser = argparse.ArgumentParser(prog="python -m bench.from_mixpanel")
    parser.add_argument("--events", type=int, default=EVENTS)
    parser.add_argument("--rounds", type=int, default=ROUNDS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        export = generated(folder / "export", options.events)
        part = export.first(max(export.lines // PEERS_SHARE, 20_000), folder / "part")
        with ExportServer(export) as server:
            try:
                text, missed = page(export, part, server.url, folder, options)
            except RunFailed as error:
                sys.exit(str(error))
    PAGE.write_text(text, encoding="utf-8")
    print(text)
    if missed:
        sys.exit("\n".join(missed))


def page(
    export: Export, part: Export, server: str, folder: Path, options: argparse.Namespace
) -> tuple[str, Sequence[str]]:
    """Return the page, and a sentence for each pipe that took more memory than it may."""
    rounds = options.rounds
    service = next(each for each in SERVICES if each.name == "Amplitude")
    reading = [Trial(Floor(), export), Trial(Reading(server), export)]
    if peers.missing_node() is None:
        reading.append(Trial(peers.MixpanelExport(server), export))
    ours = [Trial(Ours(service, batch, tap=TAP), export) for batch in (False, True)]
    sdk = Trial(peers.SdkDefaults(service, source="Mixpanel"), part)
    results = run_rounds([*reading, *ours, sdk], rounds, folder)
    command = recipe("bench-mixpanel", N=(options.events, EVENTS), ROUNDS=(rounds, ROUNDS))
    lines = [HEAD.format(command=command, machine=machine(), rounds=rounds)]
    lines += _section("Reading", reading, results, reading[1])
    lines += _section("Mixpanel to Amplitude", [*ours, sdk], results, ours[0])
    times = results.ratio(ours[0], sdk)
    lines.append(f"RECORD ÷ Singer SDK defaults: {number(times)}; asked are {SDK_TIMES}.\n")
    taken = [(trial, highest(trial, results)) for trial in (reading[1], *ours)]
    over = [
        f"{trial.pipeline.name}: {mb:.0f} MB, over the limit of {MEMORY_LIMIT_MB} MB."
        for trial, mb in taken
        if mb > MEMORY_LIMIT_MB
    ]
    return "\n".join(lines), over


def _section(title: str, trials: Sequence[Trial], results: Results, base: Trial) -> Iterator[str]:
    yield f"## {title}\n"
    head = ["", "events", "events/s", "lowest to highest", "CPU µs", "MB, largest", "MB, all"]
    rows = [_row(trial, results, base) for trial in trials]
    yield from table([*head, "ours ÷ it"], rows)
    yield ""
    yield from (
        f"- {each.pipeline.name}: {each.pipeline.note}" for each in trials if each.pipeline.note
    )
    yield ""


def _row(trial: Trial, results: Results, base: Trial) -> list[str]:
    rates = results.of(trial, rate)
    return [
        trial.pipeline.name,
        f"{trial.export.lines:,}",
        median(rates),
        spread(rates),
        *(number(results.median(trial, figure)) for figure in (cpu, largest, total)),
        number(results.ratio(base, trial)),
    ]


if __name__ == "__main__":
    main()
