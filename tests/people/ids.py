"""Which Amplitude ID an event gets. Pure; everything in the order in which events are taken.

Source: Amplitude docs, "Track unique users" (the examples of its tables are tests here) and "How
Amplitude assigns Amplitude IDs": a user goes before a device, an anonymous event goes to the last
user known on its device, users are never merged.
"""

from __future__ import annotations

from dataclasses import dataclass, field

# Amplitude docs, HTTP V2 API: ids that are invalid, in any case; mixpanel-import `badUserIds`.
# fmt: off
NOBODY = frozenset((
    "", "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "-1", "0", "{}",
    "[]", "lmy47d", "9774d56d682e549c", "000000000000000", "00000000-0000-0000-0000-000000000000",
))
# fmt: on


def is_nobody(text: str) -> bool:
    """Whether an id stands for nobody, or for a device that many share."""
    return text.strip().lower() in NOBODY


@dataclass
class AmplitudeIds:
    """Amplitude's tables of ids.

    Attributes:
        user_of: Amplitude ID -> its user; those of anonymous people are missing.
        merged: an anonymous Amplitude ID -> that of the user it turned out to be.
        id_of_user: the other way round than `user_of`.
        id_of_device: device -> the Amplitude ID its next anonymous event gets.
        all_users: device -> every user seen with it who is somebody, in order.
    """

    user_of: dict[int, str] = field(default_factory=dict)
    merged: dict[int, int] = field(default_factory=dict)
    id_of_user: dict[str, int] = field(default_factory=dict)
    id_of_device: dict[str, int] = field(default_factory=dict)
    all_users: dict[str, dict[str, None]] = field(default_factory=dict)
    _newest: int = 7_000

    def of(self, user: str | None, device: str | None) -> int:
        """Return the Amplitude ID of an event that is taken now."""
        if user is not None:
            return self._of_user(user, device)
        if device is None:
            return self._make()
        if device not in self.id_of_device:
            self.id_of_device[device] = self._make()
        return self.id_of_device[device]

    def person(self, amplitude_id: int) -> int:
        """Return the Amplitude ID that one counts for once people are merged."""
        return self.merged.get(amplitude_id, amplitude_id)

    def owner(self, device: str) -> str | None:
        """Return the first user seen with a device."""
        return next(iter(self.all_users.get(device, ())), None)

    def _of_user(self, user: str, device: str | None) -> int:
        anonymous = self.anonymous(device)
        own = self.id_of_user.get(user)
        if own is None:
            own = self._make() if anonymous is None else anonymous
            self.id_of_user[user] = own
            self.user_of[own] = user
        elif anonymous is not None:
            self.merged[anonymous] = own
        if device is not None:
            self._note_device(device, user, own)
        return own

    def anonymous(self, device: str | None) -> int | None:
        """Return the Amplitude ID of the anonymous person on a device, if there is one."""
        found = self.id_of_device.get(device or "")
        return None if found in self.user_of else found

    def _note_device(self, device: str, user: str, own: int) -> None:
        self.id_of_device[device] = own
        if not is_nobody(user) and not is_nobody(device):
            self.all_users.setdefault(device, {})[user] = None

    def _make(self) -> int:
        self._newest += 1
        return self._newest
