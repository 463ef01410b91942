"""Write the reference from the code itself; with --check, fail when what is written is out of date.

python docs/generate.py [--check]
"""

from __future__ import annotations

import ast
import inspect
import json
import sys
from pathlib import Path
from typing import Any

import typer

from dclab import errors
from dclab.autoscaler import Observation, Pod, PodMetric
from dclab.autoscaler import trace as hpa_trace
from dclab.cli import options
from dclab.cli.app import app
from dclab.cli.output import ENVELOPE
from dclab.elasticity.score import MISSING_WEIGHT, START_SECONDS
from dclab.elasticity.verdict import NEGLIGIBLE
from dclab.results import SCHEMA, Elasticity, json_schema
from dclab.tools import TOOLS
from docs.man import manual

HERE = Path(__file__).parent

ENVELOPE_TEXT = f"""With `--json` a command prints one document on standard output, in success and in failure alike:

| key | value |
|---|---|
| `schema` | `{ENVELOPE}` |
| `dclab` | the version |
| `command` | the verb |
| `status` | `ok` or `failed` |
| `exit_code` | as above |
| `data` | what the command found; results in the form of `results.json` |
| `warnings` | caveats about the measurement: `code`, `message`, `hint` |
| `error` | null, or `code`, `what`, `why`, `hint` |
"""

RESULTS_TEXT = f"""`results.json` of a run has the schema `{SCHEMA}`, in [results.schema.json](results.schema.json). A part that was not
measured is null. It is validated when it is read, and another schema is refused. In `raw/` beside it there is one
JSON object a line: `counter.jsonl` (each reading of the hash counter), `reports.jsonl` (each worker's own reports),
`windows.jsonl` (of what kind of lab they are), from which every rate can be computed again, `latency.jsonl` (each request),
`pods.jsonl` (CPU and memory of each replica over each window), `siege.jsonl` (siege's own output), `autoscale.jsonl` (each observation), `elastic.jsonl` (each observation of a comparison of
autoscalers, with the demand) and `elastic-siege.jsonl` (its sieges), `proof.jsonl` (probes under each change), `probes.jsonl` and `rollout.jsonl` (each look at replicas under a health probe, and in a rolling update), `losses.jsonl` (what
ended workers had made, and what was counted), and what
`dclab hpa-replay` reads: `hpa.jsonl` (the autoscaler) and `hpa-trace.jsonl` (its passes); of a comparison one of each for every
autoscaler, such as `hpa-trace-cpu-tuned.jsonl`.
"""

TRACE_TEXT = f"""What `dclab hpa-replay` reads has the schema `{hpa_trace.SCHEMA}`, in [hpa-trace.schema.json](hpa-trace.schema.json): one
JSON object a line, the first a Header, each other one a Pass. It may be recorded (`raw/hpa-trace.jsonl` of a run) or
written by hand; what has a default may be left out, and an unknown field is refused. All times are in seconds on one clock.
"""


SCORES_TEXT = f"""How well an autoscaler follows demand, over a run of length T: `dclab hpa-compare` measures it, `dclab hpa-simulate` predicts it,
and `dclab hpa-replay` shows it of a demonstration. Demand d is the least number of replicas with which a worker's own call
waits no longer than the objective on average, by the simulated queue; where the objective lies within that wait's interval, the run
is scored against both numbers (`scores`, `scores_high`). Supply s is the number of ready replicas. Formulas: Herbst, Kounev
et al., "Ready for Rain?", SPEC-RG-2016-01 (arXiv 1604.03470). The cost, in replicas, is {MISSING_WEIGHT:g} × `accuracy_under` +
`accuracy_over` + {START_SECONDS:g} s × replicas started / T: a missing replica costs users {MISSING_WEIGHT:g} times what one too many costs
the operator, and each start as much as a replica that idles for {START_SECONDS:g} s. Of two autoscalers the one of less cost is better
where the 95 % interval of the difference lies on one side of 0; there is no difference where it lies within ±{NEGLIGIBLE:g} replicas.
"""


def trace_fields() -> str:
    """The fields of a trace's lines, with what is said under each in the code."""
    return fields(hpa_trace.Header, hpa_trace.Pass, Observation, Pod, PodMetric, hpa_trace.Outcome)


def fields(*kinds: type) -> str:
    """The fields of dataclasses, with what is said under each in the code."""
    rows = ["| object | field | type | meaning |", "|---|---|---|---|"]
    for kind in kinds:
        (definition,) = ast.parse(inspect.getsource(kind)).body
        assert isinstance(definition, ast.ClassDef)
        for member, after in zip(definition.body, [*definition.body[1:], None], strict=True):
            if isinstance(member, ast.AnnAssign):
                assert isinstance(after, ast.Expr), f"{kind.__name__}.{ast.unparse(member.target)} says nothing"
                typed = ast.unparse(member.annotation).replace("|", "\\|")
                meaning = ast.literal_eval(after.value).replace("\n    ", " ")
                name = f"{ast.unparse(member.target)}{'' if member.value is None else ' (optional)'}"
                rows.append(f"| {kind.__name__} | {name} | `{typed}` | {meaning} |")
    return "\n".join(rows)


