"""y of several columns with gaps: a head each on one trunk, and scikit-learn's conventions."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.exceptions import DataConversionWarning
from sklearn.metrics import accuracy_score, r2_score
from sklearn.model_selection import cross_val_score
from sklearn.utils import get_tags

pytest.importorskip("torch", reason="the second phase trains with torch")

from sktransfer import (
    AdaptedNetworkClassifier,
    AdaptedNetworkRegressor,
    FineTuneClassifier,
    FineTuneRegressor,
    make_transfer_pipeline,
    pack_domains,
    unpack_domains,
)
from sktransfer.deep._training.columns import ColumnsLoss
from sktransfer.deep._training.head import Rows
from sktransfer.deep._training.loop import Training
from sktransfer.deep._training.losses import SoftmaxLoss, SquaredLoss
from tests.shelf import whole

# Few rows and epochs: training may not help.
pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")

DIGITS, LABELS = load_digits(return_X_y=True)
N = 90
X = DIGITS[:N]
NUMBERS = np.column_stack([LABELS[:N] % 4, LABELS[:N] % 2]).astype(float)
WHOLE = np.column_stack(
    [np.char.add("d", (LABELS[:N] % 4).astype(str)).astype(object), LABELS[:N] % 2]
)
GAPS = WHOLE.copy()
GAPS[::3, 0] = None
GAPS[1::3, 1] = None
TARGETS = np.column_stack([X.mean(axis=1), 100 * X[:, 20]])
TARGET_GAPS = TARGETS.copy()
TARGET_GAPS[::3, 0] = np.nan
TARGET_GAPS[1::3, 1] = np.nan
DOMAIN = np.repeat(["printed", "target"], [60, 30])
IS_TARGET = DOMAIN == "target"
OPTIONS = {"freeze_depth": 3, "max_epochs": 3, "random_state": 0}


def outcome(model):
    """All that a fit leaves, as bytes."""
    arrays = [a for weights in model.stage_weights_.values() for a in weights.values()]
    head = model.head_
    arrays += [head.mean, head.scale, head.coef, head.intercept]
    return [array.tobytes() for array in arrays], repr(model.history_)


def has(y, place):
    return np.array([row[place] is not None and row[place] == row[place] for row in y])


# The definition


@pytest.mark.parametrize("class_weight", [None, "balanced", [{"d0": 3.0}, {1: 2.0}]])
@pytest.mark.parametrize("weighted", [False, True])
def test_with_all_frozen_each_column_is_a_fit_on_its_own_labels(class_weight, weighted):
    weight = np.random.default_rng(0).uniform(0.1, 1, N) if weighted else None
    model = FineTuneClassifier(class_weight=class_weight).fit(X, GAPS, sample_weight=weight)
    assert [classes.tolist() for classes in model.classes_] == [["d0", "d1", "d2", "d3"], [0, 1]]
    probabilities = model.predict_proba(X)
    for place in (0, 1):
        rows = has(GAPS, place)
        labels = np.array(GAPS[rows, place].tolist())
        own = class_weight[place] if isinstance(class_weight, list) else class_weight
        given = None if weight is None else weight[rows]
        one = FineTuneClassifier(class_weight=own).fit(X[rows], labels, sample_weight=given)
        np.testing.assert_allclose(probabilities[place], one.predict_proba(X), atol=1e-9)
        np.testing.assert_array_equal(model.predict(X)[:, place], one.predict(X))


def test_with_all_frozen_each_column_of_numbers_is_a_fit_on_its_own_targets():
    model = FineTuneRegressor().fit(X, TARGET_GAPS)
    for place in (0, 1):
        rows = has(TARGET_GAPS, place)
        one = FineTuneRegressor().fit(X[rows], TARGETS[rows, place])
        np.testing.assert_allclose(model.predict(X)[:, place], one.predict(X), rtol=1e-9)


def test_the_loss_is_a_mean_over_columns_of_means_over_their_labels():
    rng = np.random.default_rng(0)
    outputs, y = (
        rng.normal(size=(6, 5)),
        np.array([[0, -1], [1, 0], [2, 1], [-1, 1], [0, 0], [1, -1]]),
    )
    weight = rng.uniform(0.5, 2, size=(6, 2)) * (y >= 0)
    loss = ColumnsLoss((SoftmaxLoss(3), SoftmaxLoss(2)))
    means, shares = [], []
    for place, logits in enumerate((outputs[:, :3], outputs[:, 3:])):
        total = right = count = 0.0
        for row, label in zip(range(6), y[:, place], strict=True):
            if label >= 0:
                chances = np.exp(logits[row]) / np.exp(logits[row]).sum()
                total -= weight[row, place] * np.log(chances[label])
                right, count = right + (logits[row].argmax() == label), count + 1
        means.append(total / weight[:, place].sum())
        shares.append(right / count)
    found = loss.evaluate(outputs, Rows(None, y, weight))
    np.testing.assert_allclose(found, [np.mean(means), np.mean(shares)])
    import torch

    scaled = weight / weight.mean(axis=0)
    tensors = loss.of_tensors(torch.tensor(outputs), torch.tensor(y)) * torch.tensor(scaled)
    np.testing.assert_allclose(tensors.mean().item(), np.mean(means))


def test_the_loss_of_numbers_is_the_same_mean():
    import torch

    outputs, y = np.array([[1.0, 2.0], [3.0, 0.0]]), np.array([[0.0, np.nan], [1.0, 3.0]])
    loss = ColumnsLoss(
        (SquaredLoss(np.zeros(1), np.ones(1)), SquaredLoss(np.ones(1), np.ones(1) * 2))
    )
    expected = ((1**2 + 2**2) / 2 / 2 + 3**2 / 2) / 2
    weight = np.array([[1.0, 0.0], [1.0, 1.0]])
    np.testing.assert_allclose(loss.evaluate(outputs, Rows(None, y, weight))[0], expected)
    tensors = loss.of_tensors(torch.tensor(outputs), torch.tensor(y))
    scaled = torch.tensor(weight / weight.mean(axis=0))
    np.testing.assert_allclose((tensors * scaled).mean().item(), expected)


@pytest.mark.parametrize(
    ("kind", "y"), [(FineTuneClassifier, GAPS), (FineTuneRegressor, TARGET_GAPS)]
)
def test_training_stages_lowers_the_loss_of_every_column(kind, y):
    options = {"initialize": "random", "backbone_learning_rate": 1e-3, "max_epochs": 12}
    model = kind(**options, freeze_depth=2, validation_fraction=0, random_state=0).fit(X, y)
    assert model.history_["train_loss"][-1] < 0.5 * model.history_["train_loss"][0]
    predicted = model.predict(X)
    for place in (0, 1):
        rows = has(y, place)
        if kind is FineTuneClassifier:
            assert (
                accuracy_score(*(np.array(a[rows, place].tolist()) for a in (y, predicted))) > 0.8
            )
        else:
            assert r2_score(y[rows, place], predicted[rows, place]) > 0.5


def test_the_history_holds_the_mean_over_columns_of_unequal_numbers_of_labels():
    y = WHOLE.copy()
    y[12:, 0] = None
    rates = {"learning_rate": 0.0, "backbone_learning_rate": 0.0, "weight_decay": 10.0}
    model = FineTuneClassifier(**OPTIONS, **rates, validation_fraction=0).fit(X, y)
    losses, shares = [], []
    for place, probabilities in enumerate(model.predict_proba(X)):
        rows, classes = has(y, place), model.classes_[place].tolist()
        codes = [classes.index(label) for label in y[rows, place]]
        losses.append(-np.log(probabilities[rows][np.arange(len(codes)), codes]).mean())
        shares.append((probabilities[rows].argmax(axis=1) == codes).mean())
    assert abs(losses[0] - losses[1]) > 0.1
    np.testing.assert_allclose(model.history_["train_loss"][-1], np.mean(losses), rtol=1e-4)
    np.testing.assert_allclose(model.history_["train_score"][-1], np.mean(shares), rtol=1e-6)


# One column is the estimator without columns


@pytest.mark.parametrize("options", [{}, OPTIONS], ids=["head", "stages"])
def test_one_column_is_raveled_with_a_warning_and_changes_no_bit(options):
    expected = outcome(FineTuneClassifier(**options).fit(X, LABELS[:N]))
    with pytest.warns(DataConversionWarning, match="column-vector y was passed"):
        model = FineTuneClassifier(**options).fit(X, LABELS[:N, np.newaxis])
    assert outcome(model) == expected
    assert model.predict(X).shape == (N,)
    assert hasattr(model, "decision_function")


def test_a_gap_in_one_column_of_numbers_changes_no_other_column():
    """Without a gap all columns are solved at once, as before."""
    joint = FineTuneRegressor().fit(X, TARGETS)
    y = TARGETS.copy()
    y[0, 0] = np.nan
    apart = FineTuneRegressor().fit(X, y)
    assert (joint.history_["phase"], apart.history_["phase"]) == (["head"], ["head", "head"])
    np.testing.assert_allclose(apart.predict(X)[:, 1], joint.predict(X)[:, 1], rtol=1e-9)
    assert not np.allclose(apart.predict(X)[:, 0], joint.predict(X)[:, 0], rtol=1e-9)


# scikit-learn's conventions


def test_answers_follow_the_conventions_of_several_outputs():
    model = FineTuneClassifier().fit(X, NUMBERS.astype(int))
    assert isinstance(model.classes_, list)
    assert model.predict(X).shape == (N, 2)
    assert model.predict(X).dtype.kind == "i"
    assert [p.shape for p in model.predict_proba(X)] == [(N, 4), (N, 2)]
    assert not hasattr(model, "decision_function")
    assert hasattr(FineTuneClassifier(), "decision_function")
    tags = get_tags(model)
    assert tags.target_tags.multi_output
    assert tags.classifier_tags.multi_label


def test_the_score_is_the_share_of_rows_that_are_right_in_every_column():
    model = FineTuneClassifier().fit(X[:40], GAPS[:40])
    right = (model.predict(X[40:]) == WHOLE[40:]).all(axis=1)
    assert 0 < right.mean() < 1
    assert model.score(X[40:], WHOLE[40:]) == right.mean()
    weight = np.arange(50.0)
    np.testing.assert_allclose(
        model.score(X[40:], WHOLE[40:], sample_weight=weight), np.average(right, weights=weight)
    )
    binary = np.column_stack([LABELS[:N] % 2, LABELS[:N] < 5]).astype(int)
    model = FineTuneClassifier().fit(X[:40], binary[:40])
    expected = accuracy_score(binary[40:], model.predict(X[40:]))  # of a multilabel indicator
    assert model.score(X[40:], binary[40:]) == expected
    with pytest.raises(ValueError, match="y holds no label for 60 of 90 rows"):
        FineTuneClassifier().fit(X, GAPS).score(X, GAPS)
    with pytest.raises(ValueError, match=r"y has the shape \(90,\), expected \(90, 2\)"):
        FineTuneClassifier().fit(X, GAPS).score(X, LABELS[:N])
    assert np.isfinite(cross_val_score(FineTuneClassifier(), X, binary, cv=3)).all()


@pytest.mark.parametrize("kind", ["floats", "frame", "list", "polars"])
def test_gaps_are_read_in_any_container(kind):
    numbers = NUMBERS.copy()
    numbers[::3, 0] = numbers[1::3, 1] = np.nan
    expected = FineTuneClassifier().fit(X, numbers)
    assert [classes.tolist() for classes in expected.classes_] == [[0, 1, 2, 3], [0, 1]]
    assert {classes.dtype.kind for classes in expected.classes_} == {"i"}
    if kind == "frame":
        pd = pytest.importorskip("pandas")
        y = pd.DataFrame(numbers, columns=["a", "b"]).astype("Int64")
    elif kind == "polars":
        y = pytest.importorskip("polars").DataFrame(numbers, schema=["a", "b"], nan_to_null=True)
    else:
        y = numbers if kind == "floats" else numbers.tolist()
    np.testing.assert_array_equal(FineTuneClassifier().fit(X, y).predict(X), expected.predict(X))


# Rows without a label, and columns


def test_faults_say_what_to_change():
    y = GAPS.copy()
    y[5] = None
    with pytest.raises(ValueError, match="1 of 90 labels in y are missing, and FineTuneClassifier"):
        FineTuneClassifier().fit(X, y)
    sentence = (
        "y has no label in the columns [1] of 2: label some of the rows that are learned from, or "
        "leave these columns out."
    )
    for kind, empty in ((FineTuneClassifier, GAPS), (FineTuneRegressor, TARGET_GAPS)):
        y = empty[has(empty, 0)].copy()
        y[:, 1] = np.nan
        with pytest.raises(ValueError, match=whole(sentence)):
            kind().fit(X[has(empty, 0)], y)
    y = np.where(IS_TARGET[:, np.newaxis], GAPS, np.array([["d0", None]], dtype=object))
    with pytest.raises(ValueError, match=whole(sentence)):  # labels of the target are not read
        AdaptedNetworkClassifier(**OPTIONS).fit(X, y, sample_domain=DOMAIN)
    with pytest.raises(ValueError, match="has 1 entries, expected one for each of the 2 columns"):
        FineTuneClassifier(class_weight=[{}]).fit(X, GAPS)
    weight = has(GAPS, 0).astype(float) * ~has(GAPS, 1)
    with pytest.raises(ValueError, match="sample_weight is 0 in each row with a label in column 1"):
        FineTuneClassifier().fit(X, GAPS, sample_weight=weight)
    with pytest.raises(ValueError, match="compares classes of one column, and y has 2: expected"):
        FineTuneClassifier(**OPTIONS, objective="contrastive").fit(X, GAPS)
    with pytest.raises(ValueError, match="Unknown label type"):
        FineTuneClassifier().fit(X, TARGETS)


def test_rows_of_weight_0_are_left_out_of_every_column():
    weight = np.where(np.arange(N) < 70, 1.0, 0.0)
    weighted = FineTuneClassifier(**OPTIONS).fit(X, GAPS, sample_weight=weight)
    plain = FineTuneClassifier(**OPTIONS).fit(X[:70], GAPS[:70], sample_weight=np.ones(70))
    for found, expected in zip(weighted.predict_proba(X), plain.predict_proba(X), strict=True):
        np.testing.assert_allclose(found, expected, atol=1e-4)


def test_no_class_and_no_column_is_held_out_whole():
    rng = np.random.default_rng(0)
    y = np.column_stack([rng.integers(3, size=60), rng.integers(2, size=60)])
    y[rng.random(60) < 0.6, 1] = -1
    loss = ColumnsLoss((SoftmaxLoss(3), SoftmaxLoss(2)))
    training, held_out = loss.hold_out(y, 0.2, 0)
    assert len(held_out) == 12
    assert sorted([*training, *held_out]) == list(range(60))
    _, most = loss.hold_out(y, 0.99, 0)
    left = np.delete(y, most, axis=0)
    assert set(left[:, 0]) == {0, 1, 2}
    assert {0, 1} <= set(left[:, 1])
    assert loss.hold_out(y, 0.0, 0)[1] is None
    y[y[:, 1] == 1, 1] = -1
    y[:4, 1] = 1
    assert loss.hold_out(y, 0.2, 0)[1] is None  # a class of four rows


def test_a_transfer_pipeline_passes_rows_with_a_label_in_some_column():
    y = GAPS.copy()
    y[:5] = None
    pipe = make_transfer_pipeline(FineTuneClassifier()).fit(X, y, sample_domain=["target"] * N)
    expected = FineTuneClassifier().fit(X[5:], y[5:])
    np.testing.assert_array_equal(pipe.predict(X), expected.predict(X))


# Adaptation


def test_without_adaptation_it_is_fine_tuning_on_rows_with_a_label():
    y = GAPS.copy()
    y[:5] = None
    control = AdaptedNetworkClassifier(adaptation=None, **OPTIONS).fit(X, y, sample_domain=DOMAIN)
    plain = FineTuneClassifier(**OPTIONS, validation_fraction=0).fit(X[5:60], y[5:60])
    assert outcome(control) == outcome(plain)


@pytest.mark.parametrize("adaptation", ["coral", "jan", "mcc", "cdan", "mdd", "confusion"])
def test_labels_of_target_rows_change_no_bit(adaptation):
    garbled, hidden = GAPS.copy(), GAPS.copy()
    garbled[IS_TARGET], hidden[IS_TARGET] = ["x", 9], None
    found = [
        outcome(
            AdaptedNetworkClassifier(adaptation=adaptation, **OPTIONS).fit(
                X, y, sample_domain=DOMAIN
            )
        )
        for y in (GAPS, garbled, hidden)
    ]
    assert found[1] == found[2] == found[0]


def test_an_adaptation_that_reads_classes_is_the_mean_over_columns():
    """Two equal columns have the penalty, and so the steps, of one."""
    options = OPTIONS | {"adaptation": "mcc", "ramp": None, "initialize": "random"}
    labels = LABELS[:N] % 2
    twice = AdaptedNetworkClassifier(**options).fit(
        X, np.column_stack([labels, labels]), sample_domain=DOMAIN
    )
    once = AdaptedNetworkClassifier(**options).fit(X, labels, sample_domain=DOMAIN)
    np.testing.assert_allclose(
        twice.history_["adaptation_loss"], once.history_["adaptation_loss"], rtol=1e-3
    )
    np.testing.assert_allclose(twice.predict_proba(X)[1], once.predict_proba(X), atol=2e-3)


def test_supervised_reads_labelled_cells_of_the_target():
    y = GAPS.copy()
    y[70:] = None
    options = OPTIONS | {"adaptation": None, "supervised": True}
    control = AdaptedNetworkClassifier(**options).fit(X, y, sample_domain=DOMAIN)
    plain = FineTuneClassifier(**OPTIONS, validation_fraction=0).fit(X[:70], y[:70])
    assert outcome(control) == outcome(plain)
    regressor = AdaptedNetworkRegressor(adaptation="dan", **OPTIONS)
    assert regressor.fit(X, TARGET_GAPS, sample_domain=DOMAIN).predict(X).shape == (N, 2)


def test_a_class_that_vanishes_in_a_column_gives_a_warning():
    y = np.column_stack([np.where(IS_TARGET, 0, np.arange(N) % 2), LABELS[:N] % 2])
    one_class = np.where(IS_TARGET[:, None], X[y[:, 0] == 0][:1], X)
    sentence = r"None of the 30 target rows .* classes \[\d\], as 50% of the labelled rows"
    with pytest.warns(UserWarning, match=sentence):
        AdaptedNetworkClassifier(adaptation="mcc", **OPTIONS).fit(
            one_class, y, sample_domain=DOMAIN
        )


# Files


@pytest.mark.parametrize("kind", ["cdan", None])
def test_an_interrupted_training_goes_on_to_the_same_bits(kind, tmp_path, monkeypatch):
    def make(**more):
        return AdaptedNetworkClassifier(adaptation=kind, **OPTIONS, **more)

    whole_fit, run_epoch = make().fit(X, GAPS, sample_domain=DOMAIN), Training.run_epoch

    def dying(training):
        if training.n_done == 2:
            raise KeyboardInterrupt
        return run_epoch(training)

    with monkeypatch.context() as patched:
        patched.setattr(Training, "run_epoch", dying)
        with pytest.raises(KeyboardInterrupt):
            make(checkpoint=tmp_path).fit(X, GAPS, sample_domain=DOMAIN)
    for _ in range(2):  # the second call gives the finished training back
        again = make(checkpoint=tmp_path).fit(X, GAPS, sample_domain=DOMAIN)
        assert outcome(again) == outcome(whole_fit)
    with pytest.raises(ValueError, match="differs in y"):
        make(checkpoint=tmp_path).fit(X, WHOLE, sample_domain=DOMAIN)


def test_saved_and_exported_it_answers_the_same(tmp_path):
    pytest.importorskip("safetensors", reason="files are written with safetensors")
    onnxruntime = pytest.importorskip("onnxruntime")
    model = FineTuneClassifier(**OPTIONS).fit(X, GAPS)
    model.save(tmp_path / "model.safetensors")
    loaded = FineTuneClassifier.load(tmp_path / "model.safetensors")
    np.testing.assert_array_equal(loaded.predict(X), model.predict(X))
    assert [classes.tolist() for classes in loaded.classes_] == [c.tolist() for c in model.classes_]
    model.to_onnx(tmp_path / "model.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "model.onnx")
    names = [value.name for value in session.get_outputs()]
    assert names == ["label_0", "probabilities_0", "label_1", "probabilities_1"]
    found = dict(zip(names, session.run(None, {"X": X.astype(np.float32)}), strict=True))
    for place, expected in enumerate(model.predict_proba(X)):
        np.testing.assert_allclose(found[f"probabilities_{place}"], expected, atol=1e-5)
        np.testing.assert_array_equal(found[f"label_{place}"], model.predict(X)[:, place])
    regressor = FineTuneRegressor().fit(X, TARGET_GAPS)
    regressor.to_onnx(tmp_path / "numbers.onnx")
    session = onnxruntime.InferenceSession(tmp_path / "numbers.onnx")
    (found,) = session.run(None, {"X": X.astype(np.float32)})
    np.testing.assert_allclose(found, regressor.predict(X), rtol=1e-4)


# Packing


@pytest.mark.parametrize("y", [NUMBERS, WHOLE], ids=["numbers", "texts"])
def test_packing_keeps_every_label_of_rows_with_gaps(y):
    """Sources that label one column each: no row is labelled in all of them."""
    first, second = y[:20].astype(object), y[20:40].astype(object)
    first[:, 1], second[:, 0] = None, None
    packed = pack_domains({"a": (X[:20], first), "b": (X[20:40], second)}, target=X[40:60])
    labels = packed[1]
    assert labels.shape == (60, 2)
    there = np.array([[v is not None and v == v for v in row] for row in labels])
    np.testing.assert_array_equal(there[:, 0], np.arange(60) < 20)
    np.testing.assert_array_equal(there[:, 1], (np.arange(60) >= 20) & (np.arange(60) < 40))
    assert labels[:20, 0].tolist() == y[:20, 0].tolist()
    assert labels[20:40, 1].tolist() == y[20:40, 1].tolist()
    sources, target = unpack_domains(*packed)
    assert sources["a"][1].shape == (20, 2)
    assert not isinstance(target, tuple)
    model = AdaptedNetworkClassifier(adaptation="dan", **OPTIONS)
    model.fit(packed[0], labels, sample_domain=packed[2])
    assert [len(classes) for classes in model.classes_] == [4, 2]
