"""The demonstration's PostHog."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from demo import balance, bundle
from demo.checks import conflicts_in
from demo.destination import Figures, Outcome
from tests.fakes.posthog import FakePostHog

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tests.fakes.company.truth import Truth

PROJECT_KEY = "phc_demo_stand_in"
PROJECT_ID = "12345"


class PostHog:
    """A `Destination`."""

    service = "PostHog"
    target = "target-posthog"
    is_asked = True

    def __init__(self) -> None:
        self.stand_in = FakePostHog(known_keys={PROJECT_KEY})

    def settings(self) -> dict[str, str]:
        """Return where the stand-in is, its key, and what it is asked with afterwards."""
        return {
            "TARGET_POSTHOG_HOST": self.stand_in.url,
            "TARGET_POSTHOG_API_KEY": PROJECT_KEY,
            "TARGET_POSTHOG_PROJECT_ID": PROJECT_ID,
            "TARGET_POSTHOG_PERSONAL_API_KEY": self.stand_in.queries.personal_key,
        }

    def outcome(self, report: Mapping[str, Any]) -> Outcome:
        """Compare what arrived with what the sample is known to hold."""
        arrived, truth = balance.arrived_at(self.stand_in), bundle.sample_company().truth()
        return Outcome(
            arrived.names,
            figures(arrived, report, truth),
            balance.checks(arrived, report, truth),
        )


def figures(arrived: balance.Arrived, report: Mapping[str, Any], truth: Truth) -> Figures:
    """Return what the summary counts beside the events."""
    users = len(truth.users & arrived.people.keys())
    return [
        ("people", arrived.profiles),
        ("  with a user id", users),
        ("  anonymous", arrived.profiles - users),
        ("devices linked to their user", arrived.links),
        ("devices seen with a second user", f"{conflicts_in(report):,} (not merged)"),
        ("groups", len(arrived.groups)),
        ("sessions", arrived.sessions),
    ]
