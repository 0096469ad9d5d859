"""The contract of recommenders: rows of a user, an item and a value in, expected values out."""

import pickle
from inspect import isclass

import numpy as np
import pandas as pd
import polars as pl
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import BaseEstimator, clone
from sklearn.exceptions import NotFittedError
from sklearn.metrics import r2_score
from sklearn.model_selection import GridSearchCV

import sktransfer
from sktransfer import TargetFold, TransferWarning
from sktransfer.relational._base_recommender import _BaseRecommender

FEW = {
    "CodebookTransfer": {"n_user_clusters": 3, "n_item_clusters": 3},
    "CollectiveFactorization": {"n_components": 2},
}
RECOMMENDERS = [
    item(random_state=0, **FEW.get(name, {}))
    for name in sktransfer.relational.__all__
    for item in [getattr(sktransfer.relational, name)]
    if isclass(item) and issubclass(item, _BaseRecommender)
]
EVERY = pytest.mark.parametrize("model", RECOMMENDERS, ids=lambda model: type(model).__name__)


def make_rows(seed=0, n_users=20, n_items=12):
    """Rows of two domains with the same users, in mixed order; values are whole from 1 to 5."""
    rng = np.random.default_rng(seed)
    parts = []
    for name, share in (("drinks", 0.8), ("target", 0.4)):
        users, items = np.nonzero(rng.uniform(size=(n_users, n_items)) < share)
        values = np.clip(np.round(3 + np.sin(users) + np.cos(items * users)), 1, 5)
        labels = [f"u{k:02}" for k in users], [f"{name} {k:02}" for k in items]
        parts.append(pd.DataFrame({"user": labels[0], "item": labels[1], "value": values}))
        parts[-1]["domain"] = name
    rows = pd.concat(parts).sample(frac=1, random_state=seed).reset_index(drop=True)
    return rows[["user", "item", "value"]], rows["domain"].to_numpy()


ROWS, SAMPLE_DOMAIN = make_rows()
TARGET_ROWS = ROWS[SAMPLE_DOMAIN == "target"]


def fitted(model, rows=ROWS, sample_domain=SAMPLE_DOMAIN):
    return clone(model).fit(rows, sample_domain=sample_domain)


def test_there_are_recommenders():
    assert {type(model).__name__ for model in RECOMMENDERS} >= {"CollectiveFactorization"}
    assert not any(isinstance(model, BaseEstimator) for model in RECOMMENDERS)


@EVERY
def test_parameters_are_kept_set_and_cloned(model):
    before = model.get_params()
    other = clone(model).set_params(random_state=3)
    assert other.get_params() == before | {"random_state": 3}
    assert model.get_params() == before
    assert repr(type(model)()) == f"{type(model).__name__}()"
    assert "random_state=3" in repr(other)
    with pytest.raises(ValueError, match="has no parameters 'absent'; it has '"):
        other.set_params(absent=1)


@EVERY
def test_fit_returns_itself_and_leaves_parameters_and_rows_alone(model):
    model, rows, domain = clone(model), ROWS.copy(), SAMPLE_DOMAIN.copy()
    before = model.get_params()
    assert model.fit(rows, sample_domain=domain) is model
    assert model.get_params() == before
    pd.testing.assert_frame_equal(rows, ROWS)
    assert_array_equal(domain, SAMPLE_DOMAIN)
    assert model.source_domains_ == ("drinks",)


@EVERY
@pytest.mark.parametrize(
    "convert",
    [
        pl.from_pandas,
        lambda rows: rows.astype({"user": "string", "value": "Float64"}),
        lambda rows: list(rows.itertuples(index=False, name=None)),
        lambda rows: rows.to_numpy(),
        lambda rows: rows.astype(str).to_numpy(dtype=str),
    ],
    ids=["polars", "extension", "tuples", "objects", "texts"],
)
def test_every_container_says_the_same(model, convert):
    found = fitted(model, convert(ROWS))
    expected = fitted(model)
    assert_array_equal(found.items_, expected.items_)
    assert_array_equal(found.predict(convert(TARGET_ROWS)), expected.predict(TARGET_ROWS))


