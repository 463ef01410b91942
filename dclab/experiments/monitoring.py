"""The exercise's PromQL, asked of the lab's Prometheus, or the same quantity straight from the exporters."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from typing import TYPE_CHECKING, Annotated, Any, TypeVar
from urllib.parse import urlencode

import msgspec

from dclab.browser import screenshot
from dclab.errors import DclabError, LabEnded, LabLost
from dclab.experiments.observer import Observer
from dclab.experiments.recovery import check_not_ended
from dclab.lab import Lab, Scrape
from dclab.measure.httplat import means_over, milliseconds
from dclab.results import Caveat, Monitoring

if TYPE_CHECKING:
    import requests
    from prometheus_api_client import PrometheusConnect

__all__ = ["ExporterWatch", "LatencyWatch", "follow", "query", "record_monitoring", "watch_latency"]

TARGETS = ("rng", "hasher")

FIRST_SECONDS = 30.0
"""For a Prometheus that has just been started to scrape twice what it has to find first."""

KEEP_SECONDS = 5.0
"""Between two times at which what is known so far is recorded."""

TIMEOUT = 10.0
PATIENCE = 30.0
"""Seconds for which a Prometheus that is not reached is asked again."""
MOST_SAID = 300
"""Letters of an error that are passed on: it may quote a whole page."""
T = TypeVar("T")

Series = dict[str, tuple[tuple[float, float], ...]]


def query(window: str = "2m") -> str:
    """Return the exercise's expression, over a window in PromQL's notation."""
    return f"rate(httplat_latency_seconds_sum[{window}])/rate(httplat_latency_seconds_count[{window}])"


class PrometheusWatch:
    """Latencies that the lab's Prometheus collects by itself."""

    def __init__(self, url: str, window: str, check: Callable[[], None] = lambda: None) -> None:
        """Watch from now on.

        Args:
            url: of Prometheus.
            window: of the expression, in PromQL's notation.
            check: raises LabEnded where it is not worth waiting for an answer.
        """
        self.url = url
        self.window = window
        self.began = time.time()
        self.raw: list[Mapping[str, Any]] = []
        """What the latest result was made of: each sample as Prometheus answered it."""
        self._check = check

    def now(self) -> dict[str, float]:
        """Return the latest mean latency of each target in milliseconds; empty until there were two scrapes."""
        rows = self._ask(lambda client: client.custom_query(query(self.window)))
        return {one.target: ms for one in rows if one.value for _, ms in milliseconds([one.value])}

    def result(self, *, patience: float = PATIENCE) -> Monitoring:
        """Everything since the watch began; one that is not reached is asked again for `patience` seconds."""
        since, until = datetime.fromtimestamp(self.began), datetime.fromtimestamp(time.time())
        rows = self._ask(lambda client: client.custom_query_range(query(self.window), since, until, "2s"), patience)
        found = {one.target: one.values for one in rows}
        self.raw = [{"target": name, "t": t, "seconds": said} for name, values in found.items() for t, said in values]
        series: Series = {name: tuple(milliseconds(values)) for name, values in found.items()}
        return Monitoring(source=f"prometheus {self._version()}", query=query(self.window), series=series)

    def picture(self) -> bytes | None:
        """PNG of Prometheus' own page with the expression over the run; None without a browser, or without the page.

        A Prometheus that was built without its assets answers with an error in the page's place.
        """
        import requests

        minutes = max(1, math.ceil((time.time() - self.began) / 60))
        asked = urlencode({"g0.expr": query(self.window), "g0.tab": "0", "g0.range_input": f"{minutes}m"})
        page = f"{self.url}/graph?{asked}"
        with self._session() as session, suppress(requests.RequestException):
            if session.get(page, timeout=TIMEOUT).ok:
                return screenshot(page)
        return None

    def stop(self) -> None:
        """Nothing to stop: it belongs to the lab."""

    def _version(self) -> str:
        with self._session() as session, self._understood():
            answer = session.get(f"{self.url}/api/v1/status/buildinfo", timeout=TIMEOUT)
            return msgspec.json.decode(answer.content, type=_BuildInfo).data.version

    def _ask(self, put: Callable[[PrometheusConnect], Any], patience: float = PATIENCE) -> list[_Row]:
        """Put a question by the client. LabLost: no answer, or one that is not Prometheus'."""
        from prometheus_api_client import PrometheusConnect
        from urllib3.util.retry import Retry

        with self._session() as session, self._understood():
            retry = Retry(total=2, backoff_factor=0.2, status_forcelist=(502, 503, 504))
            client = PrometheusConnect(url=self.url, session=session, timeout=TIMEOUT, retry=retry)
            return msgspec.convert(self._patiently(lambda: put(client), patience), list[_Row])

    def _patiently(self, ask: Callable[[], T], patience: float) -> T:
        """Ask again while nothing answers: Prometheus goes on collecting while what leads to it is away."""
        import requests

        end = time.monotonic() + patience
        while True:
            try:
                return ask()
            except requests.ConnectionError:
                if time.monotonic() > end:
                    raise
                self._check()
            time.sleep(0.5)

    @staticmethod
    def _session() -> requests.Session:
        import requests

        session = requests.Session()
        session.trust_env = False  # a proxy of the user's must not come between
        return session

    @contextmanager
    def _understood(self) -> Iterator[None]:
        """Turn what goes wrong over a question and its answer into LabLost."""
        import requests
        from prometheus_api_client.exceptions import PrometheusApiClientException

        known = (requests.RequestException, PrometheusApiClientException, msgspec.MsgspecError)
        try:
            yield
        except known as error:
            raise self._lost(error) from error
        except (ValueError, LookupError, TypeError, RecursionError) as error:  # JSON of another shape, in the client
            raise self._lost(error) from error

    def _lost(self, error: Exception) -> LabLost:
        return LabLost(
            f"Prometheus at {self.url} does not answer as Prometheus does.",
            f"{error}"[:MOST_SAID],
            "See `dclab status`.",
        )


