"""What a release consists of, built from this checkout."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from tests.conftest import CHECKOUT

WHEEL_MB = 1
"""The most that a wheel may have."""


def build(folder: Path, **environment: str) -> list[Path]:
    """Build the artefacts into an empty folder as the release does, and return them."""
    done = subprocess.run(
        [CHECKOUT / ".ci" / "artefacts", folder],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    if done.returncode:
        raise RuntimeError(f".ci/artefacts failed:\n{done.stdout}\n{done.stderr}")
    return sorted(folder.iterdir())


def wheel(folder: Path) -> Path:
    """Return the wheel of that folder, built when the folder has none."""
    if not list(folder.glob("*.whl")):
        build(folder)
    (one,) = folder.glob("*.whl")
    return one
