"""`transform_stages`: the features of all stages in one pass."""

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.datasets import load_digits

from sktransfer import PretrainedFeatureExtractor, PretrainedTextExtractor
from sktransfer.deep._engines.onnx_engine import OnnxEngine
from tests.shelf import whole

DIGITS = load_digits().data[:12]


def alone(backbone, X, **options):
    """Return the features of each stage by an extractor of its own."""
    stages = PretrainedFeatureExtractor(backbone, **options).fit(X).backbone_.stages
    return {
        stage: PretrainedFeatureExtractor(backbone, stage=stage, **options).fit_transform(X)
        for stage in stages
    }


@pytest.mark.parametrize("pooling", ["avg", "max", None])
@pytest.mark.parametrize("name", ["random", "glyphs"])
def test_all_stages_are_those_of_extractors_of_one_stage(network, name, pooling):
    backbone = network if name == "random" else name
    options = {"value_range": (0, 16), "pooling": pooling, "cache": None, "batch_size": 5}
    found = PretrainedFeatureExtractor(backbone, **options).fit(DIGITS).transform_stages(DIGITS)
    expected = alone(backbone, DIGITS, **options)
    assert list(found) == list(expected)
    for stage, features in found.items():
        assert features.dtype == np.float32
        assert_allclose(features, expected[stage], rtol=1e-4, atol=1e-5)


def test_the_network_runs_once_and_then_never_again(monkeypatch, tmp_path):
    batches, compute = [], OnnxEngine._compute

    def counted(self, session, batch):
        batches.append(len(batch))
        return compute(self, session, batch)

    monkeypatch.setattr(OnnxEngine, "_compute", counted)
    extractor = PretrainedFeatureExtractor(cache=tmp_path / "features", batch_size=64).fit(DIGITS)
    first = extractor.transform_stages(DIGITS)
    assert batches.count(12) == 1
    n_batches = len(batches)
    again = extractor.transform_stages(DIGITS[::-1])
    assert len(batches) == n_batches
    for stage in first:
        np.testing.assert_array_equal(again[stage], first[stage][::-1])


def test_an_exported_torch_network_gives_all_stages_too():
    torch = pytest.importorskip("torch")
    torch.manual_seed(0)
    parts = [torch.nn.Sequential(torch.nn.Conv2d(n, 4, 3), torch.nn.ReLU()) for n in (1, 4, 4)]
    options = {"stages": ["0", "2"], "input_size": 16, "preprocessing": ([0.5], [0.5])}
    options |= {"value_range": (0, 16), "cache": None}
    network = torch.nn.Sequential(*parts)
    found = PretrainedFeatureExtractor(network, **options).fit(DIGITS).transform_stages(DIGITS)
    expected = alone(network, DIGITS, **options)
    assert list(found) == ["0", "2"]
    for stage, features in found.items():
        assert_allclose(features, expected[stage], rtol=1e-4, atol=1e-5)


def test_images_that_cannot_be_read_have_no_features_at_any_stage():
    extractor = PretrainedFeatureExtractor(on_error="nan", cache=None).fit(
        [DIGITS[0].reshape(8, 8)]
    )
    with pytest.warns(UserWarning, match="features are NaN"):
        found = extractor.transform_stages([DIGITS[0].reshape(8, 8), b"no image"])
    assert all(np.isnan(features[1]).all() for features in found.values())
    assert all(np.isfinite(features[0]).all() for features in found.values())


def test_a_network_of_one_stage_has_one():
    extractor = PretrainedTextExtractor("words").fit(["a word"])
    ((stage, features),) = extractor.transform_stages(["a word", "two words"]).items()
    assert stage == extractor.stage_
    np.testing.assert_array_equal(features, extractor.transform(["a word", "two words"]))


def test_no_rows_in_no_rows_out():
    extractor = PretrainedFeatureExtractor().fit(DIGITS)
    found, whole_rows = extractor.transform_stages(DIGITS[:0]), extractor.transform_stages(DIGITS)
    assert {stage: rows.shape[1] for stage, rows in found.items()} == {
        stage: rows.shape[1] for stage, rows in whole_rows.items()
    }
    assert all(len(rows) == 0 for rows in found.values())


def test_grids_are_of_one_stage():
    extractor = PretrainedFeatureExtractor(pooling="grid").fit(DIGITS)
    message = "pooling='grid' is for one stage; expected 'avg', 'max' or None."
    with pytest.raises(ValueError, match=whole(message)):
        extractor.transform_stages(DIGITS)
