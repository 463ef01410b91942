"""Pages of the reference, made from the code itself: the command line, environment, exit codes, formats, rights, architecture."""

from __future__ import annotations

import ast
import inspect
import re
import tomllib
from collections.abc import Iterator
from dataclasses import is_dataclass
from html import escape
from pathlib import Path
from typing import Any

import typer

from dclab import errors, results
from dclab.autoscaler import Observation, Pod, PodMetric
from dclab.autoscaler import trace as hpa_trace
from dclab.cli import options
from dclab.cli.app import app
from dclab.cli.output import ENVELOPE
from dclab.elasticity.score import MISSING_WEIGHT, START_SECONDS
from dclab.elasticity.settling import LEAST_SECONDS
from dclab.elasticity.verdict import NEGLIGIBLE
from dclab.results import SCHEMA, Elasticity
from dclab.tools import TOOLS
from docs.man import as_typed

__all__ = ["pages"]

CHECKOUT = Path(__file__).parent.parent

NOTE = "<!-- Generated from the code by docs/generate.py; do not edit. -->"


def pages() -> dict[str, str]:
    """Return each page by its path under docs/en/reference."""
    made = {
        "environment.md": f"# Environment variables\n\n{ENVIRONMENT_TEXT}\n{_environment()}",
        "exit-codes.md": f"# Exit codes\n\n{_exit_codes()}\n\n{ERRORS_TEXT}\n{_error_codes()}",
        "json.md": f"# JSON output\n\n{ENVELOPE_TEXT}",
        "results.md": f"# Results\n\n{RESULTS_TEXT}\n{_results()}",
        "trace.md": f"# Traces of an autoscaler\n\n{TRACE_TEXT}\n{_trace_fields()}",
        "scores.md": f"# Scores of an autoscaler\n\n{SCORES_TEXT}\n{_fields(Elasticity)}",
        "programs.md": f"# Optional programs\n\n{PROGRAMS_TEXT}\n{_programs()}",
        "autoscalers.md": f"# Autoscalers that dclab has\n\n{AUTOSCALERS_TEXT}\n{_autoscalers()}",
        "architecture.md": f"# Architecture\n\n{ARCHITECTURE_TEXT}\n{_architecture()}",
        **{f"commands/{name}.md": page for name, page in _commands()},
    }
    return {name: f"{page.rstrip()}\n\n{NOTE}\n" for name, page in made.items()}


ENVIRONMENT_TEXT = """An option that is not on the command line is read from its environment variable. A flag's value is `1` or `0`; several values are
separated by spaces. An option that does not apply to the lab's engine is refused on the command line, and ignored in the environment.

dclab also respects `XDG_RUNTIME_DIR` (sockets and settings of running labs), `XDG_STATE_HOME` (logs and Prometheus' data), `KUBECONFIG`,
`NO_COLOR`, and `PYTHON` (the interpreter that `./dev` uses).
"""

ERRORS_TEXT = """## Error codes

With `--json` an error has a `code` beside the exit code:
"""

ENVELOPE_TEXT = f"""With `--json` a command prints one document on standard output, in success and in failure alike:

| key | value |
|---|---|
| `schema` | `{ENVELOPE}` |
| `dclab` | the version |
| `command` | the verb |
| `status` | `ok` or `failed` |
| `exit_code` | see [exit codes](exit-codes.md) |
| `data` | what the command found; results in the form of [`results.json`](results.md) |
| `warnings` | caveats about the measurement: `code`, `message`, `hint` |
| `error` | null, or `code`, `what`, `why`, `hint` |
"""

