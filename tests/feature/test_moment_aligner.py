"""MomentAligner: what it promises beyond its formula, and every sentence that it can say."""

import re

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sktransfer import make_transfer_pipeline
from sktransfer.exceptions import TransferWarning
from sktransfer.feature import CORALAligner, MomentAligner


def make_rows(seed=0, n_features=4, counts=(("amazon", 30), ("dslr", 25), ("target", 40))):
    """Rows of several domains, in mixed order, with their domains."""
    rng = np.random.default_rng(seed)
    names = np.repeat([name for name, _ in counts], [count for _, count in counts])
    gain, offset = np.exp(rng.normal(size=(2, 3, n_features)))
    index = np.repeat(np.arange(len(counts)), [count for _, count in counts])
    X = rng.normal(size=(len(names), n_features)) * gain[index] + offset[index]
    order = rng.permutation(len(names))
    return X[order], names[order]


@pytest.mark.parametrize("with_std", [True, False])
def test_moments_match_and_target_rows_stay_to_the_bit(with_std):
    X, sample_domain = make_rows()
    aligner = MomentAligner(with_std=with_std)
    mapped = aligner.fit_transform(X, sample_domain=sample_domain)
    target = sample_domain == "target"
    assert_array_equal(mapped[target], X[target])
    for name in ["amazon", "dslr"]:
        here = sample_domain == name
        assert_allclose(mapped[here].mean(axis=0), X[target].mean(axis=0), atol=1e-12)
        spread = X[target if with_std else here].std(axis=0, ddof=1)
        assert_allclose(mapped[here].std(axis=0, ddof=1), spread, rtol=1e-12)


def test_it_is_coral_on_each_feature_alone():
    X, sample_domain = make_rows()
    mapped = MomentAligner().fit_transform(X, sample_domain=sample_domain)
    for k in range(X.shape[1]):
        alone = CORALAligner(ridge=0).fit_transform(X[:, [k]], sample_domain=sample_domain)
        assert_allclose(mapped[:, [k]], alone, atol=1e-10)


def test_each_of_several_sources_has_the_map_of_its_own_two_domain_fit():
    X, sample_domain = make_rows()
    together = MomentAligner().fit(X, sample_domain=sample_domain)
    assert list(together.maps_) == list(together.source_domains_) == ["amazon", "dslr"]
    for name in together.source_domains_:
        pair = np.isin(sample_domain, [name, "target"])
        alone = MomentAligner().fit(X[pair], sample_domain=sample_domain[pair])
        assert_array_equal(alone.maps_[name](X), together.maps_[name](X))


def test_without_sample_domain_it_is_the_identity():
    X, _ = make_rows()
    aligner = MomentAligner()
    mapped = aligner.fit_transform(X)
    assert_array_equal(mapped, X)
    assert not np.shares_memory(mapped, X)
    assert aligner.maps_ == {}


def test_new_rows_of_either_domain():
    X, sample_domain = make_rows()
    aligner = MomentAligner().fit(X, sample_domain=sample_domain)
    new = np.random.default_rng(9).normal(size=(5, 4))
    assert_array_equal(aligner.transform(new), new)
    mapped = aligner.transform(new, sample_domain=["dslr"] * 5)
    assert_array_equal(mapped, aligner.maps_["dslr"](new))


def test_names_of_columns_are_kept():
    X, sample_domain = make_rows()
    aligner = MomentAligner().fit(X, sample_domain=sample_domain)
    assert list(aligner.get_feature_names_out(list("abcd"))) == list("abcd")


