"""The DockerCoins services."""
