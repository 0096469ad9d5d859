"""Transformers from a folder: their features by definition, and the same in any batch."""

import os
import pickle
import shutil
import socket
from copy import deepcopy

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sktransfer import PretrainedFeatureExtractor, PretrainedTextExtractor
from sktransfer.deep._describe import describe_for
from sktransfer.exceptions import TransferWarning
from tests.deep.texts.conftest import TEXTS, WORDS, torch_features, write_bert, write_modules

pytest.importorskip("torch", reason="transformers need torch")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

import torch


def tokens_of(text, most=32):
    """The tokens of a text, by hand."""
    body = [WORDS.index(word) if word in WORDS else 1 for word in text.split()]
    return [2, *body[: most - 2], 3]


def hidden_states(model, text, **options):
    model = deepcopy(model)  # transformers hangs hooks on it, which cannot be pickled
    with torch.no_grad():
        output = model(torch.tensor([tokens_of(text, **options)]), output_hidden_states=True)
    return [state[0].numpy() for state in output.hidden_states]


def extract(folder, texts=TEXTS, **parameters):
    parameters = {"cache": None} | parameters
    return PretrainedTextExtractor(f"hf:{folder}", **parameters).fit_transform(texts)


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_features_are_the_pooled_activations_of_each_stage(bert, pooling):
    folder, model = bert
    stages = {1: 0, 2: 1, 3: 2, 4: 3, 5: 4, None: 4, "model.encoder.layer.2": 3}
    reduce = np.mean if pooling == "avg" else np.max
    for stage, place in stages.items():
        features = extract(folder, stage=stage, pooling=pooling)
        expected = [reduce(hidden_states(model, text)[place], axis=0) for text in TEXTS]
        np.testing.assert_allclose(features, expected, atol=2e-5)


@pytest.mark.parametrize(("precision", "near"), [("bfloat16", 2e-2), ("float16", 3e-3)])
def test_half_precision_is_close_and_the_same_in_any_batch(bert, precision, near):
    folder, _ = bert
    expected, found = extract(folder), extract(folder, precision=precision)
    assert 0 < np.linalg.norm(found - expected) < near * np.linalg.norm(expected)
    alone = [extract(folder, [text], precision=precision)[0] for text in TEXTS]
    np.testing.assert_array_equal(alone, found)


def test_stages_are_groups_of_layers_after_the_embeddings(bert, tmp_path):
    folder, _ = bert
    extractor = PretrainedFeatureExtractor(f"hf:{folder}").fit(TEXTS)
    layers = [f"model.encoder.layer.{k}" for k in range(3)]
    assert extractor.backbone_.stages == ("embeddings", *layers, "tokens")
    assert extractor.backbone_.shapes == ((None, 16),) * 5
    assert extractor.get_feature_names_out()[0] == f"{folder.name}_tokens_0"
    write_bert(tmp_path, n_layers=6)
    deeper = describe_for(PretrainedFeatureExtractor(f"hf:{tmp_path}"))
    layers = [f"model.encoder.layer.{k}" for k in (1, 2, 4)]
    assert deeper.stages == ("embeddings", *layers, "tokens")


@pytest.mark.parametrize("stage", [1, 3, None])
def test_a_text_has_the_same_bits_alone_as_in_any_batch(bert, stage):
    folder, _ = bert
    rng = np.random.default_rng(0)
    texts = [" ".join(rng.choice(WORDS[4:], n)) for n in rng.integers(0, 16, size=40)]
    extractor = PretrainedTextExtractor(f"hf:{folder}", stage=stage, cache=None).fit(texts)
    together = extractor.transform(texts)
    alone = np.concatenate([extractor.transform([text]) for text in texts])
    np.testing.assert_array_equal(alone, together)
    extractor.set_params(batch_size=5)
    np.testing.assert_array_equal(extractor.transform(texts[::-1])[::-1], together)


