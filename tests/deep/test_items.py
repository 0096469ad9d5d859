"""Another kind of input joins in with a description and its items: texts, in a few lines."""

import hashlib
import pickle
import zlib
from dataclasses import dataclass, replace

import numpy as np
import pytest
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline

from sktransfer.deep import Backbone, PretrainedFeatureExtractor
from sktransfer.deep._engines.onnx_engine import OnnxEngine
from sktransfer.deep._engines.pooling import pool
from sktransfer.deep._items import InputDescription, Items
from sktransfer.deep._networks.onnx.read import read_file

N_IDS, WIDTH = 97, 8
TEXTS = ["the cat", "a dog and a cat", "", "the cat", "one two three four five six seven", "dog"]


@dataclass(frozen=True)
class Words(InputDescription):
    """Texts become numbers of their words, padded to the longest of the batch."""

    n_ids: int = N_IDS

    def read(self, X, estimator, *, reset, on_error="raise"):
        if isinstance(X, str):
            raise ValueError("X is one text, expected a sequence of texts: pass [X].")
        return Texts(tuple(X))

    def mask(self, inputs):
        return inputs["mask"]


@dataclass(frozen=True, eq=False)
class Texts(Items):
    content: tuple
    positions: np.ndarray | None = None

    noun = "text"

    def __len__(self):
        return len(self.content)

    def take(self, rows):
        positions = rows if self.positions is None else self.positions[rows]
        return replace(self, content=tuple(self.content[row] for row in rows), positions=positions)

    def learn(self, estimator, *, on_error="raise"):
        if on_error == "raise":
            self.raise_faults(self.find_unreadable(estimator))
        return self

    def digest(self):
        return hashlib.sha256(repr(self.content).encode()).hexdigest()

    def find_unreadable(self, estimator):
        kinds = [(row, text) for row, text in enumerate(self.content) if not isinstance(text, str)]
        return [self.fault(row, f"expected str, got {type(text).__name__}") for row, text in kinds]

    def batches(self, inputs, run, faults, *, choose=None, view=None):
        faults += self.find_unreadable(None)
        bad = {fault.position for fault in faults}
        rows = [row for row in range(len(self)) if row not in bad]
        if faults and run.on_error == "raise":
            return
        if choose:
            digests = [hashlib.sha256(self.content[row].encode()).digest()[:16] for row in rows]
            wanted = choose(rows, digests, None)
            rows = [row for row, chosen in zip(rows, wanted, strict=True) if chosen]
        rows.sort(key=lambda row: len(self.content[row]))
        for start in range(0, len(rows), run.batch_size):
            part = rows[start : start + run.batch_size]
            words = [self.content[row].split() for row in part]
            mask = np.zeros((len(part), max(1, *map(len, words), 1)), np.int64)
            ids = np.full_like(mask, 1)
            for place, text in enumerate(words):
                mask[place, : len(text)] = 1
                ids[place, : len(text)] = [zlib.crc32(w.encode()) % inputs.n_ids for w in text]
            yield part, {"ids": ids, "mask": mask}


def write_graph(path):
    """Write a network: a table of words ("tokens"), and the mean of each text's words ("mean")."""
    from onnx import TensorProto, helper, numpy_helper, save

    table = np.random.default_rng(0).normal(size=(N_IDS, WIDTH)).astype(np.float32)
    stored = {"table": table, "last": np.array([2]), "along": np.array([1]), "one": np.float32(1)}
    make = helper.make_node
    nodes = [
        make("Gather", ["table", "ids"], ["tokens"]),
        make("Cast", ["mask"], ["real"], to=TensorProto.FLOAT),
        make("Unsqueeze", ["real", "last"], ["column"]),
        make("Mul", ["tokens", "column"], ["kept"]),
        make("ReduceSum", ["kept", "along"], ["sum"], keepdims=0),
        make("ReduceSum", ["real", "along"], ["count"], keepdims=1),
        make("Max", ["count", "one"], ["divisor"]),
        make("Div", ["sum", "divisor"], ["mean"]),
    ]
    graph = helper.make_graph(
        nodes,
        "texts",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["N", "T"]) for n in ("ids", "mask")],
        [helper.make_tensor_value_info("mean", TensorProto.FLOAT, ["N", WIDTH])],
        [numpy_helper.from_array(np.asarray(array), name) for name, array in stored.items()],
    )
    opset = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opset, ir_version=8), path)
    return table


@pytest.fixture
def table_and_backbone(tmp_path):
    path = tmp_path / "texts.onnx"
    table = write_graph(path)
    stages, shapes = ("tokens", "mean"), ((None, WIDTH), (WIDTH,))
    return table, Backbone("texts", str(path), Words(), stages, shapes, read_file(path)[1])


@pytest.fixture
def backbone(table_and_backbone):
    return table_and_backbone[1]


@pytest.fixture
def n_run(monkeypatch):
    """The number of texts in each batch that the network runs, but for its first check."""
    counts, run = [], OnnxEngine.run

    def counted(self, batch):
        counts.append(len(batch["ids"]))
        return run(self, batch)

    monkeypatch.setattr("sktransfer.deep._features.check_rows", lambda *rows, **about: None)
    monkeypatch.setattr(OnnxEngine, "run", counted)
    return counts


