"""Build the documentation site in both languages, strictly: a broken link or a page outside of the navigation is an error.

python docs/build.py [FOLDER]

The folder (default: site) is replaced, and the path of each language's first page is printed. Pages can be opened from the disk; their
search needs a web server, such as `python -m http.server -d site`.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from pathlib import Path

HERE = Path(__file__).parent

CONFIGS = {"mkdocs.yml": ".", "mkdocs.zh.yml": "zh"}
"""By configuration, the folder of its pages within the site."""


def build(folder: Path) -> int:
    """Build into a folder; return the number of builds that failed."""
    shutil.rmtree(folder, ignore_errors=True)
    # The theme's own notice is about MkDocs 2, which pyproject.toml excludes.
    environment = {**os.environ, "NO_MKDOCS_2_WARNING": "true", "MPLBACKEND": "Agg"}
    failed = 0
    for config, place in CONFIGS.items():  # the first one empties the folder
        # Not --quiet: warnings that are not printed are not counted by --strict.
        command = [sys.executable, "-m", "mkdocs", "build", "--strict", "--config-file", str(HERE / config)]
        command += ["--site-dir", str(folder / place)]
        done = subprocess.run(
            command, check=False, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        if done.returncode:
            failed += 1
            sys.stderr.write("".join(line for line in done.stdout.splitlines(True) if not line.startswith("INFO")))
    return failed


def main() -> None:
    """Build, and print where the first pages are."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "site").resolve()
    if failed := build(folder):
        sys.exit(failed)
    for place in CONFIGS.values():
        sys.stdout.write(f"{folder / place / 'index.html'}\n")


if __name__ == "__main__":
    main()
