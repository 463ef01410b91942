"""The border at which dclab reads its command line: every verb, option and variable with any text."""

from __future__ import annotations

from functools import cache

from hypothesis import strategies as st

from tests.fuzz.case import OPEN, Input
from tests.fuzz.mutate import chance, texts

__all__ = ["command_lines"]


@cache
def verbs():
    """Every verb with its options and arguments, as click has them."""
    import typer

    from dclab.cli.app import app

    return dict(typer.main.get_command(app).commands)


VALUES = [
    "1",
    "0",
    "-1",
    "2,3",
    "30s",
    "4m",
    "rng",
    "hasher",
    "worker",
    "embedded",
    "kube",
    "auto",
    "zh",
    "build",
    "0.0.0.0",
    "here",
    "a-b",
]
URLS = [
    f"http://{host}"
    for host in (
        "127.0.0.1:9",
        "[::1]:9",
        "<minikube-ip>:30163/",
        "u:p@127.0.0.1",
        "a#b",
        "xn--80ak6aa92e",
        "127.0.0.1:9/json?x=1",
    )
]
values = st.one_of(
    texts, st.sampled_from(VALUES), st.sampled_from(URLS), st.text("0123456789.,smhKMi-+e ", max_size=10)
)


@st.composite
def command_lines(draw):
    """A verb with options of its own, or of others, and any values; no lab can be started in this sandbox."""
    # hpa-simulate without a file calculates for longer than an input may take.
    name = draw(st.sampled_from(sorted(verbs().keys() - {"hpa-simulate"})))
    # Nothing is installed: `doctor --install --yes` would run what it prints.
    params = [one for one in verbs()[name].params if (name, one.name) != ("doctor", "yes")]
    arguments, environment = [name], {}
    for param in draw(st.lists(st.sampled_from(params), max_size=4)):
        value = draw(values).replace("\x00", "")
        if param.param_type_name == "argument":
            arguments.append(value)
        elif param.is_flag:
            arguments.append(draw(st.sampled_from(param.opts)))
        elif param.envvar and chance(draw, 5):
            environment[str(param.envvar)] = value
        else:
            option = draw(st.sampled_from(param.opts))
            arguments += draw(st.sampled_from([[option, value], [f"{option}={value}"], [option]]))
    if chance(draw, 6):
        arguments.insert(draw(st.integers(0, len(arguments))), draw(values).replace("\x00", ""))
    if chance(draw, 4):
        arguments.append("--json")
    # A runtime folder that others may write to is refused, so that `up` and `run` end before they start anything.
    return Input(
        border="command line", arguments=tuple(arguments), environment={**environment, "XDG_RUNTIME_DIR": OPEN}
    )
