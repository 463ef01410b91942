"""The objects of Kubernetes' API, as far as dclab reads them: one type a kind, and what they say of themselves.

Fields are those of the API reference, in snake case. Except for names, everything may be missing: an API server leaves
out what is empty.
"""

from __future__ import annotations

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Generic, TypeVar

import msgspec

from dclab.quantity import MIB, parse_quantity

__all__ = [
    "ZERO",
    "ApiService",
    "Condition",
    "Event",
    "Lease",
    "Listed",
    "Namespace",
    "Node",
    "Object",
    "Part",
    "Quantity",
    "Reference",
    "RoleBinding",
    "Service",
    "ServiceSpec",
    "Status",
    "Version",
    "decode",
    "unix",
]


class Quantity(Decimal):
    """A quantity such as `200m`, exactly."""

    @property
    def millicores(self) -> float:
        """Of CPU: thousandths of a core."""
        return float(self * 1000)

    @property
    def mebibytes(self) -> float:
        """Of memory: units of 2^20 bytes."""
        return float(self / MIB)

    @property
    def megabytes(self) -> float:
        """Of memory: millions of bytes."""
        return float(self / 1_000_000)


ZERO = Quantity(0)


class Part(msgspec.Struct, frozen=True, kw_only=True, rename="camel"):
    """Any part of an object; unknown fields are ignored."""


class Metadata(Part, frozen=True):
    """What every object has."""

    name: str
    namespace: str = ""
    uid: str = ""
    resource_version: str = ""
    generation: int = 0
    labels: dict[str, str] = msgspec.field(default_factory=dict)
    annotations: dict[str, str] = msgspec.field(default_factory=dict)
    creation_timestamp: datetime | None = None
    deletion_timestamp: datetime | None = None


class Condition(Part, frozen=True):
    """One condition of any object's status."""

    type: str
    status: str
    reason: str = ""
    message: str = ""
    last_transition_time: datetime | None = None


class Object(Part, frozen=True):
    """An object of which only the metadata counts."""

    metadata: Metadata


class RoleReference(Part, frozen=True):
    """The role that a binding gives."""

    kind: str = ""
    name: str = ""


class RoleBinding(Object, frozen=True):
    """A binding of a role."""

    role_ref: RoleReference = RoleReference()


class LeaseSpec(Part, frozen=True):
    """Who holds something, and until when."""

    holder_identity: str = ""
    lease_duration_seconds: int = 0
    acquire_time: datetime | None = None
    renew_time: datetime | None = None


class Lease(Object, frozen=True):
    """A lease."""

    spec: LeaseSpec = LeaseSpec()


class NamespaceStatus(Part, frozen=True):
    """State of a namespace."""

    conditions: tuple[Condition, ...] = ()


class Namespace(Object, frozen=True):
    """A namespace."""

    status: NamespaceStatus = NamespaceStatus()


class ServicePort(Part, frozen=True):
    """A port of a service."""

    port: int
    target_port: int | str = 0
    node_port: int = 0


class ServiceSpec(Part, frozen=True):
    """What a service is to be."""

    type: str = "ClusterIP"
    selector: dict[str, str] = msgspec.field(default_factory=dict)
    ports: tuple[ServicePort, ...] = ()


class Service(Object, frozen=True):
    """A service."""

    spec: ServiceSpec = ServiceSpec()


class NodeInfo(Part, frozen=True):
    """What a node runs on."""

    architecture: str = ""
    os_image: str = ""
    container_runtime_version: str = ""


class NodeAddress(Part, frozen=True):
    """One address of a node."""

    type: str
    address: str


class NodeImage(Part, frozen=True):
    """An image that a node holds."""

    names: tuple[str, ...] = ()


class Taint(Part, frozen=True):
    """What keeps pods that do not tolerate it from a node."""

    key: str = ""
    effect: str = ""


class NodeSpec(Part, frozen=True):
    """What a node is to be."""

    unschedulable: bool = False
    taints: tuple[Taint, ...] = ()


class NodeStatus(Part, frozen=True):
    """State of a node."""

    allocatable: dict[str, Quantity] = msgspec.field(default_factory=dict)
    capacity: dict[str, Quantity] = msgspec.field(default_factory=dict)
    node_info: NodeInfo = NodeInfo()
    addresses: tuple[NodeAddress, ...] = ()
    images: tuple[NodeImage, ...] = ()


class Node(Object, frozen=True):
    """A node."""

    spec: NodeSpec = NodeSpec()
    status: NodeStatus = NodeStatus()


class Reference(Part, frozen=True):
    """The object that something is about."""

    kind: str = ""
    name: str = ""


class Event(Object, frozen=True):
    """An event; recorders of the newer events API leave lastTimestamp empty."""

    involved_object: Reference = Reference()
    type: str = ""
    reason: str = ""
    message: str = ""
    count: int = 1
    first_timestamp: datetime | None = None
    last_timestamp: datetime | None = None
    event_time: datetime | None = None


class ServiceReference(Part, frozen=True):
    """The service that an API is answered by."""

    name: str = ""
    namespace: str = ""


class ApiServiceSpec(Part, frozen=True):
    """Which API, and who answers it; nobody else than the API server itself where there is no service."""

    group: str = ""
    service: ServiceReference = ServiceReference()


class ApiServiceStatus(Part, frozen=True):
    """State of an API that another server answers."""

    conditions: tuple[Condition, ...] = ()


class ApiService(Object, frozen=True):
    """An API that another server answers."""

    spec: ApiServiceSpec = ApiServiceSpec()
    status: ApiServiceStatus = ApiServiceStatus()

    @property
    def available(self) -> bool:
        """Whether that server answers."""
        return any(one.type == "Available" and one.status == "True" for one in self.status.conditions)


class Version(Part, frozen=True):
    """/version."""

    major: str
    minor: str
    git_version: str = ""


class Status(Part, frozen=True):
    """Why a request was refused, or a watch ended."""

    message: str = ""
    reason: str = ""


class ListMetadata(Part, frozen=True):
    """What a list was read at."""

    resource_version: str = ""


T = TypeVar("T")


class Listed(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """A list of objects of one kind."""

    metadata: ListMetadata = ListMetadata()
    items: tuple[T, ...] = ()


def unix(time: datetime) -> float:
    """Return a time of the API in unix seconds."""
    return (time if time.tzinfo else time.replace(tzinfo=UTC)).timestamp()


def decode(answer: Any, kind: type[T]) -> T:
    """Return an answer of the API, as JSON has it, as a type; msgspec.ValidationError says what does not fit."""
    return msgspec.convert(_without_null(answer), kind, dec_hook=_quantity)


def _without_null(value: Any) -> Any:
    """Leave out what is null: to Kubernetes it is the same as missing."""
    if isinstance(value, dict):
        return {key: _without_null(one) for key, one in value.items() if one is not None}
    if isinstance(value, list):
        return [_without_null(one) for one in value]
    return value


def _quantity(_kind: type[Quantity], value: Any) -> Quantity:
    if not isinstance(value, str | int | float):  # msgspec makes a ValidationError of it
        raise TypeError(f"Expected a quantity, got `{type(value).__name__}`")
    return Quantity(parse_quantity(value))
