"""Objects put into a cluster by server-side apply, with the official client."""

from __future__ import annotations

import tempfile
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from kubernetes.client import ApiClient
from kubernetes.dynamic import DynamicClient

MANAGER = "dclab-tests"


def apply(client: ApiClient, objects: Iterable[dict[str, Any]], namespace: str | None = None) -> list[Any]:
    """Apply each object (or create it, when its name is to be generated); what the server made of them."""
    # The client would keep what it finds out about the server in a file that all of its users share.
    with tempfile.TemporaryDirectory() as folder:
        dynamic = DynamicClient(client, cache_file=str(Path(folder) / "discovery.json"))
        made = []
        for one in objects:
            resource = dynamic.resources.get(api_version=one["apiVersion"], kind=one["kind"])
            where = {"namespace": namespace} if namespace and resource.namespaced else {}
            if "generateName" in one["metadata"]:
                made.append(resource.create(body=one, **where))
            else:
                made.append(resource.server_side_apply(body=one, field_manager=MANAGER, **where))
        return made
