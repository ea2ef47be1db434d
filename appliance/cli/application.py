"""The command and its nouns. A noun's file is read when the noun is typed, so that starts are quick."""

from __future__ import annotations

from importlib import import_module
from typing import IO, Any, cast

import click

from appliance import __version__
from appliance.cli.invocation import Invocation, Noun
from appliance.errors import ControlError, SipboxError

# A noun: the module and the name in it, and its line in `sipbox --help`.
NOUNS = {
    "serve": ("serve:serve", "Run the SIP server in the foreground."),
    "agent": ("agent:agent", "Run the management agent: FIFO, metrics, status page."),
    "status": ("status:status", "Tell whether all is well."),
    "diagnose": ("diagnose:diagnose", "What is wrong anywhere, and what to do about it."),
    "config": ("settings:config", "Check and show the settings."),
    "database": ("database:database", "Create, upgrade and look at the database."),
    "backup": ("backup:backup", "Rows, keys and settings in one file, and back."),
    "import": ("import_:import_", "Take over a Kamailio, an OpenSIPS or an OpenSER."),
    "subscriber": ("subscriber:subscriber", "People who may register and call."),
    "alias": ("alias:alias", "Further addresses of a subscriber."),
    "registration": ("registration:registration", "Where phones can be reached now."),
    "calls": ("calls:calls", "What became of calls."),
    "domain": ("domain:domain", "Domains that are served."),
    "permission": ("permission:permission", "What a subscriber may call (openserctl's acl)."),
    "gateway": ("gateway:gateway", "Gateways to the telephone network (openserctl's lcr)."),
    "route": ("route:route", "Which numbers go to which gateways."),
    "trusted": ("trusted:trusted", "Peers that are known by their address."),
    "ban": ("ban:ban", "Addresses that are kept out for a while."),
    "certificate": ("certificate:certificate", "Certificates of TLS and WebSocket."),
    "phone": ("phone:phone", "Desk phones that get their configuration from here."),
    "preference": ("preference:preference", "Attributes of a subscriber (openserctl's avp)."),
    "forward": ("forward:forward", "Where calls for a subscriber go instead."),
    "block": ("block:block", "Callers whom a subscriber does not want to hear."),
    "speed-dial": ("speed_dial:speed_dial", "Two digits instead of an address."),
    "prefix": ("prefix:prefix", "Numbers that belong to another site, by how they begin."),
    "ping": ("ping:ping", "Ask a SIP address whether it is there, with OPTIONS."),
    "self-test": ("self_test:self_test", "A registration and a call through the running server."),
    "online": ("online:online", "List the addresses that have a phone registered."),
    "statistics": ("statistics:statistics", "Counters of the running server, by OpenSER's names."),
    "top": ("top:top", "Registrations, calls and rates, shown anew every few seconds."),
    "trace": ("trace:trace", "Watch the messages of the running server."),
    "fifo": ("fifo:fifo", "Send a command to the server's FIFO."),
    "demo": ("demo:demo", "A working server on this machine, for two phones."),
    "completion": ("completion:completion", "What makes the Tab key know the verbs."),
    "manual": ("manual:manual", "The man pages of all verbs."),
    "version": ("version:version", "Show the version."),
}


class Application(Noun):
    """The group of all nouns; the one place where an expected failure becomes a sentence and an exit code."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """The nouns, in the order of ``NOUNS``."""
        return list(NOUNS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The noun, its file read now."""
        if cmd_name not in NOUNS:
            return None
        module, _, name = NOUNS[cmd_name][0].partition(":")
        return cast("click.Command", getattr(import_module(f"appliance.cli.{module}"), name))

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The nouns with their lines, without reading their files."""
        with formatter.section("Commands"):
            formatter.write_dl([(noun, line) for noun, (_, line) in NOUNS.items()])

    def invoke(self, ctx: click.Context) -> object:
        """Run it; an error that somebody can act upon is one line on standard error, never a traceback."""
        try:
            return super().invoke(ctx)
        except ControlError as error:
            raise Failure(error.reason) from error  # the code is for the FIFO's clients
        except SipboxError as error:
            raise Failure(str(error)) from error
        except PermissionError as error:
            raise Failure(f"{error.filename}: {error.strerror}; another user may, perhaps root") from error


class Failure(click.ClickException):
    """Exit code 1 and one line on standard error."""

    exit_code = 1

    def show(self, file: IO[Any] | None = None) -> None:
        """The line."""
        click.echo(f"sipbox: {self.message}", err=True)


@click.group(
    cls=Application, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110}
)
@click.version_option(__version__, message="%(prog)s %(version)s")
@click.pass_context
def sipbox(ctx: click.Context) -> None:
    """A SIP proxy and registrar."""
    ctx.ensure_object(Invocation)
