"""TrAdaBoost's manners: labels, missing values, seeds, containers, errors, real data."""

import re

import numpy as np
import pytest
import scipy.sparse
import sklearn
from numpy.testing import assert_allclose, assert_array_equal
from sklearn.base import clone
from sklearn.feature_extraction.text import TfidfTransformer
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import LinearSVC
from sklearn.tree import DecisionTreeClassifier
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import (
    check_classifier_not_supporting_multiclass,
    estimator_checks_generator,
)

from sktransfer import TargetFold, TrAdaBoostClassifier, make_transfer_pipeline
from tests.shelf import DATA, make_two_rules

STUMP = DecisionTreeClassifier(max_depth=1)


@pytest.mark.parametrize("only_in", ["s", "target"])
def test_a_class_that_only_one_domain_has(only_in):
    X, y, sample_domain, X_new = make_two_rules(0, n_classes=3)
    y = np.where((y == 2) & (sample_domain != only_in), 0, y)
    model = TrAdaBoostClassifier(random_state=0).fit(X, y, sample_domain=sample_domain)
    assert_array_equal(model.classes_, [0, 1, 2])
    assert model.predict_proba(X_new).shape == (300, 3)


def test_learners_that_know_fewer_classes_vote_for_the_right_ones():
    # The rows of class 0 have no weight and are left out: positions in classes_ shift by one.
    X, y, sample_domain, X_new = make_two_rules(0, n_classes=3)
    some = y > 0
    model = TrAdaBoostClassifier(random_state=0)
    with_zeros = model.fit(X, y, some.astype(float), sample_domain=sample_domain)
    assert_array_equal(with_zeros.classes_, [1, 2])
    assert_array_equal(with_zeros.sample_weight_[~some], 0)
    predicted = with_zeros.predict(X_new)
    without = model.fit(X[some], y[some], sample_domain=sample_domain[some])
    assert_array_equal(without.predict(X_new), predicted)


@pytest.mark.parametrize("missing", [None, np.nan, "pd.NA"])
@pytest.mark.parametrize("labels", [[0, 1], ["no", "yes"]])
def test_rows_without_a_label_are_left_out(missing, labels):
    if missing == "pd.NA":
        missing = pytest.importorskip("pandas").NA
    X, y, sample_domain, X_new = make_two_rules(0)
    y = np.array(labels, dtype=object)[y]
    unlabelled = np.arange(len(y)) % 5 == 0
    model = TrAdaBoostClassifier(random_state=0)
    alone = model.fit(
        X[~unlabelled], np.array(y[~unlabelled].tolist()), sample_domain=sample_domain[~unlabelled]
    ).predict(X_new)
    y[unlabelled] = missing
    model.fit(X, y, sample_domain=sample_domain)
    assert_array_equal(model.predict(X_new), alone)
    assert_array_equal(model.classes_, labels)
    assert_array_equal(model.sample_weight_ > 0, ~unlabelled)


def test_all_source_rows_are_one_pool():
    X, y, sample_domain, X_new = make_two_rules(0)
    model = TrAdaBoostClassifier(random_state=0)
    one = model.fit(X, y, sample_domain=sample_domain).predict_proba(X_new)
    assert model.source_domains_ == ("s",)
    two = np.where(np.arange(len(y)) % 2 == 0, "b", "a").astype(object)
    two[sample_domain == "target"] = "target"
    assert_array_equal(model.fit(X, y, sample_domain=two).predict_proba(X_new), one)
    assert model.source_domains_ == ("a", "b")


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("with_source", [True, False])
def test_the_last_stage_is_the_prediction(n_classes, with_source):
    X, y, sample_domain, X_new = make_two_rules(0, n_classes=n_classes)
    model = TrAdaBoostClassifier(n_estimators=11, random_state=0)
    model.fit(X, y, sample_domain=sample_domain if with_source else None)
    *_, last = model.staged_predict(X_new)
    assert_array_equal(last, model.predict(X_new))
    *_, last = stages = list(model.staged_predict_proba(X_new))
    assert_array_equal(last, model.predict_proba(X_new))
    assert len(stages) == len(model.estimators_)