@pytest.mark.parametrize("stage", [1, 2])
def test_features_are_the_mean_of_the_words_whatever_the_padding(table_and_backbone, stage):
    table, backbone = table_and_backbone
    expected = np.zeros((len(TEXTS), WIDTH))
    for row, text in enumerate(TEXTS):
        if text:
            expected[row] = table[[zlib.crc32(w.encode()) % N_IDS for w in text.split()]].mean(0)
    for batch_size in (1, 4, 64):
        extractor = PretrainedFeatureExtractor(
            backbone, stage=stage, batch_size=batch_size, cache=None
        )
        np.testing.assert_allclose(extractor.fit_transform(TEXTS), expected, atol=1e-6)


def test_a_text_has_the_same_bits_alone_as_in_a_batch(backbone):
    for pooling in ("avg", "max"):
        extractor = PretrainedFeatureExtractor(backbone, stage=1, pooling=pooling, cache=None)
        together = extractor.fit_transform(TEXTS)
        alone = np.concatenate([extractor.transform([text]) for text in TEXTS])
        np.testing.assert_array_equal(alone, together)
        assert extractor.get_feature_names_out()[0] == "texts_tokens_0"


@pytest.mark.parametrize("cache", ["memory", None, "folder"])
def test_each_distinct_text_runs_once(backbone, cache, n_run, tmp_path):
    cache = tmp_path / "cache" if cache == "folder" else cache
    described = replace(backbone, name=str(cache), preprocessing=Words(89 if cache else 83))
    extractor = PretrainedFeatureExtractor(described, batch_size=3, cache=cache).fit(TEXTS)
    features = extractor.transform([*TEXTS, *TEXTS])
    assert n_run == [3, 2]
    np.testing.assert_array_equal(features[0], features[3])
    again = extractor.transform(TEXTS[::-1])
    np.testing.assert_array_equal(again, features[: len(TEXTS)][::-1])
    assert sum(n_run) == (10 if cache is None else 5)


def test_a_search_over_stages_runs_each_text_once_a_stage(backbone, n_run):
    described = replace(backbone, preprocessing=Words(79))
    texts = [f"{word} {number}" for number in range(10) for word in ("good", "bad")]
    pipe = make_pipeline(PretrainedFeatureExtractor(described), LogisticRegression())
    grid = {"pretrainedfeatureextractor__stage": [1, 2]}
    search = GridSearchCV(pipe, grid, cv=2).fit(texts, [0, 1] * 10)
    assert search.score(texts, [0, 1] * 10) == 1.0
    assert sum(n_run) == 2 * len(texts)


def test_clones_and_pickles_give_the_same(backbone):
    extractor = PretrainedFeatureExtractor(backbone).fit(TEXTS)
    expected = extractor.transform(TEXTS)
    restored = pickle.loads(pickle.dumps(extractor))
    np.testing.assert_array_equal(restored.transform(TEXTS), expected)
    np.testing.assert_array_equal(clone(extractor).fit_transform(TEXTS), expected)


def test_texts_that_cannot_be_read_are_named_or_rows_of_nan(backbone):
    X = ["good", None, "bad", 3]
    message = (
        r"^2 of 4 texts cannot be read: X\[1\] \(expected str, got NoneType\), X\[3\] \(expected "
        r"str, got int\); repair or remove them\.$"
    )
    with pytest.raises(ValueError, match=message):
        PretrainedFeatureExtractor(backbone).fit(X)
    with pytest.raises(ValueError, match=message):
        PretrainedFeatureExtractor(backbone).fit(TEXTS).transform(X)
    with pytest.raises(ValueError, match="X is one text"):
        PretrainedFeatureExtractor(backbone).fit("text")
    extractor = PretrainedFeatureExtractor(backbone, on_error="nan").fit(X)
    with pytest.warns(UserWarning, match="^2 of 4 texts .*their features are NaN"):
        features = extractor.transform(X)
    assert np.isnan(features).all(axis=1).tolist() == [False, True, False, True]
    assert [fault.position for fault in extractor.find_unreadable(X)] == [1, 3]
    assert PretrainedFeatureExtractor(backbone).find_unreadable(TEXTS) == []


@pytest.mark.parametrize("pooling", ["avg", "max"])
def test_a_mask_leaves_padding_out(pooling):
    rng = np.random.default_rng(0)
    tokens = rng.normal(size=(3, 5, 4)).astype(np.float32)
    mask = np.array([[1, 1, 0, 0, 0], [1, 1, 1, 1, 1], [0, 0, 0, 0, 0]])
    pooled = pool(tokens, pooling, mask=mask)
    reduce = np.mean if pooling == "avg" else np.max
    np.testing.assert_array_equal(pooled[0], reduce(tokens[0, :2], axis=0))
    np.testing.assert_array_equal(pooled[1], reduce(tokens[1], axis=0))
    np.testing.assert_array_equal(pooled[2], 0)
