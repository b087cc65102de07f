"""The table: what of an Amplitude export becomes which property of a Mixpanel profile. Data only.

Names: Mixpanel docs, Reserved properties and Default properties. What the profile is told under
these names it is also told under its own: they are for Mixpanel's reports and messages.
"""

from __future__ import annotations

from analytics_records.amplitude import fields
from singer_delivery.mapping.table import Row

from target_mixpanel.mappings import derived

# fmt: off
OF_THE_PERSON = (
    Row("$email",        ("email", "Email")),
    Row("$name",         ("name", "Name")),
    Row("$first_name",   "first_name"),
    Row("$last_name",    "last_name"),
    Row("$phone",        ("phone", "Phone")),
    Row("$avatar",       "avatar"),
)
"""Keys of `user_properties` that Mixpanel knows by a name of its own."""

OF_THE_RECORD = (
    Row("$city",         "city"),
    Row("$region",       "region"),
    Row("$country_code", "country",             fields.country),
    Row("$created",      "user_creation_time",  derived.date),
)
"""Columns that say something of the person."""
# fmt: on

ATTRIBUTION = {
    "initial_referrer": "$initial_referrer",
    "initial_referring_domain": "$initial_referring_domain",
}
"""First attribution that Mixpanel has by another name; all other keeps its own."""
