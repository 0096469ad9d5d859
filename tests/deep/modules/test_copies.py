"""Modules that torch does not copy or pickle itself: with computed weights, or kept activations."""

import copy
import pickle

import numpy as np
import pytest

pytest.importorskip("torch", reason="networks need torch")

import torch
from sklearn.base import clone
from torch import nn
from torch.nn.utils import parametrizations, parametrize, prune

from sktransfer.deep import FineTuneClassifier, PretrainedFeatureExtractor
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._networks.torch.copies import copy_module, to_pickle
from sktransfer.deep._preprocessing import Preprocessing

PREPROCESSING = Preprocessing((16, 16), 3, (0.5, 0.4, 0.3), (0.2, 0.2, 0.1))
PIXELS = np.random.default_rng(0).integers(0, 256, (8, 16, 16, 3), dtype=np.uint8)
IMAGES = torch.tensor(
    ((PIXELS / 255 - PREPROCESSING.mean) / PREPROCESSING.std).transpose(0, 3, 1, 2),
    dtype=torch.float32,
)


class Keeps(nn.Module):
    """Keeps its last activations, as networks do whose attention is to be looked at."""

    def __init__(self):
        super().__init__()
        self.conv, self.last, self.seen = convolution(), None, []

    def forward(self, x):
        self.last = self.conv(x)
        self.seen = [self.last, {"again": (self.last,)}]
        return self.last


class Halved(nn.Module):
    def forward(self, weight):
        return 0.5 * weight


def convolution():
    return nn.Conv2d(4, 8, 3, 2, 1)


def pruned():
    return prune.l1_unstructured(convolution(), "weight", amount=0.3)


def twice_parametrized():
    layer = convolution()
    for name in ("weight", "bias"):
        parametrize.register_parametrization(layer, name, Halved())
    return layer


# torch calls the two old forms deprecated; people's networks still have them.
KINDS = {
    "weight norm": lambda: parametrizations.weight_norm(convolution()),
    "spectral norm": lambda: parametrizations.spectral_norm(convolution()),
    "orthogonal": lambda: parametrizations.orthogonal(convolution()),
    "own parametrization": twice_parametrized,
    "old weight norm": lambda: nn.utils.weight_norm(convolution()),
    "old spectral norm": lambda: nn.utils.spectral_norm(convolution()),
    "pruned": pruned,
    "keeps activations": Keeps,
}

pytestmark = pytest.mark.filterwarnings("ignore:.*torch.nn.utils:FutureWarning")


@pytest.fixture(params=KINDS)
def network(request):
    """A network that has run once with gradients."""
    torch.manual_seed(0)
    first = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), nn.ReLU())
    network = nn.Sequential(first, KINDS[request.param](), nn.ReLU(), nn.Flatten())
    network.append(nn.Linear(128, 2))
    network.eval()(IMAGES)
    return network


def run(module):
    with torch.no_grad():
        return module(IMAGES).numpy()


def test_copies_compute_the_same_and_are_independent(network):
    expected = run(network)
    for twin in (copy_module(network), pickle.loads(pickle.dumps(to_pickle(network)))):
        assert [type(a).__name__ for a in twin.modules()] == [
            type(a).__name__ for a in network.modules()
        ]
        np.testing.assert_array_equal(run(twin), expected)
        with torch.no_grad():
            for tensor in twin.parameters():
                tensor.add_(1.0)
        np.testing.assert_array_equal(run(network), expected)


def test_a_plain_module_is_pickled_as_it_is():
    module = nn.Sequential(convolution())
    assert to_pickle(module) is module


def test_shared_modules_stay_shared():
    layer = parametrizations.weight_norm(nn.Linear(3, 3))
    twin = pickle.loads(pickle.dumps(to_pickle(nn.Sequential(layer, nn.ReLU(), layer))))
    assert twin[0] is twin[2]


@pytest.mark.filterwarnings("ignore:The network .* cannot run in ONNX Runtime:UserWarning")
def test_an_extractor_is_fitted_cloned_pickled_and_sent_to_workers(network):
    extractor = PretrainedFeatureExtractor(network, preprocessing=PREPROCESSING, cache=None)
    found = clone(extractor).fit_transform(PIXELS)
    expected = network[:3](IMAGES).mean(dim=(2, 3)).detach()
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)
    extractor.fit(PIXELS)
    for twin in (pickle.loads(pickle.dumps(extractor)), copy.deepcopy(extractor)):
        np.testing.assert_array_equal(twin.transform(PIXELS), found)
        np.testing.assert_array_equal(twin.fit_transform(PIXELS), found)
    assert extractor.backbone is network


@pytest.mark.parametrize("freeze_depth", [0, 1, "all"])
def test_a_classifier_is_trained_and_pickled(network, freeze_depth):
    classifier = FineTuneClassifier(
        network,
        freeze_depth=freeze_depth,
        max_epochs=1,
        preprocessing=PREPROCESSING,
        random_state=0,
    ).fit(PIXELS, np.arange(8) % 2)
    expected = classifier.predict_proba(PIXELS)
    twin = pickle.loads(pickle.dumps(classifier))
    np.testing.assert_array_equal(twin.predict_proba(PIXELS), expected)


def test_an_unfitted_estimator_can_be_pickled_as_for_a_worker(network):
    extractor = PretrainedFeatureExtractor(network, preprocessing=PREPROCESSING, cache=None)
    twin = pickle.loads(pickle.dumps(extractor))
    np.testing.assert_array_equal(twin.fit_transform(PIXELS), extractor.fit_transform(PIXELS))


def test_recording_leaves_no_activations_behind():
    torch.manual_seed(0)
    network = nn.Sequential(nn.Conv2d(3, 4, 3, 2, 1), Keeps())
    backbone = resolve_backbone(network, preprocessing=PREPROCESSING)
    assert backbone.module[1].last is None
    assert backbone.module[1].seen == []
