"""Kubernetes' quantities (`200m`, `64Mi`, `1e3`), exactly, as k8s.io/apimachinery/pkg/api/resource reads them.

The official client has a parser, too, and the tests compare the two. It is not used itself since importing `kubernetes`
takes half a second, and the embedded engine and `dclab status` need quantities without it.
"""

from __future__ import annotations

import re
from decimal import ROUND_UP, Decimal, localcontext

__all__ = ["MIB", "mebibytes", "megabytes", "millicores", "parse_quantity"]

MIB = 2**20
"""Bytes of a mebibyte (Mi), in which `kubectl top` shows memory."""

_QUANTITY = re.compile(r"([+-]?)(\d+\.?\d*|\.\d+)(?:[eE]([+-]?\d+)|([numkMGTPE]|[KMGTPE]i)?)", re.ASCII)

_FACTORS = {suffix: Decimal(1000) ** power for power, suffix in enumerate("num", -3)}
_FACTORS |= {suffix: Decimal(1000) ** power for power, suffix in enumerate("kMGTPE", 1)}
_FACTORS |= {f"{suffix}i": Decimal(1024) ** power for power, suffix in enumerate("KMGTPE", 1)}

_FINEST = Decimal("1e-9")
_LARGEST = Decimal(2**63 - 1)
_DIGITS = 60
"""More than any quantity between the two has."""


def parse_quantity(text: str | float) -> Decimal:
    """Return the value of a quantity; a number is one, too, as in YAML.

    As in Kubernetes, what is finer than a billionth is rounded up (away from zero), and the largest is 2^63 - 1.

    Raises:
        ValueError: it is not a quantity.
    """
    found = _QUANTITY.fullmatch(str(text))
    if not found:
        raise ValueError(f"{text!r} is not a quantity such as 200m, 64Mi or 1.5")
    sign, number, exponent, suffix = found.groups()
    with localcontext() as context:
        context.prec = max(_DIGITS, len(number) + _DIGITS)
        value = Decimal(number)
        if exponent:
            # Beyond these the result is the same: the largest, or the finest.
            value = value.scaleb(max(-len(number) - 30, min(len(number) + 30, int(exponent[:9]))))
        value = min(value * _FACTORS.get(suffix, 1), _LARGEST).quantize(_FINEST, ROUND_UP).normalize()
        return -value if sign == "-" else value


def millicores(quantity: str | float) -> float:
    """Return a quantity of CPU (`200m`, `1`, `5118929n`) in thousandths of a core; ValueError: it is none."""
    return float(parse_quantity(quantity) * 1000)


def megabytes(quantity: str | float) -> float:
    """Return a quantity of memory (`6144Ki`, `64Mi`, bytes) in millions of bytes; ValueError: it is none."""
    return float(parse_quantity(quantity) / 1_000_000)


def mebibytes(quantity: str | float) -> float:
    """Return a quantity of memory (`6144Ki`, `64Mi`, bytes) in units of 2^20 bytes; ValueError: it is none."""
    return float(parse_quantity(quantity) / MIB)
