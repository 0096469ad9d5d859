"""ColumnBridge: which columns are filled in, by which regression, and how well."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.linear_model import LinearRegression, Ridge
from sklearn.neighbors import KNeighborsRegressor

from sktransfer import ColumnBridge, TransferWarning
from tests.shelf import whole

RNG = np.random.default_rng(0)
FULL = RNG.normal(size=(60, 5))
FULL[:, 3] = FULL[:, :3] @ [1.0, -2.0, 0.5] + 0.1 * RNG.normal(size=60)
FULL[:, 4] = FULL[:, 0] + FULL[:, 1] + 3 + 0.1 * RNG.normal(size=60)
DOMAIN = np.repeat(["lab", "field", "target"], 20)
X = FULL.copy()
X[DOMAIN == "target", 3] = np.nan
X[DOMAIN == "field", 4] = np.nan
X[2, 3] = np.nan  # a gap in a domain that has the column


def test_lacking_columns_are_regressions_on_the_shared_ones():
    bridge = ColumnBridge(LinearRegression()).fit(X, sample_domain=DOMAIN)
    assert bridge.lacking_ == {"field": [4], "lab": [], "target": [3]}
    assert bridge.shared_ == [0, 1, 2]
    mapped = bridge.transform(X, sample_domain=DOMAIN)
    for place, name in ((3, "target"), (4, "field")):
        known = ~np.isnan(X[:, place])
        model = LinearRegression().fit(X[known, :3], X[known, place])
        assert_allclose(mapped[name == DOMAIN, place], model.predict(X[name == DOMAIN, :3]))
    filled = np.isnan(X) & ~np.isnan(mapped)
    assert filled.sum() == 40
    assert_array_equal(mapped[~filled], X[~filled])


def test_the_default_finds_a_linear_column():
    mapped = ColumnBridge().fit_transform(X, sample_domain=DOMAIN)
    assert np.abs(mapped - FULL)[np.isnan(X) & ~np.isnan(mapped)].max() < 0.5


def test_new_rows_are_filled_and_values_that_are_present_are_kept():
    bridge = ColumnBridge().fit(X, sample_domain=DOMAIN)
    new = FULL[:6].copy()
    new[::2, 3] = np.nan
    mapped = bridge.transform(new)
    assert_allclose(mapped[::2, 3], FULL[:6:2, 3], atol=0.5)
    assert_array_equal(mapped[1::2], new[1::2])


def test_shared_columns_may_have_gaps():
    gaps = X.copy()
    gaps[::7, 0] = np.nan
    mapped = ColumnBridge().fit_transform(gaps, sample_domain=DOMAIN)
    assert not np.isnan(mapped[DOMAIN == "target", 3]).any()
    assert_array_equal(np.isnan(mapped[:, 0]), np.isnan(gaps[:, 0]))


def test_the_error_holds_out_each_domain_that_has_the_column():
    bridge = ColumnBridge(Ridge(0.1)).fit(X, sample_domain=DOMAIN)
    known = ~np.isnan(X[:, 3])
    squares = 0
    for name in ("lab", "field"):
        held, rest = known & (name == DOMAIN), known & (name != DOMAIN)
        model = Ridge(0.1).fit(X[rest, :3], X[rest, 3])
        squares += ((model.predict(X[held, :3]) - X[held, 3]) ** 2).sum()
    expected = np.sqrt(squares / known.sum()) / X[known, 3].std()
    assert_allclose(bridge.errors_[3], expected)
    assert bridge.errors_[3] < 0.2


def test_the_error_in_one_domain_is_that_of_folds_and_not_of_the_fit():
    one = np.where(DOMAIN == "target", "target", "lab")
    rows = X[:, :4]
    nearest = ColumnBridge(KNeighborsRegressor(1)).fit(rows, sample_domain=one)
    assert 0.1 < nearest.errors_[3] < 1  # a fit has no error on its own rows
    order = np.random.default_rng(0).permutation(60)
    again = ColumnBridge(KNeighborsRegressor(1)).fit(rows[order], sample_domain=one[order])
    assert_allclose(again.errors_[3], nearest.errors_[3])


def test_names_of_columns():
    pd = pytest.importorskip("pandas")
    frame = pd.DataFrame(X, columns=list("abcde"))
    bridge = ColumnBridge().fit(frame, sample_domain=DOMAIN)
    assert bridge.lacking_["target"] == ["d"]
    assert set(bridge.errors_) == set(bridge.models_) == {"d", "e"}
    assert list(bridge.get_feature_names_out()) == list("abcde")


def test_without_a_lacking_column_nothing_changes():
    assert_array_equal(ColumnBridge().fit_transform(FULL, sample_domain=DOMAIN), FULL)
    gap = FULL.copy()
    gap[3, 2] = np.nan
    assert_array_equal(ColumnBridge().fit_transform(gap), gap)


def test_a_column_that_is_not_predicted_is_warned_about():
    noise = FULL.copy()
    noise[:, 3] = np.random.default_rng(1).normal(size=60) + 3 * (DOMAIN == "lab")
    noise[DOMAIN == "target", 3] = np.nan
    with pytest.warns(TransferWarning, match="predicts the columns 3 no better than by their mean"):
        ColumnBridge().fit(noise, sample_domain=DOMAIN)


def test_columns_that_nothing_predicts_are_refused():
    empty = X.copy()
    empty[:, 4] = np.nan
    sentence = (
        "X has no value in the columns 4 of any domain, so that they cannot be predicted; leave "
        "these columns out."
    )
    with pytest.raises(ValueError, match=whole(sentence)):
        ColumnBridge().fit(empty, sample_domain=DOMAIN)
    apart = np.array([[1.0, np.nan], [2.0, np.nan], [np.nan, 1.0], [np.nan, 2.0]])
    sentence = (
        "No column of X has values in all domains, so that nothing predicts those that a domain "
        "lacks; add a column that all domains have."
    )
    with pytest.raises(ValueError, match=whole(sentence)):
        ColumnBridge().fit(apart, sample_domain=["lab", "lab", "target", "target"])
