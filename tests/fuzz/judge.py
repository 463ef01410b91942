"""What of an outcome is a finding."""

from __future__ import annotations

import json
import os
import re
import subprocess
from pathlib import Path

from dclab.errors import ExitCode
from tests.fuzz.case import Input
from tests.fuzz.sandbox import Outcome

__all__ = ["MOST_MB", "MOST_SECONDS", "findings", "kubectl_reads"]

MOST_SECONDS, MOST_MB = 10.0, 200.0
CODES = {int(one) for one in ExitCode}


def findings(one: Input, outcome: Outcome):
    """Yield each finding as its kind and a line that is the same for the same cause."""
    shown = outcome.out + outcome.err
    asked = "DCLAB_VERBOSE" in one.environment or any(
        re.fullmatch("--verbose|-[a-z]*v[a-z]*", each) for each in one.arguments
    )
    if outcome.traceback or "failed unexpectedly" in shown or ("Traceback" in shown and not asked):
        yield "traceback", _cause(outcome.traceback or shown)
    elif outcome.code not in CODES:
        yield "wrong exit", f"{one.arguments[0]} exits with {outcome.code}"
    elif one.invalid and outcome.code == 0:
        yield "wrong exit", f"{one.arguments[0]} succeeds"
    elif outcome.code == ExitCode.INTERRUPTED:
        yield "slow", f"{one.arguments[0]} hangs"
    elif _asks_for_json(one.arguments) and not _is_envelope(outcome):
        yield "wrong exit", f"{one.arguments[0]} --json does not print one document with its exit code"
    if outcome.seconds > MOST_SECONDS:
        yield "slow", f"{one.arguments[0]} takes more than {MOST_SECONDS:g} s"
    if outcome.peak_mb > MOST_MB:
        yield "large", f"{one.arguments[0]} takes more than {MOST_MB:g} MB"


def _cause(traceback):
    """The exception of a traceback, and the last place in dclab that it names."""
    places = re.findall(r'File ".*?(dclab/[\w/]+\.py)", line (\d+)', traceback)
    kinds = re.findall(
        r"^([\w.]*(?:Error|Exception|Interrupt|Exit|Expired|Warning)\w*|[\w.]+(?=: ))", traceback, re.MULTILINE
    )
    return f"{kinds[-1] if kinds else 'an exception'} in {':'.join(places[-1]) if places else 'an unknown place'}"


def _asks_for_json(arguments):
    """Whether --json is there, and is not the value of an option before it."""
    at = arguments.index("--json") if "--json" in arguments else 0
    return at > 0 and not arguments[at - 1].startswith("-")


def _is_envelope(outcome):
    if outcome.code == ExitCode.OK and "--help" in outcome.out:
        return True
    try:
        return json.loads(outcome.out)["exit_code"] == outcome.code
    except (ValueError, KeyError, TypeError):
        return False


def kubectl_reads(kubectl: str, files: str) -> set[str] | None:
    """Names of the contexts that kubectl finds; None when it refuses the files."""
    environment = {**os.environ, "KUBECONFIG": files}
    command = [kubectl, "config", "view", "-o", "json"]
    done = subprocess.run(command, check=False, env=environment, capture_output=True, timeout=20)
    if done.returncode:
        return None
    return {str(one["name"]) for one in json.loads(done.stdout).get("contexts") or ()}


def other_contexts(kubectl: str, files: str):
    """Yield a finding where dclab finds other contexts than kubectl in files that kubectl reads."""
    from dclab.engines.kube.cluster.kubeconfig import contexts

    if not all(Path(one).exists() for one in files.split(":")):
        files = ":".join(one for one in files.split(":") if Path(one).exists())
    theirs = kubectl_reads(kubectl, files)
    if theirs is None:
        return
    try:
        ours = {one.name for one in contexts(files)}
    except Exception as error:
        yield "kubectl", f"kubectl reads what dclab refuses: {type(error).__name__}"
        return
    if ours != theirs - {""}:
        yield "kubectl", f"kubectl finds {len(theirs)} contexts, dclab {len(ours)}"