@pytest.mark.parametrize(
    ("pooling", "normalize"), [("cls_token", True), ("mean_tokens", False), ("max_tokens", True)]
)
def test_a_folder_of_sentence_transformers_is_read_by_its_own_files(tmp_path, pooling, normalize):
    model = write_bert(tmp_path)
    dense = np.random.default_rng(0).normal(size=(6, 16))
    write_modules(tmp_path, pooling=pooling, dense=dense, normalize=normalize, max_seq_length=6)
    extractor = PretrainedTextExtractor(f"hf:{tmp_path}")
    backbone = describe_for(extractor)
    with pytest.warns(
        TransferWarning, match=r"^2 of 7 texts are longer than max_tokens=6, and 9 of"
    ):
        backbone.preprocessing.read(TEXTS, extractor, reset=True).learn(extractor)
    features = torch_features(backbone, TEXTS)
    assert backbone.stages[-1] == "embedding"
    reduce = {"cls": lambda x, axis: x[0], "mean": np.mean, "max": np.max}[pooling.split("_")[0]]
    for row, text in zip(features, TEXTS, strict=True):
        expected = np.tanh(dense @ reduce(hidden_states(model, text, most=6)[-1], axis=0))
        size = np.linalg.norm(expected) if normalize else 1.0
        np.testing.assert_allclose(row, expected / size, atol=2e-5)


def test_texts_are_written_small_and_prefixed_as_the_folder_says(tmp_path):
    write_bert(tmp_path)
    write_modules(tmp_path, do_lower_case=True)
    (tmp_path / "config_sentence_transformers.json").write_text(
        '{"prompts": {"query": "good "}, "default_prompt_name": "query"}'
    )
    inputs = describe_for(PretrainedTextExtractor(f"hf:{tmp_path}")).preprocessing
    assert (inputs.lowercase, inputs.prefix, inputs.max_tokens) == (True, "good ", 32)
    without = describe_for(PretrainedTextExtractor(f"hf:{tmp_path}", prefix="")).preprocessing
    for text in TEXTS:
        expected = without.open().sequences(without, f"GOOD {text}")
        assert inputs.open().sequences(inputs, text.upper()) == expected


def test_long_texts_are_cut_off_with_a_warning_or_averaged(bert):
    folder, _ = bert
    text = "cat dog mat the a on and sat"
    with pytest.warns(TransferWarning, match=r"^1 of 1 texts .* max_tokens=5, and 5 of their 10"):
        cut_off = extract(folder, [text], max_tokens=5)
    np.testing.assert_array_equal(cut_off, extract(folder, ["cat dog mat"]))
    windows = extract(folder, [text], max_tokens=6, long_text="windows")
    halves = extract(folder, ["cat dog mat the", "a on and sat"])
    np.testing.assert_allclose(windows[0], halves.mean(axis=0), rtol=1e-6)


def test_a_folder_is_read_without_the_network(bert, monkeypatch):
    folder, _ = bert
    shutil.copytree(folder, folder.parent / "offline", dirs_exist_ok=True)

    def refuse(*args):
        raise AssertionError("a connection")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    assert extract(folder.parent / "offline").shape == (7, 16)


def test_a_name_is_found_in_the_cache_of_hugging_face(bert, tmp_path, monkeypatch):
    from huggingface_hub import constants

    home = tmp_path / "models--me--tiny"
    shutil.copytree(bert[0], home / "snapshots" / "abc")
    (home / "refs").mkdir()
    (home / "refs" / "main").write_text("abc")
    monkeypatch.setattr(constants, "HF_HUB_CACHE", str(tmp_path))
    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", True)
    np.testing.assert_array_equal(extract("me/tiny", stage=3), extract(bert[0], stage=3))
    with pytest.raises(OSError, match=r"^backbone='hf:me/none': there is no folder of this name"):
        extract("me/none")


