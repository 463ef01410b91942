"""The kube engine: DockerCoins on minikube, or on any Kubernetes context."""
