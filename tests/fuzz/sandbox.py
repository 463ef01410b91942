"""Where the fuzzer runs command lines: in this process, away from the user's files, with no network and no waiting."""

from __future__ import annotations

import contextlib
import io
import os
import resource
import shutil
import signal
import socket
import sys
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path
from unittest import mock

from tests.fuzz.case import FOLDER, OPEN, PORT, Input
from tests.fuzz.servers import Server, Supervisor, fitting

__all__ = ["LAB", "Outcome", "Sandbox"]

LAB = "fuzz"
"""Name of the lab whose supervisor an input plays."""

HANGS_AFTER = 30.0
"""Seconds after which a command line is interrupted."""

MOST_MEMORY = 3 << 30
"""Bytes of address space beyond what the process has when it begins: what takes more fails, rather than the machine."""


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What a command line did."""

    code: int
    out: str
    err: str
    seconds: float
    peak_mb: float
    """Memory beyond what the process had before."""
    traceback: str
    """Of an exception that nobody expected; empty when there was none."""


class Clock:
    """Time that passes when dclab waits, without waiting."""

    def __init__(self) -> None:
        self.ahead = 0.0
        self._real = {name: getattr(time, name) for name in ("time", "monotonic", "sleep")}

    def sleep(self, seconds):
        if not 0 <= seconds < float("inf"):
            self._real["sleep"](seconds)  # raises what it raises
        self.ahead += seconds
        self._real["sleep"](0)

    def patched(self):
        stack = contextlib.ExitStack()
        stack.enter_context(mock.patch("time.sleep", self.sleep))
        for name in ("time", "monotonic"):
            stack.enter_context(mock.patch(f"time.{name}", lambda real=self._real[name]: real() + self.ahead))
        return stack


def _lookup(host, *arguments, real=socket.getaddrinfo, **named):
    """Names are not looked up, so no input ever asks another machine."""
    if host in ("127.0.0.1", "::1", "localhost", b"127.0.0.1", None):
        return real(host, *arguments, **named)
    raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")


class Sandbox:
    """Folders, environment, server and limits, for as many inputs as one likes; a context manager."""

    def __init__(self, *, limit_memory: bool = False) -> None:
        self.limit_memory = limit_memory
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        self.base = Path(tempfile.mkdtemp(prefix="dcz-"))
        self._stack.callback(shutil.rmtree, self.base, ignore_errors=True)
        self.folder = self.base / "w"
        self.runtime = self.base / "r"
        self.runtime.mkdir(mode=0o700)
        self.open = self.base / "open"
        (self.open / "dclab").mkdir(parents=True)
        (self.open / "dclab").chmod(0o777)
        self.server = Server()
        self._stack.callback(self.server.close)
        home = str(self.base / "h")
        variables = {"HOME": home, "XDG_STATE_HOME": f"{home}/state", "XDG_RUNTIME_DIR": str(self.runtime)}
        variables |= {"PATH": "/nonexistent", "COLUMNS": "100", "TMPDIR": str(self.base), "NO_PROXY": "*"}
        kept = {name: value for name, value in os.environ.items() if name.startswith(("LANG", "LC_", "PYTHON"))}
        self._stack.enter_context(mock.patch.dict(os.environ, {**kept, **variables}, clear=True))
        self._stack.enter_context(mock.patch("socket.getaddrinfo", _lookup))
        self._stack.callback(os.chdir, os.getcwd())
        if self.limit_memory:
            before = resource.getrlimit(resource.RLIMIT_AS)
            self._stack.callback(resource.setrlimit, resource.RLIMIT_AS, before)
            resource.setrlimit(resource.RLIMIT_AS, (_memory("VmSize") + MOST_MEMORY, before[1]))
        return self

    def __exit__(self, *_):
        self._stack.close()

    def run(self, one: Input) -> Outcome:
        """Run an input's command line."""
        from dclab.cli import run

        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir()
        os.chdir(self.folder)
        for name, data in one.files.items():
            file = self.folder / name
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_bytes(self._filled(data))
        self.server.play({path: self._filled(data) for path, data in one.answers.items()}, one.holds)
        clock = Clock()
        self.server.pass_time = clock.sleep
        arguments = [self._text(each) for each in one.arguments]
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8") for _ in range(2))
        with self._lab(one), mock.patch.dict(os.environ, self._environment(one)):
            before, _ = _memory("VmRSS"), _forget_peak()
            began = time.perf_counter()
            code, escaped = 0, ""
            with (
                clock.patched(),
                mock.patch.multiple(sys, stdout=out, stderr=err, argv=["dclab", *arguments]),
                _alarm(),
            ):
                try:
                    code = run(arguments)
                except BaseException:
                    import traceback

                    escaped = traceback.format_exc()
            seconds = time.perf_counter() - began
            peak = (_memory("VmHWM") - before) / 1e6
        texts = []
        for stream in (out, err):
            stream.flush()
            texts.append(stream.detach().getvalue().decode(errors="replace"))
        return Outcome(
            code=code, out=texts[0], err=texts[1], seconds=seconds, peak_mb=peak, traceback=escaped or self._logged()
        )

    def _filled(self, data):
        places = {FOLDER: self.folder, OPEN: self.open, PORT: self.server.port}
        for place, value in places.items():
            data = data.replace(place.encode(), str(value).encode())
        return data

    def _text(self, text):
        return self._filled(text.encode(errors="surrogatepass")).decode(errors="surrogateescape")

    def _environment(self, one):
        return {name: self._text(value) for name, value in one.environment.items()}

    def _logged(self):
        """What the handler at the top has written of an unexpected exception."""
        folder = self.base / "h" / "state" / "dclab" / "failures"
        if not folder.is_dir():
            return ""
        text = "".join(one.read_text(errors="replace") for one in folder.iterdir())
        shutil.rmtree(folder)
        return text

    @contextlib.contextmanager
    def _lab(self, one):
        """The lab of an input that has a supervisor: its folder, its `lab.json`, its socket."""
        if "lab.json" not in one.files:
            yield
            return
        folder = self.runtime / "dclab" / LAB
        folder.mkdir(mode=0o700, parents=True)
        (self.runtime / "dclab").chmod(0o700)
        (folder / "lab.json").write_bytes(one.files["lab.json"])
        verbs = {key.removeprefix("verb:"): value for key, value in one.answers.items() if key.startswith("verb:")}
        supervisor = Supervisor(folder, lambda verb: self._filled(fitting(verbs, verb)), one.holds)
        try:
            yield
        finally:
            supervisor.close()
            shutil.rmtree(folder, ignore_errors=True)


def _memory(name):
    """Bytes, as the kernel counts them for this process."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


def _forget_peak():
    """Have the kernel begin anew to note the most memory that was used (proc(5), clear_refs)."""
    Path("/proc/self/clear_refs").write_text("5")


@contextlib.contextmanager
def _alarm():
    """Ctrl-C comes for what hangs."""

    def interrupt(*_):
        raise KeyboardInterrupt

    before = signal.signal(signal.SIGALRM, interrupt)
    left, again = signal.setitimer(signal.ITIMER_REAL, HANGS_AFTER)  # pytest-timeout may have set one
    began = time.perf_counter()
    try:
        yield
    finally:
        signal.signal(signal.SIGALRM, before)
        signal.setitimer(signal.ITIMER_REAL, max(left - (time.perf_counter() - began), 0.1) if left else 0, again)
