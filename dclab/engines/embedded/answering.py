"""The supervisor's socket: from a line to a verb, and from its answer or its error to a line."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from dclab.engines.embedded import questions, wire
from dclab.engines.embedded.gate import LAST_WORDS, Gate
from dclab.engines.embedded.verbs import Verbs
from dclab.engines.processes import command_of
from dclab.errors import DclabError, InvalidInput, LabEnded

__all__ = ["VERBS", "answer", "listen"]

LONGEST_QUESTION = 1 << 20
"""Bytes; a HorizontalPodAutoscaler has some hundreds."""

T = TypeVar("T")
Q = TypeVar("Q", bound=questions.Question[Any])


async def listen(folder: Path, verbs: Verbs, gate: Gate, say: Callable[[str], None]) -> asyncio.Server:
    """Answer questions on the lab's socket from now on; `say` takes a line for the log."""

    async def converse(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await _Conversation(verbs, gate, say, reader, writer).run()
        except ConnectionError:
            pass
        except Exception as error:
            say(f"a connection failed: {error!r}")
        finally:
            writer.close()

    return await asyncio.start_unix_server(converse, wire.socket_path(folder), limit=LONGEST_QUESTION)


@dataclass(frozen=True)
class _Conversation:
    """One connection: a question and its answer, or a hold."""

    verbs: Verbs
    gate: Gate
    say: Callable[[str], None]
    reader: asyncio.StreamReader
    writer: asyncio.StreamWriter

    async def run(self) -> None:
        """Read the question, answer it; ConnectionError when the other side has gone."""
        try:
            line = await self.reader.readline()
        except ValueError:
            await self._send(wire.fault_line(_no_question(f"it is longer than {LONGEST_QUESTION} bytes")))
            return
        if line:
            await self._reply(line)

    async def _reply(self, line: bytes) -> None:
        try:
            found = await answer(self.verbs, self.gate, line)
            if isinstance(found, _Held):
                await self._hold(found)
            else:
                await self._send(wire.answer_line(found))
        except DclabError as error:
            await self._send(wire.fault_line(error))
        except ConnectionError:
            raise
        except Exception as error:
            self.say(f"verb failed: {error!r} on {line[:200]!r}")
            fault = DclabError(
                "The lab's supervisor failed.", f"{error!r}.", "This is a fault of dclab; please report it."
            )
            await self._send(wire.fault_line(fault))

    async def _hold(self, held: _Held) -> None:
        """Keep a hold until its connection ends. A client that gives it up says so first, one that is killed does not."""
        given_up = b""
        try:
            await self._send(wire.answer_line(held.token))
            given_up = await _unless_ended(self.gate, self.reader.read())
        except LabEnded:
            given_up = wire.answer_line(self.gate.ended_by)
            await self._send(given_up)
        except ConnectionError:
            pass
        finally:
            try:
                if not (given_up or self.gate.closed.is_set()):
                    self.say("the command that held the lab is gone: what it had changed is put back")
                    await held.put_back()
            finally:
                self.gate.release(held.token)

    async def _send(self, line: bytes) -> None:
        self.writer.write(line)
        await self.writer.drain()


def _no_question(why: str) -> InvalidInput:
    return InvalidInput("That is not a question to a lab.", f"{why}.", "Ask through dclab.")


@dataclass(frozen=True)
class _Verb:
    """How a question is answered."""

    question: type[questions.Question[Any]]
    method: Callable[[Verbs, Any], Coroutine[Any, Any, Any]]


def _verb(question: type[Q], method: Callable[[Verbs, Q], Coroutine[Any, Any, Any]]) -> tuple[str, _Verb]:
    return question.verb, _Verb(question, method)


VERBS: Mapping[str, _Verb] = dict(
    (
        _verb(questions.AskAbout, Verbs.about),
        _verb(questions.AskStates, Verbs.states),
        _verb(questions.AskReplicas, Verbs.replicas),
        _verb(questions.AskUsage, Verbs.usage),
        _verb(questions.AskSpent, Verbs.spent),
        _verb(questions.AskTrouble, Verbs.trouble),
        _verb(questions.AskRoom, Verbs.room),
        _verb(questions.AskCpuRequest, Verbs.cpu_request),
        _verb(questions.Ready, Verbs.ready),
        _verb(questions.Scale, Verbs.scale),
        _verb(questions.Configure, Verbs.configure),
        _verb(questions.AskHealth, Verbs.health),
        _verb(questions.RollOut, Verbs.roll_out),
        _verb(questions.RollBack, Verbs.roll_back),
        _verb(questions.DeleteReplica, Verbs.delete_replica),
        _verb(questions.AskReports, Verbs.worker_reports),
        _verb(questions.SetLoadBalancing, Verbs.set_load_balancing),
        _verb(questions.StartLoad, Verbs.start_load),
        _verb(questions.AskJob, Verbs.job_status),
        _verb(questions.AskJobLog, Verbs.job_log),
        _verb(questions.StopJob, Verbs.job_stop),
        _verb(questions.ScrapeEvery, Verbs.scrape_every),
        _verb(questions.AskServedMetrics, Verbs.served_metrics),
        _verb(questions.AskQuantities, Verbs.quantities),
        _verb(questions.ApplyAutoscaler, Verbs.apply_autoscaler),
        _verb(questions.RemoveAutoscaler, Verbs.remove_autoscaler),
        _verb(questions.AskAutoscaler, Verbs.autoscaler),
        _verb(questions.AskPasses, Verbs.autoscaler_passes),
        _verb(questions.AskPrometheus, Verbs.prometheus),
        _verb(questions.Down, Verbs.down),
    )
)


@dataclass(frozen=True)
class _Held:
    """The answer to `hold`, which the gate gives rather than a verb."""

    token: str
    put_back: Callable[[], Coroutine[Any, Any, None]]
    """Undoes what was changed since."""


async def answer(verbs: Verbs, gate: Gate, line: bytes) -> Any:
    """Answer the question that a line holds.

    Raises:
        InvalidInput: it holds none, or one that there is not.
        DclabError: whatever the gate says, or the verb.
    """
    try:
        envelope = wire.decode_envelope(line)
        gate.check(envelope)
        if envelope.verb == questions.Hold.verb:
            asked = wire.decode_arguments(envelope, questions.Hold)
            return _Held(gate.take(asked.what, envelope.pid), verbs.parts.remember())
        verb = VERBS.get(envelope.verb)
        if verb is None:
            raise ValueError(f"there is no verb {envelope.verb!r}")
        question = wire.decode_arguments(envelope, verb.question)
    except ValueError as error:
        raise _no_question(str(error)) from error
    if isinstance(question, questions.Down):
        gate.close(command_of(envelope.pid))
    if envelope.verb in LAST_WORDS:
        return await verb.method(verbs, question)
    return await _unless_ended(gate, verb.method(verbs, question))


async def _unless_ended(gate: Gate, answering: Coroutine[Any, Any, T]) -> T:
    """Return an answer; LabEnded as soon as the lab is being ended."""
    task = asyncio.ensure_future(answering)
    closed = asyncio.ensure_future(gate.closed.wait())
    try:
        await asyncio.wait((task, closed), return_when=asyncio.FIRST_COMPLETED)
        if task.done():
            return task.result()
        raise gate.ended()
    finally:
        closed.cancel()
        task.cancel()
