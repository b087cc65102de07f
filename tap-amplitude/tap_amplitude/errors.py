"""What can stop the tap, grouped by what to do next.

    TapError
    ├── AccessRefused       keys, region or address are wrong: mend the settings
    ├── RequestRefused      Amplitude refuses the request itself, with words of its own
    ├── HourTooLarge        one hour is more than the Export API gives out: load it from an archive
    ├── ServiceUnavailable  Amplitude did not recover within the tries allowed: start again later
    ├── StateUnreadable     the bookmark is none of this tap's: mend the state
    ├── ArchiveUnreadable   the archive is not there, or a file of it is damaged
    └── SpoolUnwritable     the working folder cannot be written: free the disk, start again

    AnswerNotUsable         what one answer means for the walk; never leaves the tap
    ├── TooLarge            ask for fewer hours
    ├── TooSlow             ask for fewer hours; a single hour, ask again
    └── TryAgain            ask again, later

None of them loses anything: the state covers finished work only, and the same run can be started
again. The text of a `TapError` is for the person who reads the log; it never holds a key.
"""

from __future__ import annotations


class TapError(Exception):
    """Stops the run."""


class AccessRefused(TapError):  # noqa: N818 - what happened, as in the library
    """Amplitude does not accept the keys, or the address is not Amplitude's."""


class RequestRefused(TapError):  # noqa: N818 - what happened, as in the library
    """Amplitude refuses the request, and not for its size."""


class HourTooLarge(TapError):  # noqa: N818 - what happened, as in the library
    """One hour exceeds what the Export API gives out."""


class ServiceUnavailable(TapError):  # noqa: N818 - what happened, as in the library
    """Amplitude kept failing until the tries ran out."""


class StateUnreadable(TapError):  # noqa: N818 - what happened, as in the library
    """The state given to the tap holds no time where the bookmark should be."""


class ArchiveUnreadable(TapError):  # noqa: N818 - what happened, as in the library
    """The archive, or a file of it, cannot be read."""


class SpoolUnwritable(TapError):  # noqa: N818 - what happened, as in the library
    """The working folder cannot be written."""


class AnswerNotUsable(Exception):  # noqa: N818 - a signal between two modules
    """One answer brought no data and is no final word. Its text says what happened."""


class TooLarge(AnswerNotUsable):
    """The window holds more than the service gives out at once."""


class TooSlow(AnswerNotUsable):
    """The service ran out of time, as it does on large windows."""


class TryAgain(AnswerNotUsable):
    """A passing failure.

    Attributes:
        retry_after: seconds the service asked to be left alone, or None.
    """

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.retry_after = retry_after
