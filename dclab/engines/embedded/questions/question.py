"""What a question to a lab is: a verb with its arguments, and the type of its answer."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Generic, TypeVar, get_args

import msgspec

__all__ = ["Question", "Seconds", "Waiting", "answer_type"]

T = TypeVar("T")

Seconds = Annotated[float, msgspec.Meta(ge=0)]


class Question(msgspec.Struct, Generic[T], frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A verb with its arguments; T is the type of the answer."""

    verb: ClassVar[str]

    @property
    def patience(self) -> float:
        """Seconds that answering it may take by what it asks."""
        return 0.0


class Waiting(Question[T], frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A question that is answered once a state is reached, or not reached in time."""

    timeout: Seconds

    @property
    def patience(self) -> float:
        """The time-out that it names."""
        return self.timeout


def answer_type(question: type[Question[Any]]) -> Any:
    """Return the type of the answer, as the class states it: str for `class X(Question[str])`."""
    (base,) = question.__orig_bases__  # type: ignore[attr-defined]
    (answer,) = get_args(base)
    return answer
