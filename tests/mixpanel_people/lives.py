"""What ordinary people do on their devices: browse, log in, buy, log out, go offline."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from tests.fakes.company.rows import Dice
from tests.mixpanel_people.calls import HOUR, MINUTE, SECOND, Call, System, Upload
from tests.mixpanel_people.truth import Group, Properties

CLOCKS = (0, 0, 0, 0, 0, 0, 0, 3 * SECOND, 2 * HOUR + 7 * MINUTE, -9 * HOUR - 8 * MINUTE)
"""How far clocks are ahead. Mixpanel believes them."""

PAGES = ("Page Viewed", "Search Done", "Video Played", "Opened")
PLANS = ("free", "pro", "team")
COMPANIES = tuple(f"company-{number}" for number in range(12))
ODD_VALUES: tuple[Any, ...] = (
    7, "7", 7.5, True, None, "two\u2028lines", {"a": {"b": [1, "x"]}},
    [{"sku": "p-1", "price": 4.25}, {"sku": "p-2", "price": None}], "2024-03-01T09:00:00",
)  # fmt: skip
"""Of one property, whose type changes from row to row."""


@dataclass
class Device:
    """A device, and what it has not sent yet.

    Attributes:
        id: Which a reset changes.
        is_shared: whether several people use it, one after the other.
        user: who is logged in.
        last: when its newest event happened.
        is_late: whether the first reading of a day does not show what it sends.
    """

    dice: Dice
    system: System
    id: str
    is_shared: bool
    clock: int
    library: str
    user: str | None = None
    last: int = 0
    is_late: bool = False
    waiting: list[Call] = field(default_factory=list)
    people: dict[str, Properties] = field(default_factory=dict)
    groups: dict[Group, Properties] = field(default_factory=dict)

    @property
    def ids(self) -> Properties:
        """What the SDK puts on each event now."""
        ids: Properties = {"$device_id": self.id}
        if self.user is not None:
            ids |= {"distinct_id": self.user, "$user_id": self.user}
        elif self.system == "original":
            ids["distinct_id"] = self.id
        else:
            ids["distinct_id"] = f"$device:{self.id}"
        return ids

    def call(self, name: str, at: int, **more: Any) -> None:
        """Note an event; it waits until it is sent."""
        self.last = at
        ids = self.ids | more.pop("ids", {})
        made = Call(name=name, at=at + self.clock, ids=ids, library=self.library, **more)
        self.waiting.append(made)

    def log_in(self, user: str, at: int) -> None:
        """Take a user on; in an Original project the SDK sends a verb ahead."""
        self.user = user
        if self.system == "original":
            link = {"$identified_id": user, "$anon_id": self.id}
            self.call("$identify", at, also=link)

    def log_out(self, *, new_id: bool) -> None:
        """Forget the user; a reset takes a new id, which every SDK does in Original projects."""
        self.user = None
        if new_id or self.system == "original":
            self.id = self.dice.uuid()

    def send(self, received: int, *, late: bool = False) -> Iterator[Upload]:
        """Send what waits, in the order of its events.

        Mixpanel took what comes late after all that a first reading shows, so what the device
        sends after it comes late, too: else a reading would show a second login without the first.
        """
        self.is_late |= late
        for call in self.waiting:
            call.late = self.is_late
        if self.waiting:
            yield Upload(received, self.waiting, self.people, self.groups)
            self.waiting, self.people, self.groups = [], {}, {}


@dataclass
class Visit:
    """One person on one device for a while.

    Attributes:
        user: None: they never log in.
        number: of the user, for what is theirs alone.
        offline: for how long the device sends nothing after the visit, in milliseconds.
    """

    device: Device
    user: str | None
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
            yield from self.device.send(self.now + self.visit.offline, late=self._chance(0.5))

    def _arrive(self) -> None:
        device = self.device
        if device.user not in (None, self.visit.user):
            self._change_hands()
        if device.library == "web":
            path = f"/{self.dice.below(30)}"
            page = {"$current_url": f"https://shop.example.com{path}", "current_url_path": path}
            device.call("$mp_web_page_view", self._tick(), also=page)
        elif not device.last:
            device.call("$ae_first_open", self._tick())

    def _change_hands(self) -> None:
        """Log the user before out, or not even that: then the next login is of the same device."""
        device = self.device
        if device.system == "simplified":
            device.log_out(new_id=not device.is_shared or self._chance(0.3))
        elif self._chance(0.4):
            device.log_out(new_id=True)

    def _browse(self) -> None:
        """Look around: under no name, unless the last login still holds."""
        if self._chance(0.7):
            self._page()
        if self.device.user is None and self.device.system == "simplified" and self._chance(0.2):
            visitor = f"visitor-{self.device.id}"
            self.device.people[f"$device:{self.device.id}"] = {"visitor": visitor}

    def _log_in(self) -> None:
        user = self.visit.user
        if user is None or self.device.user == user:
            return
        self.device.log_in(user, self._tick())
        if self.visit.number % 10:  # one in ten never gets a profile
            email = f"{user}@example.org"
            self._tell({"$email": email, "$name": f"Person {self.visit.number}"})
        self._event("Logged In")

    def _go_on(self) -> None:
        if self.device.user is None:
            self._page()
            return
        for _ in range(1 + self.dice.below(4)):
            deeds = (self._page, self._page, self._change, self._click, self._buy, self._meet)
            self.dice.pick(deeds)()

    def _leave(self) -> None:
        if self.device.user is not None and self._chance(0.8 if self.device.is_shared else 0.2):
            self.device.log_out(new_id=self._chance(0.5))
            for _ in range(self.dice.below(4)):  # go on under no name
                self._page()

    # What they do ---------------------------------------------------------------------------

    def _page(self) -> None:
        self._event(own={"page": f"/{self.dice.below(30)}"})

    def _change(self) -> None:
        change: Properties = self.dice.pick([
            {"plan": self.dice.pick(PLANS)},
            {"nickname": f"nick-{self.visit.number}", "tags": ["a", self.dice.pick(PLANS)]},
            {"level": self.dice.below(9), "vip": self._chance(0.5)},
        ])  # fmt: skip
        if self.visit.number % 10:
            self._tell(change)
        self._event("Settings Changed", own={"odd": self.dice.pick(ODD_VALUES)})

    def _click(self) -> None:
        if self.device.library == "web":
            element = {"$el_id": "buy", "$el_tag_name": "button", "$el_text": "Buy now"}
            self._event("$mp_click", also=element)
        else:
            self._event("Tapped")

    def _buy(self) -> None:
        amount = self.dice.pick([30.5, 4.25, 7, 0])
        self._event("Order Completed", own={"amount": amount, "basket": self.dice.below(9)})

    def _meet(self) -> None:
        company = self.dice.pick(COMPANIES)
        if self._chance(0.4):
            seats = {"seats": 10 + self.dice.below(90)}
            self.device.groups[("company", company)] = seats
        self._event("Project Opened", own={"company": company})

    # Their words ----------------------------------------------------------------------------

    def _event(self, name: str | None = None, **more: Any) -> None:
        again = 1 if self._chance(0.02) else 0
        self.device.call(name or self.dice.pick(PAGES), self._tick(), again=again, **more)

    def _tell(self, properties: Properties) -> None:
        assert self.device.user is not None
        self.device.people.setdefault(self.device.user, {}).update(properties)

    def _tick(self) -> int:
        """Let some time pass, or none, or so much that it is another session."""
        chance = self.dice.random()
        if chance > 0.1:
            self.now += self.dice.below(3 * MINUTE) + 1
        if chance > 0.97:
            self.now += 40 * MINUTE
        return self.now

    def _chance(self, share: float) -> bool:
        return self.dice.random() < share
