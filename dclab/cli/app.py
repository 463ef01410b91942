"""All verbs, the way in, and the one handler of whatever goes wrong."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Sequence
from types import FrameType
from typing import Annotated, Any

import typer

from dclab import __version__
from dclab.cli import (
    compare,
    doctor,
    down,
    hpa_demo,
    hpa_replay,
    latency,
    list_,
    loadtest,
    logs,
    monitor,
    predict,
    prove,
    rate,
    rbac,
    report,
    run_,
    scale,
    scale_sweep,
    status,
    up,
    watch,
    webui,
)
from dclab.cli.streams import flush_for_good, open_streams
from dclab.cli.verb import Invocation
from dclab.errors import DclabError, ExitCode

__all__ = ["app", "run", "start"]

app = typer.Typer(
    name="dclab",
    help="Lab assistant for the DockerCoins exercise: deploy, scale, measure, autoscale, report.",
    epilog="Start with: dclab run --quick",
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # rich's help pages cost 0.15 s at every start
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"dclab {__version__}")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _top(
    context: typer.Context,
    _version_asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        typer.echo(context.get_help())
        raise typer.Exit


for _verb in (
    up.up,
    list_.list_,
    status.status,
    logs.logs,
    watch.watch,
    scale.scale,
    webui.webui,
    scale_sweep.scale_sweep,
    latency.latency,
    loadtest.loadtest,
    hpa_demo.hpa_demo,
    hpa_replay.hpa_replay,
    monitor.monitor,
    prove.prove,
    predict.predict,
    rate.rate,
    run_.run,
    report.report,
    compare.compare,
    doctor.doctor,
    rbac.rbac,
    down.down,
):
    app.command(name=_verb.__name__.replace("_", "-"))(_verb)


def start(early: Sequence[int]) -> None:
    """Run the command line of this process and exit; `early` holds the interrupts that came before."""
    if early or signal.getsignal(signal.SIGINT) is not signal.SIG_IGN:
        signal.signal(signal.SIGINT, _interrupted)
    signal.signal(signal.SIGTERM, _interrupted)
    if signal.getsignal(signal.SIGHUP) is not signal.SIG_IGN:  # nohup
        signal.signal(signal.SIGHUP, _interrupted)
    if "_DCLAB_COMPLETE" in os.environ:
        app(prog_name="dclab")
    sys.exit(run(sys.argv[1:], interrupted=bool(early)))


def _interrupted(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def run(arguments: Sequence[str], *, interrupted: bool = False) -> int:
    """Run one command line; every way out has its exit code, and whatever is raised becomes a message.

    Args:
        arguments: what follows `dclab`.
        interrupted: Ctrl-C came before anything could be done.
    """
    invocation = Invocation()
    open_streams()
    try:
        if interrupted:
            raise KeyboardInterrupt
        return _outcome(arguments, invocation)
    except BaseException as error:
        return _failure(error, arguments, invocation)
    finally:
        flush_for_good()


def _outcome(arguments: Sequence[str], invocation: Invocation) -> int:
    command: Any = typer.main.get_command(app)
    with command.make_context("dclab", list(arguments), obj=invocation) as context:
        result = command.invoke(context)
    output = invocation.output
    assert output is not None
    output.render(result)
    for action in invocation.afterwards:
        action()
    return int(result.exit_code)


def _failure(error: BaseException, arguments: Sequence[str], invocation: Invocation) -> int:
    from dclab.cli.failure import as_error, asked_for_exit

    code = asked_for_exit(error)
    if code is not None:
        return code
    from dclab.cli.output import Output, ReaderGone

    if isinstance(error, ReaderGone):
        return ExitCode.OK
    command = next((one for one in arguments if not one.startswith("-")), "")
    as_json = "--json" in arguments or bool(os.environ.get("DCLAB_JSON"))
    output = invocation.output or Output(command or "dclab", as_json=as_json)
    fault = as_error(error, command)
    try:
        output.fail(fault)
        output.traceback(error)
    except ReaderGone:
        pass
    except DclabError:
        output.fail(fault)  # standard output takes nothing; standard error may
    return int(fault.exit_code)
