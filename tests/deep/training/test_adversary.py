"""Adversaries and second heads: who learns from which gradient, and what each one sees."""

import numpy as np
import pytest
from sklearn.datasets import make_classification

pytest.importorskip("torch", reason="an adversary learns with torch")

import torch

from sktransfer._kernels.adversarial import domain_confusion, inverted_loss, margin_disparity
from sktransfer.deep import ADDA, CDAN, DANN, MDD, AdaptedNetworkClassifier, DomainConfusion
from sktransfer.deep._adaptations.description import How
from sktransfer.deep._adaptations.names import ADAPTATIONS
from sktransfer.deep._training.head import Head
from sktransfer.deep._training.loop import Training
from sktransfer.deep._training.network import Network, Seen
from sktransfer.exceptions import TransferWarning

N_FEATURES = 3


def make_network(n_features=N_FEATURES, n_classes=2):
    """A network without stages: its features are its inputs."""
    coef = np.random.default_rng(5).normal(size=(n_classes, n_features))
    head = Head(np.zeros(n_features), np.ones(n_features), coef, np.zeros(n_classes))
    return Network([torch.nn.Identity()], head, torch.device("cpu"))


def make(adaptation, *, strength=1.0, ramp=None, classes=True, **sizes):
    return adaptation._make_penalty(make_network(**sizes), How(strength, ramp, 0, classes))


def make_batches(n_features=N_FEATURES, n_outputs=2, y=(0, 1, -1, 1, 0, -1, -1, 1)):
    generator = torch.Generator().manual_seed(1)

    def draw(n):
        return torch.randn(8, n, generator=generator).requires_grad_()

    def batch(y):
        features = draw(n_features)
        return Seen(features, features, draw(n_outputs), torch.tensor(y))

    return batch([0, 1, 1, 0, 0, 1, 0, 0]), batch(y)


def gradients(penalty, progress=1.0):
    """The gradients of the penalty's weights, and of features and outputs of both domains."""
    batches = make_batches()
    penalty.of_tensors(*batches, progress).backward()
    own = {n: p.grad.clone() for n, p in penalty.named_parameters() if p.grad is not None}
    return own, batches


def of_features(batches):
    return torch.cat(
        [
            torch.zeros_like(b.features) if b.features.grad is None else b.features.grad
            for b in batches
        ]
    )


REVERSED = [DANN(), DANN(()), CDAN(), CDAN(entropy=True), CDAN(max_products=4), MDD(reversal=1)]
ALL = [*REVERSED, DomainConfusion(), ADDA(pretraining=0.0)]


@pytest.mark.parametrize("adaptation", ALL, ids=repr)
def test_a_discriminator_learns_at_full_strength_whatever_the_network_does(adaptation):
    own, _ = gradients(make(adaptation))
    assert own
    assert all(gradient.abs().max() > 0 for gradient in own.values())
    for strength, ramp, progress in ((0.0, None, 1.0), (3.0, None, 0.2), (2.0, 10.0, 0.5)):
        others, _ = gradients(make(adaptation, strength=strength, ramp=ramp), progress)
        assert all(torch.equal(others[name], own[name]) for name in own)


@pytest.mark.parametrize("adaptation", [*REVERSED, DomainConfusion()], ids=repr)
def test_the_network_learns_by_strength_and_ramp(adaptation):
    expected = of_features(gradients(make(adaptation))[1])
    assert expected.abs().max() > 0
    for strength, ramp, progress, factor in (
        (0.0, None, 1.0, 0.0),
        (3.0, None, 0.2, 3.0),
        (2.0, 10.0, 0.5, 2 * (2 / (1 + np.exp(-5)) - 1)),
        (2.0, 10.0, 0.0, 0.0),
    ):
        found = of_features(gradients(make(adaptation, strength=strength, ramp=ramp), progress)[1])
        torch.testing.assert_close(found, factor * expected)


@pytest.mark.parametrize("adaptation", REVERSED, ids=repr)
def test_its_gradient_is_turned_around(adaptation, monkeypatch):
    found = of_features(gradients(make(adaptation))[1])
    module = "disparity" if isinstance(adaptation, MDD) else "adversary"
    monkeypatch.setattr(f"sktransfer.deep._training.{module}.reverse", lambda x, factor: x)
    torch.testing.assert_close(found, -of_features(gradients(make(adaptation))[1]))


def test_the_loss_of_the_discriminator_is_the_cross_entropy_of_both_domains():
    penalty, batches = make(DANN()), make_batches()
    (W, V), (b, c) = penalty.discriminator.weights, penalty.discriminator.biases
    share = [torch.sigmoid((torch.relu(x.features @ W + b) @ V + c)[:, 0]) for x in batches]
    expected = -share[0].log().mean() - (1 - share[1]).log().mean()
    torch.testing.assert_close(penalty.of_tensors(*batches, 1.0), expected)


