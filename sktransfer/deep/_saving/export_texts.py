"""Nodes of an ONNX graph from texts, or from their tokens, to features."""

import itertools

import numpy as np

from sktransfer._messages import shown
from sktransfer.deep._networks.onnx.file import import_onnx
from sktransfer.deep._networks.onnx.run import make_session

# The sets of operators that the nodes for words come from; the last is ONNX Runtime's own.
OPSETS = {"": 17, "ai.onnx.ml": 3, "com.microsoft": 1}

# `_WORD` of the words, in the words of RE2.
_WORD = r"[\pL\pN]+|'\pL+|[^\s\pL\pN]"

# The most letters beyond ASCII in a word, whose capitals are written out.
_MOST_LETTERS = 8

# By how much features may differ from torch's, as a share of the largest.
_AGREEMENT = 1e-4


def write_words(estimator, writer, source):
    """Write the nodes that make features of strings; return the name of the features.

    Small letters are made of capitals of ASCII; for the others a word is written in all its forms.
    """
    inputs = estimator.backbone_.preprocessing
    refused = words_refusal(inputs)
    if refused is not None:
        raise ValueError(f"{refused}.")
    table = inputs.load()
    places = {form: place for word, place in table.places.items() for form in _forms(word)}
    places |= table.places
    small = writer.add(
        "StringNormalizer", source, case_change_action="LOWER", is_case_sensitive=1, locale="C"
    )
    words = writer.add(
        "Tokenizer",
        small,
        domain="com.microsoft",
        mark=0,
        mincharnum=1,
        pad_value="",
        tokenexp=_WORD,
    )
    found = writer.add(
        "LabelEncoder",
        words,
        domain="ai.onnx.ml",
        keys_strings=list(places),
        values_int64s=list(places.values()),
        default_int64=-1,
    )
    known = writer.cast(writer.add("GreaterOrEqual", found, np.array(0)), np.float32)
    rows = writer.add("Gather", table.vectors, writer.add("Max", found, np.array(0)), axis=0)
    kept = writer.add("Mul", rows, writer.add("Unsqueeze", known, np.array([2])))
    sums = writer.add("ReduceSum", kept, np.array([1]), keepdims=0)
    counts = writer.add("ReduceSum", known, np.array([1]), keepdims=1)
    return writer.add("Div", sums, writer.add("Max", counts, np.float32(1).reshape(1)))


def _forms(word):
    """A word with each of its letters beyond ASCII small or large."""
    letters = [(c, c.upper()) if c > "\x7f" and len(c.upper()) == 1 else (c,) for c in word]
    if sum(len(forms) - 1 for forms in letters) > _MOST_LETTERS:
        return [word]
    return ["".join(form) for form in itertools.product(*letters)]


def words_refusal(inputs):
    """Return why texts for word vectors cannot be cut into words, None if they can."""
    if not inputs.lowercase:
        return (
            f"backbone={shown(inputs.source)} holds words with capitals, which cannot be looked up "
            "twice in ONNX; use a table in small letters"
        )
    if inputs.max_tokens is not None or inputs.prefix:
        return (
            f"max_tokens={shown(inputs.max_tokens)} and prefix={shown(inputs.prefix)} change texts "
            "before they are words, which no operator of ONNX does; fit without them"
        )
    return None


def write_tokens(estimator):
    """Write a fitted transformer, from tokens and their mask to features, as an ONNX model."""
    if "torch" not in estimator.backbone_.engines:
        raise ValueError(
            f"backbone={shown(estimator.backbone_.source)} is an ONNX file for texts already: run "
            "it, and apply head_.coef and head_.intercept to its standardized features."
        )
    import torch

    from sktransfer.deep._engines.torch_export import export_module
    from sktransfer.deep._networks.torch.stages import build_stages

    stages = build_stages(estimator.backbone_)
    for stage in stages:
        stage.load(estimator.stage_weights_.get(stage.output_name, {}))

    class Features(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.network = stages[0].network

        def forward(self, ids, mask):
            return self.network.features(ids, mask > 0)

    module = Features().eval()
    content = export_module(module, estimator.backbone_, ["features"], masked=True)
    ids = np.arange(15).reshape(3, 5) % 5 + 1
    mask = (np.arange(5) < np.array([[5], [2], [4]])).astype(np.int64)
    (found,) = make_session(content).run(None, {"input_ids": ids, "attention_mask": mask})
    with torch.no_grad():
        expected = module(torch.as_tensor(ids), torch.as_tensor(mask)).numpy()
    off = np.abs(found - expected).max() / np.abs(expected).max()
    if not off <= _AGREEMENT:
        raise ValueError(
            f"The network {shown(estimator.backbone_.name)} written as ONNX differs by {off:.2g} "
            "of the largest feature: use the estimator itself."
        )
    return import_onnx().load_model_from_string(content)
