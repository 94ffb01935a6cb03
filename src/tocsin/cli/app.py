"""The commands that speak to a server. The commands that touch the host are added by `tocsin.main`."""

from __future__ import annotations

from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from tocsin import __version__
from tocsin.cli import (
    alerts,
    asking,
    configuration,
    declaring,
    drills,
    fairness,
    foresight,
    handoffs,
    health,
    incidents,
    lifecycle,
    mutes,
    newcomers,
    oncall,
    pay,
    people,
    policies,
    probes,
    queues,
    reports,
    room,
    rooms,
    schedules,
    services,
    severities,
    show,
    status,
    teams,
    tokens,
    updates,
)
from tocsin.cli.client import ClientError
from tocsin.core.errors import Invalid, TocsinError, Unavailable


class Commands(TyperGroup):
    """Turns errors that people can be told about into a sentence on standard error and an exit code.

    0 done, 1 found something or refused, 2 wrong usage or input, 3 cannot reach the server.
    """

    def invoke(self, ctx: Any) -> Any:
        try:
            return super().invoke(ctx)
        except ClientError as error:
            show.say(str(error))
            raise typer.Exit(error.exit_code) from error
        except TocsinError as error:
            show.say(_told(error))
            raise typer.Exit(2 if isinstance(error, Invalid) else 3 if isinstance(error, Unavailable) else 1) from error


def _told(error: TocsinError) -> str:
    if isinstance(error, Invalid):
        return "\n".join(str(problem) for problem in error.problems)
    return str(error)


app = typer.Typer(
    name="tocsin",
    cls=Commands,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    add_completion=False,
    help="Incident response: alerts, pages, incidents.",
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"tocsin {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    _: Annotated[
        bool, typer.Option("--version", help="Say which release this is.", callback=_version, is_eager=True)
    ] = False,
) -> None: ...


app.command("apply")(configuration.apply)
app.command("export")(configuration.export)
app.command("check")(foresight.check)
app.command("rehearse")(foresight.rehearse)
app.command("explain")(foresight.explain)
app.command("drill")(drills.drill)
for name, command in declaring.COMMANDS.items():
    incidents.app.command(name)(command)
for name, command in asking.COMMANDS.items():
    incidents.app.command(name)(command)
for name, command in lifecycle.COMMANDS.items():
    incidents.app.command(name)(command)
for name, command in room.COMMANDS.items():
    incidents.app.command(name)(command)
for name, command in updates.COMMANDS.items():
    incidents.app.command(name)(command)
for name, command in reports.COMMANDS.items():
    incidents.app.command(name)(command)
app.command("lint")(reports.lint)
app.add_typer(incidents.app, name="incident")
app.command("oncall")(oncall.oncall)
app.command("queue")(queues.queue)
app.add_typer(schedules.schedules, name="schedule")
app.add_typer(policies.app, name="policy")
app.add_typer(teams.app, name="team")
schedules.schedules.command("limits")(fairness.limits)
schedules.schedules.command("load")(fairness.load)
app.add_typer(handoffs.app, name="handoff")
app.add_typer(newcomers.app, name="newcomer")
app.add_typer(health.app, name="health")
app.add_typer(pay.app, name="pay")
alerts.app.command("verdict")(health.verdict)
app.add_typer(alerts.app, name="alert")
app.add_typer(services.app, name="service")
app.add_typer(probes.app, name="probe")
app.add_typer(rooms.app, name="rooms")
app.add_typer(mutes.app, name="mute")
app.add_typer(mutes.beats, name="heartbeat")
app.add_typer(severities.app, name="severity")
app.add_typer(tokens.app, name="token")
app.command("status")(status.status)
app.add_typer(status.app, name="subscriber")
app.add_typer(people.app, name="me")
app.command("promises")(updates.promises)
app.add_typer(updates.subscriptions, name="subscription")
