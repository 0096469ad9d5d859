"""How values appear in error messages."""

import numpy as np
import pytest

from sktransfer._messages import cause, listed, shortened, shown


@pytest.mark.parametrize("value", ["short", 3, None, 0.5, ["a", "b"], b"\x00", {"a": 1}])
def test_short_values_are_shown_by_their_repr(value):
    assert shown(value) == repr(value)


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10**6,
        b"\x00" * 10**6,
        bytearray(10**6),
        list(range(10**6)),
        dict.fromkeys(range(100), "y" * 10**4),
        np.zeros((1000, 1000)),
        ["z" * 10**6] * 50,
        b"\x00\xff" * 10**6,
        "\U0010ffff" * 10**6,
    ],
    ids=lambda value: type(value).__name__,
)
def test_long_values_take_one_line_of_limited_length(value):
    text = shown(value)
    assert len(text) < 1000
    assert "\n" not in text


def test_the_length_of_what_was_cut_is_given():
    assert shown("x" * 10**6).endswith("... (1000000 characters)")
    assert shown(b"x" * 10**6).endswith("... (1000000 bytes)")


def test_causes_are_one_line():
    assert cause(ValueError("a\n  b\tc")) == "ValueError: a b c"
    assert len(shortened("w " * 10**6)) <= 320


def test_a_list_of_names_ends_with_the_number_of_those_left_out():
    assert listed(["a", "b"]) == "'a', 'b'"
    text = listed(map(str, range(1000)))
    assert text.startswith("'0', '1', ")
    n_listed = text.count(",") + 1
    assert text.endswith(f"{str(n_listed - 1)!r} and {1000 - n_listed} more")
    assert len(text) < 400
    assert listed(["x" * 10**6]) == shown("x" * 10**6)
