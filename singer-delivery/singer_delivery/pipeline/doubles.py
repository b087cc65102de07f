"""What may count twice where a run goes on long after one that was killed.

A run lists what is delivered after the reply. What it sent in its last seconds is not listed when
it is killed; as long as the service knows these events again, sending them twice is harmless.
"""

from __future__ import annotations

import logging
from datetime import datetime, timezone

from singer_delivery.pipeline.blocks import MOST_BYTES, OVERHEAD
from singer_delivery.pipeline.delivery import ROOM

logger = logging.getLogger(__name__)

FORGOTTEN_AFTER = 6 * 86_400
"""Seconds after which a service may have forgotten what a run sent; a day less than the shortest
memory that we know of."""

MOST = (ROOM + MOST_BYTES) // OVERHEAD
"""Records that a run has sent and not listed, at most, when it is killed."""


def may_double(cut_off_at: int | None, now: float) -> str | None:
    """Return a sentence for the log; None where nothing can count twice.

    Args:
        cut_off_at: when the run saved last that was killed, in seconds since 1970.
        now: likewise.
    """
    if cut_off_at is None or now - cut_off_at <= FORGOTTEN_AFTER:
        return None
    when = datetime.fromtimestamp(cut_off_at, timezone.utc).strftime("%Y-%m-%d %H:%M UTC")
    return (
        f"The last run on this ledger was cut off at about {when}, more than "
        f"{FORGOTTEN_AFTER // 86_400} days ago. What it sent in its last seconds is not in the "
        "list of deliveries, and the service has forgotten it by now: these records, "
        f"{MOST:,} at most, may count twice. Look at what arrived at that time."
    )


def warn_of_doubles(cut_off_at: int | None, now: float) -> None:
    """Log what may count twice, where a run goes on long after one that was cut off."""
    warning = may_double(cut_off_at, now)
    if warning is not None:
        logger.warning("%s", warning)
