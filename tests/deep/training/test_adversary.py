"""The adversary: who learns from which gradient, and what it sees."""

import numpy as np
import pytest
from sklearn.datasets import make_classification

pytest.importorskip("torch", reason="an adversary learns with torch")

import torch

from sktransfer.deep import AdaptedNetworkClassifier
from sktransfer.deep._training.adversary import Adversary
from sktransfer.deep._training.network import Seen
from sktransfer.exceptions import TransferWarning


def make(*, conditional=False, strength=1.0, ramp=None, n_features=3, n_outputs=2):
    generator = torch.Generator().manual_seed(0)
    options = {"strength": strength, "ramp": ramp, "generator": generator}
    return Adversary(n_features, n_outputs, conditional=conditional, **options)


def make_batches(n_features=3, n_outputs=2):
    generator = torch.Generator().manual_seed(1)

    def draw(n):
        return torch.randn(8, n, generator=generator).requires_grad_()

    return [Seen(inputs=None, features=draw(n_features), outputs=draw(n_outputs)) for _ in range(2)]


def gradients(adversary, progress=1.0):
    """The gradients of the discriminator's weights, and of the features of both domains."""
    batches = make_batches()
    adversary.of_tensors(*batches, progress).backward()
    own = {name: p.grad.clone() for name, p in adversary.named_parameters()}
    return own, torch.cat([batch.features.grad for batch in batches]), batches


@pytest.mark.parametrize("conditional", [False, True])
def test_the_discriminator_learns_at_full_strength_and_the_network_by_the_ramp(conditional):
    own, expected, _ = gradients(make(conditional=conditional))
    assert all(gradient.abs().max() > 0 for gradient in own.values())
    for strength, ramp, progress, factor in (
        (0.0, None, 1.0, 0.0),
        (3.0, None, 0.2, 3.0),
        (2.0, 10.0, 0.5, 2 * (2 / (1 + np.exp(-5)) - 1)),
        (2.0, 10.0, 0.0, 0.0),
    ):
        adversary = make(conditional=conditional, strength=strength, ramp=ramp)
        others, found, _ = gradients(adversary, progress)
        assert all(torch.equal(others[name], own[name]) for name in own)
        torch.testing.assert_close(found, factor * expected)


def test_the_network_learns_the_opposite_of_the_discriminator():
    adversary, batches = make(), make_batches()
    first, second = (batch.features.detach().clone().requires_grad_() for batch in batches)
    logits = [
        (torch.relu(x @ adversary.hidden + adversary.hidden_bias) @ adversary.last)[:, 0]
        + adversary.last_bias
        for x in (first, second)
    ]
    direct = -torch.sigmoid(logits[0]).log().mean() - (1 - torch.sigmoid(logits[1])).log().mean()
    direct.backward()
    loss = adversary.of_tensors(*batches, 1.0)
    torch.testing.assert_close(loss, direct)
    loss.backward()
    torch.testing.assert_close(batches[0].features.grad, -first.grad)
    torch.testing.assert_close(batches[1].features.grad, -second.grad)


def test_a_discriminator_that_knows_nothing_loses_twice_the_logarithm_of_two():
    adversary = make()
    with torch.no_grad():
        adversary.last.zero_()
    loss = adversary.of_tensors(*make_batches(), 1.0)
    np.testing.assert_allclose(loss.item(), 2 * np.log(2), rtol=1e-6)


def test_conditional_sees_products_with_probabilities_that_get_no_gradient():
    adversary = make(conditional=True)
    _, _, batches = gradients(adversary)
    assert all(batch.outputs.grad is None for batch in batches)
    seen = adversary.see(*batches)
    rows = torch.softmax(batches[0].outputs[3], dim=0), batches[0].features[3]
    torch.testing.assert_close(seen[3].detach(), torch.outer(*rows).flatten().detach())


def test_random_products_are_drawn_once_and_keep_inner_products():
    adversary, batches = make(conditional=True, n_features=500, n_outputs=10), make_batches(500, 10)
    state = {name: tensor.clone() for name, tensor in adversary.state_dict().items()}
    assert {"of_features", "of_outputs"} <= state.keys()
    seen = adversary.see(*batches).detach()
    assert seen.shape == (16, 4096)
    assert torch.equal(seen, adversary.see(*batches).detach())
    features = torch.cat([batch.features for batch in batches]).detach()
    shares = torch.softmax(torch.cat([batch.outputs for batch in batches]).detach(), dim=1)
    expected = (features @ features.T) * (shares @ shares.T)
    error = (seen @ seen.T - expected).square().mean() / expected.square().mean()
    assert error < 0.05


def test_a_discriminator_that_wins_gives_a_warning():
    X, y = make_classification(120, 4, n_informative=3, n_redundant=0, random_state=0)
    domain = np.repeat(["before", "target"], 60)
    X[60:] += 8.0
    model = AdaptedNetworkClassifier(
        "mlp", adaptation="dann", strength=0.0, max_epochs=30, learning_rate=1e-2, random_state=0
    )
    with pytest.warns(TransferWarning, match=r"The discriminator tells the domains apart in \d"):
        model.fit(X, y, sample_domain=domain)
