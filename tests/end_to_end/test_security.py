"""Keys and people's data: where they may be after a run, and where they never are.

Every run here logs at debug level, the SDK's and Meltano's own words included, against services
that misbehave and quote back what they were sent. Then everything that was written is searched.
"""

from __future__ import annotations

import base64
import json
import os
import re
import shutil
import stat
import subprocess
import sys
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import yaml

from tests.destinations import DESTINATIONS, MIXPANEL, POSTHOG, Destination
from tests.destinations.mixpanel import ACCOUNT, ACCOUNT_SECRET, TOKEN
from tests.end_to_end.commands import Command
from tests.end_to_end.pipe import BIN, Ended, Pipe, make_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.http.exchanges import DropConnection, Hold, Reply
from tests.singer_delivery.toys import PlayedClock
from tests.tap_amplitude.running import HOUR, MONDAY, row
from tools.connectors import plugins

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.destinations.destination import Fake

ROOT = Path(__file__).resolve().parents[2]
MELTANO = shutil.which(os.environ.get("MELTANO", "meltano"))
CONNECTORS = tuple(each.plugin_class() for each in plugins())

API_KEY, SECRET_KEY = "amp+key/5d0c", "amp+secret/91be"
PASSWORD = "pg-secret-3b8d"
OF_DESTINATIONS = tuple(secret for each in DESTINATIONS for secret in each.secrets)
SECRETS = (API_KEY, SECRET_KEY, *OF_DESTINATIONS, PASSWORD)
MARK = "planted-person"
"""In ids, names and properties of the people of these tests."""


def disguises(secret: str) -> set[str]:
    """The ways a secret may be written."""
    return {secret, quote(secret, safe=""), json.dumps(secret)[1:-1], repr(secret)[1:-1]}


LOGINS = [
    base64.b64encode(f"{name}:{password}".encode()).decode()
    for name, password in ((API_KEY, SECRET_KEY), (ACCOUNT, ACCOUNT_SECRET), (TOKEN, ""))
]
HIDDEN = {form for secret in SECRETS for form in disguises(secret)} | set(LOGINS)


def found_in(content: bytes | str, needles: Iterable[str]) -> set[str]:
    content = content if isinstance(content, bytes) else content.encode()
    return {needle for needle in needles if needle.encode() in content}


def files_of(folder: Path, *but: str) -> list[Path]:
    """Every file in a folder, save for those of these names."""
    return sorted(path for path in folder.rglob("*") if path.is_file() and path.name not in but)


def leaks(folder: Path, needles: Iterable[str], *but: str) -> dict[str, set[str]]:
    """What of the needles stands in which file."""
    needles = set(needles)
    found = {path.name: found_in(path.read_bytes(), needles) for path in files_of(folder, *but)}
    return {name: held for name, held in found.items() if held}


# A migration with everything in it that may go wrong ----------------------------------------------

PERSON = {
    "user_id": f"{MARK}-user",
    "device_id": f"{MARK}-device",
    "user_properties": {"email": f"{MARK}@example.com"},
    "event_properties": {"note": f"{MARK} said"},
    "groups": {"company": [f"{MARK} inc"]},
    "ip_address": "203.0.113.7",
}


def rows() -> list[bytes]:
    """Two users of one device, an event without a name, broken lines."""
    return [
        *(row(MONDAY, number, **PERSON) for number in range(20)),
        row(MONDAY, 20, **{**PERSON, "user_id": f"{MARK}-second"}),
        row(MONDAY, 21, **{**PERSON, "event_type": None}),
        f'{{"uuid": "1", "user_id": "{MARK}-torn'.encode(),
        f'["{MARK}-list"]'.encode(),
        f'{{"user_id": "{MARK}'.encode() + b'\xff"}',
    ]


