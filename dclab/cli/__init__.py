"""The command line: one file a verb, which parses, calls and prints."""

from dclab.cli.app import main

__all__ = ["main"]
