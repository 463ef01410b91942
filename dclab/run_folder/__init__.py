"""The folder of a run: results.json, written whole after every part, and the raw samples beside it.

It is handed in, so nothing private is written to it (`dclab.redact`).
"""

from __future__ import annotations

from dclab.run_folder.place import RAW, RESULTS, drop_unused, new_folder
from dclab.run_folder.read import latest_run, load_results, load_side
from dclab.run_folder.run import Run, this_environment
from dclab.run_folder.whole_file import write_atomically

__all__ = [
    "RAW",
    "RESULTS",
    "Run",
    "drop_unused",
    "latest_run",
    "load_results",
    "load_side",
    "new_folder",
    "this_environment",
    "write_atomically",
]
