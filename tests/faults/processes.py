"""Faults of every process of a lab: alone, all at once, and while a command works."""

from __future__ import annotations

from tests.faults.fault import Fault
from tests.faults.giving import (
    again_and_again,
    crash_loop,
    hang,
    hang_for_good,
    kill,
    kill_all,
    no_descriptors,
    no_memory,
    port_taken,
    slow_start,
)
from tests.faults.meanwhile import LATENCY, LOAD, SCALE, SWEEP
from tests.faults.trial import on_lab

REPLICAS = ("redis", "rng", "hasher", "worker", "webui", "httplat-rng", "httplat-hasher")

HANG_SECONDS = 6.0
"""Longer than the 3 s after which a hung data path is to be replaced."""

EVERYTHING = ("proxy", "prometheus", "siege", *REPLICAS)

LISTENING = ("redis", "rng", "hasher", "webui", "httplat-rng")

FAULTS: list[Fault] = [
    *(on_lab("kill", role, kill(role), short=role in ("proxy", "redis", "rng")) for role in ("proxy", *REPLICAS)),
    on_lab("kill", "prometheus", kill("prometheus")),
    on_lab("kill", "siege", kill("siege"), meanwhile=LOAD),
    on_lab("kill", "supervisor", kill("supervisor"), heals="up", short=True),
    *(
        on_lab("hang 6 s", role, hang(role), lasts=HANG_SECONDS, short=role == "proxy")
        for role in ("supervisor", "proxy", "prometheus", *REPLICAS)
    ),
    on_lab("hang 6 s", "siege", hang("siege"), lasts=HANG_SECONDS, meanwhile=LOAD),
    *(on_lab("hang for good", role, hang_for_good(role)) for role in ("proxy", "redis", "rng", "worker", "webui")),
    on_lab("hang for good", "supervisor", hang_for_good("supervisor"), heals="either"),
    on_lab("kill in a sweep", "supervisor", kill("supervisor"), meanwhile=SWEEP, heals="up"),
    *(on_lab("kill in a sweep", role, kill(role), meanwhile=SWEEP) for role in ("proxy", "redis", "rng", "worker")),
    on_lab("hang in a sweep", "supervisor", hang("supervisor"), lasts=HANG_SECONDS, meanwhile=SWEEP),
    on_lab("hang in a sweep", "proxy", hang("proxy"), lasts=HANG_SECONDS, meanwhile=SWEEP),
    on_lab("kill in a scale", "supervisor", kill("supervisor"), meanwhile=SCALE, heals="up"),
    on_lab("kill in a scale", "proxy", kill("proxy"), meanwhile=SCALE),
    on_lab("kill in a scale", "worker", kill("worker"), meanwhile=SCALE),
    on_lab("kill in a load test", "supervisor", kill("supervisor"), meanwhile=LOAD, heals="up"),
    on_lab("kill in a load test", "proxy", kill("proxy"), meanwhile=LOAD),
    on_lab("kill in probes", "hasher", kill("hasher"), meanwhile=LATENCY),
    on_lab("kill 8 times", "proxy", again_and_again("proxy", 8, 0.3)),
    on_lab("kill 3 times", "redis", again_and_again("redis", 3, 0.5)),
    on_lab("kill 3 times", "rng", again_and_again("rng", 3, 0.5)),
    on_lab("kill 3 times", "supervisor", again_and_again("supervisor", 3, 0.3), heals="up"),
    on_lab("kill all", "rng", kill_all("rng")),
    on_lab("kill all", "worker", kill_all("worker")),
    on_lab("kill all", "hasher and rng", kill_all("hasher", "rng")),
    on_lab("kill all", "all but supervisor", kill_all(*EVERYTHING)),
    on_lab("kill all", "whole lab", kill_all("supervisor", *EVERYTHING), heals="up"),
    on_lab("crash loop 4 s", "proxy", crash_loop("proxy"), lasts=4),
    *(
        on_lab("crash loop 4 s", role, crash_loop(role), lasts=4, heals_within=10)
        for role in ("redis", "rng", "worker", "webui")
    ),
    on_lab("crash loop in a scale", "rng", crash_loop("rng"), lasts=4, meanwhile=SCALE, heals_within=10),
    *(on_lab("slow start", role, slow_start(role), lasts=4) for role in ("proxy", "redis", "rng", "webui")),
    on_lab("out of descriptors", "supervisor", no_descriptors("supervisor", kill("proxy")), lasts=5, short=True),
    on_lab("out of descriptors", "supervisor, scale", no_descriptors("supervisor"), lasts=5, meanwhile=SCALE),
    *(
        on_lab("out of descriptors", role, no_descriptors(role), lasts=5)
        for role in ("proxy", "redis", "rng", "worker")
    ),
    *(on_lab("out of memory", role, no_memory(role), lasts=5) for role in ("supervisor", "proxy", "rng", "redis")),
    *(on_lab("port taken", role, port_taken(role), lasts=3) for role in LISTENING),
    *(on_lab("service port taken", role, port_taken(role, service=True), lasts=8) for role in ("rng", "webui")),
]
