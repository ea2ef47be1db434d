"""What every verb shares: which settings it works with, and the way to the server and to the database.

``--config FILE`` may stand before or after the verb; ``SIPBOX_CONFIG`` names the file when it does not.
Nothing is opened before a verb asks for it.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import contextmanager
from functools import cached_property
from typing import TYPE_CHECKING, Any, TypeVar

import click

from appliance.cli.administrator import database_url
from appliance.config import DEFAULT_PATH, Settings, load
from appliance.errors import ControlError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from appliance.agent.all_workers import AllWorkers
    from appliance.storage.engine import Database

Function = TypeVar("Function", bound=Callable[..., Any])


class Invocation:
    """One run of the command."""

    config_path: str | None = None

    @property
    def path(self) -> str:
        """The file of the settings."""
        return self.config_path or DEFAULT_PATH

    @cached_property
    def settings(self) -> Settings:
        """The settings; SettingsError when they are wrong or not there."""
        return load(self.path)

    def ask(self, command: str, /, *, timeout: float = 15, **args: Any) -> Any:
        """What the running server answers; ControlError when it does not run or says no."""
        from appliance import control

        try:
            return control.call(self.settings.agent.socket, command, timeout=timeout, **args)
        except control.ServerDown:
            # The agent may be down while calls go on: whoever may open the server's own socket asks there.
            controls = self.settings.sip.controls
            if len(controls) == 1:
                return control.call(controls[0], command, timeout=timeout, **args)
            return self._all_workers().ask_within(timeout, command, **args)

    def stream(self, command: str, /, **args: Any) -> Iterator[Any]:
        """What the running server tells, as it comes."""
        from appliance import control

        try:
            yield from control.stream(self.settings.agent.socket, command, **args)
        except control.ServerDown:
            controls = self.settings.sip.controls
            if len(controls) == 1:
                yield from control.stream(controls[0], command, **args)
            else:
                yield from self._all_workers().stream(command, **args)

    def _all_workers(self) -> AllWorkers:
        from appliance.agent.all_workers import AllWorkers

        return AllWorkers(self.settings.sip.controls)

    @contextmanager
    def database(self) -> Iterator[Database]:
        """The database of the settings, closed at the end; root of this machine comes as MariaDB's root."""
        from appliance.storage.engine import Database

        section = self.settings.database
        database = Database(
            database_url(section.url),
            others=section.others,
            pool_size=1,
            connect_timeout=section.connect_timeout_seconds,
            query_timeout=section.query_timeout_seconds,
        )
        try:
            yield database
        finally:
            database.close()

    def forget(self, table: str, *keys: tuple[str, str]) -> None:
        """Rows were changed, those of these (username, domain): the server shall read them again now."""
        self.tell("forget", table=table, keys=[list(key) for key in keys])

    def tell(self, command: str, /, **args: Any) -> None:
        """Tell the server what it would find in the database by itself later; silent when it does not run."""
        from appliance.control import ServerDown

        try:
            self.ask(command, **args)
        except ServerDown:
            pass  # it reads the rows when it starts
        except ControlError as error:
            say(f"the change is in the database; the server did not take note of it yet ({error})")


class Verb(click.Command):
    """A command that takes ``--config``."""

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params.append(config_option())


class Noun(click.Group):
    """A group of verbs; it takes ``--config`` too."""

    command_class = Verb

    def __init__(self, *args: Any, **attributes: Any) -> None:
        super().__init__(*args, **attributes)
        self.params.append(config_option())


def config_option() -> click.Option:
    """``--config FILE``, remembered by the invocation; the last one in the line wins."""

    def remember(ctx: click.Context, _param: click.Parameter, value: str | None) -> None:
        if value is not None and (
            not from_environment(ctx) or ctx.ensure_object(Invocation).config_path is None
        ):
            ctx.ensure_object(Invocation).config_path = value

    def from_environment(ctx: click.Context) -> bool:
        return ctx.get_parameter_source("config") is click.core.ParameterSource.ENVIRONMENT

    return click.Option(
        ["--config"],
        metavar="FILE",
        envvar="SIPBOX_CONFIG",
        expose_value=False,
        is_eager=True,
        callback=remember,
        help=f"The settings.  [default: {DEFAULT_PATH}]",
    )


invocation = click.make_pass_decorator(Invocation, ensure=True)


def json_option(function: Function) -> Function:
    """``--json``, for verbs that print data."""
    return click.option("--json", "as_json", is_flag=True, help="JSON, for programs.")(function)


def yes_option(function: Function) -> Function:
    """``--yes``, for verbs that destroy: without it they ask."""
    return click.option("--yes", is_flag=True, help="Do not ask.")(function)


def confirm(question: str, yes: bool) -> None:
    """Ask before something is destroyed; a 'no' ends the command with exit code 1."""
    if not yes:
        click.confirm(question, abort=True, err=True)


def say(words: str) -> None:
    """Talk, to standard error."""
    click.echo(words, err=True)
