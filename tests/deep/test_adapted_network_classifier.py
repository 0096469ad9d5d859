"""AdaptedNetworkClassifier: what each adaptation learns, and what it does not read."""

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

pytest.importorskip("torch", reason="AdaptedNetworkClassifier trains with torch")

import torch

from sktransfer.deep import (
    ADDA,
    CDAN,
    DANN,
    MCC,
    MDD,
    AdaptedNetworkClassifier,
    DomainConfusion,
    FineTuneClassifier,
)
from sktransfer.deep._adaptations.names import ADAPTATIONS as BY_NAME
from sktransfer.deep._engines.onnx_engine import OnnxEngine
from sktransfer.deep._training.domain_score import DomainScore
from sktransfer.deep._training.loop import Training
from sktransfer.deep._training.penalty import Discrepancy
from sktransfer.exceptions import TransferWarning
from sktransfer.model_selection import TargetFold

# Few rows and epochs: classes may vanish, and training may not help.
pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

DIGITS, LABELS = load_digits(return_X_y=True)
N_SOURCE, N_TARGET = 40, 24
X = np.concatenate([DIGITS[:N_SOURCE], 16.0 - DIGITS[N_SOURCE : N_SOURCE + N_TARGET]])
Y = LABELS[: len(X)] % 3
DOMAIN = np.repeat(["printed", "target"], [N_SOURCE, N_TARGET])
IS_TARGET = DOMAIN == "target"
OPTIONS = {"freeze_depth": 3, "max_epochs": 3, "random_state": 0}
DISTANCES = ["coral", "dan", "jan", "mcc"]
ADAPTATIONS = [*DISTANCES, "dann", "cdan", "adda", "confusion", "mdd"]


def make(adaptation="coral", **parameters):
    return AdaptedNetworkClassifier(**OPTIONS | {"adaptation": adaptation} | parameters)


def outcome(classifier):
    """All that a fit leaves, as bytes."""
    arrays = [a for weights in classifier.stage_weights_.values() for a in weights.values()]
    head = classifier.head_
    arrays += [head.mean, head.scale, head.coef, head.intercept]
    return [array.tobytes() for array in arrays], repr(classifier.history_)


def test_without_adaptation_it_is_fine_tuning_on_the_labelled_source_rows():
    y = Y.astype(float)
    y[:5] = np.nan
    control = make(None).fit(X, y, sample_domain=DOMAIN)
    plain = FineTuneClassifier(**OPTIONS, validation_fraction=0).fit(X[5:N_SOURCE], Y[5:N_SOURCE])
    assert outcome(control) == outcome(plain)
    np.testing.assert_array_equal(control.predict_proba(X), plain.predict_proba(X))


@pytest.mark.parametrize("sample_domain", [None, np.repeat("target", len(X))])
def test_without_a_source_it_is_fine_tuning_on_the_labelled_rows(sample_domain):
    y = Y.astype(float)
    y[50:] = np.nan
    alone = make("dan").fit(X, y, sample_domain=sample_domain)
    plain = FineTuneClassifier(**OPTIONS, validation_fraction=0).fit(X[:50], Y[:50])
    assert outcome(alone) == outcome(plain)
    assert alone.source_domains_ == ()


@pytest.mark.parametrize("adaptation", [*ADAPTATIONS, CDAN(entropy=True)], ids=str)
def test_labels_of_target_rows_change_no_bit(adaptation):
    garbled, hidden = np.where(IS_TARGET, 7, Y), np.where(IS_TARGET, np.nan, Y)
    first, *others = (
        make(adaptation).fit(X, y, sample_domain=DOMAIN) for y in (Y, garbled, hidden)
    )
    assert [outcome(other) for other in others] == [outcome(first)] * 2
    np.testing.assert_array_equal(others[0].classes_, [0, 1, 2])
    assert outcome(first) != outcome(make(adaptation, strength=0.0).fit(X, Y, sample_domain=DOMAIN))


def test_supervised_learns_from_labelled_target_rows():
    y = Y.astype(float)
    y[-20:] = np.nan
    supervised = make("dan", supervised=True).fit(X, y, sample_domain=DOMAIN)
    without = make("dan").fit(X, y, sample_domain=DOMAIN)
    assert outcome(supervised) != outcome(without)
    control = make(None, supervised=True).fit(X, y, sample_domain=DOMAIN)
    plain = FineTuneClassifier(**OPTIONS, validation_fraction=0).fit(X[:-20], Y[:-20])
    assert outcome(control) == outcome(plain)


