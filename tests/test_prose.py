"""The pages for people: their words, the files and tests they name, their numbers, their example.

What a page says of the code is compared with the code, so that neither changes alone.
"""

from __future__ import annotations

import gzip
import io
import json
import re
import threading
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from singer_delivery.io import expansion, retry
from singer_delivery.ledger import days
from singer_delivery.pipeline import (
    blocks,
    checkpoints,
    dead_letter_limit,
    delivery,
    dispatcher,
    doubles,
    id_pace,
    lanes,
    packing,
    part,
    queues,
    run,
    workers,
)
from singer_delivery.tap import handover

from tools.connectors import ROOT, plugins, projects, taps, targets

CONTRIBUTING = ROOT / "CONTRIBUTING.md"
DELIVERY = ROOT / "docs" / "delivery.md"
GENERATED = "mappings"
TABLE = re.compile(r"<!-- (?:settings|speed).*?<!-- end -->", re.DOTALL)
"""What `make docs` writes into a page: its words are those of the code."""

PAGES = [
    ROOT / "README.md",
    CONTRIBUTING,
    *sorted(path for path in (ROOT / "docs").rglob("*.md") if path.parent.name != GENERATED),
    *(each.folder / "README.md" for each in projects()),
]
MODULES = [
    path for each in projects() for path in sorted((each.folder / each.package).rglob("*.py"))
]
PLUGINS = {each.name: each for each in plugins()}
each_page = pytest.mark.parametrize("path", PAGES, ids=lambda path: str(path.relative_to(ROOT)))

MOST_WORDS = 25
BANNED = (
    r"desks?", r"chapters?", r"tickets?", r"wholes", r"mirror(?:s|ed|ing)?", r"afresh",
    r"in the air", r"on the wire", r"what is news", r"that which",
)  # fmt: skip
"""Words for concepts that have another name here: see the glossary in CONTRIBUTING.md."""

BANNED_WORD = re.compile(rf"\b(?:{'|'.join(BANNED)})\b", re.IGNORECASE)

OURS = re.compile(
    r"`((?:(?:docs|tests|bench|demo|tools|hub|\.ci)/|(?:tap|target|analytics|singer)-[a-z<>-]+/)"
    r"[^`\s]*|connectors\.toml|meltano\.yml|Makefile|constraints[a-z-]*\.txt|README\.md|CONTRIBUTING\.md)`"
)
"""Names of files and folders of this repository, as pages write them."""

MIB = 1024 * 1024
NUMBERS = [
    (DELIVERY, f"{delivery.ROOM // MIB} MiB", "room for undecided records"),
    (DELIVERY, f"{blocks.MOST_RECORDS:,} records or {blocks.MOST_BYTES // MIB} MiB", "a block"),
    (DELIVERY, f"{packing.LANES} lanes", "lanes"),
    (DELIVERY, "an eighth of a request", f"{packing.PIECES_A_REQUEST} pieces a request"),
    (DELIVERY, "seven eighths", f"{lanes.NEARLY} of a request"),
    (DELIVERY, f"{dispatcher.SPREAD} groups", "the spread at first"),
    (DELIVERY, f"has {workers.BLOCKS_EACH} blocks", "blocks of a worker process"),
    (DELIVERY, "four times as many groups", f"the spread grows by {dispatcher.WIDER}"),
    (DELIVERY, f"lingers {dispatcher.LINGER:.0f} second", "linger"),
    (DELIVERY, "once a second", f"saves every {checkpoints.SAVE_EVERY} s"),
    (DELIVERY, f"{run.GRACE:.0f} seconds at most", "grace"),
    (DELIVERY, f"{part.ROUNDS} times at most, and then in halves", "rounds"),
    (
        DELIVERY,
        f"after {queues.FIRST_PAUSE:.0f} s, doubling to {queues.LONGEST_PAUSE / 60:.0f} min",
        "pauses of a throttled id",
    ),
    (DELIVERY, f"ids with up to {id_pace.FEW} events", "ids that are not counted"),
    (DELIVERY, f"as a mean of {id_pace.WINDOW:.0f} seconds", "the mean of a pace"),
    (
        DELIVERY,
        f"more than {doubles.FORGOTTEN_AFTER // 86_400} days after a kill",
        "may count twice",
    ),
    (DELIVERY, f"more than {days.MOST_KEYS // 10**6} million events", "keys in memory"),
    (DELIVERY, f"{retry.LONGEST_RETRY_AFTER:.0f} s at most", "Retry-After"),
    (DELIVERY, f"{retry.Backoff().first / 2} to {retry.Backoff().first:.0f} s", "PostHog's wait"),
    (DELIVERY, f"doubling to {retry.Backoff().cap:.0f} s", "the longest wait"),
    (DELIVERY, f"{dead_letter_limit.ENOUGH:,} records", "a share of dead letters"),
    (ROOT / "docs" / "operating.md", f"{delivery.ROOM // MIB} MiB", "room"),
    (ROOT / "docs" / "security.md", f"{expansion.MOST_RATIO} times", "bombs"),
    (ROOT / "docs" / "security.md", f"{expansion.FREE_BYTES // MIB} MiB", "bombs"),
    (ROOT / "docs" / "security.md", f"{expansion.LONGEST_LINE // MIB} MiB long", "bombs"),
    (ROOT / "tap-amplitude" / "README.md", f"{handover.MOST_FILES} files", "files handed over"),
]


