"""dclab rbac."""

from __future__ import annotations

from typing import Annotated

import typer

from dclab.cli.objects import yaml_documents
from dclab.cli.result import Result
from dclab.cli.verb import Call, verb
from dclab.paths import check_name


@verb
def rbac(
    call: Call,
    name: Annotated[
        str, typer.Option("--name", envvar="DCLAB_NAME", metavar="LAB", parser=check_name, help="The lab's namespace.")
    ] = "dockercoins",
) -> Result:
    """Print the least rights that dclab needs.

    Prints a Role for its namespace, a ClusterRole for the namespace itself and the nodes, and a second ClusterRole for the metrics
    APIs, which only autoscalers on other metrics than CPU need. An administrator applies them, and binds them to a user with kubectl
    create rolebinding and kubectl create clusterrolebinding. The namespace must exist, with the labels
    app.kubernetes.io/managed-by=dclab and app.kubernetes.io/part-of=dockercoins.

    Example: dclab rbac
    """
    from dclab.engines.kube.rights import roles

    return Result(yaml_documents, objects=roles(name))