def test_labelled_target_rows_are_target_rows_of_the_penalty(monkeypatch):
    seen, of_tensors = [], Discrepancy.of_tensors

    def watched(self, source, target, progress):
        seen.append((source, target))
        return of_tensors(self, source, target, progress)

    monkeypatch.setattr(Discrepancy, "of_tensors", watched)
    rng = np.random.default_rng(0)
    rows, y = rng.normal(size=(90, 2)), rng.integers(2, size=90).astype(float)
    rows[:, 0] = np.arange(90) >= 60  # target rows
    y[75:] = np.nan
    options = {"max_epochs": 2, "batch_size": 16, "random_state": 0}
    model = AdaptedNetworkClassifier("mlp", adaptation="dan", supervised=True, **options)
    model.fit(rows, y, sample_domain=np.where(rows[:, 0] == 1, "target", "before"))
    assert len(seen) == 2 * 5  # 75 labelled rows
    assert sum(len(source.inputs) for source, _ in seen) == 2 * 60
    for source, target in seen:
        assert len(source.inputs) == len(target.inputs)
        assert (source.inputs[:, 0] < 0).all()
        assert (source.y >= 0).all()
        assert (target.inputs[:, 0] > 0).all()
    found = torch.cat([target.y for _, target in seen])
    assert set(found.tolist()) == {-1, 0, 1}


def test_soft_labels_need_supervised():
    fits = [
        make(DomainConfusion(soft_labels=share), supervised=supervised, ramp=None)
        for supervised in (False, True)
        for share in (0.0, 10.0)
    ]
    without, other, *with_labels = (outcome(m.fit(X, Y, sample_domain=DOMAIN)) for m in fits)
    assert without == other
    assert with_labels[0] != with_labels[1]


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
def test_a_name_is_its_description_and_a_second_fit_starts_again(adaptation):
    rows, options = X[:, 20:40], {"backbone": "mlp", "max_epochs": 2, "freeze_depth": 0}
    model = make(adaptation, **options).fit(rows, Y, sample_domain=DOMAIN)
    first = outcome(model)
    assert outcome(model.fit(rows, Y, sample_domain=DOMAIN)) == first
    described = clone(make(BY_NAME[adaptation](), **options))
    assert described.get_params()["adaptation"] == BY_NAME[adaptation]()
    assert outcome(described.fit(rows, Y, sample_domain=DOMAIN)) == first


def test_a_search_takes_names_and_descriptions():
    grid = {"adaptation": [None, "mcc", MCC(temperature=1.0), DANN(hidden_layer_sizes=())]}
    model = make(backbone="mlp", freeze_depth=0, max_epochs=1)
    search = GridSearchCV(model, grid, cv=TargetFold(2))
    search.fit(X, Y, groups=DOMAIN, sample_domain=DOMAIN)
    assert search.best_params_["adaptation"] in grid["adaptation"]
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()


@pytest.mark.parametrize(
    ("kind", "fields", "sentence"),
    [
        (MCC, {"temperature": 0}, "MCC cannot be used: temperature=0 must be a number above 0"),
        (MDD, {"margin": "4"}, "margin='4' must be a number above 0, or None"),
        (ADDA, {"pretraining": 1.0}, "pretraining=1.0 must be a number from 0 to 1, less than 1"),
        (CDAN, {"entropy": 1, "max_products": 0}, "entropy=1 must be .*; max_products=0 must be"),
        (DANN, {"hidden_layer_sizes": 100}, r"hidden_layer_sizes=100 must be a tuple of whole"),
        (DomainConfusion, {"confusion": -1}, "confusion=-1 must be a number of 0 or more"),
    ],
)
def test_fields_that_cannot_be_used_are_refused(kind, fields, sentence):
    with pytest.raises(ValueError, match=sentence):
        kind(**fields)


@pytest.mark.parametrize("adaptation", ["mmd", 1, DANN, ["dann"]])
def test_an_adaptation_that_is_none_is_refused(adaptation):
    with pytest.raises(ValueError, match=r"'adaptation' parameter of .* must be one of \['coral'"):
        make(adaptation).fit(X, Y, sample_domain=DOMAIN)