@pytest.mark.parametrize("adaptation", [DANN(), CDAN(), DomainConfusion(), ADDA(0.0)], ids=repr)
def test_a_discriminator_that_knows_nothing_loses_twice_the_logarithm_of_two(adaptation):
    penalty = make(adaptation)
    with torch.no_grad():
        penalty.discriminator.weights[-1].zero_()
    loss = penalty.of_tensors(*make_batches(), 1.0)
    np.testing.assert_allclose(loss.item(), 2 * np.log(2), rtol=1e-6)


@pytest.mark.parametrize("entropy", [False, True])
def test_conditional_sees_products_with_probabilities_that_get_no_gradient(entropy):
    penalty = make(CDAN(entropy=entropy))
    _, batches = gradients(penalty)
    assert all(batch.outputs.grad is None for batch in batches)
    seen = penalty.see(*batches)
    rows = torch.softmax(batches[0].outputs[3], dim=0), batches[0].features[3]
    torch.testing.assert_close(seen[3].detach(), torch.outer(*rows).flatten().detach())


def test_entropy_weights_have_a_mean_of_one_in_each_domain():
    batches = make_batches()
    batches[1].outputs.data *= 20  # the target's rows are certain
    weights = make(CDAN(entropy=True)).weights(*batches)
    for weight, batch in zip(weights.values(), batches, strict=True):
        share = torch.softmax(batch.outputs, dim=1).detach()
        raw = 1 + torch.exp((share * share.clamp(min=1e-12).log()).sum(dim=1))
        torch.testing.assert_close(weight, raw / raw.mean())
    assert not make(CDAN()).weights(*batches)


def test_random_products_are_drawn_once_and_keep_inner_products():
    penalty = make(CDAN(), n_features=500, n_classes=10)
    batches = make_batches(500, 10)
    assert {"of_features", "of_outputs"} <= penalty.state_dict().keys()
    seen = penalty.see(*batches).detach()
    assert seen.shape == (16, 4096)
    assert torch.equal(seen, penalty.see(*batches).detach())
    features = torch.cat([batch.features for batch in batches]).detach()
    shares = torch.softmax(torch.cat([batch.outputs for batch in batches]).detach(), dim=1)
    expected = (features @ features.T) * (shares @ shares.T)
    error = (seen @ seen.T - expected).square().mean() / expected.square().mean()
    assert error < 0.05


def test_confusion_gives_the_network_equal_probabilities_to_learn():
    penalty, batches = make(DomainConfusion(confusion=1.0, soft_labels=0.0)), make_batches()
    features = torch.cat([b.features for b in batches]).detach().requires_grad_()
    domain_confusion(penalty.discriminator(features)).backward()
    penalty.zero_grad()
    penalty.of_tensors(*batches, 1.0).backward()
    torch.testing.assert_close(of_features(batches), features.grad)


def test_soft_labels_are_the_mean_probabilities_of_the_source_rows_of_a_class():
    penalty, batches = make(DomainConfusion(confusion=0.0, soft_labels=0.5)), make_batches()
    source, target = batches
    share = torch.softmax(source.outputs / 2, dim=1).detach()
    soft = torch.stack([share[source.y == k].mean(dim=0) for k in range(2)])
    known = target.y >= 0
    outputs = target.outputs.detach().requires_grad_()
    rows = -(soft[target.y[known]] * torch.log_softmax(outputs[known] / 2, dim=1)).sum(dim=1)
    (0.5 * rows.mean()).backward()
    penalty.of_tensors(*batches, 1.0).backward()
    torch.testing.assert_close(target.outputs.grad, outputs.grad)
    assert source.outputs.grad is None


def test_no_label_that_is_read_means_no_soft_labels():
    penalty, batches = make(DomainConfusion()), make_batches(y=[-1] * 8)
    penalty.of_tensors(*batches, 1.0).backward()
    assert batches[1].outputs.grad is None


def test_the_second_encoder_learns_inverted_labels_of_target_rows_alone():
    penalty, batches = make(ADDA(pretraining=0.0)), make_batches()
    features = batches[1].features.detach().requires_grad_()
    inverted_loss(penalty.discriminator(features)[:, 0]).backward()
    penalty.zero_grad()
    penalty.of_tensors(*batches, 1.0).backward()
    torch.testing.assert_close(batches[1].features.grad, features.grad)
    assert batches[0].features.grad is None


