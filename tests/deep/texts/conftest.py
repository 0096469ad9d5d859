"""A small random BERT with a tokenizer of its own, written as users have them."""

import json

import numpy as np
import pytest

WORDS = [
    *("[PAD]", "[UNK]", "[CLS]", "[SEP]", "the", "a", "cat", "dog", "sat", "on", "mat", "and"),
    *("stocks", "bonds", "market", "fell", "rose", "price", "my", "barks", "##s", "good", "bad"),
    *("very", "not", "new", "old", "red", "blue", "green", "##ing", "run", "one", "two", "three"),
]
TEXTS = [
    "the cat sat on the mat",
    "a dog",
    "",
    "stocks and bonds fell",
    "the market rose and the price fell and the cat barks",
    "a dog",
    "unknownword",
]


def write_tokenizer(path):
    """Write a ``tokenizer.json`` of word pieces, as BERT has one."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors

    vocabulary = {word: place for place, word in enumerate(WORDS)}
    tokenizer = Tokenizer(models.WordPiece(vocabulary, unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=True)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(path))


def write_bert(folder, *, seed=0, n_layers=1):
    """Write a random BERT as transformers does; return the module."""
    import torch
    from transformers import BertConfig, BertModel

    config = BertConfig(
        vocab_size=len(WORDS),
        hidden_size=16,
        num_hidden_layers=n_layers,
        num_attention_heads=2,
        intermediate_size=24,
        max_position_embeddings=32,
        initializer_range=0.5,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        model = BertModel(config, add_pooling_layer=False).eval()
    model.save_pretrained(folder)
    write_tokenizer(folder / "tokenizer.json")
    return model


def torch_features(backbone, texts):
    """The features of a transformer by torch, one text after the other, without an export."""
    from sktransfer.deep._engines.torch_engine import TorchEngine

    inputs, engine = backbone.preprocessing, TorchEngine(backbone, backbone.stages[-1])
    tokenizer = inputs.open()
    rows = [engine.run(inputs.batch(tokenizer.sequences(inputs, text)))[0] for text in texts]
    return np.array([row.mean(axis=0) if row.ndim == 2 else row for row in rows])


def write_modules(folder, *, pooling="mean_tokens", dense=None, normalize=True, **about):
    """Add the files of sentence-transformers to a folder."""
    kinds = [("Transformer", ""), ("Pooling", "1_Pooling")]
    kinds += [] if dense is None else [("Dense", "2_Dense")]
    kinds += [("Normalize", "3_Normalize")] if normalize else []
    modules = [
        {"idx": k, "name": str(k), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for k, (kind, path) in enumerate(kinds)
    ]
    (folder / "modules.json").write_text(json.dumps(modules))
    (folder / "1_Pooling").mkdir()
    modes = ("cls_token", "mean_tokens", "max_tokens", "mean_sqrt_len_tokens")
    config = {f"pooling_mode_{mode}": mode == pooling for mode in modes}
    (folder / "1_Pooling" / "config.json").write_text(json.dumps(config))
    (folder / "sentence_bert_config.json").write_text(json.dumps(about))
    if dense is not None:
        from safetensors.numpy import save_file

        (folder / "2_Dense").mkdir()
        sizes = {"in_features": dense.shape[1], "out_features": dense.shape[0], "bias": False}
        about = sizes | {"activation_function": "torch.nn.modules.activation.Tanh"}
        (folder / "2_Dense" / "config.json").write_text(json.dumps(about))
        weights = {"linear.weight": dense.astype(np.float32)}
        save_file(weights, folder / "2_Dense" / "model.safetensors")


@pytest.fixture(scope="session")
def bert(tmp_path_factory):
    """The folder of a BERT, and the module."""
    return _make_bert(tmp_path_factory.mktemp("bert"), n_layers=4)


@pytest.fixture(scope="session")
def sentence_bert(tmp_path_factory):
    """One of two layers, with a pooling of its own, and at most 16 tokens."""
    made = _make_bert(tmp_path_factory.mktemp("sentence_bert"), n_layers=2)
    write_modules(made[0], max_seq_length=16)
    return made


@pytest.fixture(scope="session")
def small_bert(tmp_path_factory):
    """A BERT of one layer, if its depth does not matter: it is exported more quickly."""
    return _make_bert(tmp_path_factory.mktemp("small_bert"), n_layers=1)


def _make_bert(folder, *, n_layers):
    pytest.importorskip("tokenizers")
    pytest.importorskip("transformers")
    return folder, write_bert(folder, n_layers=n_layers)
