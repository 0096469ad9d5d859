"""`pack_domains` and `unpack_domains` are each other's inverse, for everything that holds rows."""

import re
from pathlib import Path

import numpy as np
import pandas as pd
import polars as pl
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import cross_val_score

from sktransfer import (
    MomentAligner,
    TargetFold,
    make_transfer_pipeline,
    pack_domains,
    unpack_domains,
)

Xa, Xb, Xt = np.arange(6.0).reshape(3, 2), np.arange(4.0).reshape(2, 2) + 10, -np.ones((2, 2))
COLUMNS = ["height", "width"]


def _frame(X):
    return pd.DataFrame(X, columns=COLUMNS)


ROWS = {
    "array": lambda X: X,
    "float32": lambda X: X.astype(np.float32),
    "images": lambda X: np.stack([X, X], axis=2),
    "nested list": lambda X: X.tolist(),
    "csr": sparse.csr_array,
    "csc": sparse.csc_matrix,
    "pandas": _frame,
    "polars": lambda X: pl.DataFrame(X, schema=COLUMNS),
    "list of paths": lambda X: [Path(f"{row[0]}.png") for row in X],
    "list of names": lambda X: [f"{row[0]}.png" for row in X],
    "list of images of several sizes": lambda X: [np.ones((k + 1, 2)) for k in range(len(X))],
}


def _same(a, b):
    if sparse.issparse(a):
        return (a != b).nnz == 0
    if isinstance(a, pd.DataFrame | pl.DataFrame):
        return a.equals(b)
    return len(a) == len(b) and all(np.array_equal(x, y) for x, y in zip(a, b))


@pytest.mark.parametrize("rows", ROWS.values(), ids=ROWS.keys())
def test_unpacking_gives_back_what_was_packed(rows):
    given = {"a": (rows(Xa), np.array([1, 2, 1])), "b": rows(Xb)}
    X, y, sample_domain = pack_domains(given, target=(rows(Xt), np.array([2, 1])))
    assert sample_domain.tolist() == ["a"] * 3 + ["b"] * 2 + ["target"] * 2
    sources, (X_target, y_target) = unpack_domains(X, y, sample_domain)
    assert list(sources) == ["a", "b"]
    assert _same(sources["a"][0], rows(Xa))
    assert _same(sources["b"], rows(Xb))
    assert _same(X_target, rows(Xt))
    np.testing.assert_array_equal(sources["a"][1], [1, 2, 1])
    np.testing.assert_array_equal(y_target, [2, 1])


def _pack_labels(ya, yt):
    target = Xt if yt is None else (Xt, yt)
    return pack_domains({"a": (Xa, ya)}, target=target)[1]


@pytest.mark.parametrize(
    ("ya", "yt", "expected"),
    [
        ([1, 2, 3], [4, 5], np.array([1, 2, 3, 4, 5])),
        ([1, 2, 3], None, np.array([1, 2, 3, np.nan, np.nan])),
        ([1, 2, 3], [4, None], np.array([1, 2, 3, 4, np.nan])),
        ([True, False, True], None, np.array([1, 0, 1, np.nan, np.nan])),
        ([True, False, True], [False, True], np.array([True, False, True, False, True])),
        (["x", "y", "x"], ["yy", "x"], np.array(["x", "y", "x", "yy", "x"])),
        (["x", "y", "x"], None, np.array(["x", "y", "x", None, None], dtype=object)),
        (["x", np.nan, "x"], ["y", "x"], np.array(["x", None, "x", "y", "x"], dtype=object)),
    ],
)
def test_labels_with_gaps_are_floats_with_nan_or_objects_with_none(ya, yt, expected):
    y = _pack_labels(np.asarray(ya, dtype=object) if None in ya or np.nan in ya else ya, yt)
    assert y.dtype == expected.dtype
    np.testing.assert_array_equal(y, expected)


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "string"])
def test_nullable_types_of_pandas_stay(dtype):
    ya = pd.array([1, 0, 1] if dtype != "string" else ["x", "y", "x"], dtype=dtype)
    y = _pack_labels(ya, None)
    assert y.dtype == ya.dtype
    assert y[:3].tolist() == ya.tolist()
    assert pd.isna(y[3:]).all()


