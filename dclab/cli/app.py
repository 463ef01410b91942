"""All verbs, and the way in."""

from __future__ import annotations

import signal
import sys
from types import FrameType
from typing import Annotated

import typer

from dclab import __version__
from dclab.cli import (
    compare,
    doctor,
    down,
    hpa_demo,
    hpa_replay,
    latency,
    loadtest,
    monitor,
    predict,
    prove,
    rate,
    rbac,
    report,
    run,
    scale,
    scale_sweep,
    status,
    up,
    watch,
    webui,
)
from dclab.errors import DclabError, ExitCode

__all__ = ["app", "main"]

app = typer.Typer(
    name="dclab",
    help="Lab assistant for the DockerCoins exercise: deploy, scale, measure, autoscale, report.",
    epilog="Start with: dclab run --quick",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,  # rich's help pages cost 0.15 s at every start
)


def _version(asked: bool) -> None:
    if asked:
        typer.echo(f"dclab {__version__}")
        raise typer.Exit


@app.callback()
def _top(
    _version_asked: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    pass


for _verb in (
    up.up,
    status.status,
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
    run.run,
    report.report,
    compare.compare,
    doctor.doctor,
    rbac.rbac,
    down.down,
):
    app.command(name=_verb.__name__.replace("_", "-"))(_verb)


def _terminated(_signal: int, _frame: FrameType | None) -> None:
    raise KeyboardInterrupt


def main() -> None:
    """Run the command line; every way out has its exit code."""
    signal.signal(signal.SIGTERM, _terminated)
    try:
        code = app(standalone_mode=False)
    except KeyboardInterrupt:
        code = ExitCode.INTERRUPTED
    except Exception as error:
        # What the parser raises has these two; its classes are private to typer.
        if not (hasattr(error, "exit_code") and hasattr(error, "format_message")):
            raise
        code = _usage(error)
    sys.exit(int(code or 0))


def _usage(error: Exception) -> int:
    from dclab.output import Output

    class Usage(DclabError):
        code = "usage"
        exit_code = ExitCode.USAGE

    verb = next((one for one in sys.argv[1:] if not one.startswith("-")), "dclab")
    output = Output(verb, as_json="--json" in sys.argv)
    message = str(error.format_message()).rstrip()  # type: ignore[attr-defined]
    output.fail(Usage(message, "", f"See `dclab {verb} --help`." if verb != "dclab" else "See `dclab --help`."))
    return int(ExitCode.USAGE)
