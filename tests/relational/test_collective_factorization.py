"""CollectiveFactorization: its limits, what it ignores, and entities without a row."""

import numpy as np
import pandas as pd
import pytest
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.exceptions import ConvergenceWarning
from sklearn.linear_model import Ridge
from sklearn.metrics import d2_tweedie_score

from sktransfer import CollectiveFactorization, TransferWarning

LOSSES = ("squared", "logistic", "poisson")
N_USERS, N_ITEMS = 40, 25


def make_shop(loss="squared", seed=0, *, n_target=6, n_source=15, noise=0.1):
    """Target and source rows of users with common tastes, which are factors; and the factors."""
    rng = np.random.default_rng(seed)
    tastes = rng.normal(size=(N_USERS, 2))
    kinds = rng.normal(size=(2, N_ITEMS, 2))
    frames = []
    for name, items, n in zip(("target", "drinks"), kinds, (n_target, n_source), strict=True):
        for user in range(N_USERS):
            chosen = rng.permutation(N_ITEMS)[:n]
            eta = tastes[user] @ items[chosen].T
            value = {
                "squared": lambda eta: eta + noise * rng.normal(size=len(eta)),
                "logistic": lambda eta: (eta + rng.logistic(size=len(eta)) > 0).astype(float),
                "poisson": lambda eta: rng.poisson(np.exp(0.5 * eta)).astype(float),
            }[loss](eta)
            labels = [f"{name} {item:02}" for item in chosen]
            frames.append(pd.DataFrame({"user": user, "item": labels, "value": value}))
            frames[-1]["domain"] = name
    rows = pd.concat(frames, ignore_index=True)
    return rows[["user", "item", "value"]], rows.pop("domain").to_numpy(), tastes, kinds[0]


def fit(rows, sample_domain=None, n_components=2, **params):
    frames = {name: params.pop(name) for name in ("users", "items") if name in params}
    params = {"ridge": 0.5, "random_state": 0, "tol": 1e-7, "max_iter": 2000} | params
    model = CollectiveFactorization(n_components, **params)
    return model.fit(rows, sample_domain=sample_domain, **frames)


@pytest.mark.parametrize("loss", LOSSES)
def test_alpha_1_is_the_factorization_of_the_target_alone(loss):
    rows, domain, *_ = make_shop(loss)
    part = (domain == "target") & (rows["user"] > 4)
    known = (domain == "drinks") | part
    both = fit(rows[known], domain[known], loss=loss, alpha=1.0)
    alone = fit(rows[part], loss=loss, alpha=1.0)
    assert_allclose(both.predict(rows[part]), alone.predict(rows[part]), rtol=1e-2)
    assert_allclose(both.loss_curve_[:20], alone.loss_curve_[:20])
    with pytest.warns(TransferWarning, match="in 1 of 1 rows"):
        both.predict([(0, "target 00")])


@pytest.mark.parametrize("loss", LOSSES)
def test_a_ridge_without_end_predicts_the_mean_of_the_target(loss):
    rows, domain, *_ = make_shop(loss)
    target = rows[domain == "target"]
    found = fit(rows, domain, loss=loss, ridge=1e9).predict(target)
    assert_allclose(found, target["value"].mean(), atol=1e-5)


@pytest.mark.parametrize("loss", LOSSES)
def test_the_objective_never_rises(loss):
    rows, domain, *_ = make_shop(loss)
    model = fit(rows, domain, loss=loss)
    assert len(model.loss_curve_) == model.n_iter_ > 3
    assert np.all(np.diff(model.loss_curve_) <= 0)


def test_without_factors_it_is_ridge_regression_on_users_and_items():
    rows, domain, *_ = make_shop()
    target = rows[domain == "target"]
    model = fit(target, n_components=0, ridge=0.5, alpha=0.8, tol=1e-14)
    X = pd.get_dummies(target[["user", "item"]].astype(str)).to_numpy(dtype=float)
    mean, scale = target["value"].mean(), target["value"].std(ddof=0)
    ridge = Ridge(0.5 / 0.8, fit_intercept=False).fit(X, (target["value"] - mean) / scale)
    assert_allclose(model.predict(target), mean + scale * ridge.predict(X), atol=1e-5)


def test_users_who_are_known_from_the_source_alone_are_predicted_by_their_taste():
    rows, domain, tastes, items = make_shop()
    new = rows["user"] < 10
    known = (domain == "drinks") | ~new
    model = fit(rows[known], domain[known])
    test = rows[new & (domain == "target")]
    assert model.score(test) > 0.6
    with pytest.warns(TransferWarning):
        assert fit(rows[known], domain[known], alpha=1.0).score(test) < 0.3
    best = items @ tastes[3]
    expected = [f"target {k:02}" for k in np.argsort(-best)[:5]]
    assert len(set(model.recommend(3, 5)) & set(expected)) >= 4


