"""The rows of the benchmark of growth: what they are drawn from, and the distance to the limit."""

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from benchmarks.growth_by_rows import METHODS, distance, lazy_rows, limit


def test_rows_depend_on_their_block_alone_and_have_the_moments_of_the_limit():
    X, marks = lazy_rows(200_000)
    assert X.chunks[0] == marks.chunks[0] == (100_000, 100_000)
    X, marks = lazy_rows(40_000)
    rows, marks = X.compute(), marks.compute()
    assert_array_equal(X.compute(), rows)
    for mark, domain in ((1, "source"), (-1, "target")):
        mean, covariance = limit(domain)
        part = rows[marks == mark].astype(float)
        assert len(part) == 20_000
        assert_allclose(part.mean(axis=0), mean, atol=0.06)
        assert_allclose(np.cov(part.T), covariance, atol=0.2)


@pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")
@pytest.mark.parametrize("method", METHODS)
def test_the_distance_falls_with_the_root_of_the_rows(method):
    found = []
    for n_rows in (4000, 64_000):
        X, marks = lazy_rows(n_rows)
        found.append(distance(method, METHODS[method].fit(X, sample_domain=marks)))
    assert 2.5 < found[0] / found[1] < 6  # 4 in the limit
