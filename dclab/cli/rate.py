"""dclab rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dclab.cli.options import SecondsOption
from dclab.cli.result import Result
from dclab.cli.values import Duration, parse_webui
from dclab.cli.verb import Call, verb

if TYPE_CHECKING:
    from dclab.lab import Counter
    from dclab.results import Rate


@verb
def rate(
    call: Call,
    webui: Annotated[
        str,
        typer.Option(metavar="URL", parser=parse_webui, help="Address of the web UI, such as http://127.0.0.1:8080."),
    ],
    seconds: SecondsOption = Duration(60),
) -> Result:
    """Measure the true hashes/s of any DockerCoins.

    Also one that dclab did not start: all it needs is the page that shows the speed.

    Example: dclab rate --webui http://127.0.0.1:8080
    """
    from dclab.engines.http_services import read_counter
    from dclab.experiments.sampling import sample_window
    from dclab.measure.rate import ClockStepped, CounterReset
    from dclab.measure.webui_reading import most_frequent, webui_readings
    from dclab.results import Caveat

    samples: list[Counter] = []

    def read() -> Counter:
        if len(samples) % 10 == 0:
            call.output.step(f"sampling {webui}: {len(samples) / 10:.0f} of at most {seconds:g} s")
        return read_counter(webui, hint="Check the address: it is the one that a browser shows the speed at.")

    try:
        found = sample_window(read, seconds, samples)
    except (ClockStepped, CounterReset) as error:
        call.output.warn(Caveat(code=error.code, message=error.what, hint="It is measured once more."))
        samples.clear()
        found = sample_window(read, seconds, samples)
    return Result(
        _lines,
        url=webui,
        hashes_per_second=found.rate,
        seconds=samples[-1].t - samples[0].t,
        samples=len(samples),
        on_cap=found.on_cap,
        webui_reading=most_frequent(webui_readings(samples)),
    )


def _lines(
    hashes_per_second: Rate, seconds: float, samples: int, on_cap: bool, webui_reading: float, **_: Any
) -> Iterator[str]:
    low, high = hashes_per_second.ci95_low, hashes_per_second.ci95_high
    half = 100 * hashes_per_second.relative_half_width
    ended = ", its longest: the interval is wider than wanted" if on_cap else ""
    yield f"{hashes_per_second.mean:.2f} hashes/s ± {half:.1f} % (95 %: {low:.2f} to {high:.2f})"
    yield f"{samples} readings in {seconds:.0f} s{ended}. The page itself showed {webui_reading:.0f} most often."
