"""What is rare in an export and must not go wrong. Each scene is of people and devices of its own.

Sources: Amplitude docs, "HTTP V2 API" (invalid ids), "Track unique users", "Data backfill"; issues
that people opened: see `docs/people.md`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

from tests.fakes.company.rows import DAY, MINUTE, SECOND, Dice
from tests.people.amplitude import IDENTIFY, Call, Upload

NO_USERS = (
    "anonymous",
    "null",
    " None ",
    "UNKNOWN",
    "undefined",
    "-1",
    "0",
    "N/A",
    "lmy47d",
    "nil",
)
NO_DEVICES = ("9774d56d682e549c", "000000000000000", "00000000-0000-0000-0000-000000000000")
LONG_AGO = 200 * DAY


class Scene:
    """A place to write calls down, each received a while after the one before.

    Args:
        dice: where chance comes from.
        start: of the scene, in microseconds since 1970.
        number: of the scene among those of its kind.
    """

    def __init__(self, dice: Dice, start: int, number: int) -> None:
        self.dice, self.number = dice, number
        self.now = start
        self._events = 0

    def one(self, name: str, user: Any, device: Any, **more: Any) -> Upload:
        """Return an upload of one call."""
        return Upload(self.now + 5 * SECOND, [self.call(name, user, device, **more)])

    def call(self, name: str, user: Any, device: Any, **more: Any) -> Call:
        """Return a call that happens some minutes after the last."""
        self.now += MINUTE + self.dice.below(20 * MINUTE)
        self._events += 1
        more = {"at": self.now, "event_id": self._events, **more}
        return Call(name=name, user=user, device=device, **more)

    def device(self) -> str:
        """Return the id of a new device."""
        return self.dice.uuid()


Play = Callable[[Scene], Iterator[Upload]]


def user_that_is_nobody(scene: Scene) -> Iterator[Upload]:
    """Play a device with an owner, on which a sender puts a word where the user should be.

    Amplitude took the word for a user in its time, one for all devices. So the row shows what is
    true of that crowd, and of nobody.
    """
    user, device = f"named-{scene.number}", scene.device()
    word = NO_USERS[scene.number % len(NO_USERS)]
    crowd = {"nickname": f"crowd-{scene.number}", "theme": "crowded"}
    yield scene.one("Opened", user, device, person={"email": f"{user}@example.org"})
    yield scene.one("Opened", word, device, person=crowd)
    yield scene.one("Opened", None, device)
    yield scene.one("Opened", user, device, person={"plan": "pro"})


def user_that_is_nobody_on_a_device_of_nobody(scene: Scene) -> Iterator[Upload]:
    """Play devices that never meet a user: each is one anonymous person."""
    device = scene.device()
    word = NO_USERS[scene.number % len(NO_USERS)]
    for _ in range(2):
        yield scene.one("Opened", word, device)


def device_of_many(scene: Scene) -> Iterator[Upload]:
    """Play phones whose maker gave all of them one id; people must not meet there."""
    device = NO_DEVICES[scene.number % 2]
    for user in (f"phone-{scene.number}-a", f"phone-{scene.number}-b"):
        email = {"email": f"{user}@example.org"}
        yield scene.one("Opened", user, device, person=email, session=scene.now // 1000)
        yield scene.one("Opened", None, device)


def nobody_on_a_device_of_many(scene: Scene) -> Iterator[Upload]:
    """Play rows of which only the Amplitude ID says whose they are."""
    yield scene.one("Opened", None, NO_DEVICES[2])


def numbers(scene: Scene) -> Iterator[Upload]:
    """Play users, and a device, whose ids are numbers that a double cannot tell apart."""
    for first in (10**24, 2**53):
        for user in (first + 4 * scene.number + 3, first + 4 * scene.number + 4):
            device = 3 * 10**21 + user
            yield scene.one("Opened", None, device)
            yield scene.one("Opened", user, device, person={"email": f"{user}@example.org"})
            yield scene.one("Opened", str(user), device, person={"plan": "team"})


def number_that_is_not_exact(scene: Scene) -> Iterator[Upload]:
    """Play a number that has lost its digits already: it names nobody."""
    yield scene.one("Opened", float(2**53), scene.device())


def server(scene: Scene) -> Iterator[Upload]:
    """Play a server that sends for several users at once, with made-up devices or none."""
    calls = []
    for number in range(3):
        user = f"user-{(scene.number * 3 + number) % 40:04}"
        device = None if number else f"made-of-{user}"
        paid = {"$price": 9.5, "$quantity": 2, "invoice": number}
        calls.append(scene.call("Invoice Paid", user, device, properties=paid))
    yield Upload(scene.now + 5 * SECOND, calls)


def server_before_the_phone(scene: Scene) -> Iterator[Upload]:
    """Play a server that names user and device before the device has sent its own past."""
    user, device = f"served-{scene.number}", scene.device()
    early = scene.now
    yield scene.one("Order Shipped", user, device, person={"email": f"{user}@example.org"})
    late = [Call(name="Opened", at=early + n * SECOND, device=device, event_id=n) for n in (1, 2)]
    yield Upload(scene.now + 2 * DAY, late)


def only_backfilled(scene: Scene) -> Iterator[Upload]:
    """Play somebody of whom only old rows speak: they are believed."""
    user, device = f"veteran-{scene.number}", f"made-of-veteran-{scene.number}"
    state = {"email": f"{user}@example.org", "plan": "classic"}
    for _ in range(2):
        yield scene.one("Opened", user, device, at=scene.now - LONG_AGO, person=state, shows="own")


def backfilled_late(scene: Scene) -> Iterator[Upload]:
    """Play old rows of somebody known, and of a company: they say nothing about now."""
    user, device = f"known-{scene.number}", scene.device()
    now = {"email": f"{user}@example.org", "plan": "team", "theme": "dark"}
    yield scene.one("Opened", user, device, person=now)
    old = {"email": f"old-{user}@example.org", "plan": "classic", "size": "small"}
    yield scene.one(
        "Opened", user, f"made-of-{user}", at=scene.now - LONG_AGO, person=old, shows="own",
        groups={"company": ["company-1"]},
    )  # fmt: skip
    yield scene.one("session_end", user, device, shows="city")


def backfilled_first(scene: Scene) -> Iterator[Upload]:
    """Play old rows that come before anything else is known: what is newer lies over them."""
    user, device = f"returned-{scene.number}", scene.device()
    old = {"email": f"old-{user}@example.org", "plan": "classic", "size": "small"}
    yield scene.one(
        "Opened", user, f"made-of-{user}", at=scene.now - LONG_AGO, person=old, shows="own"
    )
    now = {"email": f"{user}@example.org", "plan": "team"}
    yield scene.one("Opened", user, device, person=now)


def device_called_like_a_user(scene: Scene) -> Iterator[Upload]:
    """Play a device whose id is the id of another user, known before."""
    alice, bob = f"alice-{scene.number}", f"bob-{scene.number}"
    yield scene.one("Opened", alice, None, person={"email": f"{alice}@example.org"})
    yield scene.one("Opened", bob, alice, person={"email": f"{bob}@example.org"})
    yield scene.one("Opened", None, alice)
    yield scene.one("Opened", alice, None, person={"plan": "pro"})


def device_called_like_a_user_to_come(scene: Scene) -> Iterator[Upload]:
    """Play the same where the device comes first: whoever has the id later is another person."""
    alice, bob = f"alex-{scene.number}", f"ben-{scene.number}"
    yield scene.one("Opened", None, alice, person={"theme": "dark"})
    yield scene.one("Opened", bob, alice, person={"email": f"{bob}@example.org"})
    yield scene.one("Opened", alice, None, person={"email": f"{alice}@example.org"})
    yield scene.one("Opened", None, alice)


def rows_without_amplitude_id(scene: Scene) -> Iterator[Upload]:
    """Play rows of an old export on a device of one user."""
    user, device = f"old-{scene.number}", scene.device()
    old = {"has_amplitude_id": False}
    yield scene.one("Opened", None, device, **old)
    yield scene.one("Opened", user, device, person={"email": f"{user}@example.org"}, **old)
    yield scene.one("Opened", None, device, **old)


def quiet_login(scene: Scene) -> Iterator[Upload]:
    """Play a login after which no row shows the person: what the device said is theirs."""
    user, device = f"quiet-{scene.number}", scene.device()
    known = {"visitor": f"visitor-{device}", "theme": "dark", "city": "Kiel"}
    yield scene.one("Opened", None, device, person=known)
    yield scene.one(IDENTIFY, user, device, person={"$set": {"email": f"{user}@example.org"}})
    yield scene.one("session_end", user, device, shows="city")


def login_of_somebody_known(scene: Scene) -> Iterator[Upload]:
    """Play a login that shows what was true before: it is newer than what the device said."""
    user, device = f"again-{scene.number}", scene.device()
    yield scene.one("Opened", user, scene.device(), person={"city": "Kiel", "plan": "pro"})
    yield scene.one("Opened", None, device, person={"city": "Ulm"})
    yield scene.one("Opened", user, device)
    yield scene.one("session_end", user, device, shows="city")


def session_of_two_devices(scene: Scene) -> Iterator[Upload]:
    """Play two devices that start a session in one millisecond: two sessions."""
    session = scene.now // 1000
    for number in (1, 2):
        user, device = f"twin-{scene.number}-{number}", scene.device()
        yield scene.one("session_start", user, device, session=session)
        yield scene.one("Opened", user, device, session=session)


def blanks(scene: Scene) -> Iterator[Upload]:
    """Play ids with blanks around them: Amplitude takes them off."""
    user, device = f"padded-{scene.number}", scene.device()
    yield scene.one("Opened", f" {user}", device, person={"email": f"{user}@example.org"})
    yield scene.one("Opened", user, f"{device} ")


SCENES: tuple[Play, ...] = (
    user_that_is_nobody,
    user_that_is_nobody_on_a_device_of_nobody,
    device_of_many,
    nobody_on_a_device_of_many,
    numbers,
    number_that_is_not_exact,
    server,
    server_before_the_phone,
    only_backfilled,
    backfilled_late,
    backfilled_first,
    device_called_like_a_user,
    rows_without_amplitude_id,
    quiet_login,
    login_of_somebody_known,
    session_of_two_devices,
    blanks,
)
"""What every export has."""
