"""Which name an event gets in the destination."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from singer_delivery.model import Unmappable


class EventNames:
    """Names events: as the user renames them, else as the destination has them, else as they are.

    Args:
        renamed: the setting `rename_events`.
        theirs: the source's names to the destination's.
        harmless: makes a name that triggers nothing there of any other.
        longest: how many characters a name may have there.
        service: the destination, for people.
    """

    def __init__(
        self,
        renamed: Mapping[str, str],
        theirs: Mapping[str, str],
        harmless: Callable[[str], str],
        longest: int,
        service: str,
    ) -> None:
        self._renamed, self._theirs, self._harmless = renamed, theirs, harmless
        self._longest, self._service = longest, service

    def sent_as(self, name: str) -> str:
        """Return the name an event is sent under.

        Raises:
            Unmappable: it is too long (`event_name_too_long`).
        """
        sent_as = self._renamed.get(name) or self._theirs.get(name)
        if sent_as is None:
            sent_as = self._harmless(name)
        if len(sent_as) > self._longest:
            reason = "event_name_too_long"
            detail = (
                f"its name has {len(sent_as)} characters, {self._service} takes {self._longest}; "
                "give it another with `rename_events`"
            )
            raise Unmappable(reason, detail)
        return sent_as