def test_only_the_last_half_votes():
    X, y, sample_domain, X_new = make_two_rules(0)
    model = TrAdaBoostClassifier(STUMP, n_estimators=10, random_state=0)
    model.fit(X, y, sample_domain=sample_domain)
    expected = model.predict_proba(X_new)
    assert len(model.estimators_) == 10
    model.estimators_[:4] = [None] * 4
    assert_array_equal(model.predict_proba(X_new), expected)


def test_probabilities_and_margins_agree_with_the_prediction():
    for n_classes in (2, 3):
        X, y, sample_domain, X_new = make_two_rules(0, n_classes=n_classes)
        model = TrAdaBoostClassifier(n_estimators=10, random_state=0)
        model.fit(X, y, sample_domain=sample_domain)
        probabilities, margins = model.predict_proba(X_new), model.decision_function(X_new)
        assert_allclose(probabilities.sum(axis=1), 1, rtol=1e-12)
        assert_array_equal(model.classes_[probabilities.argmax(axis=1)], model.predict(X_new))
        chosen = margins > 0 if n_classes == 2 else margins.argmax(axis=1)
        assert_array_equal(chosen, model.predict(X_new))


def random_tree():
    return DecisionTreeClassifier(max_depth=2, splitter="random")


# Fresh entropy can draw a tree at chance.
@pytest.mark.filterwarnings("ignore:.*kept a single round:sktransfer.exceptions.TransferWarning")
def test_other_seeds_give_other_numbers():
    X, y, sample_domain, X_new = make_two_rules(0)

    def predict(seed, learner):
        model = TrAdaBoostClassifier(learner, n_estimators=6, random_state=seed)
        return model.fit(X, y, sample_domain=sample_domain).predict_proba(X_new)

    for learner in (random_tree(), make_pipeline(StandardScaler(), random_tree())):
        assert (predict(3, learner) != predict(4, learner)).any()
        assert (predict(None, learner) != predict(None, learner)).any()


def test_dense_and_sparse_rows_give_the_same():
    X, y, sample_domain, X_new = make_two_rules(0)
    X, X_new = np.where(X > 0.5, X, 0), np.where(X_new > 0.5, X_new, 0)
    for learner in (None, LogisticRegression(C=0.1)):
        model = TrAdaBoostClassifier(learner, n_estimators=5, random_state=0)
        dense = model.fit(X, y, sample_domain=sample_domain).predict_proba(X_new)
        for container in (scipy.sparse.csr_matrix, scipy.sparse.csc_array, scipy.sparse.coo_array):
            model.fit(container(X), y, sample_domain=sample_domain)
            assert_allclose(model.predict_proba(container(X_new)), dense, rtol=1e-6)


def test_missing_features_reach_a_learner_that_takes_them():
    X, y, sample_domain, X_new = make_two_rules(0)
    X[::7, 2] = np.nan
    TrAdaBoostClassifier(random_state=0).fit(X, y, sample_domain=sample_domain).predict(X_new)
    with pytest.raises(
        ValueError, match=r"^TrAdaBoostClassifier\(estimator=LogisticRegression\(\)\) "
    ):
        TrAdaBoostClassifier(LogisticRegression()).fit(X, y, sample_domain=sample_domain)


@pytest.mark.parametrize("learner", [None, STUMP, LogisticRegression(), LinearSVC()])
def test_the_tags_say_whether_missing_features_pass(learner):
    X, y, sample_domain, _ = make_two_rules(0)
    model = TrAdaBoostClassifier(learner, n_estimators=2, random_state=0)
    X[::7, 2] = np.nan
    if get_tags(model).input_tags.allow_nan:
        assert get_tags(model.estimator or STUMP).input_tags.allow_nan
        model.fit(X, y, sample_domain=sample_domain)
    else:
        assert not get_tags(learner).input_tags.allow_nan
        with pytest.raises(ValueError, match="NaN"):
            model.fit(X, y, sample_domain=sample_domain)


