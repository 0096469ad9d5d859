"""Fine-tuning computes nothing twice, augments only what trains, and goes on where it stopped."""

import pickle
import subprocess
import sys

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.model_selection import GridSearchCV

pytest.importorskip("torch", reason="fine-tuning stages needs torch")

from sktransfer.deep import FineTuneClassifier
from sktransfer.deep._training.phases import OneOfEach, Selected

# Networks with random weights and few epochs seldom improve on the head alone.
pytestmark = pytest.mark.filterwarnings("ignore:Training the stages")

DIGITS, LABELS = load_digits(return_X_y=True)
X, Y = DIGITS[:120], LABELS[:120]
X_NEW = DIGITS[120:160]


def make(network, **parameters):
    return FineTuneClassifier(
        network, **({"max_epochs": 3, "warmup_epochs": 0, "random_state": 0} | parameters)
    )


def assert_same(first, second):
    """The same head and the same weights, to the bit."""
    for name in ("coef", "intercept", "mean", "scale"):
        learned = getattr(first.head_, name), getattr(second.head_, name)
        np.testing.assert_array_equal(*learned, err_msg=name)
    assert first.stage_weights_.keys() == second.stage_weights_.keys()
    for stage, weights in first.stage_weights_.items():
        for name, array in weights.items():
            np.testing.assert_array_equal(array, second.stage_weights_[stage][name], err_msg=name)


@pytest.fixture
def fresh_network(write_network, tmp_path):
    """A network that no cache has seen."""
    seed = int(np.random.default_rng().integers(2**31))
    return write_network(tmp_path / "fresh.onnx", seed=seed)


@pytest.fixture
def n_runs(monkeypatch):
    """How many images ran through the network up to each stage, its first check left out."""
    from sktransfer.deep import _features

    counts = {}

    def open_engine(backbone, stage, **options):
        engine = _features_open_engine(backbone, stage, **options)
        run = engine.run

        def counted(batch):
            counts[stage] = counts.get(stage, 0) + len(batch)
            return run(batch)

        engine.run = counted
        return engine

    _features_open_engine = _features.open_engine
    monkeypatch.setattr(_features, "open_engine", open_engine)
    monkeypatch.setattr(_features, "check_rows", lambda *rows, **about: None)
    return counts


def test_a_search_runs_each_image_once_to_each_depth(fresh_network, n_runs):
    grid = {"freeze_depth": [2, 3, "all"], "backbone_learning_rate": [1e-3, 1e-4]}
    search = GridSearchCV(make(fresh_network, max_epochs=1), grid, cv=2)
    search.fit(X[:60], Y[:60]).predict(X[:60])
    assert len(np.unique(X[:60], axis=0)) == 60
    assert n_runs == {"stage2": 60, "stage3": 60, "stage4": 60}


def test_without_a_cache_a_fit_runs_the_frozen_stages_once(fresh_network, n_runs):
    # Without held-out rows the start is never kept, which would need the features once more.
    options = {"freeze_depth": 2, "max_epochs": 3, "validation_fraction": 0}
    make(fresh_network, cache=None, **options).fit(X, Y)
    assert n_runs == {"stage2": 120, "stage4": 120}


def test_fixed_views_are_computed_once_and_new_ones_in_every_epoch(fresh_network, n_runs):
    options = {"freeze_depth": 2, "max_epochs": 3, "augment": {"rotation": 10}}
    for _ in range(2):
        make(fresh_network, augment_views=2, **options).fit(X, Y)
        assert n_runs == {"stage2": 3 * 120, "stage4": 120}
    classifier = make(fresh_network, **options).fit(X, Y)
    held_out = np.ceil(0.15 * 120)
    assert classifier.history_["phase"].count("fine-tune") == 3
    assert n_runs == {"stage2": 3 * 120 + 3 * (120 - held_out), "stage4": 120}


def test_four_views_where_everything_is_frozen(fresh_network, n_runs):
    make(fresh_network, augment={"shift": 0.1}).fit(X, Y)
    assert n_runs == {"stage4": 5 * 120}


@pytest.mark.parametrize("depth", ["all", 2])
def test_the_cache_changes_no_bit(depth, fresh_network, tmp_path):
    options = {"freeze_depth": depth, "augment": {"rotation": 10}, "augment_views": 2}
    caches = None, "memory", tmp_path / "cache", tmp_path / "cache"
    first, *others = (make(fresh_network, cache=c, **options).fit(X, Y) for c in caches)
    for other in others:
        assert_same(first, other)
        np.testing.assert_array_equal(first.predict_proba(X_NEW), other.predict_proba(X_NEW))


def test_predictions_build_a_trained_network_once(network, monkeypatch):
    from sktransfer.deep._engines import torch_engine

    built, build = [], torch_engine.build_torch_stages
    classifier = make(network, freeze_depth=3, random_state=5).fit(X, Y)
    monkeypatch.setattr(torch_engine, "build_torch_stages", lambda b: built.append(b) or build(b))
    expected = classifier.predict_proba(X_NEW)
    for other in (classifier, pickle.loads(pickle.dumps(classifier))):
        np.testing.assert_array_equal(other.predict_proba(X_NEW), expected)
    assert len(built) == 1
    other = make(network, freeze_depth=3, random_state=6).fit(X, Y)  # builds, and trains, its own
    other.predict(X_NEW)
    assert len(built) == 3
    np.testing.assert_array_equal(classifier.predict_proba(X_NEW), expected)


def test_a_search_in_two_processes(network):
    grid = {"freeze_depth": [3, "all"]}
    alone, together = (
        GridSearchCV(make(network, max_epochs=1), grid, cv=2, n_jobs=n_jobs).fit(X, Y)
        for n_jobs in (1, 2)
    )
    np.testing.assert_array_equal(
        alone.cv_results_["mean_test_score"], together.cv_results_["mean_test_score"]
    )