def sections(path: Path, level: int = 2) -> dict[str, str]:
    """Return the sections of a page by their titles."""
    _, *parts = re.split(rf"^{'#' * level} ", path.read_text("utf-8"), flags=re.MULTILINE)
    return {title: body for title, _, body in (part.partition("\n") for part in parts)}


def glossary() -> list[str]:
    return re.findall(r"^- \*\*(.+?)\*\*", sections(CONTRIBUTING)["Words"], re.MULTILINE)


def expanded(name: str) -> list[str]:
    """Return what a name with `<source>` or `<destination>` in it stands for."""
    places = {"<source>": taps(), "<destination>": targets()}
    names = [name]
    for place, found in places.items():
        if place in name:
            vendors = [each.vendor.lower() for each in found]
            names = [each.replace(place, vendor) for each in names for vendor in vendors]
    return names


def exists(name: str) -> bool:
    return (ROOT / name).exists()


def recipes() -> dict[str, str]:
    """Return the recipes of CONTRIBUTING.md by their titles."""
    return {
        title: body.partition("\n## ")[0]
        for title, body in sections(CONTRIBUTING, 3).items()
        if re.search(r": \d+ places$", title)
    }


def banned_words(path: Path) -> list[str]:
    """Return the banned words of a file, each with its line."""
    text = path.read_text("utf-8")
    text = TABLE.sub(lambda found: "\n" * found[0].count("\n"), text)
    return [
        f"{path.relative_to(ROOT)}:{number}: {found[0]}"
        for number, line in enumerate(text.splitlines(), 1)
        for found in BANNED_WORD.finditer(line)
    ]


def test_the_glossary_is_short_and_says_each_word_in_one_sentence():
    words = glossary()
    assert len(words) == len(set(words))
    assert 0 < len(words) <= MOST_WORDS
    for line in sections(CONTRIBUTING)["Words"].splitlines():
        if line.startswith("- "):
            assert re.fullmatch(r"- \*\*[a-z_ ]+\*\*: [^.]+\.", line), line


@each_page
def test_a_page_has_no_banned_word(path):
    assert banned_words(path) == []


def test_no_module_has_a_banned_word():
    assert [word for path in MODULES for word in banned_words(path)] == []


@each_page
def test_files_that_a_page_names_exist(path):
    named = sorted(set(OURS.findall(path.read_text("utf-8"))))
    assert [name for name in named if not any(map(exists, expanded(name)))] == []


def test_every_section_of_the_promise_names_the_tests_that_keep_it():
    without = [title for title, body in sections(DELIVERY).items() if "\nTests: `" not in body]
    assert without == []


def test_there_is_a_recipe_for_each_change():
    titles = " ".join(recipes())
    changes = ("column", "setting", "event name", "pair", "source", "destination")
    assert [change for change in changes if change not in titles] == []


@pytest.mark.parametrize("title", recipes())
def test_a_recipe_counts_the_places_it_touches(title):
    places = re.findall(r"^\d+\. (`[^`]+`)", recipes()[title], re.MULTILINE)
    assert all(OURS.fullmatch(place) for place in places)
    assert len(places) == len(set(places)) == int(title.split()[-2])


