"""What `sample_domain` and a missing label mean."""

import re

import numpy as np
import pandas as pd
import polars as pl
import pytest
from sklearn.linear_model import LogisticRegression

from sktransfer import (
    CORALAligner,
    TargetFold,
    TrAdaBoostClassifier,
    WeightedTransferClassifier,
    make_transfer_pipeline,
    unpack_domains,
)
from sktransfer._domains import read_sample_domain, read_tasks
from sktransfer._labels import hide_labels, is_labelled, labels_alone

STRINGS = ["b", "target", "a", "target", "b"]


@pytest.mark.parametrize(
    "spelling",
    [
        STRINGS,
        tuple(STRINGS),
        np.array(STRINGS),
        np.array(STRINGS, dtype=object),
        np.array(STRINGS, dtype=np.dtypes.StringDType()),
        pd.Series(STRINGS),
        pd.Series(STRINGS, dtype="category"),
        pd.array(STRINGS, dtype="string"),
        pl.Series(STRINGS),
    ],
    ids=lambda s: f"{type(s).__module__}.{type(s).__name__}",
)
def test_every_container_of_strings_says_the_same(spelling):
    domains = read_sample_domain(spelling, 5)
    assert domains.sources == ("a", "b")
    assert domains.codes.tolist() == [1, -1, 0, -1, 1]
    assert domains.rows("b").tolist() == [0, 4]
    assert domains.is_target.tolist() == [False, True, False, True, False]


@pytest.mark.parametrize("dtype", [np.int8, np.int64, object])
def test_signed_integers_negative_is_target_positive_is_source(dtype):
    domains = read_sample_domain(np.array([2, -1, 1, -7, 2], dtype=dtype), 5)
    assert domains.sources == ("1", "2")
    assert domains.codes.tolist() == [1, -1, 0, -1, 1]


def test_none_is_all_target():
    domains = read_sample_domain(None, 3)
    assert domains.sources == ()
    assert domains.is_target.all()


