"""What a verb is given: where to print, the lab that it asks for, a recorded run."""

from __future__ import annotations

import contextlib
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

import typer

from dclab.cli.interrupts import caught
from dclab.cli.options import (
    AppliesTo,
    ContextOption,
    EngineOption,
    JsonOption,
    NameOption,
    OutOption,
    Place,
    QuietOption,
    VerboseOption,
)
from dclab.errors import DclabError, Interrupted, InvalidInput, LabEnded, LabLost, Refused

if TYPE_CHECKING:
    from dclab.cli.output import Output
    from dclab.cli.recorder import Recorder
    from dclab.engines.choose import Choice
    from dclab.lab import Lab

__all__ = ["Call", "ExperimentCall", "Invocation", "LabCall", "PlacedCall"]

NOT_RECORDED = {
    "as_json", "quiet", "verbose", "name", "engine", "context", "out", "images", "yes", "language", "address", "keep",
    "course", "force",
}  # fmt: skip
"""Options that say where and how, not what is measured; some hold names that no report should carry."""


FEW_REPLICAS = 10
"""As many as the exercise has: for how many there is room is said where more are wanted, or where there is none."""


class Invocation:
    """One command line while it runs: what the handler at the top knows of it."""

    def __init__(self) -> None:
        self.output: Output | None = None
        """Set as soon as the options are known."""
        self.afterwards: list[Callable[[], None]] = []
        """What runs once the result has been printed."""


class Call:
    """What every verb is given."""

    options: ClassVar[dict[str, Any]] = {
        "as_json": (JsonOption, False),
        "quiet": (QuietOption, False),
        "verbose": (VerboseOption, False),
    }
    """Annotation and default of the options that come with it."""

    def __init__(self, context: typer.Context, given: Mapping[str, Any]) -> None:
        from dclab.cli.output import Output

        self.click = context
        self.output = Output(
            context.info_name or "", as_json=given["as_json"], quiet=given["quiet"], verbose=given["verbose"]
        )
        self.invocation: Invocation = context.obj
        self.invocation.output = self.output

    @property
    def command_line(self) -> str:
        """The command line that measures this again."""
        parts = ["dclab", self.click.info_name or ""]
        for param in self.click.command.params:
            value = self.click.params.get(param.name or "")
            if value is None or value is False or value == () or param.name in NOT_RECORDED:
                continue
            flags = [max(param.opts, key=len)] if param.param_type_name == "option" else []
            for one in value if isinstance(value, list) else [value]:
                parts += flags if value is True else [*flags, str(one)]
        return shlex.join(parts)

    def from_command_line(self, name: str) -> bool:
        """Return whether an option was typed, rather than left at its default or set in the environment."""
        source = self.click.get_parameter_source(name)
        return source is not None and source.name == "COMMANDLINE"

    def is_given(self, name: str) -> bool:
        """Return whether an option was typed or set in the environment, rather than left at its default."""
        source = self.click.get_parameter_source(name)
        return source is not None and source.name in ("COMMANDLINE", "ENVIRONMENT")

    def afterwards(self, action: Callable[[], None]) -> None:
        """Run this once the result has been printed."""
        self.invocation.afterwards.append(action)


class PlacedCall(Call):
    """For a verb about a lab that need not be there: on which engine, in which cluster, under which name."""

    options: ClassVar = {
        **Call.options,
        "name": (NameOption, None),
        "engine": (EngineOption, "auto"),
        "context": (ContextOption, None),
    }

    def __init__(self, context: typer.Context, given: Mapping[str, Any]) -> None:
        from dclab.engines.choose import DEFAULT_NAMES, choose_engine

        super().__init__(context, given)
        engine, self.context = given["engine"], given["context"]
        # What is typed counts more than what the environment says.
        if engine == "embedded" and not self.from_command_line("context"):
            self.context = None
        elif self.context is not None and self.from_command_line("context") and not self.from_command_line("engine"):
            engine = "kube"
        elif engine == "auto" and given.get("dry_run"):
            engine = "kube"  # nothing is applied anywhere else
        self.choice: Choice = choose_engine(engine, self.context)
        self.name: str = given["name"] or DEFAULT_NAMES[self.choice.engine]

    @property
    def again(self) -> str:
        """The options that name this lab in another command, each behind a space."""
        from dclab.engines.choose import options_of

        return options_of(self.name, self.choice, self.context)

    @property
    def place(self) -> Place:
        """Where the lab is, or would be."""
        if self.choice.engine == "embedded":
            return "embedded"
        return "minikube" if self.context is None else "context"

    def refuse_what_does_not_apply(self, applies: Mapping[str, AppliesTo]) -> None:
        """Raise InvalidInput for an option that was typed and has no meaning in this place."""
        for param in self.click.command.params:
            wanted = applies.get(param.name or "")
            if wanted and self.place not in wanted.places and self.from_command_line(param.name or ""):
                option = max(param.opts, key=len)
                here = {
                    "embedded": "the embedded engine",
                    "minikube": "dclab's own minikube",
                    "context": f"the cluster of the context {self.context!r}",
                }[self.place]
                raise InvalidInput(
                    f"{option} applies only to: {wanted.text}.",
                    f"This command uses {here}, because {self.choice.reason}.",
                    f"Omit {option}" + (", or add --engine kube." if self.place == "embedded" else "."),
                )


