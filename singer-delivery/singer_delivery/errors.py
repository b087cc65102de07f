"""What can stop a run, grouped by what to do next.

    DeliveryError
    ├── SettingsError       a setting is missing or wrong: mend it and start again
    ├── ServiceRefused      the service takes nothing as things are: a wrong key, a wrong host
    ├── ServiceUnavailable  the service did not recover within the tries: start again later
    ├── TooManyDeadLetters  most of what is read is refused: mend the settings or the source
    ├── LedgerInUse         another run is on the same ledger and project: wait for its end
    ├── BatchUnreadable     a file of a BATCH message is gone or damaged: run the tap again
    ├── WorkerLost          a process that maps records ended: start again, with fewer of them
    ├── EventsWait          the service takes no more events of some ids: start again later
    └── StorageError        ledger, dead letters or STATE cannot be written: free space, start again

None of them loses anything: STATE has not moved past what was decided, and the same run can be
started again. A single bad record is no error of the run; it becomes a dead letter.
"""

from __future__ import annotations


class DeliveryError(Exception):
    """Stops a run. Its text is one sentence for the person who reads the log."""


class SettingsError(DeliveryError):
    """A setting is missing or wrong."""


class ServiceRefused(DeliveryError):  # noqa: N818 - what happened, as the model codebases name it
    """The service refuses the run as a whole, such as for its key."""


class ServiceUnavailable(DeliveryError):  # noqa: N818 - what happened, as the model codebases name it
    """The service kept failing until the tries ran out."""


class TooManyDeadLetters(DeliveryError):  # noqa: N818 - as those above
    """So many records are refused that something else than the records must be wrong."""


class LedgerInUse(DeliveryError):  # noqa: N818 - as those above
    """Another run is using the ledger for the same project."""


class BatchUnreadable(DeliveryError):  # noqa: N818 - as those above
    """A file that a BATCH message names cannot be read."""


class Interrupted(SystemExit):
    """The run was told to stop by a signal; carries the exit code 128 + signal."""


class WorkerLost(DeliveryError):  # noqa: N818 - as those above
    """A process that maps records ended before its input did, or could not be started."""

    def __init__(self, what: str = "ended, perhaps for want of memory") -> None:
        super().__init__(
            f"A process that maps records {what}. Nothing is lost: start the same run again, with "
            "fewer `processes`."
        )


class EventsWait(DeliveryError):  # noqa: N818 - as those above
    """All else is delivered; events of some ids wait in the ledger."""

    def __init__(self, events: int, ids: int) -> None:
        of = "1 id" if ids == 1 else f"{ids:,} ids"
        what = f"1 event of {of} waits" if events == 1 else f"{events:,} events of {of} wait"
        super().__init__(f"{what} in the ledger: run again.")


class StorageError(DeliveryError):
    """What must be remembered cannot be written."""
