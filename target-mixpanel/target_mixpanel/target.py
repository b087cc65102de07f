"""The target: its settings, and how its parts are put together."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_delivery.endpoint import Endpoint, Limits
from singer_delivery.errors import SettingsError
from singer_delivery.io.retry import Clock
from singer_delivery.model import Event, RecordMapping
from singer_delivery.sdk.settings import (
    backfill_days_setting,
    chosen_events,
    chosen_events_settings,
    delivery_settings,
    named_streams,
    request_settings,
    run_settings,
    scope,
)
from singer_delivery.sdk.stream_settings import streams_setting
from singer_delivery.sdk.target import DeliveryTarget
from singer_sdk import typing as th

from target_mixpanel import endpoint
from target_mixpanel.account import HOSTS, Account, base_address
from target_mixpanel.events import OLDER, OLDER_SENTENCE
from target_mixpanel.mixpanel import ENGAGE, GROUPS, IMPORT
from target_mixpanel.settings import MappingSettings
from target_mixpanel.streams import Streams, check, table_ids

if TYPE_CHECKING:
    from singer_delivery.pipeline.run import Run

SETTINGS = [
    th.Property(
        "project_token",
        th.StringType,
        secret=True,
        title="Project token",
        description=(
            "Token of the Mixpanel project (Settings > Project). Profiles and groups always need "
            "it; events too, without a service account."
        ),
    ),
    th.Property(
        "project_id",
        th.CustomType({"type": ["string", "integer", "null"]}),  # it is a number to most people
        title="Project id",
        description="Number of the project; goes with a service account.",
    ),
    th.Property(
        "service_account_username",
        th.StringType,
        title="Service account",
        description="Name of a service account that is Owner or Admin of the project.",
    ),
    th.Property(
        "service_account_secret",
        th.StringType,
        secret=True,
        title="Service account's secret",
        description="Its secret.",
    ),
    th.Property(
        "region",
        th.StringType,
        default="us",
        allowed_values=list(HOSTS),
        title="Data region",
        description="Where the project's data lives.",
    ),
    th.Property(
        "base_url",
        th.StringType,
        title="Base URL",
        description="Address to use instead of the region's own, for instance a proxy.",
    ),
    th.Property(
        "identity_merge",
        th.StringType,
        default="simplified",
        allowed_values=["simplified", "original"],
        title="Identity merge",
        description="Which identity system the project has (Settings > Project > Identity Merge).",
    ),
    th.Property(
        "user_properties_on_events",
        th.BooleanType,
        default=True,
        title="User properties on events",
        description=(
            "Whether user_properties also stay on each event, as user.<name>: Mixpanel's profiles "
            "have no history."
        ),
    ),
    th.Property(
        "profiles",
        th.BooleanType,
        default=True,
        title="Profiles",
        description="Whether profiles of people are updated: once a run, to the newest state.",
    ),
    th.Property(
        "groups",
        th.BooleanType,
        default=True,
        title="Groups",
        description="Whether profiles of groups are updated (needs Mixpanel's Group Analytics).",
    ),
    th.Property(
        "group_keys",
        th.ObjectType(additional_properties=th.StringType),
        title="Group keys",
        description=(
            "Mixpanel's group key for each Amplitude group type; by default the same name. The "
            "keys must stand in the project's settings before the import."
        ),
    ),
    th.Property(
        "geolocate_ip",
        th.BooleanType,
        default=False,
        title="Locate by IP address",
        description="Whether Mixpanel locates events without a city by their ip_address.",
    ),
    th.Property(
        "retention_years",
        th.IntegerType(minimum=1),
        default=2,
        title="Retention",
        description="Years the project keeps events. Older ones are counted in the report.",
    ),
    th.Property(
        "skip_expired",
        th.BooleanType,
        default=False,
        title="Skip expired events",
        description="Leave events out that are older than the retention, counted in the report.",
    ),
    backfill_days_setting("Amplitude"),
    *chosen_events_settings("Amplitude"),
    streams_setting(
        "Amplitude export",
        ", or the rows of a lookup table, all of them in every run",
        [
            th.Property(
                "lookup_table",
                th.StringType,
                title="Lookup table",
                description="Its records replace the lookup table with this id.",
            )
        ],
    ),
    th.Property(
        "max_events_per_second",
        th.IntegerType(minimum=0),
        default=endpoint.EVENTS_PER_SECOND,
        title="Events a second",
        description="Upper limit, 0 for none. Mixpanel takes about 30,000 a second and project.",
    ),
    *request_settings(
        endpoint.MAX_EVENTS,
        endpoint.MAX_BYTES,
        "Mixpanel takes 10 MB",
        most_events=endpoint.MAX_EVENTS,
        most_bytes=endpoint.MAX_BYTES,
    ),
    *delivery_settings("target-mixpanel", max_in_flight=12, max_retries=12),
]


class TargetMixpanel(DeliveryTarget):
    """Loads product-analytics history into Mixpanel: events, profiles, groups and lookup tables.

    An Amplitude export is understood as it is; other streams are loaded by naming their columns.
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
            user_agent=f"{self.name}/{self.plugin_version}",
            max_events_per_second=self.config["max_events_per_second"],
            first_wait=self.first_wait,
        )
        return self.run_with(settings, self._endpoints(), self._scope)

    def mapping_for(
        self, stream: str, schema: Mapping[str, Any], key_properties: Sequence[str]
    ) -> RecordMapping:
        """Return what the records of a stream become; see `streams.Streams`."""
        bookmarks = self.bookmarks.get(stream, ())
        return self._streams.mapping_for(stream, schema, key_properties, bookmarks)

    def last_events(self) -> Iterable[tuple[str, Event]]:
        """Return the lookup tables that got rows, each with its stream."""
        return self._streams.last_events()

    def last_warnings(self) -> Iterable[str]:
        """Return a sentence for each pattern of events that matched none."""
        return self._streams.warnings()

    def close(self) -> None:
        """Remove what waited on disk."""
        self._streams.close()

    def config_errors(self) -> list[str]:
        """Return a sentence for every setting that is missing or wrong."""
        errors = []
        try:
            base_address(self.config["region"], self.config.get("base_url"))
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
            named_streams(self.config), self._mapping_settings, self.copies.number, self.warn_once
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
            backfill_days=config["backfill_days"],
            **chosen_events(config),
            version=self.plugin_version,
        )

    @property
    def _scope(self) -> str:
        """Names the project in the ledger without its token: another project has facts of its own.

        The token goes before the id, so that a service account may be set later.
        """
        account = self._account
        return scope(account.base_url, account.token or account.project_id)


if __name__ == "__main__":
    TargetMixpanel.cli()
