"""A migration in the manner of PostHog's guide: its Python SDK, one `capture` a row.

Runs in an environment of its own, with the `posthog` package and nothing of ours. Like the guide's
script it sends about twenty properties, leaves the event's own properties and most of the person's
out, and aliases devices to users. Unlike it, it is kind to the SDK: debugging is off, odd rows do
not stop it, files are read in order and to the last, and `shutdown` is called at the end, which
waits for what is queued.

Source: PostHog docs, "Migrate from Amplitude to PostHog", read in 2026. The script is our own.
"""

from __future__ import annotations

import gzip
import json
import logging
import sys
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

from posthog import Posthog

NAMES = {
    "[Amplitude] Page Viewed": "$pageview",
    "[Amplitude] Element Clicked": "$autocapture",
    "[Amplitude] Element Changed": "$autocapture",
}
OF_THE_ROW = {
    "$os": "device_type",
    "$browser": "os_name",
    "$browser_version": "os_version",
    "$device_id": "device_id",
    "$ip": "ip_address",
    "$geoip_city_name": "city",
    "$geoip_subdivision_1_name": "region",
    "$geoip_country_name": "country",
}
OF_THE_EVENT = {
    "$current_url": "[Amplitude] Page URL",
    "$host": "[Amplitude] Page Domain",
    "$pathname": "[Amplitude] Page Path",
    "$referrer": "referrer",
    "$referring_domain": "referring_domain",
}
OF_THE_PERSON = ("$os", "$browser", "$browser_version", "$current_url", "$pathname", "$referrer")
Row = dict[str, Any]
INITIAL = ("referrer", "referring_domain", "utm_source", "utm_medium", "utm_campaign")


def main(folder: str, host: str) -> None:
    """Send the rows of every file; print how many events and aliases that were."""
    logging.disable()  # the SDK logs each event that it drops
    client = Posthog("phc_0123456789abcdef", host=host, historical_migration=True)
    sent = 0
    linked: set[tuple[str, str]] = set()
    for path in sorted(Path(folder).iterdir()):
        with gzip.open(path, "rt", encoding="utf-8") as lines:
            for row in map(json.loads, lines):
                sent += capture(client, row) + link(client, row, linked)
    client.shutdown()
    print(json.dumps({"sent": sent}))


def capture(client: Posthog, row: Row) -> int:
    """Send the event of a row; return how many that were."""
    who = row.get("user_id") or row.get("device_id")
    if not who or not row.get("event_type") or row["event_type"] == "session_start":
        return 0
    client.capture(
        NAMES.get(row["event_type"], row["event_type"]),
        distinct_id=who,
        properties=properties(row),
        timestamp=moment(row),
    )
    return 1


def link(client: Posthog, row: Row, linked: set[tuple[str, str]]) -> int:
    """Send the alias of a device to its user, once; return how many that were."""
    pair = (row.get("device_id") or "", row.get("user_id") or "")
    if not all(pair) or pair in linked:
        return 0
    linked.add(pair)
    client.alias(previous_id=pair[0], distinct_id=pair[1])
    return 1


def properties(row: Row) -> Row:
    """Return PostHog's properties of a row, with those that are set on the person."""
    properties = {name: row.get(column) for name, column in OF_THE_ROW.items()}
    details = row.get("event_properties") or {}
    properties.update({name: details.get(key) for name, key in OF_THE_EVENT.items()})
    person = row.get("user_properties") or {}
    first = {f"$initial_{name}": person.get(f"initial_{name}") for name in INITIAL}
    properties["$set_once"] = {
        name: None if value == "EMPTY" else value for name, value in first.items()
    }
    properties["$set"] = {name: properties[name] for name in OF_THE_PERSON}
    return properties


def moment(row: Row) -> datetime:
    """Return when it happened."""
    text = row.get("event_time") or row["server_received_time"]
    return datetime.fromisoformat(text).replace(tzinfo=timezone.utc)


if __name__ == "__main__":
    main(*sys.argv[1:])
