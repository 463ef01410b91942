"""dclab rate."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated, Any

from dclab.cli.any_webui import WEBUI, sample_webui
from dclab.cli.options import SecondsOption
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import Call, verb

if TYPE_CHECKING:
    from dclab.results import Rate


@verb
def rate(
    call: Call,
    webui: Annotated[str, WEBUI],
    seconds: SecondsOption = Duration(60),
) -> Result:
    """Measure the true hashes/s of any DockerCoins.

    It needs only the address of the web UI, so it also measures a DockerCoins that dclab did not start.

    Example: dclab rate --webui http://127.0.0.1:8080
    """
    from dclab.measure.webui_reading import most_frequent, webui_readings

    found = sample_webui(call, webui, seconds)
    return Result(
        _lines,
        url=webui,
        hashes_per_second=found.rate,
        seconds=found.samples[-1].t - found.samples[0].t,
        samples=len(found.samples),
        on_cap=found.rate.on_cap,
        webui_reading=most_frequent(webui_readings(found.samples)),
    )


def _lines(
    hashes_per_second: Rate, seconds: float, samples: int, on_cap: bool, webui_reading: float, **_: Any
) -> Iterator[str]:
    low, high = hashes_per_second.ci95_low, hashes_per_second.ci95_high
    half = 100 * hashes_per_second.relative_half_width
    ended = ", its longest: the interval is wider than wanted" if on_cap else ""
    yield f"{hashes_per_second.mean:.2f} hashes/s ± {half:.1f} % (95 %: {low:.2f} to {high:.2f})"
    yield f"{samples} readings in {seconds:.0f} s{ended}. The page itself showed {webui_reading:.0f} most often."