@contextmanager
def stage(folder: Path, destination: Destination) -> Iterator[Stage]:
    """Open a pipe between two fakes; its runs make their folders in `folder`."""
    hours = {MONDAY: rows(), MONDAY + HOUR: [row(MONDAY + HOUR, 1, **PERSON)]}
    with (
        FakeAmplitude(hours, api_key=API_KEY, secret_key=SECRET_KEY) as amplitude,
        destination.open(
            **({"group_keys": ["company"]} if destination is MIXPANEL else {})
        ) as fake,
    ):
        pipe = make_pipe(folder, amplitude, destination, fake)
        made = folder / "made"
        pipe.target |= {
            "ledger_url": f"sqlite:///{made / 'ledger.sqlite3'}",
            "dead_letter_path": str(made / "dead.singer"),
            "report_path": str(made / "report.json"),
            "status_path": str(made / "status.json"),
            "reports_path": str(made / "reports"),
            "max_dead_letters": "50",
        }
        pipe.tap |= {
            "start_date": MONDAY.isoformat(),
            "end_date": (MONDAY + 2 * HOUR).isoformat(),
            "window_hours": 1,
            "spool_dir": str(folder / "spool" / "of" / "the-tap"),
        }
        yield Stage(folder, pipe, amplitude, fake, destination)


@dataclass
class Stage:
    """A pipe and what stands at its ends."""

    folder: Path
    pipe: Pipe
    amplitude: FakeAmplitude
    service: Fake
    destination: Destination

    @property
    def made(self) -> Path:
        """Where the target writes."""
        return self.folder / "made"

    @property
    def spool(self) -> Path:
        """Where the tap writes."""
        return self.folder / "spool"


@contextmanager
def watched() -> Iterator[None]:
    """Log everything, and let whoever likes read and write the files of the run."""
    before = os.umask(0)
    with pytest.MonkeyPatch.context() as patch:
        for name in ("", *(f"{each.name.replace('-', '_').upper()}_" for each in CONNECTORS)):
            patch.setenv(f"{name}LOGLEVEL", "DEBUG")
        for name in ("NO_PROXY", "no_proxy"):
            patch.setenv(name, "127.0.0.1")
        yield
    os.umask(before)


def quoting(status: int, *secrets: str) -> Reply:
    """A reply that quotes keys."""
    return Reply(status, f"no: {' '.join(secrets)}".encode())


def quoting_people(status: int, *secrets: str) -> Reply:
    """A reply of a destination that quotes keys and the events it was sent."""
    return Reply(status, f"no: {' '.join(secrets)} {MARK}-user {MARK} said".encode())


CONFIGS = ("tap.json", "target.json")
HOLDING_PEOPLE = {"dead.singer", "bad_lines.jsonl"}
HOLDING_IDS = {"ledger.sqlite3", "ledger.sqlite3-wal", "report.json"}
KEPT_REPORT = "[0-9]*T[0-9]*Z-*.json"
"""One of each run, with the same ids as examples as `report.json`."""


def holding_ids(folder: Path) -> set[str]:
    """The files that hold ids of people, but for the kept reports."""
    holding = leaks(folder, [MARK], *CONFIGS)
    return {name for name in holding if not fnmatch(name, KEPT_REPORT)}


# One whole run, looked at from all sides ----------------------------------------------------------


@dataclass
class Seen:
    """A run that came to its end, and the command lines while it went on."""

    stage: Stage
    ended: Ended
    command_lines: bytes


@pytest.fixture(scope="module")
def seen(destination, tmp_path_factory) -> Iterator[Seen]:
    folder = tmp_path_factory.mktemp(destination.name)
    with stage(folder, destination) as here, watched():
        here.amplitude.misbehave(quoting(500, API_KEY, SECRET_KEY, LOGINS[0]))
        here.service.misbehave(
            quoting_people(503, *OF_DESTINATIONS, *LOGINS), DropConnection(), Hold()
        )
        tap, target = here.pipe.start()
        here.service.wait_until_held()
        lines = [Path(f"/proc/{each.pid}/cmdline").read_bytes() for each in (tap, target)]
        here.service.release()
        yield Seen(here, here.pipe.end(tap, target), b"".join(lines))


def test_the_run_came_to_its_end_and_said_everything(seen):
    assert (seen.ended.tap_code, seen.ended.target_code) == (0, 0)
    assert "DEBUG" in seen.ended.tap_log
    assert "DEBUG" in seen.ended.target_log


