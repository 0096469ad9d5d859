"""How values appear in error messages, and how often a warning does."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

from sktransfer import GaussianWeighter, TargetFold, TransferWarning, WeightedTransferClassifier
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


@pytest.fixture
def search():
    """A function that runs a search whose seven fits all warn, with other numbers in each fold."""
    rng = np.random.default_rng(0)
    X = np.concatenate([rng.normal(size=(200, 2)), rng.normal(size=(40, 2)) + 4])
    y = (X.sum(axis=1) + rng.normal(size=240) > 4).astype(int)
    sample_domain = np.repeat(["s", "target"], [200, 40])
    model = WeightedTransferClassifier(LogisticRegression(), weighter=GaussianWeighter())
    search = GridSearchCV(model, {"estimator__C": [0.1, 1.0]}, cv=TargetFold(3))
    return lambda: search.fit(X, y, groups=sample_domain, sample_domain=sample_domain)


@pytest.mark.parametrize(("action", "expected"), [("default", 2), ("always", 7), ("ignore", 0)])
def test_a_search_gives_a_warning_once_and_its_last_fit_again(action, expected, search):
    for _ in range(2):  # a second search gives it again
        with warnings.catch_warnings(record=True) as caught:
            warnings.resetwarnings()
            warnings.simplefilter(action, TransferWarning)
            search()
        assert [w.filename for w in caught] == [__file__] * expected
    assert len({str(w.message) for w in caught}) == {2: 2, 7: 4, 0: 0}[expected]


def test_every_fit_of_a_search_fails_if_its_warning_is_an_error(search):
    with warnings.catch_warnings():
        warnings.simplefilter("error", TransferWarning)
        with pytest.raises(ValueError, match="All the 6 fits failed"):
            search()