def test_clones_pickles_and_moved_folders_give_the_same(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "here").mkdir()
    write_bert(tmp_path / "here")
    extractor = PretrainedTextExtractor("hf:here", cache=None).fit(TEXTS)
    expected, pickled = extractor.transform(TEXTS), pickle.dumps(extractor)
    assert len(pickled) < 10_000
    np.testing.assert_array_equal(pickle.loads(pickled).transform(TEXTS), expected)
    np.testing.assert_array_equal(clone(extractor).fit_transform(TEXTS), expected)
    os.rename("here", "there")
    moved = pickle.loads(pickled).set_params(backbone="hf:there")
    np.testing.assert_array_equal(moved.transform(TEXTS), expected)
    with pytest.raises(OSError, match=r"^'hf:here' has no tokenizer\.json: pass tokenizer="):
        pickle.loads(pickled).transform(["a new text"])


def test_a_module_with_a_tokenizer_is_read_as_its_folder(small_bert):
    folder, model = small_bert
    expected = extract(folder, stage=2)
    extractor = PretrainedTextExtractor(model, tokenizer=folder, stage=2, cache=None).fit(TEXTS)
    np.testing.assert_array_equal(extractor.transform(TEXTS), expected)
    np.testing.assert_array_equal(clone(extractor).fit_transform(TEXTS), expected)
    restored = pickle.loads(pickle.dumps(extractor))
    np.testing.assert_array_equal(restored.transform(TEXTS), expected)
    assert model.training is False


def test_a_search_in_processes_leaves_the_environment_alone(small_bert, recwarn, tmp_path):
    folder, _ = small_bert
    before = dict(os.environ)
    texts = [f"{word} {other}" for word in WORDS[4:14] for other in ("good", "bad")]
    extractor = PretrainedTextExtractor(f"hf:{folder}", cache=tmp_path)
    extractor.fit_transform(texts)  # the processes find the network in ONNX, and need not write it
    pipe = make_pipeline(extractor, LogisticRegression(C=100))
    grid = {"pretrainedtextextractor__stage": [1, 2]}
    search = GridSearchCV(pipe, grid, cv=2, n_jobs=2).fit(texts, [0, 1] * 10)
    assert search.best_score_ == 1.0
    assert dict(os.environ) == before
    assert not [str(each.message) for each in recwarn if "fork" in str(each.message)]


@pytest.mark.parametrize(
    ("damage", "parameters", "message"),
    [
        ("no tokenizer", {}, r"has no tokenizer\.json: pass tokenizer=, the path of one, or save"),
        ("bad tokenizer", {}, r"is no tokenizer that can be used"),
        ("bad modules", {}, r"modules\.json' cannot be read"),
        ("outside", {}, r"names the folder '\.\./1_Pooling', which is elsewhere"),
        (
            "LSTM",
            {},
            r"^The modules Transformer, LSTM, Normalize of backbone=.* are not supported: exp",
        ),
        ("mean_sqrt_len_tokens", {}, r"^The pooling \['pooling_mode_mean_sqrt_len_tokens'\] of"),
        ("", {"max_tokens": 99}, r"^max_tokens=99 is more than the 32 tokens that the network"),
        ("", {"max_tokens": 2}, r"^max_tokens=2 leaves no room for a text next to the 2 special"),
        ("", {"stages": ["a"]}, r"^stages=\['a'\] are no places, in order, of the network"),
        ("", {"stage": "layer.1"}, r"^stage='layer\.1' is not a stage of the backbone"),
    ],
)
def test_faults_are_named(tmp_path, damage, parameters, message):
    write_bert(tmp_path)
    write_modules(tmp_path, pooling=damage if "tokens" in damage else "mean_tokens")
    modules = (tmp_path / "modules.json").read_text()
    if damage == "no tokenizer":
        (tmp_path / "tokenizer.json").unlink()
    elif damage == "bad tokenizer":
        (tmp_path / "tokenizer.json").write_text('{"version": "1.0"}')
    elif damage == "bad modules":
        (tmp_path / "modules.json").write_text(modules[:30])
    elif damage == "outside":
        (tmp_path / "modules.json").write_text(modules.replace("1_Pooling", "../1_Pooling"))
    elif damage == "LSTM":
        (tmp_path / "modules.json").write_text(modules.replace("Pooling", "LSTM"))
    with pytest.raises((ValueError, OSError), match=message):
        extract(tmp_path, **parameters)