RESULTS_TEXT = f"""`results.json` of a run has the schema `{SCHEMA}`, in [results.schema.json](results.schema.json). A part that was not
measured is null. dclab validates the file when it reads it, and refuses another schema.

The folder `raw/` next to it has the raw data, one JSON object a line:

| file | one line for |
|---|---|
| `counter.jsonl` | each reading of the hash counter |
| `reports.jsonl` | each report of a worker |
| `windows.jsonl` | each window: of what kind of lab its readings are. With the two files above, every rate can be recomputed |
| `latency.jsonl` | each request |
| `pods.jsonl` | CPU and memory of a replica over a window |
| `siege.jsonl` | siege's output |
| `monitoring.jsonl` | each answer to the PromQL expression |
| `autoscale.jsonl` | each observation of the autoscaler demonstration |
| `elastic.jsonl`, `elastic-siege.jsonl` | each observation of a comparison of autoscalers, with the demand; its sieges |
| `proof.jsonl` | each probe under a change |
| `probes.jsonl`, `rollout.jsonl` | each observation of the replicas under a health probe, and in a rolling update |
| `losses.jsonl` | hashes that stopped workers had made, and those that were counted |
| `hpa.jsonl`, `hpa-trace.jsonl` | the autoscaler and its passes, for `dclab hpa-replay`; of a comparison a pair for each autoscaler, such as `hpa-trace-cpu-tuned.jsonl` |
"""

TRACE_TEXT = f"""`dclab hpa-replay` reads a trace with the schema `{hpa_trace.SCHEMA}`, in [hpa-trace.schema.json](hpa-trace.schema.json): one
JSON object a line, the first a Header, each other one a Pass. It may be recorded (`raw/hpa-trace.jsonl` of a run) or
written by hand. Optional fields may be omitted; an unknown field is refused. All times are in seconds on one clock.
"""


SCORES_TEXT = f"""The scores say how well an autoscaler follows demand over a run of length T. `dclab hpa-compare` measures them,
`dclab hpa-simulate` predicts them, and `dclab hpa-replay` computes them for a demonstration.

- **Demand** d is the least number of replicas with which a worker's own call waits no longer than the objective on average, by the
  simulated queue. If the objective lies within that wait's interval, the run is scored against both numbers (`scores`, `scores_high`).
- **Supply** s is the number of ready replicas.
- The **cost**, in replicas, is {MISSING_WEIGHT:g} × `accuracy_under` + `accuracy_over` + {START_SECONDS:g} s × replicas started / T: a missing
  replica costs users {MISSING_WEIGHT:g} times what one too many costs the operator, and each start as much as a replica that idles for
  {START_SECONDS:g} s.
- An autoscaler has **settled** if its desired replicas did not change for the last {LEAST_SECONDS:g} s of the run, or for twice the longer
  of its stabilization windows if that is longer. If demand changed within that time, it cannot be told.

Of two autoscalers the one with the lower cost is better if the 95 % interval of the difference lies on one side of 0. There is no difference if
it lies within ±{NEGLIGIBLE:g} replicas. Formulas: Herbst, Kounev et al., "Ready for Rain?", SPEC-RG-2016-01 (arXiv 1604.03470).
"""


PROGRAMS_TEXT = """dclab runs without any of these programs, and uses them where they are installed. `dclab doctor` shows which ones are.
"""

AUTOSCALERS_TEXT = """These are the manifests in `manifests/optional/`. `dclab hpa-demo --metric`, `hpa-compare` and `hpa-simulate` use them; dclab fills in
the target. Where a comment names `--tune`, that command found the figures. To write your own: [use your own HPA](../how-to/own-hpa.md).
"""

ARCHITECTURE_TEXT = """An **engine** gives a **lab** (DockerCoins, running); an **experiment** asks the lab questions and returns a frozen **result**; the **report**
turns results into pages; the command line only parses, calls, and passes one result to one renderer.

```text
            cli/<verb>.py          parse, call, return
             │         │
             ▼         ▼
      experiments/   report/       Lab → result · results → pages, pictures
        │       │       │
        ▼       ▼       ▼
      lab/    measure/  results/       protocol · instruments · frozen data
        ▲        ▲
        │        │
   engines/embedded  engines/kube     autoscaler/     a pure function
```

A test compares `autoscaler/` with Kubernetes' own code. Both engines read the same manifests and implement the same protocol (`lab/protocol.py`), so an experiment never asks which one it has. `CONTRIBUTING.md`
in the checkout describes the insides of the engines.
"""


def _trace_fields() -> str:
    """The fields of a trace's lines, with what is said under each in the code."""
    return _fields(hpa_trace.Header, hpa_trace.Pass, Observation, Pod, PodMetric, hpa_trace.Outcome)


