"""Where the cluster of the tests keeps its files, and the addresses that it makes for itself.

More than one can run on a machine: all names and addresses follow from the number in DCLAB_TEST_CLUSTER, 0 unless it is set.
"""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dclab-cluster"
"""Binaries and images, kept from run to run."""
INSTANCE = int(os.environ.get("DCLAB_TEST_CLUSTER") or 0)
"""Which cluster of the machine, from 0 to 255."""
FAMILY = "dclab-tests"
NAME = f"{FAMILY}-{INSTANCE}" if INSTANCE else FAMILY
"""Of the cluster, its context, its node and its cgroup."""
NODE = CACHE / (f"node-{INSTANCE}" if INSTANCE else "node")
"""The running node: its disk, its logs, its certificates. `down` removes it."""
KUBECONFIG = NODE / "kubeconfig"

ACCOUNTS = "dclab-accounts"
"""Namespace of users other than the administrator: service accounts, whose requests are logged."""
LINK = f"{FAMILY}{INSTANCE}"
"""The host's end of the only wire between the machine and the first node."""
MACHINES_RANGE = f"10.213.{INSTANCE}.0/24"
"""The machine's and the nodes' addresses."""
HOST_ADDRESS = f"10.213.{INSTANCE}.1"
NODE_ADDRESS = f"10.213.{INSTANCE}.2"
"""Of the first node, which runs the control plane."""
PODS_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
API_SERVICE_ADDRESS = "10.96.0.1"
DNS_SERVICE_ADDRESS = "10.96.0.10"
API_URL = f"https://{NODE_ADDRESS}:6443"

VERSION_VARIABLE = "DCLAB_TEST_KUBERNETES"
"""Names the Kubernetes to run, as 1.36. In the environment, so that every `up` of a session and of its children means the same."""
DEFAULT_VERSION = "1.37"
"""What is started when none is named: the newest on which the tests have passed on this kind of machine."""


NODES_VARIABLE = "DCLAB_TEST_NODES"
"""How many nodes are wanted, as 3, in the same way."""
MOST_NODES = 60
"""The addresses that there are for them."""


def name_of(number: int) -> str:
    """A node's name."""
    return f"{NAME}-node{number}" if number else NAME


def address_of(number: int) -> str:
    """A node's address."""
    return f"10.213.{INSTANCE}.{4 * number + 2}"


def router_of(number: int) -> str:
    """The other end of its wire: the machine's of the first node, and that one's of the others."""
    return f"10.213.{INSTANCE}.{4 * number + 1}"


def pods_of(number: int) -> str:
    """The addresses of a node's pods."""
    return f"10.244.{number}.0/24"


class CannotRun(Exception):
    """The cluster cannot be had; the text says why and what to do."""
