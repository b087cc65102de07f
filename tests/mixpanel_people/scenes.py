"""What is rare in an export and must not go wrong. Each scene is of people and devices of its own.

Sources: those of `identities`; Mixpanel docs, "Hot Shard Limits" (`$hotshard_events` keeps name and
id aside), "Import Events" (ids that are invalid).
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from tests.fakes.company.rows import Dice
from tests.mixpanel_people.calls import DAY, MINUTE, SECOND, Call, System, Upload
from tests.mixpanel_people.mixpanel import Mixpanel
from tests.mixpanel_people.truth import Properties


class Scene:
    """A place to write calls down, each received a while after the one before.

    Args:
        dice: where chance comes from.
        project: whose people it is about.
        start: of the scene, in milliseconds since 1970.
        number: of the scene among those of its kind.
    """

    def __init__(self, dice: Dice, project: Mixpanel, start: int, number: int) -> None:
        self.dice, self.project, self.number = dice, project, number
        self.now = start

    def one(self, name: str, ids: Properties, **more: Any) -> Upload:
        """Return an upload of one call."""
        call = self.call(name, ids, **more)
        return Upload(self.now + 5 * SECOND, [call])

    def call(self, name: str, ids: Properties, **more: Any) -> Call:
        """Return a call that happens some minutes after the last."""
        self.now += MINUTE + self.dice.below(20 * MINUTE)
        return Call(**{"name": name, "at": self.now, "ids": ids, **more})

    def user(self, name: str) -> str:
        """Return a user's id, which the project knows as one."""
        user = f"{name}-{self.number}"
        self.project.knows_user(user)
        return user

    def device(self) -> str:
        """Return the id of a new device."""
        return self.dice.uuid()


Play = Callable[[Scene], Iterator[Upload]]


@dataclass(frozen=True)
class Kind:
    """A scene and the identity systems in which it can be."""

    play: Play
    systems: tuple[System, ...]

    def __str__(self) -> str:
        return self.play.__name__


def anonymous(scene: Scene, device: str) -> Properties:
    """The ids of an event under no name."""
    shown = device if scene.project.system == "original" else f"$device:{device}"
    return {"distinct_id": shown, "$device_id": device}


def named(user: Any, device: str) -> Properties:
    """The ids of an event of a user."""
    return {"distinct_id": user, "$user_id": user, "$device_id": device}


# In both systems --------------------------------------------------------------------------------


def nobody(scene: Scene) -> Iterator[Upload]:
    """Play events that came without any id: Mixpanel stores them outside of people."""
    yield scene.one("Cron Run", {}, library="server")
    yield scene.one("Cron Run", {"distinct_id": ""}, library="server")


def user_that_is_nobody(scene: Scene) -> Iterator[Upload]:
    """Play a sender that puts a word where the id should be: that names nobody."""
    for word in ("undefined", "null", "Anonymous", "0"):
        yield scene.one("Opened", {"distinct_id": word}, library="server")


def rows_without_insert_id(scene: Scene) -> Iterator[Upload]:
    """Play an old SDK; one of its events came twice, as two rows that times of processing tell."""
    user = scene.user("old")
    for again in (0, 1):
        yield scene.one(
            "Opened", {"distinct_id": user}, library="server", has_insert_id=False, again=again
        )


def rows_equal_to_the_letter(scene: Scene) -> Iterator[Upload]:
    """Play two real events of an old SDK that nothing tells apart."""
    user = scene.user("equal")
    yield scene.one(
        "Opened", {"distinct_id": user}, library="server", has_insert_id=False, again=1,
        equal_to_the_letter=True,
    )  # fmt: skip


def hot_shard(scene: Scene) -> Iterator[Upload]:
    """Play an event of somebody too busy, whose name and id Mixpanel put aside."""
    user = scene.user("busy")
    aside = {"mp_original_distinct_id": user, "mp_original_event_name": "Beat"}
    yield scene.one("Beat", {"distinct_id": user}, library="server")
    yield scene.one("$hotshard_events", {"distinct_id": ""}, library="server", also=aside)


def numbers(scene: Scene) -> Iterator[Upload]:
    """Play users whose ids are numbers that a double cannot tell apart."""
    for first in (10**24, 2**53):
        for number in (first + 4 * scene.number + 3, first + 4 * scene.number + 4):
            scene.project.knows_user(str(number))
            extra = b'"distinct_id":%d' % number
            yield scene.one("Opened", {}, library="server", extra=extra)
            yield scene.one("Opened", {"distinct_id": str(number)}, library="server")


def spelled_times(scene: Scene) -> Iterator[Upload]:
    """Play rows whose time is a number with a fraction, or a text."""
    user = scene.user("timed")
    for time_as in ("float", "text"):
        yield scene.one("Opened", {"distinct_id": user}, library="server", time_as=time_as)


