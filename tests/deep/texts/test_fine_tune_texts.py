"""Fine-tuning of transformers for texts: padding changes nothing, and it learns."""

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone

from sktransfer import FineTuneClassifier, FineTuneRegressor
from tests.deep.texts.conftest import WORDS

pytest.importorskip("torch", reason="stages need torch to be trained")
pytest.importorskip("transformers")
pytest.importorskip("tokenizers")

import torch

from sktransfer.deep._describe import describe_for
from sktransfer.deep._items import Run
from sktransfer.deep._networks.torch.describe_texts import find_text_network
from sktransfer.deep._networks.torch.text_network import TextNetwork, build_text_stages, place_names
from sktransfer.deep._training.head import Head
from sktransfer.deep._training.network import Network, predict
from sktransfer.deep._training.starts import PretrainedStart

CPU = torch.device("cpu")
rng = np.random.default_rng(0)
X = [" ".join(rng.choice(WORDS[4:19], n)) for n in rng.integers(2, 12, size=24)]
Y = np.array(["pets" if "cat" in text or "dog" in text else "money" for text in X])


def fine_tune(folder, **parameters):
    settings = {"max_epochs": 3, "random_state": 0, "validation_fraction": 0, "device": "cpu"}
    return FineTuneClassifier(f"hf:{folder}", **(settings | parameters))


@pytest.mark.parametrize("folder", ["bert", "sentence_bert"])
@pytest.mark.parametrize("depth", [0, 1, 2])
def test_padded_batches_start_with_the_features_of_single_texts(folder, depth, request):
    folder, _ = request.getfixturevalue(folder)
    estimator = fine_tune(folder)
    backbone = describe_for(estimator)
    texts = backbone.preprocessing.read(X, estimator, reset=True).learn(estimator)
    start = PretrainedStart(texts, backbone, depth, Run(cache=None))
    head = Head(np.zeros(16), np.ones(16), np.eye(16), np.zeros(16))
    network = Network(start.tail(CPU), head, CPU).eval()
    outputs = predict(network, start.activations(), len(X))
    np.testing.assert_allclose(outputs, start.features(), atol=1e-5)


@pytest.mark.parametrize("depth", [0, 1, 4, "all"])
def test_training_learns_and_predicts_the_same_alone_as_in_a_batch(bert, depth):
    classifier = fine_tune(bert[0], freeze_depth=depth).fit(X, Y)
    assert classifier.score(X, Y) > 0.9
    together = classifier.predict_proba(X)
    alone = np.concatenate([classifier.predict_proba([text]) for text in X[:5]])
    np.testing.assert_allclose(alone, together[:5], rtol=1e-12)
    n_trained = 0 if depth == "all" else 5 - depth
    assert list(classifier.stage_weights_) == list(classifier.backbone_.stages)[5 - n_trained :]


def test_embeddings_are_trained_with_freeze_depth_0_only(bert):
    folder, model = bert
    own = model.embeddings.word_embeddings.weight.detach().numpy()
    deep = fine_tune(folder, freeze_depth=0).fit(X, Y)
    name = "model.embeddings.word_embeddings.weight"
    trained = deep.stage_weights_["embeddings"][name]
    assert not np.array_equal(trained, own)
    assert "embeddings" not in fine_tune(folder, freeze_depth=1).fit(X, Y).stage_weights_


