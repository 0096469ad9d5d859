"""Every classifier, regressor and transformer of scikit-learn as a step of a transfer pipeline.

It fits and predicts as in scikit-learn's Pipeline on the same labelled rows, or raises the same.
"""

import warnings

import numpy as np
import pytest
from scipy.sparse import issparse
from sklearn.base import clone, is_classifier, is_regressor
from sklearn.dummy import DummyClassifier, DummyRegressor
from sklearn.frozen import FrozenEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils import all_estimators, get_tags
from sklearn.utils._test_common.instance_generator import _construct_instances
from sklearn.utils._testing import set_random_state

from sktransfer import TransferPipeline, TransferWarning

RNG = np.random.default_rng(0)
X = np.abs(RNG.normal(size=(36, 3)))
CLASSES = np.arange(36) % 3 % 2
X[CLASSES == 1] += 0.5
X[26:] = X[:10]  # the rows without a label, so that they hold no category of their own
SAMPLE_DOMAIN = np.array(["lab", "target", "target"])[np.arange(36) // 12]
UNLABELLED = np.arange(26, 36)

KINDS = ["classifier", "regressor", "transformer"]
CLASSES_OF_SCIKIT_LEARN = {
    name: cls for name, cls in all_estimators(type_filter=KINDS) if cls is not FrozenEstimator
}


def _targets(estimator):
    """Labels of the kind that an estimator takes."""
    tags = get_tags(estimator)
    y = CLASSES if is_classifier(estimator) else X @ [1.0, 0.5, 2.0]
    if tags.target_tags.multi_output and not tags.target_tags.single_output:
        y = np.column_stack([y, y[::-1]])
    return y


def _rows(estimator):
    tags = get_tags(estimator).input_tags
    if tags.one_d_array:
        return X[:, 0]
    if tags.string and not tags.two_d_array:
        return np.array(["a word", "another word here"], dtype=object)[CLASSES]
    return X


def _outcome(pipe, X, y, X_new, **params):
    """Return what a pipeline predicts (or how it maps rows) after its fit, or its error."""
    try:
        pipe.fit(X, y, **params)
        ask = next((m for m in ("predict", "transform") if hasattr(pipe, m)), None)
        return getattr(pipe, ask)(X_new) if ask else None
    except Exception as error:
        return error


def _assert_same(found, expected, *, to_the_word=True):
    if isinstance(expected, Exception) or isinstance(found, Exception):
        assert type(found) is type(expected), f"{found!r}, but scikit-learn: {expected!r}"
        assert not to_the_word or str(found) == str(expected)
        return
    if issparse(expected):
        assert abs(found - expected).max() < 1e-8
        return
    np.testing.assert_allclose(
        np.asarray(found, dtype=float), np.asarray(expected, dtype=float), rtol=1e-6, atol=1e-8
    )


def _steps(name, place):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # of classes that scikit-learn gives up
        (estimator, *_) = _construct_instances(CLASSES_OF_SCIKIT_LEARN[name])
    set_random_state(estimator)
    if place == "last":
        return estimator, [("step", estimator)]
    last = DummyRegressor() if is_regressor(estimator) else DummyClassifier()
    return estimator, [("step", estimator), ("last", last)]


@pytest.mark.parametrize("place", ["last", "middle"])
@pytest.mark.parametrize("name", CLASSES_OF_SCIKIT_LEARN)
def test_it_fits_as_in_scikit_learns_pipeline(name, place):
    estimator, steps = _steps(name, place)
    rows, y = _rows(estimator), _targets(estimator)
    if place == "middle" and not (is_classifier(estimator) or is_regressor(estimator)):
        y = CLASSES
    gaps = y.astype(float)
    gaps[UNLABELLED] = np.nan
    labelled = np.setdiff1d(np.arange(36), UNLABELLED)
    ours, theirs = TransferPipeline(steps), Pipeline(steps)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        warnings.simplefilter("error", TransferWarning)
        expected = _outcome(clone(theirs), rows, y, rows)
        _assert_same(_outcome(clone(ours), rows, y, rows), expected)
        told = _outcome(clone(ours), rows, y, rows, sample_domain=SAMPLE_DOMAIN)
        _assert_same(told, expected)
        partly = _outcome(clone(ours), rows, gaps, rows, sample_domain=SAMPLE_DOMAIN)
        few = _outcome(clone(theirs), rows[labelled], y[labelled], rows)
    if place == "middle" or is_classifier(estimator) or is_regressor(estimator):
        _assert_same(partly, few, to_the_word=False)
    else:
        assert isinstance(partly, Exception) == isinstance(few, Exception), partly
