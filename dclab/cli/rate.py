"""dclab rate."""

from __future__ import annotations

from typing import Annotated

import typer

from dclab.cli.options import JsonOption, QuietOption, VerboseOption, parse_duration, parse_url
from dclab.cli.session import session

__all__ = ["rate"]


def rate(
    webui: Annotated[str, typer.Option(help="Address of the web UI, such as http://127.0.0.1:8080.")],
    seconds: Annotated[str, typer.Option(help="Longest time to sample; less, once ±2 % are reached.")] = "60s",
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Measure the true hashes/s of any DockerCoins.

    Also one that dclab did not start: all it needs is the page that shows the speed.

    Example: dclab rate --webui http://127.0.0.1:8080
    """
    with session("rate", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.engines.http_services import read_counter
        from dclab.experiments.sampling import sample_window
        from dclab.lab import Counter
        from dclab.measure.rate import ClockStepped, CounterReset
        from dclab.measure.webui_reading import most_frequent, webui_readings
        from dclab.results import Caveat

        url = parse_url(webui).removesuffix("/").removesuffix("/index.html")
        longest = parse_duration(seconds, "time to sample", low=3)
        samples: list[Counter] = []

        def read() -> Counter:
            if len(samples) % 10 == 0:
                output.step(f"sampling {url}: {len(samples) / 10:.0f} of at most {longest:g} s")
            return read_counter(url)

        try:
            found = sample_window(read, longest, samples)
        except (ClockStepped, CounterReset) as error:
            output.warn(Caveat(code=error.code, message=error.what, hint="It is measured once more."))
            samples.clear()
            found = sample_window(read, longest, samples)
        span = samples[-1].t - samples[0].t
        shown = most_frequent(webui_readings(samples))
        half = 100 * found.rate.relative_half_width
        ended = ", its longest: the interval is wider than wanted" if found.on_cap else ""
        output.show(
            f"{found.rate.mean:.2f} hashes/s ± {half:.1f} % "
            f"(95 %: {found.rate.ci95_low:.2f} to {found.rate.ci95_high:.2f})",
            f"{len(samples)} readings in {span:.0f} s{ended}. The page itself showed {shown:.0f} most often.",
        )
        output.result(
            {
                "url": url,
                "hashes_per_second": found.rate,
                "seconds": span,
                "samples": len(samples),
                "on_cap": found.on_cap,
                "webui_reading": shown,
            }
        )