def test_the_second_encoder_leaves_the_head_as_the_pretraining_made_it():
    # An epoch of pretraining each, and one or three epochs after it.
    two = make("adda", max_epochs=2).fit(X, Y, sample_domain=DOMAIN)
    four = make(ADDA(pretraining=0.25), max_epochs=4).fit(X, Y, sample_domain=DOMAIN)
    for name in ("coef", "intercept", "mean", "scale"):
        np.testing.assert_array_equal(getattr(two.head_, name), getattr(four.head_, name))
    assert outcome(two)[0] != outcome(four)[0]
    tuned = np.array(two.history_["phase"]) == "fine-tune"
    loss = np.array(two.history_["adaptation_loss"])[tuned]
    np.testing.assert_array_equal(np.isnan(loss), [True, False])


def test_several_sources_count_as_one():
    domain = DOMAIN.astype(object)
    domain[:10] = "photographed"
    several = make("jan").fit(X, Y, sample_domain=domain)
    assert several.source_domains_ == ("photographed", "printed")
    assert outcome(several) == outcome(make("jan").fit(X, Y, sample_domain=DOMAIN))


@pytest.mark.parametrize("adaptation", DISTANCES)
def test_each_adaptation_lowers_its_own_loss(adaptation):
    options = {"max_epochs": 6, "ramp": None, "backbone_learning_rate": 1e-3}
    strengths = {"coral": 100.0}
    history = {}
    for strength in (0.0, strengths.get(adaptation, 3.0)):
        model = make(adaptation, strength=strength, **options).fit(X, Y, sample_domain=DOMAIN)
        history[strength] = model.history_
    without, adapted = (h["adaptation_loss"][-1] for h in history.values())
    assert adapted < 0.7 * without
    tuned = np.array(model.history_["phase"]) == "fine-tune"
    for name in ("adaptation_loss", "domain_score"):
        assert np.isnan(np.array(model.history_[name])[~tuned]).all()
        assert np.isfinite(np.array(model.history_[name])[tuned]).all()


def test_the_domain_score_falls_if_the_domains_become_alike():
    options = {"max_epochs": 6, "ramp": None, "backbone_learning_rate": 1e-3}
    scores = []
    for strength in (0.0, 10.0):
        model = make("dan", strength=strength, **options).fit(X, Y, sample_domain=DOMAIN)
        scores.append(model.history_["domain_score"][-1])
    assert scores[1] < scores[0] - 0.1


def test_the_domain_score_by_hand():
    score = DomainScore()
    first, second = torch.tensor([[0.0], [2.0]]), torch.tensor([[4.0], [6.0]])
    score.see(first, second)
    assert np.isnan(score.end_epoch())
    score.see(torch.tensor([[0.0], [4.0]]), second)  # means 1 and 5: one row is nearer to the other
    assert score.end_epoch() == (1 / 2 + 1) / 2


def test_the_domain_score_counts_rows_nearer_to_the_mean_of_their_own_domain():
    generator, score = torch.Generator().manual_seed(0), DomainScore()
    before, *now = (torch.randn(2, n, 3, generator=generator) + 5 for n in (4, 9, 6))
    score.see(*before)
    score.see(now[0][0], now[1][1])
    means = before.mean(dim=1)
    nearest = [torch.cdist(part, means).argmin(dim=1) for part in (now[0][0], now[1][1])]
    expected = ((nearest[0] == 0).double().mean() + (nearest[1] == 1).double().mean()) / 2
    assert 0 < expected < 1
    assert score.end_epoch() == pytest.approx(float(expected), abs=1e-12)


def test_the_ramp_rises_from_nothing():
    # With the strength at 0 in the one step that there is, nothing is adapted.
    options = {"max_epochs": 1, "batch_size": 64, "warmup_epochs": 0}
    risen = make("dan", **options).fit(X, Y, sample_domain=DOMAIN)
    none = make("dan", strength=0.0, **options).fit(X, Y, sample_domain=DOMAIN)
    at_once = make("dan", ramp=None, **options).fit(X, Y, sample_domain=DOMAIN)
    assert outcome(risen) == outcome(none)
    assert outcome(at_once) != outcome(none)


