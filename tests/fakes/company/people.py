"""Who lives in the company's town: people, their devices, the organisations they work for."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from tests.fakes.company.rows import (
    ATTRIBUTION,
    BROWSERS,
    CAMPAIGNS,
    PHONES,
    PLACES,
    REFERRERS,
    TABLET,
    Dice,
    base_row,
    time_text,
)
from tests.fakes.company.truth import Meant

Properties = dict[str, Any]
Row = dict[str, Any]
PLANS = ("free", "team", "enterprise")
TEAMS = (("red",), ("blue",), ("red", "blue"))


@dataclass
class Organisation:
    """What a person works for; its properties are replaced, never changed, as rows share them."""

    key: str
    properties: Properties
    version: int = 0

    def grow(self) -> None:
        """Hire somebody."""
        self.properties = {**self.properties, "employees": self.properties["employees"] + 1}
        self.version += 1


@dataclass
class Device:
    """A browser, a phone or a tablet.

    Attributes:
        base: the row of this device, with all that never changes.
        amplitude_id: whom Amplitude sees in it as long as nobody has a name.
        shared: more than one person logs in on it.
        login_hour: hour of the export in which its person logged in first.
    """

    base: Row
    amplitude_id: int
    shared: bool = False
    login_hour: int | None = None
    _events: int = 0

    def count(self) -> int:
        """Return the number of its next event."""
        self._events += 1
        return self._events


@dataclass
class Person:
    """Somebody; `user` is None for those who never log in.

    Property dictionaries are replaced, never changed, as rows share them.
    """

    user: str | None
    amplitude_id: int
    created: str
    initial: Properties
    anonymous: Properties
    named: Properties
    organisation: Organisation
    teams: tuple[str, ...]
    devices: list[Device] = field(default_factory=list)
    _groups: dict[str, list[str]] = field(default_factory=dict)
    _group_rows: dict[str, dict[str, Properties]] = field(default_factory=dict)
    _group_meant: dict[tuple[str, str], Properties] = field(default_factory=dict)
    _group_version: int = -1

    def __post_init__(self) -> None:
        """Prepare what every row of this person repeats."""
        self._known_initial = {
            key: value for key, value in self.initial.items() if value not in ("EMPTY", None)
        }
        self._anonymous_told = {**self.initial, **self.anonymous}
        self._named_told = {**self.initial, **self.named}
        self._groups = {"company": [self.organisation.key]}
        if self.teams:
            self._groups.update(team=list(self.teams), workspace=[f"space-{self.teams[0]}"])
        if self.amplitude_id % 5 == 0:
            self._groups["region"] = ["emea"]
        self._first_groups = {name: values[0] for name, values in self._groups.items()}

    def live(self, deed: str, dice: Dice) -> None:
        """Let a deed change what is known of the person."""
        chance = dice.random()
        if deed in ("Logged In", "session_start"):
            self._learn(login_count=self.named["login_count"] + 1)
        elif deed == "revenue_amount":
            self._learn(orders=self.named["orders"] + 1)
        elif chance < 0.01:
            self._learn(plan=dice.pick(PLANS))
        elif chance > 0.995:
            self.organisation.grow()

    def identify(self, dice: Dice) -> Properties:
        """Return the operations of an identify call; their result shows in the next rows."""
        newsletter = dice.random() < 0.5
        self._learn(newsletter=newsletter, login_count=self.named["login_count"] + 1)
        return {
            "$set": {"newsletter": newsletter},
            "$setOnce": {"first_feature": "search"},
            "$add": {"login_count": 1},
            "$unset": {"trial_banner": "-"},
        }

    def tell(self, row: Row, device: Device, *, named: bool) -> Meant:
        """Write what is known of the person into the row; return what the row means by it."""
        if not named:
            return self._tell_anonymously(row, device)
        row["user_id"] = self.user
        row["amplitude_id"] = self.amplitude_id
        row["user_creation_time"] = self.created
        row["user_properties"] = self._named_told
        row["paying"] = True if self.named["orders"] else None
        self._refresh_groups()
        row["groups"] = self._groups
        row["group_properties"] = self._group_rows
        return Meant(
            device=row["device_id"],
            user=self.user,
            person=self.named,
            initial=self._known_initial,
            groups=self._first_groups,
            group_properties=self._group_meant,
        )

    def _tell_anonymously(self, row: Row, device: Device) -> Meant:
        """Tell what is known of a device whose person is not named in this row.

        Once the person has logged in, Amplitude knows whose device it is and exports the person's
        properties with the device's events too.
        """
        person: Properties | None = None
        row["amplitude_id"] = device.amplitude_id
        if device.shared:
            row["user_properties"] = None
        elif device.login_hour is None or not self.user:
            person, row["user_properties"] = self.anonymous, self._anonymous_told
        else:
            person, row["user_properties"] = self.named, self._named_told
            row["amplitude_id"] = self.amplitude_id
        initial = None if person is None else self._known_initial
        return Meant(device=row["device_id"], person=person, initial=initial)

    def _learn(self, **news: Any) -> None:
        self.named = {**self.named, **news}
        self._named_told = {**self.initial, **self.named}

    def _refresh_groups(self) -> None:
        organisation = self.organisation
        if self._group_version == organisation.version:
            return
        self._group_version = organisation.version
        self._group_rows = {"company": {organisation.key: organisation.properties}}
        if self.teams:
            self._group_rows["team"] = {team: {"color": team, "size": 7} for team in self.teams}
        self._group_meant = {
            (group_type, key): properties
            for group_type, keys in self._group_rows.items()
            for key, properties in keys.items()
        }


class Town:
    """All people with their devices, made once from the dice."""

    def __init__(self, dice: Dice, size: int) -> None:
        self._dice = dice
        self._organisations = [_organisation(number, dice) for number in range(max(2, size // 8))]
        self.people = [self._person(number) for number in range(size)]
        self._share_tablets()

    def somebody(self) -> tuple[Person, Device]:
        """Return who comes next, and with which device; some people come often, most seldom."""
        dice = self._dice
        person = self.people[int(dice.random() ** 1.5 * len(self.people))]
        return person, dice.pick(person.devices)

    def _person(self, number: int) -> Person:
        dice = self._dice
        on_the_web = dice.random() < 0.6
        named: Properties = {
            "theme": "light",
            "plan": dice.pick(PLANS),
            "login_count": 0,
            "orders": 0,
            "newsletter": False,
            "email": f"person-{number:04}@example.com",
            "interests": ["lamps"],
        }
        person = Person(
            user=f"person-{number:04}" if dice.random() < 0.8 else None,
            amplitude_id=700_000_000_000 + number * 37,
            created=time_text(1_672_531_200_000_000 + dice.below(30_000_000) * 1_000_003),
            initial=_attribution(dice) if on_the_web else {},
            anonymous={"theme": "light"},
            named=named,
            organisation=dice.pick(self._organisations),
            teams=dice.pick(TEAMS) if dice.random() < 0.4 else (),
        )
        person.devices = self._devices(number, on_the_web=on_the_web)
        return person

    def _devices(self, number: int, *, on_the_web: bool) -> list[Device]:
        dice = self._dice
        hardware = [dice.pick(BROWSERS if on_the_web else PHONES)]
        if dice.random() < 0.25:
            hardware.append(dice.pick(PHONES))
        place = dice.pick(PLACES)
        address = f"203.0.113.{1 + dice.below(254)}"
        devices: list[Device] = []
        for kind in hardware:
            device_id = dice.uuid().upper() if kind.platform == "iOS" else f"{dice.uuid()}R"
            row = base_row(device_id, kind, place, address)
            if kind.platform == "iOS":
                row["idfa"] = dice.uuid().upper()
            if kind.platform == "Android":
                row["adid"] = dice.uuid()
            devices.append(Device(row, 800_000_000_000 + number * 41 + len(devices)))
        return devices

    def _share_tablets(self) -> None:
        """Give every tenth person with a user_id a tablet together with the next one."""
        known = [person for person in self.people if person.user is not None]
        for number in range(0, len(known) - 1, 10):
            row = base_row(
                f"TABLET-{number:04}-{self._dice.getrandbits(32):08X}",
                TABLET,
                self._dice.pick(PLACES),
                f"198.51.100.{1 + self._dice.below(254)}",
            )
            tablet = Device(row, 900_000_000_000 + number, shared=True)
            known[number].devices.append(tablet)
            known[number + 1].devices.append(tablet)


def _organisation(number: int, dice: Dice) -> Organisation:
    return Organisation(
        key=f"org-{number:03}",
        properties={
            "name": f"Organisation {number:03}",
            "plan": dice.pick(PLANS),
            "employees": 5 + dice.below(500),
            "verified": True,
        },
    )


def _attribution(dice: Dice) -> Properties:
    initial: Properties = {f"initial_{name}": "EMPTY" for name in ATTRIBUTION}
    referrer, campaign = dice.pick(REFERRERS), dice.pick(CAMPAIGNS)
    initial["initial_referrer"] = referrer or "EMPTY"
    initial["initial_referring_domain"] = referrer.split("/")[2] if referrer else "EMPTY"
    if campaign:
        names = ("initial_utm_source", "initial_utm_medium", "initial_utm_campaign")
        initial.update(zip(names, campaign, strict=True))
    return initial