def test_one_row_has_a_mean_and_no_scale():
    X, sample_domain = make_rows(counts=(("amazon", 1), ("dslr", 3), ("target", 9)))
    mapped = MomentAligner(with_std=False).fit_transform(X, sample_domain=sample_domain)
    assert_allclose(mapped[sample_domain == "amazon"][0], X[sample_domain == "target"].mean(axis=0))
    message = (
        "MomentAligner needs at least 2 rows of every domain in sample_domain: 'amazon' has 1; "
        "add rows, leave that domain out, or correct its name."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        MomentAligner().fit(X, sample_domain=sample_domain)


def test_a_parameter_that_makes_no_sense():
    with pytest.raises(ValueError, match=r"The 'with_std' parameter .* Got 'yes' instead."):
        MomentAligner(with_std="yes").fit(np.eye(3))


def with_missing(X, share=0.2, seed=3):
    rng = np.random.default_rng(seed)
    return np.where(rng.uniform(size=X.shape) < share, np.nan, X)


@pytest.mark.parametrize("with_std", [True, False])
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_missing_values_are_ignored_and_stay_missing(dtype, with_std):
    X, sample_domain = make_rows()
    X = with_missing(X).astype(dtype)
    before = X.copy()
    aligner = MomentAligner(with_std=with_std)
    mapped = aligner.fit_transform(X, sample_domain=sample_domain)
    assert mapped.dtype == dtype
    assert_array_equal(X, before)
    assert_array_equal(np.isnan(mapped), np.isnan(X))
    rtol = 1e-9 if dtype == np.float64 else 1e-4
    target = sample_domain == "target"
    assert_array_equal(mapped[target], X[target])
    for k in range(X.shape[1]):  # each feature alone, on the rows that have it
        there = ~np.isnan(X[:, k])
        alone = MomentAligner(with_std=with_std).fit_transform(
            X[there][:, [k]], sample_domain=sample_domain[there]
        )
        assert_allclose(mapped[there, k], alone[:, 0], rtol=rtol, atol=rtol)


def test_missing_values_in_batches():
    X, sample_domain = make_rows()
    X = with_missing(X, 0.5)
    whole = MomentAligner().fit(X, sample_domain=sample_domain)
    batches = MomentAligner()
    for k in range(len(X)):  # a batch of one row may have no value of a feature
        batches.partial_fit(X[k : k + 1], sample_domain=sample_domain[k : k + 1])
    expected = whole.transform(X, sample_domain=sample_domain)
    assert_allclose(batches.transform(X, sample_domain=sample_domain), expected, rtol=1e-10)


def test_missing_values_of_another_library():
    torch = pytest.importorskip("torch")
    from sklearn import config_context

    X, sample_domain = make_rows()
    X = with_missing(X)
    expected = MomentAligner().fit_transform(X, sample_domain=sample_domain)
    with config_context(array_api_dispatch=True):
        mapped = MomentAligner().fit_transform(torch.asarray(X), sample_domain=sample_domain)
    assert_allclose(mapped.numpy(), expected)


@pytest.mark.parametrize("empty", ["amazon", "target"])
def test_a_feature_without_a_value_in_a_domain_stays_as_it_is(empty):
    X, sample_domain = make_rows()
    expected = MomentAligner().fit(X, sample_domain=sample_domain).maps_["amazon"](X)
    X_seen = X.copy()
    X_seen[sample_domain == empty, 2] = np.nan
    message = f"MomentAligner finds no value of X in columns [2] in {empty!r}; it leaves these"
    with pytest.warns(TransferWarning, match=re.escape(message)):
        aligner = MomentAligner().fit(X_seen, sample_domain=sample_domain)
    mapped = aligner.maps_["amazon"](X)
    assert_allclose(mapped[:, 2], X[:, 2])
    assert_allclose(mapped[:, [0, 1, 3]], expected[:, [0, 1, 3]])


def test_a_single_value_in_a_domain_has_a_mean_and_no_scale():
    X, sample_domain = make_rows()
    X[np.flatnonzero(sample_domain == "amazon")[1:], 0] = np.nan
    aligner = MomentAligner().fit(X, sample_domain=sample_domain)
    only = X[sample_domain == "amazon"][0, 0]
    center = X[sample_domain == "target", 0].mean()
    row = np.array([[only + 1, 0, 0, 0]])
    assert_allclose(aligner.transform(row, sample_domain=["amazon"])[0, 0], center + 1)


def test_infinite_values_are_refused():
    X, sample_domain = make_rows()
    X[0, 0] = np.inf
    with pytest.raises(ValueError, match="infinity"):
        MomentAligner().fit(X, sample_domain=sample_domain)


def sensor_accuracy(seed, *steps):
    """Two classes, seen by a sensor of other gains and offsets; 20 % of the values are lost."""
    rng = np.random.default_rng(seed)
    y = rng.integers(2, size=600)
    spread = np.linalg.cholesky(0.5 * np.ones((8, 8)) + 0.5 * np.eye(8))
    X = rng.normal(size=(600, 8)) @ spread.T + np.outer(2 * y - 1, 0.6 * rng.normal(size=8))
    X[300:] = X[300:] * np.exp(rng.normal(size=8) / 2) + 2 * rng.normal(size=8)
    X = with_missing(X, seed=seed)
    sample_domain = np.repeat(["old", "target"], 300)
    labels = np.where(sample_domain == "old", y, np.nan)
    pipe = make_transfer_pipeline(*steps, StandardScaler(), LogisticRegression())
    return pipe.fit(X, labels, sample_domain=sample_domain).score(X[300:], y[300:])


@pytest.mark.parametrize("further", [[], [CORALAligner(ridge=0.01)]])
def test_imputing_after_it_is_better_than_before(further):
    first, second = MomentAligner(), SimpleImputer()
    after, before = (
        np.mean([sensor_accuracy(seed, *steps, *further) for seed in range(10)])
        for steps in ([first, second], [second, first])
    )
    assert after > before + 0.01
