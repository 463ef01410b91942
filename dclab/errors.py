"""Errors with messages for users, and the exit code of each."""

from __future__ import annotations

from enum import IntEnum
from typing import ClassVar

__all__ = [
    "DclabError",
    "ExitCode",
    "Interrupted",
    "InvalidInput",
    "LabCrashed",
    "LabEnded",
    "LabHeld",
    "LabLost",
    "MissingTool",
    "NoLab",
    "NoRoom",
    "NotAnswering",
    "NotSupported",
    "OtherVersion",
    "Refused",
    "TimedOut",
    "Unexpected",
    "Usage",
]


class ExitCode(IntEnum):
    """Exit codes of every dclab command."""

    OK = 0
    ERROR = 1
    """Something failed while running; what was measured is kept."""
    USAGE = 2
    """A value or a combination of options is wrong; nothing was started."""
    TIMEOUT = 4
    """The lab did not reach a state in time."""
    ENVIRONMENT = 5
    """This machine lacks something: a program, a permission, disk, a cluster."""
    REFUSED = 6
    """dclab refuses to change that: it is not dclab's own, nobody confirmed, or another command is measuring."""
    INTERRUPTED = 130
    """Ctrl-C, SIGTERM or a closed terminal; what was measured is kept."""


class DclabError(Exception):
    """A failure: what happened, why, and what to do next.

    Args:
        what: what happened.
        why: the cause, as far as it is known; may be empty.
        hint: what to do next; may be empty.
    """

    code: ClassVar[str] = "failed"
    exit_code: ClassVar[ExitCode] = ExitCode.ERROR

    def __init__(self, what: str, why: str = "", hint: str = "") -> None:
        super().__init__(what)
        self.what = what
        self.why = why
        self.hint = hint

    def __str__(self) -> str:
        return " ".join(part for part in (self.what, self.why, self.hint) if part)


class Usage(DclabError):
    """The command line is wrong: an option, an argument or a command that does not exist."""

    code = "usage"
    exit_code = ExitCode.USAGE


class Interrupted(DclabError):
    """Ctrl-C, SIGTERM or a closed terminal."""

    code = "interrupted"
    exit_code = ExitCode.INTERRUPTED


class Unexpected(DclabError):
    """An exception that dclab did not expect: a fault in dclab."""

    code = "unexpected"


class InvalidInput(DclabError):
    """A value given by the user, or a file named by the user, is wrong."""

    code = "invalid-input"
    exit_code = ExitCode.USAGE


class NoLab(DclabError):
    """There is no lab with that name."""

    code = "no-lab"
    exit_code = ExitCode.ENVIRONMENT


class NoRoom(DclabError):
    """There is no room for so many replicas, or their queue would be too long; nothing was started."""

    code = "no-room"
    exit_code = ExitCode.ENVIRONMENT


class LabLost(DclabError):
    """The lab is gone, or part of it does not answer any more."""

    code = "lab-lost"


class LabCrashed(LabLost):
    """The lab's supervisor has died, or its deployments were deleted; `dclab up` (`Lab.deploy`) restarts it."""

    code = "lab-crashed"


class NotAnswering(LabLost):
    """The lab's supervisor or cluster does not answer in time."""

    code = "not-answering"


class LabEnded(DclabError):
    """Someone ended the lab while a command used it; only `dclab up` starts it again."""

    code = "lab-ended"


class MissingTool(DclabError):
    """This machine lacks a program, a permission or a resource."""

    code = "environment"
    exit_code = ExitCode.ENVIRONMENT


class NotSupported(DclabError):
    """This version of dclab cannot do that."""

    code = "not-supported"
    exit_code = ExitCode.ENVIRONMENT


class OtherVersion(NotSupported):
    """The lab was started by another version of dclab."""

    code = "other-version"


class Refused(DclabError):
    """dclab refuses to change something that is not its own, or that nobody confirmed."""

    code = "refused"
    exit_code = ExitCode.REFUSED


class LabHeld(Refused):
    """Another command is measuring the lab, and this one would change it."""

    code = "lab-held"


class TimedOut(DclabError):
    """The lab did not reach a state in time."""

    code = "timeout"
    exit_code = ExitCode.TIMEOUT
