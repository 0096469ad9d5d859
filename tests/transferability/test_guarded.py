"""Guarded estimators: the contract, with target labels and without."""

import pickle

import numpy as np
import pytest
import sklearn
from joblib import parallel_config
from numpy.testing import assert_allclose, assert_array_equal
from scipy import sparse
from sklearn.base import clone
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression, Ridge, SGDClassifier
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline

from sktransfer import (
    CORALAligner,
    GuardedTransferClassifier,
    GuardedTransferRegressor,
    MomentAligner,
    PretrainedFeatureExtractor,
    TargetFold,
    TrAdaBoostClassifier,
    make_transfer_pipeline,
    pack_domains,
)
from tests.shelf import whole


def make_rows(k=4, *, n_unlabelled=60, sources=("old",), shift=0.0, flip=False, seed=0):
    """Rows of sources and a target; k rows a class of the target are labelled."""
    rng = np.random.default_rng(seed)
    domains = {}
    for name in (*sources, "target"):
        X = rng.normal(size=(120, 4))
        y = (X[:, 0] + 0.5 * X[:, 1] + 0.4 * rng.normal(size=120) > 0).astype(float)
        if name != "target":
            X += shift
            y = 1 - y if flip else y
        domains[name] = X, y
    X, y = domains.pop("target")
    known = np.concatenate([np.flatnonzero(y == c)[:k] for c in (0, 1)])
    rest = np.setdiff1d(np.arange(120), known)[:n_unlabelled]
    kept = np.concatenate([known, rest]).astype(int)
    hidden = np.where(np.isin(kept, known), y[kept], np.nan)
    return *pack_domains(domains, target=(X[kept], hidden)), np.concatenate(
        [*(labels for _, labels in domains.values()), y[kept]]
    )


KINDS = {
    "labels": {"k": 4},
    "one a class": {"k": 1},
    "several sources": {"k": 2, "sources": ("a", "b", "c")},
    "none": {"k": 0, "shift": 1.0},
}


@pytest.mark.parametrize("kind", KINDS)
def test_weights_sum_to_one_and_the_same_seed_gives_the_same_numbers(kind):
    X, y, domains, _ = make_rows(**KINDS[kind])
    guard = GuardedTransferClassifier(n_repeats=1, random_state=0).fit(X, y, sample_domain=domains)
    again = GuardedTransferClassifier(n_repeats=1, random_state=0).fit(X, y, sample_domain=domains)
    assert sum(guard.weights_.values()) == pytest.approx(1)
    assert guard.weights_ == again.weights_
    assert_array_equal(guard.predict_proba(X), again.predict_proba(X))
    assert_array_equal(guard.rows_to_label(5), again.rows_to_label(5))
    assert guard.setting_ == ("transductive" if kind == "none" else "inductive")
    assert guard.baseline_ == ("source" if kind == "none" else "target")
    assert (guard.interval_ is None) == (kind in ("one a class", "none"))


def test_garbled_target_labels_change_no_bit_if_they_are_ignored():
    X, _, domains, truth = make_rows(shift=1.0)
    guard = GuardedTransferClassifier(target_labels="ignore", random_state=0)
    found = []
    for garbage in (truth, 1 - truth, np.where(domains == "target", np.nan, truth)):
        labels = np.where(domains == "target", garbage, truth)
        fitted = clone(guard).fit(X, labels, sample_domain=domains)
        found.append((fitted.predict_proba(X), fitted.rows_to_label(7), str(fitted.weights_)))
    objects = np.where(domains == "target", {"no": "class"}, truth.astype(object))
    fitted = clone(guard).fit(X, objects, sample_domain=domains)
    found.append((fitted.predict_proba(X), fitted.rows_to_label(7), str(fitted.weights_)))
    for proba, rows, weights in found[1:]:
        assert_array_equal(proba, found[0][0])
        assert_array_equal(rows, found[0][1])
        assert weights == found[0][2]