def test_no_secret_is_in_anything_that_a_run_writes(seen):
    assert leaks(seen.stage.folder, HIDDEN, *CONFIGS) == {}
    assert leaks(seen.stage.folder, HIDDEN).keys() == set(CONFIGS)  # so the search finds them
    assert found_in(json.dumps(seen.ended.states), HIDDEN) == set()


def test_people_are_in_no_log_and_no_state(seen):
    people = holding_ids(seen.stage.folder)

    assert HOLDING_PEOPLE <= people <= HOLDING_PEOPLE | HOLDING_IDS
    assert found_in(json.dumps(seen.ended.states), [MARK]) == set()


def test_what_people_did_and_are_is_in_dead_letters_and_bad_lines_alone(seen):
    contents = [f"{MARK} said", f"{MARK}@example.com"]

    held = leaks(seen.stage.folder, contents, *CONFIGS).keys()

    # SQLite's free pages keep what was deleted: updates of profiles that waited for the end.
    waited = set() if seen.stage.destination.name == POSTHOG.name else {"ledger.sqlite3"}
    assert held - waited == {"dead.singer"}


def reasons_in(path: Path) -> list[dict[str, object]]:
    """What a file of dead letters says of each, beside the record."""
    lines = path.read_bytes().splitlines() if path.exists() else []
    messages = [json.loads(line) for line in lines]
    return [each["record"]["_dead_letter"] for each in messages if each["type"] == "RECORD"]


def test_no_dead_letter_says_more_in_its_reason_than_its_record(seen):
    reasons = reasons_in(seen.stage.made / "dead.singer")

    assert reasons
    assert found_in(json.dumps(reasons), [*HIDDEN, MARK]) == set()


def test_no_address_that_is_asked_for_holds_a_secret(seen):
    exchanges = [*seen.stage.amplitude.journal, *seen.stage.service.journal]

    asked = [f"{each.path} {each.query} {each.headers.get('referer')}" for each in exchanges]

    assert found_in("\n".join(asked), [*HIDDEN, ACCOUNT]) == set()
    assert len(asked) >= 6


@pytest.mark.skipif(sys.platform != "linux", reason="command lines are read from /proc")
def test_no_command_line_holds_a_secret(seen):
    assert b"target.json" in seen.command_lines
    assert found_in(seen.command_lines, HIDDEN) == set()


def modes(folder: Path) -> dict[str, int]:
    """The modes of all files in a folder."""
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in files_of(folder)}


def test_files_can_be_read_by_their_owner_alone(seen):
    found = modes(seen.stage.made) | modes(seen.stage.spool)

    assert {"ledger.sqlite3", "report.json", "dead.singer", "bad_lines.jsonl"} <= found.keys()
    assert {name: oct(mode) for name, mode in found.items() if mode != 0o600} == {}


def test_the_working_folder_of_the_tap_is_its_owners_alone(seen):
    folders = [seen.stage.spool, seen.stage.spool / "of", seen.stage.spool / "of" / "the-tap"]
    assert [stat.S_IMODE(each.stat().st_mode) for each in folders] == [0o700] * 3


def test_a_folder_made_for_a_target_is_its_owners_alone(seen):
    assert stat.S_IMODE(seen.stage.made.stat().st_mode) == 0o700


# Runs that end otherwise --------------------------------------------------------------------------


@pytest.fixture
def here(destination, tmp_path) -> Iterator[Stage]:
    with stage(tmp_path, destination) as here, watched():
        yield here


def test_files_of_a_killed_run_can_be_read_by_their_owner_alone(here):
    here.service.misbehave(Hold())
    tap, target = here.pipe.start()
    here.service.wait_until_held()
    target.kill()
    tap.kill()
    here.service.release()
    here.pipe.end(tap, target)

    found = modes(here.made) | modes(here.spool)
    assert {"ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"} <= found.keys()
    assert {name: oct(mode) for name, mode in found.items() if mode != 0o600} == {}
    assert leaks(here.folder, HIDDEN, *CONFIGS) == {}


