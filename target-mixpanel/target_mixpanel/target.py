"""The target: its settings, and how its parts are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_delivery.endpoint import Endpoint, Limits
from singer_delivery.errors import SettingsError
from singer_delivery.io.retry import Clock
from singer_delivery.model import Event, Note, RecordMapping
from singer_delivery.proof.questions import Question
from singer_delivery.sdk.settings import named_streams, run_settings, scope
from singer_delivery.sdk.source_settings import chosen_events
from singer_delivery.sdk.target import DeliveryTarget
from singer_sdk import typing as th

from target_mixpanel import endpoint
from target_mixpanel.account import QUERY_HOSTS, Account
from target_mixpanel.config import SETTINGS
from target_mixpanel.events import BILLING, OLDER, OLDER_SENTENCE
from target_mixpanel.guides import guide_of
from target_mixpanel.mixpanel import ENGAGE, GROUPS, IMPORT
from target_mixpanel.questions import Wanted, questions
from target_mixpanel.settings import MappingSettings
from target_mixpanel.streams import Streams, check, table_ids

if TYPE_CHECKING:
    from singer_delivery.mapping.guide import Guide
    from singer_delivery.pipeline.run import Run
    from singer_delivery.proof.counting import Counter


class TargetMixpanel(DeliveryTarget):
    """Loads product-analytics history into Mixpanel: events, profiles, groups and lookup tables.

    Exports of Amplitude and of another Mixpanel project are understood as they are; other streams
    are loaded by naming their columns.
    """

    name = "target-mixpanel"
    package_name = "target-mixpanel"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        *SETTINGS, additional_properties=False
    ).to_dict()

    first_wait: ClassVar[float] = 4.0
    """Seconds; chance shortens a wait by up to half, so the first is 2 s at least ("start with 2 s,
    double to 60 s, with jitter": docs, "Import Events")."""

    alarms: ClassVar[Mapping[str, str]] = {OLDER.name: OLDER_SENTENCE}

    def open_run(self) -> Run:
        """Open the ledger and the lanes; nothing is sent yet."""
        settings = run_settings(
            self.config,
            user_agent=self.user_agent,
            max_events_per_second=self.config["max_events_per_second"],
            first_wait=self.first_wait,
            billing=BILLING,
        )
        return self.run_with(settings, self._endpoints())

    def mapping_for(
        self, stream: str, schema: Mapping[str, Any], key_properties: Sequence[str]
    ) -> RecordMapping:
        """Return what the records of a stream become; see `streams.Streams`."""
        bookmarks = self.bookmarks.get(stream, ())
        return self._streams.mapping_for(stream, schema, key_properties, bookmarks)

    def counter(self, clock: Clock, tell: Callable[[str], None], *, raw: bool = False) -> Counter:
        """Return what asks the project what it holds; `raw` by raw exports alone.

        Raises:
            CannotAsk: a setting for it is missing.
        """
        from target_mixpanel.counting import counter_of  # noqa: PLC0415 - no run needs it

        agent = f"{self.name}/{self.plugin_version}"
        return counter_of(self.config, agent, clock, tell, raw=raw)

    def last_events(self) -> Iterable[tuple[str, Event]]:
        """Return the lookup tables that got rows, each with its stream; count what stays open."""
        for name, count in self._streams.last_notes(self.run.ledger).items():
            if count:
                self.run.report.note(Note(name), count)
        return self._streams.last_events()

    def last_warnings(self) -> Iterable[str]:
        """Return a sentence for each pattern of events that matched none."""
        return self._streams.warnings()

    def close(self) -> None:
        """Remove what waited on disk."""
        self._streams.close()

    def guide(self, mapping: RecordMapping, stream: str, key_properties: Sequence[str]) -> Guide:
        """Return what the table of a stream's mapping says of each field that it sends."""
        words = named_streams(self.config).get(stream)
        return guide_of(mapping, self._mapping_settings, stream, words, key_properties)

    def questions(self) -> list[Question]:
        """Return what can be asked of Mixpanel before a run."""
        account, config = self._account, self.config
        if not account.token and not account.username:
            return []
        own = config.get("query_base_url") or config.get("base_url")
        application = str(own).strip().rstrip("/") if own else QUERY_HOSTS[config["region"]][0]
        wanted = Wanted(
            profiles=config["profiles"] or config["groups"],
            tables=table_ids(named_streams(config)).values(),
            group_keys=set((config.get("group_keys") or {}).values()),
        )
        return questions(account, application, wanted)

    def config_errors(self) -> list[str]:
        """Return a sentence for every setting that is missing or wrong."""
        errors = []
        try:
            _ = self._account
        except SettingsError as error:
            errors.append(str(error))
        try:
            _ = self._mapping_settings
            check(named_streams(self.config))
        except (SettingsError, ValueError) as error:
            errors.append(str(error))
        if errors or self.config["dry_run"]:
            return errors
        return self._missing_credentials()

    def _missing_credentials(self) -> list[str]:
        account, config = self._account, self.config
        errors = account.missing(updates_profiles=config["profiles"] or config["groups"])
        tables = table_ids(named_streams(self.config))
        if tables and not account.username:
            errors.append(
                f"Stream '{next(iter(tables))}' replaces a lookup table, which Mixpanel allows to "
                "a service account alone: set `service_account_username`."
            )
        return errors

    @cached_property
    def _account(self) -> Account:
        return Account.of(self.config)

    def _endpoints(self) -> dict[str, Endpoint]:
        limits = Limits(self.config["max_batch_events"], self.config["max_batch_bytes"])
        account = self._account
        tables = [
            endpoint.LookupTableEndpoint(account, table_id, path)
            for table_id, path in self._streams.table_paths().items()
        ]
        return {
            IMPORT: endpoint.ImportEndpoint(account, limits),
            ENGAGE: endpoint.ProfileEndpoint(ENGAGE, account),
            GROUPS: endpoint.ProfileEndpoint(GROUPS, account),
            **{table.name: table for table in tables},
        }

    @cached_property
    def _streams(self) -> Streams:
        return Streams(
            named_streams(self.config),
            self._mapping_settings,
            self.copies.number,
            self.warn_once,
            self._account.project_id,
        )

    @cached_property
    def _mapping_settings(self) -> MappingSettings:
        config = self.config
        return MappingSettings(
            now=int(Clock().now() * 1_000_000),
            identity_merge=config["identity_merge"],
            user_properties_on_events=config["user_properties_on_events"],
            profiles=config["profiles"],
            groups=config["groups"],
            group_keys=dict(config.get("group_keys") or {}),
            geolocate_ip=config["geolocate_ip"],
            retention_years=config["retention_years"],
            skip_expired=config["skip_expired"],
            bare_distinct_ids=config["bare_distinct_ids"],
            link_event=config["link_event"],
            backfill_days=config["backfill_days"],
            **chosen_events(config),
            version=self.plugin_version,
        )

    @property
    def scope(self) -> str:
        """Names the project in the ledger without its token: another project has facts of its own.

        The token goes before the id, so that a service account may be set later.
        """
        account = self._account
        return scope(account.base_url, account.token or account.project_id)


if __name__ == "__main__":
    TargetMixpanel.cli()
