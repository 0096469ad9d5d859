"""Values that cannot be squared and summed are refused with the value and the remedy."""

import re
import warnings

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from sklearn.linear_model import Ridge

import sktransfer
from sktransfer import (
    CORALAligner,
    DomainAugmenter,
    GaussianWeighter,
    MomentAligner,
    StructuralEncoder,
    TargetFold,
    TrAdaBoostClassifier,
    TrAdaBoostRegressor,
    TransferComponentAligner,
    ULSIFWeighter,
    WeightedTransferRegressor,
)
from sktransfer._magnitude import check_magnitude, largest_value
from sktransfer.exceptions import TransferWarning

rng = np.random.default_rng(0)
X = rng.normal(size=(50, 4)) / 5
X[0, 0] = 1.0  # the largest
SAMPLE_DOMAIN = np.repeat(["old", "target"], 25)


@pytest.mark.parametrize(("factor", "word"), [(1e80, "large"), (1e-80, "small")])
def test_the_message(factor, word):
    message = (
        f"MomentAligner squares the values of X, but the largest absolute value is {factor:.3g}, "
        f"which is too {word} to be squared and summed; expected one from 1e-75 to 1e+75; correct "
        "this value, or rescale X, for example with MaxAbsScaler."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        MomentAligner().fit(X * factor, sample_domain=SAMPLE_DOMAIN)


def test_also_in_new_rows_in_batches_and_in_sparse_rows():
    fitted = CORALAligner().fit(X, sample_domain=SAMPLE_DOMAIN)
    for action in (
        lambda: fitted.transform(X * 1e80),
        lambda: CORALAligner().partial_fit(X * 1e80),
        lambda: StructuralEncoder(2).fit(csr_array(X * 1e80)),
        lambda: StructuralEncoder(2).fit(X).transform(X * 1e80),
        lambda: ULSIFWeighter(alpha=0.5).fit(csr_array(X * 1e80), sample_domain=SAMPLE_DOMAIN),
        lambda: ULSIFWeighter(alpha=0.5).fit(X, sample_domain=SAMPLE_DOMAIN).weigh(X * 1e80),
    ):
        with pytest.raises(ValueError, match=r"largest absolute value is 1e\+80"):
            action()


def test_squares_in_single_precision_have_limits_of_their_own():
    rows = (X * 1e20).astype(np.float32)
    with pytest.raises(ValueError, match=r"from 1e-16 to 1e\+16; .*or pass float64"):
        TransferComponentAligner(2).fit(rows, sample_domain=SAMPLE_DOMAIN)
    MomentAligner().fit(rows, sample_domain=SAMPLE_DOMAIN)


def test_a_method_that_squares_nothing_takes_any_value():
    rows = X * 1e160
    mapped = DomainAugmenter().fit_transform(rows, sample_domain=SAMPLE_DOMAIN)
    assert_allclose(mapped[:, :4], rows)


def test_a_result_that_overflows_is_refused():
    narrow = np.concatenate([X[:25] * 1e-40, X[25:] * 1e-2])  # the map multiplies by 1e38
    fitted = MomentAligner().fit(narrow.astype(np.float32), sample_domain=SAMPLE_DOMAIN)
    with pytest.raises(ValueError, match="values that are not finite for this X, whose largest"):
        fitted.transform(X.astype(np.float32) * 100, sample_domain=["old"] * len(X))


def test_a_matrix_that_is_not_positive_definite_is_a_sentence():
    rng = np.random.default_rng(0)
    units = np.concatenate([rng.normal(size=(40, 5)), (rng.normal(size=(30, 5)) + 1) * 1e8])
    sample_domain = np.repeat(["old", "target"], [40, 30])
    with pytest.raises(
        ValueError, match=r"^TransferComponentAligner\(ridge=1.0\) cannot factorize a matrix of X"
    ) as caught:
        TransferComponentAligner(2, supervised=True).fit(
            units, units[:, 0] > 0, sample_domain=sample_domain
        )
    assert not isinstance(caught.value, np.linalg.LinAlgError)
    assert isinstance(caught.value.__cause__, np.linalg.LinAlgError)


@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_the_largest_value_ignores_missing_ones(dtype):
    rows = np.array([[np.nan, -3.0], [2.0, np.nan]], dtype=dtype)
    assert largest_value(rows) == largest_value(csr_array(rows)) == 3.0
    assert np.isnan(largest_value(rows, missing=False))
    assert largest_value(np.full((2, 2), np.nan)) == largest_value(np.empty((0, 2))) == 0.0
    check_magnitude(np.zeros((3, 2)), None)
    torch = pytest.importorskip("torch")
    from sklearn import config_context

    with config_context(array_api_dispatch=True):
        assert largest_value(torch.asarray(rows)) == 3.0


@pytest.mark.parametrize(
    "method",
    [CORALAligner(), TransferComponentAligner(2), DomainAugmenter(), StructuralEncoder(2)],
    ids=str,
)
def test_the_message_for_missing_values_says_which_step_to_put_first(method):
    message = (
        f"{type(method).__name__} takes no missing values, but X contains NaN; put SimpleImputer() "
        "before it (after MomentAligner(), if the domains differ in scale), or leave out the rows "
        "that have missing values."
    )
    rows = X.copy()
    rows[3, 1] = np.nan
    for action in (
        lambda: method.fit(rows, sample_domain=SAMPLE_DOMAIN),
        lambda: method.fit(X, sample_domain=SAMPLE_DOMAIN).transform(rows),
    ):
        with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
            action()
    with pytest.raises(ValueError, match="takes no missing values"):
        CORALAligner().partial_fit(rows)


@pytest.mark.parametrize("unit", [1e-150, 1e-170, 1e-300, 1e-307])
def test_a_column_far_smaller_than_the_others_counts_in_its_own_unit(unit):
    rows = X * [1.0, unit, 1.0, 1.0]
    rows[:25] *= 1.2
    same_unit = rows * [1.0, 1 / unit, 1.0, 1.0]
    expected = GaussianWeighter(shrinkage=0.5).fit(same_unit, sample_domain=SAMPLE_DOMAIN)
    found = GaussianWeighter(shrinkage=0.5).fit(rows, sample_domain=SAMPLE_DOMAIN)
    assert_allclose(found.weights_, expected.weights_, rtol=1e-9)
    assert_allclose(found.source_mean_, expected.source_mean_ * [1, unit, 1, 1], rtol=1e-9)
    expected = MomentAligner().fit_transform(same_unit, sample_domain=SAMPLE_DOMAIN)
    whole = MomentAligner().fit(rows, sample_domain=SAMPLE_DOMAIN)
    batches = MomentAligner()
    for batch in (slice(0, 7), slice(7, 40), slice(40, 50)):
        batches.partial_fit(rows[batch], sample_domain=SAMPLE_DOMAIN[batch])
    for aligner in (whole, batches):
        mapped = aligner.transform(rows, sample_domain=SAMPLE_DOMAIN)
        assert_allclose(mapped, expected * [1, unit, 1, 1], rtol=1e-9)


@pytest.mark.parametrize(("factor", "word"), [(1e80, "large"), (1e-80, "small")])
def test_trees_of_a_booster_read_single_precision(factor, word):
    message = (
        "TrAdaBoostClassifier fits trees in float32, but the largest absolute value of X is "
        f"{factor:.3g}, which is too {word} for it; correct this value, or rescale X, for example "
        "with MaxAbsScaler."
    )
    y = np.arange(50) % 2
    fitted = TrAdaBoostClassifier(n_estimators=1).fit(X, y)
    for rows in (X * factor, csr_array(X * factor)):
        for action in (
            lambda rows=rows: TrAdaBoostClassifier().fit(rows, y),
            lambda rows=rows: fitted.predict(rows),
        ):
            with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
                action()


@pytest.mark.parametrize("method", [TrAdaBoostRegressor, WeightedTransferRegressor])
@pytest.mark.parametrize(("factor", "word"), [(1e80, "large"), (1e-80, "small")])
def test_numbers_in_y_that_cannot_be_squared(method, factor, word):
    message = (
        f"The largest absolute value of y is {factor:.3g}, which is too {word} to be squared and "
        "summed; expected one from 1e-75 to 1e+75; correct this value, or divide y by a constant."
    )
    with pytest.raises(ValueError, match=f"^{re.escape(message)}$"):
        method().fit(X, factor * X[:, 0], sample_domain=SAMPLE_DOMAIN)


def test_numbers_beyond_the_whole_numbers_are_no_classes():
    y = np.repeat([0.0, 1e300], 25)
    with pytest.raises(ValueError, match=r"^Unknown label type: continuous"):
        TrAdaBoostClassifier().fit(X, y)
    assert len(list(TargetFold(2).split(X, y, groups=np.repeat("target", 50)))) == 2


@pytest.mark.parametrize("bad", [np.ones((99, 3)) + 1j, np.linspace(0, 1, 999)])
@pytest.mark.parametrize(
    "method",
    [
        MomentAligner,
        StructuralEncoder,
        ULSIFWeighter,
        TrAdaBoostClassifier,
        WeightedTransferRegressor,
    ],
)
def test_a_message_does_not_hold_all_values_of_x(method, bad):
    with pytest.raises(
        ValueError, match=r"^(Complex data not supported|Expected 2D array).* \.\.\. "
    ) as caught:
        method().fit(bad, np.zeros(len(bad)))
    assert len(str(caught.value)) <= 600


PREDICTORS = [
    getattr(sktransfer, name)
    for name in sktransfer.__all__
    if "TrAdaBoost" in name or name.startswith("WeightedTransfer")
]


@pytest.mark.parametrize("method", PREDICTORS, ids=lambda method: method.__name__)
@pytest.mark.parametrize("factor", [1e80, 1e160, 1e300, 1e-80, 1e-160])
def test_predictors_refuse_rows_that_cannot_be_squared(method, factor):
    y = X[:, 0] > 0
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", TransferWarning)
        fitted = method().fit(X, y, sample_domain=SAMPLE_DOMAIN)
        for action in (
            lambda: fitted.predict(X * factor),
            lambda: method().fit(X * factor, y),
            lambda: method().fit(X * factor, y, sample_domain=SAMPLE_DOMAIN),
        ):
            with pytest.raises(ValueError, match="but the largest absolute value"):
                action()


@pytest.mark.parametrize("method", [WeightedTransferRegressor, TrAdaBoostRegressor])
@pytest.mark.parametrize(("factor", "word"), [(1e30, "large"), (1e-30, "small")])
def test_a_learner_that_overflows_in_single_precision_is_named(method, factor, word):
    class Strict(Ridge):
        """Raises an error of its own, as solvers do, also for small values."""

        def fit(self, X, y, sample_weight=None):
            with np.errstate(over="ignore", under="ignore"):
                squares = X**2
            if not 0 < squares.max() < np.inf:
                raise ValueError("array must not contain infs or NaNs")
            return super().fit(X, y, sample_weight)

    rows, y = (X * factor).astype(np.float32), X[:, 1]
    # Without sources, so that no weighter computes with these values.
    message = rf"^Strict cannot .* \(ValueError: array must .* too {word} to be squared there"
    with pytest.raises(ValueError, match=message):
        method(Strict()).fit(rows, y)
    with pytest.raises(ValueError, match=r"^array must not contain"):
        method(Strict()).fit(0 * rows, y)