def test_a_download_can_be_read_by_its_owner_alone(here):
    here.amplitude.misbehave(Hold(), when=lambda exchange: exchange.number == 2)
    here.service.misbehave(Hold())
    tap, target = here.pipe.start()
    here.amplitude.wait_until_held()
    folders = [path for path in (here.spool / "of" / "the-tap").iterdir() if path.is_dir()]
    kept = [stat.S_IMODE(path.stat().st_mode) for path in folders]
    found = modes(here.spool)
    here.amplitude.release()
    here.service.behave()
    here.pipe.end(tap, target)

    assert kept == [0o700]
    assert set(found.values()) == {0o600}


def test_a_dry_run_is_its_owners_alone_and_holds_no_key(here):
    output = here.made / "run.jsonl"
    here.pipe.target |= {"dry_run": True, "output_path": str(output)}

    ended = here.pipe.run()

    assert ended.target_code == 0, ended.target_log
    found = modes(here.made)
    assert {"run.jsonl", "run.jsonl.dead-letters.singer", "report.json"} <= found.keys()
    assert {name: oct(mode) for name, mode in found.items() if mode != 0o600} == {}
    assert leaks(here.folder, HIDDEN, *CONFIGS) == {}


STOPS = {
    "refused key": quoting_people(401, *OF_DESTINATIONS),
    "not the service": quoting_people(418, *OF_DESTINATIONS),
    "every event refused": quoting_people(400, *OF_DESTINATIONS),
    "down": quoting_people(500, *OF_DESTINATIONS),
}


@pytest.mark.slow
@pytest.mark.parametrize("reply", STOPS.values(), ids=STOPS)
def test_a_target_that_is_stopped_says_why_without_a_secret_or_a_person(here, reply):
    here.service.misbehave_always(reply)
    here.pipe.target |= {"max_retries": 0, "max_dead_letters": "5"}

    ended = here.pipe.run()

    assert ended.target_code == 1
    assert leaks(here.folder, HIDDEN, *CONFIGS) == {}
    assert holding_ids(here.folder) <= HOLDING_PEOPLE | HOLDING_IDS
    reasons = reasons_in(here.made / "dead.singer")
    assert found_in(json.dumps(reasons), [*HIDDEN, MARK]) == set()


PEOPLE = {"people": {"person": "id"}}
FEED_OF_PEOPLE = b"""\
{"type": "SCHEMA", "stream": "people", "schema": {"properties": {"id": {}}}, "key_properties": []}
{"type": "RECORD", "stream": "people", "record": {"id": "p1", "plan": "pro"}}
"""


@pytest.mark.parametrize("status", [400, 401, 413])
def test_what_a_destination_says_in_json_is_quoted_without_a_secret(
    here, tmp_path, monkeypatch, status
):
    words = " ".join(here.destination.secrets)
    answer = {"code": status, "status": 0, "error": words, "failed_records": [words]}
    here.service.misbehave_always(Reply(status, json.dumps(answer).encode()))
    command = Command(
        here.destination.plugin, tmp_path, here.pipe.target, monkeypatch, PlayedClock()
    )

    ended = command.run(FEED_OF_PEOPLE, streams=PEOPLE)

    assert here.service.journal
    assert found_in(ended.log, HIDDEN) == set()
    assert leaks(tmp_path, HIDDEN, "config.json") == {}


@pytest.mark.slow
@pytest.mark.parametrize("destination", [POSTHOG], ids=str)
@pytest.mark.parametrize(
    "reply",
    [
        quoting(403, API_KEY, SECRET_KEY),
        Reply(400, f"Invalid API key: {API_KEY}".encode()),
        Reply(400, f"Bad {SECRET_KEY}".encode()),
    ],
    ids=["refused key", "key in a 400", "another 400"],
)
def test_a_tap_that_is_stopped_says_why_without_a_secret(here, reply):
    here.amplitude.misbehave_always(reply)

    ended = here.pipe.run()

    assert ended.tap_code == 1
    assert "ERROR" in ended.tap_log
    assert leaks(here.folder, HIDDEN, *CONFIGS) == {}


