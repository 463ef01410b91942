"""All verbs, the entry point, and the one handler that turns any exception into a message and an exit code."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import Annotated, Any

import typer

from dclab import __version__
from dclab.cli import (
    check_app,
    compare,
    doctor,
    down,
    explain,
    hpa_compare,
    hpa_demo,
    hpa_replay,
    hpa_simulate,
    latency,
    list_,
    loadtest,
    logs,
    monitor,
    predict,
    probe_demo,
    prove,
    rate,
    rbac,
    report,
    rollout_demo,
    run_,
    scale,
    scale_sweep,
    status,
    top,
    up,
    verify,
    watch,
    webui,
)
from dclab.cli.call import Invocation
from dclab.cli.interrupts import ignore, listen
from dclab.cli.streams import flush_for_good, open_streams
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
    top.top,
    scale.scale,
    webui.webui,
    scale_sweep.scale_sweep,
    latency.latency,
    loadtest.loadtest,
    hpa_demo.hpa_demo,
    hpa_compare.hpa_compare,
    hpa_replay.hpa_replay,
    hpa_simulate.hpa_simulate,
    monitor.monitor,
    prove.prove,
    probe_demo.probe_demo,
    rollout_demo.rollout_demo,
    predict.predict,
    rate.rate,
    run_.run,
    report.report,
    verify.verify,
    compare.compare,
    check_app.check_app,
    explain.explain,
    doctor.doctor,
    rbac.rbac,
    down.down,
):
    app.command(name=_verb.__name__.replace("_", "-"))(_verb)


def start(early: list[int]) -> None:
    """Run the command line of this process and exit; `early` holds the signals that came during the imports."""
    if os.environ.get("_DCLAB_COMPLETE"):
        _complete()
    sys.exit(run(sys.argv[1:], early))


def _complete() -> None:
    """Answer a shell that completes a word; whatever goes wrong, it shows nothing."""
    try:
        app(prog_name="dclab", obj=Invocation())
    except Exception:
        sys.exit(1)


def run(arguments: Sequence[str], early: list[int] | None = None) -> int:
    """Run one command line; every way out has its exit code, and whatever is raised becomes a message.

    Args:
        arguments: what follows `dclab`.
        early: signals that came before; None leaves this process' signals alone.
    """
    invocation = Invocation()
    open_streams()
    try:
        try:
            if early is not None:
                listen(early)
            return _outcome(arguments, invocation)
        except BaseException as error:
            return _failure(error, arguments, invocation)
        finally:
            if early is not None:
                ignore()
    except KeyboardInterrupt as error:  # one that came while a failure was told; no other will
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
    from dclab.cli.failure import as_error, exit_code_of

    code = exit_code_of(error)
    if code is not None:
        return code
    from dclab.cli.output import Output, ReaderGone, lost_output

    if isinstance(error, OSError) and invocation.output is None:  # so far only help can have been printed
        error = lost_output(error)
    if isinstance(error, ReaderGone):
        return ExitCode.OK
    verbs = {one.name for one in app.registered_commands}
    command = next((one for one in arguments if one in verbs), "")
    output = invocation.output or Output(command or "dclab", as_json=_asks_for_json(arguments))
    fault = as_error(error, command)
    try:
        output.fail(fault)
        output.traceback(error)
    except ReaderGone:
        pass
    except DclabError:
        output.fail(fault)  # standard output takes nothing; standard error may
    return int(fault.exit_code)


def _asks_for_json(arguments: Sequence[str]) -> bool:
    variable = os.environ.get("DCLAB_JSON", "").strip().lower()
    return "--json" in arguments or variable in ("1", "true", "t", "yes", "y", "on")
