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
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

import pytest
import yaml
from tap_amplitude.tap import TapAmplitude
from target_mixpanel.target import TargetMixpanel
from target_posthog.target import TargetPostHog

from tests.end_to_end.pipe import BIN, Pipe, make_mixpanel_pipe, make_pipe
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.exchanges import Hold, Reply
from tests.fakes.mixpanel import FakeMixpanel
from tests.fakes.posthog import FakePostHog
from tests.tap_amplitude.running import HOUR, MONDAY, row

if TYPE_CHECKING:
    from collections.abc import Iterable

ROOT = Path(__file__).resolve().parents[2]
MELTANO = shutil.which(os.environ.get("MELTANO", "meltano"))
CONNECTORS = (TapAmplitude, TargetMixpanel, TargetPostHog)

API_KEY, SECRET_KEY = "amp+key/5d0c", "amp+secret/91be"
PROJECT_KEY = "phc_planted_2f77"
TOKEN, ACCOUNT, ACCOUNT_SECRET = (
    "mp-token-c04a",
    "importer.4e1.mp-service-account",
    "mp+secret/77ad",
)
PASSWORD = "pg-secret-3b8d"
SECRETS = (API_KEY, SECRET_KEY, PROJECT_KEY, TOKEN, ACCOUNT_SECRET, PASSWORD)
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
VICTIM = f"{MARK}-victim"


def rows() -> list[bytes]:
    """Two users of one device, an event of no time, one that is refused, broken lines."""
    return [
        *(row(MONDAY, number, **PERSON) for number in range(20)),
        row(MONDAY, 20, **{**PERSON, "user_id": f"{MARK}-second"}),
        row(MONDAY, 21, **{**PERSON, "event_time": f"{MARK} o'clock"}),
        row(MONDAY, 22, **{**PERSON, "user_id": VICTIM, "device_id": None}),
        f'{{"uuid": "1", "user_id": "{MARK}-torn'.encode(),
        f'["{MARK}-list"]'.encode(),
        f'{{"user_id": "{MARK}'.encode() + b'\xff"}',
    ]


@pytest.fixture
def amplitude():
    hours = {MONDAY: rows(), MONDAY + HOUR: [row(MONDAY + HOUR, 1, **PERSON)]}
    with FakeAmplitude(hours, api_key=API_KEY, secret_key=SECRET_KEY) as fake:
        yield fake


@pytest.fixture
def posthog():
    with FakePostHog(keep_bodies=True) as fake:
        yield fake


@pytest.fixture
def mixpanel():
    with FakeMixpanel(
        token=TOKEN, username=ACCOUNT, secret=ACCOUNT_SECRET, group_keys=["company"]
    ) as fake:
        yield fake


@pytest.fixture(params=["target-posthog", "target-mixpanel"])
def pipe(request, tmp_path, amplitude, posthog, mixpanel, monkeypatch) -> Pipe:
    for name in ("LOGLEVEL", "TAP_AMPLITUDE_LOGLEVEL", "TARGET_POSTHOG_LOGLEVEL"):
        monkeypatch.setenv(name, "DEBUG")
    monkeypatch.setenv("TARGET_MIXPANEL_LOGLEVEL", "DEBUG")
    if request.param == "target-posthog":
        pipe = make_pipe(tmp_path, amplitude, posthog, api_key=PROJECT_KEY)
    else:
        pipe = make_mixpanel_pipe(tmp_path, amplitude, mixpanel)
    made = tmp_path / "made"
    pipe.target |= {
        "ledger_url": f"sqlite:///{made / 'ledger.sqlite3'}",
        "dead_letter_path": str(made / "dead.singer"),
        "report_path": str(made / "report.json"),
        "max_dead_letters": "50",
    }
    pipe.tap |= {
        "start_date": MONDAY.isoformat(),
        "end_date": (MONDAY + 2 * HOUR).isoformat(),
        "window_hours": 1,
        "spool_dir": str(made / "spool"),
    }
    return pipe


@pytest.fixture
def destination(pipe, posthog, mixpanel):
    return posthog if pipe.target_name == "target-posthog" else mixpanel


def quoting(status: int, *secrets: str) -> Reply:
    """A reply that quotes keys."""
    return Reply(status, f"no: {' '.join(secrets)}".encode())


