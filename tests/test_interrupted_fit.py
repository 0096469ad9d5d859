"""A fit that is interrupted leaves the estimator as it was: no attributes of two fits together."""

import inspect
import sys
from contextlib import contextmanager
from inspect import isclass

import numpy as np
import pytest
from sklearn.base import BaseEstimator

import sktransfer
from sktransfer.utils._check_tools import domain_data, fit, fresh
from tests.shelf import families

pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

FAMILIES = tuple(f"sktransfer.{name}" for name in families() if name != "deep")
PUBLIC = [getattr(sktransfer, name) for name in sktransfer.__all__]
ESTIMATORS = [
    item
    for item in PUBLIC
    if isclass(item) and issubclass(item, BaseEstimator) and item.__module__.startswith(FAMILIES)
]
PACKAGE = sktransfer.__file__.rpartition("/")[0]
N_PLACES = 8


@contextmanager
def interrupted(call):
    """Raise KeyboardInterrupt in the call of that number of a function of ours; yield a counter.

    If that is a generator, which may be about to be closed and then drops what it raises, the next
    call of a function raises. 0: none raises.
    """
    count, waits = [0], [call > 0]

    def profile(frame, event, argument):
        if event == "call" and frame.f_code.co_filename.startswith(PACKAGE):
            count[0] += 1
            is_function = not frame.f_code.co_flags & inspect.CO_GENERATOR
            if waits[0] and count[0] >= call and is_function:
                waits[0] = False
                raise KeyboardInterrupt

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield count
    except KeyboardInterrupt:
        pass
    finally:
        sys.setprofile(before)


@pytest.mark.parametrize("method", ESTIMATORS, ids=lambda method: method.__name__)
def test_an_interrupted_fit_changes_nothing(method):
    first, second = domain_data(), domain_data(n_rows=30, seed=1)
    small = {"n_estimators": 2, "n_steps": 2, "cv": 2, "n_components": 2}
    params = {name: small[name] for name in small.keys() & method().get_params()}
    fitted, other = (fit(fresh(method(), **params), *first) for _ in range(2))
    with interrupted(0) as count:
        fit(other, *second)
    before = dict(vars(fitted))
    for call in np.linspace(2, 0.9 * count[0], N_PLACES).astype(int):
        with interrupted(call) as seen:
            fit(fitted, *second)
        assert seen[0] >= call
        after = vars(fitted)
        assert list(after) == list(before)
        assert all(after[name] is value for name, value in before.items())


def test_a_fit_that_fails_keeps_the_fit_before():
    X, y, sample_domain = domain_data()
    fitted = sktransfer.CORALAligner().fit(X, sample_domain=sample_domain)
    expected = fitted.transform(X)
    with pytest.raises(ValueError, match="sample_domain"):
        fitted.fit(X[:, :2], sample_domain=sample_domain[:-1])
    assert fitted.n_features_in_ == 4
    assert np.array_equal(fitted.transform(X), expected)