@pytest.mark.parametrize("k", [0, 4])
@pytest.mark.parametrize(
    "one", [make_transfer_pipeline(MomentAligner(), LogisticRegression()), LogisticRegression()]
)
def test_a_list_of_one_candidate_is_that_candidate(one, k):
    X, y, domains, _ = make_rows(k, shift=1.0)
    guard = GuardedTransferClassifier([("one", one)]).fit(X, y, sample_domain=domains)
    pipeline = make_transfer_pipeline(clone(one)).fit(X, y, sample_domain=domains)
    assert_array_equal(guard.predict_proba(X), pipeline.predict_proba(X))
    assert guard.weights_["one"] == 1


def test_one_candidate_is_weighed_against_no_transfer():
    X, y, domains, _ = make_rows()
    guard = GuardedTransferClassifier(make_transfer_pipeline(CORALAligner(), LogisticRegression()))
    guard.fit(X, y, sample_domain=domains)
    assert list(guard.weights_) == ["target", "transferpipeline"]
    assert 0 < guard.weights_["target"] < 1
    assert str(guard.report_).endswith(".")


@pytest.mark.parametrize("given", [None, "target"])
def test_without_source_rows_it_is_the_estimator(given):
    X, _, domains, truth = make_rows(k=30)
    sample_domain = None if given is None else np.repeat(given, 60)
    guard = GuardedTransferClassifier().fit(X[-60:], truth[-60:], sample_domain=sample_domain)
    model = LogisticRegression().fit(X[-60:], truth[-60:])
    assert_array_equal(guard.predict_proba(X), model.predict_proba(X))
    assert guard.weights_ == {"target": 1.0}
    assert not guard.used_transfer_


def test_a_candidate_with_a_source_of_its_own_is_compared_without_source_rows():
    X, _, domains, truth = make_rows()
    is_target = domains == "target"

    class WithSource(LogisticRegression):
        def predict_proba(self, X):
            return source.predict_proba(X)

    source = LogisticRegression().fit(X[~is_target], truth[~is_target])
    guard = GuardedTransferClassifier(WithSource()).fit(X[is_target][:12], truth[is_target][:12])
    assert list(guard.weights_) == ["target", "withsource"]
    assert guard.weights_["withsource"] > 0.3


def test_candidates_that_the_estimator_or_the_rows_cannot_have_are_named():
    X, y, domains, _ = make_rows()
    guard = GuardedTransferClassifier(estimator=KNeighborsClassifier(2))
    left_out = guard.fit(X, y, sample_domain=domains).report_.left_out
    assert left_out == {
        "balanced": "KNeighborsClassifier takes no sample_weight",
        "pulled": "KNeighborsClassifier is no LogisticRegression",
    }
    assert "left out: balanced, as KNeighborsClassifier takes no sample_weight" in str(
        guard.report_
    )
    guard = GuardedTransferClassifier(estimator=HistGradientBoostingClassifier(max_iter=3))
    gaps = np.where(np.random.default_rng(0).random(X.shape) < 0.1, np.nan, X)
    guard.fit(gaps, y, sample_domain=domains)
    assert guard.report_.left_out["augmented"] == "DomainAugmenter takes no missing values"
    with_none = np.where(domains == "target", np.nan, y)
    guard.fit(gaps, with_none, sample_domain=domains)
    assert {"coral", "subspace", "transport", "ratio"} <= set(guard.report_.left_out)
    assert "moments" in guard.weights_


def test_an_estimator_without_probabilities_is_refused():
    with pytest.raises(ValueError, match="predict_proba"):
        GuardedTransferClassifier(estimator=SGDClassifier()).fit([[0.0], [1.0]], [0, 1])


def test_a_candidate_without_probabilities_is_named():
    X, y, domains, _ = make_rows()
    with pytest.raises(ValueError, match=r"candidates has 'hinge', .* no predict_proba"):
        GuardedTransferClassifier([("hinge", SGDClassifier())]).fit(X, y, sample_domain=domains)


