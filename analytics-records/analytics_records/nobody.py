"""Ids that stand for nobody, whichever service reads them. Pure.

Programs write such ids where they know none, so one of them is many people, or many devices. As the
id of a user they are no user, as the id of a device no device.
"""

from __future__ import annotations

from singer_delivery.mapping.ids import IdRules

NOBODY = frozenset({
    # what Amplitude refuses as ids (Amplitude docs, HTTP V2 API); LMY47D is a build of Android
    "anonymous", "nil", "none", "null", "n/a", "na", "undefined", "unknown", "-1", "0", "", "{}",
    "[]", "lmy47d", "00000000-0000-0000-0000-000000000000", "00000000000000000000000000000000",
    # what Mixpanel refuses besides (Mixpanel docs, Import Events)
    "anon", "<nil>", "true", "false",
    # what many Android devices share: the id of a release with a fault (Android issue 10603), the
    # numbers of devices that have none, the address given to programs since Android 6.0
    "9774d56d682e549c", "000000000000000", "0000000000000000", "02:00:00:00:00:00",
})  # fmt: skip
"""In lower case, without blanks and quotes."""

_LONGEST = 128
"""Characters of an id that is looked at: none of the list has as many, blanks and all."""


_FIRST = frozenset(id_[:1] for id_ in NOBODY).union("'\"")
"""What such an id begins with, in lower case. Most ids do not, and are not looked at further."""


def stands_for_nobody(text: str) -> bool:
    """Tell whether an id stands for nobody; case, blanks and quotes around it do not matter."""
    first = text[:1].lower()
    if first not in _FIRST and not first.isspace():
        return False
    return len(text) <= _LONGEST and "".join(text.split()).strip("'\"").lower() in NOBODY


def besides(rules: IdRules) -> IdRules:
    """Return the rules of a destination, by which those ids are illegal as well."""
    return rules._replace(is_illegal=lambda id_: rules.is_illegal(id_) or stands_for_nobody(id_))
