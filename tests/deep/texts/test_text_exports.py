"""Transformers for texts in ONNX Runtime: the same features, and the same bits in any batch."""

import warnings

import numpy as np
import pytest

from sktransfer import PretrainedTextExtractor
from tests.deep.texts.conftest import TEXTS, WORDS, write_tokenizer

pytest.importorskip("torch", reason="transformers need torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")
pytest.importorskip("onnxscript", reason="torch writes ONNX with it")

import torch

from sktransfer.deep._describe import describe_for
from sktransfer.deep._engines.torch_engine import TorchEngine

X = [" ".join(np.random.default_rng(n).choice(WORDS[4:19], n % 9)) for n in range(30)]


@pytest.mark.parametrize("folder", ["bert", "sentence_bert"])
@pytest.mark.parametrize("stage", [1, 3, None])
def test_a_torch_network_runs_in_onnx_runtime(folder, stage, request):
    folder, _ = request.getfixturevalue(folder)
    extractor = PretrainedTextExtractor(f"hf:{folder}", stage=stage, cache=None).fit(X)
    assert extractor.engine_ == "onnx-cpu"
    together = extractor.transform(X)
    alone = np.concatenate([extractor.transform([text]) for text in X])
    np.testing.assert_array_equal(alone, together)
    backbone = describe_for(extractor)
    engine = TorchEngine(backbone, extractor.stage_, device="cpu")
    for text, row in zip(TEXTS, extractor.transform(TEXTS), strict=True):
        texts = backbone.preprocessing.read([text], extractor, reset=False)
        tokenizer = backbone.preprocessing.open()
        batch = backbone.preprocessing.batch(tokenizer.sequences(texts.inputs, text))
        expected = engine.run(batch)[0]
        expected = expected.mean(axis=0) if expected.ndim == 2 else expected
        np.testing.assert_allclose(row, expected, atol=1e-5)


@pytest.fixture(scope="module")
def graph(bert, tmp_path_factory):
    """A BERT as ONNX, with tokens and their mask as inputs, and its tokenizer beside it."""
    _, model = bert
    folder = tmp_path_factory.mktemp("graph")

    class Outputs(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.model = model

        def forward(self, input_ids, attention_mask):
            tokens = self.model(input_ids, attention_mask=attention_mask).last_hidden_state
            mask = attention_mask.unsqueeze(2)
            return tokens, (tokens * mask).sum(dim=1) / mask.sum(dim=1)

    ids = torch.ones((2, 5), dtype=torch.int64)
    axes = dict.fromkeys((0, 1), torch.export.Dim.DYNAMIC)
    with warnings.catch_warnings():  # of torch, about itself
        warnings.simplefilter("ignore")
        program = torch.onnx.export(
            Outputs().eval(),
            (ids, ids.clone()),
            dynamo=True,
            dynamic_shapes=(axes, axes),
            verbose=False,
            input_names=["input_ids", "attention_mask"],
            output_names=["tokens", "sentence"],
        )
    program.save(folder / "net.onnx")
    write_tokenizer(folder / "tokenizer.json")
    return folder / "net.onnx"


def test_an_onnx_file_with_a_tokenizer(graph, bert):
    expected = PretrainedTextExtractor(f"hf:{bert[0]}", cache=None).fit_transform(TEXTS)
    for stage in (1, 2):
        extractor = PretrainedTextExtractor(graph, tokenizer=graph.parent, stage=stage, cache=None)
        features = extractor.fit_transform(TEXTS)
        np.testing.assert_allclose(features, expected, atol=1e-5)
    assert extractor.backbone_.stages == ("tokens", "sentence")
    assert extractor.backbone_.shapes == ((None, 16), (16,))
    by_file = extractor.set_params(tokenizer=graph.parent / "tokenizer.json")
    np.testing.assert_array_equal(by_file.fit_transform(TEXTS), features)


def test_an_onnx_file_without_a_tokenizer_asks_for_it(graph):
    message = r"takes whole numbers, as networks for texts do: pass tokenizer=, its tokenizer.json"
    with pytest.raises(ValueError, match=message):
        PretrainedTextExtractor(graph).fit(TEXTS)
    with pytest.raises(ValueError, match=r"^stages=\['a'\] are no tensors of backbone="):
        PretrainedTextExtractor(graph, tokenizer=graph.parent, stages=["a"]).fit(TEXTS)
