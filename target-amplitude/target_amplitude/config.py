"""The settings of the target, as users see them; `target.py` reads them."""

from __future__ import annotations

from singer_delivery.sdk.settings import address_settings, delivery_settings, request_settings
from singer_delivery.sdk.source_settings import (
    TEXTS,
    backfill_days_setting,
    bare_ids_setting,
    chosen_events_settings,
    exclude_properties_setting,
)
from singer_delivery.sdk.stream_settings import streams_setting
from singer_sdk import typing as th

from target_amplitude import endpoint
from target_amplitude.account import HOSTS
from target_amplitude.amplitude import BYTES_A_REQUEST, EVENTS_A_REQUEST

PROJECT = [
    th.Property(
        "api_key",
        th.StringType,
        secret=True,
        title="API key",
        description="The key of the Amplitude project; required, except for a dry run.",
    ),
    *address_settings(HOSTS),
]
PEOPLE = [
    th.Property(
        "user_properties",
        th.StringType,
        default="set",
        allowed_values=["set", "set_once", "none"],
        title="User properties",
        description=(
            "How the newest state of people is sent, once a run: over what Amplitude has, only "
            "where it has nothing (for a project that Amplitude's SDK writes to already), or not "
            "at all."
        ),
    ),
    th.Property(
        "user_properties_on_events",
        th.BooleanType,
        default=True,
        title="User properties on events",
        description=(
            "Whether each event carries the properties of its person: charts of history read them "
            "there alone."
        ),
    ),
    th.Property(
        "skip_user_properties_sync",
        th.BooleanType,
        default=True,
        title="Skip the table of user properties",
        description=(
            "Whether events leave what Amplitude knows of their person alone. Set false only for a "
            "project that nobody else writes to: history then overwrites the present."
        ),
    ),
    th.Property(
        "user_created_event",
        th.StringType,
        title="Event of a user's creation",
        description=(
            "Event sent once for each user, at the time of its creation, so that Amplitude dates "
            "new users rightly and profiles without events appear; empty for none. By default "
            "`Mixpanel User Created` for a Mixpanel export, else none. It counts to the volume."
        ),
    ),
    th.Property(
        "transaction_event",
        th.StringType,
        title="Event of a purchase",
        description=(
            "Event that each of a Mixpanel profile's $transactions becomes, with its revenue. By "
            "default none: they are dropped, and counted."
        ),
    ),
    bare_ids_setting("Mixpanel"),
    th.Property(
        "events_without_id",
        th.StringType,
        default="dead_letter",
        allowed_values=["dead_letter", "skip", "own_device"],
        title="Events without an id",
        description=(
            "What becomes of an event of nobody: a dead letter, nothing, or an event of a device "
            "of its own, which makes it a person."
        ),
    ),
    th.Property(
        "min_id_length",
        th.IntegerType(minimum=1, maximum=1024),
        default=1,
        title="Shortest id",
        description=(
            "Characters that an id of a user or a device has at least; Amplitude's own default of "
            "5 refuses shorter ones."
        ),
    ),
]
CONTENT = [
    th.Property(
        "super_properties",
        th.ArrayType(th.StringType),
        title="Super properties",
        description="Event properties that move into the user properties of their event.",
    ),
    exclude_properties_setting(),
    th.Property(
        "group_keys",
        TEXTS,
        title="Group keys",
        description=(
            "Amplitude's group type for each property, or other group type, that holds groups. At "
            "most five types."
        ),
    ),
    th.Property(
        "revenue",
        TEXTS,
        title="Revenue",
        description=(
            "Which properties make an event one of revenue: the names of Amplitude (revenue, or "
            "price and quantity; productId, revenueType, currency), each with the property that "
            "holds it. Nobody can take revenue back."
        ),
    ),
    th.Property(
        "groups",
        th.BooleanType,
        default=True,
        title="Groups",
        description="Whether properties of groups are sent (shown with the Accounts add-on).",
    ),
    th.Property(
        "send_ip",
        th.BooleanType,
        default=True,
        title="Send IP addresses",
        description="Whether an address travels, and then only beside a known location.",
    ),
    th.Property(
        "send_advertising_ids",
        th.BooleanType,
        default=True,
        title="Send advertising ids",
        description="Whether idfa and adid travel.",
    ),
    th.Property(
        "reused_insert_ids",
        th.StringType,
        default="keep",
        allowed_values=["keep", "skip"],
        title="Reused insert ids",
        description=(
            "What becomes of a row of an Amplitude export whose device and insert id an earlier "
            "row had: it is kept, under its uuid, or skipped as the same event."
        ),
    ),
]
SETTINGS = [
    *PROJECT,
    *PEOPLE,
    *CONTENT,
    backfill_days_setting("the source"),
    *chosen_events_settings("The source's"),
    streams_setting("export of Amplitude or Mixpanel"),
    th.Property(
        "max_events_per_second",
        th.IntegerType(minimum=0),
        default=0,
        title="Events a second",
        description="Upper limit, 0 for none. Amplitude's Starter plan takes 1,000 a second.",
    ),
    th.Property(
        "max_events_per_second_per_id",
        th.IntegerType(minimum=0, maximum=1_000),
        default=300,
        title="Events a second of one id",
        description=(
            "Upper limit for each user and each device, as a mean of 30 seconds; 0 for none. "
            "Amplitude asks for 300 and refuses at 1,000."
        ),
    ),
    th.Property(
        "max_wait_minutes",
        th.IntegerType(minimum=0),
        default=60,
        title="Longest wait",
        description=(
            "Minutes that a run waits at its end for ids that Amplitude takes no more events of "
            "today; what still waits then goes with the next run."
        ),
    ),
    *request_settings(
        endpoint.MAX_EVENTS,
        endpoint.MAX_BYTES,
        "Amplitude takes 20 MB",
        most_events=EVENTS_A_REQUEST,
        most_bytes=BYTES_A_REQUEST,
    ),
    *delivery_settings(
        "target-amplitude",
        max_in_flight=16,
        max_retries=60,
        also_remembered=(
            " Amplitude forgets after 7 days which events it has, and would count them again: what "
            "is listed is not sent again."
        ),
    ),
]