HOW = (
    "write 'target' for a target row and the name of its source for any other "
    "(or a negative integer for a target row and a positive one for a source row)"
)


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        ([1, 0, -1], f"sample_domain has zeros, which name no domain; {HOW}."),
        ([True, False, True], "sample_domain holds values of type bool, expected only strings or"),
        (np.array([True, False, True]), "sample_domain has dtype bool, expected strings or signed"),
        (["a", None, "target"], f"sample_domain has missing values; {HOW}."),
        (["a", np.nan, "target"], f"sample_domain has missing values; {HOW}."),
        (pd.Series([1, None, -1]), f"sample_domain has missing values; {HOW}."),
        ([1.0, 2.0, -1.0], "sample_domain holds values of type float, expected only strings or"),
        (np.array([1.0, 2.0, -1.0]), "sample_domain has dtype float64, expected strings or signed"),
        (pd.array([1, None, -1], dtype="Int64"), f"sample_domain has missing values; {HOW}."),
        (["a", 1, "target"], "sample_domain holds values of type int, str, expected only strings"),
        (["a", "target"], "sample_domain has 2 entries, but X has 3 rows; pass one entry a row."),
        ([["a"], ["b"], ["target"]], "sample_domain has shape (3, 1); pass a one-dimensional"),
        ("target", "sample_domain='target' is one string; pass an array with one entry a row"),
        (["a", "b", "a"], "sample_domain has no target row, only the sources ['a', 'b']; write"),
        (
            ["a", "Target", "target"],
            "sample_domain names the sources ['Target']; did you mean",
        ),
        (["a", "target ", "target"], "sample_domain names the sources ['target ']; did you mean"),
        ([1, 2, 1], "sample_domain has no target row, only the sources ['1', '2']; write"),
    ],
)
def test_what_cannot_be_read_is_refused_in_a_sentence(bad, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        read_sample_domain(bad, 3)


def test_few_rows_of_a_domain_are_named_with_their_counts():
    domains = read_sample_domain(["a", "b", "b", "target"], 4)
    message = (
        "Method needs at least 2 rows of every domain in sample_domain: 'a' has 1, 'target' has 1; "
        "add rows, leave that domain out, or correct its name."
    )
    with pytest.raises(ValueError, match=re.escape(message)):
        domains.check_rows(2, estimator_name="Method")


def test_split_gives_each_domain_its_rows():
    sources, X_target = read_sample_domain(STRINGS, 5).split(np.arange(10).reshape(5, 2))
    assert {name: rows.tolist() for name, rows in sources.items()} == {
        "a": [[4, 5]],
        "b": [[0, 1], [8, 9]],
    }
    assert X_target.tolist() == [[2, 3], [6, 7]]


@pytest.mark.parametrize(
    "y",
    [
        [1.0, np.nan, 0.0],
        ["a", None, "b"],
        [True, None, False],
        np.array([1.0, np.nan, 0.0], dtype=np.float32),
        np.array(["a", np.nan, "b"], dtype=object),
        pd.Series([1, pd.NA, 0], dtype="Int64"),
        pd.array(["a", None, "b"], dtype="string"),
        pd.Series(["a", None, "b"], dtype="category"),
        pl.Series([1, None, 0]),
        pl.Series([1.0, float("nan"), 0.0]),
        pl.Series(["a", None, "b"]),
        np.array(["2026-01-01", "NaT", "2026-01-03"], dtype="datetime64[D]"),
        np.array([[1.0, 2.0], [np.nan, 1.0], [0.0, 0.0]]),
    ],
    ids=lambda y: f"{type(y).__module__}.{type(y).__name__}-{getattr(y, 'dtype', '')}",
)
def test_missing_values_of_any_kind_are_no_label(y):
    assert is_labelled(y).tolist() == [True, False, True]


@pytest.mark.parametrize(
    "y",
    [
        [-1, 0, 1],
        ["nan", "None", ""],
        np.array(["nan", "None", "<NA>"], dtype=object),
        np.array(["nan", "NaN", "none"]),
        [False, True, False],
        [np.inf, 1, 2],
    ],
)
def test_no_value_is_reserved(y):
    assert is_labelled(y).all()


TEXTS = np.array(["a", "b"])


@pytest.mark.parametrize(
    ("y", "texts"),
    [
        (np.concatenate([TEXTS, np.full(2, np.nan)]), "['nan']"),
        (np.concatenate([TEXTS, np.full(2, np.nan, dtype=np.float32)])[1:], "['nan']"),
        (np.append(TEXTS, np.nan), "['nan']"),
        (np.array(["a", np.nan]), "['nan']"),
        (np.array(["a", None, pd.NA], dtype=object).astype(str), "['None', '<NA>']"),
        (np.array(["a", "None"], dtype=np.dtypes.StringDType()), "['None']"),
        (pd.Series(np.append(TEXTS, np.nan)), "['nan']"),
        (pd.Series(["a", "<NA>"], dtype="category"), "['<NA>']"),
        (pd.DataFrame({"one": ["a", "nan"], "two": ["a", "b"]}), "['nan']"),
    ],
)
def test_missing_values_that_were_made_text_are_refused(y, texts):
    message = (
        f"y holds the texts {texts}, which NumPy makes of missing values among strings; pass an "
        "object array with None if a row has no label, or stack the domains by pack_domains "
        "(in an object array a class may have such a name)."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        is_labelled(y)


def test_they_are_refused_before_hiding_makes_objects_of_them_but_not_where_they_are_hidden():
    y = np.append(TEXTS, np.nan)
    with pytest.raises(ValueError, match=r"^y holds the texts \['nan'\], which NumPy makes of"):
        hide_labels(y, np.array([True, False, False]))
    hidden = hide_labels(y, np.array([False, False, True]))
    assert hidden.tolist() == ["a", "b", None]


def test_a_domain_may_be_called_nan():
    assert read_sample_domain(np.append(["target"], np.nan), 2).sources == ("nan",)


@pytest.mark.parametrize(
    "fit",
    [
        lambda X, y, d: TrAdaBoostClassifier().fit(X, y, sample_domain=d),
        lambda X, y, d: WeightedTransferClassifier().fit(X, y, sample_domain=d),
        lambda X, y, d: make_transfer_pipeline(CORALAligner(), LogisticRegression()).fit(
            X, y, sample_domain=d
        ),
        lambda X, y, d: next(TargetFold(2).split(X, y, d)),
        lambda X, y, d: unpack_domains(X, y, d),
    ],
    ids=["boosting", "weights", "pipeline", "folds", "unpacking"],
)
def test_nothing_learns_a_class_called_nan(fit):
    X = np.random.default_rng(0).normal(size=(40, 2))
    y = np.concatenate([TEXTS[(X[:20, 0] > 0).astype(int)], np.full(20, np.nan)])
    with pytest.raises(ValueError, match=r"^y holds the texts \['nan'\]"):
        fit(X, y, ["s"] * 20 + ["target"] * 20)


@pytest.mark.parametrize(
    ("y", "alone"),
    [
        (np.array([3.0, np.nan, 1.0]), np.array([3, 1])),
        (np.array(["b", None, "a"], dtype=object), np.array(["b", "a"])),
        (np.array([True, None, False], dtype=object), np.array([True, False])),
        (np.array([2, None, 1], dtype=object), np.array([2, 1])),
        (np.array([0.5, np.nan, 1.0]), np.array([0.5, 1.0])),
        (pd.array([3, None, 1], dtype="Int64"), np.array([3, 1])),
        (pd.array([True, None, False], dtype="boolean"), np.array([True, False])),
    ],
)
def test_labels_alone_have_the_dtype_that_they_alone_would_have(y, alone):
    got = labels_alone(y, is_labelled(y), discrete=True)
    assert got.dtype == alone.dtype
    np.testing.assert_array_equal(got, alone)


def test_infinity_stays_for_the_estimator_to_refuse():
    y = np.array([1.0, np.inf, None], dtype=object)
    assert labels_alone(y, is_labelled(y), discrete=True).tolist() == [1.0, np.inf]


def test_a_regression_target_with_gaps_stays_floating_point():
    y = np.array([3.0, np.nan, 1.0])
    assert labels_alone(y, is_labelled(y), discrete=False).dtype == np.float64


def test_whole_floats_without_gaps_stay_what_they_were():
    y = np.array([3.0, 2.0, 1.0])
    assert labels_alone(y, np.array([True, False, True]), discrete=True).dtype == np.float64


@pytest.mark.parametrize(
    "y", [np.array([1, 2, 3]), np.array([True, False, True]), np.array(list("abc"))]
)
def test_hidden_labels_are_missing_and_the_callers_are_not(y):
    kept = y.copy()
    hidden = hide_labels(y, np.array([False, True, False]))
    assert is_labelled(hidden).tolist() == [True, False, True]
    assert hidden[[0, 2]].tolist() == y[[0, 2]].tolist()
    np.testing.assert_array_equal(y, kept)


@pytest.mark.parametrize(
    ("spelling", "names", "codes"),
    [
        ([3, 0, -1, 3], (0, 3), [1, 0, -1, 1]),
        (np.array([3, 0, -7, 3]), (0, 3), [1, 0, -1, 1]),
        (["b", "a", "target", "b"], ("a", "b"), [1, 0, -1, 1]),
        ([True, False, "target", True], (False, True), [1, 0, -1, 1]),
        ([("a", 2), ("a", 1), -1, ("a", 2)], (("a", 1), ("a", 2)), [1, 0, -1, 1]),
        ([2, "a", "target", 2], (2, "a"), [0, 1, -1, 0]),
        (pd.Series(["b", "a", "target", "b"], dtype="category"), ("a", "b"), [1, 0, -1, 1]),
        (None, (), [-1, -1, -1, -1]),
        ([0.5, 0.25, -1.0, 0.5], (0.25, 0.5), [1, 0, -1, 1]),
    ],
)
def test_any_hashable_value_names_a_task(spelling, names, codes):
    tasks = read_tasks(spelling, 4)
    assert tasks.sources == names
    assert tasks.codes.tolist() == codes


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (
            [1, -1, -2],
            "sample_domain holds the negative numbers -2, -1, and a negative number",
        ),
        (
            [[1], "a", "b"],
            "sample_domain holds values of type list, str, which are not all",
        ),
        (["a", None, "b"], f"sample_domain has missing values; {HOW}."),
        ([1, 2], "sample_domain has 2 entries, but X has 3 rows; pass one entry a row."),
        (["a", "TARGET", "b"], "sample_domain names the sources ['TARGET']; did you mean"),
    ],
)
def test_what_names_no_task_is_refused(bad, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        read_tasks(bad, 3)
