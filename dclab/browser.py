"""Pictures of a page as a browser shows it, where a headless one is installed."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import tempfile
from pathlib import Path

from dclab.tools import find_tool

__all__ = ["BROWSERS", "find_browser", "screenshot"]

BROWSERS = ("chromium", "chromium-browser", "google-chrome", "chrome", "microsoft-edge")

PAGE_SECONDS = 10
"""Of the page's own time, for it to ask its server and draw."""
LONGEST_SECONDS = 60


def find_browser() -> str | None:
    """Path of a browser of Chromium's kind, or None."""
    return next((path for path in map(find_tool, BROWSERS) if path), None)


def screenshot(url: str, *, width: int = 1280, height: int = 900) -> bytes | None:
    """A PNG of the page at `url`; None where no browser is installed, or it could not be had."""
    browser = find_browser()
    if browser is None:
        return None
    with tempfile.TemporaryDirectory(prefix="dclab-browser-", ignore_cleanup_errors=True) as folder:
        picture = Path(folder) / "page.png"
        command = [
            browser,
            "--headless=new",
            "--disable-gpu",
            "--hide-scrollbars",
            "--no-first-run",
            f"--user-data-dir={folder}/profile",
            f"--window-size={width},{height}",
            f"--virtual-time-budget={1000 * PAGE_SECONDS}",
            f"--screenshot={picture}",
            *(["--no-sandbox"] if os.geteuid() == 0 else []),  # Chromium's own refuses to start as root
            url,
        ]
        try:
            _run(command)
            return picture.read_bytes()
        except (OSError, subprocess.TimeoutExpired):
            return None


def _run(command: list[str]) -> None:
    """Run it to its end; however it ends, none of the processes that a browser starts is left."""
    silent = subprocess.DEVNULL
    process = subprocess.Popen(command, stdin=silent, stdout=silent, stderr=silent, start_new_session=True)
    try:
        process.wait(LONGEST_SECONDS)
    finally:
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
