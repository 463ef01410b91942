"""The rate of any DockerCoins by the address of its web UI, shown while it is sampled."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING

import typer

from dclab.cli.values import parse_webui
from dclab.cli.verb import Call

if TYPE_CHECKING:
    from dclab.experiments.sampling import Window
    from dclab.lab import Counter

__all__ = ["WEBUI", "sample_webui"]

WEBUI = typer.Option(metavar="URL", parser=parse_webui, help="Address of the web UI, such as http://127.0.0.1:8080.")


def sample_webui(call: Call, webui: str, seconds: float) -> Window:
    """Sample its counter for so long at most, and warn of what the reader must know; a counter that jumps is sampled again."""
    from dclab.engines.counter_reader import CounterReader
    from dclab.experiments.sampling import sample_window
    from dclab.measure.caveats import rate_caveats
    from dclab.measure.counter_clock import ClockStepped, CounterReset
    from dclab.results import Caveat

    reader = CounterReader(webui, hint="Check the address: it is the one that a browser shows the speed at.")
    begun, shown = time.monotonic(), 0.0

    def read() -> Counter:
        nonlocal shown
        sampled = time.monotonic() - begun
        if sampled >= shown:
            call.output.step(f"sampling {webui}: {sampled:.0f} of at most {seconds:g} s")
            shown += 1
        return reader.read()

    try:
        found = sample_window(read, seconds, caveat=call.output.warn)
    except (ClockStepped, CounterReset) as error:
        call.output.warn(Caveat(code=error.code, message=error.what, hint="It is measured once more."))
        found = sample_window(read, seconds, caveat=call.output.warn)
    for caveat in rate_caveats(found.rate, "The rate"):
        call.output.warn(caveat)
    return found
