"""Write the tables of the READMEs anew, from the code and from what was measured.

`python -m tools.readme`. A table stands between `<!-- settings: NAME -->` or `<!-- speed -->` and
`<!-- end -->`; all else is kept as it stands.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from tools import speed
from tools.connectors import ROOT, plugins
from tools.definitions import properties

FILES = (ROOT / "README.md", *(each.folder / "README.md" for each in plugins()))
MARKED = re.compile(r"(<!-- settings: (?P<name>\S+) -->\n).*?(<!-- end -->)", re.DOTALL)
MEASURED = re.compile(r"(<!-- speed -->\n).*?(<!-- end -->)", re.DOTALL)


def main() -> None:
    """Write all files."""
    for path in FILES:
        path.write_text(rendered(path.read_text("utf-8")), "utf-8")


def rendered(text: str) -> str:
    """Return a README's text with its tables as the code and the measurements have them."""
    text = MEASURED.sub(lambda found: found[1] + speed.table() + found[2], text)
    return MARKED.sub(lambda found: found[1] + _table(found["name"]) + found[3], text)


def _table(name: str) -> str:
    rows = ["| setting | default | what it does |", "|---|---|---|", *_rows(name)]
    return "\n".join(rows) + "\n"


def _rows(name: str) -> Iterator[str]:
    for key, schema in properties(name).items():
        default = schema.get("default")
        shown = "" if default is None else f"`{_as_json(default)}`"
        yield f"| `{key}` | {shown} | {_escaped(schema['description'])}{_choices(schema)} |"


def _as_json(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def _choices(schema: dict[str, Any]) -> str:
    values = [value for value in schema.get("enum", ()) if value is not None]
    return f" One of {', '.join(f'`{value}`' for value in values)}." if values else ""


def _escaped(text: str) -> str:
    return text.replace("|", "\\|")


if __name__ == "__main__":
    main()
