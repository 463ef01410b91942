"""dclab rate."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated

import typer

from dclab.cli.options import SecondsOption
from dclab.cli.result import Result
from dclab.cli.values import Duration, parse_webui
from dclab.cli.verb import Call, verb

if TYPE_CHECKING:
    from dclab.lab import Counter
    from dclab.results import Rate

__all__ = ["rate"]


@dataclass(frozen=True, kw_only=True)
class Rated(Result):
    """The rate of a DockerCoins."""

    url: str
    hashes_per_second: Rate
    seconds: float
    samples: int
    on_cap: bool
    """Whether the window ended at its longest, with the interval wider than wanted."""
    webui_reading: float

    def text(self) -> Iterator[str]:
        """Rate with its interval, and what the page showed."""
        found = self.hashes_per_second
        ended = ", its longest: the interval is wider than wanted" if self.on_cap else ""
        yield (
            f"{found.mean:.2f} hashes/s ± {100 * found.relative_half_width:.1f} % "
            f"(95 %: {found.ci95_low:.2f} to {found.ci95_high:.2f})"
        )
        yield (
            f"{self.samples} readings in {self.seconds:.0f} s{ended}. "
            f"The page itself showed {self.webui_reading:.0f} most often."
        )


@verb
def rate(
    call: Call,
    webui: Annotated[
        str,
        typer.Option(metavar="URL", parser=parse_webui, help="Address of the web UI, such as http://127.0.0.1:8080."),
    ],
    seconds: SecondsOption = Duration(60),
) -> Rated:
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
        return read_counter(webui)

    try:
        found = sample_window(read, seconds, samples)
    except (ClockStepped, CounterReset) as error:
        call.output.warn(Caveat(code=error.code, message=error.what, hint="It is measured once more."))
        samples.clear()
        found = sample_window(read, seconds, samples)
    return Rated(
        url=webui,
        hashes_per_second=found.rate,
        seconds=samples[-1].t - samples[0].t,
        samples=len(samples),
        on_cap=found.on_cap,
        webui_reading=most_frequent(webui_readings(samples)),
    )