def test_pairs_of_texts_are_brought_together(bert, tmp_path):
    options = {"freeze_depth": 2, "objective": "contrastive", "warmup_epochs": 0}
    classifier = fine_tune(bert[0], checkpoint=tmp_path / "state", **options).fit(X, Y)
    losses = classifier.history_["train_loss"][-3:]
    assert losses[2] < losses[0]
    together = classifier.predict_proba(X)
    np.testing.assert_allclose(classifier.predict_proba(X[:1]), together[:1], rtol=1e-12)
    again = fine_tune(bert[0], cache=None, **options).fit(X, Y)
    np.testing.assert_array_equal(again.predict_proba(X), together)
    classifier.save(tmp_path / "texts.safetensors")
    loaded = FineTuneClassifier.load(tmp_path / "texts.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), together)


def test_the_same_seed_gives_the_same_weights(bert):
    first = fine_tune(bert[0], freeze_depth=2).fit(X, Y)
    again = clone(first).set_params(cache=None).fit(pd.Series(X, dtype="string"), Y)
    np.testing.assert_array_equal(first.predict_proba(X), again.predict_proba(X))


def test_a_killed_training_goes_on_to_the_same_weights(bert, tmp_path):
    class Stop:
        def __init__(self):
            self.n = 0

        def __call__(self, *args, **kwargs):
            self.n += 1
            if self.n == 2:
                raise KeyboardInterrupt

    whole = fine_tune(bert[0], freeze_depth=2).fit(X, Y)
    from sktransfer.deep._saving.resume import Checkpoint

    stop, save = Stop(), Checkpoint.save
    patch = pytest.MonkeyPatch()
    patch.setattr(Checkpoint, "save", lambda self, state: (save(self, state), stop()))
    with pytest.raises(KeyboardInterrupt):
        fine_tune(bert[0], freeze_depth=2, checkpoint=tmp_path).fit(X, Y)
    patch.undo()
    resumed = fine_tune(bert[0], freeze_depth=2, checkpoint=tmp_path).fit(X, Y)
    np.testing.assert_array_equal(resumed.predict_proba(X), whole.predict_proba(X))


@pytest.mark.parametrize("depth", [2, "all"])
def test_a_saved_classifier_predicts_the_same(bert, depth, tmp_path):
    classifier = fine_tune(bert[0], freeze_depth=depth).fit(X, Y)
    classifier.save(tmp_path / "texts.safetensors")
    loaded = FineTuneClassifier.load(tmp_path / "texts.safetensors")
    np.testing.assert_array_equal(loaded.predict_proba(X), classifier.predict_proba(X))


def test_class_weights_and_random_weights(bert):
    weighted = fine_tune(bert[0], freeze_depth=4, class_weight={"pets": 9, "money": 1}).fit(X, Y)
    plain = fine_tune(bert[0], freeze_depth=4).fit(X, Y)
    assert not np.allclose(weighted.predict_proba(X), plain.predict_proba(X))
    random = {"initialize": "random", "backbone_learning_rate": 1e-2, "max_epochs": 20}
    for depth in (0, 2):
        drawn = fine_tune(bert[0], freeze_depth=depth, **random).fit(X, Y)
        assert np.isfinite(drawn.predict_proba(X)).all()


def test_a_regressor_of_texts(bert):
    y = np.array([text.count(" ") for text in X], dtype=float)
    regressor = FineTuneRegressor(
        f"hf:{bert[0]}", freeze_depth=3, max_epochs=3, random_state=0, validation_fraction=0
    )
    assert regressor.fit(X, y).score(X, y) > 0.5


def test_averages_of_windows_are_not_trained(bert):
    message = r"^long_text='windows' averages features, so that no stage can be trained: expected"
    with pytest.raises(ValueError, match=message):
        fine_tune(bert[0], freeze_depth=2, long_text="windows").fit(X, Y)
    fine_tune(bert[0], long_text="windows", max_tokens=6).fit(X, Y).predict(X)


@pytest.mark.parametrize(
    ("kind", "fields"),
    [
        ("roberta", {"pad_token_id": 1}),
        ("distilbert", {"dim": 16, "n_layers": 4, "n_heads": 2, "hidden_dim": 20}),
        ("mpnet", {"pad_token_id": 1}),
        ("gpt2", {"n_embd": 16, "n_layer": 4, "n_head": 2}),
        ("t5", {"d_model": 16, "num_layers": 2, "num_heads": 2, "d_kv": 8, "d_ff": 20}),
        ("albert", {"embedding_size": 8}),
        ("deberta-v2", {}),
    ],
)
def test_other_transformers_are_cut_or_stay_whole(kind, fields):
    """Stage by stage, and padded, each text has the activations of the whole network."""
    import transformers

    common = {"hidden_size": 16, "num_hidden_layers": 4, "num_attention_heads": 2}
    common |= {"intermediate_size": 20} if kind not in ("gpt2", "t5", "distilbert") else {}
    common = {} if kind in ("gpt2", "t5", "distilbert") else common
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        config = transformers.AutoConfig.for_model(kind, vocab_size=50, **common, **fields)
        model = transformers.AutoModel.from_config(config).eval()
    model = model.get_encoder() if kind == "t5" else model
    network = TextNetwork(model).eval()
    assert len(place_names(network)) == (1 if kind in ("t5", "albert") else 6)
    ids = torch.arange(3, 24).reshape(3, 7)
    padded = ids.float()
    padded[1, 4:] = -1
    with torch.no_grad():
        whole, short = network(ids), network(ids[1:2, :4])
        found = ids
        for stage in build_text_stages(network, place_names(network)):
            found, padded = stage(found), stage(padded)
    torch.testing.assert_close(found, whole)
    torch.testing.assert_close(padded[0, :, :-1], whole[0], atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(padded[1, :4, :-1], short[0], atol=1e-5, rtol=1e-4)
    assert padded[1, :, -1].tolist() == [1] * 4 + [0] * 3


def test_each_weight_belongs_to_one_stage(bert):
    network = find_text_network(describe_for(fine_tune(bert[0])))
    stages = build_text_stages(network, place_names(network))
    held = [name for stage in stages for name in stage.arrays()]
    assert sorted(held) == sorted(name for name, _ in network.named_parameters())
    assert all("embeddings" in name for name in stages[0].arrays())
