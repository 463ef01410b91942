"""The services of DockerCoins, each run as `python -m apps.<name>` and configured by its environment."""
