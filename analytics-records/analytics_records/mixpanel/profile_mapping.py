"""What mappings of profiles have in common, whatever the destination. Pure."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

from analytics_records.mixpanel.ids import people_of, without_prefix
from analytics_records.mixpanel.profiles import Profile, read_profile

S = TypeVar("S")


class ProfileMapping(Generic[S]):
    """Reads profiles; a target decides and maps them.

    Args:
        settings: of the target.

    Attributes:
        service: what reads profiles, for people.
    """

    service: ClassVar[str]

    def __init__(self, settings: S) -> None:
        self._settings = settings

    def __reduce__(self) -> tuple[Any, tuple[S]]:
        """Let another process make the same."""
        return type(self), (self._settings,)

    def observe(self, line: bytes, *, is_message: bool) -> Profile:
        """Return the profile: see `read_profile`.

        Raises:
            Unmappable: the line is no record, or an unreadable one.
        """
        return read_profile(line, is_message=is_message, service=self.service)


class PersonProfiles(ProfileMapping[S]):
    """The same of people."""

    def ids_of(self, profile: Profile) -> tuple[str | None, ...]:
        """Return the id of the person, with and without the prefix of devices."""
        return profile.id, without_prefix(profile.id)

    def people_of(self, profile: Profile) -> tuple[str, ...]:
        """Return the id of the person, without the prefix of devices."""
        return people_of(profile.id, None, None)


class GroupProfiles(ProfileMapping[S]):
    """The same of groups."""

    def ids_of(self, profile: Profile) -> tuple[str | None, ...]:  # noqa: ARG002 - of the protocol
        """Return no id: a group is no person."""
        return ()

    def people_of(self, profile: Profile) -> None:
        """Return that it is about no person."""