class LabCall(PlacedCall):
    """For a verb that asks a running lab."""

    def __init__(self, context: typer.Context, given: Mapping[str, Any]) -> None:
        super().__init__(context, given)
        self._lab: Lab | None = None

    @property
    def lab(self) -> Lab:
        """The running lab; NoLab when there is none."""
        from dclab.engines.choose import require_lab

        if self._lab is None:
            self._lab = require_lab(self.name, self.choice, self.context)
        return self._lab

    def check_room(self, replicas: int, *, force: bool, deployment: str = "worker", lab: Lab | None = None) -> None:
        """Say for how many replicas there is room where many are wanted; NoRoom where there is none for so many."""
        from dclab.experiments.room import check_room

        said = check_room(lab or self.lab, deployment, replicas, force=force)
        if said and replicas > FEW_REPLICAS:
            self.output.note(said)


class ExperimentCall(LabCall):
    """For a verb that measures, and keeps what it measured in a folder."""

    options: ClassVar = {**LabCall.options, "out": (OutOption, None)}

    def __init__(self, context: typer.Context, given: Mapping[str, Any]) -> None:
        super().__init__(context, given)
        self.out: Path | None = given["out"]

    @contextlib.contextmanager
    def recording(
        self,
        *,
        lab: Lab | None = None,
        folder: Path | None = None,
        quick: bool = False,
        expected: Mapping[str, float] | None = None,
        holds: bool = True,
    ) -> Iterator[Recorder]:
        """Record a run in a folder, and show it; when it is cut off, say where what was measured is.

        Args:
            lab: another than the running one.
            folder: one that was made before.
            quick: the run is a compressed one.
            expected: parts that are listed on a terminal, with about how many seconds each takes.
            holds: nobody else may change the lab meanwhile; false for what only reads.
        """
        lab = lab or self.lab
        with self.holding(lab) if holds else contextlib.nullcontext():
            yield from self._recorded(lab, folder, quick, expected or {})

    def holding(self, lab: Lab) -> contextlib.AbstractContextManager[None]:
        """Let nobody else change the lab for the duration."""
        return lab.hold(f"dclab {self.click.info_name}")

    def _recorded(
        self, lab: Lab, folder: Path | None, quick: bool, expected: Mapping[str, float]
    ) -> Iterator[Recorder]:
        from dclab.run_folder import drop_unused, new_folder

        ours = folder is None
        folder = folder or new_folder(self.out, lab.engine)
        try:
            yield from self._kept(lab, folder, quick, expected, ours=ours)
        except KeyboardInterrupt:  # also one that came before anything was measured
            caught()
            drop_unused(folder)
            kept = f"What was measured is in {folder}." if folder.exists() else ""
            raise Interrupted("Interrupted.", "", kept) from None

    def _kept(
        self, lab: Lab, folder: Path, quick: bool, expected: Mapping[str, float], *, ours: bool
    ) -> Iterator[Recorder]:
        from dclab.cli.live import View
        from dclab.cli.recorder import Recorder
        from dclab.experiments.recovery import why_lost
        from dclab.results import Caveat
        from dclab.run_folder import Run, this_environment

        run = Run(
            folder,
            engine=lab.engine,
            lab=lab.name,
            command=self.command_line,
            environment=this_environment(self.choice.reason, lab.versions()),
            quick=quick,
            identity=lab.identity(),
        )
        view = View(run.results, expected)
        try:
            with self.output.live(view):
                try:
                    yield Recorder(self.output, run, view)
                except BaseException:
                    view.finish(cut_off=True)
                    raise
                view.finish()
        except DclabError as failure:
            if ours and isinstance(failure, (InvalidInput, Refused)) and run.discard():
                raise
            error = why_lost(lab, failure) if isinstance(failure, LabLost) else failure
            if isinstance(error, LabEnded):  # of this kind of end the report says more than that it was one
                said = f"{error.what} {error.why}"
                run.caveat(Caveat(code=error.code, message=said, hint="The rest was not measured."))
            error.hint = f"{error.hint} What was measured is in {folder}.".strip()
            raise error from failure.__cause__
        run.finish()