def test_estimators_of_the_other_kind_are_named():
    X, y, domains, _ = make_rows()
    message = r"candidates has 'c', LogisticRegression\(\), which is a classifier; pass regressors"
    with pytest.raises(ValueError, match=message):
        GuardedTransferRegressor({"c": LogisticRegression()}).fit(X, y, sample_domain=domains)
    with pytest.raises(ValueError, match=r"is a classifier; pass a regressor"):
        GuardedTransferRegressor(estimator=LogisticRegression()).fit(X, y, sample_domain=domains)


class _NoNumbers(Ridge):
    def predict(self, X):
        return np.where(np.arange(len(X)) == 1, np.nan, super().predict(X))


class _NoProbabilities(LogisticRegression):
    def predict_proba(self, X):
        return np.where(np.arange(len(X))[:, None] == 1, np.nan, super().predict_proba(X))


@pytest.mark.parametrize("k", [0, 4])
def test_answers_that_are_no_numbers_are_an_error(k):
    """NaN in one candidate is NaN in the mixture, and its largest probability the first class."""
    X, y, domains, _ = make_rows(k)
    for guard in (
        GuardedTransferClassifier([_NoProbabilities(), LogisticRegression()], random_state=0),
        GuardedTransferRegressor([_NoNumbers(), Ridge()], random_state=0),
    ):
        with pytest.raises(ValueError, match=r"^_No.* predicts NaN or infinity for 1 of"):
            guard.fit(X, y, sample_domain=domains)


def test_items_need_an_estimator_that_reads_them():
    texts = ["a good word", "a bad word", "good", "bad"]
    guard = GuardedTransferClassifier()
    with pytest.raises(ValueError, match=r"estimator=None is LogisticRegression\(\), which reads"):
        guard.fit(texts, [1, 0, 1, 0], sample_domain=["old", "old", "target", "target"])


def test_a_search_over_folds_of_the_target_is_a_candidate():
    X, y, domains, _ = make_rows()
    pipe = make_transfer_pipeline(CORALAligner(), LogisticRegression())
    search = GridSearchCV(pipe, {"coralaligner__ridge": [0.1, 1.0]}, cv=TargetFold(2))
    options = {"cv": 2, "n_repeats": 1, "rehearse": "never", "random_state": 0}
    guard = GuardedTransferClassifier(search, **options).fit(X, y, sample_domain=domains)
    assert guard.estimators_["gridsearchcv"].best_params_


def test_domains_flow_through_a_plain_pipeline_with_routing():
    X, y, domains, _ = make_rows(k=3)
    guard = GuardedTransferClassifier(n_repeats=1, random_state=0)
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = make_pipeline(guard).fit(X, y, sample_domain=domains)
    expected = clone(guard).fit(X, y, sample_domain=domains)
    assert pipe[-1].weights_ == expected.weights_


def test_pictures_go_through_a_network_and_are_no_rows_of_numbers():
    pictures = np.random.default_rng(0).integers(0, 255, size=(40, 8, 8), dtype=np.uint8)
    y = np.tile([0.0, 1.0], 20)
    pictures[y == 1, :, :4] //= 4
    domains = np.repeat(["old", "target"], 20)
    known = np.where(np.arange(40) < 28, y, np.nan)
    model = make_pipeline(PretrainedFeatureExtractor(), LogisticRegression())
    guard = GuardedTransferClassifier(estimator=model, cv=2, n_repeats=1, random_state=0)
    guard.fit(pictures, known, sample_domain=domains)
    assert guard.report_.left_out == {
        "augmented": "DomainAugmenter takes numbers, and X holds none"
    }
    assert guard.predict_proba(pictures).shape == (40, 2)
    assert set(guard.rows_to_label(50)) <= set(range(28, 40))


@pytest.mark.parametrize("k", [0, 4])
def test_sparse_rows_are_taken(k):
    X, y, domains, _ = make_rows(k, shift=1.0)
    guard = GuardedTransferClassifier(n_repeats=1, random_state=0)
    guard.fit(sparse.csr_array(X), y, sample_domain=domains)
    assert len(guard.weights_) >= 3
    if k:
        dense = clone(guard).fit(X, y, sample_domain=domains)
        assert dense.weights_ == pytest.approx(guard.weights_, abs=0.01)


