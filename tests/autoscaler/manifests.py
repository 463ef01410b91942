"""Manifests near to a right one: the API server takes some of them and refuses others."""

from __future__ import annotations

import copy
from random import Random
from typing import Any

from dclab.autoscaler.fields import FIELDS
from tests.autoscaler.cases import manifest

SCALARS: dict[str, tuple[Any, ...]] = {
    "string": ("", "x", "Rng", "a/b", "%", "..", "a b", "cpu", "memory", "In", "é", "v1", "apps/v1", "a/b/c", 5, True),
    "int32": (0, 1, -1, 2, 10, 1800, 1801, 3600, 3601, 2**31 - 1, 2**31, 1.0, 1.5, "1", True),
    "int64": (0, 1, -1, 2**63 - 1, 2**63, "1"),
    "quantity": (
        "0",
        0,
        "-1",
        "1",
        5,
        0.5,
        "1e3",
        "1E",
        "1Ei",
        "5n",
        ".5",
        "+5",
        "5.",
        "",
        "m",
        "1 ",
        "abc",
        "1K",
        "1ki",
        True,
    ),
    "bool": (True, False, "true", 1),
    "time": ("2026-01-01T00:00:00Z",),
    "any": ({}, {"a": 1}),
}
ENUMS = {
    "type": (
        "Resource",
        "ContainerResource",
        "Pods",
        "Object",
        "External",
        "Utilization",
        "AverageValue",
        "Value",
        "Percent",
    ),
    "selectPolicy": ("Max", "Min", "Disabled", "max"),
    "operator": ("In", "NotIn", "Exists", "DoesNotExist", "in"),
    "kind": ("Deployment", "StatefulSet", "ReplicationController", "Service", "Namespace"),
    "apiVersion": ("v1", "apps/v1", "/v1", "apps/", "apps", "autoscaling/v1", "autoscaling/v2"),
}
TOP = ("apiVersion", "kind")
"""Fields that choose the type itself; dclab tells what is wrong with them in its own way."""


SERVERS = ("managedFields", "ownerReferences")
"""What the API server writes; of a user's, dclab checks the types only."""


def near(random: Random) -> dict[str, Any]:
    """Return a manifest with zero to three changes."""
    made = manifest(random)
    for _ in range(random.choice((0, 1, 1, 1, 2, 3))):
        made = copy.deepcopy(made)
        _change(random, made, made["apiVersion"])
    return made


def _change(random: Random, value: dict[str, Any], kind: str) -> None:
    """Change one field of an object, or something within it."""
    fields = {key: one for key, one in FIELDS[kind].items() if key not in SERVERS}
    if kind.startswith("autoscaling/"):
        fields = {key: one for key, one in fields.items() if key not in TOP}
    key = random.choice([*fields, *value, *value]) if value else random.choice(list(fields))
    if key not in fields:
        return
    inner, found = fields[key], value.get(key)
    if random.random() < 0.75:
        if isinstance(found, dict) and inner in FIELDS:
            _change(random, found, inner)
            return
        objects = [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []
        if objects and inner[1:-1] in FIELDS:
            _change(random, random.choice(objects), inner[1:-1])
            return
    chance = random.random()
    if chance < 0.08:
        value[random.choice((f"{key}s", key[:-1] or "x", key.upper()))] = found
    elif chance < 0.2:
        value.pop(key, None)
    elif chance < 0.23:
        value[key] = None
    elif chance < 0.26:
        value[key] = random.choice(("text", 1, [], {}, [1]))
    else:
        value[key] = _value(random, key, inner)


def _value(random: Random, key: str, kind: str) -> Any:
    if kind.startswith("["):
        return [_value(random, key, kind[1:-1]) for _ in range(random.randint(0, 2))]
    if kind.startswith("{"):
        return {random.choice(("a", "a/b", "A.b", "-", "")): random.choice(("", "x", "-", 1)) for _ in range(2)}
    if kind in FIELDS:
        return {
            one: _value(random, one, inner)
            for one, inner in FIELDS[kind].items()
            if one not in SERVERS and random.random() < 0.6
        }
    return (
        random.choice((*ENUMS[key], *ENUMS[key], "x"))
        if key in ENUMS and random.random() < 0.9
        else random.choice(SCALARS[kind])
    )