@pytest.mark.parametrize("destination", [MIXPANEL], ids=str)
def test_updates_that_wait_in_the_ledger_hold_no_token(here):
    here.service.misbehave_always(Reply(401), when=lambda exchange: exchange.path == "/engage")

    ended = here.pipe.run()

    assert ended.target_code == 1
    assert "ledger.sqlite3" in leaks(here.folder, [f"{MARK}@example.com"])  # it does wait there
    assert leaks(here.folder, HIDDEN, *CONFIGS) == {}


# Settings -----------------------------------------------------------------------------------------

FEED = (
    b'{"type":"SCHEMA","stream":"orders","schema":{"properties":{"id":{}}},"key_properties":[]}\n'
)


ORDERS = {"orders": {"event": "Ordered", "distinct_id": "id", "timestamp": "id"}}


def log_of(name: str, folder: Path, config: dict[str, object], *options: str) -> str:
    """Run a connector until it stops by itself; return all it wrote."""
    (folder / "config.json").write_text(json.dumps(config))
    done = subprocess.run(
        [str(BIN / name), *(options or ("--config", "config.json"))],
        cwd=folder,
        input=FEED if name.startswith("target") else b"",
        capture_output=True,
        timeout=60,
        check=False,
        env={**os.environ, "LOGLEVEL": "DEBUG"},
    )
    assert done.returncode == 1, done.stderr.decode()
    return done.stdout.decode() + done.stderr.decode()


SECRET_SETTINGS = [
    (connector.name, name)
    for connector in CONNECTORS
    for name, setting in connector.config_jsonschema["properties"].items()
    if setting.get("secret")
]


def test_every_secret_setting_is_known_as_one():
    assert set(SECRET_SETTINGS) == {
        ("tap-amplitude", "api_key"),
        ("tap-amplitude", "secret_key"),
        ("target-amplitude", "api_key"),
        ("target-amplitude", "ledger_url"),
        ("tap-mixpanel", "service_account_secret"),
        ("tap-mixpanel", "project_secret"),
        ("target-mixpanel", "project_token"),
        ("target-mixpanel", "service_account_secret"),
        ("target-mixpanel", "ledger_url"),
        ("target-posthog", "api_key"),
        ("target-posthog", "ledger_url"),
        ("target-posthog", "personal_api_key"),
    }


@pytest.mark.parametrize(("connector", "name"), SECRET_SETTINGS)
def test_a_secret_of_the_wrong_type_is_not_quoted(tmp_path, monkeypatch, connector, name):
    (plugin,) = (each for each in CONNECTORS if each.name == connector)
    command = Command(plugin, tmp_path, {}, monkeypatch, PlayedClock())

    ended = command.run(FEED, **{name: [PASSWORD]})

    assert ended.code == 1
    assert name in ended.log
    assert PASSWORD not in ended.log


WRONG_LEDGERS = {
    "nobody listens": f"postgresql+psycopg://importer:{PASSWORD}@127.0.0.1:1/ledger",
    "a driver that is not there": f"postgresql+nodriver://importer:{PASSWORD}@127.0.0.1/ledger",
    "another database": f"mysql://importer:{PASSWORD}@127.0.0.1/ledger",
    "a port that is none": f"postgresql+psycopg://importer:{PASSWORD}@127.0.0.1:port/ledger",
    "a password with an @": f"postgresql+psycopg://importer:p@{PASSWORD}@127.0.0.1:1/ledger",
    "a password with a /": f"postgresql+psycopg://importer:p/{PASSWORD}@127.0.0.1:1/ledger",
    "no address": f"importer:{PASSWORD}@127.0.0.1/ledger",
}


@pytest.mark.parametrize("url", WRONG_LEDGERS.values(), ids=WRONG_LEDGERS)
def test_the_password_of_a_ledger_is_in_no_message(destination, tmp_path, monkeypatch, url):
    with destination.open() as fake:
        config = {**destination.settings(fake), "streams": ORDERS}
    command = Command(destination.plugin, tmp_path, config, monkeypatch, PlayedClock())

    ended = command.run(FEED, ledger_url=url)

    assert ended.code == 1
    assert "ledger" in ended.log
    assert PASSWORD not in ended.log
    assert leaks(tmp_path, [PASSWORD], "config.json") == {}


