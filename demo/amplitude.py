"""The demonstration's Amplitude: an empty project, to which a Mixpanel export comes back."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING, Any

from demo import mixpanel_bundle
from demo.checks import Check, conflicts_in, sum_of_the_report
from demo.destination import Figures, Outcome
from tests.fakes.amplitude_batch import FakeAmplitudeBatch
from tests.mixpanel_people.held import at_amplitude
from tests.mixpanel_people.judge import judge

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class Amplitude:
    """A `Destination`."""

    service = "Amplitude"
    target = "target-amplitude"
    is_asked = False

    def __init__(self) -> None:
        self._export = mixpanel_bundle.sample_export()
        self.stand_in = FakeAmplitudeBatch()

    def settings(self) -> dict[str, str]:
        """Return where the stand-in is, its key, and what holds groups and revenue."""
        return {
            "TARGET_AMPLITUDE_BASE_URL": self.stand_in.url,
            "TARGET_AMPLITUDE_API_KEY": self.stand_in.api_key,
            "TARGET_AMPLITUDE_GROUP_KEYS": '{"company": "company"}',
            "TARGET_AMPLITUDE_REVENUE": '{"revenue": "amount"}',
        }

    def outcome(self, report: Mapping[str, Any]) -> Outcome:
        """Compare what arrived with what the sample is known to hold."""
        names = Counter(row["event_type"] for row in self.stand_in.rows())
        return Outcome(names, self._figures(report), self._checks(report))

    def _figures(self, report: Mapping[str, Any]) -> Figures:
        people = self.stand_in.people()
        users = sum(person.user_id is not None for person in people)
        return [
            ("people", len(people)),
            ("  with a user id", users),
            ("  anonymous", len(people) - users),
            ("devices seen with a second user", f"{conflicts_in(report):,} (not merged)"),
            ("groups", len(self.stand_in.groups())),
        ]

    def _checks(self, report: Mapping[str, Any]) -> Sequence[Check]:
        truth = self._export.truth
        counts = judge(at_amplitude(self.stand_in, truth), truth)
        rows = sum(due.times for due in truth.events.values())  # the raw export repeats some
        return [
            *sum_of_the_report(report, rows),
            *(Check(kind, count.wrong, 0) for kind, count in counts.items()),
            Check("what an import must not send", self.stand_in.violations, []),
        ]
