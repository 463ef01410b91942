"""Fields of JSON that a dataclass does not have: msgspec passes over them, and a typing error would change a result."""

from __future__ import annotations

from difflib import get_close_matches
from typing import Any

import msgspec

__all__ = ["unknown_field"]


def unknown_field(value: Any, kind: Any) -> str | None:
    """Return what is wrong with the first field that `kind` does not have, anywhere within; None: all are known.

    Args:
        value: JSON, decoded to Python's own types and already known to fit otherwise.
        kind: a dataclass that msgspec can decode, or a type of msgspec.inspect.
    """
    return _found(value, kind if isinstance(kind, msgspec.inspect.Type) else msgspec.inspect.type_info(kind))


def _found(value: Any, kind: Any) -> str | None:
    if isinstance(kind, msgspec.inspect.UnionType):
        return next((said for one in kind.types if (said := _found(value, one))), None)
    if isinstance(kind, msgspec.inspect.DataclassType) and isinstance(value, dict):
        known = {one.encode_name: one.type for one in kind.fields}
        for key in value:
            if key not in known:
                close = get_close_matches(key, known, n=1)
                meant = f", did you mean {close[0]!r}?" if close else f"; known are {', '.join(known)}"
                return f"unknown field {key!r}{meant}"
        return next((said for key, one in value.items() if (said := _found(one, known[key]))), None)
    if isinstance(kind, msgspec.inspect.DictType) and isinstance(value, dict):
        return next((said for one in value.values() if (said := _found(one, kind.value_type))), None)
    if isinstance(kind, msgspec.inspect.VarTupleType | msgspec.inspect.ListType) and isinstance(value, list):
        return next((said for one in value if (said := _found(one, kind.item_type))), None)
    return None
