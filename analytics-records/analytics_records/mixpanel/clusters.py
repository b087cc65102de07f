"""Which ids are one person, by the rows that join them in projects with Original ID Merge. Pure.

There `$identify`, `$create_alias` and `$merge` alone join ids (Mixpanel docs, Original ID Merge):
a cluster is all ids that they join, whenever they came. Its user is the first that an `$identify`
names as identified, else the first that a row has as `$user_id`, in the order of rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

import orjson
from singer_delivery.mapping.observation import Observation
from singer_delivery.model import Fact, Facts

MOST = 1_000
"""Ids of a cluster that are remembered; Mixpanel takes 500 (Mixpanel docs, Original ID Merge)."""


class Joined(NamedTuple):
    """What a row that joins ids comes to.

    Attributes:
        user: of the cluster; None while nobody knows.
        ids: that became this user's with the row, the user's own not among them. Those that were
            another user's before are left to that one.
        others: users who are one person with that user.
        facts: that make it so, once what the row sends is delivered.
    """

    user: str | None
    ids: tuple[str, ...] = ()
    others: tuple[str, ...] = ()
    facts: tuple[Fact, ...] = ()


NOTHING_JOINED = Joined(None)
"""Of a row that changes no cluster."""


class Cluster(NamedTuple):
    """A cluster as it is known.

    Attributes:
        root: the id that stands for it.
        user: the fact that says who it is; None while nobody knows.
    """

    root: str
    user: Fact | None


def cluster_of(one: str, facts: Facts) -> Cluster | None:
    """Return the cluster of an id; None when nothing joins it to another."""
    root = _root(one, facts)
    return None if root is None else Cluster(root, facts.recall("cluster_user", root))


def join(ids: Iterable[str], identified: str | None, seen: Observation, facts: Facts) -> Joined:
    """Return what a row that joins ids comes to. To read it again changes nothing.

    Args:
        ids: that it joins, at least one.
        identified: which of them it names as a user's.
        seen: the row.
        facts: of the past.
    """
    of = {one: _root(one, facts) or one for one in ids}
    roots = list(dict.fromkeys(of.values()))
    users = {root: facts.recall("cluster_user", root) for root in roots}
    known = [fact for fact in users.values() if fact is not None]
    members = {root: _members(root, facts) for root in roots}
    everybody = list(dict.fromkeys(one for root in roots for one in members[root]))[:MOST]
    if known:
        first = min(known, key=lambda fact: fact.since)
        root, user = first.name, str(first.value)
    else:
        root = next((one for one in roots if facts.recall("cluster", one)), roots[0])
        user = identified or _named_before(everybody, facts) or ""
    made = _facts(root, roots, everybody, seen, facts)
    if user and not known and len(everybody) > 1:
        made.append(Fact("cluster_user", root, user, *seen.since))
    others = _others(user, identified, users)
    # Of the user's own ids those of the row once more: the run may have been cut off before.
    own = [one for one, root in of.items() if (fact := users[root]) and fact.value == user]
    joined = [one for root in roots if users[root] is None for one in members[root]]
    linked = dict.fromkeys(one for one in (*own, *joined) if one != user)
    if not user:
        return Joined(None, facts=tuple(made))
    return Joined(user, tuple(linked), others, tuple(made))


def name_user(cluster: Cluster, user: str, seen: Observation, facts: Facts) -> Joined:
    """Return what it comes to that a row names the user of a cluster of nobody."""
    ids = tuple(one for one in _members(cluster.root, facts) if one != user)
    return Joined(user, ids, (), (Fact("cluster_user", cluster.root, user, *seen.since),))


def _root(one: str, facts: Facts) -> str | None:
    fact = facts.recall("cluster", one)
    if fact is None:
        return None
    while fact is not None and fact.value != one:
        one = fact.value
        fact = facts.recall("cluster", one)
    return one


def _members(root: str, facts: Facts) -> list[str]:
    fact = facts.recall("cluster_ids", root)
    return [root] if fact is None else list(orjson.loads(fact.value))


def _named_before(ids: Iterable[str], facts: Facts) -> str | None:
    """Return which of some ids a row named as a user first; None when none did."""
    named = [fact for one in ids if (fact := facts.recall("user", one)) is not None]
    return min(named, key=lambda fact: fact.since).name if named else None


def _facts(
    root: str, roots: list[str], everybody: list[str], seen: Observation, facts: Facts
) -> list[Fact]:
    if len(everybody) == len(_members(root, facts)):
        return []
    made = [Fact("cluster", one, root, *seen.since) for one in roots if one != root]
    if facts.recall("cluster", root) is None:
        made.append(Fact("cluster", root, root, *seen.since))
    made.append(Fact("cluster_ids", root, orjson.dumps(everybody).decode(), *seen.since))
    return made


def _others(user: str, identified: str | None, users: Mapping[str, Fact | None]) -> tuple[str, ...]:
    """Return the other users among those whom a row joins."""
    found = [fact.value for fact in users.values() if fact is not None]
    found += [identified] if identified else []
    return tuple(dict.fromkeys(one for one in found if one != user))
