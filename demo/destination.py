"""What the demonstration asks of each destination."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    from collections import Counter
    from collections.abc import Mapping, Sequence

    from demo.checks import Check
    from tests.fakes.http.server import FakeServer

Figures = list[tuple[str, Any]]


@dataclass(frozen=True)
class Outcome:
    """What arrived, ready to be shown.

    Attributes:
        names: events by name.
        figures: what else there is to count, as (name, value).
        checks: what must hold.
    """

    names: Counter[str]
    figures: Figures
    checks: Sequence[Check]


class Destination(Protocol):
    """A target, and the stand-in that it delivers to.

    Attributes:
        service: whose stand-in it is.
        target: the plugin's name in meltano.yml.
        is_asked: whether `verify` can ask what it holds.
    """

    service: str
    target: str
    is_asked: bool

    @property
    def stand_in(self) -> FakeServer:
        """Listens while it is entered."""

    def settings(self) -> dict[str, str]:
        """Return the target's settings that reach the stand-in, as environment variables."""

    def outcome(self, report: Mapping[str, Any]) -> Outcome:
        """Compare what the stand-in holds, and the run's report, with the sample's truth."""