def _results() -> str:
    """Every object of results.json, the run itself first, with its fields."""
    found = [one for one in vars(results).values() if is_dataclass(one) and isinstance(one, type)]
    found.sort(key=lambda one: (one is not results.Results, one.__name__))
    return "\n\n".join(f"## {one.__name__}\n\n{inspect.getdoc(one)}\n\n{_members(one)}" for one in found)


def _members(kind: type) -> str:
    rows = ["| field | type | meaning |", "|---|---|---|"]
    rows += [f"| `{name}` | {typed} | {meaning} |" for name, typed, meaning, _ in _annotated(kind)]
    return "\n".join(rows)


def _annotated(kind: type) -> Iterator[tuple[str, str, str, bool]]:
    """Yield each field's name, type, what is said under it, and whether it has a default."""
    (definition,) = ast.parse(inspect.getsource(kind)).body
    assert isinstance(definition, ast.ClassDef)
    for member, after in zip(definition.body, [*definition.body[1:], None], strict=True):
        if isinstance(member, ast.AnnAssign):
            said = ast.literal_eval(after.value) if isinstance(after, ast.Expr) else ""
            typed = _code(ast.unparse(member.annotation))
            yield ast.unparse(member.target), typed, " ".join(said.split()), member.value is not None


def _fields(*kinds: type) -> str:
    """The fields of dataclasses, each of which must say what it means."""
    rows = ["| object | field | type | meaning |", "|---|---|---|---|"]
    for kind in kinds:
        for name, typed, meaning, optional in _annotated(kind):
            assert meaning, f"{kind.__name__}.{name} says nothing"
            rows.append(f"| {kind.__name__} | {name}{' (optional)' if optional else ''} | {typed} | {meaning} |")
    return "\n".join(rows)


def _exit_codes() -> str:
    """The members of ExitCode with the sentence under each."""
    (enum,) = ast.parse(inspect.getsource(errors.ExitCode)).body
    assert isinstance(enum, ast.ClassDef)
    rows = ["| code | name | meaning |", "|--:|---|---|"]
    for member, after in zip(enum.body, [*enum.body[1:], None], strict=True):
        if isinstance(member, ast.Assign) and isinstance(target := member.targets[0], ast.Name):
            said = ast.literal_eval(after.value) if isinstance(after, ast.Expr) else "Done."
            rows.append(f"| {errors.ExitCode[target.id].value} | {target.id} | {said} |")
    return "\n".join(rows)


def _error_codes() -> str:
    """The code of each kind of error, with what its class says."""
    rows = ["| code | exit code | meaning |", "|---|--:|---|"]
    kinds = [one for one in vars(errors).values() if isinstance(one, type) and issubclass(one, errors.DclabError)]
    rows += [
        f"| `{one.code}` | {one.exit_code.value} | {(inspect.getdoc(one) or '').partition(chr(10))[0]} |"
        for one in kinds
    ]
    return "\n".join(rows)


def _command(text: str) -> str:
    """A line to type as code; a sentence, which has code in it, as it is."""
    return text if text.startswith("see ") else f"`{text}`"


def _programs() -> str:
    """What doctor looks for."""
    rows = ["| program | used for | without it | Debian, Ubuntu |", "|---|---|---|---|"]
    rows += [f"| {one.name} | {one.purpose} | {one.without} | {_command(one.debian)} |" for one in TOOLS]
    return "\n".join(rows)


def _autoscalers() -> str:
    """The shipped manifests, each under its name."""
    files = sorted((CHECKOUT / "manifests" / "optional").glob("autoscaler-*.yaml"))
    return "\n\n".join(
        f"## {one.stem.removeprefix('autoscaler-')}\n\n```yaml\n{one.read_text().rstrip()}\n```" for one in files
    )


