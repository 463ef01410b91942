"""dclab: a lab assistant for the DockerCoins exercise."""

__version__ = "0.1.0"