_Sample = tuple[float, Annotated[str, msgspec.Meta(pattern=r"^([+-]?(\d+\.?\d*([eE][+-]?\d+)?|Inf)|NaN)$")]]
"""Unix seconds and a number in Prometheus' notation."""


class _Row(msgspec.Struct, frozen=True):
    """One series of an answer, with the value of an instant or those of a range."""

    metric: dict[str, str]
    value: _Sample | None = None
    values: list[_Sample] = msgspec.field(default_factory=list)

    @property
    def target(self) -> str:
        """The service that was probed."""
        return self.metric.get("service", "?").removeprefix("httplat-")


class _Build(msgspec.Struct, frozen=True):
    version: Annotated[str, msgspec.Meta(max_length=100)]


class _BuildInfo(msgspec.Struct, frozen=True):
    data: _Build


class ExporterWatch:
    """The same quantity without Prometheus: the exporters are read in the background."""

    def __init__(self, lab: Lab, seconds: float) -> None:
        self.lab = lab
        self.seconds = seconds
        self.scrapes: dict[str, list[tuple[float, Scrape]]] = {name: [] for name in TARGETS}
        self.raw: list[Mapping[str, Any]] = []
        """What the latest result was made of: each scrape."""
        self._ended: LabEnded | None = None
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def _run(self) -> None:
        while not self._over.wait(2.0):
            for target in TARGETS:
                try:
                    self.scrapes[target].append((time.time(), self.lab.httplat(target)))
                except LabEnded as error:
                    self._ended = error
                    return
                except DclabError:
                    continue

    def now(self) -> dict[str, float]:
        """Latest mean latency of each target in milliseconds; empty until there were two scrapes.

        Raises:
            LabEnded: someone has ended the lab.
        """
        if self._ended:
            raise self._ended
        return {name: points[-1][1] for name, points in self._series().items() if points}

    def result(self, *, patience: float = PATIENCE) -> Monitoring:
        """Everything since the watch began."""
        scrapes = {name: list(found) for name, found in self.scrapes.items()}
        self.raw = [{"target": name, "t": t, **one._asdict()} for name, found in scrapes.items() for t, one in found]
        series = {name: tuple(means_over(found, self.seconds)) for name, found in scrapes.items()}
        return Monitoring(source="exporter", query=query(f"{self.seconds:g}s"), series=series)

    def picture(self) -> bytes | None:
        """None: there is no page to take it of."""
        return None

    def stop(self) -> None:
        """End the thread."""
        self._over.set()
        self._thread.join(5.0)

    def _series(self) -> Series:
        return {name: tuple(means_over(list(scrapes), self.seconds)) for name, scrapes in self.scrapes.items()}


LatencyWatch = PrometheusWatch | ExporterWatch


def watch_latency(lab: Lab, seconds: float = 120.0) -> LatencyWatch:
    """Watch the latencies from now on, over windows of so many seconds; by Prometheus where it is installed."""
    url = lab.prometheus_url()
    if url is None:
        return ExporterWatch(lab, seconds)
    window = f"{seconds:g}s" if seconds % 60 else f"{seconds / 60:g}m"
    return PrometheusWatch(url, window, lambda: check_not_ended(lab))


def record_monitoring(watch: LatencyWatch, observer: Observer) -> Monitoring:
    """Keep the series, and Prometheus' own page where a browser can take a picture of it."""
    result = watch.result()
    observer.record(monitoring=result)
    observer.raw("monitoring", watch.raw)  # last, so that a run that is cut off has none rather than another one
    picture = watch.picture() if any(result.series.values()) else None
    if picture:
        observer.picture("prometheus-ui", picture)
    return result


def follow(watch: LatencyWatch, seconds: float, observer: Observer) -> Monitoring:
    """Show the latest values for so long; the series is kept as it grows, and when it is interrupted."""
    begin = time.monotonic()
    try:
        while not set(TARGETS) <= set(watch.now()) and time.monotonic() < begin + FIRST_SECONDS:
            observer.step(f"monitoring: waiting for two scrapes of {' and '.join(TARGETS)}")
            time.sleep(0.5)
        begin = kept = time.monotonic()
        while time.monotonic() < begin + seconds:
            time.sleep(1.0)
            if time.monotonic() > kept + KEEP_SECONDS:  # Prometheus may end with its lab, and its series with it
                observer.record(monitoring=watch.result())
                kept = time.monotonic()
            shown = ", ".join(f"{name} {ms:.1f} ms" for name, ms in sorted(watch.now().items()))
            observer.step(f"monitoring {time.monotonic() - begin:.0f} s: {shown or 'waiting for two scrapes'}")
    finally:
        watch.stop()
        result = record_monitoring(watch, observer)
    if unseen := [name for name in TARGETS if not result.series.get(name)]:
        observer.caveat(
            Caveat(
                code="no-series",
                message=f"No latency of {' and '.join(unseen)} was recorded: the query needs two scrapes within its window.",
                hint="Run `dclab monitor` for longer, or with a longer --window.",
            )
        )
    return result