def test_units_and_offsets_of_a_source_change_nothing_and_those_of_the_target_return():
    rows, domain, *_ = make_shop()
    target = domain == "target"
    expected = fit(rows, domain).predict(rows[target])
    moved = rows.assign(value=np.where(target, rows["value"], 5 + 3 * rows["value"]))
    assert_allclose(fit(moved, domain).predict(rows[target]), expected)
    moved = rows.assign(value=np.where(target, 5 + 3 * rows["value"], rows["value"]))
    assert_allclose(fit(moved, domain).predict(rows[target]), 5 + 3 * expected)


def test_weights_by_name_are_those_of_a_number():
    rows, domain, *_ = make_shop()
    target = rows[domain == "target"]
    model = fit(rows, domain, alpha={"target": 0.75, "drinks": 0.25})
    assert_array_equal(model.predict(target), fit(rows, domain, alpha=0.75).predict(target))
    assert model.weights_ == {"target": 0.75, "drinks": 0.25}
    double = fit(rows, domain, alpha={"target": 1.5, "drinks": 0.5}, ridge=1.0)
    assert_allclose(double.predict(target), model.predict(target), rtol=1e-6)


def test_two_halves_of_a_source_are_two_sources():
    rows, domain, *_ = make_shop()
    parts = np.where((domain == "drinks") & (rows["item"] > "drinks 12"), "hot", domain)
    model = fit(rows, parts)
    assert model.source_domains_ == ("drinks", "hot")
    assert fit(rows, parts).score(rows[domain == "target"]) > 0.9


def test_common_items_are_common_users_with_the_columns_swapped():
    rows, domain, *_ = make_shop()
    expected = fit(rows, domain)
    swapped, target = rows[["item", "user", "value"]], domain == "target"
    model = fit(swapped, domain, shared="item")
    assert_allclose(model.predict(swapped[target]), expected.predict(rows[target]))
    assert_allclose(model.item_factors_, expected.user_factors_)
    assert_array_equal(model.items_, expected.users_)
    seen = set(rows["user"][rows["item"] == "target 00"])
    assert set(model.recommend("target 00", 99)) == set(range(N_USERS)) - seen


def test_a_user_whom_nothing_describes_gets_the_mean_and_the_bias_of_the_item():
    rows, domain, *_ = make_shop()
    model = fit(rows, domain)
    target = rows["value"][domain == "target"]
    with pytest.warns(TransferWarning, match=r"in 3 of 3 rows\. These .* describe them by users"):
        found = model.predict([("new", item) for item in model.items_[:3]])
    assert_allclose(found, target.mean() + target.std(ddof=0) * model.item_bias_[:3])


def side_frames(tastes, items, seed=1):
    rng = np.random.default_rng(seed)
    users = pd.DataFrame(tastes @ rng.normal(size=(2, 2)) + 3, columns=["age", "visits"])
    users.insert(0, "user", np.arange(N_USERS))
    columns = pd.DataFrame(items @ rng.normal(size=(2, 2)) - 1, columns=["sugar", "size"])
    columns.insert(0, "item", [f"target {k:02}" for k in range(N_ITEMS)])
    return users, columns


def test_side_columns_predict_new_users_and_items():
    rows, domain, tastes, items = make_shop(n_target=12)
    users, columns = side_frames(tastes, items)
    new = (rows["user"] < 8) | rows["item"].isin(["target 03", "target 07"])
    test = rows[new & (domain == "target")]
    train = rows[~new & (domain == "target")]
    described = fit(train, users=users, items=columns)
    assert described.score(test) > 0.9
    with pytest.warns(TransferWarning):
        assert fit(train).score(test) < 0.3
    later = fit(train, users=users[users["user"] >= 8], items=columns[~columns["item"].isin(test)])
    found = later.predict(test, users=users[users["user"] < 8])
    assert np.corrcoef(found, described.predict(test))[0, 1] > 0.99
    assert len(later.recommend(3, 4, users=users)) == 4


def test_a_description_says_the_same_in_fit_and_in_predict():
    rows, _, tastes, items = make_shop()
    users, _ = side_frames(tastes, items)
    model = fit(rows[rows["user"] > 3], users=users, tol=1e-3)
    copy = users[users["user"] == 3].assign(user="copy")
    found = model.predict([("copy", item) for item in model.items_], users=copy)
    assert_allclose(found, model.predict([(3, item) for item in model.items_]), rtol=1e-12)


