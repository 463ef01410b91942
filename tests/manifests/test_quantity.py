"""Quantities, beside the official client's parser and apimachinery's own examples."""

from __future__ import annotations

import math
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st
from kubernetes.utils import parse_quantity as official

from dclab.quantity import megabytes, millicores, parse_quantity

NUMBERS = st.from_regex(r"[+-]?([0-9]{1,6}(\.[0-9]{0,6})?|\.[0-9]{1,6})", fullmatch=True)
SUFFIXES = st.one_of(
    st.sampled_from(["", *"numkMGTPE", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"]),
    st.from_regex(r"[eE][+-]?[0-9]", fullmatch=True),
)


@given(NUMBERS, SUFFIXES)
def test_the_official_client_reads_the_same(number, suffix):
    ours, theirs = parse_quantity(number + suffix), official(number + suffix)
    if abs(theirs) > 2**63 - 1:
        assert abs(ours) == 2**63 - 1
        return
    assert abs(ours - theirs) < Decimal("1e-9")
    if theirs == theirs.quantize(Decimal("1e-9")):
        assert ours == theirs


@given(st.text("0123456789.+-eEinumkKMGTP ", max_size=8))
def test_what_ours_accepts_theirs_does(text):
    try:
        ours = parse_quantity(text)
    except ValueError:
        return
    assert abs(ours - min(official(text), Decimal(2**63 - 1))) < Decimal("1e-9") or ours < -(2**62)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("0", "0"),
        ("5.", "5"),
        (".5", "0.5"),
        ("+5", "5"),
        ("-3.01", "-3.01"),
        ("1E", "1e18"),
        ("1E3", "1000"),
        ("1e-3", "0.001"),
        ("128974848000m", "128974848"),
        ("1Ti", str(2**40)),
        ("2T", "2e12"),
        ("0.1n", "1e-9"),  # TestQuantityParse: rounded up
        ("-0.0000000001", "-1e-9"),
        ("9223372036854775807", "9223372036854775807"),
        ("1e99999999999999999999", str(2**63 - 1)),
        ("1e-99999999999999999999", "1e-9"),
        ("0." + "0" * 50 + "1e51", "1"),
        (0.1, "0.1"),
        (1e-05, "0.00001"),
        (2, "2"),
    ],
)
def test_values(text, value):
    assert parse_quantity(text) == Decimal(value)


@pytest.mark.parametrize(
    "text",
    ["", "+", ".", " 1", "1 ", "1K", "1ki", "1mi", "0.1mi", "1i", "1.1.M", "1+1.0M", "aoeu", ".5i", "1e", "1e3.5", "1eM",
     "--1", "+-1", "-3.01e-", "1Mii", "١", "nan", "inf", "1_000", "0x10", "1m\n", "None", "True"],
)  # fmt: skip
def test_what_apimachinery_refuses(text):
    with pytest.raises(ValueError, match="not a quantity"):
        parse_quantity(text)


@pytest.mark.parametrize(("cpu", "expected"), [("200m", 200), ("1", 1000), (0.5, 500), ("5118929n", 5.118929), (0, 0)])
def test_millicores(cpu, expected):
    assert millicores(cpu) == expected


def test_millicores_are_exact():
    assert [math.ceil(millicores(f"0.{n:03}")) for n in range(1000)] == list(range(1000))


@pytest.mark.parametrize(
    ("memory", "expected"),
    [("6144Ki", 6.291456), ("64Mi", 67.108864), ("128974848000m", 128.974848), ("1Ti", 1099511.627776), (1000000, 1)],
)
def test_megabytes(memory, expected):
    assert megabytes(memory) == expected
