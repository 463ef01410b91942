"""The supervisor's socket: from a line to a verb, and from its answer or its error to a line."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dclab import __version__
from dclab.engines.embedded import questions, wire
from dclab.engines.embedded.verbs import Verbs
from dclab.errors import DclabError, InvalidInput, NotSupported

__all__ = ["VERBS", "answer", "listen"]

LONGEST_QUESTION = 1 << 20
"""Bytes; a HorizontalPodAutoscaler has some hundreds."""

Q = TypeVar("Q", bound=questions.Question[Any])


async def listen(folder: Path, verbs: Verbs, say: Callable[[str], None]) -> asyncio.Server:
    """Answer questions on the lab's socket from now on; `say` takes a line for the log."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(ConnectionError):
            try:
                line = await reader.readline()
            except ValueError:
                writer.write(wire.fault_line(_no_question(f"it is longer than {LONGEST_QUESTION} bytes")))
            else:
                if line:
                    writer.write(await _reply(verbs, line, say))
            await writer.drain()
        writer.close()

    return await asyncio.start_unix_server(converse, wire.socket_path(folder), limit=LONGEST_QUESTION)


async def _reply(verbs: Verbs, line: bytes, say: Callable[[str], None]) -> bytes:
    try:
        return wire.answer_line(await answer(verbs, line))
    except DclabError as error:
        return wire.fault_line(error)
    except Exception as error:
        say(f"verb failed: {error!r} on {line[:200]!r}")
        return wire.fault_line(
            DclabError("The lab's supervisor failed.", f"{error!r}.", "This is a fault of dclab; please report it.")
        )


def _no_question(why: str) -> InvalidInput:
    return InvalidInput("That is not a question to a lab.", f"{why}.", "Ask through dclab.")


@dataclass(frozen=True)
class _Verb:
    """How a question is answered."""

    question: type[questions.Question[Any]]
    method: Callable[[Verbs, Any], Awaitable[Any]]


def _verb(question: type[Q], method: Callable[[Verbs, Q], Awaitable[Any]]) -> tuple[str, _Verb]:
    return question.verb, _Verb(question, method)


VERBS: Mapping[str, _Verb] = dict(
    (
        _verb(questions.AskAbout, Verbs.about),
        _verb(questions.AskStates, Verbs.states),
        _verb(questions.AskReplicas, Verbs.replicas),
        _verb(questions.AskUsage, Verbs.usage),
        _verb(questions.AskTrouble, Verbs.trouble),
        _verb(questions.AskCpuRequest, Verbs.cpu_request),
        _verb(questions.Ready, Verbs.ready),
        _verb(questions.Scale, Verbs.scale),
        _verb(questions.Configure, Verbs.configure),
        _verb(questions.AskReports, Verbs.worker_reports),
        _verb(questions.SetLoadBalancing, Verbs.set_load_balancing),
        _verb(questions.StartLoad, Verbs.start_load),
        _verb(questions.AskJob, Verbs.job_status),
        _verb(questions.AskJobLog, Verbs.job_log),
        _verb(questions.StopJob, Verbs.job_stop),
        _verb(questions.ApplyAutoscaler, Verbs.apply_autoscaler),
        _verb(questions.RemoveAutoscaler, Verbs.remove_autoscaler),
        _verb(questions.AskAutoscaler, Verbs.autoscaler),
        _verb(questions.AskPasses, Verbs.autoscaler_passes),
        _verb(questions.AskPrometheus, Verbs.prometheus),
        _verb(questions.Down, Verbs.down),
    )
)


async def answer(verbs: Verbs, line: bytes) -> Any:
    """Answer the question that a line holds.

    Raises:
        InvalidInput: it holds none, or one that there is not.
        NotSupported: it comes from another version of dclab, and is not `down`.
        DclabError: whatever the verb raises.
    """
    try:
        envelope = wire.decode_envelope(line)
        if envelope.version != __version__ and envelope.verb != questions.Down.verb:
            raise NotSupported(
                f"This lab runs with dclab {__version__}.",
                f"It was asked by {f'dclab {envelope.version}' if envelope.version else 'an older dclab'}.",
                "Use the same version, or start the lab again: `dclab down`, then `dclab up`.",
            )
        verb = VERBS.get(envelope.verb)
        if verb is None:
            raise ValueError(f"there is no verb {envelope.verb!r}")
        question = wire.decode_arguments(envelope, verb.question)
    except ValueError as error:
        raise _no_question(str(error)) from error
    return await verb.method(verbs, question)
