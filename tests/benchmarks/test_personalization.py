"""The benchmark of personalization, with few users."""

import numpy as np
from numpy.testing import assert_allclose

from benchmarks.personalization import COUNTS, draw_rows, posterior_rule, run


def test_without_noise_and_with_many_rows_the_posterior_is_the_rule():
    rng = np.random.default_rng(0)
    rule = rng.normal(size=6)
    X, y, _ = draw_rows(rule[None], 200, rng)
    exact = X @ rule[:-1] + rule[-1]
    assert_allclose(posterior_rule(np.zeros(6), np.eye(6), 1e-6, X, exact), rule, atol=1e-4)
    assert_allclose(posterior_rule(rule, np.eye(6), 1e9, X, y), rule, atol=1e-3)


def test_adapting_is_the_best_from_five_rows_on_and_near_the_true_prior():
    rows = run(None, quick=True)[0].rows
    errors = {name: dict(zip(COUNTS, found, strict=True)) for name, *found in rows}
    adapted, best = errors["LearnedPriorRegressor.adapt"], errors["with the true prior"]
    for n_rows in COUNTS:
        assert adapted[n_rows] < 1.2 * best[n_rows]
    for n_rows in (5, 10, 20):
        for name in ("pooled, all users alike", "the user alone"):
            assert adapted[n_rows] < errors[name][n_rows]
