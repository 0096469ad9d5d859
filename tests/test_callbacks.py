"""Classes whose fit has tasks for callbacks say so; a callback that raises spoils no estimator."""

from inspect import isclass

import pytest
from numpy.testing import assert_array_equal
from sklearn.base import BaseEstimator

import sktransfer
from sktransfer.utils._check_tools import answers, domain_data, fit, fresh

pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

FAMILIES = ("sktransfer.feature", "sktransfer.instance")
ESTIMATORS = [
    item
    for item in (getattr(sktransfer, name) for name in sktransfer.__all__)
    if isclass(item)
    and issubclass(item, BaseEstimator)
    and item.__module__.startswith(FAMILIES)
    and hasattr(item, "set_callbacks")
]


class Count:
    """Counts the tasks that begin, and raises an error at the end of one if it is told to."""

    max_propagation_depth = None

    def __init__(self, raises=False):
        self.n_tasks, self.raises = 0, raises

    def setup(self, estimator, context):
        pass

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.n_tasks += 1

    def on_fit_task_end(self, estimator, context):
        if self.raises:
            raise OSError("the disk is full")


@pytest.mark.parametrize("method", ESTIMATORS, ids=lambda method: method.__name__)
def test_the_docstring_says_that_the_fit_has_tasks(method):
    count = Count()
    fit(fresh(method()).set_callbacks(count), *domain_data())
    assert count.n_tasks == 1 or "scikit-learn's callbacks" in " ".join(method.__doc__.split())


@pytest.mark.parametrize("method", ESTIMATORS, ids=lambda method: method.__name__)
def test_a_callback_that_raises_leaves_the_fit_before(method):
    X, y, sample_domain = domain_data()
    fitted = fit(fresh(method()), X, y, sample_domain)
    expected = answers(fitted, X)
    fitted.set_callbacks(Count(raises=True))
    with pytest.raises(OSError, match="the disk is full"):
        fit(fitted, X[:, ::-1] * 3, 1 - y, sample_domain)
    assert_array_equal(answers(fitted, X), expected)
