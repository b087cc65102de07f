"""`meltano invoke target-posthog:verify` for real, by the definition that other projects take."""

from __future__ import annotations

import json
import shlex

import click
import pytest
import yaml
from singer_delivery.cli.command import cli

from tests.destinations import POSTHOG
from tests.end_to_end.pipe import BIN, all_hours, make_pipe
from tests.end_to_end.test_meltano_settings import MELTANO, meltano, project
from tests.end_to_end.test_verify import START, asking
from tests.fakes.amplitude import FakeAmplitude
from tests.fakes.company import Company
from tools.connectors import plugins
from tools.definitions import commands_of

DEFINED = {each.name: yaml.safe_load(each.hub_file.read_text("utf-8")) for each in plugins()}


@pytest.mark.parametrize("plugin", plugins(), ids=lambda each: each.name)
def test_every_command_of_a_definition_is_one_that_the_program_takes(plugin):
    commands = DEFINED[plugin.name].get("commands", {})
    assert [*commands] == [each.replace(" ", "-") for each in commands_of(plugin.kind)]
    for name, command in commands.items():
        assert command["executable"] == "singer-delivery"
        first, *rest = shlex.split(command["args"])
        assert name.startswith(first)
        found = cli.get_command(click.Context(cli), first)
        if isinstance(found, click.Group):
            found = found.get_command(click.Context(found), rest.pop(0))
        assert found is not None
        options = {option for each in found.params for option in each.opts}
        assert {each for each in rest if each.startswith("--")} <= options


@pytest.mark.slow
@pytest.mark.skipif(MELTANO is None, reason="`make test` installs Meltano.")
def test_meltano_invokes_verify_with_the_settings_of_the_project(tmp_path):
    company = Company(seed=15, events=60, start=START, hours=5)
    with FakeAmplitude(company.hours()) as amplitude, POSTHOG.open(company) as fake:
        pipe = all_hours(make_pipe(tmp_path, amplitude, POSTHOG, fake), company)
        assert pipe.run().target_code == 0
        lost = POSTHOG.events(fake)[3].id
        config = {**pipe.target, **asking(POSTHOG, fake), "reports_path": str(tmp_path / "kept")}
        project(tmp_path, "target-posthog", config, str(BIN / "target-posthog"))
        described = yaml.safe_load((tmp_path / "meltano.yml").read_text())
        (loader,) = described["plugins"]["loaders"]
        loader["commands"]["verify"]["executable"] = str(BIN / "singer-delivery")
        (tmp_path / "meltano.yml").write_text(yaml.safe_dump(described, sort_keys=False))

        equal = meltano(tmp_path, "invoke", "target-posthog:verify")
        fake.lose(lambda each: each["uuid"] == lost)
        differs = meltano(tmp_path, "invoke", "target-posthog:verify", "--interval", "0.1")

    assert equal.returncode == 0, equal.stdout
    assert "Equal: all that was accepted is there." in equal.stdout
    assert differs.returncode == 1, differs.stdout
    assert "1 event is missing, of 1 hour of the source" in differs.stdout
    assert "meltano run --full-refresh --no-state-update" in differs.stdout
    verdicts = [json.loads(each.read_text())["verdict"] for each in (tmp_path / "kept").iterdir()]
    assert sorted(verdicts) == ["differs", "equal"]
