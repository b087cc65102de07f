"""Opens a run in this process, as the target does: knows the pipeline's parts by name.

A change of the pipeline is followed here, and the tests of order stay as they are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import orjson
from singer_delivery.endpoint import Endpoint, Limits
from singer_delivery.model import RecordMapping
from singer_delivery.pipeline.run import Run
from singer_delivery.pipeline.run_settings import RunSettings
from target_mixpanel import endpoints as mixpanel_endpoints
from target_mixpanel.mappings import amplitude as mixpanel_amplitude
from target_mixpanel.mappings.settings import MappingSettings as MixpanelSettings
from target_posthog import endpoints as posthog_endpoints
from target_posthog.mappings import amplitude as posthog_amplitude
from target_posthog.mappings.settings import MappingSettings as PostHogSettings

from tests.destinations import MIXPANEL, POSTHOG, Destination
from tests.end_to_end.moods import Record
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.posthog import FakePostHog
from tests.singer_delivery.toys import PlayedClock

NOW = 1_780_000_000_000_000  # May 2026, in microseconds


def posthog_parts(fake: FakePostHog) -> tuple[dict[str, Endpoint], RecordMapping]:
    endpoint = posthog_endpoints.BatchEndpoint(
        fake.url, "phc_order", historical_migration=True, limits=Limits(3, 100_000)
    )
    mapping = posthog_amplitude.AmplitudeMapping(PostHogSettings(version="1"))
    return {posthog_endpoints.BATCH: endpoint}, mapping


def mixpanel_parts(fake: FakeMixpanel) -> tuple[dict[str, Endpoint], RecordMapping]:
    at = mixpanel_endpoints
    of = fake.credentials
    account = at.Account(fake.url, of.token, of.project_id, of.username, of.secret)
    whole: dict[str, Endpoint] = {
        at.IMPORT: at.ImportEndpoint(account, Limits(3, 100_000)),
        at.ENGAGE: at.ProfileEndpoint(at.ENGAGE, account),
        at.GROUPS: at.ProfileEndpoint(at.GROUPS, account),
    }
    return whole, mixpanel_amplitude.AmplitudeMapping(MixpanelSettings(now=NOW, version="1"))


PARTS: dict[Destination, Callable[[Any], tuple[dict[str, Endpoint], RecordMapping]]] = {
    POSTHOG: posthog_parts,
    MIXPANEL: mixpanel_parts,
}


@contextmanager
def run_into(
    destination: Destination, fake: Any, folder: Path
) -> Iterator[Callable[[Record], None]]:
    """Open a run of three lanes; give a function that takes a record."""
    endpoints, mapping = PARTS[destination](fake)
    of_run = RunSettings(
        user_agent="test",
        max_in_flight=3,
        max_retries=30,  # a script and a mood ask for 12 each
        max_events_per_second=0,
        ledger_url=f"sqlite:///{folder / 'ledger.sqlite3'}",
        dead_letter_path=folder / "dead.singer",
        report_path=None,
        dry_run=False,
        output_path=folder / "dry.jsonl",
    )
    run = Run(of_run, endpoints, "order", lambda _: None, PlayedClock())

    def take(record: Record) -> None:
        message = {"type": "RECORD", "stream": "events", "record": record}
        run.delivery.take("events", record, orjson.dumps(message), mapping)

    try:
        yield take
        run.finish()
    except BaseException as error:
        run.abandon(error)
        raise
