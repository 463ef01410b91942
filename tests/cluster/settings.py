"""Where the cluster of the tests keeps its files, and the addresses that it makes for itself."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dclab-cluster"
"""Binaries and images, kept from run to run."""
NODE = CACHE / "node"
"""The running node: its disk, its logs, its certificates. `down` removes it."""
KUBECONFIG = NODE / "kubeconfig"

NAME = "dclab-tests"
"""Of the cluster, its context, its node and its cgroup."""
ACCOUNTS = "dclab-accounts"
"""Namespace of users other than the administrator: service accounts, whose requests are logged."""
LINK = "dclab-tests0"
"""The host's end of the only wire between the machine and the node."""
HOST_ADDRESS = "10.213.0.1"
NODE_ADDRESS = "10.213.0.2"
POD_RANGE = "10.244.0.0/24"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_SERVICE_ADDRESS = "10.96.0.10"
API_URL = f"https://{NODE_ADDRESS}:6443"


class CannotRun(Exception):
    """The cluster cannot be had; the text says why and what to do."""
