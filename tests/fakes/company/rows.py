"""What a row of Amplitude's export looks like: its columns, its times, its vocabulary.

All data are invented: people are `person-0042` of example.com, addresses come from the blocks that
RFC 5737 keeps for documentation. Names and types of the columns are those of the rows Amplitude has
exported since 2023, one null for every column that has no value (Amplitude docs, Export API).
"""

from __future__ import annotations

from datetime import datetime, timezone
from functools import lru_cache
from random import Random
from typing import Any, NamedTuple, TypeVar

T = TypeVar("T")

PROJECT = 187520
SECOND = 1_000_000  # times are whole microseconds since 1970, UTC
MINUTE = 60 * SECOND
HOUR = 60 * MINUTE
DAY = 24 * HOUR

COLUMNS = (
    "$insert_id",
    "$insert_key",
    "$schema",
    "adid",
    "amplitude_attribution_ids",
    "amplitude_event_type",
    "amplitude_id",
    "app",
    "city",
    "client_event_time",
    "client_upload_time",
    "country",
    "data",
    "data_type",
    "device_brand",
    "device_carrier",
    "device_family",
    "device_id",
    "device_manufacturer",
    "device_model",
    "device_type",
    "dma",
    "event_id",
    "event_properties",
    "event_time",
    "event_type",
    "global_user_properties",
    "group_properties",
    "groups",
    "idfa",
    "ip_address",
    "is_attribution_event",
    "language",
    "library",
    "location_lat",
    "location_lng",
    "os_name",
    "os_version",
    "partner_id",
    "paying",
    "plan",
    "platform",
    "processed_time",
    "region",
    "sample_rate",
    "server_received_time",
    "server_upload_time",
    "session_id",
    "source_id",
    "start_version",
    "user_creation_time",
    "user_id",
    "user_properties",
    "uuid",
    "version_name",
)
# Rows of 2019 and 2020 have no such keys at all.
COLUMNS_SINCE_2022 = (
    "$insert_key",
    "data_type",
    "global_user_properties",
    "partner_id",
    "plan",
    "source_id",
)
# Attribution as the web SDK writes it: the word EMPTY where nothing is known.
ATTRIBUTION = ("gclid", "utm_campaign", "utm_medium", "utm_source")


class Place(NamedTuple):
    """Where a person lives, as Amplitude writes it."""

    country: str
    region: str
    city: str
    dma: str | None
    language: str
    lat: float
    lng: float


class Hardware(NamedTuple):
    """What a device says of itself, as Amplitude writes it."""

    platform: str
    os_name: str
    os_version: str
    device_type: str
    device_family: str
    device_brand: str | None = None
    device_manufacturer: str | None = None
    device_model: str | None = None
    device_carrier: str | None = None
    library: str = ""
    app: str | None = None


def _browser(name: str, version: str, system: str, library: str) -> Hardware:
    """On the web os_name is the browser, and device_family the system it runs on."""
    return Hardware("Web", name, version, system, system, library=library)


def _iphone(version: str, model: str, app: str) -> Hardware:
    apple = ("Apple iPhone", "Apple iPhone", "Apple", "Apple", model, "--")
    return Hardware("iOS", "ios", version, *apple, library="amplitude-swift/1.4.0", app=app)


def _android(version: str, maker: str, model: str, carrier: str, app: str) -> Hardware:
    kind = (f"{maker} {model}", f"{maker} Phone", maker.lower(), maker, model, carrier)
    return Hardware(
        "Android", "android", version, *kind, library="amplitude-android/2.39.8", app=app
    )


