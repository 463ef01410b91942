"""Users of the cluster other than its administrator: service accounts, with the rights that a test gives them."""

from __future__ import annotations

import yaml
from kubernetes.client import AuthenticationV1TokenRequest, CoreV1Api, V1TokenRequestSpec

from dclab.engines.kube.api import path_of
from tests.cluster.apply import apply
from tests.cluster.settings import ACCOUNTS


def kubeconfig(cluster, account, file, token=None):
    """A kubeconfig of one context, `least`, for a service account; with its token unless one is given."""
    core = CoreV1Api(cluster.client)
    apply(cluster.client, [{"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": account}}], ACCOUNTS)
    request = AuthenticationV1TokenRequest(spec=V1TokenRequestSpec(audiences=[], expiration_seconds=7200))
    token = token or core.create_namespaced_service_account_token(account, ACCOUNTS, request).status.token
    configuration = cluster.client.configuration
    content = {
        "clusters": [
            {
                "name": "one",
                "cluster": {"server": configuration.host, "certificate-authority": configuration.ssl_ca_cert},
            }
        ],
        "users": [{"name": account, "user": {"token": token}}],
        "contexts": [{"name": "least", "context": {"cluster": "one", "user": account}}],
        "current-context": "other",
    }
    file.write_text(yaml.safe_dump(content))
    return {"KUBECONFIG": str(file)}


def grant(cluster, account, roles, namespace):
    """Give roles to a service account; what of it is the cluster's has to be taken away again."""
    subject = {"kind": "ServiceAccount", "name": account, "namespace": ACCOUNTS}
    made = []
    for role in roles:
        name = role["metadata"]["name"]
        reference = {"apiGroup": "rbac.authorization.k8s.io", "kind": role["kind"], "name": name}
        binding = {"kind": f"{role['kind']}Binding", "roleRef": reference, "subjects": [subject]}
        metadata = {**role["metadata"], "name": f"{name}-{account}"}
        made += [role, {"apiVersion": role["apiVersion"], "metadata": metadata, **binding}]
    apply(cluster.client, made, namespace)
    return [one for one in made if one["kind"].startswith("Cluster")]


def revoke(cluster, granted):
    """Take away what `grant` gave in the cluster; the rest goes with its namespace."""
    for one in granted:
        path = path_of(one["apiVersion"], one["kind"], "", one["metadata"]["name"])
        cluster.client.call_api(*cluster.client.param_serialize("DELETE", path, auth_settings=["BearerToken"]))