def quoting_people(status: int, *secrets: str) -> Reply:
    """A reply of a destination that quotes keys and the events it was sent."""
    return Reply(status, f"no: {' '.join(secrets)} {MARK}-user {MARK} said".encode())


def misbehave(amplitude, destination) -> None:
    amplitude.misbehave(quoting(500, API_KEY, SECRET_KEY))
    destination.misbehave(quoting_people(503, PROJECT_KEY, TOKEN, ACCOUNT_SECRET))


CONFIGS = ("tap.json", "target.json")
LOGS = ("tap.log", "target.log")
HOLDING_PEOPLE = {"dead.singer", "bad_lines.jsonl"}
HOLDING_IDS = {"ledger.sqlite3", "ledger.sqlite3-wal", "report.json"}


def test_no_secret_and_no_person_is_where_they_should_not_be(
    pipe, amplitude, destination, tmp_path
):
    misbehave(amplitude, destination)

    ended = pipe.run()

    assert (ended.tap_code, ended.target_code) == (0, 0), ended.tap_log + ended.target_log
    assert "DEBUG" in ended.tap_log
    assert "DEBUG" in ended.target_log
    assert leaks(tmp_path, HIDDEN, *CONFIGS) == {}
    assert leaks(tmp_path, HIDDEN).keys() == set(CONFIGS)  # so the search does find them
    people = leaks(tmp_path, [MARK], *CONFIGS).keys()
    assert HOLDING_PEOPLE <= people <= HOLDING_PEOPLE | HOLDING_IDS
    contents = leaks(tmp_path, [f"{MARK} said", f"{MARK}@example.com", f"{MARK} inc"], *CONFIGS)
    assert contents.keys() <= HOLDING_PEOPLE | {"ledger.sqlite3"}
    assert found_in(json.dumps(ended.states), [*HIDDEN, MARK]) == set()


STOPS = {
    "refused key": quoting_people(401, PROJECT_KEY, TOKEN, ACCOUNT_SECRET),
    "not the service": quoting_people(418, PROJECT_KEY, TOKEN),
    "every event refused": quoting_people(400, PROJECT_KEY, TOKEN),
    "down": quoting_people(500, PROJECT_KEY, TOKEN, ACCOUNT_SECRET),
}


@pytest.mark.slow
@pytest.mark.parametrize("reply", STOPS.values(), ids=STOPS)
def test_a_target_that_is_stopped_says_why_without_a_secret_or_a_person(
    pipe, destination, tmp_path, reply
):
    destination.misbehave_always(reply)
    pipe.target |= {"max_retries": 0, "max_dead_letters": "5"}

    ended = pipe.run()

    assert ended.target_code == 1
    assert leaks(tmp_path, HIDDEN, *CONFIGS) == {}
    assert leaks(tmp_path, [MARK], *CONFIGS).keys() <= HOLDING_PEOPLE | HOLDING_IDS
    for line in pipe.dead_letters.read_text().splitlines() if pipe.dead_letters.exists() else []:
        letter = json.loads(line).get("record", {}).get("_dead_letter", {})
        assert found_in(json.dumps(letter), [*HIDDEN, MARK]) == set()


@pytest.mark.slow
@pytest.mark.parametrize("pipe", ["target-posthog"], indirect=True)
@pytest.mark.parametrize(
    "reply",
    [
        quoting(403, API_KEY, SECRET_KEY),
        Reply(400, f"Invalid API key: {API_KEY}".encode()),
        Reply(400, f"Bad {SECRET_KEY}".encode()),
    ],
    ids=["refused key", "key in a 400", "another 400"],
)
def test_a_tap_that_is_stopped_says_why_without_a_secret(pipe, amplitude, tmp_path, reply):
    amplitude.misbehave_always(reply)

    ended = pipe.run()

    assert ended.tap_code == 1
    assert "ERROR" in ended.tap_log
    assert leaks(tmp_path, HIDDEN, *CONFIGS) == {}


