"""The decorator of verbs: adds the options that belong to the kind of call, and passes the call to the verb.

A verb is a function whose first parameter says by its type what it is given (a Call, a PlacedCall, a LabCall or an
ExperimentCall); the other parameters are its own options. It returns one Result.
"""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable
from copy import copy
from typing import Annotated, Any, get_args, get_origin

import typer

from dclab.cli.call import Call, ExperimentCall, LabCall, PlacedCall
from dclab.cli.options import AppliesTo
from dclab.cli.result import Result
from dclab.errors import DclabError

__all__ = ["Call", "ExperimentCall", "LabCall", "PlacedCall", "verb"]


def verb(function: Callable[..., Result]) -> Callable[..., Result]:
    """Make a command of a function: the options of its Call are added to its own, and its Call is made for it.

    Each option gets its environment variable, DCLAB_<VERB>_<OPTION> where several verbs do not share it, and says in its
    help to which engine it belongs.
    """
    name = function.__name__.removesuffix("_")
    (_, first), *own = inspect.signature(function, eval_str=True).parameters.items()
    kind: type[Call] = first.annotation
    applies: dict[str, AppliesTo] = {}
    parameters = []
    given = [(one.name, one.annotation, one.default) for _, one in own]
    given += [(option, *declared) for option, declared in kind.options.items()]
    for option, annotation, default in given:
        for one in get_args(annotation)[1:] if get_origin(annotation) is Annotated else ():
            if isinstance(one, AppliesTo):
                applies[option] = one
        annotated = _described(annotation, name, option, applies.get(option))
        parameters.append(
            inspect.Parameter(option, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotated)
        )

    def command(context_: typer.Context, **values: Any) -> Result:
        call = kind(context_, values)
        if isinstance(call, PlacedCall):
            call.refuse_what_does_not_apply(applies)
        return function(call, **{option: values[option] for option, _ in own})

    command.__name__ = name
    command.__doc__ = function.__doc__
    head = inspect.Parameter("context_", inspect.Parameter.KEYWORD_ONLY, annotation=typer.Context)
    command.__signature__ = inspect.Signature([head, *parameters])  # type: ignore[attr-defined]
    command.__annotations__ = {}
    return command


def _described(annotation: Any, verb_name: str, option: str, applies: AppliesTo | None) -> Any:
    """Return the annotation with the option's environment variable and engine; an argument's stays as it is."""
    kind, *metadata = get_args(annotation) if get_origin(annotation) is Annotated else (annotation,)
    (info,) = (one for one in metadata if isinstance(one, typer.models.ParameterInfo))
    if isinstance(info, typer.models.OptionInfo):
        info = copy(info)
        flags = [one for one in info.param_decls or () if one.startswith("--")]
        name = max(flags, key=len)[2:].replace("-", "_").upper() if flags else option.upper()
        info.envvar = info.envvar or f"DCLAB_{verb_name.upper()}_{name}"
        info.parser = info.parser and _of_variable(info.parser, str(info.envvar))
        info.show_envvar = False
        if applies:
            info.help = f"{info.help} [{applies.text}]"
    return Annotated[kind, info]


def _of_variable(parser: Callable[[Any], Any], variable: str) -> Callable[[Any], Any]:
    """Return a parser whose refusal names the environment variable that a value comes from."""

    def parse(value: Any) -> Any:
        try:
            return parser(value)
        except DclabError as error:
            if value == os.environ.get(variable):
                error.why = f"The environment variable {variable} says so. {error.why}".strip()
            raise

    return parse
