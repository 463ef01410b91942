"""dclab watch."""

from __future__ import annotations

import contextlib
import time
from collections import deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Annotated

from dclab.cli.interrupts import until_ctrl_c
from dclab.cli.lab_state import ShownDeployment, deployment_states, deployment_table, lab_troubles
from dclab.cli.options import Target, duration_option
from dclab.cli.result import Result
from dclab.cli.values import Duration
from dclab.cli.verb import LabCall, verb
from dclab.errors import LabCrashed, LabLost, NotAnswering

if TYPE_CHECKING:
    from rich.console import Console, ConsoleOptions, RenderResult

    from dclab.lab import AutoscalerStatus, Lab, Scrape
    from dclab.measure.recent_rate import RecentRate

TARGETS = tuple(one.value for one in Target)
EVERY_SECONDS = 2.0
LATENCY_SECONDS = 5.0
"""A probe comes about once a second, and takes as long as the queue: fewer seconds may hold none."""


@dataclass(frozen=True, kw_only=True)
class Moment:
    """The lab at one moment."""

    deployments: Mapping[str, ShownDeployment]
    hashes_per_second: float | None
    latency_ms: Mapping[str, float | None]
    """By service, the mean of httplat's probes within LATENCY_SECONDS."""
    autoscalers: Mapping[str, AutoscalerStatus]
    troubles: tuple[str, ...] = ()
    """What is wrong with the lab, or could not be read."""

    def line(self) -> str:
        """All of it in one line."""
        parts = [f"{name} {one.ready}/{one.desired}" for name, one in self.deployments.items() if name in SHOWN]
        parts += [_rate(self.hashes_per_second)]
        parts += [f"{name} {_ms(ms)}" for name, ms in self.latency_ms.items()]
        parts += [_autoscaler(name, one) for name, one in self.autoscalers.items()]
        return " ".join((", ".join(parts), *(f"({one})" for one in self.troubles)))


SHOWN = ("worker", "rng", "hasher")


def _rate(rate: float | None) -> str:
    return "– hashes/s" if rate is None else f"{rate:.1f} hashes/s"


def _ms(ms: float | None) -> str:
    return "– ms" if ms is None else f"{ms:.1f} ms"


def _autoscaler(name: str, status: AutoscalerStatus) -> str:
    shown = ", ".join(f"{one.name} {one.figures}" for one in status.metrics)
    return f"autoscaler of {name}: {status.current} -> {status.desired} replicas, {shown or 'no metric yet'}"


@dataclass
class Screen:
    """The last moment, drawn again whenever the terminal is."""

    title: str
    moment: Moment
    rates: list[float | None] = field(default_factory=list)

    def show(self, moment: Moment) -> None:
        """Take another moment."""
        self.moment = moment
        self.rates.append(moment.hashes_per_second)

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """At most the screen's lines but one."""
        from rich.segment import Segment
        from rich.text import Text

        from dclab.cli.panels import sparkline
        from dclab.cli.terminal_text import plain

        yield Text(self.title, style="bold")
        below = [Text(f"{_rate(self.moment.hashes_per_second):<16} {sparkline(self.rates, 40)}")]
        below += [Text(f"latency of {name}: {_ms(ms)}") for name, ms in self.moment.latency_ms.items()]
        below += [Text(_autoscaler(name, one)) for name, one in self.moment.autoscalers.items()]
        below += [Text(plain(one), style="yellow", overflow="ellipsis", no_wrap=True) for one in self.moment.troubles]
        room = max(0, console.size.height - 2 - len(below))
        for line in console.render_lines(deployment_table(self.moment.deployments), options, pad=False)[:room]:
            yield from line
            yield Segment.line()
        yield from below


class _Sampler:
    """Samples a lab, and keeps what a rate and a mean need."""

    def __init__(self, lab: Lab, rate: RecentRate) -> None:
        self.lab = lab
        self.rate = rate
        self.scrapes: dict[str, deque[tuple[float, Scrape]]] = {name: deque() for name in TARGETS}

    def sample(self) -> Moment:
        """Return the lab now. What a part of it did not answer is missing, and said among the troubles.

        Raises:
            LabCrashed, NotAnswering: what runs the lab has died, or does not answer.
            LabEnded: someone has ended it.
        """
        troubles: list[str] = []
        deployments = deployment_states(self.lab)
        with _noted(troubles):
            troubles += lab_troubles(self.lab, deployments)
        rate = None
        with _noted(troubles):
            rate = self.rate.add(self.lab.counter())
        return Moment(
            deployments=deployments,
            hashes_per_second=rate,
            latency_ms={name: self._latency(name, troubles) for name in TARGETS},
            autoscalers=dict(self._autoscalers()),
            troubles=tuple(dict.fromkeys(" ".join(one.split()) for one in troubles)),
        )

    def _latency(self, name: str, troubles: list[str]) -> float | None:
        from dclab.measure.httplat import mean_latency_ms

        known, now = self.scrapes[name], time.monotonic()
        with _noted(troubles):
            known.append((now, self.lab.httplat(name)))
            while len(known) > 2 and now - known[1][0] >= LATENCY_SECONDS:
                known.popleft()
            return mean_latency_ms(known[0][1], known[-1][1])
        return None

    def _autoscalers(self) -> list[tuple[str, AutoscalerStatus]]:
        found = []
        for name in TARGETS:
            with contextlib.suppress(LabLost):  # there is none
                found.append((name, self.lab.autoscaler(name)))
        return found


@contextlib.contextmanager
def _noted(troubles: list[str]) -> Iterator[None]:
    """Have the failure of one part of the lab, which may be restarting, added to the troubles."""
    try:
        yield
    except (LabCrashed, NotAnswering):
        raise
    except LabLost as error:
        troubles.append(f"{error.what} {error.why}".strip())


@verb
def watch(
    call: LabCall,
    seconds: Annotated[
        Duration | None, duration_option("time to watch", "How long to watch.", default="until Ctrl-C")
    ] = None,
) -> Result:
    """Watch replicas, hashes/s, latencies, autoscaler.

    Updates a screen on a terminal, and prints a line every two seconds elsewhere, until Ctrl-C or until the lab ends.

    Example: dclab watch --seconds 1m
    """
    from dclab.measure.recent_rate import RecentRate

    lab, output = call.lab, call.output
    sampler = _Sampler(lab, RecentRate())
    screen = Screen(f"The lab {lab.name!r} on the {lab.engine} engine", sampler.sample())
    end = time.monotonic() + (float("inf") if seconds is None else seconds)
    with until_ctrl_c(), output.live(screen):
        while True:
            if not output.animated:
                output.line(screen.moment.line())
            left = end - time.monotonic()
            if left <= 0:
                break
            time.sleep(min(EVERY_SECONDS, left))
            try:
                moment = sampler.sample()
            except NotAnswering as error:
                moment = replace(screen.moment, troubles=(f"{error.what} {error.why}",))
            screen.show(moment)
    # Its text has been shown already, moment by moment.
    return Result(**vars(screen.moment))