def exit_codes() -> str:
    """The members of ExitCode with the sentence under each."""
    (enum,) = ast.parse(inspect.getsource(errors.ExitCode)).body
    assert isinstance(enum, ast.ClassDef)
    rows = ["| code | name | meaning |", "|--:|---|---|"]
    for member, after in zip(enum.body, [*enum.body[1:], None], strict=True):
        if isinstance(member, ast.Assign) and isinstance(target := member.targets[0], ast.Name):
            said = ast.literal_eval(after.value) if isinstance(after, ast.Expr) else "Done."
            rows.append(f"| {errors.ExitCode[target.id].value} | {target.id} | {said} |")
    return "\n".join(rows)


def _command(text: str) -> str:
    """A line to type as code; a sentence, which has code in it, as it is."""
    return text if text.startswith("see ") else f"`{text}`"


def programs() -> str:
    """What doctor looks for."""
    rows = ["| program | used for | without it | Debian, Ubuntu |", "|---|---|---|---|"]
    rows += [f"| {one.name} | {one.purpose} | {one.without} | {_command(one.debian)} |" for one in TOOLS]
    return "\n".join(rows)


APPLIES = {one.text for one in vars(options).values() if isinstance(one, options.AppliesTo)}


def command_line() -> str:
    """Every command with its usage, and its arguments and options in a table."""
    top: Any = typer.main.get_command(app)
    context = top.make_context("dclab", [], resilient_parsing=True)
    parts = [f"## `dclab`\n\n{top.help}\n\n{_table(top, context)}\n\n| command | what it does |\n|---|---|"]
    parts[0] += "".join(
        f"\n| [`{name}`](#dclab-{name}) | {command.help.partition(chr(10))[0]} |"
        for name, command in top.commands.items()
    )
    for name, command in top.commands.items():
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        usage = command.get_usage(inner).removeprefix("Usage: ")
        parts.append(f"## `dclab {name}`\n\n{command.help}\n\n```console\n$ {usage}\n```\n\n{_table(command, inner)}")
    return "\n\n".join(parts)


def _table(command: Any, context: Any) -> str:
    rows = ["| option | environment variable | applies to | default | meaning |", "|---|---|---|---|---|"]
    for param in command.get_params(context):
        if "--help" in param.opts:
            continue
        flags, text = param.get_help_record(context)
        said, _, extra = text.partition("  [")
        applies = next((one for one in APPLIES if said.endswith(f" [{one}]")), "")
        default = extra.removesuffix("]").replace("default: ", "").strip("()")
        variable = f"`{param.envvar}`" if param.envvar else ""
        cells = (f"`{flags}`", variable, applies, default.replace("<", "&lt;"), said.removesuffix(f" [{applies}]"))
        rows.append("| " + " | ".join(one.replace("|", "\\|") for one in cells) + " |")
    return "\n".join(rows)


def reference() -> str:
    """The whole page."""
    return f"""# Reference

Generated from the code by `docs/generate.py`; do not edit.

## Exit codes

{exit_codes()}

## Output for programs

{ENVELOPE_TEXT}
## Results

{RESULTS_TEXT}
## Traces of an autoscaler

{TRACE_TEXT}
{trace_fields()}

## Scores of an autoscaler

{SCORES_TEXT}
{fields(Elasticity)}

## Programs that take part where they are installed

{programs()}

# Commands

An option that is not typed is taken from its environment variable; a flag's is `1` or `0`, several values are separated by spaces. What does not apply to the engine of the
lab is refused when it is typed, and ignored when the environment says it.

{command_line()}
"""


def main() -> None:
    """Write or check."""
    files = {
        "reference.md": reference(),
        "dclab.1": manual(),
        "hpa-trace.schema.json": json.dumps(hpa_trace.json_schema(), indent=1, ensure_ascii=False) + "\n",
        "results.schema.json": json.dumps(json_schema(), indent=1, ensure_ascii=False) + "\n",
    }
    stale = [name for name, text in files.items() if not (HERE / name).exists() or (HERE / name).read_text() != text]
    if "--check" in sys.argv[1:]:
        if stale:
            sys.exit(f"Out of date: {', '.join(stale)}. Run python docs/generate.py.")
        return
    for name in stale:
        (HERE / name).write_text(files[name])


if __name__ == "__main__":
    main()
