"""A penalty on rows with and without a label: Deep CORAL in ten lines, and a small adversary."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

pytest.importorskip("torch", reason="the second phase trains with torch")

import torch

from sktransfer._labels import is_labelled
from sktransfer.base import read_sample_domain
from sktransfer.deep import FineTuneClassifier
from sktransfer.deep._training.order import RandomOrder
from sktransfer.deep._training.penalty import Penalty

# Networks with random weights and few epochs seldom improve on the head alone.
pytestmark = pytest.mark.filterwarnings("ignore:Training the stages")

DIGITS, LABELS = load_digits(return_X_y=True)
SOURCE, TARGET = slice(0, 40), slice(40, 56)
X = np.concatenate([DIGITS[SOURCE], 16.0 - DIGITS[TARGET]])
Y = (LABELS[:56] % 3).astype(object)
Y[40:] = None
DOMAIN = ["printed"] * 40 + ["target"] * 16
OPTIONS = {"freeze_depth": 3, "max_epochs": 3, "n_iter_no_change": 9, "random_state": 0}


class Coral(Penalty):
    """Distance of the covariances of the features (Sun, Saenko: Deep CORAL, 2016)."""

    def __init__(self, strength):
        super().__init__()
        self.strength = strength

    def of_tensors(self, labelled, unlabelled, progress):
        gap = torch.cov(labelled.features.T) - torch.cov(unlabelled.features.T)
        return self.strength * (gap**2).sum() / (4 * len(gap) ** 2)


class Adversary(Penalty):
    """Tell the domains apart by parameters of its own, with a buffer and with dropout."""

    def __init__(self, n_features, generator):
        super().__init__()
        self.weights = torch.nn.Parameter(torch.randn(n_features, generator=generator) / n_features)
        self.register_buffer("n_steps", torch.zeros(()))
        self.progress = []

    def of_tensors(self, labelled, unlabelled, progress):
        self.n_steps += 1
        self.progress.append(progress)
        features = torch.cat([labelled.features, unlabelled.features])
        logits = torch.nn.functional.dropout(features) @ self.weights
        domain = torch.arange(2).repeat_interleave(len(labelled.features)).float()
        return torch.nn.functional.binary_cross_entropy_with_logits(logits, domain)


class Adapted(FineTuneClassifier):
    """Train on labelled source rows; target rows count in the penalty alone."""

    penalty = staticmethod(lambda network, seed: Coral(1.0))

    def fit(self, X, y, *, sample_domain=None, sample_weight=None):
        return self._fit_network(X, y, sample_domain=sample_domain, sample_weight=sample_weight)

    def _choose_rows(self, X, y, sample_domain):
        is_target = read_sample_domain(sample_domain, len(X)).is_target
        return None if is_target.all() else (is_labelled(y) & ~is_target, is_target)

    def _make_penalty(self, network, seed):
        self.penalty_ = self.penalty(network, seed)
        return self.penalty_


def adapted(make_penalty, **options):
    model = Adapted(**(OPTIONS | options))
    model.penalty = make_penalty
    return model


def coral(strength):
    return lambda network, seed: Coral(strength)


def adversary(network, seed):
    return Adversary(network.coef.shape[1], torch.Generator().manual_seed(seed))


def outcome(model):
    """All that a fit leaves, as bytes."""
    arrays = [a for arrays in model.stage_weights_.values() for a in arrays.values()]
    arrays += [model.head_.coef, model.head_.intercept, model.head_.mean, model.head_.scale]
    return [np.asarray(array).tobytes() for array in arrays]


def gap(model):
    """The squared distance of the covariances of both domains' features, as the head sees them."""
    from sktransfer import PretrainedFeatureExtractor
    from sktransfer.deep._engines.torch_engine import built_stages

    before = PretrainedFeatureExtractor(stage=3, pooling=None, cache=None).fit_transform(X)
    stages = built_stages(model.backbone_, model.stage_weights_, 3, torch.device("cpu"))
    maps = torch.as_tensor(before).reshape(-1, *model.backbone_.shapes[2])
    with torch.no_grad():
        for stage in stages:
            maps = stage(maps)
    features = (maps.mean(dim=(2, 3)).numpy() - model.head_.mean) / model.head_.scale
    return np.sum((np.cov(features[:40].T) - np.cov(features[40:].T)) ** 2)