@pytest.mark.parametrize("loss", LOSSES)
def test_units_order_and_kind_of_side_columns_change_nothing(loss):
    rows, domain, tastes, items = make_shop(loss)
    users, columns = side_frames(tastes, items)
    known = rows[rows["user"] > 3]
    expected = fit(known, domain[rows["user"] > 3], loss=loss, users=users, items=columns)
    moved = users.assign(age=7 - 100 * users["age"]).iloc[::-1]
    pairs = list(columns.itertuples(index=False, name=None))
    model = fit(known, domain[rows["user"] > 3], loss=loss, users=moved, items=pairs)
    assert_allclose(model.predict(rows[:30]), expected.predict(rows[:30]), rtol=1e-3, atol=1e-3)
    again = expected.predict(rows[:30], users=users[:2])
    assert_array_equal(again, expected.predict(rows[:30]))


def test_missing_side_columns_count_as_their_mean():
    rows, domain, tastes, items = make_shop()
    users, _ = side_frames(tastes, items)
    gaps, filled = users.copy(), users.copy()
    gaps.loc[5, "age"] = np.nan
    filled.loc[5, "age"] = users["age"].drop(5).mean()
    found, expected = (fit(rows, domain, users=frame) for frame in (gaps, filled))
    assert_allclose(found.predict(rows[:30]), expected.predict(rows[:30]), rtol=1e-2, atol=1e-2)


def test_counts_and_classes_are_predicted_by_their_means():
    rows, domain, *_ = make_shop("poisson")
    model = fit(rows, domain, loss="poisson", ridge=2.0)
    assert np.all(model.predict(rows[:50]) > 0)
    values = rows["value"][domain == "target"]
    found = model.predict(rows[domain == "target"])
    assert model.score(rows[domain == "target"]) == d2_tweedie_score(values, found, power=1)
    rows, domain, *_ = make_shop("logistic")
    model = fit(rows, domain, loss="logistic", ridge=1.0)
    found = model.predict(rows[domain == "target"])
    assert np.all((found > 0) & (found < 1))
    assert model.score(rows[domain == "target"]) > 0.2


def test_cells_that_repeat_are_several_values():
    rows, domain, *_ = make_shop()
    twice = fit(pd.concat([rows, rows]), np.tile(domain, 2), ridge=1.0)
    assert_allclose(twice.predict(rows[:9]), fit(rows, domain).predict(rows[:9]), rtol=1e-6)


def test_few_iterations_are_said():
    rows, domain, *_ = make_shop()
    with pytest.warns(ConvergenceWarning, match="stopped after max_iter=2 iterations, before tol"):
        fit(rows, domain, max_iter=2)


def test_values_alike_are_predicted():
    rows, domain, *_ = make_shop()
    same = rows.assign(value=4.0)
    assert_allclose(fit(same, domain).predict(rows[:9]), 4.0)


def test_errors():
    rows, domain, tastes, items = make_shop()
    users, _ = side_frames(tastes, items)
    cases = [
        ({"loss": "logistic"}, "loss='logistic' expects values that are 0 and 1, but domain 'targ"),
        ({"loss": "poisson"}, "loss='poisson' expects values that are counts, 0 or more, but"),
        ({"alpha": 0}, "The 'alpha' parameter of CollectiveFactorization must be"),
        ({"alpha": {"target": 1}}, "expected a weight of each of the domains 'target', 'drinks'"),
        ({"alpha": {"target": 0, "drinks": 1}}, "and above 0 for 'target'"),
        ({"ridge": 0}, "The 'ridge' parameter"),
        ({"users": users[["user"]]}, "users has missing labels or no columns of numbers"),
        ({"users": pd.concat([users, users[:1]])}, "users describes 0 more than once"),
        ({"users": users.assign(age="old")}, "but a column of users holds"),
        ({"users": users.assign(user="x" + users["user"].astype(str))}, "describes none of the 40"),
    ]
    for params, message in cases:
        with pytest.raises(ValueError, match=message):
            fit(rows, domain, **params)
    with pytest.raises(ValueError, match="all 600 values of domain 'drinks' are 0; add rows"):
        fit(rows.assign(value=(domain == "target") * (rows["user"] % 2)), domain, loss="logistic")
    model = fit(rows, domain)
    with pytest.raises(ValueError, match="users was given, but fit had no users; fit with side"):
        model.predict(rows, users=users)
    model = fit(rows, domain, users=users)
    with pytest.raises(ValueError, match="users has 1 columns of numbers, but fit has seen 2"):
        model.predict(rows, users=users[["user", "age"]])
