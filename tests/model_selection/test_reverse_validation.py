"""ReverseValidation: the way there and back by hand, what it does not read, what it misses."""

import numpy as np
import pytest
from sklearn import config_context
from sklearn.base import BaseEstimator, ClassifierMixin, clone
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import accuracy_score, mean_absolute_error, r2_score
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import (
    AdaptedNetworkClassifier,
    CORALAligner,
    GaussianWeighter,
    ReverseValidation,
    SubspaceAligner,
    TrAdaBoostClassifier,
    TransductiveFold,
    TransferWarning,
    WeightedTransferClassifier,
    make_transfer_pipeline,
)
from tests.shelf import whole

RNG = np.random.default_rng(0)
N = 60
Y = np.tile([0.0, 1.0, 2.0], 40)
X = RNG.normal(size=(120, 4)) * [1, 1, 1, 6]
X[:, :2] += 3 * np.eye(3)[Y.astype(int)][:, :2]
X[N:] = X[N:] * 1.5 + 1
DOMAIN = np.repeat(["lab", "target"], N)
IS_TARGET = DOMAIN == "target"
HIDDEN = np.where(IS_TARGET, np.nan, Y)
HELD_OUT = np.r_[40:120]  # 20 source rows, and all target rows
TRAIN = np.r_[:40, 60:120]


class LogisticOfDomains(LogisticRegression):
    """A classifier of someone else that takes domains."""

    __metadata_request__fit = {"sample_domain": True}

    def fit(self, X, y, *, sample_domain):
        labelled = ~np.isnan(np.asarray(y, dtype=float))
        assert set(sample_domain[labelled]) == set(sample_domain) - {"target"}
        return super().fit(X[labelled], np.asarray(y, dtype=float)[labelled])


def coral():
    return make_transfer_pipeline(CORALAligner(), LogisticRegression())


def fitted(estimator, y=Y, rows=TRAIN):
    return estimator.fit(X[rows], y[rows], sample_domain=DOMAIN[rows])


def score(estimator, y=Y, rows=HELD_OUT, **options):
    scorer = ReverseValidation(**options)
    return scorer(estimator, X[rows], y[rows], sample_domain=DOMAIN[rows])


def test_the_way_back_by_hand():
    there = fitted(coral())
    predicted = there.predict(X[IS_TARGET])
    y_back = np.concatenate([predicted.astype(float), np.full(20, np.nan)])
    back = coral().fit(
        np.concatenate([X[IS_TARGET], X[40:N]]),
        y_back,
        sample_domain=np.repeat(["the target", "target"], [60, 20]),
    )
    expected = accuracy_score(Y[40:N], back.predict(X[40:N]))
    assert score(there) == expected
    assert 0.5 < expected < 1
    proba = back.predict_proba(X[40:N])[np.arange(20), Y[40:N].astype(int)]
    np.testing.assert_allclose(score(there, scoring="neg_log_loss"), np.log(proba).mean())


def test_a_regressor_is_scored_by_its_own_score_or_another():
    y = X[:, 0] - X[:, 1]
    there = fitted(make_transfer_pipeline(CORALAligner(), Ridge()), y)
    predicted = there.predict(X[IS_TARGET])
    back = make_transfer_pipeline(CORALAligner(), Ridge()).fit(
        np.concatenate([X[40:N], X[IS_TARGET]]),
        np.concatenate([np.full(20, np.nan), predicted]),
        sample_domain=np.repeat(["target", "s"], [20, 60]),
    )
    answers = back.predict(X[40:N])
    np.testing.assert_allclose(score(there, y), r2_score(y[40:N], answers))
    found = score(there, y, scoring="neg_mean_absolute_error")
    np.testing.assert_allclose(found, -mean_absolute_error(y[40:N], answers))


ESTIMATORS = {
    "aligner": coral(),
    "weighter": WeightedTransferClassifier(LogisticRegression(), weighter=GaussianWeighter()),
    "network": AdaptedNetworkClassifier(
        "mlp", adaptation="dan", max_epochs=3, hidden_layer_sizes=(5,), random_state=0
    ),
    "plain pipeline": make_pipeline(StandardScaler(), LogisticOfDomains()),
}


@pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")
@pytest.mark.parametrize("name", ESTIMATORS)
def test_it_reads_no_label_of_a_target_row(name):
    if name == "network":
        pytest.importorskip("torch", reason="networks train with torch")
    with config_context(enable_metadata_routing=True):  # for the plain pipeline
        there = fitted(ESTIMATORS[name], HIDDEN)
    scores = [score(there, y) for y in (Y, np.where(IS_TARGET, 7.0, Y), HIDDEN)]
    assert scores[0] == scores[1] == scores[2]
    assert scores[0] > 0.3


def test_labels_of_target_rows_change_no_bit_of_a_search():
    pipe, scores = coral().set_params(target_labels="ignore"), []
    for y in (Y, np.where(IS_TARGET, 7.0, Y), HIDDEN):
        with config_context(enable_metadata_routing=True):
            search = GridSearchCV(pipe, {}, cv=TransductiveFold(3), scoring=ReverseValidation())
            search.fit(X, y, groups=DOMAIN, sample_domain=DOMAIN)
        scores.append([search.cv_results_[f"split{k}_test_score"][0] for k in range(3)])
    assert scores[0] == scores[1] == scores[2]
    assert len(set(scores[0])) > 1