@EVERY
def test_labels_may_be_numbers_or_mixed(model):
    expected = fitted(model).predict(TARGET_ROWS)
    codes = ROWS.assign(user=ROWS["user"].str[1:].astype(int))
    found = fitted(model, codes)
    assert found.predict(codes[SAMPLE_DOMAIN == "target"]) == pytest.approx(expected)
    assert_array_equal(found.users_, np.unique(codes["user"]))
    mixed = codes.astype({"user": object})
    mixed.loc[mixed["user"] == 0, "user"] = "zero"
    assert "zero" in fitted(model, mixed).users_


@EVERY
def test_the_order_of_rows_changes_no_bit(model):
    order = np.random.default_rng(1).permutation(len(ROWS))
    found = fitted(model, ROWS.iloc[order], SAMPLE_DOMAIN[order])
    assert_array_equal(found.predict(TARGET_ROWS), fitted(model).predict(TARGET_ROWS))


@EVERY
def test_the_same_seed_is_the_same_model_and_pickles(model):
    first = fitted(model)
    again = pickle.loads(pickle.dumps(fitted(model)))
    assert_array_equal(again.predict(TARGET_ROWS), first.predict(TARGET_ROWS))
    user = ROWS["user"][0]
    assert_array_equal(again.recommend(user), first.recommend(user))


@EVERY
def test_a_refit_forgets_everything(model):
    again = fitted(model).fit(TARGET_ROWS)
    alone = clone(model).fit(TARGET_ROWS)
    assert vars(again).keys() == vars(alone).keys()
    assert again.source_domains_ == ()
    assert_array_equal(
        again.predict(TARGET_ROWS), clone(model).fit(TARGET_ROWS).predict(TARGET_ROWS)
    )


@EVERY
def test_without_sample_domain_all_rows_are_target_rows(model):
    alone = clone(model).fit(TARGET_ROWS)
    marked = fitted(model, TARGET_ROWS, ["target"] * len(TARGET_ROWS))
    signs = fitted(model, TARGET_ROWS, [-1] * len(TARGET_ROWS))
    for other in (marked, signs):
        assert_array_equal(other.predict(TARGET_ROWS), alone.predict(TARGET_ROWS))


@EVERY
def test_rows_without_a_value_are_left_out(model):
    more = pd.DataFrame({"user": ["u00"] * 5, "item": ["new"] * 5, "value": [np.nan] * 5})
    found = fitted(model, pd.concat([ROWS, more]), np.append(SAMPLE_DOMAIN, ["target"] * 5))
    assert "new" not in found.items_
    assert_array_equal(found.predict(TARGET_ROWS), fitted(model).predict(TARGET_ROWS))


@EVERY
def test_predictions_are_finite_and_read_no_value(model):
    model = fitted(model)
    found = model.predict(TARGET_ROWS)
    assert found.shape == (len(TARGET_ROWS),)
    assert found.dtype == np.float64
    assert np.isfinite(found).all()
    assert_array_equal(model.predict(TARGET_ROWS[["user", "item"]]), found)
    assert_array_equal(model.predict(TARGET_ROWS.iloc[::-1]), found[::-1])


@EVERY
def test_recommended_items_are_new_to_the_user_and_the_best_first(model):
    model = fitted(model)
    seen = set(TARGET_ROWS["item"][TARGET_ROWS["user"] == "u03"])
    new = [item for item in model.items_ if item not in seen]
    expected = model.predict([("u03", item) for item in new])
    found = model.recommend("u03", 100)
    assert sorted(found) == new
    assert_allclose(model.predict([("u03", item) for item in found]), np.sort(expected)[::-1])
    assert_array_equal(model.recommend("u03", 3), found[:3])
    everything = pd.DataFrame({"user": "u03", "item": new, "value": 3.0})
    full = fitted(model, pd.concat([TARGET_ROWS, everything]), None)
    assert not len(full.recommend("u03"))


