"""dclab rbac."""

from __future__ import annotations

from dclab.cli.options import JsonOption, NameOption, QuietOption, VerboseOption
from dclab.cli.session import session

__all__ = ["rbac"]


def rbac(
    name: NameOption = None,
    as_json: JsonOption = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
) -> None:
    """Print the least rights that dclab needs.

    A Role for its namespace and a ClusterRole for the rest, for whoever may grant them. Whom they are for is said when
    they are bound: kubectl create rolebinding, kubectl create clusterrolebinding.

    Example: dclab rbac
    """
    with session("rbac", as_json=as_json, quiet=quiet, verbose=verbose) as output:
        from dclab.engines.choose import lab_name
        from dclab.engines.kube.rights import roles

        made = roles(lab_name(name, "kube"))
        output.document(made)
        output.result({"objects": made})