def test_settings_from_the_environment_are_not_logged(tmp_path, monkeypatch):
    monkeypatch.setenv("TAP_AMPLITUDE_API_KEY", API_KEY)
    monkeypatch.setenv("TAP_AMPLITUDE_SECRET_KEY", SECRET_KEY)
    monkeypatch.setenv("TAP_AMPLITUDE_START_DATE", "2024-01-01")
    monkeypatch.setenv("TAP_AMPLITUDE_BASE_URL", "http://127.0.0.1:1")
    monkeypatch.setenv("TAP_AMPLITUDE_MAX_RETRIES", "0")

    log = log_of("tap-amplitude", tmp_path, {}, "--config=ENV")

    assert "failed 1 times" in log
    assert found_in(log, HIDDEN) == set()


def test_no_setting_touches_the_verification_of_certificates():
    names = {name for each in CONNECTORS for name in each.config_jsonschema["properties"]}

    assert not [name for name in names if re.search("verif|tls|ssl|insecure|cert", name)]
    sources = [path for package in ("singer-delivery", "tap-*", "target-*") for path in
               ROOT.glob(f"{package}/*/**/*.py")]  # fmt: skip
    assert len(sources) > 50
    unsafe = re.compile(r"verify\s*=|CERT_NONE|_create_unverified|disable_warnings|trust_env")
    assert [path.name for path in sources if unsafe.search(path.read_text("utf-8"))] == []


# Meltano ------------------------------------------------------------------------------------------


def meltano_project(folder: Path) -> Path:
    """The project's own meltano.yml, with the executables of this environment."""
    project = yaml.safe_load((ROOT / "meltano.yml").read_text("utf-8"))
    for of_a_kind in project["plugins"].values():
        for plugin in of_a_kind:
            plugin["pip_url"] = None
            plugin["executable"] = str(BIN / plugin["executable"])
    project["environments"] = [{"name": "dev"}]
    project["default_environment"] = "dev"
    (folder / "meltano.yml").write_text(yaml.safe_dump(project))
    return folder


def settings_of_meltano(here: Stage) -> dict[str, str]:
    """The settings of a stage's pipe as the environment names them, and Meltano's own."""
    plugins = {"TAP_AMPLITUDE": here.pipe.tap, "TARGET_POSTHOG": here.pipe.target}
    return {
        **{
            f"{plugin}_{name.upper()}": str(value)
            for plugin, settings in plugins.items()
            for name, value in settings.items()
        },
        "MELTANO_PROJECT_ROOT": str(here.folder),
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
    }


def command_lines() -> bytes:
    """Those of every process of this machine that may be read."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "args"], capture_output=True, check=True)
    return listed.stdout


@pytest.mark.slow
@pytest.mark.skipif(MELTANO is None, reason="Meltano is not installed; `make test` installs it.")
def test_meltano_at_debug_level_says_no_secret(tmp_path):
    meltano_project(tmp_path)
    with stage(tmp_path, POSTHOG) as here, (tmp_path / "meltano.log").open("wb") as log:
        here.service.misbehave(Hold())
        run = subprocess.Popen(
            [str(MELTANO), "--log-level=debug", "run", "tap-amplitude", "target-posthog"],
            cwd=tmp_path,
            env={**os.environ, **settings_of_meltano(here)},
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            here.service.wait_until_held()
            lines = command_lines()
            here.service.release()
            assert run.wait(timeout=120) == 0, (tmp_path / "meltano.log").read_text()[-4_000:]
        finally:
            run.kill()

    assert b"target-posthog" in lines
    assert found_in(lines, HIDDEN) == set()
    # Of people it says everything: at this level Meltano itself logs the records.
    assert "meltano.log" in leaks(tmp_path, [f"{MARK} said"])
    assert {name for name in leaks(tmp_path, HIDDEN) if not name.endswith("config.json")} == set()
