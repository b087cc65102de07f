"""What ordinary people do on their devices: browse, log in, change, buy, log out, go offline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.company.rows import DAY, HOUR, MINUTE, SECOND, Dice
from tests.people.amplitude import GROUP_IDENTIFY, IDENTIFY, Call, Upload
from tests.people.truth import Properties

CLOCKS = (0, 0, 0, 0, 0, 0, 0, 3 * SECOND, 2 * HOUR, -3 * DAY)
"""How far clocks are ahead. Amplitude corrects from 60 seconds on."""

PAGES = ("Page Viewed", "Search Done", "Video Played", "Opened")
PLANS = ("free", "pro", "team")
COMPANIES = tuple(f"company-{number}" for number in range(12))
FURTHER_COMPANIES = ("partner-1", "partner-2")
PURCHASES: tuple[tuple[str, Properties], ...] = (
    ("Order Completed", {"$revenue": 30.5}),
    ("Subscription Renewed", {"$price": 4.25, "$quantity": 3}),
    ("Ticket Bought", {"$price": 7}),
    ("revenue_amount", {"$revenue": 20.0, "$price": 5, "$quantity": 4, "$productId": "p-1"}),
    ("Refund Given", {"$revenue": -12.5}),
)


@dataclass
class Device:
    """A device and what it has not sent yet.

    Attributes:
        is_shared: whether several people use it, one after the other.
        user: who is logged in.
        has_been: whether somebody was ever logged in since it has this id.
        last: when its newest event happened.
    """

    dice: Dice
    id: Any
    is_shared: bool
    clock: int
    platform: str
    user: Any = None
    has_been: bool = False
    session: int = -1
    event_id: int = 0
    last: int = 0
    waiting: list[Call] = field(default_factory=list)

    def call(self, name: str, at: int, **more: Any) -> Call:
        """Note an event; it waits until it is sent."""
        self.event_id += 1
        self.last = at
        made = Call(
            name=name,
            at=at,
            user=self.user,
            device=self.id,
            event_id=self.event_id,
            clock=self.clock,
            session=self.session,
            platform=self.platform,
            **more,
        )
        self.waiting.append(made)
        return made

    def start_session(self, at: int) -> None:
        """Start a session: its id is the time by this device's clock, in milliseconds."""
        self.session = (at + self.clock) // 1000
        self.call("session_start", at, person={"city": self.dice.pick(["Berlin", "Kiel", "Ulm"])})

    def log_out(self, *, new_id: bool) -> None:
        """Forget the user; SDKs can take a new device id with that (`reset`)."""
        self.user = None
        if new_id:
            self.id, self.has_been = self.dice.uuid(), False

    def send(self, received: int) -> Iterator[Upload]:
        """Send what waits, in the order of its events."""
        if self.waiting:
            yield Upload(received, self.waiting)
            self.waiting = []


@dataclass
class Visit:
    """One person on one device for a while.

    Attributes:
        user: as the device sends it; None: they never log in.
        number: of the user, for what is theirs alone.
        offline: for how long the device sends nothing after the visit, in microseconds.
    """

    device: Device
    user: Any
    number: int
    start: int
    offline: int = 0


