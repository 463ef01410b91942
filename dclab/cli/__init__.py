"""The command line: one file a verb, which parses, calls, and returns one result."""

# Nothing is imported here, not even `__future__`: Ctrl-C during it would print a traceback.

__all__ = ["main", "run"]


def main() -> None:
    """Run the command line of this process and exit."""
    early = _remember()
    from dclab.cli.app import start

    start(early)


def _remember() -> list[int]:
    """Keep signals that come during the imports, in the list that is returned.

    By the built-in module under `signal`, since importing that one takes a moment, too. Signals that the parent has us
    ignore stay ignored, as nohup and a shell's background job want it.
    """
    import _signal  # type: ignore[import-not-found]

    early: list[int] = []
    for one in (_signal.SIGINT, _signal.SIGTERM, _signal.SIGHUP):
        if _signal.getsignal(one) != _signal.SIG_IGN:
            _signal.signal(one, lambda number, _: early.append(number))
    return early


def run(arguments: list[str] | tuple[str, ...]) -> int:
    """Run one command line, without `dclab` itself, in this process; return its exit code."""
    from dclab.cli.app import run as in_process

    return in_process(arguments)
