"""A short run of the whole exercise on a real lab, and what a kill at any moment of it would have left."""

from __future__ import annotations

import shutil
from dataclasses import dataclass, field

from dclab.engines.embedded import launch
from dclab.engines.embedded.wire import Settings
from dclab.experiments.exercise import ExerciseSettings, run_exercise
from dclab.experiments.hpa_demo import demo_settings
from dclab.experiments.latency import LatencySettings
from dclab.experiments.proof import FEW_CHANGES, ProofSettings
from dclab.experiments.sweep import SweepSettings
from dclab.run_folder import RAW, RESULTS, Run, this_environment

__all__ = ["RealRun", "make"]

CLOCK = 20.0


@dataclass
class RealRun:
    """The folder of the finished run, and how far each file was after each write."""

    run: Run
    moments: list[tuple[bytes, dict[str, int]]] = field(default_factory=list)
    """results.json, and the length of each file of raw/."""

    def killed(self, moment, folder):
        """Make the folder that a kill at that moment would have left."""
        results, sizes = self.moments[moment]
        (folder / RAW).mkdir(parents=True)
        (folder / RESULTS).write_bytes(results)
        for name, size in sizes.items():
            (folder / RAW / name).write_bytes((self.run.folder / RAW / name).read_bytes()[:size])

    def copy(self, folder):
        """Copy the finished run."""
        shutil.copytree(self.run.folder, folder)

    def _noted(self, partly=""):
        raw = self.run.folder / RAW
        sizes = {one.name: one.stat().st_size for one in raw.glob("*.jsonl")}
        results = (self.run.folder / RESULTS).read_bytes()
        if partly:  # a kill in the middle of a write leaves a part of a line
            before = self.moments[-1][1].get(partly, 0) if self.moments else 0
            part = {**sizes, partly: before + (sizes[partly] - before) * 2 // 3}
            self.moments.append((results, part))
        self.moments.append((results, sizes))

    # As an observer of the experiment.

    def step(self, text):
        pass

    def caveat(self, caveat):
        self.run.caveat(caveat)
        self._noted()

    def record(self, **parts):
        self.run.record(**parts)
        self._noted()

    def raw(self, name, rows):
        self.run.raw(name, rows)
        self._noted(f"{name}.jsonl")

    def picture(self, name, png):
        self.run.picture(name, png)


def make(folder):
    """Make the run."""
    settings = ExerciseSettings(
        sweep=SweepSettings(workers=(1, 4, 10), seconds=4.0, settle=0.5),
        latency=LatencySettings(count=3, settle=1.5, more=""),
        proof=ProofSettings(seconds=4.0, settle=0.5, changes=FEW_CHANGES),
        demo=demo_settings("rng", 10, 5.0, CLOCK),
        comparison=None,
        monitoring_seconds=20.0,
    )
    lab, _ = launch.start(Settings(name="verified", clock_speed=CLOCK))
    try:
        lab.ready()
        environment = this_environment("for a test", lab.versions())
        run = Run(
            folder, engine=lab.engine, lab=lab.name, command="dclab run --quick", environment=environment, quick=True
        )
        made = RealRun(run)
        failed = run_exercise(lab, settings, made)
        run.finish()
        assert failed == []
        return made
    finally:
        lab.down()
