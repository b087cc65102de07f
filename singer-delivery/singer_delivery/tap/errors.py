"""The errors that stop a tap, grouped by what to do next; a tap adds those of its own.

    TapError
    ├── AccessRefused       keys, region or address are wrong: correct the settings
    ├── RequestRefused      the service refuses the request, and its text says why
    ├── ServiceUnavailable  the service fails after all retries: start again later
    ├── StateUnreadable     the bookmark is not one of this tap: correct the state
    ├── ArchiveUnreadable   the archive is not there, or a file of it is damaged
    ├── TooManyBroken       its lines are no rows: look at what it is
    ├── SpoolUnwritable     the working folder cannot be written: free some space, start again
    └── OutputUnwritable    standard output cannot be written: likewise

    AnswerNotUsable         one answer brings no data; the tap handles it
    ├── TooSlow             ask for less; for the least that can be asked for, ask again
    └── TryAgain            ask again, later

No error loses a row: the state covers finished work only, and the same run can start again. The
text of a `TapError` is for the person who reads the log; it never contains a key.
"""

from __future__ import annotations


class TapError(Exception):
    """An error that stops the run."""


class AccessRefused(TapError):  # noqa: N818 - named by what happened
    """The service does not accept the keys, or the address is not the service's."""


class RequestRefused(TapError):  # noqa: N818 - named by what happened
    """The service refuses the request, and not for its size."""


class ServiceUnavailable(TapError):  # noqa: N818 - named by what happened
    """The service fails after all retries."""


class StateUnreadable(TapError):  # noqa: N818 - named by what happened
    """The bookmark in the state cannot be read."""


NO_ARCHIVE = "The state's archive is none that this tap wrote; correct or clear the state."


class ArchiveUnreadable(TapError):  # noqa: N818 - named by what happened
    """The archive, or a file of it, cannot be read."""


class TooManyBroken(TapError):  # noqa: N818 - named by what happened
    """Nothing of a file can be read, or too many lines of the run are broken."""


class SpoolUnwritable(TapError):  # noqa: N818 - named by what happened
    """The working folder cannot be written."""


class OutputUnwritable(TapError):  # noqa: N818 - named by what happened
    """Standard output cannot be written, though it has a reader."""


class AnswerNotUsable(Exception):  # noqa: N818 - a signal between two modules
    """One answer brings no data, and another request may succeed. Its text says what happened."""


class TooSlow(AnswerNotUsable):
    """The service ran out of time, as it does on large requests."""


class TryAgain(AnswerNotUsable):
    """A passing failure.

    Attributes:
        retry_after: the seconds that the service asks to wait, or None.
    """

    def __init__(self, what: str, retry_after: float | None = None) -> None:
        super().__init__(what)
        self.retry_after = retry_after