def test_scores_of_folds_are_those_of_calls():
    with config_context(enable_metadata_routing=True):
        params = {"sample_domain": DOMAIN, "groups": DOMAIN}
        cv = TransductiveFold(3)
        scores = cross_val_score(coral(), X, Y, cv=cv, scoring=ReverseValidation(), params=params)
        several = {"back": ReverseValidation(), "loss": ReverseValidation("neg_log_loss")}
        found = cross_validate(coral(), X, Y, cv=cv, scoring=several, params=params)
    for place, (train, test) in enumerate(cv.split(X, Y, DOMAIN)):
        assert scores[place] == score(fitted(coral(), rows=train), rows=test)
    np.testing.assert_array_equal(found["test_back"], scores)
    assert (found["test_loss"] < 0).all()


def test_a_search_finds_the_components_that_hold_the_classes():
    grid = {"subspacealigner__n_components": [1, 3]}
    pipe = make_transfer_pipeline(SubspaceAligner(), LogisticRegression())
    with config_context(enable_metadata_routing=True):
        search = GridSearchCV(pipe, grid, cv=TransductiveFold(3), scoring=ReverseValidation())
        search.fit(X, HIDDEN, groups=DOMAIN, sample_domain=DOMAIN)
    assert search.best_params_ == {"subspacealigner__n_components": 3}
    assert search.best_score_ > search.cv_results_["mean_test_score"][0] + 0.3


class Exchanging(ClassifierMixin, BaseEstimator):
    """Exchanges the two classes in any other domain than the one that it learned from."""

    def fit(self, X, y, *, sample_domain=None):
        labelled = np.array([label is not None and label == label for label in y])
        self.inner_ = LogisticRegression().fit(X[labelled], np.asarray(y)[labelled].astype(int))
        self.classes_ = self.inner_.classes_
        return self

    def predict(self, X):
        return 1 - self.inner_.predict(X)


def test_classes_that_are_exchanged_twice_have_a_perfect_score():
    """What it misses, as its docstring says: every prediction of the target is wrong."""
    rng = np.random.default_rng(1)
    y = np.tile([0.0, 1.0], 60)
    X = rng.normal(size=(120, 1)) + 20 * y[:, None]
    model = Exchanging().fit(X[TRAIN], np.where(IS_TARGET, np.nan, y)[TRAIN])
    assert accuracy_score(y[IS_TARGET], model.predict(X[IS_TARGET])) == 0
    rows = HELD_OUT
    found = ReverseValidation()(model, X[rows], y[rows], sample_domain=DOMAIN[rows])
    assert found == 1


def test_predictions_of_one_class_are_scored_as_a_constant_with_a_warning():
    alone = Y == 1
    y, rows = np.where(alone, Y, 2.0), HELD_OUT
    there = LogisticRegression().fit(X[:40] * 1e-9, np.r_[0.0, np.ones(39)])
    sentence = (
        "All 60 target rows are predicted to be of the class 1.0, so that nothing can be learned "
        "from them: the score of ReverseValidation is that of a constant."
    )
    with pytest.warns(TransferWarning, match=whole(sentence)):
        found = ReverseValidation()(there, X[rows], y[rows], sample_domain=DOMAIN[rows])
    assert found == np.mean(y[40:N] == 1)


def test_source_rows_without_a_label_are_not_scored():
    y = Y.copy()
    y[40:45] = np.nan
    there = fitted(coral())
    predicted = there.predict(X[IS_TARGET])
    labels = np.concatenate([np.full(20, np.nan), predicted])
    back = coral().fit(X[40:], labels, sample_domain=np.repeat(["target", "s"], [20, 60]))
    with pytest.warns(TransferWarning, match="5 of 20 source rows have no label"):
        assert score(there, y) == back.score(X[45:N], Y[45:N])


def test_labels_may_be_texts_in_a_frame():
    pd = pytest.importorskip("pandas")
    names = pd.Series(np.where(IS_TARGET, None, np.array(["a", "b", "c"])[Y.astype(int)]))
    frame = pd.DataFrame(X, columns=list("wxyz"))
    there = coral().fit(frame.iloc[TRAIN], names.iloc[TRAIN], sample_domain=DOMAIN[TRAIN])
    rows = HELD_OUT
    found = ReverseValidation()(
        there, frame.iloc[rows], names.iloc[rows], sample_domain=DOMAIN[rows]
    )
    assert found == score(fitted(coral(), HIDDEN))


def test_faults_say_what_to_change():
    there = fitted(coral())
    with pytest.raises(ValueError, match=r"but sample_domain is None: .*enable_metadata_routing"):
        ReverseValidation()(there, X, Y)
    with pytest.raises(ValueError, match="reads the labels of source rows, but y is None"):
        ReverseValidation()(there, X, None, sample_domain=DOMAIN)
    with pytest.raises(ValueError, match=r"these 60 rows have none: .*cv=TransductiveFold\(5\)"):
        score(there, rows=np.flatnonzero(IS_TARGET))
    boosted = fitted(TrAdaBoostClassifier(n_estimators=2, random_state=0))
    with pytest.raises(ValueError, match="cannot fit TrAdaBoostClassifier on the way back, on 60"):
        score(boosted)


def test_it_is_shown_with_its_parameter():
    assert repr(ReverseValidation()) == "ReverseValidation()"
    assert repr(ReverseValidation("accuracy")) == "ReverseValidation(scoring='accuracy')"
    search = clone(GridSearchCV(coral(), {}, scoring=ReverseValidation("accuracy")))
    assert search.scoring.scoring == "accuracy"