class Life:
    """Plays a visit: the events, and when the device sends them."""

    def __init__(self, dice: Dice, visit: Visit) -> None:
        self.dice, self.visit, self.device = dice, visit, visit.device
        self.now = max(visit.start, self.device.last + MINUTE)

    def uploads(self) -> Iterator[Upload]:
        """Return what the device sends during the visit, and some time after it."""
        for part in (self._arrive, self._browse, self._log_in, self._go_on, self._leave):
            part()
            if not self.visit.offline:
                yield from self.device.send(self.now + (2 + self.dice.below(20)) * SECOND)
                self.now += 30 * SECOND
        if self.visit.offline:
            yield from self.device.send(self.now + self.visit.offline)

    def _arrive(self) -> None:
        if self.device.user not in (None, self.visit.user):
            self.device.log_out(new_id=False)
        self.device.start_session(self._tick())

    def _browse(self) -> None:
        """Look around: under no name, unless the last login still holds."""
        if self._chance(0.7):
            self._page()
        if self.device.user is None and self._chance(0.25):
            visitor = f"visitor-{self.device.id}-{self.now}"
            self._event(person={"visitor": visitor, "theme": self.dice.pick(["dark", "light"])})

    def _log_in(self) -> None:
        if self.visit.user is None or self.device.user == self.visit.user:
            return
        self.device.user, self.device.has_been = self.visit.user, True
        is_new_here = {"email": f"user-{self.visit.number}@example.org"}
        if self._chance(0.4):
            self._identify({"$set": is_new_here, "$setOnce": {"first_seen": self.now}})
        self._event("Logged In", person=is_new_here)

    def _go_on(self) -> None:
        if self.device.user is None:
            self._page()
            return
        for _ in range(1 + self.dice.below(4)):
            deeds = (
                self._page, self._page, self._change, self._operate, self._clear, self._buy,
                self._meet_company,
            )  # fmt: skip
            part = self.dice.pick(deeds)
            part()

    def _leave(self) -> None:
        if self.device.user is not None and self._chance(0.8 if self.device.is_shared else 0.2):
            self.device.log_out(new_id=self._chance(0.25))
            self._linger()
        if self._chance(0.5):
            self.device.call("session_end", self._tick(), shows="city")

    def _linger(self) -> None:
        """Go on under no name after the logout."""
        if not self.device.has_been:
            self.device.start_session(self._tick())
        for _ in range(self.dice.below(4)):
            self._page()
        if self._chance(0.15):
            self._event(person={"visitor": f"visitor-{self.device.id}-{self.now}"})
        if self._chance(0.15):
            self._identify({"$set": {"theme": self.dice.pick(["sepia", "grey"])}})

    # What they do ---------------------------------------------------------------------------

    def _page(self) -> None:
        self._event(properties={"page": f"/{self.dice.below(30)}"})

    def _change(self) -> None:
        number = self.visit.number
        person = self.dice.pick([
            {"plan": self.dice.pick(PLANS)},
            {"nickname": f"nick-{number}-{self.now}", "plan": self.dice.pick(PLANS)},
            {"theme": None},
            {"flag": f"flag-{number}"},
        ])  # fmt: skip
        self._event(person=person, loses="flag" if self._chance(0.3) else "")

    def _operate(self) -> None:
        number = self.visit.number
        operations: Properties = self.dice.pick([
            {"$set": {"theme": self.dice.pick(["dark", "light"]), "level": self.dice.below(9)}},
            {"$unset": {"theme": "-"}, "$set": {"nickname": f"nick-{number}-{self.now}"}},
            {"$setOnce": {"first_plan": self.dice.pick(PLANS)}},
            {"$add": {"score": 1 + self.dice.below(5)}},
            {"$append": {"tags": self.dice.pick(PLANS)}, "$unset": {"level": "-"}},
        ])  # fmt: skip
        self._identify(operations)
        if not {"$add", "$append"}.isdisjoint(operations) or self._chance(0.3):
            self._page()  # what these came to stands in the next row only

    def _clear(self) -> None:
        if self._chance(0.3):
            self._identify({"$clearAll": "-"})
            if self._chance(0.7):
                self._event(person={"plan": self.dice.pick(PLANS)})

    def _buy(self) -> None:
        name, properties = self.dice.pick(PURCHASES)
        self._event(name, properties={**properties, "basket": self.dice.below(9)})

    def _meet_company(self) -> None:
        company = self.dice.pick(COMPANIES)
        groups = {"company": [company]}
        if self._chance(0.2):
            groups = {"company": [company, self.dice.pick(FURTHER_COMPANIES)]}
        elif self._chance(0.5):
            about = self.dice.pick([
                {"$set": {"seats": 10 + self.dice.below(90)}},
                {"$setOnce": {"founded": 1990 + self.dice.below(30)}},
                {"$set": {"tier": self.dice.pick(PLANS)}, "$unset": {"trial": "-"}},
                {"$set": {"trial": True}},
            ])  # fmt: skip
            self.device.call(GROUP_IDENTIFY, self._tick(), groups=groups, about_group=about)
        self._event("Project Opened", groups=groups, keyless=self._chance(0.3))

    # Their words ----------------------------------------------------------------------------

    def _event(self, name: str | None = None, **more: Any) -> None:
        self.device.call(name or self.dice.pick(PAGES), self._tick(), **more)

    def _identify(self, operations: Properties) -> None:
        self.device.call(IDENTIFY, self._tick(), person=operations)

    def _tick(self) -> int:
        """Let some time pass, or none: then only event_id says what came first."""
        self.now += 0 if self._chance(0.1) else self.dice.below(3 * MINUTE) + 1
        return self.now

    def _chance(self, share: float) -> bool:
        return self.dice.random() < share