def test_no_label_anywhere_is_no_y():
    X, y, sample_domain = pack_domains({"a": Xa}, target=Xt)
    assert y is None
    sources, target = unpack_domains(X, y, sample_domain)
    np.testing.assert_array_equal(sources["a"], Xa)
    np.testing.assert_array_equal(target, Xt)


def test_columns_are_matched_by_name_in_the_targets_order():
    X, _, _ = pack_domains({"a": _frame(Xa)[["width", "height"]]}, target=_frame(Xt))
    assert list(X.columns) == COLUMNS
    np.testing.assert_array_equal(X.to_numpy()[:3], Xa)


@pytest.mark.parametrize(
    ("sources", "target", "message"),
    [
        ({"target": Xa}, Xt, "sources has a domain called 'target', the mark of target rows; give"),
        ({1: Xa}, Xt, "sources has the key 1; name every source by a string."),
        ({}, Xt, "sources is empty, expected a dict with at least one source; pass"),
        ([Xa], Xt, "sources is a list, expected a dict with at least one source; pass"),
        ({"a": (Xa,)}, Xt, "a domain's data is a tuple of 1; pass (X, y), or X alone"),
        ({"a": (Xa, [1, 2])}, Xt, "the domain 'a' has 3 rows in X and 2 labels in y; pass one"),
        (
            {"a": (Xa, ["x", "nan", "y"])},
            Xt,
            "the labels of the domain 'a' hold the strings ['nan']",
        ),
        ({"a": (Xa, ["x", "None", "<NA>"])}, Xt, "the labels of the domain 'a' hold the strings"),
        (
            {"a": Xa[:, :1]},
            Xt,
            "the domains' rows have different shapes, {'a': (1,), 'target': (2,)}",
        ),
        ({"a": sparse.csr_array(Xa)}, Xt, "the domains' rows come in different containers, {'a'"),
        ({"a": _frame(Xa)}, Xt, "the domains' rows come in different containers, {'a': 'pandas"),
        (
            {"a": _frame(Xa).rename(columns={"width": "w"})},
            _frame(Xt),
            "the columns of 'a' are not the target's: missing ['width'], unknown ['w']; pass",
        ),
        ({"a": (Xa, [1, 2, 3])}, (Xt, ["x", "y"]), "the domains' labels are of different types"),
    ],
)
def test_what_does_not_fit_is_refused_in_a_sentence(sources, target, message):
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        pack_domains(sources, target=target)


@pytest.mark.parametrize(
    "pair",
    [
        [Xa, np.array([0, 1, 0])],
        [Xa, ["x", "y", "x"]],
        [Xa.tolist(), ["x", "y", "x"]],
        [sparse.csr_array(Xa), [0, 1, 0]],
        [_frame(Xa), pd.Series([0, 1, 0])],
        [["a.png", "b.png", "c.png"], [0, 1, 0]],
        [[np.ones((2, 2))] * 3, [0, 1, 0]],
        [Xa, [0, 1]],
    ],
)
def test_a_pair_in_a_list_is_no_list_of_images(pair):
    message = "a domain's data is a list that looks like rows and their labels; pass a tuple"
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        pack_domains({"a": pair}, target=Xt)
    with pytest.raises(ValueError, match="^" + re.escape(message)):
        pack_domains({"a": Xa}, target=pair)


@pytest.mark.parametrize(
    "two",
    [
        [[0.0, 1.0], [2.0, 3.0]],
        [["red", "round"], ["blue", "long"]],
        [["red", 1.0], [None, 2.0]],
        [np.ones((2, 2)), np.ones((2, 2))],
        [np.ones((2, 2)), np.ones((3, 2))],
        ["a.png", "b.png"],
    ],
    ids=str,
)
def test_two_rows_in_a_list_are_no_pair(two):
    assert len(pack_domains({"a": two}, target=two)[0]) == 4


