"""Boosting with several sources: what each method is given, and how the data are made."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.naive_bayes import GaussianNB

from benchmarks import tradaboost_sources
from benchmarks._data import DataError, find_data_home, load_school
from benchmarks._source_draws import (
    Draw,
    border,
    count_terms,
    draw_borders,
    draw_classes,
    draw_friedman,
    draw_schools,
    friedman,
)
from benchmarks.tradaboost_sources import Comparison, classifiers, regressors, root_mean_square


class Zeros:
    """Replaces a generator, and draws 0 as a normal and 1/4 as a uniform number."""

    def normal(self, size):
        return np.zeros(size)

    def uniform(self, size):
        return np.full(size, 0.25)


def test_friedman_without_a_shift_is_the_published_function():
    X, y = friedman(1, Zeros(), shift=3)
    expected = 10 * np.sin(np.pi / 16) + 20 * 0.25**2 + 10 * 0.25 + 5 * 0.25
    assert X.shape == (1, 10)
    assert_allclose(y, [expected])


def test_only_the_sources_of_friedman_are_moved():
    draw = draw_friedman(0, n_sources=2, shift=5)
    assert list(draw.sources) == ["source 0", "source 1"]
    sizes = [len(y) for _, y in (*draw.sources.values(), draw.labelled, draw.test)]
    assert sizes == [100, 100, 15, 600]

    def residual(X, y):
        z = 10 * np.sin(np.pi * X[:, 0] * X[:, 1]) + 20 * (X[:, 2] - 0.5) ** 2
        return np.std(y - z - 10 * X[:, 3] - 5 * X[:, 4])

    assert_allclose(residual(*draw.test), 1, atol=0.1)
    assert min(residual(*source) for source in draw.sources.values()) > 1.5


def test_borders_are_turned_against_the_target():
    class Four(Zeros):
        def normal(self, size):
            return np.pad([[1.0, 0.1], [0.1, 1.0], [-1.0, 0.1], [0.1, -1.0]], ((0, 0), (0, 8)))

    assert border(4, Four(), 0)[1].tolist() == [1, 1, 0, 1]
    assert border(4, Four(), 90)[1].tolist() == [1, 1, 1, 0]
    assert border(4, Four(), 180)[1].tolist() == [0, 0, 1, 0]
    draw = draw_borders(0, angles=(0, 180))
    (X, y), (contrary_X, contrary_y) = draw.sources.values()
    assert (y == (X[:, 0] > 0)).all()
    assert (contrary_y == (contrary_X[:, 0] < 0)).all()
    assert (draw.test[1] == (draw.test[0][:, 0] > 0)).all()
    assert (len(y), len(draw.labelled[1]), len(draw.test[1])) == (200, 20, 1000)


def test_pooled_rows_are_those_of_the_sources_and_then_the_target():
    sources = {"a": (np.zeros((2, 1)), np.array([1, 2])), "b": (np.ones((1, 1)), np.array([3]))}
    draw = Draw(sources, (np.full((1, 1), 5.0), np.array([4])), None)
    X, y, domains = draw.pooled()
    assert X.ravel().tolist() == [0, 0, 1, 5]
    assert y.tolist() == [1, 2, 3, 4]
    assert domains.tolist() == ["a", "a", "b", "target"]
    assert draw.pooled(["b"])[1].tolist() == [3, 4]
    assert draw.source()[1].tolist() == [1, 2, 3]


def contrary(n_rows=40):
    """A source that agrees with the target, and one that says the contrary."""
    rng = np.random.default_rng(0)
    domains = {}
    for name, turned in (("agrees", 0), ("contrary", 1), ("here", 0)):
        y = np.arange(n_rows) % 2
        domains[name] = rng.normal(4 * y[:, None], 1, size=(n_rows, 1)), y ^ turned
    return domains


def test_a_draw_of_classes_leaves_the_target_out_of_the_sources():
    domains = contrary()
    draw = draw_classes(0, domains=domains, target="here", n_labels=2)
    assert list(draw.sources) == ["agrees", "contrary"]
    assert np.bincount(draw.labelled[1]).tolist() == [2, 2]
    rows = np.concatenate([draw.labelled[0], draw.test[0]]).ravel()
    assert_allclose(np.sort(rows), np.sort(domains["here"][0].ravel()))


def test_classifiers_are_given_what_their_names_say():
    draw = draw_classes(0, domains=contrary(), target="here", n_labels=3)
    methods = classifiers(0, learner=GaussianNB())
    errors = {
        name: tradaboost_sources.percent_wrong(fit(draw), *draw.test)
        for name, fit in methods.items()
    }
    agreeing = GaussianNB().fit(*draw.sources["agrees"]).score(*draw.test)
    assert_allclose(errors["best source, by target labels"], 100 * (1 - agreeing))
    own = GaussianNB().fit(*draw.labelled).score(*draw.test)
    assert_allclose(errors["target only"], 100 * (1 - own))
    pool = GaussianNB().fit(*draw.source()).score(*draw.test)
    assert_allclose(errors["sources only"], 100 * (1 - pool))
    assert errors["MultiSourceTrAdaBoost"] < 15
    assert errors["TaskTrAdaBoost"] < 15


def test_balanced_domains_are_rows_of_the_target_repeated():
    draw = draw_classes(0, domains=contrary(), target="here", n_labels=2)
    found = tradaboost_sources._balanced(GaussianNB(), draw)
    X, y, _ = draw.pooled()
    times = len(draw.source()[1]) // 4
    repeated = GaussianNB().fit(
        np.concatenate([X[:-4], *times * [X[-4:]]]), np.concatenate([y[:-4], *times * [y[-4:]]])
    )
    assert_allclose(found.theta_, repeated.theta_)


def test_regressors_learn_from_the_rows_that_their_names_say():
    rng = np.random.default_rng(0)
    X = [rng.uniform(size=(n_rows, 1)) for n_rows in (60, 10, 30)]
    draw = Draw({"old": (X[0], 5 - X[0].ravel())}, (X[1], X[1].ravel()), (X[2], X[2].ravel()))
    errors = {name: root_mean_square(fit(draw), *draw.test) for name, fit in regressors(0).items()}
    assert errors["source only, AdaBoost.R2"] > 3
    assert errors["target only, tree"] < 0.2
    mean = draw.labelled[1].mean()
    expected = np.sqrt(np.mean((draw.test[1] - mean) ** 2))
    assert_allclose(errors["mean of the target labels"], expected)
    # A source that contradicts every label is given up at the last step.
    assert errors["two-stage TrAdaBoost.R2"] < 0.5


def test_a_comparison_says_what_boosting_is_held_against_and_how_often_it_wins():
    error_of = {"plain": [3.0, 1.0], "other": [5.0, 5.0], "TrAdaBoost": [2.0, 2.0]}
    comparison = Comparison(
        "T",
        {"column": lambda seed: Draw({}, (), (seed,))},
        lambda seed: {name: lambda draw, name=name: name for name in error_of},
        lambda name, seed: error_of[name][seed],
        digits=1,
        baselines=("plain", "other"),
        notes=("N.",),
    )
    table = comparison.fill(2)
    assert table.rows == (
        ("plain", "2.0 (1.0)"),
        ("other", "5.0 (0.0)"),
        ("TrAdaBoost", "2.0 (0.0)"),
    )
    assert table.notes == (
        "N.",
        "column: the best without boosting for transfer is 'plain'; of 2 draws it is beaten in "
        "TrAdaBoost 1.",
    )


def test_schools_are_read_and_drawn():
    try:
        schools = load_school(find_data_home())
    except DataError as error:
        if "SHA-256" in str(error):
            raise
        pytest.skip(str(error))
    assert len(schools) == 139
    assert sum(len(y) for _, y in schools) == 15362
    assert {X.shape[1] for X, _ in schools} == {28}
    assert (min(y.min() for _, y in schools), max(y.max() for _, y in schools)) == (1, 70)
    draw = draw_schools(0, schools=schools)
    assert len(draw.sources) == 20
    assert len(draw.labelled[1]) == 15
    assert len(draw.test[1]) >= 45
    sizes = [len(y) for _, y in schools]
    named = {int(name.removeprefix("school ")) for name in draw.sources}
    target = len(draw.labelled[1]) + len(draw.test[1])
    assert [len(y) for _, y in draw.sources.values()] == [
        sizes[int(name.removeprefix("school "))] for name in draw.sources
    ]
    assert target in {size for k, size in enumerate(sizes) if k not in named}


def test_terms_are_counted_once_a_text_and_over_all_domains():
    domains = {"a": (["good good book"], np.array([1])), "b": (["bad film"], np.array([0]))}
    counted = count_terms(domains)
    # In the order of the alphabet: bad, book, film, good.
    assert counted["a"][0].toarray().tolist() == [[0, 1, 0, 1]]
    assert counted["b"][0].toarray().tolist() == [[1, 0, 1, 0]]
    assert counted["b"][1].tolist() == [0]
