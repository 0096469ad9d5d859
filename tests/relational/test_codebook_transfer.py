"""CodebookTransfer: planted patterns are found, from a source with other users and items."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.metrics import adjusted_rand_score

from sktransfer import CodebookTransfer, TransferWarning

PATTERNS = np.array([[5.0, 1.0, 3.0], [1.0, 4.0, 2.0], [3.0, 3.0, 5.0]])


def make_shops(seed=0, *, n_users=30, n_items=24, share=0.3, noise=0.3):
    """Rows of a dense source and of a sparse target; and the clusters of target users and items."""
    rng = np.random.default_rng(seed)
    frames, clusters = [], []
    for name, known in (("old", 1.0), ("target", share)):
        users, items = (
            rng.permutation(np.arange(n_users) % 3),
            rng.permutation(np.arange(n_items) % 3),
        )
        rows, columns = np.nonzero(rng.uniform(size=(n_users, n_items)) < known)
        values = PATTERNS[users[rows], items[columns]] + noise * rng.normal(size=len(rows))
        frames.append(pd.DataFrame({"user": rows, "item": columns, "value": np.maximum(values, 0)}))
        frames[-1]["domain"] = name
        clusters = users, items
    rows = pd.concat(frames, ignore_index=True)
    return rows[["user", "item", "value"]], rows.pop("domain").to_numpy(), *clusters


def fit(rows, sample_domain=None, **params):
    model = CodebookTransfer(3, 3, random_state=0, **params)
    return model.fit(rows, sample_domain=sample_domain)


def test_planted_patterns_and_clusters_are_recovered():
    rows, domain, users, items = make_shops()
    model = fit(rows, domain)
    assert_allclose(np.sort(model.codebook_, axis=None), np.sort(PATTERNS, axis=None), atol=0.15)
    assert adjusted_rand_score(users, model.user_clusters_) > 0.9
    assert adjusted_rand_score(items, model.item_clusters_) > 0.9
    pairs = pd.DataFrame(np.indices((30, 24)).reshape(2, -1).T, columns=["user", "item"])
    truth = PATTERNS[users[pairs["user"]], items[pairs["item"]]]
    assert np.mean((model.predict(pairs) - truth) ** 2) < 0.2


def test_predictions_are_those_of_the_pair_of_clusters():
    rows, domain, *_ = make_shops()
    model = fit(rows, domain)
    expected = model.codebook_[model.user_clusters_[4], model.item_clusters_[7]]
    assert model.predict([(4, 7)]) == expected
    errors = rows["value"][domain == "target"] - model.predict(rows[domain == "target"])
    assert model.loss_curve_[-1] == pytest.approx(np.sum(errors**2))
    assert np.all(np.diff(model.loss_curve_) <= 0)
    assert model.n_iter_ == len(model.loss_curve_)


def test_unknown_entities_get_means_over_the_others():
    rows, domain, *_ = make_shops()
    model = fit(rows, domain)
    with pytest.warns(TransferWarning, match="in 3 of 3 rows"):
        found = model.predict([("who", 7), (4, "what"), ("who", "what")])
    pairs = pd.DataFrame(np.indices((30, 24)).reshape(2, -1).T, columns=["user", "item"])
    every = model.predict(pairs).reshape(30, 24)
    assert_allclose(found, [every[:, 7].mean(), every[4].mean(), every.mean()])


def test_without_a_source_the_codebook_is_that_of_the_target():
    rows, domain, *_ = make_shops(share=0.6)
    target = rows[domain == "target"]
    twice = pd.concat([target, target])
    alone = fit(target)
    names = ["copy"] * len(target) + ["target"] * len(target)
    assert_allclose(alone.codebook_, fit(twice, names).codebook_)
    assert alone.score(target) > 0.7


def test_a_source_with_gaps_has_the_means_of_its_known_cells():
    rows, domain, *_ = make_shops()
    rng = np.random.default_rng(0)
    kept = (domain == "target") | (rng.uniform(size=len(rows)) < 0.7)
    found = fit(rows[kept], domain[kept]).codebook_
    assert_allclose(np.sort(found, axis=None), np.sort(PATTERNS, axis=None), atol=0.3)


def test_labels_of_the_source_are_its_own():
    rows, domain, *_ = make_shops()
    renamed = rows.astype({"user": object, "item": object})
    old = domain == "old"
    renamed.loc[old, "user"] = [f"user {k:02}" for k in rows["user"][old]]
    renamed.loc[old, "item"] = [f"item {k:02}" for k in rows["item"][old]]
    target = rows[~old]
    assert_array_equal(fit(renamed, domain).predict(target), fit(rows, domain).predict(target))


def test_more_target_rows_come_first_among_items_of_equal_value():
    rows, domain, *_ = make_shops()
    model = fit(rows, domain)
    best = model.recommend(4, 24)
    counts = rows["item"][domain == "target"].value_counts()
    values = model.predict([(4, item) for item in best])
    for first, second, one, other in zip(best, best[1:], values, values[1:], strict=False):
        assert one > other or counts[first] >= counts[second]


def test_errors():
    rows, domain, *_ = make_shops()
    with pytest.raises(ValueError, match="learns from one source, but sample_domain names 'new', "):
        fit(rows, np.where(rows.index < 9, "new", domain))
    with pytest.raises(ValueError, match="non-negative values, but domain 'old' has -"):
        fit(rows.assign(value=rows["value"] - 3), domain)
    few = (domain == "target") | (rows["user"] < 2)
    with pytest.raises(ValueError, match="n_user_clusters=3: domain 'old' has only 2 users"):
        fit(rows[few], domain[few])
    with pytest.raises(ValueError, match="The 'n_init' parameter"):
        fit(rows, domain, n_init=0)
