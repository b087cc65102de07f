"""Which ids are one person and which are users', with what the row at hand says. Makes claims.

A row that joins ids changes what is known of them at once, while the facts of the past do not have
it yet: so both are asked together.
"""

from __future__ import annotations

from analytics_records.mixpanel import clusters
from singer_delivery.mapping.observation import Observation
from singer_delivery.model import Delivery, Effects, Fact, Facts


class Clusters:
    """What is known of ids when a row is decided, with what the row itself says.

    Args:
        seen: the row.
        facts: of the past.
        effects: gets the claims.
    """

    def __init__(self, seen: Observation, facts: Facts, effects: Effects) -> None:
        self._seen, self._facts, self._claims = seen, facts, effects.claims
        self._said: dict[tuple[str, str], Fact] = {}

    def recall(self, kind: str, name: str) -> Fact | None:
        """Return what is known, what the row says before what was said before."""
        return self._said.get((kind, name)) or self._facts.recall(kind, name)

    def was_delivered(self, of: Delivery) -> bool:
        """Tell whether an event was delivered: see `Facts`."""
        return self._facts.was_delivered(of)

    def is_user(self, id_: str) -> bool:
        """Tell whether a row has named an id as a user's."""
        return self.recall("user", id_) is not None

    def user_of(self, id_: str) -> str | None:
        """Return the user of an id's cluster; None where it has none."""
        cluster = clusters.cluster_of(id_, self)
        if cluster is not None and cluster.user is not None:
            return cluster.user.value
        return id_ if self.is_user(id_) else None

    def name_user(self, id_: str) -> str:
        """Take note that an id is a user's; return the user of its cluster, perhaps the id."""
        cluster = clusters.cluster_of(id_, self)
        if not self.is_user(id_):
            self._claim(Fact("user", id_, "", *self._seen.since))
        if cluster is not None and cluster.user is not None:
            return cluster.user.value
        if cluster is not None:
            self._claim(*clusters.name_user(cluster, id_, self._seen, self).facts)
        return id_

    def join(self, ids: tuple[str, ...], identified: str | None) -> None:
        """Make ids one person, as a row says that may name one of them as a user's."""
        if identified is not None and not self.is_user(identified):
            self._claim(Fact("user", identified, "", *self._seen.since))
        self._claim(*clusters.join(ids, identified, self._seen, self).facts)

    def _claim(self, *facts: Fact) -> None:
        self._said.update({(fact.kind, fact.name): fact for fact in facts})
        self._claims += facts
