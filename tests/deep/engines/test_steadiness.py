"""Networks whose rows depend on chance or on the batch: found at the first images that run."""

import warnings

import numpy as np
import pytest

from sktransfer import PretrainedFeatureExtractor
from sktransfer.deep._engines.steadiness import check_rows, difference
from sktransfer.exceptions import TransferWarning

RNG = np.random.default_rng(0)
ARRAYS = {"w": RNG.normal(size=(6, 3, 3, 3)).astype(np.float32)}
PIXELS = RNG.integers(0, 256, (5, 8, 8, 3), dtype=np.uint8)
CONVOLUTION = ("Conv", ["image", "w"], ["maps"], {"strides": [2, 2]})

BY_CHANCE = {
    "noise": [
        ("RandomNormalLike", ["maps"], ["noise"], {}),
        ("Add", ["maps", "noise"], ["out"], {}),
    ],
    "dropout": [("Dropout", ["maps", "ratio", "yes"], ["out"], {})],
}
BY_BATCH = {
    "batch average": [
        ("ReduceMean", ["maps"], ["average"], {"axes": [0]}),
        ("Sub", ["maps", "average"], ["out"], {}),
    ],
    "largest of the batch": [
        ("ReduceMax", ["maps"], ["largest"], {}),
        ("Div", ["maps", "largest"], ["out"], {}),
    ],
    "the image before": [
        ("Gather", ["maps", "earlier"], ["moved"], {"axis": 0}),
        ("Add", ["maps", "moved"], ["out"], {}),
    ],
}
STEADY = {
    "softmax over channels": [("Softmax", ["maps"], ["out"], {"axis": 1})],
    "dropout that is off": [("Dropout", ["maps", "ratio"], ["out"], {})],
    "one image's own average": [
        ("ReduceMean", ["maps"], ["average"], {"axes": [1, 2, 3]}),
        ("Sub", ["maps", "average"], ["out"], {}),
    ],
}


@pytest.fixture
def extract(write_graph, tmp_path):
    def extract(nodes, X=PIXELS, **options):
        arrays = ARRAYS | {"ratio": np.float32(0.5), "yes": np.bool_(True)}
        arrays["earlier"] = np.array([0])
        path = write_graph(
            tmp_path / "net.onnx", [CONVOLUTION, *nodes], arrays, shape=["n", 3, 8, 8]
        )
        extractor = PretrainedFeatureExtractor(
            path, preprocessing="tf", stages=["maps", "out"], cache=None, **options
        )
        return extractor.fit_transform(X)

    return extract


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("network", BY_CHANCE)
def test_chance_is_found(extract, network, n):
    message = "^backbone='net', stage='out': the features of an image depend on chance.*dropout"
    with pytest.warns(TransferWarning, match=message):
        extract(BY_CHANCE[network], PIXELS[:n])


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("network", BY_BATCH)
def test_the_batch_is_found(extract, network, n):
    message = "depend on the other images of its batch.*batch normalization"
    with pytest.warns(TransferWarning, match=message):
        extract(BY_BATCH[network], PIXELS[:n])


@pytest.mark.parametrize("n", [1, 5])
@pytest.mark.parametrize("network", STEADY)
def test_other_networks_pass(extract, network, n):
    extract(STEADY[network], PIXELS[:n])


def test_the_warning_comes_at_each_call(extract):
    for _ in range(2):
        with pytest.warns(TransferWarning, match="depend on the other images"):
            extract(BY_BATCH["batch average"])


def test_a_stage_before_the_chance_passes(extract):
    extract(BY_CHANCE["noise"], stage="maps")


def test_two_images_run_again_once_for_each_network():
    runs = []

    def compute(images):
        runs.append(len(images))
        return images.sum(axis=(2, 3))

    batch = RNG.normal(size=(7, 3, 4, 4)).astype(np.float32)
    for key in ("one", "one", "two"):
        check_rows(compute, batch, compute(batch), key=("counted", key), of="backbone='net'")
    assert runs == [7, 1, 1, 7, 7, 1, 1]


def test_torch_modules_are_checked_too():
    torch = pytest.importorskip("torch")
    steady = torch.nn.Sequential(torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4))
    by_batch = torch.nn.Sequential(
        torch.nn.Conv2d(3, 4, 3), torch.nn.BatchNorm2d(4, track_running_stats=False)
    )
    options = {"preprocessing": "tf", "input_size": 8, "stages": ["1"], "cache": None}
    PretrainedFeatureExtractor(steady, **options).fit_transform(PIXELS)
    extractor = PretrainedFeatureExtractor(by_batch, **options)
    with pytest.warns(TransferWarning, match="depend on the other images of its batch"):
        extractor.fit_transform(PIXELS)


def test_fine_tuning_is_checked_too(write_graph, tmp_path):
    pytest.importorskip("torch")
    from sktransfer import FineTuneClassifier

    nodes = [CONVOLUTION, *BY_BATCH["batch average"]]
    path = write_graph(tmp_path / "net.onnx", nodes, ARRAYS, shape=["n", 3, 8, 8])
    classifier = FineTuneClassifier(
        path, stages=["out"], preprocessing="tf", freeze_depth="all", random_state=0
    )
    with pytest.warns(TransferWarning, match="depend on the other images of its batch"):
        classifier.fit(PIXELS, [0, 1, 0, 1, 0])


def test_difference_by_hand():
    rows = np.array([[1.0, -4.0], [0.0, 10.0]])
    assert difference(rows, rows) == 0
    # Row by row, by the largest value of either: 1 / 4 and 5 / 15.
    assert difference(rows, rows + np.array([[0.0, 1.0], [0.0, 5.0]])) == pytest.approx(5 / 15)
    assert difference(np.zeros((2, 3)), np.zeros((2, 3))) == 0
    missing = np.array([[np.nan, np.inf]])
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert difference(missing, missing) == 0
        assert difference(missing, np.array([[np.nan, 1.0]])) == np.inf
        assert difference(missing, -missing) == np.inf


def drops(torch):
    return torch.nn.functional.dropout


def divides_by_the_batch(torch):
    return lambda maps: maps / maps.std(dim=0, unbiased=False).mean()


def appends_the_batch(torch):
    """As the last block of StyleGAN's discriminator."""

    def append(maps):
        spread = maps.std(dim=0, unbiased=False).mean()
        return torch.cat([maps, spread.expand(len(maps), 1, *maps.shape[2:])], dim=1)

    return append


@pytest.mark.parametrize("kind", [drops, divides_by_the_batch, appends_the_batch])
def test_functions_within_a_torch_module_are_found(kind):
    torch = pytest.importorskip("torch")

    class Network(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.first, self.last = torch.nn.Conv2d(3, 4, 3), torch.nn.LazyConv2d(6, 3)

        def forward(self, x):
            return self.last(kind(torch)(self.first(x)))

    with warnings.catch_warnings():
        warnings.simplefilter("ignore", UserWarning)  # that lazy layers may change
        network = Network()
    with torch.no_grad():
        network(torch.zeros(2, 3, 8, 8))
    options = {"preprocessing": "tf", "input_size": 8, "stages": ["last"], "cache": None}
    extractor = PretrainedFeatureExtractor(network, **options)
    with pytest.warns(TransferWarning, match="depend on"):
        extractor.fit_transform(PIXELS)
