"""What PostHog is asked of a project, in HogQL, and what a row of an answer looks like. Pure.

Every event of ours says so in `$lib`, a column of its own and cheap to ask for. A query without
LIMIT gets 100 rows.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from typing import Any, NamedTuple


class Query(NamedTuple):
    """A query in HogQL with placeholders, and what tells a value of each of its columns."""

    text: str
    columns: tuple[Callable[[Any], bool], ...]

    def fits(self, row: Any) -> bool:
        """Tell whether a row can be one of its answer."""
        is_row = isinstance(row, list) and len(row) == len(self.columns)
        return is_row and all(fits(value) for fits, value in zip(self.columns, row, strict=True))


def is_day(value: Any) -> bool:
    """Tell whether a value begins with a date."""
    try:
        date.fromisoformat(value[:10])
    except (TypeError, ValueError):
        return False
    return True


def is_text(value: Any) -> bool:
    """Tell whether a value is a text."""
    return isinstance(value, str)


def is_count(value: Any) -> bool:
    """Tell whether a value is a whole number."""
    return type(value) is int


BY_DAY_AND_NAME = Query(
    """
select toDate(timestamp) as day, event, count() as events, count(distinct uuid) as ids
from events
where timestamp >= {first} and timestamp < {after} and properties.$lib = 'target-posthog'
group by day, event order by day, event limit 50000
""",
    (is_day, is_text, is_count, is_count),
)
IDS = Query(
    """
select uuid from events
where timestamp >= {first} and timestamp < {after} and properties.$lib = 'target-posthog'
and uuid > {beyond}
group by uuid order by uuid limit 50000
""",
    (is_text,),
)
OTHERS = Query(
    """
select event, count(distinct uuid) as ids from events
where timestamp >= {first} and timestamp < {after}
and (properties.$lib != 'target-posthog' or properties.$lib is null)
group by event order by event limit 50000
""",
    (is_text, is_count),
)
PEOPLE = Query("select count() from persons limit 1", (is_count,))
IDS_OF_PEOPLE = Query("select count() from person_distinct_ids limit 1", (is_count,))
GROUPS = Query(
    "select index, count() from groups group by index order by index limit 100",
    (is_count, is_count),
)