def test_labels_that_a_pipeline_hides_are_spoken_of():
    X, y, sample_domain, _ = make_two_rules(0)
    pipe = make_transfer_pipeline(TrAdaBoostClassifier(), target_labels="ignore")
    with pytest.raises(ValueError, match="a pipeline with target_labels='ignore' hides it"):
        pipe.fit(X, y, sample_domain=sample_domain)


def test_a_pipeline_is_a_learner():
    X, y, sample_domain, X_new = make_two_rules(0)
    pipe = make_pipeline(StandardScaler(), make_pipeline(StandardScaler(), LogisticRegression()))
    for domain in (sample_domain, None):
        model = TrAdaBoostClassifier(pipe, n_estimators=4).fit(X, y, sample_domain=domain)
        weights = model.sample_weight_
        inner = LogisticRegression().fit(
            StandardScaler().fit_transform(X), y, sample_weight=weights
        )
        found = model.estimators_[-1][-1][-1].coef_
        assert_allclose(found, inner.coef_, rtol=1e-3, atol=1e-4)
    with sklearn.config_context(enable_metadata_routing=True):
        routed = make_pipeline(
            StandardScaler().set_fit_request(sample_weight=False),
            LogisticRegression().set_fit_request(sample_weight=True),
        )
        model = TrAdaBoostClassifier(routed, n_estimators=4).fit(X, y, sample_domain=sample_domain)
    assert model.predict(X_new).shape == (300,)


@pytest.mark.parametrize(
    ("model", "changes", "sentence"),
    [
        (
            TrAdaBoostClassifier(KNeighborsClassifier()),
            {},
            "estimator=KNeighborsClassifier() takes no sample_weight in fit, which is how it "
            "learns that some rows count more; pass a classifier that does (of a Pipeline, the "
            "last step).",
        ),
        (
            TrAdaBoostClassifier(Ridge()),
            {},
            "estimator=Ridge() is a regressor; pass a classifier.",
        ),
        (
            TrAdaBoostClassifier(algorithm="dai2007"),
            {"y": [0, 1, 2, 0]},
            "Only binary classification is supported by algorithm='dai2007', but y has 3 classes; "
            "pass algorithm='samme' or 'auto'.",
        ),
        (
            TrAdaBoostClassifier(),
            {"y": [0, 1, None, None]},
            "TrAdaBoostClassifier needs a target row that has a label, and "
            "none of the 2 target rows has one; label some target rows (if they are labelled, "
            "a pipeline with target_labels='ignore' hides it), or use an unsupervised method.",
        ),
        (
            TrAdaBoostClassifier(),
            {"sample_weight": [1, 1, 0, 0]},
            "TrAdaBoostClassifier needs a target row that has a label and a weight above 0, and "
            "none of the 2 target rows has both; label some target rows (if they are labelled, "
            "a pipeline with target_labels='ignore' hides it), or use an unsupervised method.",
        ),
        (
            TrAdaBoostClassifier(),
            {"y": [0.0, 1.0, np.inf, np.nan]},
            "Input y contains infinity or a value too large for dtype('float64').",
        ),
        (
            TrAdaBoostClassifier(),
            {"sample_weight": [0, 0, 0, 0]},
            "Sample weights must contain at least one non-zero number.",
        ),
        (
            TrAdaBoostClassifier(),
            {"sample_domain": ["s", "target"]},
            "sample_domain has 2 entries, but X has 4 rows; pass one entry a row.",
        ),
    ],
)
def test_errors_are_sentences(model, changes, sentence):
    rows = {"y": [0, 1, 0, 1], "sample_domain": ["s", "s", "target", "target"]} | changes
    with pytest.raises(ValueError, match=f"^{re.escape(sentence)}$"):
        model.fit(np.arange(8.0).reshape(4, 2), **rows)


