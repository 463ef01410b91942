"""Borders at which dclab reads what an embedded lab says: its supervisor, its file, its services."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from dclab import __version__
from tests.fuzz.case import FOLDER, Input
from tests.fuzz.mutate import JSON, SERVED, as_json, chance, damaged, http, mutated, packed, texts
from tests.fuzz.sandbox import LAB
from tests.fuzz.web import METRICS, SERVICES, STATUSES

__all__ = ["exporters", "lab_files", "prometheus", "sieges", "supervisors"]

NAMES = ("hasher", "httplat-hasher", "httplat-rng", "redis", "rng", "webui", "worker")
SETTINGS = {"name": LAB, "clock_speed": 1.0, "sync_seconds": 15.0, "metric_resolution_seconds": 15.0, "webui_port": 0}
COUNTS = {"desired": 1, "ready": 1, "terminating": 0, "restarts": 0, "names": ["rng-1"]}
USAGE = [{"replica": "rng-1", "cpu_millicores": 3.5, "memory_mb": 20.1, "at": 1_700_000_000.5, "window_seconds": 15.0}]
HPA_STATUS = {
    "current": 1,
    "desired": 2,
    "metrics": [{"type": "Resource", "name": "cpu", "current": 9.0, "target": 5.0}],
    "conditions": [{"type": "AbleToScale", "status": "True", "reason": "r", "message": "m"}],
    "events": [{"t": 1.0, "type": "Normal", "reason": "r", "message": "m"}],
}
SIEGE = """Transactions:\t\t 1234 hits
Availability:\t\t 100.00 %
Elapsed time:\t\t 3.00 secs
Data transferred:\t 1.21 MB
Response time:\t\t 0.01 secs
Transaction rate:\t 411.33 trans/sec
Throughput:\t\t 0.40 MB/sec
Concurrency:\t\t 4.97
Successful transactions: 1234
Failed transactions:\t 0
Longest transaction:\t 0.50
Shortest transaction:\t 0.00
"""
ANSWERS = {
    "about": {
        "settings": SETTINGS,
        "pid": 4_000_000,
        "proxy_pid": 4_000_001,
        "data_path_trouble": None,
        "load_balancing": "random",
        "ports": {name: SERVED for name in NAMES if name != "worker"},
        "redis": "/usr/bin/redis-server",
        "control_loop_worst_delay_seconds": 0.1,
        "replicas": {
            name: [{"name": f"{name}-1", "pid": 4_000_002, "port": None, "ready": True, "restarts": 0}]
            for name in NAMES
        },
        "autoscalers": {},
    },
    "states": {name: {"counts": COUNTS, "usage": USAGE} for name in NAMES},
    "replicas": COUNTS,
    "usage": USAGE,
    "spent": {
        name: [{"replica": f"{name}-1", "pid": 4_000_002, "at": 1_700_000_000.5, "cpu_seconds": 1.5, "memory_mb": 20.1}]
        for name in NAMES
    },
    "trouble": None,
    "cpu_request": 200.0,
    "logs": "rng-1: hello",
    "scale": None,
    "ready": None,
    "configure": None,
    "set_load_balancing": None,
    "worker_reports": [["worker-1", 1_700_000_000.5, 4]],
    "autoscaler": HPA_STATUS,
    "autoscaler_passes": [],
    "prometheus": SERVED,
    "start_load": "loadtest-1",
    "job_status": {"state": "succeeded", "exit_code": 0, "cores": 0.1},
    "job_log": SIEGE,
    "job_stop": None,
}


def reply(answer):
    """A supervisor's line."""
    return packed({"version": __version__, "answer": answer}) + b"\n"


@cache
def replies():
    """A line for each verb."""
    return {f"verb:{verb}": reply(answer) for verb, answer in ANSWERS.items()}


FAULTS = [
    {"code": code, "what": "w", "why": "y", "hint": "h"}
    for code in ("NoLab", "no-lab", "TimedOut", "KeyboardInterrupt", "x", "")
]
LAB_COMMANDS = [
    ("status",),
    ("status",),
    ("list",),
    ("logs", "rng"),
    ("scale", "worker", "2"),
    ("webui",),
    ("watch", "--seconds", "1"),
    ("top",),
]
LAB_COMMANDS += [("loadtest", "--time", "3s", "--out", f"{FOLDER}/run")]


@st.composite
def supervisors(draw):
    """Commands about a lab whose supervisor answers one question oddly."""
    verb = draw(st.sampled_from(["about", "about", *ANSWERS]))
    kind = draw(st.integers(0, 9))
    if kind < 6:
        data = reply(draw(mutated(ANSWERS[verb])))
    elif kind < 8:
        content = {"fault": draw(st.sampled_from(FAULTS))} if kind == 6 else {"answer": ANSWERS[verb]}
        data = packed(draw(mutated({"version": __version__, **content}))) + b"\n"
    else:
        data = draw(damaged(replies()[f"verb:{verb}"]))
    invalid = verb == "about" and chance(draw, 10)
    if invalid:
        data = draw(
            st.sampled_from(
                [b"", b"\n", b"[]\n", b"{}\n", b"null\n", b"x", b'{"version": "0", "answer": {}}\n', b"\xff\xff\n"]
            )
        )
    command = draw(st.sampled_from(LAB_COMMANDS))
    invalid = invalid and command[0] != "list"
    arguments = (*command, *(() if command[0] == "list" else ("--name", LAB)), *draw(JSON))
    files = {"lab.json": as_json(SETTINGS)}
    return Input(
        border="supervisor",
        arguments=arguments,
        files=files,
        answers={**SERVICES, **replies(), f"verb:{verb}": data},
        invalid=invalid,
    )