def test_a_class_that_vanishes_gives_a_warning():
    y = np.where(IS_TARGET, 0, np.arange(len(X)) % 2)
    one_class = np.where(IS_TARGET[:, None], X[y == 0][:1], X)  # each target row is the same
    sentence = r"None of the 24 target rows .* classes \[\d\], as 50% of the labelled rows"
    with pytest.warns(TransferWarning, match=sentence):
        make("mcc").fit(one_class, y, sample_domain=DOMAIN)


@pytest.mark.filterwarnings("error::sktransfer.exceptions.TransferWarning")
def test_a_class_that_is_rare_in_the_source_may_be_missing():
    y = np.zeros(len(X), dtype=int)
    y[:2] = 1
    make("coral").fit(X, y, sample_domain=DOMAIN)


def test_rows_that_do_not_suffice_are_refused():
    y = Y.astype(float)
    with pytest.raises(ValueError, match=r"at least 2 target rows, but .* have 1"):
        make().fit(X[:41], y[:41], sample_domain=DOMAIN[:41])
    y[1:N_SOURCE] = np.nan
    with pytest.raises(ValueError, match=r"at least 2 labelled source rows, but .* have 1"):
        make().fit(X, y, sample_domain=DOMAIN)
    y[0] = np.nan
    with pytest.raises(ValueError, match=r"at least 1 labelled source rows, but .* have 0"):
        make(None).fit(X, y, sample_domain=DOMAIN)


def test_no_stage_to_adapt_is_refused():
    sentence = "adaptation='coral' has no stage to train with freeze_depth='all'"
    with pytest.raises(ValueError, match=sentence):
        make(freeze_depth="all").fit(X, Y, sample_domain=DOMAIN)
    with pytest.raises(ValueError, match="max_epochs=0"):
        make(max_epochs=0).fit(X, Y, sample_domain=DOMAIN)
    make(None, freeze_depth="all").fit(X, Y, sample_domain=DOMAIN)


@pytest.mark.parametrize("adaptation", ADAPTATIONS)
def test_an_interrupted_adaptation_ends_with_the_same_weights(adaptation, tmp_path, monkeypatch):
    whole = make(adaptation).fit(X, Y, sample_domain=DOMAIN)
    run_epoch = Training.run_epoch

    def dying(training):
        if training.n_done == 2:
            raise KeyboardInterrupt
        return run_epoch(training)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "run_epoch", dying)
        with pytest.raises(KeyboardInterrupt):
            make(adaptation, checkpoint=tmp_path).fit(X, Y, sample_domain=DOMAIN)
    for _ in range(2):  # the second call gives the finished training back
        again = make(adaptation, checkpoint=tmp_path).fit(X, Y, sample_domain=DOMAIN)
        assert outcome(again) == outcome(whole)
    with pytest.raises(ValueError, match="strength"):
        make(adaptation, checkpoint=tmp_path, strength=2.0).fit(X, Y, sample_domain=DOMAIN)


def test_saved_and_exported_it_answers_the_same(tmp_path):
    pytest.importorskip("safetensors", reason="files are written with safetensors")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = make(MDD(margin=2.0)).fit(X, Y, sample_domain=DOMAIN)
    model.save(tmp_path / "model.safetensors")
    loaded = AdaptedNetworkClassifier.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), model.predict_proba(X))
    assert (loaded.adaptation, loaded.source_domains_) == (MDD(margin=2.0), ("printed",))
    assert repr(loaded.history_) == repr(model.history_)
    model.to_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    probabilities = session.run(None, {"X": X.astype(np.float32)})[1]
    np.testing.assert_allclose(probabilities, model.predict_proba(X), atol=1e-5)


def test_a_search_over_adaptations_runs_the_frozen_stages_once(monkeypatch, tmp_path):
    counts, run = [], OnnxEngine.run

    def counted(self, batch):
        counts[-1] += len(batch)
        return run(self, batch)

    monkeypatch.setattr(OnnxEngine, "run", counted)
    for adaptations in (["coral"], ["coral", "dann", None]):
        counts.append(0)
        model = make(value_range=(0, 16), cache=tmp_path / str(len(adaptations)), max_epochs=1)
        search = GridSearchCV(model, {"adaptation": adaptations}, cv=TargetFold(2), refit=False)
        search.fit(X, Y, groups=DOMAIN, sample_domain=DOMAIN)
        assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert 0 < counts[1] <= counts[0]  # the first run in a process checks the network, too
