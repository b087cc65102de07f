"""What Amplitude's replies to `/batch` say of events. Pure.

Any answer but 200 says that nothing of a request is stored: who is not named is sent again, with
the same `insert_id`. The named may be the first of each fault or all of them; one round after the
other finds the rest.

Sources: Amplitude docs, "Batch Event Upload API" and "HTTP V2 API" (replies), "SDK debugging" (the
limit of a whole project); Amplitude's own SDKs for what the docs leave out, such as
`events_with_invalid_id_lengths` (Amplitude-TypeScript #81); as of November 2026.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from singer_delivery.endpoint import (
    AT_ONCE,
    NOTHING_LOST,
    Again,
    Hold,
    Judgement,
    Reply,
    Verdict,
    answer_of,
    passing,
)
from singer_delivery.io.secrets import excerpt

from target_amplitude.account import Account
from target_amplitude.amplitude import device_key, user_key

ALL_WAIT = Again(after=60.0, is_counted=False, is_for_all=True)
"""After a 429 that names nobody: a whole project is over its limit for a minute ("wait 60 s", docs,
"SDK debugging")."""

FAULTS = {
    "events_with_missing_fields": "lacks",
    "events_with_invalid_fields": "has an invalid",
    "events_with_invalid_id_lengths": "has too short or too long a",
}
"""Parts of a 400 that name fields, each with the places of the events at fault."""

OF_THE_SENDER = ("Invalid request path", "Missing request body", "Invalid JSON request body")
"""Errors of a 400 that no event can be at fault for."""

WRONG_KEY = "Invalid API key"

QUOTAS = {"exceeded_daily_quota_users": user_key, "exceeded_daily_quota_devices": device_key}
THROTTLES = {"throttled_users": user_key, "throttled_devices": device_key}
"""Parts of a reply that name ids, and how decisions have them."""


def code_of(reply: Reply, answer: Mapping[str, Any]) -> int:
    """Return the status: of a 200 the one that its body names, as Amplitude's SDKs read it."""
    code = answer.get("code")
    return code if reply.status == 200 and type(code) is int else reply.status


def judged(reply: Reply, count: int, account: Account) -> Judgement:
    """Return what a reply means for the `count` events of its request."""
    answer = answer_of(reply)
    code = code_of(reply, answer)
    read = READERS.get(code)
    if read is not None:
        return read(answer, count, account)
    passes = passing(Reply(code, error=reply.error, is_hopeless=reply.is_hopeless), _whom(account))
    if passes is not None:
        return passes
    detail = f"{account.host} answered {code}, as Amplitude does not: check `region`, `base_url`."
    return Judgement(Verdict.FATAL, f"http {code}", f"{detail} {NOTHING_LOST}")


def wrong_key(account: Account) -> Judgement:
    """Return the judgement that stops a run for its key."""
    others = [region for region in ("us", "eu") if region != account.region]
    detail = (
        f"Amplitude at {account.host} knows no project with this key (400). Check `api_key`, and "
        f"that `region` is where the project lives: it may be {' or '.join(others)}."
    )
    return Judgement(Verdict.FATAL, "wrong key", f"{detail} {NOTHING_LOST}")


def forbidden(account: Account) -> Judgement:
    """Return the judgement that stops a run which is refused before it sends an event."""
    detail = (
        f"{account.host} refuses requests from here (403), even one without events: a firewall or "
        f"a region that it does not serve. Check the network, and `base_url`. {NOTHING_LOST}"
    )
    return Judgement(Verdict.FATAL, "http 403", detail)


def is_wrong_key(answer: Mapping[str, Any]) -> bool:
    """Tell whether a 400 speaks of the key; it may quote the key behind these words."""
    return str(answer.get("error")).startswith(WRONG_KEY)


def _taken(answer: Mapping[str, Any], count: int, account: Account) -> Judgement:
    if answer.get("code") != 200:
        return _foreign(200, account)
    ingested = answer.get("events_ingested", count)
    # Nobody says whether duplicates count among them: it is worth a look, not a retry.
    return Judgement(Verdict.DELIVERED, note="" if ingested == count else "ingested_differs")