UNITS = ["hits", "%", "secs", "MB", "ms", "", "trans/sec", "x"]


@st.composite
def sieges(draw):
    """`loadtest` of a siege that prints what it likes."""
    lines = SIEGE.splitlines()
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        name = draw(
            st.sampled_from([lines[at].partition(":")[0], "Transactions", '"transactions"', "\x1b[1mAvailability"])
            | texts
        )
        value = draw(
            st.sampled_from(["0", "-1", "nan", "inf", "1e9", "9" * 15, "9" * 400, "1,5", "1.5", ".", "", "٣"]) | texts
        )
        lines[at] = f"{name}:\t{value} {draw(st.sampled_from(UNITS))}"
    invalid = chance(draw, 10)
    if invalid:
        del lines[draw(st.integers(0, len(lines) - 1)) :]
    text = draw(
        st.sampled_from(["", "** SIEGE 4.0.7\n", "siege aborted due to excessive socket failure\n"])
    ) + "\n".join(lines)
    answers = {**SERVICES, **replies(), "verb:job_log": reply(text)}
    if chance(draw, 5):
        answers["verb:job_status"] = reply(draw(mutated(ANSWERS["job_status"])))
    arguments = ("loadtest", "--time", "3s", "--name", LAB, "--out", f"{FOLDER}/run", *draw(JSON))
    return Input(
        border="siege", arguments=arguments, files={"lab.json": as_json(SETTINGS)}, answers=answers, invalid=invalid
    )


@st.composite
def lab_files(draw):
    """Commands about a lab whose lab.json was changed; its supervisor answers."""
    data = draw(damaged(as_json(draw(mutated(SETTINGS)))))
    arguments = (*draw(st.sampled_from(LAB_COMMANDS[:-1])), "--name", LAB, *draw(JSON))
    if arguments[0] == "list":
        arguments = ("list",)
    return Input(border="lab.json", arguments=arguments, files={"lab.json": data}, answers={**SERVICES, **replies()})


@st.composite
def exporters(draw):
    """`watch` of a lab whose exporters or web UI answer oddly."""
    lines = METRICS.splitlines(keepends=True)
    for _ in range(draw(st.integers(0, 3))):
        at = draw(st.integers(0, len(lines) - 1))
        value = draw(
            st.sampled_from([b"NaN", b"-1", b"1e400", b"x", b"", b"+Inf", b"1 2 3", b'{a="b" 1', b"}", b"\xff"])
            | texts.map(lambda one: one.encode(errors="replace"))
        )
        lines[at] = draw(
            st.sampled_from(
                [
                    value + b"\n",
                    lines[at].strip() + b" " + value + b"\n",
                    b"httplat_latency_seconds_sum " + value + b"\n",
                    lines[at] * 2,
                ]
            )
        )
    page = draw(damaged(http(b"".join(lines), draw(st.sampled_from(STATUSES[:6])), "text/plain")))
    arguments = ("watch", "--seconds", "1", "--name", LAB, *draw(JSON))
    answers = {**SERVICES, **replies(), "/metrics": page}
    return Input(border="metrics", arguments=arguments, files={"lab.json": as_json(SETTINGS)}, answers=answers)


PROMETHEUS = {
    "status": "success",
    "data": {
        "resultType": "matrix",
        "result": [
            {
                "metric": {"service": f"httplat-{name}"},
                "value": [1_795_000_000.1, "0.5"],
                "values": [[1_795_000_000.1, "0.5"], [1_795_000_002, "NaN"]],
            }
            for name in ("rng", "hasher")
        ],
        "version": "3.5.0",
    },
}


@st.composite
def prometheus(draw):
    """`monitor` with a Prometheus that answers oddly."""
    body = draw(damaged(as_json(draw(mutated(PROMETHEUS)))))
    odd = http(body, draw(st.sampled_from(STATUSES[:6])))
    right = http(as_json(PROMETHEUS))
    where = draw(st.sampled_from(["/api/v1/query", "/api/v1/query_range", "/api/v1/status", "/api"]))
    arguments = ("monitor", "--seconds", "5", "--window", "5s", "--name", LAB, "--out", f"{FOLDER}/run", *draw(JSON))
    answers = {**SERVICES, **replies(), "/api": right, where: odd}
    return Input(border="prometheus", arguments=arguments, files={"lab.json": as_json(SETTINGS)}, answers=answers)