def test_source_weights_that_are_no_numbers_of_rows_draw_a_warning():
    X, y, sample_domain, _ = make_two_rules(0)
    sentence = (
        "sample_weight sums to 0.666667 over 120 source rows, but it counts repetitions, and "
        "of one row or less none ever loses weight; multiply sample_weight so that it sums to the "
        "number of rows."
    )
    with pytest.warns(UserWarning, match=f"^{re.escape(sentence)}$"):
        TrAdaBoostClassifier().fit(X, y, np.full(180, 1 / 180), sample_domain=sample_domain)


def test_grid_search_reaches_the_learner():
    X, y, sample_domain, _ = make_two_rules(0)
    search = GridSearchCV(
        TrAdaBoostClassifier(DecisionTreeClassifier(), n_estimators=5, random_state=0),
        {"estimator__max_depth": [1, 2]},
        cv=TargetFold(3),
    )
    search.fit(X, y, groups=sample_domain, sample_domain=sample_domain)
    depth = search.best_params_["estimator__max_depth"]
    assert {tree.max_depth for tree in search.best_estimator_.estimators_} == {depth}
    assert search.best_estimator_.source_domains_ == ("s",)


def test_sample_domain_flows_through_a_pipeline_when_routing_is_on():
    X, y, sample_domain, X_new = make_two_rules(0)
    with sklearn.config_context(enable_metadata_routing=True):
        pipe = make_pipeline(StandardScaler(), TrAdaBoostClassifier(random_state=0))
        pipe.fit(X, y, sample_domain=sample_domain)
    model = TrAdaBoostClassifier(random_state=0)
    model.fit(StandardScaler().fit_transform(X), y, sample_domain=sample_domain)
    expected = model.predict_proba(StandardScaler().fit(X).transform(X_new))
    assert_array_equal(pipe.predict_proba(X_new), expected)


@pytest.mark.parametrize("algorithm", ["dai2007", "samme"])
def test_the_tag_says_how_many_classes_it_takes(algorithm):
    model = TrAdaBoostClassifier(algorithm=algorithm)
    names = [
        getattr(check, "func", check).__name__ for _, check in estimator_checks_generator(model)
    ]
    refuses = "check_classifier_not_supporting_multiclass" in names
    assert refuses == (algorithm == "dai2007")
    if refuses:
        check_classifier_not_supporting_multiclass("TrAdaBoostClassifier", model)


def newsgroups():
    """Term counts of rec and talk, two sets of subgroups, as tf-idf; skip where absent."""
    folder = DATA / "newsgroups"
    if not folder.is_dir():
        pytest.skip(f"no newsgroups in {folder}; set SKTRANSFER_DATA to the folder of data sets")
    from scipy.io import loadmat

    read = [loadmat(folder / f"rec.vs.talk_Task{k}.mat") for k in (1, 2)]
    counts = scipy.sparse.csr_array(scipy.sparse.vstack([content["fea"] for content in read]))
    labels = [content["gnd"].ravel() for content in read]
    return TfidfTransformer().fit_transform(counts), labels


@pytest.mark.filterwarnings("ignore:The default value for `spmatrix`:DeprecationWarning")
def test_on_newsgroups_it_beats_both_domains_thrown_together():
    X, (y_source, y_target) = newsgroups()
    n_source = len(y_source)
    svm = LinearSVC(class_weight="balanced", random_state=0)
    errors = []
    for seed in range(3):
        shuffled = n_source + np.random.default_rng(seed).permutation(len(y_target))
        labelled, test = np.split(shuffled, [n_source // 100])
        rows = np.concatenate([np.arange(n_source), labelled])
        y = np.concatenate([y_source, y_target])
        sample_domain = np.where(rows < n_source, "Task1", "target")
        model = TrAdaBoostClassifier(svm, n_estimators=10, random_state=0)
        together = clone(svm).fit(X[rows], y[rows])
        model.fit(X[rows], y[rows], sample_domain=sample_domain)
        errors.append([1 - each.score(X[test], y[test]) for each in (together, model)])
    together, transfer = np.mean(errors, axis=0)
    assert transfer < together - 0.02
    assert transfer < 0.15
