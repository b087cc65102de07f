"""What SDKs and servers hand to Mixpanel: events, and what is true of people and groups. Data only.

Source: Mixpanel docs, "Default Properties".
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

from tests.mixpanel_people.truth import Group, Properties

SECOND, MINUTE, HOUR, DAY = 1_000, 60_000, 3_600_000, 86_400_000
"""Milliseconds, as all times here."""

System = Literal["simplified", "original"]

LIBRARIES: dict[str, Properties] = {
    "web": {"mp_lib": "web", "$lib_version": "2.55.1", "$os": "Mac OS X", "$browser": "Chrome",
            "$browser_version": 131, "$screen_height": 1117, "$screen_width": 1728},
    "iphone": {"mp_lib": "iphone", "$lib_version": "4.3.0", "$os": "iOS", "$os_version": "18.1",
               "$model": "iPhone15,3", "$manufacturer": "Apple", "$app_version_string": "3.1.0"},
    "android": {"mp_lib": "android", "$lib_version": "7.5.2", "$os": "Android",
                "$os_version": "14", "$model": "Pixel 8", "$brand": "google",
                "$app_version_string": "3.1.0", "$carrier": "--"},
    "server": {"mp_lib": "python"},
}  # fmt: skip


@dataclass(kw_only=True)
class Call:
    """An event that a device or a server hands to Mixpanel.

    Attributes:
        at: when it happened, in milliseconds of true UTC.
        ids: `distinct_id`, `$user_id`, `$device_id` as sent; a number of any length keeps its form.
        own: the customer's own properties.
        also: other properties that Mixpanel knows.
        library: what sends it.
        has_insert_id: old SDKs send none.
        again: how often the row is there more than once, with another time of processing.
        late: whether it shows at the second reading of its day only.
        dead: why it can only be a dead letter.
    """

    name: str
    at: int
    ids: Properties = field(default_factory=dict)
    own: Properties = field(default_factory=dict)
    also: Properties = field(default_factory=dict)
    library: str = "web"
    has_insert_id: bool = True
    again: int = 0
    late: bool = False
    dead: str = ""
    equal_to_the_letter: bool = False
    time_as: Literal["int", "float", "text", "none"] = "int"
    extra: bytes = b""


@dataclass
class Upload:
    """Calls that are taken at one instant, in their order, and what they say of profiles.

    Attributes:
        received: in milliseconds of true UTC.
        people: distinct_id -> properties that are set there.
        groups: group -> properties that are set there.
        imported: whether it came by the import of old events.
    """

    received: int
    calls: list[Call] = field(default_factory=list)
    people: dict[str, Properties] = field(default_factory=dict)
    groups: dict[Group, Properties] = field(default_factory=dict)
    imported: bool = False
