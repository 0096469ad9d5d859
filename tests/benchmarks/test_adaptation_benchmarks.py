"""The benchmarks of deep adaptation, on rows made here: which labels are read, and what counts."""

import numpy as np
import pytest
from scipy.sparse import csr_array

from benchmarks import _adaptation, deep_amazon, deep_kin, deep_mnist_usps
from benchmarks._adaptation import Task, draw_rows, fit_adapted, joined, table_of_seeds
from benchmarks._data import DataError, find_data_home, load_amazon_5000


def make_task(n=30, *, sparse=False):
    rng = np.random.default_rng(0)
    y = np.tile([-1.0, 1.0], n // 2)
    X = rng.poisson(np.where(y > 0, 3.0, 1.0)[:, None], (n, 4)).astype(float)
    X = csr_array(X) if sparse else X
    return Task(X, y, X, y, X, y)


@pytest.mark.parametrize("sparse", [False, True])
def test_target_rows_have_no_label_but_those_that_are_named(sparse):
    X, y, sample_domain = joined(make_task(sparse=sparse), labelled=[3])
    assert X.shape == (60, 4)
    assert sample_domain.tolist() == 30 * ["source"] + 30 * ["target"]
    assert np.flatnonzero(np.isfinite(y[30:])).tolist() == [3]


@pytest.mark.parametrize("name", _adaptation.SIMPLE)
def test_simple_methods_see_the_classes(name):
    task = make_task()
    assert fit_adapted(_adaptation.SIMPLE[name](), task).score(task.X_test, task.y_test) > 0.8


def test_a_table_has_means_and_the_deviation_of_the_first_number():
    methods = {"one": lambda seed: [seed, 10.0], "two": lambda seed: [0.0, np.nan]}
    table = table_of_seeds(
        "Made up", methods, seeds=(1, 3), columns=["a", "b"], known=("c", {"two": 5.0})
    )
    assert table.columns == ["method", "a", "deviation", "b", "c", "seconds"]
    assert [row[:5] for row in table.rows] == [["one", 2, 1, 10, None], ["two", 0, 0, None, 5]]
    assert table.title == "Made up, mean and deviation of 2 seeds"


def test_rows_are_drawn_from_each_class():
    y = np.repeat([1, 2, 3], [5, 6, 7])
    assert np.bincount(y[draw_rows(y, 4, 0)]).tolist() == [0, 4, 4, 4]


def test_rows_are_left_out_until_proportions_are_those_of_the_source():
    y_source, y_target = np.repeat([1, 2], [20, 40]), np.repeat([1, 2], [50, 30])
    X = np.zeros((80, 1))
    task = Task(X[:60], y_source, X, y_target, X, y_target)
    alike = deep_mnist_usps.same_proportions(task)
    assert np.bincount(alike.y_test).tolist() == [0, 15, 30]
    assert len(alike.X_target) == len(alike.X_test) == 45


def test_a_class_counts_as_found_from_one_percent_on():
    assert deep_mnist_usps.classes_found(np.repeat([1, 2, 3], [150, 49, 1])) == 2


def test_a_candidate_is_chosen_by_the_way_back_without_labels_of_the_target(monkeypatch):
    task = make_task(60, sparse=True)
    make, kind, _ = deep_amazon.METHODS["logistic regression"]
    hidden = task._replace(y_target=np.full(60, 7.0), y_test=task.y_test)
    assert deep_amazon.score(make, kind, hidden) == deep_amazon.score(make, kind, task)
    scores = {0.01: 0.5, 0.1: 0.9, 1.0: 0.7}
    monkeypatch.setattr(deep_amazon, "reverse_score", lambda model, task: scores[model[-1].C])
    assert deep_amazon.score(make, kind, task)[1] == 0.1


def test_published_accuracies_of_reviews_have_their_published_means():
    means = {name: np.mean(values) for name, values in deep_amazon.PUBLISHED.items()}
    np.testing.assert_allclose(list(means.values()), [0.7608, 0.7628], atol=2e-3)


def test_reviews_are_those_of_the_paper():
    try:
        domains = load_amazon_5000(find_data_home())
    except DataError as error:
        if "SHA-256" in str(error):
            raise
        pytest.skip(str(error))
    sizes = {name: (len(y), len(y_test)) for name, (_, y, _, y_test) in domains.items()}
    assert sizes["books"] == (2000, 4465)
    assert sizes["kitchen"] == (2000, 5945)
    assert all(X.shape[1] == X_test.shape[1] == 5000 for X, _, X_test, _ in domains.values())


def test_every_method_predicts_the_arm():
    pytest.importorskip("torch", reason="networks train with torch")
    X = np.random.default_rng(0).normal(size=(80, 8))
    domains = {"a": (X, X[:, 0]), "b": (X, X[:, 0] + 1.0)}
    task = deep_kin.draw_task(domains, "a", "b", 0)
    assert len(task.X_target) == len(task.X_test) == 40
    options = deep_kin.OPTIONS | {"max_epochs": 1}
    for name in deep_kin.METHODS:
        assert deep_kin.predict(name, task, 0, options).shape == (40,), name
