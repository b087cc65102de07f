"""`meltano config test` and `meltano invoke … --test`, the real ones, for a tap and the targets.

Meltano tests a loader by sending it a record, and an extractor by waiting for one (Meltano 4.4.1,
`LoaderTestService`, `ExtractorTestService`). After its verdict on a loader, that version ends a
process which has ended already, and fails of it with every loader there is: so the verdict is read
in its log. `--test` has no such trouble.
"""

from __future__ import annotations

from typing import Any

import pytest
import yaml

from tests.destinations import DESTINATIONS
from tests.end_to_end.pipe import BIN
from tests.end_to_end.test_meltano_settings import MELTANO, meltano, project
from tests.fakes.amplitude import FakeAmplitude
from tests.tap_amplitude.running import MONDAY, hours_of_rows
from tools.connectors import plugins

pytestmark = pytest.mark.skipif(MELTANO is None, reason="`make test` installs Meltano.")

WRONG = "wrong-key-0123456789"
GOOD = "Test data was written to your target system."
"""What Meltano says of a loader that took its record, wherever that went."""

OF_MELTANO = "ProcessLookupError"


def loader(folder, destination, **settings: Any) -> None:
    project(folder, destination.target, settings, str(BIN / destination.target))


@pytest.mark.slow
@pytest.mark.parametrize("destination", DESTINATIONS, ids=str)
def test_a_loader_is_tested_and_nothing_is_written(destination, tmp_path):
    with destination.open() as service:
        loader(tmp_path, destination, **destination.settings(service))
        tested = meltano(tmp_path, "config", "test", destination.target)
        invoked = meltano(tmp_path, "invoke", destination.target, "--test")
    assert GOOD in tested.stdout
    assert tested.returncode == 0 or OF_MELTANO in tested.stdout
    assert invoked.returncode == 0, invoked.stdout
    assert "  yes  " in invoked.stdout
    assert len(service.questions) >= 2
    assert [each for each in service.journal if each.method != "GET"] == []


@pytest.mark.slow
@pytest.mark.parametrize("destination", DESTINATIONS, ids=str)
def test_a_loader_with_a_wrong_key_fails_either_test(destination, tmp_path):
    with destination.open() as service:
        wrong = {**destination.settings(service), destination.key: WRONG}
        loader(tmp_path, destination, **wrong)
        tested = meltano(tmp_path, "config", "test", destination.target)
        invoked = meltano(tmp_path, "invoke", destination.target, "--test")
    assert tested.returncode == 1
    assert GOOD not in tested.stdout
    assert invoked.returncode == 1
    assert destination.wrong_key in " ".join(invoked.stdout.split())
    assert WRONG not in tested.stdout + invoked.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    "settings", [{}, pytest.param({"secret_key": WRONG}, marks=pytest.mark.slow)]
)
def test_an_extractor_is_tested(tmp_path, settings):
    (plugin,) = (each for each in plugins() if each.name == "tap-amplitude")
    described = yaml.safe_load(plugin.hub_file.read_text("utf-8"))
    del described["pip_url"]
    with FakeAmplitude(hours_of_rows(MONDAY, 2)) as amplitude:
        described |= {
            "executable": str(BIN / plugin.name),
            "config": {
                "api_key": amplitude.api_key,
                "secret_key": amplitude.secret_key,
                "base_url": amplitude.url,
                "start_date": "2024-01-01",
                "end_date": "2024-01-02",
                **settings,
            },
        }
        document = {"version": 1, "plugins": {"extractors": [described]}}
        (tmp_path / "meltano.yml").write_text(yaml.safe_dump(document, sort_keys=False))
        tested = meltano(tmp_path, "config", "test", plugin.name)
    if not settings:
        assert tested.returncode == 0, tested.stdout
        return
    assert tested.returncode == 1
    assert "Amplitude refused api_key and secret_key" in " ".join(tested.stdout.split())
    assert WRONG not in tested.stdout