@EVERY
def test_popularity_answers_for_a_user_or_an_item_that_is_unknown(model):
    model = fitted(model)
    rows = [("who", model.items_[0]), ("who", model.items_[1]), ("u03", model.items_[0])]
    with pytest.warns(TransferWarning, match="in 2 of 3 rows. These are answered by popularity"):
        first, second, _ = model.predict(rows)
    with pytest.warns(TransferWarning, match="knows nothing of the user"):
        best = model.recommend("who", 100)
    assert len(best) == len(model.items_)
    rank = best.tolist().index
    assert (first > second) == (rank(model.items_[0]) < rank(model.items_[1])) or first == second
    with pytest.warns(TransferWarning, match="in 1 of 1 rows"):
        assert np.isfinite(model.predict([("u03", "what")])).all()


@EVERY
def test_score_is_the_coefficient_of_determination(model):
    model = fitted(model)
    expected = r2_score(TARGET_ROWS["value"], model.predict(TARGET_ROWS))
    assert model.score(TARGET_ROWS) == pytest.approx(expected)
    gap = pd.DataFrame({"user": ["u00"], "item": ["x"], "value": [np.nan]})
    assert model.score(pd.concat([TARGET_ROWS, gap])) == pytest.approx(expected)


@EVERY
@pytest.mark.filterwarnings("ignore::sktransfer.TransferWarning")
def test_searches_choose_parameters_on_target_rows(model):
    search = GridSearchCV(model, {"random_state": [0, 1]}, cv=TargetFold(2), refit=True)
    search.fit(ROWS, ROWS["value"], groups=SAMPLE_DOMAIN, sample_domain=SAMPLE_DOMAIN)
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_estimator_.source_domains_ == ("drinks",)


@EVERY
def test_a_fit_that_fails_keeps_the_model_before(model):
    model = fitted(model)
    before = model.predict(TARGET_ROWS)
    with pytest.raises(ValueError, match="sample_domain has 3 entries"):
        model.fit(ROWS, sample_domain=["target"] * 3)
    assert_array_equal(model.predict(TARGET_ROWS), before)


@EVERY
def test_errors(model):
    name = type(model).__name__
    with pytest.raises(NotFittedError, match=f"This {name} is not fitted yet"):
        clone(model).predict(TARGET_ROWS)
    with pytest.raises(NotFittedError):
        clone(model).recommend("u00")
    cases = [
        (ROWS[["user", "item"]], f"X has 2 columns, but {name} expects rows of a user, an item"),
        (ROWS.iloc[:0], "X has no rows"),
        (np.arange(3), "X has shape"),
        (ROWS.assign(value="good"), "the third column of X holds"),
        (ROWS.assign(value=np.inf), "the third column of X has .* infinite values"),
        (ROWS.assign(user=None), f"X has {len(ROWS)} rows without user; leave"),
        (ROWS.assign(value=np.nan), "in each domain, but those of 'target', 'drinks' have none"),
    ]
    for rows, message in cases:
        with pytest.raises(ValueError, match=message):
            fitted(model, rows)
    with pytest.raises(ValueError, match="but those of 'drinks' have none; pass values"):
        fitted(model, ROWS.assign(value=ROWS["value"].where(SAMPLE_DOMAIN == "target")))
    with pytest.raises(ValueError, match="sample_domain has no target row"):
        fitted(model, ROWS, ["drinks"] * len(ROWS))
    with pytest.raises(TypeError, match="expects rows of a user"):
        fitted(model, "a file")
    with pytest.raises(ValueError, match="k=0: expected the number of items"):
        fitted(model).recommend("u00", 0)
    with pytest.raises(ValueError, match="parameter of"):
        clone(model).set_params(random_state="x").fit(ROWS)
    with pytest.raises(ValueError, match="X has 1 columns, but"):
        fitted(model).predict([["u00"]])
