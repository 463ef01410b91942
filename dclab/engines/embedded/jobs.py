"""Jobs of an embedded lab: a process that runs to its end, with its log."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import shutil
import signal
import time
from pathlib import Path

from dclab.engines.embedded.child import start_child
from dclab.engines.embedded.container import command_line, container_env
from dclab.engines.embedded.host import ReplicaHost
from dclab.engines.embedded.output import Output
from dclab.engines.embedded.usage import cpu_seconds
from dclab.engines.embedded.wire import log_in
from dclab.lab import JobStatus
from dclab.manifests import Workload

__all__ = ["RunningJob", "start_job"]

STOP_GRACE = 5.0
"""Seconds between SIGINT, at which a siege prints its summary, and SIGKILL."""


class RunningJob:
    """One job, during and after its run."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, output: Output, home: Path) -> None:
        self.name = name
        self.process = process
        self.stopped = False
        self._output = output
        self._home = home
        self._began = time.monotonic()
        self._cores: float | None = None
        self._ended = asyncio.Event()

    @property
    def status(self) -> JobStatus:
        """State now; that of one that has ended once all that it printed is in its log."""
        code = self.process.returncode
        if code is None:
            with contextlib.suppress(OSError):  # it ends just now
                self._cores = cpu_seconds(self.process.pid) / max(0.1, time.monotonic() - self._began)
        if code is None or not self._ended.is_set():
            return JobStatus(state="running", cores=self._cores)
        if self.stopped:
            return JobStatus(state="stopped", exit_code=code, cores=self._cores)
        return JobStatus(state="succeeded" if code == 0 else "failed", exit_code=code, cores=self._cores)

    def log(self) -> str:
        """Everything it printed so far; the last of it where the disk had no room."""
        return self._output.text()

    async def watch(self) -> None:
        """Read on until its end; run by the guard."""
        try:
            await self.process.wait()
        finally:
            self._kill()
            if not self._ended.is_set():
                self._ended.set()
                self._output.finish()
            shutil.rmtree(self._home, ignore_errors=True)

    async def stop(self) -> None:
        """End it; it has the time to print its summary."""
        if self.process.returncode is None:
            self.stopped = True
            with contextlib.suppress(ProcessLookupError):
                self.process.send_signal(signal.SIGCONT)  # one that is stopped would not hear of its end
                self.process.send_signal(signal.SIGINT)
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._ended.wait(), STOP_GRACE)
            self._kill()
        await self._ended.wait()

    def _kill(self) -> None:
        if self.process.returncode is None:
            with contextlib.suppress(ProcessLookupError):
                self.process.kill()


async def start_job(workload: Workload, host: ReplicaHost) -> RunningJob:
    """Start the job's command with the manifest's environment; OSError, SubprocessError: it cannot be started."""
    name = f"{workload.name}{secrets.token_hex(3)}"
    home = host.place / "mounts" / name
    home.mkdir(parents=True)
    env = container_env(
        workload,
        replica=name,
        port=None,
        services=host.service_ports(),
        overrides={"HOME": str(home)},
        folder=host.folder,
    )
    try:
        output = Output(log_in(host.place, name))
        process = await start_child(command_line(workload, env, home), env, output)
    except BaseException:
        shutil.rmtree(home, ignore_errors=True)
        raise
    job = RunningJob(name, process, output, home)
    host.guard.start(name, job.watch)
    return job
