"""Jobs of an embedded lab: a process that runs to its end, with its log."""

from __future__ import annotations

import asyncio
import contextlib
import secrets
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from dclab.engines.embedded.container import command_line, container_env
from dclab.engines.embedded.replica import die_with_parent
from dclab.engines.embedded.usage import cpu_seconds
from dclab.engines.embedded.wire import grows, log_file
from dclab.lab import JobStatus
from dclab.manifests import Workload
from dclab.paths import shipped

__all__ = ["RunningJob", "start_job"]

STOP_GRACE = 5.0
"""Seconds between SIGINT, at which a siege prints its summary, and SIGKILL."""


class RunningJob:
    """One job, during and after its run."""

    def __init__(self, name: str, process: asyncio.subprocess.Process, log_file: Path) -> None:
        self.name = name
        self.process = process
        self.log_file = log_file
        self.stopped = False
        self._began = time.monotonic()
        self._cores: float | None = None

    @property
    def status(self) -> JobStatus:
        """State now."""
        code = self.process.returncode
        if code is None:
            with contextlib.suppress(OSError):  # it ends just now
                self._cores = cpu_seconds(self.process.pid) / max(0.1, time.monotonic() - self._began)
            return JobStatus(state="running", cores=self._cores)
        if self.stopped:
            return JobStatus(state="stopped", exit_code=code, cores=self._cores)
        return JobStatus(state="succeeded" if code == 0 else "failed", exit_code=code, cores=self._cores)

    def log(self) -> str:
        """Everything it printed so far."""
        return self.log_file.read_text(encoding="utf-8", errors="replace")

    async def stop(self) -> None:
        """End it; it has the time to print its summary."""
        if self.process.returncode is not None:
            return
        self.stopped = True
        with contextlib.suppress(ProcessLookupError):
            self.process.send_signal(signal.SIGINT)
            try:
                await asyncio.wait_for(self.process.wait(), STOP_GRACE)
            except TimeoutError:
                self.process.kill()
        await self.process.wait()


async def start_job(workload: Workload, *, folder: Path, services: Mapping[str, int]) -> RunningJob:
    """Start the job's command with the manifest's environment; OSError when it cannot be started."""
    name = f"{workload.name}{secrets.token_hex(3)}"
    printed = log_file(folder, name)
    printed.parent.mkdir(exist_ok=True)
    home = grows(folder) / "mounts" / name
    home.mkdir(parents=True)
    env = container_env(
        workload, replica=name, port=None, services=services, overrides={"HOME": str(home)}, folder=folder
    )
    with printed.open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            *command_line(workload, env, home),
            stdin=asyncio.subprocess.DEVNULL,
            stdout=log,
            stderr=log,
            env=env,
            cwd=shipped(),
            preexec_fn=die_with_parent,
        )
    return RunningJob(name, process, printed)
