"""Every way of getting dclab that can be tried here, each in an empty environment, as a table.

python -m tests.distribution [--only TEXT] [--again]

It takes some minutes a row; what is done for this wheel already is kept, so that it can be ended and begun again.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from tests.distribution import artefacts, dev_container, image
from tests.distribution.places import CACHE, CannotRun, Place, debian, places
from tests.distribution.ways import WAYS, Way, check, install, report


def installed(place: Place, way: Way, wheel: Path) -> str:
    """Install the wheel one way and use it; one line about it."""
    seconds, run = install(place, way, wheel)
    check(place, run, wheel.name.split("-")[1])
    said = f"installed in {seconds:.0f} s"
    # What is installed is the same three times, so one report of each Python is enough.
    return said if way is not WAYS[0] else f"{said}, report after {report(place, run):.0f} s more"


def imaged(wheel: Path) -> str:
    """Build the image and do the exercise in it, as a user without an entry and on a read-only root."""
    config = image.build(wheel)
    with image.mounted() as root, tempfile.TemporaryDirectory(prefix="dclab-work-") as folder:
        work = Path(folder)
        shutil.chown(work, 12345, 12345)
        done = image.run(config, root, ["run", "--quick", "--out", "run"], work, user=(12345, 12345))
        assert done.code == 0, done.output
        assert (work / "run/report.html").stat().st_uid == 12345
    return f"{image.compressed_mb():.0f} MB compressed; at most {done.peak_threads} threads and {done.peak_memory_mb:.0f} MB in a run"


def developed(place: Place) -> str:
    """Make the dev container and do the exercise in it."""
    place.empty()
    dev_container.quick_run(place, dev_container.create(place))
    return "made and run"


def rows(wheel: Path) -> Iterator[tuple[str, Callable[[], str]]]:
    """Yield the name of each thing to try, and what tries it."""
    for place in places():
        if isinstance(place, str):
            print(place, flush=True)
            continue
        for way in WAYS:
            yield f"{place.name}: {way.name}", partial(installed, place, way, wheel)
    yield "container image", partial(imaged, wheel)
    yield "dev container", lambda: developed(debian("bookworm"))


def main() -> int:
    """Try what is not known yet, and print the table."""
    parser = argparse.ArgumentParser(prog="python -m tests.distribution")
    parser.add_argument("--only", default="", help="a part of the names of what is to be tried")
    parser.add_argument("--again", action="store_true", help="try again what is known already")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="dclab-dist-") as folder:
        wheel = artefacts.wheel(Path(folder) / "dist")
        kept = CACHE / "rows" / f"{hashlib.sha256(wheel.read_bytes()).hexdigest()[:12]}.json"
        known = json.loads(kept.read_text()) if kept.exists() and not asked.again else {}
        kept.parent.mkdir(parents=True, exist_ok=True)
        failed = 0
        for name, trial in rows(wheel):
            if asked.only not in name:
                continue
            if name not in known:
                try:
                    known[name] = trial()
                except (AssertionError, CannotRun, image.CannotRun) as error:
                    failed += 1
                    print(f"✗ {name}: {error}", flush=True)
                    continue
                kept.write_text(json.dumps(known, indent=1))
            print(f"✓ {name}: {known[name]}", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