PLACES = (
    Place("Germany", "Land Berlin", "Berlin", None, "German", 52.52, 13.405),
    Place("United States", "Oregon", "Portland", "Portland, OR", "English", 45.5152, -122.6784),
    Place("United States", "New York", "Buffalo", "Buffalo, NY", "English", 42.8864, -78.8784),
    Place("Japan", "Ōsaka", "Osaka", None, "Japanese", 34.6937, 135.5023),
    Place("Brazil", "São Paulo", "Campinas", None, "Portuguese", -22.9099, -47.0626),
    Place("Türkiye", "İzmir Province", "İzmir", None, "Turkish", 38.4237, 27.1428),
    Place("South Korea", "Busan", "Busan", None, "Korean", 35.1796, 129.0756),
    Place("India", "Karnataka", "Bengaluru", None, "Hindi", 12.9716, 77.5946),
)
BROWSERS = (
    _browser("Chrome", "122", "Windows", "amplitude-ts/2.16.1"),
    _browser("Firefox", "123", "Linux", "amplitude-ts/2.16.1"),
    _browser("Safari", "17", "Mac", "amplitude-js/5.2.2"),
    _browser("Chrome Mobile", "121", "Android", "amplitude-ts/2.16.1"),
)
PHONES = (
    _iphone("17.3", "iPhone15,2", "5.12.0"),
    _iphone("16.7", "iPhone12,8", "5.11.2"),
    _android("14", "Google", "Pixel 8", "Example Mobile", "5.12.0"),
    _android("13", "Samsung", "SM-G991B", "Beispiel Netz", "5.10.1"),
)
TABLET = _iphone("17.2", "iPad13,18", "5.12.0")._replace(
    device_type="Apple iPad", device_family="Apple iPad"
)
PRODUCTS = (
    ("sku-1001", "Paper lamp", 3900),
    ("sku-1002", "Blue kettle", 5450),
    ("sku-1003", "Café table", 12900),
    ("sku-1004", "Wool rug, naïve red", 21000),
)
PAGES = (
    ("/", "Home"),
    ("/pricing", "Pricing"),
    ("/products/lamp", "Paper lamp"),
    ("/docs/start", "Getting started"),
    ("/blog/überblick", "Überblick 2024"),
)
SCREENS = ("Home", "Search", "Product", "Cart", "Profile")
REFERRERS = (None, None, "https://search.example.net/", "https://news.example.org/today")
CAMPAIGNS = (None, None, None, ("newsletter", "email", "spring"), ("search", "cpc", "brand"))


class Dice(Random):
    """A seeded Random that only leans on random() and getrandbits().

    Python promises the sequence of those two for a seed, and of no other method.
    """

    def pick(self, choices: tuple[T, ...] | list[T]) -> T:
        """Return one of the choices."""
        return choices[int(self.random() * len(choices))]

    def below(self, limit: int) -> int:
        """Return an integer from 0 to limit - 1."""
        return int(self.random() * limit)

    def shuffled(self, things: list[T]) -> list[T]:
        """Return the things in another order."""
        order = sorted((self.random(), place) for place in range(len(things)))
        return [things[place] for _, place in order]

    def uuid(self) -> str:
        """Return a version 4 UUID."""
        text = f"{self.getrandbits(128):032x}"
        return f"{text[:8]}-{text[8:12]}-4{text[13:16]}-a{text[17:20]}-{text[20:]}"


@lru_cache(maxsize=256)
def _hour_text(hour: int) -> str:
    return datetime.fromtimestamp(hour * 3600, tz=timezone.utc).strftime("%Y-%m-%d %H:")


def time_text(moment: int) -> str:
    """Write a time the way Amplitude exports it: UTC without saying so, microseconds."""
    hour, rest = divmod(moment, HOUR)
    minute, rest = divmod(rest, MINUTE)
    second, micro = divmod(rest, SECOND)
    return f"{_hour_text(hour)}{minute:02}:{second:02}.{micro:06}"


def base_row(device_id: str, hardware: Hardware, place: Place, address: str) -> dict[str, Any]:
    """Return a row in the order of the columns, holding all that never changes on one device."""
    row: dict[str, Any] = dict.fromkeys(COLUMNS)
    row.update(hardware._asdict())
    row.update(
        app=PROJECT,
        version_name=hardware.app,
        start_version=hardware.app,
        data={"path": "/2/httpapi", "group_first_event": {}},
        data_type="event",
        device_id=device_id,
        ip_address=address,
        plan={},
        country=place.country,
        region=place.region,
        city=place.city,
        dma=place.dma,
        language=place.language,
        groups={},
        group_properties={},
        event_properties={},
        user_properties={},
        global_user_properties={},
    )
    if hardware.platform != "Web":
        row.update(location_lat=place.lat, location_lng=place.lng)
    return row