@pytest.mark.parametrize("k", [0, 2])
def test_texts_are_taken_and_candidates_of_numbers_are_named(k):
    words = np.random.default_rng(0).choice(["good", "bad", "film", "book"], size=(60, 6))
    texts = [" ".join(row) for row in words]
    y = np.array(["+" if list(row).count("good") > 1 else "-" for row in words], dtype=object)
    domains = np.repeat(["books", "target"], 30)
    hidden = y.copy()
    known = 30 + np.concatenate([np.flatnonzero(y[30:] == c)[:k] for c in "+-"]).astype(int)
    hidden[np.setdiff1d(np.arange(30, 60), known)] = None
    model = make_pipeline(TfidfVectorizer(), LogisticRegression())
    guard = GuardedTransferClassifier(estimator=model, n_repeats=1, random_state=0)
    first = guard.fit(texts, hidden, sample_domain=domains).predict_proba(texts)
    for X in (np.array(texts), np.array(texts, dtype=object)):
        assert_array_equal(
            clone(guard).fit(X, hidden, sample_domain=domains).predict_proba(X), first
        )
    name = "augmented" if k else "moments"
    assert guard.report_.left_out[name].endswith("takes numbers, and X holds none")
    assert "pooled" in guard.weights_ or not k
    assert ("pass candidates that read these rows" in guard.report_.sentence) == (not k)


def test_data_frames_keep_their_columns():
    pd = pytest.importorskip("pandas")
    X, y, domains, _ = make_rows()
    frame = pd.DataFrame(X, columns=list("abcd"))
    guard = GuardedTransferClassifier(n_repeats=1, random_state=0).fit(
        frame, y, sample_domain=domains
    )
    assert list(guard.feature_names_in_) == list("abcd")
    plain = clone(guard).fit(X, y, sample_domain=domains)
    polars = pytest.importorskip("polars")
    other = clone(guard).fit(polars.DataFrame(X, schema=list("abcd")), y, sample_domain=domains)
    assert other.weights_ == pytest.approx(plain.weights_)
    assert_allclose(guard.predict_proba(frame), plain.predict_proba(X), rtol=1e-10)


def test_classes_of_one_domain_alone():
    X, y, domains, _ = make_rows(k=3)
    labels = np.where(np.isnan(y), None, np.array(["a", "b"], dtype=object)[(y == 1).astype(int)])
    is_target = domains == "target"
    labels[np.flatnonzero(~is_target)[:5]] = "source only"
    labels[np.flatnonzero(is_target)[[0, 1]]] = "target only"
    guard = GuardedTransferClassifier(random_state=0).fit(X, labels, sample_domain=domains)
    assert list(guard.classes_) == ["a", "b", "source only", "target only"]
    assert_allclose(guard.predict_proba(X).sum(axis=1), 1)


def test_candidates_that_few_rows_do_not_allow_answer_that_they_do_not_know():
    rng = np.random.default_rng(0)
    X, domains = rng.normal(size=(44, 2)), np.repeat(["a", "b", "target"], [20, 20, 4])
    one_class = np.zeros(44)
    guard = GuardedTransferClassifier(random_state=0).fit(X, one_class, sample_domain=domains)
    assert "augmented" in guard.report_.left_out
    one_row = np.r_[np.zeros(42), np.nan, 1.0]
    one_row[40] = np.nan
    guard.fit(X, one_row, sample_domain=domains)
    assert "augmented" in guard.weights_
    assert_allclose(guard.predict_proba(X).sum(axis=1), 1)


