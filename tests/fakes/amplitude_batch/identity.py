"""Whose event it is: Amplitude's ids of people. Pure; everything in the order of ARRIVAL.

Source: Amplitude docs, "Track unique users". A user id beats a device id. What is anonymous belongs
to the last user of its device. Who was anonymous and turns out to be a known user is merged into
that user, in queries only: rows keep the id that they were given. Two user ids are never merged.
"""

from __future__ import annotations

from collections.abc import Mapping


class Identities:
    """The people of one project.

    Args:
        elsewhere: Device -> user that other projects of the organisation know it with.

    Attributes:
        merges: (id that was anonymous, id it was merged into), in order of arrival.
    """

    def __init__(self, elsewhere: Mapping[str, str]) -> None:
        self._of_user: dict[str, int] = {}
        self._of_device: dict[str, int] = {}
        self._last_user: dict[str, str] = dict(elsewhere)
        self._merged_into: dict[int, int] = {}
        self.merges: list[tuple[int, int]] = []
        self._count = 0

    def meet(self, user: str | None, device: str | None) -> int:
        """Return the id that an event of this user on this device is given."""
        if user is not None:
            return self._meet_user(user, device)
        assert device is not None
        last = self._last_user.get(device)
        if last is not None:
            return self._meet_user(last, None)
        if device not in self._of_device:
            self._of_device[device] = self._new()
        return self._of_device[device]

    def canonical(self, amplitude_id: int) -> int:
        """Return the id that queries count somebody under."""
        return self._merged_into.get(amplitude_id, amplitude_id)

    def of_user(self, user: str) -> int | None:
        """Return the id of a user, if there is one."""
        return self._of_user.get(user)

    def of_device(self, device: str) -> int | None:
        """Return the id that counts for what is anonymous on a device, if there is one."""
        last = self._last_user.get(device)
        found = self._of_device.get(device) if last is None else self._of_user.get(last)
        return None if found is None else self.canonical(found)

    def last_user(self, device: str) -> str | None:
        """Return the user to whom the next anonymous event of a device would go."""
        return self._last_user.get(device)

    def _meet_user(self, user: str, device: str | None) -> int:
        anonymous = self._claimable(device)
        if user not in self._of_user:
            self._of_user[user] = anonymous if anonymous is not None else self._new()
        elif anonymous is not None:
            self._merged_into[anonymous] = self._of_user[user]
            self.merges.append((anonymous, self._of_user[user]))
        if device is not None:
            self._last_user[device] = user
        return self._of_user[user]

    def _claimable(self, device: str | None) -> int | None:
        """Return the id of whoever was anonymous on a device that nobody has claimed."""
        if device is None or device in self._last_user:
            return None
        return self._of_device.get(device)

    def _new(self) -> int:
        self._count += 1
        return self._count