def _architecture() -> str:
    """Packages with their first line, and the layers that import-linter holds them to."""
    rows = ["## Packages\n", "| package | what it is |", "|---|---|"]
    for file in sorted((CHECKOUT / "dclab").rglob("__init__.py")):
        said = ast.get_docstring(ast.parse(file.read_text())) or ""
        name = file.parent.relative_to(CHECKOUT).as_posix()
        rows.append(f"| `{name}` | {said.partition(chr(10))[0]} |")
    contracts = tomllib.loads((CHECKOUT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    for one in contracts:
        if one["type"] == "layers":
            layers = "\n".join(one["layers"])
            rows += [
                f"\n## {one['name']}\n",
                "A module imports only from the lines below its own; modules on one line do not import each other.",
            ]
            rows += [f"\n```text\n{layers}\n```"]
    return "\n".join(rows)


APPLIES = {one.text for one in vars(options).values() if isinstance(one, options.AppliesTo)}


def _top() -> tuple[Any, Any]:
    top: Any = typer.main.get_command(app)
    return top, top.make_context("dclab", [], resilient_parsing=True)


def _commands() -> Iterator[tuple[str, str]]:
    """Yield the list of the commands, then every command with its usage, and its arguments and options in a table."""
    top, context = _top()
    rows = [
        f"| [`{name}`]({name}.md) | {command.help.partition(chr(10))[0]} |" for name, command in top.commands.items()
    ]
    listed = "\n".join(["| command | what it does |", "|---|---|", *rows])
    yield "index", f"# Commands\n\n{top.help}\n\n{listed}\n\n{_table(top, context)}"
    for name, command in top.commands.items():
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        usage = command.get_usage(inner).removeprefix("Usage: ")
        yield name, f"# dclab {name}\n\n{_help(command.help)}\n\n```text\n{usage}\n```\n\n{_table(command, inner)}"


def _help(text: str) -> str:
    """A command's help with its examples as code, and the pages that it names as links."""
    text = re.sub(r"docs/en/reference/(\w+)\.md", r"[\1](../\1.md)", text)
    paragraphs = text.strip().split("\n\n")
    shown = [one for one in paragraphs if not one.startswith("Example: ")]
    examples = [one.removeprefix("Example: ") for one in paragraphs if one.startswith("Example: ")]
    return "\n\n".join([*shown, "```sh\n" + "\n".join(examples) + "\n```"] if examples else shown)


def _environment() -> str:
    """Every variable, with the commands that know it."""
    top, context = _top()
    found: dict[str, tuple[str, str, list[str]]] = {}
    for name, command in top.commands.items():
        inner = command.make_context(name, [], parent=context, resilient_parsing=True)
        for param in command.get_params(inner):
            if param.envvar and (record := param.get_help_record(inner)):
                said = record[1].partition("  [")[0]
                found.setdefault(param.envvar, (record[0], said, []))[2].append(name)
    rows = ["| variable | option | meaning | commands |", "|---|---|---|---|"]
    for variable, (flags, said, names) in sorted(found.items(), key=lambda one: (len(one[1][2]) < 5, one[0])):
        where = (
            ", ".join(f"[{one}](commands/{one}.md)" for one in names) if len(names) < 5 else f"{len(names)} commands"
        )
        cells = (f"`{variable}`", _code(as_typed(flags)), said, where)
        rows.append("| " + " | ".join(one.replace("|", "\\|") for one in cells) + " |")
    return "\n".join(rows)


def _table(command: Any, context: Any) -> str:
    """Return the options as a list, which a phone can show, too."""
    rows = []
    for param in command.get_params(context):
        if "--help" in param.opts:
            continue
        flags, text = param.get_help_record(context)
        said, _, extra = text.partition("  [")
        applies = next((one for one in APPLIES if said.endswith(f" [{one}]")), "")
        default = extra.removesuffix("]").replace("default: ", "").strip("()")
        row = f"- {_code(as_typed(flags))}: {escape(said.removesuffix(f' [{applies}]'), quote=False)}"
        row += f" Only: {applies}." if applies else ""
        row += f" Default: {escape(default, quote=False)}." if default and default != "required" else ""
        row += " Required." if default == "required" else ""
        rows.append(row + (f" `{param.envvar}`" if param.envvar else ""))
    return "\n".join(rows)


def _code(text: str) -> str:
    """Code within a table or a list: a pipe is no border there."""
    return f"<code>{escape(text, quote=False).replace('|', '&#124;')}</code>"
