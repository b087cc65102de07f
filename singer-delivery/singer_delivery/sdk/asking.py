"""The command of a target: what it can do, and that it can be asked before it runs.

`meltano config test` of a loader pipes in one record of a stream that no tap has, and takes the run
for good when it exits with 0 and no line of its output has `error` in it (Meltano 4.4,
`LoaderTestService`). The record is left out here, so that nothing is written anywhere; what the run
asks before it is the test.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import click
from singer_sdk.helpers.capabilities import PluginCapabilities
from singer_sdk.plugin_base import _ConfigInput
from singer_sdk.target_base import Target

from singer_delivery.errors import DeliveryError, ServiceRefused
from singer_delivery.sdk.checking import check_before_run, tell_answers
from singer_delivery.sdk.plugin import CheckedPlugin, ending_in_a_sentence
from singer_delivery.sdk.settings import named_streams

if TYPE_CHECKING:
    from singer_delivery.pipeline.run import Run

OF_MELTANO = "meltano_test_stream"
"""The stream by which Meltano tests a loader."""

MELTANO_TEST = "meltano_test"
"""The rule by which its record is left out, as the report counts it."""


class AskingTarget(CheckedPlugin, Target):
    """Base of a target; see the module's docstring."""

    # Not the SDK's BATCH, whose `batch_config` would say where a target writes such files: they are
    # read all the same. Nor its record validation, which the mappings make needless.
    capabilities: ClassVar[list[Any]] = [
        PluginCapabilities.ABOUT,
        PluginCapabilities.STREAM_MAPS,
        PluginCapabilities.FLATTENING,
        PluginCapabilities.STRUCTURED_LOGGING,
    ]

    @property
    def user_agent(self) -> str:
        """What requests say of themselves."""
        return f"{self.name}/{self.plugin_version}"

    def checked(self, run: Run) -> Run:
        """Return a run that may go on: what must be known is asked before its first record.

        Raises:
            ServiceRefused: an answer is no; the run is over.
        """
        try:
            check_before_run(self, ServiceRefused)
        except BaseException as error:
            run.abandon(error)
            raise
        return run

    def is_a_test(self, stream: str) -> bool:
        """Tell whether a stream is Meltano's test, and none that the user has named."""
        return stream == OF_MELTANO and stream not in named_streams(self.config)

    @classmethod
    def append_builtin_config(cls, config_jsonschema: dict[str, Any]) -> None:
        """Add the settings of the capabilities, without those this target has no use for."""
        super(Target, cls).append_builtin_config(config_jsonschema)

    @classmethod
    def cb_test(cls, ctx: click.Context, param: click.Option, value: Any) -> None:  # noqa: ARG003 - click's signature
        """Run `--test`: print what the service answers."""
        if not value:
            return
        given = ctx.params.get("config", _ConfigInput())
        with ending_in_a_sentence(cls, DeliveryError):
            target = cls(
                config=given.config, parse_env_config=given.parse_env, validate_config=True
            )
            ctx.exit(tell_answers(target))

    @classmethod
    def get_singer_command(cls) -> click.Command:
        """Return the command, with `--test` among its options."""
        command = super().get_singer_command()
        command.params.append(
            click.Option(
                ["--test"],
                is_flag=True,
                expose_value=False,
                callback=cls.cb_test,
                help="Ask the service what can be asked before a run, print its answers, and exit.",
            )
        )
        return command
