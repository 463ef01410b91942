"""One lab in a namespace: whether it is still there, who holds it, and how it ends."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Mapping
from functools import wraps
from typing import Any, Concatenate, ParamSpec, TypeVar

from dclab.engines.kube.api import Api
from dclab.engines.kube.cluster.images import Images
from dclab.engines.kube.faults import Forbidden
from dclab.engines.kube.lab.hold import Hold, check
from dclab.engines.kube.lab.instance import is_lab, why_ended
from dclab.engines.kube.lab.lease import Lease
from dclab.engines.kube.lab.namespace import ensure_ours, rendered
from dclab.engines.kube.lab.reach import Reach
from dclab.engines.kube.lab.removal import remove, remove_objects
from dclab.engines.kube.labels import HOLD
from dclab.errors import LabEnded, LabLost, NotAnswering
from dclab.manifests import Manifest

__all__ = ["Tenancy", "used"]

P = ParamSpec("P")
T = TypeVar("T")
L = TypeVar("L", bound="Tenancy")


def used(verb: Callable[Concatenate[L, P], T]) -> Callable[Concatenate[L, P], T]:
    """Have a verb of a lab say that the lab was ended, rather than that something of it is not there."""

    @wraps(verb)
    def asked(self: L, /, *args: P.args, **kwargs: P.kwargs) -> T:
        with self.using():
            return verb(self, *args, **kwargs)

    return asked


class Tenancy:
    """A lab as this command uses it: that one and no other, under its hold and its lease."""

    def __init__(
        self,
        api: Api,
        namespace: str,
        images: Images,
        *,
        instance: str,
        context: str | None,
        options: str = "",
        lease: Lease | None = None,
    ) -> None:
        """Use the lab in a namespace.

        Args:
            api: of its cluster.
            namespace: its name.
            images: where its images come from.
            instance: which lab it is (`instance.instance_of`): another one in the namespace is not used.
            context: as the user named it; None for dclab's own profile.
            options: that name it in a command, each behind a space.
            lease: under which it was started, if it ends with this process.
        """
        self.api = api
        self.name = namespace
        self.images = images
        self.instance = instance
        self.options = options
        self._context = context
        self.reach = Reach(api, namespace)
        self._lease = lease
        self._hold: Hold | None = None

    def identity(self) -> Mapping[str, Any]:
        """What tells this lab from another with its name."""
        cluster = {"context": self.api.context, "server": self.api.server}
        return {**cluster, "namespace": self.name, "instance": self.instance}

    def deploy(self) -> None:
        """Apply the manifests; replica counts stay as they are.

        Raises:
            LabEnded: someone has ended the lab; nothing was made, and another lab in the namespace was left alone.
        """
        self.check_there()
        self.reach.forget()
        try:
            for one in rendered(self.name, self.images)[1:]:
                self.api.apply(one, self.name)
        except Forbidden:  # nothing can be made in a namespace that is being removed
            self.check_there()
            raise
        if ended := self._why_ended():  # meanwhile, so that `down` may not have seen what was just made
            if not is_lab(ensure_ours(self.api, self.name), self.api):
                remove_objects(self.api, self.name)
            raise ended

    def down(self) -> None:
        """Remove what is dclab's; idempotent. Another lab that has taken the name is left alone."""
        self.reach.close()
        try:
            if self._why_ended() is None:
                remove(self.api, self.name)
        except NotAnswering as error:
            if self._lease is None:
                raise
            raise NotAnswering(
                error.what,
                f"{error.why} So the lab {self.name!r} could not be removed yet.",
                f"A process of dclab ({self._lease.pid}) does so once the cluster answers, within 15 minutes.",
            ) from error
        if self._lease:
            self._lease.over()

    @contextlib.contextmanager
    def hold(self, what: str) -> Iterator[None]:
        """Let nobody else change the lab for the duration; LabHeld when another command holds it."""
        if self._hold:
            yield
            return
        self._hold = Hold(self.api, self.name, what, self._context)
        try:
            self.check_there()
            with self.using():
                self._hold.take()
            yield
        finally:
            self._hold.release()
            self._hold = None

    def held(self, manifest: Mapping[str, Any]) -> Manifest:
        """Return a manifest of what goes with the hold, if there is one, when the command is killed."""
        metadata = dict(manifest["metadata"])
        if self._hold:
            metadata["labels"] = {**metadata.get("labels", {}), HOLD: self._hold.token}
        return {**manifest, "metadata": metadata}

    def may_change(self) -> None:
        """Raise LabHeld when another command holds the lab."""
        check(self.api, self.name, self._hold.token if self._hold else "")

    @contextlib.contextmanager
    def using(self) -> Iterator[None]:
        """Turn a loss into LabEnded where the lab was ended."""
        try:
            yield
        except LabLost as error:
            if not isinstance(error, NotAnswering):
                with contextlib.suppress(NotAnswering):
                    self.check_there(self.api.impatient())
            raise

    def check_there(self, api: Api | None = None) -> None:
        """Raise LabEnded when the lab was ended, or another one has taken its place."""
        if error := self._why_ended(api):
            raise error

    def _why_ended(self, api: Api | None = None) -> LabEnded | None:
        return why_ended(api or self.api, self.name, self.instance, self.options)
