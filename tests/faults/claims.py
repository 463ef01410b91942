"""What a command's words claim of the lab, and whether that is so when looked at from outside within a second."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from tests.faults.outside import Seen
from tests.faults.user import Said

WITHIN = 1.0
"""Seconds after a statement in which it has to be true."""


@dataclass(frozen=True)
class Claim:
    """A statement, and what the outside looks around it have to see."""

    text: str
    holds: Callable[[Sequence[Seen]], bool]


def _any(text: str, holds: Callable[[Seen], bool]) -> Claim:
    """A claim that holds when one look agrees."""
    return Claim(text, lambda looks: any(map(holds, looks)))


def _count(text: str, name: str, count: int) -> Claim:
    """A claim about a number of replicas; on its way from one number to another it may have been any in between.

    A worker listens nowhere, so from outside one that still starts, or already leaves, looks like any other.
    """

    def holds(looks: Sequence[Seen]) -> bool:
        there = [seen.answering.get(name, 0) for seen in looks]
        return (name == "worker" or min(there) <= count) and count <= max(there)

    return Claim(text, holds)


def claims_of(said: Said, wanted: Mapping[str, int]) -> list[Claim]:
    """Return what a command has claimed; `wanted` says how many replicas of each deployment make the lab whole."""
    verb = said.command[0]
    if verb == "status":
        return list(_status(said, wanted))
    if verb == "list" and said.code == 0:
        return list(_list(said))
    if verb == "scale" and said.code == 0:
        name, count = said.data["deployment"], said.data["replicas"]
        return [_any(f"✓ {name} has {count} ready", lambda seen: seen.answering.get(name, 0) == count)]
    if verb == "up" and said.code == 0:
        return [_any("✓ up", lambda seen: not seen.missing(dict(wanted)))]
    if verb == "down" and said.code == 0:
        return [_any("✓ down", lambda seen: not seen.processes and not seen.folder)]
    return _failure(said)


def troubles(said: Said) -> list[str]:
    """Return what a status says is wrong, in its own words."""
    found = [one.get("message", "") for one in said.envelope.get("warnings", ())]
    for key, value in said.data.items():
        if "trouble" in key and value:
            found += value.values() if isinstance(value, dict) else value if isinstance(value, list) else [value]
    for name, one in said.data.get("deployments", {}).items():
        found += [f"{name}: {value}" for key, value in one.items() if "trouble" in key and value]
    return [str(one) for one in found if one]


def summary(said: Said) -> str:
    """What a command told, in a few words for the table."""
    if said.code:
        return f"{said.command[0]}: {said.cause or said.err.strip()[-80:]}"
    if said.command[0] == "status":
        few = [
            f"{name} {one['ready']}/{one['desired']}"
            for name, one in said.data.get("deployments", {}).items()
            if one["ready"] != one["desired"]
        ]
        return f"status: {', '.join(few + troubles(said)) or 'ready'}"
    return f"{said.command[0]}: ✓"


def _status(said: Said, wanted: Mapping[str, int]) -> list[Claim]:
    if said.code:
        return _failure(said)
    found = []
    deployments = said.data.get("deployments", {})
    for name, one in deployments.items():
        found.append(_count(f"{name} {one['ready']} ready", name, one["ready"]))
    if not troubles(said) and all(one["ready"] == one["desired"] for one in deployments.values()):
        claimed = {name: one["desired"] for name, one in deployments.items()}
        found.append(_any("ready, without a word of trouble", lambda seen: not seen.missing(claimed)))
    for name, count in wanted.items():
        if name in deployments and deployments[name]["desired"] != count:
            desired = deployments[name]["desired"]
            found.append(_any(f"{name} is wanted {desired} times, not {count}", lambda _: False))
    return found


LISTED: dict[str, Callable[[Seen], bool]] = {
    "running": lambda seen: seen.control,
    "not answering": lambda seen: bool(seen.of("supervisor")) and not seen.control,
    "crashed": lambda seen: seen.folder and not seen.of("supervisor"),
    "none": lambda seen: not seen.folder or not seen.control,
}
"""What each state in a list claims; none is for a lab that is not in it."""


def _list(said: Said) -> list[Claim]:
    name = said.command[said.command.index("--name") + 1]
    state = next((one["state"] for one in said.data.get("labs", ()) if one["name"] == name), "none")
    return [_any(f"listed as {state}", LISTED.get(state, lambda _: False))]


def _failure(said: Said) -> list[Claim]:
    """Claims of the five states, by their words."""
    words = said.cause
    if re.search(r"(The lab|API server|context) .*does not answer", words):
        return [_any("the lab does not answer", lambda seen: bool(seen.of("supervisor")) and not seen.control)]
    if "crashed" in words:
        return [_any("the lab has crashed", lambda seen: seen.folder and not seen.of("supervisor"))]
    if "no lab" in words.lower():
        return [_any("there is no lab", lambda seen: not seen.of("supervisor") and not seen.folder)]
    return []


def false_ones(claims: list[Claim], looks: list[Seen], look: Callable[[], Seen], begin: float) -> list[str]:
    """Return the claims that no look bears out: none within the second before the command's end, none in the one after.

    Args:
        claims: of one command.
        looks: those since a second before.
        look: takes another one.
        begin: monotonic seconds at which the command had ended.
    """
    looks = list(looks) or [look()]
    late = False
    while (left := [one for one in claims if not one.holds(looks)]) and not late:
        looks.append(look())
        late = time.monotonic() - begin > WITHIN
    return [one.text for one in left]