@pytest.mark.parametrize("freeze_depth", [3, "all"])
@pytest.mark.parametrize("weighted", [False, True])
def test_a_penalty_of_zero_is_fine_tuning_on_the_source_rows(freeze_depth, weighted):
    weight = np.random.default_rng(0).uniform(0, 2, 56).round() if weighted else None
    plain = FineTuneClassifier(**(OPTIONS | {"freeze_depth": freeze_depth}))
    plain.fit(X[:40], LABELS[:40] % 3, sample_weight=None if weight is None else weight[:40])
    model = adapted(coral(0.0), freeze_depth=freeze_depth)
    model.fit(X, Y, sample_domain=DOMAIN, sample_weight=weight)
    # Both halves pass through the network in one batch, which may round in another way.
    np.testing.assert_allclose(model.predict_proba(X), plain.predict_proba(X), atol=1e-4)
    for name in plain.history_.keys() - {"phase"}:
        np.testing.assert_allclose(model.history_[name], plain.history_[name], atol=1e-4)


def test_without_domains_it_is_the_plain_method():
    plain, model = FineTuneClassifier(**OPTIONS), adapted(coral(1.0))
    y = LABELS[:40] % 3
    assert outcome(model.fit(X[:40], y)) == outcome(plain.fit(X[:40], y))
    assert "adaptation_loss" not in model.history_


def test_coral_brings_the_covariances_together():
    options = {"validation_fraction": 0, "max_epochs": 5, "backbone_learning_rate": 1e-3}
    without, with_it = (
        adapted(coral(s), **options).fit(X, Y, sample_domain=DOMAIN) for s in (0.0, 10.0)
    )
    assert gap(with_it) < 0.5 * gap(without)
    tuned = [v for v in with_it.history_["adaptation_loss"] if not np.isnan(v)]
    assert len(tuned) == 5
    assert tuned[-1] < tuned[0]
    assert np.isnan(with_it.history_["adaptation_loss"][:-5]).all()  # the head has no penalty


def test_labels_of_target_rows_are_not_read():
    garbled = Y.copy()
    garbled[40:] = np.random.default_rng(0).integers(9, size=16)
    first, second = (adapted(coral(1.0)).fit(X, y, sample_domain=DOMAIN) for y in (Y, garbled))
    assert outcome(first) == outcome(second)
    assert list(second.classes_) == [0, 1, 2]


def test_a_penalty_learns_and_hears_of_the_progress():
    model = adapted(adversary, validation_fraction=0).fit(X, Y, sample_domain=DOMAIN)
    penalty, n_steps = model.penalty_, 3 * 2  # 40 rows in batches of 32
    assert penalty.n_steps == n_steps
    assert penalty.progress == [step / n_steps for step in range(n_steps)]
    start = adversary(type("Network", (), {"coef": model.head_.coef}), OPTIONS["random_state"])
    assert not torch.equal(penalty.weights, start.weights)


@pytest.mark.parametrize("make_penalty", [coral(1.0), adversary], ids=["coral", "adversary"])
def test_an_interrupted_adaptation_ends_with_the_same_weights(make_penalty, tmp_path, monkeypatch):
    from sktransfer.deep._training.loop import Training

    whole = adapted(make_penalty).fit(X, Y, sample_domain=DOMAIN)
    run_epoch = Training.run_epoch

    def dying(training):
        if training.n_done == 2:
            raise KeyboardInterrupt
        return run_epoch(training)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "run_epoch", dying)
        with pytest.raises(KeyboardInterrupt):
            adapted(make_penalty, checkpoint=tmp_path).fit(X, Y, sample_domain=DOMAIN)
    resumed = adapted(make_penalty, checkpoint=tmp_path).fit(X, Y, sample_domain=DOMAIN)
    assert outcome(resumed) == outcome(whole)
    assert repr(resumed.history_) == repr(whole.history_)
    other = ["printed"] * 41 + ["target"] * 15
    y = np.where(np.arange(56) == 40, 0, Y)
    with pytest.raises(ValueError, match="sample_domain"):
        adapted(make_penalty, checkpoint=tmp_path).fit(X, y, sample_domain=other)


def test_every_row_is_drawn_once_before_any_comes_again():
    order = RandomOrder(10, seed=0)
    drawn = torch.cat([order.draw(n) for n in (4, 4, 4, 23, 5)]).tolist()
    passes = [drawn[first : first + 10] for first in range(0, 40, 10)]
    assert [sorted(numbers) for numbers in passes] == [list(range(10))] * 4
    assert len({tuple(numbers) for numbers in passes}) == 4