def test_the_source_encoder_is_a_copy_from_the_end_of_the_pretraining():
    network = make_network()
    penalty = ADDA(pretraining=0.5)._make_penalty(network, How(2.0, None, 0, True))
    assert penalty.of_tensors(*make_batches(), 0.4) is None
    assert penalty.learns_task(0.4)
    assert penalty.rate(0.4) == 1.0
    with torch.no_grad():
        network.coef += 1.0
    penalty.of_tensors(*make_batches(), 0.5)
    copied = network.coef.detach().clone()
    assert torch.equal(penalty.source_network.coef, copied)
    with torch.no_grad():
        network.coef += 1.0
    penalty.of_tensors(*make_batches(), 0.6)
    assert torch.equal(penalty.source_network.coef, copied)
    assert not penalty.learns_task(0.5)
    assert penalty.rate(0.75) == 2.0
    penalty.ramp = 10.0
    np.testing.assert_allclose(penalty.rate(0.75), 2 * (2 / (1 + np.exp(-5)) - 1))


def test_the_second_head_is_compared_with_the_classes_of_the_first():
    penalty, batches = make(MDD(margin=3.0, reversal=1.0)), make_batches()
    others = [penalty.other(batch.features) for batch in batches]
    labels = [torch.eye(2)[batch.outputs.argmax(dim=1)] for batch in batches]
    expected = margin_disparity(*others, *labels, margin=3.0)
    torch.testing.assert_close(penalty.of_tensors(*batches, 1.0), expected)
    _, batches = gradients(penalty)
    assert all(batch.outputs.grad is None for batch in batches)


def test_the_second_head_of_numbers_is_compared_with_the_first():
    batches = make_batches()
    for margin, expected in ((3.0, 3.0), (None, 1.0)):
        penalty = make(MDD(margin), classes=False)
        others = [penalty.other(batch.features) for batch in batches]
        gaps = [(a - b.outputs).abs().mean() for a, b in zip(others, batches, strict=True)]
        found = penalty.of_tensors(*batches, 1.0)
        torch.testing.assert_close(found, expected * gaps[0] - gaps[1])
    assert make(MDD()).margin == 4.0


def test_a_part_of_the_second_heads_gradient_is_turned_around():
    whole, part = (of_features(gradients(make(MDD(reversal=r)))[1]) for r in (1.0, 0.1))
    torch.testing.assert_close(part, 0.1 * whole)


@pytest.mark.parametrize("adaptation", ["dann", "cdan", "adda", "confusion", "mdd"])
def test_a_second_network_learns_at_a_rate_of_its_own(adaptation, monkeypatch):
    rates, run = [], Training.run

    def watched(self, save=None):
        rates.append(self.rates[-1])
        return run(self, save)

    monkeypatch.setattr(Training, "run", watched)
    X = np.random.default_rng(0).normal(size=(20, 2))
    model = AdaptedNetworkClassifier("mlp", max_epochs=1, learning_rate=0.01, random_state=0)
    for described in (adaptation, ADAPTATIONS[adaptation](rate=2.0)):
        model.set_params(adaptation=described)
        model.fit(X, X[:, 0] > 0, sample_domain=np.repeat(["before", "target"], 10))
    np.testing.assert_allclose(rates, [0.1, 0.02])


@pytest.mark.parametrize(("adaptation", "beta"), [("dann", 0.5), ("mdd", 0.5), ("dan", 0.9)])
def test_both_sides_of_a_game_average_their_steps_over_few_of_them(adaptation, beta, monkeypatch):
    betas, run = set(), Training.run

    def watched(self, save=None):
        betas.update(group["betas"] for group in self.optimizer.param_groups)
        return run(self, save)

    monkeypatch.setattr(Training, "run", watched)
    X = np.random.default_rng(0).normal(size=(20, 2))
    model = AdaptedNetworkClassifier("mlp", adaptation=adaptation, max_epochs=1, random_state=0)
    model.fit(X, X[:, 0] > 0, sample_domain=np.repeat(["before", "target"], 10))
    assert betas == {(beta, 0.999)}


def test_a_discriminator_that_wins_gives_a_warning():
    X, y = make_classification(120, 4, n_informative=3, n_redundant=0, random_state=0)
    domain = np.repeat(["before", "target"], 60)
    X[60:] += 8.0
    model = AdaptedNetworkClassifier(
        "mlp", adaptation="dann", strength=0.0, max_epochs=30, learning_rate=1e-2, random_state=0
    )
    with pytest.warns(TransferWarning, match=r"The discriminator tells the domains apart in \d"):
        model.fit(X, y, sample_domain=domain)
