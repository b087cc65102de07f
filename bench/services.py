"""The destinations that the bench sends to, with realistic settings of our targets."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from tools.connectors import targets


@dataclass(frozen=True, eq=False)
class Service:
    """A destination.

    Attributes:
        name: for people.
        target: name of our target.
        settings: of the target; they are realistic, since a target looks for its secrets in what a
            service answers. Where a service's documented rate would be kept, it is switched off.
        address: the setting that takes the sink's address.
        label: for people: the settings that tell it from another of its name.
    """

    name: str
    target: str
    settings: dict[str, Any]
    address: str
    label: str = ""

    def other(self, **settings: str) -> Service:
        """Return the same with other settings."""
        label = "".join(f", {name}: {value}" for name, value in settings.items())
        return replace(self, settings={**self.settings, **settings}, label=label)

    def config(self, url: str, work: Path) -> dict[str, Any]:
        """Return the config of our target for one run."""
        return {
            **self.settings,
            self.address: url,
            "ledger_url": f"sqlite:///{work / 'ledger.sqlite3'}",
            "dead_letter_path": str(work / "dead-letters.singer"),
            "report_path": str(work / "report.json"),
            "status_path": str(work / "status.json"),
            "reports_path": str(work / "reports"),
        }


SETTINGS: dict[str, tuple[dict[str, Any], str]] = {
    "target-posthog": (
        {"api_key": "phc_0123456789abcdefghijklmnopqrstuvwxyz", "capture": "v0"},
        "host",
    ),
    "target-mixpanel": (
        {
            "project_token": "0123456789abcdef-token",
            "project_id": "2718281",
            "service_account_username": "bench.0123ab.mp-service-account",
            "service_account_secret": "0123456789abcdefghijklmnopqrstuv",
            "max_events_per_second": 0,
            "retention_years": 5,
        },
        "base_url",
    ),
    "target-amplitude": (
        {"api_key": "0123456789abcdef0123456789abcdef", "max_events_per_second_per_id": 1_000},
        "base_url",
    ),
}
"""Settings and address of each service, by its target."""

SERVICES = tuple(
    Service(each.vendor, each.name, *SETTINGS[each.name])
    for each in targets()
    if each.name in SETTINGS
)

OTHERS: dict[str, dict[str, str]] = {"target-posthog": {"capture": "v1"}}
"""Settings with which a target is measured once more."""
