"""The peers as pipelines of the bench."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path

from bench.export import Export
from bench.processes import ROOT, Pipe, RunFailed
from bench.services import Service
from bench.sink import Counts

HERE = Path(__file__).parent
GUIDE_PYTHON = ROOT / ".tools" / "bench" / "bin" / "python"
NODE_MODULES = ROOT / ".tools" / "bench-node"


@dataclass(frozen=True)
class SdkDefaults:
    """A tap and a target with the defaults of the Singer SDK, and our mapping."""

    service: Service
    source: str = "Amplitude"
    note: str = (
        "reader, writer, conformance, validation and `BatchSink` as they come, batches sent by "
        "`requests` one after the other; no compression, retries, ledger or dead letters."
    )

    @property
    def name(self) -> str:
        """For people."""
        return "Singer SDK defaults, tap | target, same mapping"

    def start(self, export: Export, work: Path, url: str) -> Pipe:
        """Start both."""
        configs = {
            "tap": {"archive_path": str(export.folder), "source": self.source},
            "target": {
                "pair": f"{self.source} to {self.service.name}",
                "url": url,
                "report_path": str(work / "report.json"),
            },
        }
        for kind, config in configs.items():
            (work / f"{kind}.json").write_text(json.dumps(config))
        return Pipe(
            [
                [sys.executable, "-m", f"bench.peers.default_{kind}", "--config", config]
                for kind, config in ((kind, str(work / f"{kind}.json")) for kind in configs)
            ],
            work,
        )

    def sent(self, export: Export, work: Path, counts: Counts, output: bytes) -> int:  # noqa: ARG002 - its report says more
        """Check that it read everything and that all arrived: it is ours to get right."""
        counted: dict[str, int] = json.loads((work / "report.json").read_text())
        arrived = counts.events + counts.updates
        if counted != {"read": export.lines, "sent": arrived}:
            msg = f"The SDK's defaults: {counted}, {export.lines:,} lines, {arrived:,} arrived."
            raise RunFailed(msg)
        return counted["sent"]


@dataclass(frozen=True)
class Guide:
    """A script in the manner of PostHog's guide; it may lose events, which is shown."""

    note: str = (
        "about twenty properties an event, the event's own left out; debugging off, `shutdown()` "
        "at the end."
    )

    @property
    def name(self) -> str:
        """For people."""
        return f"script in the manner of PostHog's guide, posthog {guide_version()}"

    def start(self, export: Export, work: Path, url: str) -> Pipe:
        """Start it."""
        script = str(HERE / "posthog_guide.py")
        return Pipe([[str(GUIDE_PYTHON), script, str(export.folder), url]], work)

    def sent(self, export: Export, work: Path, counts: Counts, output: bytes) -> int:  # noqa: ARG002
        """Return how many events and aliases it gave to the SDK."""
        counted: dict[str, int] = json.loads(output)
        return counted["sent"]


@dataclass(frozen=True)
class MixpanelImport:
    """npm's mixpanel-import; events only, as one run of it sends them."""

    note: str = (
        "the defaults of its module (50 workers, gzip); events only, profiles would be another run."
    )

    @property
    def name(self) -> str:
        """For people."""
        return f"npm mixpanel-import {node_versions()['mixpanel-import']}, vendor amplitude"

    def start(self, export: Export, work: Path, url: str) -> Pipe:
        """Start it."""
        script = str(HERE / "mixpanel_import.js")
        return Pipe([["node", script, str(NODE_MODULES), str(export.folder), url]], work)

    def sent(self, export: Export, work: Path, counts: Counts, output: bytes) -> int:  # noqa: ARG002
        """Return how many events it says it sent."""
        counted: dict[str, int] = json.loads(output.splitlines()[-1])
        return counted["sent"]


@dataclass(frozen=True)
class MixpanelExport:
    """npm's mixpanel-import as an exporter: from Mixpanel's raw export into a file.

    Args:
        server: serves the export.
    """

    server: str
    note: str = "its module writes each row anew; one request for the complete range."

    @property
    def name(self) -> str:
        """For people."""
        return f"npm mixpanel-import {node_versions()['mixpanel-import']}, export to a file"

    def start(self, export: Export, work: Path, url: str) -> Pipe:  # noqa: ARG002 - it sends nothing
        """Start it."""
        days = [file.path.name.split(".")[0] for file in export.files]
        script, out = str(HERE / "mixpanel_export.js"), str(work / "rows.jsonl")
        node = ["node", script, str(NODE_MODULES), out, self.server, days[0], days[-1]]
        return Pipe([node], work)

    def sent(self, export: Export, work: Path, counts: Counts, output: bytes) -> int:  # noqa: ARG002
        """Check that every row came."""
        with (work / "rows.jsonl").open("rb") as rows:
            check_rows(sum(1 for _ in rows), export)
        return 0


def check_rows(found: int, export: Export) -> None:
    """Check how many rows were read.

    Raises:
        RunFailed: they are not those of the export.
    """
    if found != export.lines:
        msg = f"{found:,} of {export.lines:,} rows were read."
        raise RunFailed(msg)


def guide_version() -> str:
    """Return the version of the posthog package."""
    pins = (HERE / "constraints.txt").read_text()
    found = re.search(r"^posthog==(\S+)", pins, re.MULTILINE)
    assert found is not None
    return found[1]


def node_versions() -> dict[str, str]:
    """Return the versions of the npm packages."""
    versions: dict[str, str] = json.loads((HERE / "package.json").read_text())["dependencies"]
    return versions


def missing_guide() -> str | None:
    """Return why the guide's script cannot run, if so."""
    installed = (ROOT / ".tools" / "bench" / ".installed").exists()
    return None if installed else "the posthog package could not be installed"


def missing_node() -> str | None:
    """Return why mixpanel-import cannot run, if so."""
    if shutil.which("node") is None:
        return "there is no node here"
    installed = (NODE_MODULES / "node_modules" / "mixpanel-import").is_dir()
    return None if installed else "it could not be installed"