def _refused(answer: Mapping[str, Any], count: int, account: Account) -> Judgement:
    if not answer:
        return _foreign(400, account)
    if is_wrong_key(answer):
        return wrong_key(account)
    words = _public(answer.get("error"), account)
    if "missing_field" in answer or str(answer.get("error")).startswith(OF_THE_SENDER):
        field = _public(answer.get("missing_field"), account) if "missing_field" in answer else ""
        detail = f"Amplitude at {account.host} cannot read requests (400): {words}. {field}".strip()
        check = "Check `api_key`, `region` and `base_url`, and what stands between."
        return Judgement(Verdict.FATAL, "http 400", f"{detail} {check} {NOTHING_LOST}")
    named = _at_fault(answer, words, count, account)
    return _with_named(answer, named, words, count)


def _with_named(
    answer: Mapping[str, Any], named: dict[int, Judgement], words: str, count: int
) -> Judgement:
    """Return the judgement of a 400; where it names nobody, the fault is somewhere in it."""
    exceptions = {**_parked_events(answer, count), **named}
    if not exceptions:
        return Judgement(Verdict.REJECTED, "refused", f"Amplitude refused it: {words}.")
    return Judgement(
        Verdict.RETRIABLE,
        "beside refused events",
        f"Amplitude refused others of the request: {words}.",
        exceptions,
        AT_ONCE,
        parked=_parked_ids(answer),
    )


def _at_fault(
    answer: Mapping[str, Any], words: str, count: int, account: Account
) -> dict[int, Judgement]:
    """Return the judgements of the events that a 400 refuses."""
    named = {}
    for part, what in FAULTS.items():
        fields = answer.get(part)
        for field, places in fields.items() if isinstance(fields, dict) else ():
            detail = f"Amplitude refused it: it {what} `{_public(field, account)}` ({words})."
            rejected = Judgement(Verdict.REJECTED, "refused", detail)
            named.update(dict.fromkeys(_places(places, count), rejected))
    silenced = Judgement(
        Verdict.REJECTED, "silenced", "Amplitude takes no events of this user or device any more."
    )
    named.update(dict.fromkeys(_places(answer.get("silenced_events"), count), silenced))
    return named


def _throttled(answer: Mapping[str, Any], count: int, account: Account) -> Judgement:
    parked = _parked_ids(answer)
    exceptions = _parked_events(answer, count)
    detail = f"{_whom(account)} takes no more for now (429)"
    if not parked and not exceptions:
        return Judgement(Verdict.RETRIABLE, "http 429", f"{detail}.", again=ALL_WAIT)
    return Judgement(
        Verdict.RETRIABLE, "throttled", f"{detail} of some ids.", exceptions, AT_ONCE, parked=parked
    )


def _bisected(_answer: Mapping[str, Any], _count: int, account: Account) -> Judgement:
    return Judgement(Verdict.REJECTED, "forbidden", f"{account.host} refused it (403).")


def _too_large(_answer: Mapping[str, Any], _count: int, _account: Account) -> Judgement:
    return Judgement(Verdict.REJECTED, "event_too_large", "Amplitude: too large (413).")


READERS = {200: _taken, 400: _refused, 403: _bisected, 413: _too_large, 429: _throttled}
"""What reads the replies that speak of events, by their status."""


def _parked_ids(answer: Mapping[str, Any]) -> dict[str, Hold]:
    """Return the ids that a reply names; a daily quota lasts longer than a limit of a second."""
    named = ((THROTTLES, Hold.THROTTLED), (QUOTAS, Hold.QUOTA))
    return {
        key(str(each)): hold
        for parts, hold in named
        for part, key in parts.items()
        for each in _names(answer.get(part))
    }


def _parked_events(answer: Mapping[str, Any], count: int) -> dict[int, Judgement]:
    throttled = Judgement(Verdict.PARKED, Hold.THROTTLED.value)
    return dict.fromkeys(_places(answer.get("throttled_events"), count), throttled)


def _names(part: Any) -> Iterator[Any]:
    """Yield the ids of a part: an object with numbers, or a list."""
    if isinstance(part, (dict, list)):
        yield from part


def _places(part: Any, count: int) -> list[int]:
    """Return the places of events that there are."""
    places = part if isinstance(part, list) else ()
    return [each for each in places if type(each) is int and 0 <= each < count]


def _foreign(status: int, account: Account) -> Judgement:
    detail = f"{account.host} answered {status}, but not as Amplitude does."
    return Judgement(Verdict.RETRIABLE, "no Amplitude reply", detail)


def _whom(account: Account) -> str:
    return f"Amplitude at {account.host}"


def _public(words: Any, account: Account) -> str:
    """Return the service's own words, cut short, without the key should it quote it."""
    return excerpt(str(words or "no reason given"), account.secrets).rstrip(".")