def test_n_jobs_changes_no_bit():
    X, y, domains, _ = make_rows(k=2, sources=("a", "b"))
    one = GuardedTransferClassifier(n_repeats=1, random_state=0).fit(X, y, sample_domain=domains)
    with parallel_config("threading"):
        two = clone(one).set_params(n_jobs=2).fit(X, y, sample_domain=domains)
    assert one.weights_ == two.weights_
    assert_array_equal(one.predict_proba(X), two.predict_proba(X))


def test_a_flipped_source_gets_no_weight_but_for_its_recalibration():
    X, y, domains, truth = make_rows(k=15, flip=True)
    guard = GuardedTransferClassifier(random_state=0).fit(X, y, sample_domain=domains)
    assert guard.weights_["source"] + guard.weights_["pooled"] < 0.01
    is_target = domains == "target"
    target = (guard.estimators_["target"].predict(X[is_target]) == truth[is_target]).mean()
    assert guard.score(X[is_target], truth[is_target]) > target - 0.02


def test_methods_choose_as_they_say():
    X, y, domains, _ = make_rows(k=4)
    fits = {
        method: GuardedTransferClassifier(method=method, n_repeats=1, random_state=0).fit(
            X, y, sample_domain=domains
        )
        for method in ("average", "best", "strict")
    }
    assert sorted(fits["best"].weights_.values())[-2:] == [0, 1]
    assert max(fits["average"].weights_.values()) < 1
    strict = fits["strict"]
    assert (strict.weights_["target"] == 1) == (strict.interval_[0] <= 0)
    with pytest.raises(ValueError, match="method='best' chooses by labels"):
        GuardedTransferClassifier(method="best", target_labels="ignore").fit(
            X, y, sample_domain=domains
        )


def test_prior_and_eta():
    X, y, domains, _ = make_rows(k=4)
    names = ["target", "source", "pooled", "balanced", "augmented", "pulled", "recalibrated"]
    prior = dict(zip(names, range(1, 1 + len(names)), strict=True))
    quick = {"n_repeats": 1, "rehearse": "never"}
    guard = GuardedTransferClassifier(eta=0.0, prior=prior, **quick).fit(
        X, y, sample_domain=domains
    )
    total = sum(prior.values())
    assert guard.weights_ == pytest.approx({name: each / total for name, each in prior.items()})
    only = GuardedTransferClassifier(prior={"source": 1.0}, **quick).fit(
        X, y, sample_domain=domains
    )
    assert only.weights_["source"] == 1
    for wrong in ({"sources": 1.0}, [1.0], dict.fromkeys(names, 0.0), [-1.0] * len(names)):
        with pytest.raises(ValueError, match="expected a number of 0 or more for each"):
            GuardedTransferClassifier(prior=wrong).fit(X, y, sample_domain=domains)


def test_the_prior_of_a_vote_and_its_name():
    X, y, domains, _ = make_rows(k=0, shift=1.0)
    decisions = {}
    for prior in (
        {"source": 1},
        {"coral": 2},
        {"coral": 1, "moments": 3},
        {"source": 1, "coral": 1},
    ):
        guard = GuardedTransferClassifier(prior=prior, random_state=0)
        guard.fit(X, y, sample_domain=domains)
        decisions[guard.decision_] = {n: w for n, w in guard.weights_.items() if w}
    half = {"source": 0.5, "coral": 0.5}
    assert decisions == {"source alone": {"source": 1}, "coral alone": {"coral": 1}, "vote": half}
    quarters = GuardedTransferClassifier(prior={"coral": 1, "moments": 3}, random_state=0)
    quarters.fit(X, y, sample_domain=domains)
    assert {n: w for n, w in quarters.weights_.items() if w} == {"moments": 0.75, "coral": 0.25}


