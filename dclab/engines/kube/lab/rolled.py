"""Rolling updates and health of a lab's replicas."""

from __future__ import annotations

from collections.abc import Sequence

from dclab.engines.kube.api import path_of
from dclab.engines.kube.faults import NotFound
from dclab.engines.kube.lab import rollout, template
from dclab.engines.kube.lab.autoscaling import AutoscaledLab
from dclab.engines.kube.lab.tenancy import used
from dclab.engines.kube.workloads import EndpointSlice, Pod, Waiting, is_ending, is_lost, is_ready
from dclab.errors import DclabError, InvalidInput, LabLost
from dclab.lab import ReplicaHealth, TemplateChange

__all__ = ["RolledLab"]


class RolledLab(AutoscaledLab):
    """What the Lab protocol (`dclab.lab.Lab`) has of rolling updates."""

    @used
    def health(self, deployment: str) -> Sequence[ReplicaHealth]:
        """Return every replica that there is, also those that are on their way out, by name."""
        slices = self.api.list(
            path_of("discovery.k8s.io/v1", "EndpointSlice", self.name),
            EndpointSlice,
            labelSelector=f"kubernetes.io/service-name={deployment}",
        )
        sent = {one.target_ref.name for each in slices for one in each.endpoints if one.conditions.ready}
        newest = rollout.newest(self.api, self.name).get(deployment, "")
        return [
            ReplicaHealth(
                name=pod.metadata.name,
                ready=is_ready(pod),
                in_service=pod.metadata.name in sent if slices else is_ready(pod),
                terminating=is_ending(pod),
                restarts=sum(one.restart_count for one in pod.status.container_statuses),
                current=pod.metadata.labels.get(rollout.HASH, "") == newest,
                waiting=_waiting(pod),
            )
            for pod in sorted(self._pods(deployment), key=lambda one: one.metadata.name)
            if not is_lost(pod)
        ]

    @used
    def roll_out(self, deployment: str, change: TemplateChange) -> None:
        """Begin a rolling update to the template with this change."""
        self.may_change()
        try:
            template.roll_out(self.api, self.name, deployment, change, self._hold.token if self._hold else "")
        except NotFound as error:
            raise self._unknown(deployment) from error

    @used
    def roll_back(self, deployment: str) -> None:
        """Begin to put back the template from before `roll_out`, or have the watchdog do so once the cluster answers."""
        try:
            self.may_change()
            template.roll_back(self.api, self.name, deployment)
        except BaseException:
            if self._hold:
                self._hold.leave_behind()
            raise

    @used
    def delete_replica(self, deployment: str, name: str) -> None:
        """Begin to end one replica, by SIGTERM; another takes its place. InvalidInput: there is none."""
        self.may_change()
        if name not in [one.metadata.name for one in self._pods(deployment)]:
            raise InvalidInput(f"{deployment} has no replica {name!r}.", "It has ended.", "Name another.")
        self.api.delete(path_of("v1", "Pod", self.name, name))

    def _unknown(self, name: str) -> DclabError:
        known = rollout.names(self.api, self.name)
        if not known:
            return LabLost(f"There is no lab in the namespace {self.name!r}.", "", "`dclab up` makes one.")
        return InvalidInput(f"There is no deployment {str(name)!r}.", f"There are: {', '.join(known)}.")


def _waiting(pod: Pod) -> str:
    """Why a container of it does not run: what `kubectl get pods` shows as its status."""
    reasons = ((one.state.waiting or Waiting()).reason for one in pod.status.container_statuses)
    return next(filter(None, reasons), "" if pod.status.container_statuses else pod.status.phase)
