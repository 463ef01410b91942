"""What the minikube of the tests is made of, and where it keeps its files."""

from __future__ import annotations

import os
from pathlib import Path

HERE = Path(__file__).parent
CHECKOUT = HERE.parent.parent

CACHE = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "dclab-minikube"
"""Programs and the node's image, kept from run to run."""
MACHINE = CACHE / "machine"
"""The running machine: docker's data, the user's home, logs. `down` removes it."""
LOGS = MACHINE / "logs"
HOME = MACHINE / "home"

NAME = "dclab-minikube"
"""Of the machine and of its cgroups."""
USER, USER_ID = "tester", 10001
"""An ordinary user of the docker group: minikube's docker driver refuses root."""

KUBERNETES = "v1.34.4"
IMAGE = "dclab.test/node:1"
"""The node's, by MINIKUBE_BASE_IMAGE."""
# Of pkg/minikube/constants/constants_kubeadm_images.go and pkg/minikube/assets/addons.go of minikube v1.38.1.
ETCD, COREDNS, PAUSE = "3.6.5-0", "v1.12.1", "3.10.1"
METRICS_SERVER = "registry.k8s.io/metrics-server/metrics-server"
METRICS_SERVER_DIGEST = "sha256:b2d2efaf5ac3b366ed0f839d2412a2c4279d4fc2a2a733f12c52133faed36c41"
PROVISIONER = "gcr.io/k8s-minikube/storage-provisioner:v5"
