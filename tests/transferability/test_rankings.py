"""Rankings of features and of sources: weights, limits, invariances, sentences, messages."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler

from sktransfer import (
    PretrainedFeatureExtractor,
    pack_domains,
    rank_backbones,
    rank_sources,
    ridge_probe,
)
from sktransfer.transferability import leep_score, nce_score
from tests.shelf import whole

RNG = np.random.default_rng(0)
Y = np.arange(48) % 3
CLASSES = np.array(["ant", "bee", "cat"])[Y]
NOISE = RNG.normal(size=(48, 6))
GOOD = RNG.normal(size=(48, 6)) + 2 * np.eye(3)[Y] @ RNG.normal(size=(3, 6))
FAST = {"n_permutations": 19, "random_state": 0, "n_repeats": 1}


def figures_of(ranking):
    """Return all figures but the seconds, by name."""
    names = "skill", "p_value", "score", "loss", "difference", "weight"
    return {each.name: tuple(getattr(each, name) for name in names) for each in ranking.candidates}


def test_good_features_get_the_weight_and_a_small_p_value():
    ranking = rank_backbones({"noise": NOISE, "good": GOOD}, None, CLASSES, **FAST)
    good, noise = ranking.candidates
    assert ranking.best == good.name == "good"
    assert ranking.preferred == "noise"
    assert good.weight > 0.9
    assert_allclose(sum(ranking.weights.values()), 1)
    assert good.p_value == 1 / 20
    assert noise.p_value > 0.05
    assert noise.difference is None
    assert good.skill == ridge_probe(GOOD, CLASSES).skill
    assert_allclose(good.difference.value, good.score - noise.score)
    assert ranking.sentence.startswith("Use good (")
    assert ranking.sentence.endswith("from 48 rows: shown.")


def test_weights_are_exponential_in_the_log_loss_of_the_rows():
    ranking = rank_backbones({"noise": NOISE, "good": GOOD}, None, Y, eta=0.01, prior=0.3, **FAST)
    good, noise = (next(c for c in ranking.candidates if c.name == n) for n in ("good", "noise"))
    odds = 0.7 / 0.3 * np.exp(0.01 * 48 * (noise.loss - good.loss))
    assert_allclose(good.weight / noise.weight, odds)


@pytest.mark.parametrize(("options", "weight"), [({"eta": 0}, 0.5), ({"prior": 1}, 1)])
def test_the_prior_is_that_of_the_preferred_candidate(options, weight):
    features = {"a": GOOD, "b": NOISE, "c": GOOD[:, :2]}
    ranking = rank_backbones(features, None, Y, preferred="b", **options, **FAST)
    assert_allclose(ranking.weights["b"], weight)
    assert_allclose(sum(ranking.weights.values()), 1)


def test_one_candidate_gets_all_weight():
    ranking = rank_backbones({"good": GOOD}, None, Y, **FAST)
    assert ranking.weights == {"good": 1}
    assert ranking.sentence == "good is the only candidate."


def test_noise_is_not_better_than_chance_also_as_the_best_of_many():
    rng = np.random.default_rng(1)
    features = {f"noise {k}": rng.normal(size=(48, 4)) for k in range(20)}
    ranking = rank_backbones(features, None, Y, n_probed=3, **FAST | {"n_permutations": 99})
    assert ranking.sentence.startswith("No candidate is better than chance (p = 0.")
    assert sum(each.score is not None for each in ranking.candidates) <= 4
    assert sum(each.weight > 0 for each in ranking.candidates) <= 4


def test_rows_without_a_label_have_no_influence():
    y = CLASSES.astype(object)
    y[40:] = None
    garbled = GOOD.copy()
    garbled[40:] = 1e3
    found = rank_backbones({"a": garbled, "b": NOISE}, None, y, **FAST)
    alone = rank_backbones({"a": GOOD[:40], "b": NOISE[:40]}, None, CLASSES[:40], **FAST)
    assert figures_of(found) == figures_of(alone)


def test_the_order_of_the_candidates_does_not_matter():
    one = rank_backbones({"a": GOOD, "b": NOISE}, None, Y, preferred="a", **FAST)
    other = rank_backbones({"b": NOISE, "a": GOOD}, None, Y, preferred="a", **FAST)
    assert figures_of(one) == figures_of(other)


def test_every_stage_of_a_network_is_a_candidate():
    X, y = load_digits(return_X_y=True)
    X, y = X[:40], y[:40]
    ranking = rank_backbones(["glyphs", ("scaled", StandardScaler())], X, y, **FAST)
    stages = [f"glyphs stage{k}" for k in (1, 2, 3, 4)]
    assert {each.name for each in ranking.candidates} == {*stages, "scaled"}
    assert ranking.preferred == "glyphs stage4"
    features = {
        name: PretrainedFeatureExtractor(stage=k).fit_transform(X)
        for k, name in enumerate(stages, 1)
    }
    arrays = features | {"scaled": X}
    assert_allclose(
        [each.weight for each in ranking.candidates],
        [
            each.weight
            for each in rank_backbones(
                arrays, None, y, preferred="glyphs stage4", **FAST
            ).candidates
        ],
        atol=1e-6,
    )
    one = rank_backbones(PretrainedFeatureExtractor(stage=2), X, y, **FAST)
    assert [each.name for each in one.candidates] == ["glyphs"]


def test_fitted_classifiers_of_other_tasks_are_ranked_by_their_outputs():
    near = LogisticRegression().fit(GOOD, Y // 2)  # knows one of the three classes
    far = LogisticRegression().fit(GOOD, NOISE[:, 0] > 0)
    ranking = rank_backbones({"far": far, "near": near}, GOOD, CLASSES, **FAST)
    assert ranking.best == "near"
    for each, model in ((c, {"far": far, "near": near}[c.name]) for c in ranking.candidates):
        outputs = model.predict_proba(GOOD)
        assert_allclose(each.leep, leep_score(outputs, CLASSES))
        assert_allclose(each.nce, nce_score(outputs.argmax(axis=1), CLASSES))
        assert each.skill == ridge_probe(outputs, CLASSES).skill
    assert "LEEP     NCE" in str(ranking)
    numbers = rank_backbones({"near": near}, GOOD, GOOD[:, 0], **FAST)
    assert numbers.candidates[0].leep is None


def test_one_row_a_class_keeps_the_prior():
    ranking = rank_backbones({"a": GOOD[:3], "b": NOISE[:3]}, None, CLASSES[:3], **FAST)
    assert ranking.weights == {"a": 0.5, "b": 0.5}
    assert ranking.sentence == (
        "With one labelled row a class no candidate can be scored, so a is kept unseen; label more "
        "rows."
    )
    assert all(each.p_value is None for each in ranking.candidates)


def test_numbers_are_ranked_too():
    y = GOOD[:, 0] + 0.1 * NOISE[:, 0]
    ranking = rank_backbones({"noise": NOISE[:, 1:], "good": GOOD}, None, y, **FAST)
    assert ranking.best == "good"
    assert ranking.score_name == "R2"
    assert ranking.candidates[0].score > 0.9
    assert "% of the rows (net) more nearly" in ranking.sentence


def test_the_text_and_the_frame_have_a_row_for_each_candidate():
    ranking = rank_backbones({"a": GOOD, "b": NOISE}, None, Y, n_probed=1, **FAST)
    lines = str(ranking).splitlines()
    assert lines[0].split()[:4] == ["candidate", "features", "skill", "p"]
    assert len(lines) == 4
    assert lines[-1] == ranking.sentence
    assert lines[2].split()[4:6] == ["-", "-"]
    frame = ranking.to_frame()
    assert list(frame.index) == ["a", "b"]
    assert np.isnan(frame.loc["b", "score"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"n_probed": 0}, "n_probed=0: expected an integer of 1 or more."),
        ({"cv": 1}, "cv=1: expected an integer of 2 or more."),
        ({"prior": 1.5}, "prior=1.5: expected a number from 0 to 1."),
        ({"eta": -1}, "eta=-1: expected a number of 0 or more."),
        ({"preferred": "c"}, "preferred='c' is no candidate; expected one of 'a', 'b'."),
        ({"level": 1}, "level=1: expected a number between 0 and 1, such as 0.9."),
    ],
)
def test_parameters_out_of_range_are_named(options, message):
    with pytest.raises(ValueError, match=whole(message)):
        rank_backbones({"a": GOOD, "b": NOISE}, None, Y, **options)


@pytest.mark.parametrize(
    ("backbones", "message"),
    [
        (
            [],
            "backbones=[]: expected a network, a list of networks or of (name, network) pairs, or "
            "a dict.",
        ),
        (
            {"a": GOOD[:5]},
            "The features 'a' have 5 rows and y has 48; pass a row of features for each label.",
        ),
        (
            "glyphs",
            "X=None, but the candidate 'glyphs' is no array of features; pass the rows that it "
            "reads.",
        ),
        (
            [("a", GOOD), ("a", NOISE)],
            "backbones has the name 'a' more than once; pass a dict with a name for each.",
        ),
        ([GOOD], "An array of features needs a name: pass a dict of name -> array."),
    ],
    ids=["none", "rows", "no X", "twice", "no name"],
)
def test_candidates_that_cannot_be_read_are_named(backbones, message):
    with pytest.raises(ValueError, match=whole(message)):
        rank_backbones(backbones, None, Y)


def make_domains(n_target=20):
    rng = np.random.default_rng(0)

    def measure(n_rows, sign):
        Z = rng.normal(size=(n_rows, 8))
        return Z, np.where(sign * Z[:, 0] > 0, "yes", "no")

    return pack_domains(
        {"same": measure(100, 1), "opposite": measure(100, -1)}, target=measure(n_target, 1)
    )


def test_a_source_that_agrees_helps_and_one_that_contradicts_hurts():
    X, y, sample_domain = make_domains()
    ranking = rank_sources(X, y, sample_domain=sample_domain, **_of_sources())
    assert ranking.best == "same"
    by_name = {each.name: each for each in ranking.candidates}
    assert set(by_name) == {"same", "opposite", "no source", "all sources"}
    assert by_name["opposite"].difference.value < 0 < by_name["same"].difference.value
    assert_allclose(sum(ranking.weights.values()), 1)
    assert ranking.sentence.startswith("Use same (")
    assert str(ranking).splitlines()[0].split()[:3] == ["candidate", "accuracy", "log-loss"]


def _of_sources():
    return {name: value for name, value in FAST.items() if name != "n_permutations"}


def test_no_source_has_the_scores_of_a_ranking_of_the_target_rows():
    X, y, sample_domain = make_domains()
    target = np.asarray(sample_domain) == "target"
    model = LogisticRegression(C=0.3)
    options = {"estimator": model, "eta": 0.5, **_of_sources()}
    sources = rank_sources(X, y, sample_domain=sample_domain, **options)
    alone = rank_backbones({"rows": X[target]}, None, y[target], n_permutations=0, **options)
    (none,) = (each for each in sources.candidates if each.name == "no source")
    assert (none.score, none.loss) == (alone.candidates[0].score, alone.candidates[0].loss)


class EqualShares(LogisticRegression):
    """Checks that the 100 source rows, which come first, weigh as much as the target rows."""

    def fit(self, X, y, sample_weight=None):
        if sample_weight is not None:
            n_source = 200 if len(X) > 200 else 100
            weights = sample_weight[:n_source].sum(), sample_weight[n_source:].sum()
            assert_allclose(*weights)
        return super().fit(X, y, sample_weight)


def test_a_source_and_the_target_rows_have_half_of_the_weight_each():
    X, y, sample_domain = make_domains()
    found, expected = (
        rank_sources(X, y, sample_domain=sample_domain, estimator=model(), **_of_sources())
        for model in (EqualShares, LogisticRegression)
    )
    assert figures_of(found) == figures_of(expected)


def test_sources_without_labels_are_no_sources():
    X, y, sample_domain = make_domains()
    y = np.where(np.asarray(sample_domain) == "target", y.astype(object), None)
    message = "sample_domain names no source with a labelled row; there is none to rank."
    with pytest.raises(ValueError, match=whole(message)):
        rank_sources(X, y, sample_domain=sample_domain)
