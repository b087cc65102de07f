"""What taps and targets share beside their work: settings that are checked in plain sentences."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import cached_property
from typing import Any

import click
from singer_sdk.about import AboutInfo
from singer_sdk.configuration._dict_config import parse_environment_config
from singer_sdk.exceptions import ConfigValidationError, MappingError
from singer_sdk.helpers._classproperty import classproperty
from singer_sdk.plugin_base import PluginBase

from singer_delivery.progress.reporter import on_demand
from singer_delivery.proof.questions import Question
from singer_delivery.sdk.checks import misspelt, read_environment, sentences, with_variable
from singer_delivery.sdk.dotted import joined

SUMMARY = "Config validation failed"


class CheckedPlugin(PluginBase):
    """Base of a tap or a target; stands before the SDK's own in the list of bases.

    - Every wrong setting gets a sentence that names it and its environment variable.
    - Names with dots, which Meltano takes apart, are put together again.
    - A setting that is null is not set.
    - SIGUSR1 asks how far the run is.
    """

    def config_errors(self) -> list[str]:
        """Return a sentence for each setting that is missing or wrong beyond what its type says."""
        return []

    def shared_config_errors(self) -> list[str]:
        """Return the same for settings that all plugins of a kind have."""
        return []

    def say_progress(self) -> None:
        """Log how far the run is, if there is one. Safe in a signal handler."""

    def _setup_signal_handlers(self) -> None:
        super()._setup_signal_handlers()
        on_demand(self.say_progress)

    @cached_property
    def _warned(self) -> set[str]:
        return set()

    def warn_once(self, sentence: str) -> None:
        """Log a warning, unless the same was logged before."""
        if sentence not in self._warned:
            self._warned.add(sentence)
            self.logger.warning("%s", sentence)

    def questions(self) -> Sequence[Question]:
        """Return what can be asked of the service before a run; by default nothing can."""
        return ()

    @classproperty
    def _env_var_config(cls) -> dict[str, Any]:  # noqa: N805
        """Read the settings that stand in the environment.

        Raises:
            ConfigValidationError: one holds what it cannot be.
        """
        cls.append_builtin_config(cls.config_jsonschema)
        parse_environment_config({}, cls._env_var_prefix)  # puts an .env file into the environment
        values, wrong = read_environment(cls.config_jsonschema, cls._env_var_prefix, os.environ)
        if wrong:
            raise ConfigValidationError(SUMMARY, errors=wrong)
        return values

    def _validate_config(self, *, raise_errors: bool = True) -> list[str]:
        schema, prefix = self.config_jsonschema, self._env_var_prefix
        self.append_builtin_config(schema)
        given = {name: value for name, value in self._config.items() if value is not None}
        self._config = joined(given, schema)
        errors = sentences(schema, self._config, prefix)
        if raise_errors:
            for warning in misspelt(schema, prefix, os.environ):
                self.logger.warning("%s", warning)
            errors = errors or [
                with_variable(error, schema, prefix)
                for error in (*self.config_errors(), *self.shared_config_errors())
            ]
        if errors and raise_errors:
            raise ConfigValidationError(SUMMARY, errors=errors, schema=schema)
        return errors

    def setup_mapper(self) -> None:
        """Make the stream maps of the settings.

        Raises:
            ConfigValidationError: they cannot be used.
        """
        with naming_stream_maps():
            super().setup_mapper()

    @classmethod
    def _get_about_info(cls) -> AboutInfo:
        """Describe the plugin in one line: the SDK's pages are indented by a second one."""
        info = super()._get_about_info()
        return replace(info, description=" ".join((info.description or "").split()))

    @classmethod
    def cb_config(cls, ctx: click.Context, param: click.Option, value: tuple[str, ...]) -> Any:
        """Read the files that `--config` names."""
        try:
            return super().cb_config(ctx, param, value)
        except OSError as error:
            msg = f"{error.filename} cannot be read ({error.strerror})."
        except json.JSONDecodeError as error:
            msg = f"the file is no JSON: {error.msg} at line {error.lineno}, column {error.colno}."
        except (TypeError, ValueError):
            msg = "the file holds no JSON object."
        raise click.BadParameter(msg, ctx, param)


@contextmanager
def naming_stream_maps() -> Iterator[None]:
    """Name the setting when the SDK refuses it.

    Raises:
        ConfigValidationError: `stream_maps` or flattening cannot be used.
    """
    try:
        yield
    except ConfigValidationError:
        raise
    except (MappingError, NotImplementedError) as error:
        msg = f"`stream_maps` cannot be used: {error}"
        raise ConfigValidationError(SUMMARY, errors=[msg]) from error
    except (ValueError, TypeError, AttributeError, KeyError, SyntaxError) as error:
        msg = (
            "`stream_maps` or `flattening_enabled` cannot be used on a stream's schema "
            f"({type(error).__name__})."
        )
        raise ConfigValidationError(SUMMARY, errors=[msg]) from error


@contextmanager
def ending_in_a_sentence(
    plugin: type[PluginBase],
    *errors: type[Exception],
    before: Callable[[], None] = lambda: None,
) -> Iterator[None]:
    """Exit with 1 after an error that is for people, and say its sentence last.

    Args:
        plugin: logs it.
        errors: that are for people, besides the SDK's about settings.
        before: called before it is said.
    """
    try:
        yield
    except ConfigValidationError as error:
        said = [*error.errors]
    except errors as error:
        said = [str(error)]
    else:
        return
    before()
    for sentence in said:
        plugin.logger.error("%s", sentence)
    raise SystemExit(1)