@pytest.mark.parametrize("pipe", ["target-mixpanel"], indirect=True)
def test_updates_that_wait_in_the_ledger_hold_no_token(pipe, destination, tmp_path):
    destination.misbehave_always(Reply(401), when=lambda exchange: exchange.path == "/engage")

    ended = pipe.run()

    assert ended.target_code == 1
    assert "ledger.sqlite3" in leaks(tmp_path, [f"{MARK}@example.com"])  # it does wait there
    assert leaks(tmp_path, HIDDEN, *CONFIGS) == {}


def test_addresses_asked_for_hold_no_secret(pipe, amplitude, destination):
    pipe.run()

    for exchange in [*amplitude.journal, *destination.journal]:
        asked = f"{exchange.path} {exchange.query} {exchange.headers.get('referer')}"
        assert found_in(asked, [*HIDDEN, ACCOUNT]) == set()
    assert amplitude.journal
    assert destination.journal


@pytest.mark.skipif(sys.platform != "linux", reason="command lines are read from /proc")
def test_no_command_line_holds_a_secret(pipe, destination):
    destination.misbehave(Hold())
    tap, target = pipe.start()
    destination.wait_until_held()

    seen = b"".join(Path(f"/proc/{each.pid}/cmdline").read_bytes() for each in (tap, target))

    destination.release()
    pipe.end(tap, target)
    assert b"target.json" in seen
    assert found_in(seen, HIDDEN) == set()


# Who may read what was written --------------------------------------------------------------------


@pytest.fixture
def generous_umask():
    """Whoever starts the run lets everybody read and write its files."""
    before = os.umask(0)
    yield
    os.umask(before)


def modes(folder: Path) -> dict[str, int]:
    return {
        str(path.relative_to(folder)): stat.S_IMODE(path.stat().st_mode)
        for path in [folder, *folder.rglob("*")]
    }


def assert_private(folder: Path) -> set[str]:
    """Check that the owner alone may read a folder made by us; return what is in it."""
    seen = modes(folder)
    is_folder = {name: (folder / name).is_dir() for name in seen}
    wrong = {
        name: oct(mode)
        for name, mode in seen.items()
        if mode != (0o700 if is_folder[name] else 0o600)
    }
    assert wrong == {}
    return {Path(name).name for name in seen}


@pytest.mark.usefixtures("generous_umask")
def test_what_a_run_leaves_can_be_read_by_its_owner_alone(pipe, tmp_path):
    pipe.run()

    left = assert_private(tmp_path / "made")
    assert {"ledger.sqlite3", "report.json", "dead.singer", "bad_lines.jsonl"} <= left


@pytest.mark.usefixtures("generous_umask")
def test_what_a_killed_run_leaves_can_be_read_by_its_owner_alone(pipe, destination, tmp_path):
    destination.misbehave(Hold())
    tap, target = pipe.start()
    destination.wait_until_held()
    target.kill()
    tap.kill()
    destination.release()
    pipe.end(tap, target)

    left = assert_private(tmp_path / "made")
    assert {"ledger.sqlite3", "ledger.sqlite3-wal", "ledger.sqlite3-shm"} <= left


@pytest.mark.usefixtures("generous_umask")
def test_what_a_dry_run_leaves_can_be_read_by_its_owner_alone(pipe, tmp_path):
    made = tmp_path / "made"
    pipe.target |= {"dry_run": True, "output_path": str(made / "dry" / "run.jsonl")}

    ended = pipe.run()

    assert ended.target_code == 0, ended.target_log
    left = assert_private(made)
    assert {"run.jsonl", "run.jsonl.dead-letters.singer", "report.json"} <= left
    assert leaks(tmp_path, HIDDEN, *CONFIGS, "run.jsonl") == {}


@pytest.mark.parametrize("pipe", ["target-posthog"], indirect=True)
def test_a_dry_run_writes_no_key(pipe, tmp_path):
    pipe.target |= {"dry_run": True, "output_path": str(tmp_path / "made" / "run.jsonl")}

    pipe.run()

    assert leaks(tmp_path, HIDDEN, *CONFIGS) == {}


@pytest.mark.usefixtures("generous_umask")
def test_a_download_can_be_read_by_its_owner_alone(pipe, amplitude, tmp_path):
    amplitude.misbehave(Hold(), when=lambda exchange: exchange.number == 2)
    tap, target = pipe.start()
    amplitude.wait_until_held()  # the first window may be read already, its folder is there

    folders = [path for path in (tmp_path / "made" / "spool").iterdir() if path.is_dir()]
    kept = {path: stat.S_IMODE(path.stat().st_mode) for path in folders}

    amplitude.release()
    pipe.end(tap, target)
    assert list(kept.values()) == [0o700]