def test_every_recipe_of_the_makefile_is_explained():
    there = set(re.findall(r"^([a-z-]+):.*## ", (ROOT / "Makefile").read_text(), re.MULTILINE))
    rows = re.findall(r"^ +make ([a-z -]+?)  ", CONTRIBUTING.read_text(), re.MULTILINE)
    assert {word for row in rows for word in row.split()} == there - {"help"}


def test_every_folder_is_explained():
    house = sections(CONTRIBUTING)["The house"]
    folders = {each.name for each in projects()}
    folders |= {"docs", "tests", "bench", "demo", "tools", "hub"}
    assert [name for name in folders if f"`{name}/`" not in house] == []


@pytest.mark.parametrize(("path", "words", "what"), NUMBERS, ids=str)
def test_numbers_are_those_of_the_code(path, words, what):
    assert words in path.read_text("utf-8"), what


def test_waits_for_mixpanel_are_those_of_the_code():
    first = PLUGINS["target-mixpanel"].plugin_class().first_wait
    assert f"waits {first / 2:.0f} to {first:.0f} s" in DELIVERY.read_text("utf-8")


# The example of singer-delivery ---------------------------------------------------------------


@contextmanager
def shop(status=200):
    """A service that takes orders; yields its address and the requests it got."""
    bodies = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self):
            body = self.rfile.read(int(self.headers["Content-Length"]))
            orders = json.loads(gzip.decompress(body))
            bodies.append(orders)
            is_refused = any(order["total"] < 0 for order in orders)
            self.send_response(422 if is_refused else status)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_):
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}/orders", bodies
        server.shutdown()


def example():
    """Return what the example in singer-delivery's README defines."""
    page = (ROOT / "singer-delivery" / "README.md").read_text("utf-8")
    (code,) = re.findall(r"```python\n(.*?)```", page, re.DOTALL)
    names = {"__name__": "target_shop"}
    exec(compile(code, "README.md", "exec"), names)
    return names


def orders(*rows):
    schema = {"properties": {"id": {}, "customer": {}, "total": {}}}
    head = {"type": "SCHEMA", "stream": "orders", "schema": schema, "key_properties": ["id"]}
    messages = [head, *({"type": "RECORD", "stream": "orders", "record": row} for row in rows)]
    return io.StringIO("".join(json.dumps(message) + "\n" for message in messages))


def load(address, folder, lines):
    """Run the example's target; return the report of its run."""
    config = {
        "url": address,
        "ledger_url": f"sqlite:///{folder}/ledger.sqlite3",
        "dead_letter_path": str(folder / "dead.singer"),
        "report_path": str(folder / "report.json"),
        "status_path": str(folder / "status.json"),
        "reports_path": str(folder / "reports"),
    }
    example()["TargetShop"](config=config).listen(lines)
    return json.loads((folder / "report.json").read_text())


def test_the_example_of_the_library_is_a_target(tmp_path):
    rows = [
        {"id": 1, "customer": "ann", "total": 10},
        {"id": 2, "customer": "ann", "total": 20},
        {"id": 3, "customer": None, "total": 30},
        {"id": 4, "customer": "bob", "total": -1},
    ]
    with shop() as (address, bodies):
        report = load(address, tmp_path, orders(*rows))
        again = load(address, tmp_path, orders({"id": 5, "customer": "ann", "total": 50}))

    counts = report["streams"]["orders"]
    assert (counts["read"], counts["delivered"], counts["undecided"]) == (4, 2, 0)
    assert counts["dead"] == {"no_customer": 1, "http 422": 1}
    sent = {order["id"]: order["is_first"] for body in bodies for order in body}
    assert sent == {1: True, 2: False, 4: True, 5: False}
    assert again["streams"]["orders"]["delivered"] == 1


def test_the_example_of_the_library_pickles():
    import pickle  # noqa: PLC0415 - only here
    import sys  # noqa: PLC0415
    from types import ModuleType  # noqa: PLC0415

    names = example()
    sys.modules["target_shop"] = module = ModuleType("target_shop")
    module.__dict__.update(names)
    try:
        for made in (names["Orders"](), names["OrdersEndpoint"]("http://127.0.0.1/orders")):
            assert type(pickle.loads(pickle.dumps(made))) is type(made)
    finally:
        del sys.modules["target_shop"]