WITHOUT_TORCH = """
import pickle, sys

class WithoutTorch:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] == "torch":
            raise ModuleNotFoundError("No module named 'torch'", name="torch")

sys.meta_path.insert(0, WithoutTorch())
import numpy as np
from sktransfer.deep import FineTuneClassifier, FineTuneRegressor
X = np.random.default_rng(0).random((40, 64))
y = np.arange(40) % 2
for estimator in (
    FineTuneClassifier(random_state=0),
    FineTuneClassifier(freeze_depth=4, augment={"shift": 0.1}, augment_views=1, random_state=0),
    FineTuneClassifier(freeze_depth=2, max_epochs=0),
    FineTuneRegressor(),
):
    estimator.fit(X, y).predict(X)
    pickle.loads(pickle.dumps(estimator)).predict(X)
assert "torch" not in sys.modules
try:
    FineTuneClassifier(freeze_depth=3).fit(X, y)
except ImportError as error:
    print(error)
"""


def test_torch_is_needed_for_training_stages_alone():
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_TORCH], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert "needs torch, which is not installed" in done.stdout


def test_views_that_change_nothing_change_nothing(network):
    options = {"freeze_depth": 2, "max_epochs": 2}
    plain = make(network, **options).fit(X, Y)
    for views in (None, 3):
        views = make(network, augment={}, augment_views=views, **options).fit(X, Y)
        assert_same(plain, views)
    frozen, views = (make(network, augment=augment).fit(X, Y) for augment in (None, {}))
    np.testing.assert_allclose(views.head_.coef, frozen.head_.coef, atol=5e-3)


def test_training_rows_change_in_every_epoch_and_held_out_rows_never(network):
    still = {"learning_rate": 0.0, "backbone_learning_rate": 0.0, "weight_decay": 0.0}
    options = {"freeze_depth": 2, "max_epochs": 4, "head_epochs": 0} | still
    plain = make(network, **options).fit(X, Y).history_
    for views in (None, 5):
        options |= {"augment": {"rotation": 45, "shift": 0.2}, "augment_views": views}
        options["head_epochs"] = 1000
        history = make(network, **options).fit(X, Y).history_
        second = np.array(history["phase"]) == "fine-tune"
        assert len(set(np.array(history["train_loss"])[second])) == 4
        assert len(set(np.array(history["validation_loss"])[second])) == 1
    assert len(set(np.round(plain["train_loss"], 5))) == 1


@pytest.mark.parametrize("views", [None, 2])
@pytest.mark.parametrize("initialize", ["pretrained", "random"])
def test_augmented_fits_repeat_and_differ_by_seed(views, initialize, network):
    options = {"augment": {"rotation": 20}, "augment_views": views, "initialize": initialize}
    options |= {"freeze_depth": 3, "max_epochs": 1}
    first, again = (make(network, **options).fit(X, Y) for _ in range(2))
    assert_same(first, again)
    other = make(network, random_state=1, **options).fit(X, Y)
    assert not np.array_equal(first.head_.coef, other.head_.coef)


class Shelf:
    """Keeps the last state; stops the training, like a power cut, when so many have been kept."""

    def __init__(self, stop_after):
        self.state, self.n_saved, self.stop_after = None, 0, stop_after

    def load(self):
        return self.state

    def save(self, state):
        self.state, self.n_saved = state, self.n_saved + 1
        if self.n_saved == self.stop_after:
            raise KeyboardInterrupt


@pytest.mark.parametrize("initialize", ["pretrained", "random"])
def test_an_interrupted_training_goes_on_to_the_same_bits(initialize, network, monkeypatch):
    from sktransfer.deep import _base_fine_tune

    options = {"freeze_depth": 2, "max_epochs": 6, "initialize": initialize}
    options |= {"augment": {"rotation": 10}, "schedule": "cosine"}
    whole = make(network, **options).fit(X, Y)
    shelf, train = Shelf(3), _base_fine_tune.train_stages
    monkeypatch.setattr(
        _base_fine_tune, "train_stages", lambda *a, **o: train(*a, **(o | {"checkpoint": shelf}))
    )
    with pytest.raises(KeyboardInterrupt):
        make(network, **options).fit(X, Y)
    resumed = make(network, **options).fit(X, Y)
    assert_same(whole, resumed)
    assert whole.history_ == resumed.history_
    assert shelf.n_saved == whole.history_["phase"].count("fine-tune")


def test_selected_rows_are_those_rows_in_every_epoch():
    array, rows = np.arange(20).reshape(10, 2), np.array([7, 3, 9])
    selected = Selected(array, rows)
    assert len(selected) == 3
    np.testing.assert_array_equal(selected.epoch(4)[np.array([2, 0])], [[18, 19], [14, 15]])


def test_one_of_several_views_of_each_row_is_drawn_anew_for_each_epoch():
    n_rows = 600
    rows = np.arange(n_rows)
    views = OneOfEach([Selected(1000 * view + rows, rows) for view in range(3)], seed=0)
    backwards = rows[::-1]
    drawn = np.stack([views.epoch(number)[backwards] for number in range(2)])
    np.testing.assert_array_equal(drawn % 1000, [backwards] * 2)
    # Each view a third of the time, and the same again in the next epoch a third of the time.
    shares = np.bincount((drawn // 1000).ravel()) / drawn.size
    np.testing.assert_allclose(shares, 1 / 3, atol=4 * np.sqrt(2 / 9 / drawn.size))
    again = np.mean(drawn[0] == drawn[1])
    assert again == pytest.approx(1 / 3, abs=4 * np.sqrt(2 / 9 / n_rows))
    np.testing.assert_array_equal(views.epoch(1)[backwards], drawn[1])