# Settings -----------------------------------------------------------------------------------------

FEED = (
    b'{"type":"SCHEMA","stream":"orders","schema":{"properties":{"id":{}}},"key_properties":[]}\n'
)


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
        ("target-mixpanel", "project_token"),
        ("target-mixpanel", "service_account_secret"),
        ("target-mixpanel", "ledger_url"),
        ("target-posthog", "api_key"),
        ("target-posthog", "ledger_url"),
    }


@pytest.mark.parametrize(("connector", "name"), SECRET_SETTINGS)
def test_a_secret_of_the_wrong_type_is_not_quoted(tmp_path, connector, name):
    log = log_of(connector, tmp_path, {name: [PASSWORD]})

    assert name in log
    assert PASSWORD not in log
    assert "Traceback" not in log


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
def test_the_password_of_a_ledger_is_in_no_message(tmp_path, url):
    config = {
        "api_key": PROJECT_KEY,
        "host": "http://127.0.0.1:1",
        "ledger_url": url,
        "streams": {"orders": {"event": "Ordered", "distinct_id": "id", "timestamp": "id"}},
    }

    log = log_of("target-posthog", tmp_path, config)

    assert "ledger" in log
    assert "Traceback" not in log
    assert PASSWORD not in log
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
    for plugins in project["plugins"].values():
        for plugin in plugins:
            plugin["pip_url"] = None
            plugin["executable"] = str(BIN / plugin["executable"])
    project["environments"] = [{"name": "dev"}]
    project["default_environment"] = "dev"
    (folder / "meltano.yml").write_text(yaml.safe_dump(project))
    return folder


def settings_of_meltano(folder: Path, amplitude, posthog) -> dict[str, str]:
    return {
        "TAP_AMPLITUDE_BASE_URL": amplitude.url,
        "TAP_AMPLITUDE_API_KEY": API_KEY,
        "TAP_AMPLITUDE_SECRET_KEY": SECRET_KEY,
        "TAP_AMPLITUDE_START_DATE": MONDAY.isoformat(),
        "TAP_AMPLITUDE_END_DATE": (MONDAY + 2 * HOUR).isoformat(),
        "TARGET_POSTHOG_HOST": posthog.url,
        "TARGET_POSTHOG_API_KEY": PROJECT_KEY,
        "TARGET_POSTHOG_MAX_DEAD_LETTERS": "50",
        "MELTANO_PROJECT_ROOT": str(folder),
        "MELTANO_SEND_ANONYMOUS_USAGE_STATS": "false",
        "MELTANO_CLI_DISABLE_VERSION_CHECK": "true",
    }


def command_lines() -> bytes:
    """Those of every process of this machine that may be read."""
    listed = subprocess.run(["ps", "-A", "-ww", "-o", "args"], capture_output=True, check=True)
    return listed.stdout


@pytest.mark.skipif(MELTANO is None, reason="Meltano is not installed; `make test` installs it.")
def test_meltano_at_debug_level_says_no_secret(tmp_path, amplitude, posthog):
    folder = meltano_project(tmp_path)
    posthog.misbehave(Hold())
    run = subprocess.Popen(
        [str(MELTANO), "--log-level=debug", "run", "tap-amplitude", "target-posthog"],
        cwd=folder,
        env={**os.environ, **settings_of_meltano(folder, amplitude, posthog)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
    )
    # Of people it says everything: at this level Meltano logs the records themselves.
    posthog._wait_for(lambda: posthog._held > 0 or run.poll() is not None, "the target's request")
    seen = command_lines()
    posthog.release()
    log, _ = run.communicate(timeout=120)

    assert run.returncode == 0, log.decode()[-4_000:]
    assert b"target-posthog" in seen
    assert found_in(seen, HIDDEN) == set()
    assert b"DEBUG" in log or b"debug" in log
    assert found_in(log, HIDDEN) == set()
    held = leaks(folder, HIDDEN)
    assert {name for name in held if not name.endswith("config.json")} == set()