def test_the_cap_limits_the_rows_that_change():
    X, y, domains, _ = make_rows(k=0, shift=1.5)
    free = GuardedTransferClassifier(source_weight=0.0, random_state=0)
    free.fit(X, y, sample_domain=domains)
    assert free.changed_ > 0.1
    capped = clone(free).set_params(max_change=0.1).fit(X, y, sample_domain=domains)
    assert 0 < capped.changed_ <= 0.1
    target = X[domains == "target"]
    source = capped.estimators_["source"].predict(target)
    assert (capped.predict(target) != source).mean() == capped.changed_
    assert_array_equal(
        capped.predict(target), capped.classes_[capped.predict_proba(target).argmax(1)]
    )
    labelled = GuardedTransferClassifier(max_change=0.1)
    with pytest.raises(ValueError, match="every target row is labelled"):
        labelled.fit(X, np.where(np.isnan(y), 1.0, y), sample_domain=domains)


def test_other_shares_are_recognised():
    rng = np.random.default_rng(0)
    y = np.repeat([0.0, 1.0, 0.0, 1.0], [300, 300, 75, 425])
    X = rng.normal(size=(1100, 3)) + 2 * y[:, None]
    domains = np.repeat(["s", "target"], [600, 500])
    hidden = np.where(domains == "target", np.nan, y)
    guard = GuardedTransferClassifier(random_state=0).fit(X, hidden, sample_domain=domains)
    assert guard.decision_ == "other shares"
    assert guard.weights_["shares"] == 1
    assert guard.shift_.family == "class proportions"
    assert guard.shift_.sentence in str(guard.shift_)


def test_of_few_rows_other_shares_are_not_recognised():
    rng = np.random.default_rng(0)
    y = np.repeat([0.0, 1.0, 0.0, 1.0], [50, 50, 5, 45])
    X = rng.normal(size=(150, 3)) + 2 * y[:, None]
    domains = np.repeat(["s", "target"], [100, 50])
    hidden = np.where(domains == "target", np.nan, y)
    guard = GuardedTransferClassifier(random_state=0).fit(X, hidden, sample_domain=domains)
    assert guard.decision_ == "vote"
    assert guard.shift_.p_after_shares is None
    assert "The kind of shift was not examined" in str(guard.shift_)


def test_refused_shares_have_no_vote():
    X, y, domains, _ = make_rows(k=0, shift=1.0)
    guard = GuardedTransferClassifier(random_state=0).fit(X, y, sample_domain=domains)
    assert guard.decision_ == "vote"
    others = dict.fromkeys(guard.estimators_, 0.5 / 6)
    assert guard.weights_ == pytest.approx(others | {"source": 0.5, "shares": 0.0})


def test_every_candidate_predicts():
    X, y, domains, _ = make_rows(k=4)
    guard = GuardedTransferClassifier(random_state=0).fit(X, y, sample_domain=domains)
    for name, model in guard.estimators_.items():
        best = model.classes_[model.predict_proba(X).argmax(axis=1)]
        assert_array_equal(model.predict(X), best, err_msg=name)


@pytest.mark.parametrize("given", ["wrong", [], [3], [("a", "b", "c")], [LogisticRegression]])
def test_candidates_that_are_no_estimators_are_refused(given):
    X, y, domains, _ = make_rows()
    with pytest.raises(ValueError, match="candidates"):
        GuardedTransferClassifier(given).fit(X, y, sample_domain=domains)


def test_names_are_unique_and_not_that_of_no_transfer():
    X, y, domains, _ = make_rows()
    model = LogisticRegression()
    for given in ([("a", model), ("a", model)], [("target", model)]):
        with pytest.raises(ValueError, match="more than once"):
            GuardedTransferClassifier(given).fit(X, y, sample_domain=domains)
    twice = GuardedTransferClassifier([model, model]).fit(X, y, sample_domain=domains)
    assert list(twice.weights_) == ["target", "logisticregression-1", "logisticregression-2"]


def test_a_failing_candidate_of_the_user_raises_and_leaves_the_fit_as_it_was():
    X, y, domains, _ = make_rows()
    guard = GuardedTransferClassifier(random_state=0).fit(X, y, sample_domain=domains)
    before = guard.predict_proba(X)
    guard.set_params(candidates=TrAdaBoostClassifier(KNeighborsClassifier()))
    with pytest.raises(ValueError, match="takes no sample_weight") as raised:
        guard.fit(X, y, sample_domain=domains)
    assert "the candidate 'tradaboostclassifier' on 188 rows" in raised.value.__notes__[0]
    assert_array_equal(guard.predict_proba(X), before)