@pytest.mark.parametrize(
    "column",
    [
        np.array([[1], [2], [1]]),
        [[1], [2], [1]],
        pd.DataFrame({"label": [1, 2, 1]}),
        pl.DataFrame({"label": [1, 2, 1]}),
        pd.DataFrame({"label": pd.array([1, 2, 1], dtype="Int64")}),
    ],
    ids=lambda y: type(y).__name__,
)
def test_one_column_of_labels_is_a_vector(column):
    np.testing.assert_array_equal(_pack_labels(column, [2, 1]), [1, 2, 1, 2, 1])
    np.testing.assert_array_equal(_pack_labels([1, 2, 1], np.array([[2], [1]])), [1, 2, 1, 2, 1])
    gaps = _pack_labels(column, None)
    assert gaps.shape == (5,)
    assert gaps[:3].tolist() == [1, 2, 1]
    assert pd.isna(gaps[3:]).all()


def test_several_outputs_stay_and_differing_numbers_of_them_are_refused():
    outputs = np.arange(6.0).reshape(3, 2)
    y = _pack_labels(outputs, None)
    np.testing.assert_array_equal(y, np.r_[outputs, np.full((2, 2), np.nan)])
    message = (
        "the domains' labels have different shapes, {'a': (2,), 'target': ()}; pass as many outputs"
        " for every domain."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        _pack_labels(outputs, [0.0, 1.0])


LARGE = 2**53 + 1


@pytest.mark.parametrize(
    ("ya", "yt"),
    [
        ([LARGE, LARGE - 1, 5], None),
        (np.array([LARGE, LARGE - 1, 5]), None),
        ([LARGE, None, 5], [1, 2]),
        ([LARGE, np.nan, 5], [1, 2]),
        (pd.array([LARGE, None, 5], dtype="Int64"), [1, 2]),
        (pl.Series([LARGE, None, 5]), [1, 2]),
        ([LARGE, 4, 5], [0.5, 2]),
        ([-LARGE, 4, 5], None),
        (np.array([2**64 - 1, 4, 5], dtype=np.uint64), [-1, 2]),
    ],
)
def test_whole_numbers_that_floating_point_would_merge_are_refused(ya, yt):
    message = "which floating point, as which labels with gaps are stacked, would round to others"
    with pytest.raises(ValueError, match=message):
        _pack_labels(ya, yt)


def test_large_whole_numbers_stay_where_nothing_rounds_them():
    assert _pack_labels([LARGE, LARGE - 1, 5], [1, 2])[:2].tolist() == [LARGE, LARGE - 1]
    assert _pack_labels([LARGE + 1, LARGE - 1, 5], None)[:2].tolist() == [LARGE + 1, LARGE - 1]
    nullable = pd.array([LARGE, LARGE - 1, 5], dtype="Int64")
    assert _pack_labels(nullable, None)[:2].tolist() == [LARGE, LARGE - 1]


def test_a_list_of_texts_may_hold_nan():
    y = _pack_labels(["x", np.nan, "x"], None)
    assert y.tolist() == ["x", None, "x", None, None]


@pytest.mark.parametrize("twice", ["a", "target"])
def test_columns_of_one_name_are_refused(twice):
    frames = {"a": _frame(Xa), "target": _frame(Xt)}
    frames[twice] = frames[twice].set_axis(["height", "height"], axis=1)
    message = (
        f"the columns of {twice!r} hold the names ['height'] more than once, so that columns cannot"
        " be matched by name; rename them."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        pack_domains({"a": frames["a"]}, target=frames["target"])


def test_signed_integers_unpack_too():
    sources, target = unpack_domains(np.arange(3), None, [1, -1, 2])
    assert {name: rows.tolist() for name, rows in sources.items()} == {"1": [0], "2": [2]}
    assert target.tolist() == [1]


def test_labels_come_back_as_the_integers_they_were():
    given = {"a": (Xa, np.array([1, 2, 1]))}
    sources, target = unpack_domains(*pack_domains(given, target=Xt))
    assert sources["a"][1].dtype == np.int64
    np.testing.assert_array_equal(target, Xt)


@pytest.mark.parametrize(
    "labels",
    [np.array([b"u", b"v", b"u"]), np.array(["2026-01-01"] * 3, dtype="datetime64[D]")],
    ids=["bytes", "dates"],
)
def test_any_other_kind_of_label_has_none_for_a_gap(labels):
    y = pack_domains({"a": (Xa, labels)}, target=Xt)[1]
    assert y[3:].tolist() == [None, None]
    assert y[:3].tolist() == labels.tolist()


@pytest.mark.parametrize("nothing", [np.full(2, np.nan), np.array([None, None], dtype=object)])
def test_a_domain_whose_labels_are_all_missing_fits_any(nothing):
    texts = pack_domains({"a": (Xa, ["x", "y", "x"])}, target=(Xt, nothing))[1]
    assert texts.tolist() == ["x", "y", "x", None, None]
    numbers = pack_domains({"a": (Xa, [1, 2, 1])}, target=(Xt, nothing))[1]
    np.testing.assert_array_equal(numbers, [1, 2, 1, np.nan, np.nan])


def test_the_target_may_come_by_position():
    by_position = pack_domains({"a": (Xa, [1, 2, 1])}, (Xt, [2, 1]))
    by_name = pack_domains({"a": (Xa, [1, 2, 1])}, target=(Xt, [2, 1]))
    for one, other in zip(by_position, by_name):
        np.testing.assert_array_equal(one, other)


def _categories(*values, ordered=False):
    return pd.Series(pd.Categorical(values, ordered=ordered), name="ward")


@pytest.mark.parametrize("container", [pd.Series, pd.DataFrame])
def test_a_category_has_the_categories_of_all_domains(container):
    parts = {"a": _categories("u", "v"), "b": _categories("x", None), "c": pd.Series(["y", "u"])}
    parts["c"].name = "ward"
    sources = {name: container(part) for name, part in parts.items()}
    X, _, _ = pack_domains(sources, container(_categories("v", "w")))
    X = X["ward"] if container is pd.DataFrame else X
    assert list(X.cat.categories) == ["u", "v", "x", "y", "w"]
    assert X.tolist() == ["u", "v", "x", np.nan, "y", "u", "v", "w"]
    unpacked, target = unpack_domains(X, None, np.repeat(["a", "b", "c", "target"], 2))
    assert target.dtype == X.dtype
    assert unpacked["a"].tolist() == ["u", "v"]


def test_the_types_of_the_target_decide_whether_a_column_is_a_category():
    texts = pd.DataFrame({"ward": ["v", "w"]})
    X, _, _ = pack_domains({"a": _categories("u", "v").to_frame()}, texts)
    assert X["ward"].tolist() == ["u", "v", "v", "w"]
    assert not isinstance(X["ward"].dtype, pd.CategoricalDtype)


def test_ordered_categories_stay_if_they_are_the_same_and_are_refused_if_not():
    same = _categories("low", "high", ordered=True).to_frame()
    X, _, _ = pack_domains({"a": same}, same)
    assert X["ward"].dtype == same["ward"].dtype
    other = _categories("low", "middle", ordered=True).to_frame()
    message = "the column 'ward' has ordered categories, which are not the same in all domains; "
    with pytest.raises(ValueError, match=f"^{re.escape(message)}"):
        pack_domains({"a": same}, other)


@pytest.mark.parametrize("dtype", [pl.Categorical, pl.Enum])
@pytest.mark.parametrize("container", [pl.Series, pl.DataFrame])
def test_categories_of_polars_are_joined_too(container, dtype):
    def part(*values):
        series = pl.Series(
            "ward", values, dtype=dtype if dtype is pl.Categorical else dtype(values)
        )
        return series if container is pl.Series else series.to_frame()

    X, _, _ = pack_domains({"a": part("u", "v")}, part("v", "w"))
    X = X if container is pl.Series else X["ward"]
    assert isinstance(X.dtype, dtype)
    assert X.to_list() == ["u", "v", "v", "w"]


def test_columns_of_polars_that_do_not_fit_together_are_refused_in_a_sentence():
    frames = pl.DataFrame({"a": [[1], [2]]}), pl.DataFrame({"a": [1, 2]})
    with pytest.raises(
        ValueError, match=r"^the domains' columns are of types that do not fit toge"
    ):
        pack_domains({"a": frames[0]}, frames[1])


@pytest.mark.parametrize("dtype", ["Int64", "boolean", "string"])
def test_packed_labels_can_be_selected_by_scikit_learn(dtype):
    labels = pd.array(["x", "y"] * 10 if dtype == "string" else [1, 0] * 10, dtype=dtype)
    X = np.arange(20.0)[:, None]
    X, y, sample_domain = pack_domains({"a": (X, labels)}, (X, labels))
    pipe = make_transfer_pipeline(MomentAligner(), LogisticRegression())
    scores = cross_val_score(
        pipe,
        X,
        y,
        cv=TargetFold(2),
        groups=sample_domain,
        params={"sample_domain": sample_domain},
        scoring="accuracy",
    )
    assert np.isfinite(scores).all()


def test_dates_with_gaps_stay_dates():
    dates = np.array(["2026-01-01", "2026-01-02", "2026-01-01"], dtype="datetime64[D]")
    y = _pack_labels(dates, None)
    assert y.dtype == dates.dtype
    assert np.isnat(y[3:]).all()


def _three_frames(library):
    first = library.DataFrame({"height": [1.0, 2.0], "width": [3.0, 4.0], "kind": ["a", "b"]})
    second = library.DataFrame({"depth": [5, 6], "height": [7.0, 8.0]})
    target = library.DataFrame({"width": [9.0], "height": [0.5]})
    return {"a": first, "b": second}, target


@pytest.mark.parametrize("name", ["pandas", "polars"])
def test_shared_columns_and_the_union_of_columns(name):
    library = pytest.importorskip(name)
    sources, target = _three_frames(library)
    X, _, _ = pack_domains(sources, target, columns="shared")
    assert list(X.columns) == ["height"]
    assert X["height"].to_list() == [1, 2, 7, 8, 0.5]
    X, y, sample_domain = pack_domains(sources, target, columns="union")
    assert list(X.columns) == ["width", "height", "kind", "depth"]
    lists = [X[column].to_list() for column in X.columns]
    values = [[None if value != value else value for value in each] for each in lists]
    assert values == [
        [3, 4, None, None, 9],
        [1, 2, 7, 8, 0.5],
        ["a", "b", None, None, None],
        [None, None, 5, 6, None],
    ]
    assert y is None
    assert list(sample_domain) == ["a", "a", "b", "b", "target"]


def test_equal_columns_are_the_same_by_any_rule():
    pd = pytest.importorskip("pandas")
    frames = {"a": pd.DataFrame({"x": [1.0], "y": [2]})}, pd.DataFrame({"y": [3], "x": [4.0]})
    expected = pack_domains(*frames)[0]
    for rule in ("shared", "union"):
        pd.testing.assert_frame_equal(pack_domains(*frames, columns=rule)[0], expected)


def test_a_category_that_a_domain_lacks_stays_a_category():
    pd = pytest.importorskip("pandas")
    kinds = pd.DataFrame({"x": [1.0, 2.0], "kind": pd.Categorical(["a", "b"])})
    X, _, _ = pack_domains({"a": kinds}, pd.DataFrame({"x": [3.0]}), columns="union")
    assert list(X["kind"].cat.categories) == ["a", "b"]
    assert X["kind"].isna().tolist() == [False, False, True]


def test_rules_of_columns_that_make_no_sense_are_refused():
    pd = pytest.importorskip("pandas")
    sentence = "columns='all': expected 'same', 'shared' or 'union'."
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        pack_domains({"a": [[1.0]]}, [[1.0]], columns="all")
    sentence = (
        "columns='union' matches columns by name, but the rows of the domains come as array; pass "
        "data frames, or columns='same'."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        pack_domains({"a": [[1.0]]}, [[1.0]], columns="union")
    sentence = "columns='shared': no column is in all domains; rename those that mean the same."
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        pack_domains({"a": pd.DataFrame({"x": [1]})}, pd.DataFrame({"y": [1]}), columns="shared")