def imported(scene: Scene) -> Iterator[Upload]:
    """Play a server that imports the past of somebody known, with a list of groups."""
    user = scene.user("veteran")
    calls = [
        scene.call("Invoice Paid", {"distinct_id": user}, at=scene.now - n * DAY,
                   library="server", own={"amount": 9.5 + n, "company": ["company-1", "company-2"]})
        for n in (1, 2)
    ]  # fmt: skip
    profile: Properties = {"$email": f"{user}@example.org", "plan": "team"}
    yield Upload(scene.now + DAY, calls, {user: profile}, imported=True)


def profile_without_events(scene: Scene) -> Iterator[Upload]:
    """Play somebody of whom only a profile speaks."""
    user = scene.user("silent")
    created = {"$email": f"{user}@example.org", "$created": "2023-05-06T07:08:09"}
    yield Upload(scene.now, [], {user: created})


# Simplified -------------------------------------------------------------------------------------


def second_user_on_a_device(scene: Scene) -> Iterator[Upload]:
    """Play a device whose id outlives a change of users: it stays its first user's."""
    device = scene.device()
    ann, bob = scene.user("ann"), scene.user("bob")
    for user in (None, ann, None, bob, None):
        ids = anonymous(scene, device) if user is None else named(user, device)
        yield scene.one("Opened", ids)


def bare_id_is_a_user(scene: Scene) -> Iterator[Upload]:
    """Play a server that sends a distinct_id alone: Mixpanel takes it for a user's."""
    user, device = scene.user("bare"), scene.device()
    yield scene.one("Invoice Paid", {"distinct_id": user}, library="server")
    yield scene.one("Opened", anonymous(scene, device))
    yield scene.one("Opened", named(user, device))


def placeholder_beside_a_device(scene: Scene) -> Iterator[Upload]:
    """Play a word for a user on a device that has an owner."""
    user, device = scene.user("beside"), scene.device()
    yield scene.one("Opened", named(user, device))
    yield scene.one("Opened", {"$user_id": "null", "$device_id": device})


def device_with_a_prefix(scene: Scene) -> Iterator[Upload]:
    """Play a sender that puts the prefix into `$device_id`, of which Mixpanel takes one off."""
    user, device = scene.user("prefixed"), scene.device()
    yield scene.one("Opened", {"$device_id": f"$device:{device}"})
    yield scene.one("Opened", named(user, device))


# Original ---------------------------------------------------------------------------------------


def alias(scene: Scene) -> Iterator[Upload]:
    """Play an old SDK that makes a user an alias of the id it was known by."""
    user, device = scene.user("aliased"), scene.device()
    ids = {"distinct_id": device}
    yield scene.one("Opened", ids, library="server")
    yield scene.one("$create_alias", ids, library="server", also={"alias": user})
    yield scene.one("Opened", {"distinct_id": user}, library="server")


def merged_users(scene: Scene) -> Iterator[Upload]:
    """Play a clean-up: two ids of users turn out to be one person's."""
    first, second = scene.user("work"), scene.user("home")
    for user in (first, second):
        yield scene.one("Opened", named(user, scene.device()) | {"$device_id": f"d-{user}"})
    ids = {"distinct_id": first}
    both = {"$distinct_ids": [first, second]}
    yield scene.one("$merge", ids, library="server", also=both)
    yield scene.one("Opened", {"distinct_id": second}, library="server")


def failed_identify(scene: Scene) -> Iterator[Upload]:
    """Play a sender whose anonymous ids are no UUIDs: the verb links nothing."""
    user, visitor = scene.user("failed"), f"visitor-{scene.number}"
    yield scene.one("Opened", {"distinct_id": visitor}, library="server")
    link = {"$identified_id": user, "$anon_id": visitor}
    yield scene.one("$identify", {"distinct_id": user}, library="server", also=link)
    yield scene.one("Opened", {"distinct_id": user}, library="server")


def second_identify(scene: Scene) -> Iterator[Upload]:
    """Play a second login on a device that was not reset: the verb fails, people stay two."""
    device = scene.device()
    yield scene.one("Opened", anonymous(scene, device))
    for name in ("first", "second"):
        user = scene.user(name)
        link = {"$identified_id": user, "$anon_id": device}
        yield scene.one("$identify", named(user, device), also=link)
        yield scene.one("Opened", named(user, device))


BOTH: tuple[System, ...] = ("simplified", "original")
SCENES = (
    *(
        Kind(play, BOTH)
        for play in (
            nobody,
            user_that_is_nobody,
            rows_without_insert_id,
            rows_equal_to_the_letter,
            hot_shard,
            numbers,
            spelled_times,
            imported,
            profile_without_events,
        )
    ),
    *(
        Kind(play, ("simplified",))
        for play in (
            second_user_on_a_device,
            bare_id_is_a_user,
            placeholder_beside_a_device,
            device_with_a_prefix,
        )
    ),
    *(
        Kind(play, ("original",))
        for play in (alias, merged_users, failed_identify, second_identify)
    ),
)
"""What every export has."""
