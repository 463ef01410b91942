"""Asking the supervisor of an embedded lab, and what can go wrong there: no lab, no answer, another version, nonsense."""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar, overload

import msgspec

from dclab import __version__
from dclab.engines import states
from dclab.engines.embedded import wire
from dclab.engines.embedded.questions import Question, answer_type
from dclab.errors import LabLost, NotAnswering

__all__ = ["Gone", "Unreadable", "ask", "read_line", "stay_connected"]

ANSWER_TIMEOUT = 10.0
"""Seconds that a supervisor may take over a question, beyond the time-out that the question itself names."""

LONGEST_REPLY = 1 << 26
"""Bytes of the longest line that a supervisor may send: more than the log of any load test."""

T = TypeVar("T")


class Gone(LabLost):
    """No supervisor listens; what that means, `look` finds out."""


class Unreadable(LabLost):
    """What a supervisor has sent is not an answer."""


@overload
def ask(
    folder: Path, question: Question[T], *, within: float | None = None, instance: str = "", hold: str = ""
) -> T: ...


@overload
def ask(
    folder: Path,
    question: Question[msgspec.Raw],
    *,
    within: float | None = None,
    instance: str = "",
    hold: str = "",
    kind: type[T],
) -> T: ...


def ask(
    folder: Path,
    question: Question[Any],
    *,
    within: float | None = None,
    instance: str = "",
    hold: str = "",
    kind: Any = None,
) -> Any:
    """Put a question to the supervisor of the lab in `folder`.

    Args:
        folder: of the lab.
        question: one of `questions`.
        within: seconds for all of it; by default the question's own time-out, and ten more.
        instance: the lab that is meant; empty for any lab with its name.
        hold: token of the hold under which it is asked; empty for none.
        kind: type of an answer whose type the question leaves open.

    Raises:
        Gone, NotAnswering, Unreadable, OtherVersion: there is no answer to it, and why.
        DclabError: whatever the supervisor reports.
    """
    line = wire.envelope_line(question.verb, question, instance=instance, hold=hold)
    seconds = question.patience + ANSWER_TIMEOUT if within is None else within
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        return _decoded(folder, question, _exchange(folder, connection, line, seconds), kind)


def stay_connected(folder: Path, question: Question[T], *, instance: str) -> tuple[T, socket.socket]:
    """Put a question; return its answer, and the connection, which stays open.

    Raises:
        Gone, NotAnswering, Unreadable, OtherVersion: there is no answer to it, and why.
        DclabError: whatever the supervisor reports.
    """
    connection = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        line = wire.envelope_line(question.verb, question, instance=instance)
        return _decoded(folder, question, _exchange(folder, connection, line, ANSWER_TIMEOUT), None), connection
    except BaseException:
        connection.close()
        raise


def _decoded(folder: Path, question: Question[Any], line: bytes, kind: Any) -> Any:
    try:
        reply = wire.decode_reply(line)
        if reply.version != __version__ and question.verb != "down":
            raise states.other_version(folder.name, reply.version, _where(folder))
        return wire.decode_answer(reply, kind or answer_type(type(question)))
    except ValueError as error:
        raise _unreadable(folder, str(error)) from error


def _exchange(folder: Path, connection: socket.socket, line: bytes, seconds: float) -> bytes:
    deadline = time.monotonic() + seconds
    path = wire.socket_path(folder)
    if len(os.fsencode(path)) > wire.SOCKET_PATH_LIMIT:
        raise _gone(folder, "its folder's path is too long for a socket")
    try:
        connection.settimeout(seconds)
        connection.connect(str(path))
        connection.sendall(line)
        return read_line(connection.fileno(), connection.recv, deadline)
    except (FileNotFoundError, NotADirectoryError, ConnectionError) as error:
        raise _gone(folder, (error.strerror or str(error)).lower()) from error
    except TimeoutError as error:
        raise _not_answering(
            folder, f"Its supervisor hangs, or this machine is overloaded: it took longer than {seconds:g} s"
        ) from error
    except OSError as error:
        raise _not_answering(folder, f"Its socket cannot be used: {error}") from error
    except EOFError as error:
        raise _gone(folder, "it ended before it had answered") from error
    except ValueError as error:
        raise _unreadable(folder, str(error)) from error


def read_line(descriptor: int, read: Callable[[int], bytes], deadline: float) -> bytes:
    """Return one line, without its end, from a descriptor whose `read` does not block once it is readable.

    Raises:
        TimeoutError: the line has not ended at `deadline` (monotonic seconds).
        EOFError: the other side ended without a word.
        ValueError: it ended in the middle of the line, or the line is too long.
    """
    poll = select.poll()
    poll.register(descriptor, select.POLLIN)
    received = bytearray()
    while len(received) <= LONGEST_REPLY:
        left = deadline - time.monotonic()
        if left <= 0 or not poll.poll(1000 * left):
            raise TimeoutError
        data = read(65536)
        head, end, _ = data.partition(b"\n")
        received += head
        if end:
            return bytes(received)
        if not data:
            if received:
                raise ValueError("it ends in the middle of a line")
            raise EOFError
    raise ValueError(f"it is longer than {LONGEST_REPLY} bytes")


def _where(folder: Path) -> str:
    return f" --name {folder.name}"


def _gone(folder: Path, why: str) -> Gone:
    return Gone(
        f"The lab {folder.name!r} is not running.",
        f"Its supervisor does not listen: {why}.",
        f"Start it with `dclab up{_where(folder)}`.",
    )


def _not_answering(folder: Path, why: str) -> NotAnswering:
    return states.not_answering(folder.name, why, _where(folder), f"Its log is {wire.supervisor_log(folder)}.")


def _unreadable(folder: Path, why: str) -> Unreadable:
    return Unreadable(
        f"The answer of the lab {folder.name!r} cannot be read.",
        f"It is not what a supervisor of dclab {__version__} sends: {why}.",
        f"Replace the lab: `dclab down{_where(folder)}`, then `dclab up{_where(folder)}`.",
    )
