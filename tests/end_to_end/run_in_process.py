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
from singer_delivery.pipeline.settings import RunSettings
from target_amplitude import account as amplitude_account
from target_amplitude import amplitude
from target_amplitude import endpoint as amplitude_endpoint
from target_amplitude import from_amplitude as to_amplitude
from target_amplitude.settings import MappingSettings as AmplitudeSettings
from target_mixpanel import account as mixpanel_account
from target_mixpanel import endpoint as mixpanel_endpoint
from target_mixpanel import from_amplitude as to_mixpanel
from target_mixpanel import mixpanel
from target_mixpanel.hot_ids import HotIds
from target_mixpanel.settings import MappingSettings as MixpanelSettings
from target_posthog import capture_v1, posthog
from target_posthog import endpoint as posthog_endpoint
from target_posthog import from_amplitude as to_posthog
from target_posthog.settings import MappingSettings as PostHogSettings

from tests.destinations import AMPLITUDE, MIXPANEL, POSTHOG, POSTHOG_V1, Destination
from tests.end_to_end.moods import Record
from tests.fakes.amplitude_batch import FakeAmplitudeBatch
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.posthog import FakePostHog
from tests.singer_delivery.toys import PlayedClock

NOW = 1_780_000_000_000_000  # May 2026, in microseconds


def posthog_parts(fake: FakePostHog) -> tuple[dict[str, Endpoint], RecordMapping]:
    endpoint = posthog_endpoint.BatchEndpoint(
        fake.url, "phc_order", historical_migration=True, limits=Limits(3, 100_000)
    )
    mapping = to_posthog.FromAmplitude(PostHogSettings(version="1"))
    return {posthog.BATCH: endpoint}, mapping


def posthog_v1_parts(fake: FakePostHog) -> tuple[dict[str, Endpoint], RecordMapping]:
    endpoint = capture_v1.EventsEndpoint(
        fake.url, "phc_order", "1", historical_migration=True, limits=Limits(3, 100_000)
    )
    return {posthog.BATCH: endpoint}, posthog_parts(fake)[1]


def mixpanel_parts(fake: FakeMixpanel) -> tuple[dict[str, Endpoint], RecordMapping]:
    at = mixpanel_endpoint
    of = fake.credentials
    account = mixpanel_account.Account(fake.url, of.token, of.project_id, of.username, of.secret)
    whole: dict[str, Endpoint] = {
        mixpanel.IMPORT: at.ImportEndpoint(account, Limits(3, 100_000)),
        mixpanel.ENGAGE: at.ProfileEndpoint(mixpanel.ENGAGE, account),
        mixpanel.GROUPS: at.ProfileEndpoint(mixpanel.GROUPS, account),
    }
    return whole, to_mixpanel.FromAmplitude(MixpanelSettings(now=NOW, version="1"), HotIds())


def amplitude_parts(fake: FakeAmplitudeBatch) -> tuple[dict[str, Endpoint], RecordMapping]:
    account = amplitude_account.Account(fake.url, fake.api_key)
    endpoint = amplitude_endpoint.BatchEndpoint(account, Limits(3, 100_000))
    return {amplitude.BATCH: endpoint}, to_amplitude.FromAmplitude(AmplitudeSettings(now=NOW))


PARTS: dict[Destination, Callable[[Any], tuple[dict[str, Endpoint], RecordMapping]]] = {
    POSTHOG: posthog_parts,
    POSTHOG_V1: posthog_v1_parts,
    MIXPANEL: mixpanel_parts,
    AMPLITUDE: amplitude_parts,
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

    events = run.input("events", mapping, are_messages=False)

    def take(record: Record) -> None:
        run.take(events, orjson.dumps(record))

    try:
        yield take
        run.finish()
    except BaseException as error:
        run.abandon(error)
        raise
