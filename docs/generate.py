"""Write the reference from the code itself, and what pages quote; with --check, fail when what is written is out of date.

python docs/generate.py [--check] [--slow]

--slow also runs the commands that take many seconds, whose output pages quote.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from dclab.autoscaler import trace as hpa_trace
from dclab.results import json_schema
from docs.figures import CHECKOUT, filled
from docs.man import manual
from docs.pages import pages

HERE = Path(__file__).parent
REFERENCE = HERE / "en" / "reference"

QUOTING = [CHECKOUT / "README.md", *sorted(HERE.glob("en/**/*.md")), *sorted(HERE.glob("zh/**/*.md"))]
"""Pages that people write, in which `docs/figures.py` fills in what they quote."""


def written(*, slow: bool = False) -> dict[Path, str]:
    """Return everything that is generated, by its file."""
    made = {REFERENCE / name: text for name, text in pages().items()}
    schemas = {"hpa-trace.schema.json": hpa_trace.json_schema(), "results.schema.json": json_schema()}
    made |= {HERE / name: json.dumps(one, indent=1, ensure_ascii=False) + "\n" for name, one in schemas.items()}
    made[HERE / "dclab.1"] = manual()
    return made | {page: filled(page.read_text(), slow=slow) for page in QUOTING if page.is_file() and page not in made}


def main() -> None:
    """Write or check."""
    made = written(slow="--slow" in sys.argv[1:])
    stale = [file for file, text in made.items() if not file.exists() or file.read_text() != text]
    # The page of a command that there is no more.
    left = [file for file in (REFERENCE / "commands").glob("*.md") if file not in made]
    if "--check" in sys.argv[1:]:
        if stale or left:
            names = ", ".join(str(file.relative_to(CHECKOUT)) for file in (*stale, *left))
            sys.exit(f"Out of date: {names}. Run python docs/generate.py.")
        return
    for file in stale:
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(made[file])
    for file in left:
        file.unlink()


if __name__ == "__main__":
    main()
