"""The target: its settings, and how its parts are put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import closing
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, NoReturn

from singer_delivery.endpoint import Limits
from singer_delivery.errors import SettingsError
from singer_delivery.io.retry import Clock
from singer_delivery.io.transport import Transport
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.selection import Export, mapping_for
from singer_delivery.model import CREATION, Event, RecordMapping
from singer_delivery.proof.counting import CannotAsk
from singer_delivery.proof.questions import Question
from singer_delivery.sdk.settings import named_streams, run_settings, scope
from singer_delivery.sdk.source_project import comes_from
from singer_delivery.sdk.source_settings import chosen_events
from singer_delivery.sdk.target import DeliveryTarget
from singer_sdk import typing as th

from target_amplitude import dry_run, endpoint, from_amplitude, from_columns, from_mixpanel
from target_amplitude.account import HOSTS, Account
from target_amplitude.amplitude import BATCH, SERVICE
from target_amplitude.catalogue import ALARMS, BILLING
from target_amplitude.closing import CLOSING, event_of
from target_amplitude.config import SETTINGS
from target_amplitude.from_columns import Lent
from target_amplitude.guides import guide_of
from target_amplitude.questions import questions
from target_amplitude.settings import MappingSettings

if TYPE_CHECKING:
    from singer_delivery.mapping.guide import Guide
    from singer_delivery.pipeline.run import Run

FIRST_WAIT = 4.0
"""Seconds; chance shortens a wait by up to half, so the first is 2 s at least."""

SAME_PROJECT = (
    "The rows come from the very Amplitude project that the target writes to: every event would "
    "count twice, for good. Nothing was sent. Set `api_key` to that of the project that the copy "
    "goes to."
)
UNTOLD_PROJECT = (
    "Nothing says whether the rows come from the very Amplitude project that the target writes to: "
    "an archive does not tell. Look before you go on: a copy of a project into itself cannot be "
    "taken back."
)
ACCOUNTS = (
    "Properties of groups were sent. Amplitude takes them from every project and shows them with "
    "the Accounts add-on alone; `groups: false` leaves them out."
)


class TargetAmplitude(DeliveryTarget):
    """Loads product-analytics history into Amplitude.

    Exports of Amplitude and Mixpanel are understood as they are; other streams are loaded by naming
    their columns.
    """

    name = "target-amplitude"
    package_name = "target-amplitude"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        *SETTINGS, additional_properties=False
    ).to_dict()

    alarms: ClassVar[Mapping[str, str]] = ALARMS

    def open_run(self) -> Run:
        """Open the ledger and the lanes; nothing is sent yet but a request without events."""
        settings = run_settings(
            self.config,
            user_agent=self.user_agent,
            max_events_per_second=self.config["max_events_per_second"],
            first_wait=FIRST_WAIT,
            billing=BILLING,
            forgets=True,
        )
        run = self.run_with(settings, {BATCH: self._batch})
        if not settings.dry_run and not self.config["check"]:
            # The question would have found out whether requests may be compressed.
            with closing(Transport(self.user_agent)) as transport:
                self._batch.opening(transport)
        return run

    def questions(self) -> list[Question]:
        """Return what can be asked of Amplitude before a run."""
        account = self._account
        if not account.api_key:
            return []
        has_address = bool(self.config.get("base_url"))
        others = (
            {}
            if has_address
            else {region: address for region, address in HOSTS.items() if region != account.region}
        )
        return questions(account, self._batch, others)

    def mapping_for(
        self, stream: str, schema: Mapping[str, Any], key_properties: Sequence[str]
    ) -> RecordMapping:
        """Return what the records of a stream become."""
        settings = self._mapping_settings
        lent = Lent(self.copies.number, self.warn_once, self._choice)
        return mapping_for(
            stream,
            schema,
            named_streams(self.config),
            [
                self._checked(from_amplitude.export(settings, self._choice)),
                *from_mixpanel.exports(settings, self._choice, self.copies.number),
            ],
            lambda words: from_columns.from_columns(
                stream, words, schema, key_properties, settings, lent
            ),
        )

    def _checked(self, export: Export) -> Export:
        """Return an export whose mapping is made only for rows of another project."""

        def make(schema: Mapping[str, Any]) -> RecordMapping:
            is_same = comes_from(schema, SERVICE, self._account.api_key)
            if is_same:
                raise SettingsError(SAME_PROJECT)
            if is_same is None:
                self.warn_once(UNTOLD_PROJECT)
            return export.make(schema)

        return export._replace(make=make)

    def counter(self, *_: Any, **__: Any) -> NoReturn:
        """Say that there is no counter.

        Raises:
            CannotAsk: always.
        """
        msg = (
            "Amplitude cannot be asked yet what it holds of an import: its API counts two names a "
            "request, in the project's own zone, and hides what an export has."
        )
        raise CannotAsk(msg)

    def last_warnings(self) -> Iterable[str]:
        """Return a sentence for each pattern that matched no event, on groups, and of a dry run."""
        yield from self._choice.warnings()
        if self.run.report.as_dict()["sent"].get("group"):
            yield ACCOUNTS
        if self.config["dry_run"]:
            yield self._volume()
            yield from dry_run.told(Path(self.config["output_path"]))

    def _volume(self) -> str:
        """Say how many events of a dry run would count, for good."""
        sent = self.run.report.as_dict()["sent"]
        counted, created = sent.get("event", 0), sent.get(CREATION, 0)
        return (
            f"{counted + created:,} events would count to the volume of the Amplitude project: "
            f"{counted:,} of the records, {created:,} of users' creation. Nothing can be taken "
            "back: load a few days into a test project first."
        )

    def guide(self, mapping: RecordMapping, stream: str, key_properties: Sequence[str]) -> Guide:
        """Return what the table of a stream's mapping says of each field that it sends."""
        words = named_streams(self.config).get(stream)
        return guide_of(mapping, self._mapping_settings, stream, words, key_properties)

    def body_of(self, event: Event) -> Mapping[str, Any]:
        """Return an event as it is sent; an update that waits as what it becomes."""
        return event_of(event.body) if CLOSING in event.body else event.body

    def config_errors(self) -> list[str]:
        """Return a sentence for every setting that is missing or wrong."""
        errors = []
        try:
            _ = self._account
        except SettingsError as error:
            errors.append(str(error))
        try:
            _ = self._mapping_settings
            for stream, words in named_streams(self.config).items():
                from_columns.description(stream, words)
        except (SettingsError, ValueError) as error:
            errors.append(str(error))
        if not errors and not self.config["dry_run"]:
            errors += self._account.missing()
        return errors

    @cached_property
    def _account(self) -> Account:
        return Account.of(self.config)

    @cached_property
    def _choice(self) -> Choice:
        return self._mapping_settings.choice()

    @cached_property
    def _batch(self) -> endpoint.BatchEndpoint:
        limits = Limits(self.config["max_batch_events"], self.config["max_batch_bytes"])
        return endpoint.BatchEndpoint(self._account, limits, self.config["min_id_length"])

    @cached_property
    def _mapping_settings(self) -> MappingSettings:
        config = self.config
        return MappingSettings(
            now=int(Clock().now() * 1_000_000),
            user_properties=config["user_properties"],
            user_properties_on_events=config["user_properties_on_events"],
            skip_user_properties_sync=config["skip_user_properties_sync"],
            user_created_event=config.get("user_created_event"),
            transaction_event=(config.get("transaction_event") or "").strip(),
            super_properties=tuple(config.get("super_properties") or ()),
            exclude_properties=tuple(config.get("exclude_properties") or ()),
            group_keys=dict(config.get("group_keys") or {}),
            revenue=dict(config.get("revenue") or {}),
            groups=config["groups"],
            send_ip=config["send_ip"],
            send_advertising_ids=config["send_advertising_ids"],
            bare_distinct_ids=config["bare_distinct_ids"],
            events_without_id=config["events_without_id"],
            reused_insert_ids=config["reused_insert_ids"],
            backfill_days=config["backfill_days"],
            **chosen_events(config),
        )

    @property
    def scope(self) -> str:
        """Names the project in the ledger without its key: another project starts anew."""
        account = self._account
        return scope(account.base_url, account.api_key)


if __name__ == "__main__":
    TargetAmplitude.cli()
