"""The target: its settings, and how its parts are put together."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

from singer_delivery.errors import SettingsError
from singer_delivery.io.retry import Clock
from singer_delivery.mapping.choice import Choice
from singer_delivery.mapping.selection import mapping_for
from singer_delivery.model import RecordMapping
from singer_delivery.proof.questions import Question
from singer_delivery.sdk.settings import named_streams, run_settings, scope
from singer_delivery.sdk.source_settings import chosen_events
from singer_delivery.sdk.target import DeliveryTarget
from singer_sdk import typing as th

from target_posthog import endpoint, from_amplitude, from_columns, from_mixpanel
from target_posthog.capture import capture_of
from target_posthog.config import SETTINGS
from target_posthog.events import BILLING, YOUNG, YOUNG_SENTENCE
from target_posthog.from_columns import Lent
from target_posthog.guides import guide_of
from target_posthog.posthog import BATCH
from target_posthog.questions import about_project, questions
from target_posthog.settings import LIVE_HOURS, MappingSettings
from target_posthog.verdicts import NO_PERSON, NO_PERSON_SENTENCE

if TYPE_CHECKING:
    from singer_delivery.mapping.guide import Guide
    from singer_delivery.pipeline.run import Run
    from singer_delivery.proof.counting import Counter

LONGEST_KEY = 64
"""Characters of a project key that capture accepts (PostHog, rust/capture token rules)."""


class TargetPostHog(DeliveryTarget):
    """Loads product-analytics history into PostHog.

    Exports of Amplitude and of Mixpanel are understood as they are; other streams are loaded by
    naming their columns.
    """

    name = "target-posthog"
    package_name = "target-posthog"
    config_jsonschema: ClassVar[dict[str, Any]] = th.PropertiesList(
        *SETTINGS, additional_properties=False
    ).to_dict()

    alarms: ClassVar[Mapping[str, str]] = {
        YOUNG.name: YOUNG_SENTENCE,
        NO_PERSON: NO_PERSON_SENTENCE,
    }

    def open_run(self) -> Run:
        """Open the ledger and the lanes; nothing is sent yet."""
        settings = run_settings(
            self.config,
            user_agent=self.user_agent,
            max_events_per_second=self._events_per_second,
            billing=BILLING,
        )
        return self.run_with(settings, {BATCH: capture_of(self.config, self.plugin_version)})

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
                from_amplitude.export(settings, self._choice),
                *from_mixpanel.exports(settings, self._choice, self.copies.number),
            ],
            lambda words: from_columns.from_columns(
                stream, words, schema, key_properties, settings, lent
            ),
        )

    def counter(self, clock: Clock, tell: Callable[[str], None], *, raw: bool = False) -> Counter:
        """Return what asks the project what it holds; `raw` makes no difference here.

        Raises:
            CannotAsk: a setting for it is missing.
        """
        from target_posthog.counting import counter_of  # noqa: PLC0415 - no run needs it

        del raw
        return counter_of(self.config, f"{self.name}/{self.plugin_version}", clock, tell)

    def last_warnings(self) -> Iterable[str]:
        """Return a sentence for each pattern of events that matched none."""
        return self._choice.warnings()

    def guide(self, mapping: RecordMapping, stream: str, key_properties: Sequence[str]) -> Guide:
        """Return what the table of a stream's mapping says of each field that it sends."""
        words = named_streams(self.config).get(stream)
        return guide_of(mapping, self._mapping_settings, stream, words, key_properties)

    def questions(self) -> list[Question]:
        """Return what can be asked of PostHog before a run."""
        from target_posthog.asking import account_of  # noqa: PLC0415 - few settings name one

        config = self.config
        key = (config.get("api_key") or "").strip()
        if not key:
            return []
        found = questions(endpoint.ingestion_host(config["host"]), key)
        if config.get("personal_api_key"):
            found.append(about_project(lambda: account_of(config)))
        return found

    def config_errors(self) -> list[str]:
        """Return a sentence for every setting that is missing or wrong."""
        key = (self.config.get("api_key") or "").strip()
        errors = []
        if not key and not self.config.get("dry_run"):
            errors.append("Set `api_key`: the PostHog project's key, which starts with phc_.")
        elif key.startswith("phx_"):
            errors.append(
                "`api_key` holds a personal key (phx_): capture takes the project's key (phc_)."
            )
        elif len(key) > LONGEST_KEY or not key.isascii():
            errors.append("`api_key` is no PostHog project key: such a key is at most 64 letters.")
        try:
            endpoint.ingestion_host(self.config["host"])
            _ = self._mapping_settings
            for stream, words in named_streams(self.config).items():
                from_columns.description(stream, words)
        except (SettingsError, ValueError) as error:
            errors.append(str(error))
        return errors

    @cached_property
    def _choice(self) -> Choice:
        return self._mapping_settings.choice()

    @cached_property
    def _mapping_settings(self) -> MappingSettings:
        config = self.config
        types = config.get("group_types")
        return MappingSettings(
            link_identities=config["link_identities"],
            person_properties=config["person_properties"],
            person_profiles=config["person_profiles"],
            group_types=tuple(types) if types else None,
            backfill_days=config["backfill_days"],
            **chosen_events(config),
            send_ip=config["send_ip"],
            send_advertising_ids=config["send_advertising_ids"],
            exclude_properties=tuple(config.get("exclude_properties") or ()),
            group_keys=dict(config.get("group_keys") or {}),
            revenue=dict(config.get("revenue") or {}),
            bare_distinct_ids=config["bare_distinct_ids"],
            version=self.plugin_version,
            live_from=int((Clock().now() - LIVE_HOURS * 3600) * 1_000_000),
        )

    @property
    def _events_per_second(self) -> int:
        asked: int | None = self.config.get("max_events_per_second")
        if asked is not None:
            return asked
        cloud = endpoint.is_cloud(self.config["host"])
        return endpoint.CLOUD_EVENTS_PER_SECOND if cloud else 0

    @property
    def scope(self) -> str:
        """Names the project in the ledger without its key: another project starts anew."""
        return scope(endpoint.ingestion_host(self.config["host"]), str(self.config.get("api_key")))


if __name__ == "__main__":
    TargetPostHog.cli()
