"""The benchmark of a GPU: its networks are those that they are called, and it runs on a CPU."""

import numpy as np
import pytest

pytest.importorskip("torch", reason="its networks are torch modules")

import torch

from benchmarks._gpu_networks import make_networks
from benchmarks.on_a_gpu import COLUMNS, _jpeg, _measure, _pixels, run

# With the classifier: 25 557 032, 86 567 656 and 88 591 464. That is a matrix and a bias for 1000
# classes, and a normalization in ConvNeXt.
SIZES = {
    "ResNet-50": 25_557_032 - 2049 * 1000,
    "ViT-B/16": 86_567_656 - 769 * 1000,
    "ConvNeXt-B": 88_591_464 - 1025 * 1000 - 2 * 1024,
}


def test_the_networks_have_the_published_numbers_of_weights_and_shapes():
    with torch.device("meta"):
        networks = make_networks()
        maps = {name: network(torch.empty(2, 3, 224, 224)) for name, network in networks.items()}
    sizes = {name: sum(p.numel() for p in n.parameters()) for name, n in networks.items()}
    assert sizes == SIZES
    assert [tuple(found.shape) for found in maps.values()] == [
        (2, 2048, 7, 7),
        (2, 197, 768),
        (2, 1024, 7, 7),
    ]


@pytest.mark.parametrize("name", list(make_networks(tiny=True)))
def test_a_network_is_measured_from_pixels_and_files(name):
    sources = {"pixels": _pixels(12, 32), "JPEG": _jpeg(12, 64)}
    network = make_networks(tiny=True)[name]
    rows = _measure(name, network, "bfloat16", sources, "cpu", 32, quick=True)
    assert [row[:3] for row in rows] == [[name, "bfloat16", source] for source in sources]
    for row in rows:
        cells = dict(zip(COLUMNS, row, strict=True))
        assert cells["limit"] in ("network", "reading")
        limit = min(cells["bare"], cells["reading"])
        np.testing.assert_allclose(cells["share"], cells["ours"] / limit)


@pytest.mark.skipif(torch.cuda.is_available(), reason="it would take minutes")
def test_without_a_gpu_the_table_says_so():
    (table,) = run(None)
    assert table.notes == ["There is no GPU here; --quick runs small networks on the processor."]