@pytest.mark.parametrize("k", [0, 4])
def test_it_is_searched_over_and_pickled(k):
    X, y, domains, truth = make_rows(k, shift=0.5)
    labels = truth if k == 0 else y
    guard = GuardedTransferClassifier(
        n_repeats=1, target_labels="ignore" if k == 0 else "use", random_state=0
    )
    search = GridSearchCV(
        make_transfer_pipeline(MomentAligner(), guard),
        {"guardedtransferclassifier__eta": [0.2, 1.0]},
        cv=TargetFold(2),
    ).fit(X, labels, groups=domains, sample_domain=domains)
    best = search.best_estimator_
    loaded = pickle.loads(pickle.dumps(best))
    assert_array_equal(loaded.predict_proba(X), best.predict_proba(X))
    assert_array_equal(loaded[-1].rows_to_label(3), best[-1].rows_to_label(3))


def make_numbers(k, *, sources=("a", "b"), seed=0):
    rng = np.random.default_rng(seed)

    def draw(n_rows, offset):
        X = rng.normal(size=(n_rows, 3))
        return X, X @ [1.0, 2.0, -1.0] + offset + 0.5 * rng.normal(size=n_rows)

    domains = {name: draw(60, offset) for offset, name in enumerate(sources)}
    X_target, y_target = draw(100, 3.0)
    hidden = np.where(np.arange(100) < k, y_target, np.nan)
    return *pack_domains(domains, target=(X_target, hidden)), X_target, y_target


def test_numbers_source_plus_offset_wins_if_the_target_is_offset():
    X, y, domains, X_target, y_target = make_numbers(5)
    guard = GuardedTransferRegressor(random_state=0).fit(X, y, sample_domain=domains)
    assert guard.weights_["offset"] + guard.weights_["pulled"] > 0.9
    target = Ridge().fit(X_target[:5], y_target[:5]).score(X_target, y_target)
    assert guard.score(X_target, y_target) > target


@pytest.mark.parametrize("k", [0, 1, 2, 5, 100])
@pytest.mark.parametrize("sources", [("a",), ("a", "b")])
def test_numbers_with_any_number_of_labels(k, sources):
    X, y, domains, X_target, _ = make_numbers(k, sources=sources)
    guard = GuardedTransferRegressor(random_state=0).fit(X, y, sample_domain=domains)
    assert np.isfinite(guard.predict(X_target)).all()
    assert sum(guard.weights_.values()) == pytest.approx(1)
    assert (guard.changed_ is None) == (k == 100)
    assert (guard.interval_ is None) == (k < 3)


def test_numbers_without_labels_keep_half_the_weight_on_the_source():
    X, y, domains, X_target, _ = make_numbers(0)
    shifted = X + 2.0 * (domains == "target")[:, None]
    guard = GuardedTransferRegressor(random_state=0).fit(shifted, y, sample_domain=domains)
    assert guard.weights_["source"] == 0.5
    assert "shares" not in guard.weights_
    answers = {name: model.predict(X_target) for name, model in guard.estimators_.items()}
    mixed = sum(guard.weights_[name] * each for name, each in answers.items())
    assert_allclose(guard.predict(X_target), mixed)


def test_labels_that_must_be_there():
    X, y, domains, _ = make_rows()
    with pytest.raises(
        ValueError,
        match=whole(
            "GuardedTransferClassifier needs labels, but none of the 188 rows has one that it may "
            "read; pass labels of source rows, at least."
        ),
    ):
        GuardedTransferClassifier().fit(X, np.full(len(y), np.nan), sample_domain=domains)
    with pytest.raises(ValueError, match="target_labels='ignore' would hide the label of every"):
        GuardedTransferClassifier(target_labels="ignore").fit(X, np.nan_to_num(y))
