"""What Mixpanel's replies say, whichever address gave them. Pure.

Sources: Mixpanel docs, "Import Events", "User Profiles", "Replace Lookup Table", "Error
Troubleshooting", as of August 2026.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from singer_delivery.endpoint import NOTHING_LOST, Judgement, Reply, Verdict, passing
from singer_delivery.io.secrets import excerpt

from target_mixpanel.account import Account

SIMPLIFIED, ORIGINAL = "simplified", "original"


def refused(
    answer: Mapping[str, Any], account: Account, count: int, taken: str, hint: str = ""
) -> Judgement:
    """Return who of a request was refused; all others were taken, if the numbers say so too.

    `failed_records` that are bare texts speak of all of the request, and nothing of it was taken:
    it is sent again in halves until the culprit stands alone.

    Args:
        answer: of Mixpanel.
        account: whose secrets it may quote.
        count: of what was sent.
        taken: name of the number of those that were taken.
        hint: what to do about it.
    """
    failed = answer.get("failed_records")
    wrong = _wrong_identity_merge(failed if isinstance(failed, list) else [])
    if wrong is not None:
        return wrong
    if not isinstance(failed, list) or not failed or not all(map(_names_its_index, failed)):
        words = failed[0] if isinstance(failed, list) and failed else answer.get("error")
        return _rejected(_public(words, account), hint)
    named = {each["index"]: _rejected(_fault(each, account), hint) for each in failed}
    found = {index: each for index, each in named.items() if 0 <= index < count}
    if answer.get(taken, count - len(named)) == count - len(found):
        return Judgement(Verdict.DELIVERED, exceptions=found)
    detail = f"Mixpanel refused some of {count} and does not say that it took all others."
    return Judgement(Verdict.RETRIABLE, "not all taken", detail, found)


def rows_at_fault(answer: Mapping[str, Any], account: Account) -> str:
    """Return which rows of a table Mixpanel refused, the first three, in its own words."""
    failed = answer.get("failed_records")
    rows = filter(_names_its_index, failed if isinstance(failed, list) else ())
    said = [f"row {each['index']}: {_public(each.get('message'), account)}" for each in rows]
    return "; ".join(said[:3]) or _public(answer.get("error"), account)


def passing_or_fatal(reply: Reply, account: Account, check: str) -> Judgement:
    """Return the judgement of a reply that says nothing of the events themselves.

    Args:
        reply: of whatever answered.
        account: for which it was asked.
        check: what may be wrong when the credentials are refused.
    """
    passes = passing(reply, f"Mixpanel at {account.host}")
    if passes is not None:
        return passes
    status = reply.status
    if status in (401, 403):
        why = f"Mixpanel refused the credentials ({status}) at {account.host}. Check {check}."
    else:
        why = f"{account.host} answered {status}, as Mixpanel does not: check `region`, `base_url`."
    return Judgement(Verdict.FATAL, f"http {status}", f"{why} {NOTHING_LOST}")


def _names_its_index(failed: Any) -> bool:
    return isinstance(failed, dict) and isinstance(failed.get("index"), int)


def _rejected(words: str, hint: str) -> Judgement:
    return Judgement(Verdict.REJECTED, "refused", f"Mixpanel refused it: {words}.{hint}")


def _fault(failed: Mapping[str, Any], account: Account) -> str:
    return f"{_public(failed.get('field'), account)}: {_public(failed.get('message'), account)}"


def _wrong_identity_merge(failed: list[Any]) -> Judgement | None:
    """Return the judgement of a project that merges ids otherwise than the setting says.

    Under Simplified ID Merge an identity event makes Mixpanel refuse all of a request (seen in
    replies), and under the original one an event needs a `distinct_id` (Mixpanel docs, Import
    Events). Going on would make people who do not exist, for good.
    """
    for each in failed:
        if isinstance(each, str) and "identity events are not allowed" in each:
            return _merges(SIMPLIFIED)
        if not isinstance(each, dict) or each.get("field") != "properties.distinct_id":
            continue
        if "must not be missing" in str(each.get("message")):
            return _merges(ORIGINAL)
    return None


def _merges(how: str) -> Judgement:
    why = (
        f"The Mixpanel project merges ids otherwise than the setting says: set "
        f"`identity_merge: {how}` (Settings > Project > Identity Merge). {NOTHING_LOST}"
    )
    return Judgement(Verdict.FATAL, "identity merge", why)


def _public(words: Any, account: Account) -> str:
    """Return the service's own words, cut short; they name fields and rules, not values.

    Should it quote the account's secrets, they are blotted out.
    """
    return excerpt(str(words or "no reason given"), account.secrets)
