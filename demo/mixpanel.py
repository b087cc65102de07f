"""The demonstration's Mixpanel: a project with Simplified ID Merge and its group keys declared."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from demo import bundle, mixpanel_balance
from demo.checks import conflicts_in
from demo.destination import Figures, Outcome
from tests.fakes.mixpanel import FakeMixpanel

if TYPE_CHECKING:
    from collections.abc import Mapping


class Mixpanel:
    """A `Destination`."""

    service = "Mixpanel"
    target = "target-mixpanel"
    is_asked = True

    def __init__(self) -> None:
        self._truth = bundle.sample_company().mixpanel_truth()
        self.stand_in = FakeMixpanel(group_keys=self._truth.group_keys)

    def settings(self) -> dict[str, str]:
        """Return where the stand-in is, and its credentials."""
        credentials = self.stand_in.credentials
        return {
            "TARGET_MIXPANEL_BASE_URL": self.stand_in.url,
            "TARGET_MIXPANEL_QUERY_BASE_URL": self.stand_in.url,
            "TARGET_MIXPANEL_PROJECT_TOKEN": credentials.token,
            "TARGET_MIXPANEL_PROJECT_ID": credentials.project_id,
            "TARGET_MIXPANEL_SERVICE_ACCOUNT_USERNAME": credentials.username,
            "TARGET_MIXPANEL_SERVICE_ACCOUNT_SECRET": credentials.secret,
        }

    def outcome(self, report: Mapping[str, Any]) -> Outcome:
        """Compare what arrived with what the sample is known to hold."""
        arrived = mixpanel_balance.arrived_at(self.stand_in)
        checks = mixpanel_balance.checks(arrived, report, self._truth)
        return Outcome(arrived.names, figures(arrived, report), checks)


def figures(arrived: mixpanel_balance.Arrived, report: Mapping[str, Any]) -> Figures:
    """Return what the summary counts beside the events."""
    return [
        ("people", len(arrived.people)),
        ("  with a profile", len(arrived.profiles)),
        ("devices with an owner", len(arrived.owners)),
        ("devices seen with a second user", f"{conflicts_in(report):,} (not linked)"),
        ("group profiles", len(arrived.groups)),
    ]
