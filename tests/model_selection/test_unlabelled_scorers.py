"""Scorers without target labels: what they read, their formulas on pipelines, and hard inputs."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from scipy.sparse import csr_array
from scipy.special import expit, softmax
from sklearn import config_context
from sklearn.base import clone
from sklearn.cluster import KMeans
from sklearn.dummy import DummyClassifier
from sklearn.ensemble import VotingClassifier
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.metrics import adjusted_mutual_info_score
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC, LinearSVC

from sktransfer import (
    AverageThresholdedConfidence,
    BatchNuclearNorm,
    ClassAMI,
    CORALAligner,
    DeepEmbeddedValidation,
    DifferenceOfConfidences,
    DiscriminatorWeighter,
    DomainClassifierError,
    ImportanceWeightedValidation,
    KMMWeighter,
    LabelShiftWeighter,
    MixedSampleValidation,
    PredictionEntropy,
    ReverseValidation,
    SoftNeighborhoodDensity,
    TransductiveFold,
    TransferWarning,
    ULSIFWeighter,
    WeightedTransferClassifier,
    make_transfer_pipeline,
    proxy_a_distance,
)
from sktransfer import model_selection as home
from sktransfer.model_selection._base_scorer import _BaseDomainScorer

RNG = np.random.default_rng(0)
N = 60
Y = np.tile([0.0, 1.0, 2.0], 40)
X = RNG.normal(size=(120, 4))
X[:, :2] += 2 * np.eye(3)[Y.astype(int)][:, :2]
X[N:] = X[N:] * 1.3 + 0.5
DOMAIN = np.repeat(["lab", "target"], N)
IS_TARGET = DOMAIN == "target"
HIDDEN = np.where(IS_TARGET, np.nan, Y)
HELD_OUT, TRAIN = np.r_[30:120], np.r_[:30, 60:120]  # 30 source rows, and all target rows

SCORERS = {
    name: getattr(home, name)()
    for name in home.__all__
    if isinstance(getattr(home, name), type) and issubclass(getattr(home, name), _BaseDomainScorer)
}
OWN = {name: scorer for name, scorer in SCORERS.items() if name != "ReverseValidation"}
OF_ERRORS = ("ImportanceWeightedValidation", "DeepEmbeddedValidation", "DomainClassifierError")


def coral(last=None):
    return make_transfer_pipeline(CORALAligner(), last or LogisticRegression())


def fitted(estimator, y=HIDDEN, rows=TRAIN):
    return estimator.fit(X[rows], y[rows], sample_domain=DOMAIN[rows])


def score(scorer, estimator, y=HIDDEN, rows=HELD_OUT):
    return scorer(estimator, X[rows], y[rows], sample_domain=DOMAIN[rows])


def mapped(pipe, rows):
    return pipe.steps[0][1].transform(X[rows], sample_domain=DOMAIN[rows])


def test_all_are_found():
    assert len(OWN) == 10


@pytest.mark.parametrize("name", SCORERS)
def test_it_reads_no_label_of_a_target_row(name):
    there = fitted(coral())
    before = dict(vars(SCORERS[name]))
    garbled = np.where(IS_TARGET, RNG.permutation(Y), Y)
    scores = [score(SCORERS[name], there, y) for y in (HIDDEN, Y, garbled, HIDDEN)]
    assert len(set(scores)) == 1
    assert np.isfinite(scores[0])
    assert vars(SCORERS[name]) == before


def test_searches_hand_the_domains_on_and_target_labels_change_no_bit():
    found = []
    for y in (HIDDEN, np.where(IS_TARGET, 1.0, Y)):
        with config_context(enable_metadata_routing=True):
            pipe = coral().set_params(target_labels="ignore")
            options = {"cv": TransductiveFold(3), "scoring": SCORERS}
            options["params"] = {"sample_domain": DOMAIN, "groups": DOMAIN}
            result = cross_validate(pipe, X, y, **options)
        found.append({name: list(result[f"test_{name}"]) for name in SCORERS})
    assert found[0] == found[1]
    for place, (train, test) in enumerate(TransductiveFold(3).split(X, HIDDEN, DOMAIN)):
        there = fitted(coral(), rows=train)
        for name, scorer in SCORERS.items():
            assert found[0][name][place] == score(scorer, there, rows=test), name


def test_importance_weights_are_those_of_the_features_of_the_last_step():
    there, held_out = fitted(coral()), np.r_[30:60]
    weighter = ULSIFWeighter(random_state=0).fit(
        mapped(there, HELD_OUT), sample_domain=DOMAIN[HELD_OUT]
    )
    weights = weighter.weights_[:30]
    proba = there.predict_proba(X[held_out], sample_domain=DOMAIN[held_out])
    wrong = proba.argmax(axis=1) != Y[held_out]
    assert 0 < wrong.mean() < 1
    scorer = ImportanceWeightedValidation(ULSIFWeighter(random_state=0))
    assert_allclose(score(scorer, there), -np.mean(weights * wrong))
    scorer = ImportanceWeightedValidation(ULSIFWeighter(random_state=0), loss="log")
    losses = -np.log(proba[np.arange(30), Y[held_out].astype(int)])
    assert_allclose(score(scorer, there), -np.mean(weights * losses))


@pytest.mark.filterwarnings("ignore:The weights of KMMWeighter leave few")
@pytest.mark.parametrize(
    "weighter", [KMMWeighter(), LabelShiftWeighter()], ids=lambda w: type(w).__name__
)
def test_any_weighter_weights_the_rows(weighter):
    there = fitted(WeightedTransferClassifier(LogisticRegression(), ULSIFWeighter(random_state=0)))
    rows = {"sample_domain": DOMAIN[HELD_OUT]}
    weights = weighter.fit(X[HELD_OUT], HIDDEN[HELD_OUT], **rows).weights_[:30]
    wrong = there.predict(X[30:60]) != Y[30:60]
    found = score(ImportanceWeightedValidation(weighter), there)
    assert_allclose(found, -np.mean(weights * wrong))


def test_embedded_validation_weights_rows_that_its_weighter_has_not_seen():
    there = fitted(LogisticRegressionOfSource())
    rows = np.r_[30:60]
    weights = np.empty(30)
    scorer = DeepEmbeddedValidation(ULSIFWeighter(random_state=0), cv=30)  # each row is a fold
    for place, row in enumerate(rows):
        seen = np.r_[np.setdiff1d(rows, row), 60:120]
        weighter = ULSIFWeighter(random_state=0).fit(X[seen], sample_domain=DOMAIN[seen])
        weights[place] = weighter.weigh(X[[row]])[0]
    weighted = weights * (there.predict(X[rows]) != Y[rows])
    covariance = np.cov(weighted, weights)
    control = covariance[0, 1] / covariance[1, 1] * (weights.mean() - 1)
    assert_allclose(score(scorer, there), control - weighted.mean())
    assert abs(control) > 1e-3


class LogisticRegressionOfSource(LogisticRegression):
    """Without adaptation: fitted on the rows that have a label."""

    def fit(self, X, y, *, sample_domain=None):
        labelled = ~np.isnan(y)
        return super().fit(X[labelled], y[labelled])


def test_scores_of_answers_by_hand():
    there, target = fitted(coral()), X[N:]
    P, source = there.predict_proba(target), np.r_[30:60]
    P_source = there.predict_proba(X[source], sample_domain=DOMAIN[source])
    right = P_source.argmax(axis=1) == Y[source]
    unsure = -np.sum(P * np.log(P), axis=1)
    assert_allclose(score(PredictionEntropy(), there), -unsure.mean())
    expected = np.linalg.svd(P, compute_uv=False).sum() / np.sqrt(60 * 3)
    assert_allclose(score(BatchNuclearNorm(), there), expected)
    expected = right.mean() - P_source.max(axis=1).mean() + P.max(axis=1).mean()
    assert_allclose(score(DifferenceOfConfidences(), there), expected)
    least = np.sort(P_source.max(axis=1))[np.sum(~right)]
    found = score(AverageThresholdedConfidence("largest"), there)
    assert_allclose(found, np.mean(P.max(axis=1) >= least))
    most = np.sort(-np.sum(P_source * np.log(P_source), axis=1))[-1 - np.sum(~right)]
    assert_allclose(score(AverageThresholdedConfidence(), there), np.mean(unsure <= most))


def test_scores_of_features_by_hand():
    there = fitted(coral())
    features = mapped(there, HELD_OUT)
    clusters = KMeans(3, n_init=10, random_state=0).fit_predict(features[30:])
    expected = adjusted_mutual_info_score(there.predict(X[N:]), clusters)
    assert_allclose(score(ClassAMI(), there), expected)
    options = {"sample_domain": DOMAIN[HELD_OUT], "random_state": 0}
    distance = proxy_a_distance(features, **options)["lab"].value
    assert_allclose(score(DomainClassifierError(), there), (2 - distance) / 4)
    raw = proxy_a_distance(X[HELD_OUT], **options)["lab"].value
    assert raw > distance


def test_mixtures_keep_the_class_of_the_main_row():
    there, target = fitted(coral()), X[N:]
    predicted = there.predict(target)
    only = {kind: MixedSampleValidation(0.6, partners=kind) for kind in ("same", "other")}
    scores = {kind: score(scorer, there) for kind, scorer in only.items()}
    assert scores["same"] > scores["other"]
    assert_allclose(score(MixedSampleValidation(0.6), there), np.mean(list(scores.values())))
    # All pairs instead of one partner a row: the score is near their mean.
    first, second = np.nonzero(predicted[:, None] != predicted)
    mixtures = there.predict(0.6 * target[first] + 0.4 * target[second])
    assert_allclose(scores["other"], np.mean(mixtures == predicted[first]), atol=0.15)
    assert score(MixedSampleValidation(0.999999), there) == 1


def test_weights_of_a_pipeline_inside_of_a_search_are_those_of_its_features():
    search = GridSearchCV(coral(), {}, cv=[(TRAIN, HELD_OUT)], scoring=ClassAMI())
    with config_context(enable_metadata_routing=True):
        search.fit(X, HIDDEN, sample_domain=DOMAIN)
    found = score(DomainClassifierError(), search)
    assert found == score(DomainClassifierError(), search.best_estimator_)
    assert found > score(DomainClassifierError(), fitted(LogisticRegressionOfSource()))


def test_a_pipeline_of_scikit_learn_gives_its_features():
    scaled = make_pipeline(StandardScaler(with_mean=False), LogisticRegression())
    rows = np.r_[:30]
    scaled.fit(X[rows], Y[rows])
    features = scaled[:-1].transform(X[HELD_OUT])
    clusters = KMeans(3, n_init=10, random_state=0).fit_predict(features[30:])
    assert score(ClassAMI(), scaled) == adjusted_mutual_info_score(scaled.predict(X[N:]), clusters)


@pytest.mark.parametrize("name", OWN)
def test_labels_may_be_texts_and_rows_a_frame(name):
    pd = pytest.importorskip("pandas")
    names = pd.Series(np.where(IS_TARGET, None, np.array(["a", "b", "c"])[Y.astype(int)]))
    frame = pd.DataFrame(X, columns=list("wxyz"))
    there = coral().fit(frame.iloc[TRAIN], names.iloc[TRAIN], sample_domain=DOMAIN[TRAIN])
    rows = frame.iloc[HELD_OUT], names.iloc[HELD_OUT]
    found = SCORERS[name](there, *rows, sample_domain=DOMAIN[HELD_OUT])
    assert_allclose(found, score(SCORERS[name], fitted(coral())))


def test_mixtures_of_a_polars_frame():
    pl = pytest.importorskip("polars")
    scaler = StandardScaler().set_output(transform="polars")
    model = make_pipeline(scaler, LogisticRegression())
    frame = pl.DataFrame(X, schema=list("wxyz"))
    model.fit(frame[:30], Y[:30])
    found = MixedSampleValidation()(model, frame, None, sample_domain=["target"] * 120)
    model.fit(X[:30], Y[:30])
    assert found == MixedSampleValidation()(model, X, None, sample_domain=["target"] * 120)


@pytest.mark.parametrize("name", OWN)
def test_rows_may_be_sparse(name):
    there = LogisticRegression().fit(X[:30], Y[:30])
    sparse = LogisticRegression().fit(csr_array(X[:30]), Y[:30])
    weighter = DiscriminatorWeighter(LogisticRegression())
    scorer = SCORERS[name]
    if name in OF_ERRORS[:2]:
        scorer = type(scorer)(weighter)
    domain = DOMAIN[HELD_OUT]
    found = scorer(sparse, csr_array(X[HELD_OUT]), HIDDEN[HELD_OUT], sample_domain=domain)
    assert_allclose(
        found, score(scorer, there), atol=0.05 if name == "DomainClassifierError" else 1e-3
    )


@pytest.mark.parametrize("classes", [2, 3])
def test_a_classifier_without_probabilities_has_the_softmax_of_its_decisions(classes):
    y = np.minimum(Y, classes - 1)
    model = LinearSVC().fit(X[:30], y[:30])
    Z = model.decision_function(X[N:])
    P = np.column_stack([expit(-Z), expit(Z)]) if classes == 2 else softmax(Z, axis=1)
    assert_allclose(score(PredictionEntropy(), model), np.sum(P * np.log(P), axis=1).mean())


def test_answers_that_are_no_probabilities_are_refused():
    votes = VotingClassifier([("a", LogisticRegression())]).fit(X[:30], Y[:30])
    with pytest.raises(ValueError, match="VotingClassifier has neither predict_proba nor"):
        score(BatchNuclearNorm(), votes)
    pairs = SVC(decision_function_shape="ovo").fit(X, np.arange(120) % 4)
    with pytest.raises(ValueError, match=r"4 classes answers with an array of shape \(60, 6\)"):
        score(SoftNeighborhoodDensity(), pairs)
    assert np.isfinite(score(ClassAMI(), votes))
    several = DummyClassifier().fit(X[:30], np.column_stack([Y[:30], Y[:30]]))
    with pytest.raises(ValueError, match="classifiers of one output, but DummyClassifier has 2"):
        score(PredictionEntropy(), several)


@pytest.mark.parametrize("name", sorted(set(OWN) - set(OF_ERRORS)))
def test_one_predicted_class_gives_a_warning_and_a_number(name):
    constant = DummyClassifier(strategy="constant", constant=[1.0]).fit(X[:30], Y[:30])
    with pytest.warns(TransferWarning, match=f"of the class 1.0: the score of {name} is that of a"):
        found = score(SCORERS[name], constant)
    expected = {"PredictionEntropy": 0, "SoftNeighborhoodDensity": np.log(59), "ClassAMI": 0}
    expected |= {"MixedSampleValidation": 0.5, "BatchNuclearNorm": 1 / np.sqrt(3)}
    # A third of the source rows are right, with confidence 1 in both domains.
    expected |= {"AverageThresholdedConfidence": 1, "DifferenceOfConfidences": 1 / 3}
    assert_allclose(found, expected[name], atol=1e-12)


@pytest.mark.filterwarnings("ignore:All 60 target rows are predicted")
@pytest.mark.parametrize("name", SCORERS)
def test_classes_may_be_objects(name):
    names = np.array(["a", "b", "c"], dtype=object)[Y.astype(int)]
    names[IS_TARGET] = None
    constant = DummyClassifier(strategy="most_frequent")
    for model in (LogisticRegression(), constant):
        model.fit(X[:30], names[:30])
        plain = clone(model).fit(X[:30], Y[:30])
        if name != "ReverseValidation" or model is constant:
            assert score(SCORERS[name], model, names) == score(SCORERS[name], plain)


@pytest.mark.parametrize("name", OWN)
def test_one_class_alone_has_a_score(name):
    alone = DummyClassifier().fit(X[:30], np.ones(30))
    assert np.isfinite(score(SCORERS[name], alone, np.where(IS_TARGET, np.nan, 1.0)))


def test_regressors_are_scored_by_squared_errors_or_not_at_all():
    y = np.where(IS_TARGET, np.nan, X[:, 0] + 0.1 * X[:, 1] ** 2)
    model = Ridge().fit(X[:30], y[:30])
    weights = (
        ULSIFWeighter(random_state=0).fit(X[HELD_OUT], sample_domain=DOMAIN[HELD_OUT]).weights_[:30]
    )
    errors = (model.predict(X[30:60]) - y[30:60]) ** 2
    found = score(ImportanceWeightedValidation(ULSIFWeighter(random_state=0)), model, y)
    assert_allclose(found, -np.mean(weights * errors))
    assert score(DeepEmbeddedValidation(), model, y) < 0
    for name in sorted(set(OWN) - set(OF_ERRORS)):
        with pytest.raises(ValueError, match=f"{name} scores classifiers, but Ridge is none"):
            score(SCORERS[name], model, y)
    with pytest.raises(ValueError, match=r"loss='log': expected 'squared', or None, for Ridge"):
        score(ImportanceWeightedValidation(loss="log"), model, y)
    with pytest.raises(ValueError, match=r"loss='squared': expected 'zero_one' or 'log', or None"):
        score(DeepEmbeddedValidation(loss="squared"), fitted(coral()))


def test_rows_and_classes_are_not_lost_without_a_word():
    y = HIDDEN.copy()
    y[30:34] = np.nan
    there = fitted(coral())
    with pytest.warns(TransferWarning, match="4 of 30 source rows have no label, so that Differ"):
        found = score(DifferenceOfConfidences(), there, y)
    assert found == score(DifferenceOfConfidences(), there, rows=np.r_[34:120])
    two = fitted(LogisticRegressionOfSource(), rows=np.flatnonzero(Y[:30] < 2))
    sentence = r"10 of 30 held-out source rows are of classes that .* has not seen, \[2\]: their"
    with pytest.warns(TransferWarning, match=sentence):
        found = score(ImportanceWeightedValidation(loss="log"), two)
    assert found < -5


def test_faults_say_what_to_change():
    there, target = fitted(coral()), np.flatnonzero(IS_TARGET)
    for name, scorer in OWN.items():
        with pytest.raises(ValueError, match=f"{name} reads the domain of each row, but"):
            scorer(there, X, Y)
    with pytest.raises(ValueError, match="these 60 rows have none: pass some"):
        score(DifferenceOfConfidences(), there, rows=target)
    with pytest.raises(ValueError, match="proxy_a_distance needs rows of two domains"):
        score(DomainClassifierError(), there, rows=target)
    assert score(PredictionEntropy(), there) == score(PredictionEntropy(), there, rows=target)
    with pytest.raises(ValueError, match="needs three target rows, but there are 2"):
        score(SoftNeighborhoodDensity(), there, rows=target[:2])
    with pytest.raises(ValueError, match="each of the 3 classes, and needs as many target rows"):
        score(ClassAMI(), there, rows=target[:2])
    with pytest.raises(ValueError, match="weights each labelled source row by a weighter of the"):
        score(DeepEmbeddedValidation(), there, rows=np.r_[30, 60:120])
    with pytest.raises(ValueError, match="The 'share' parameter of MixedSampleValidation must be"):
        score(MixedSampleValidation(0.5), there)
    with pytest.raises(ValueError, match="The 'weighter' parameter of DeepEmbeddedValidation"):
        score(DeepEmbeddedValidation(KMMWeighter()), there)


def test_texts_are_not_mixed_and_have_no_features():
    texts = np.array(["a b", "b c", "c a"] * 20, dtype=object)
    model = DummyClassifier(strategy="uniform", random_state=0).fit(texts, Y[:60])
    domain = np.repeat(["lab", "target"], 30)
    with pytest.raises(ValueError, match="mixes rows of X, and cannot mix these"):
        MixedSampleValidation()(model, texts, None, sample_domain=domain)
    with pytest.raises(ValueError, match="ClassAMI computes with the features that the last step"):
        ClassAMI()(model, texts, None, sample_domain=domain)


def test_they_are_shown_with_their_parameters():
    assert repr(DeepEmbeddedValidation()) == "DeepEmbeddedValidation()"
    shown = repr(ImportanceWeightedValidation(KMMWeighter(), loss="log"))
    assert shown == "ImportanceWeightedValidation(weighter=KMMWeighter(), loss='log')"
    assert repr(PredictionEntropy()) == "PredictionEntropy()"
    assert repr(ReverseValidation("accuracy")) == "ReverseValidation(scoring='accuracy')"
