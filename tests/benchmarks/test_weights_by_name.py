"""Weights by name: what is saved is what was trained, and what is told of the training."""

import numpy as np
import pytest
from sklearn.datasets import load_digits

pytest.importorskip("torch", reason="the networks of this benchmark need torch")

import torch

from benchmarks import weights_by_name as benchmark
from benchmarks._runner import Table
from benchmarks.weights_by_name import (
    WITH,
    WITHOUT,
    candidates,
    draw,
    learning_curves,
    loaded,
    second_phase,
    source_network,
    stages_of,
    target_network,
    train_source,
)
from sktransfer.exceptions import TransferWarning

# The target network has a block that the file has not: this is the point of the benchmark. In the
# quick variant its training has too few epochs to improve on its start.
partly_fresh = pytest.mark.filterwarnings(
    "ignore:weights=.* holds no values for:sktransfer.exceptions.TransferWarning",
    "ignore:Training the stages did not improve:sktransfer.exceptions.TransferWarning",
)


@pytest.fixture(scope="module")
def source():
    return train_source(quick=True)


@pytest.fixture(scope="module")
def weights(source, tmp_path_factory):
    path = tmp_path_factory.mktemp("weights") / "printed.pth"
    torch.save(source[1].state_dict(), path)
    return path


def test_the_saved_network_is_the_trained_classifier(source):
    classifier, network = source
    images = load_digits().images[:40]
    # As AS_INPUT says: 8 x 8 to 16 x 16, bilinear; 0..16 becomes 0..1, then mean and deviation .5.
    inputs = torch.nn.functional.interpolate(
        torch.tensor(images[:, None] / 16, dtype=torch.float32), size=(16, 16), mode="bilinear"
    )
    with torch.no_grad():
        logits = network((inputs - 0.5) / 0.5).numpy()
    assert logits == pytest.approx(classifier.decision_function(images), rel=1e-3, abs=1e-3)


def test_the_source_is_not_the_network_that_was_handed_in(source):
    fresh = source_network().state_dict()
    assert all(not torch.equal(fresh[name], source[1].state_dict()[name]) for name in fresh)


def test_what_fits_is_loaded_by_name_and_nothing_else(source, weights):
    with pytest.warns(TransferWarning, match="no values for 5 of the 20 .* 'block4.0.weight', "):
        table = loaded(weights)
    state = source[1].state_dict()
    told = dict(table.rows)
    for name in state:
        if name.startswith("block"):
            assert told[name] == "loaded"
    skipped = [name for name, what in table.rows if what.startswith("skipped")]
    fresh = [name for name, what in table.rows if what == "left fresh"]
    assert skipped == ["head.weight"]
    assert {name.split(".")[0] for name in fresh} == {"block4", "head"}
    assert stages_of(target_network()) == ["block1", "block2", "block3", "block4"]


@partly_fresh
def test_frozen_and_fitted_the_loaded_stages_are_those_of_the_file(source, weights):
    images, y = load_digits().images[:60], load_digits().target[:60]
    network = candidates(source[1], weights, quick=True)[WITH]
    network.set_params(freeze_depth=3, max_epochs=1).fit(images, y)
    assert set(network.stage_weights_) == {"block4"}
    module = network.backbone_.module.state_dict()
    for name, values in source[1].state_dict().items():
        if name.startswith("block"):
            assert torch.equal(module[name], values)


def test_both_networks_have_as_many_epochs_and_no_early_stop(source, weights):
    both = [candidates(source[1], weights)[name].get_params() for name in (WITH, WITHOUT)]
    for name in ("max_epochs", "n_iter_no_change", "freeze_depth", "validation_fraction"):
        assert both[0][name] == both[1][name]
    assert both[0]["n_iter_no_change"] == both[0]["max_epochs"]
    # After unfreezing, loaded layers learn at lower rates than the network from scratch.
    assert both[0]["backbone_learning_rate"] < both[1]["backbone_learning_rate"]
    assert both[0]["rate_decay"] < 1


def test_the_second_phase_begins_where_the_first_ends():
    history = {
        "phase": ["head", "head", "fine-tune", "fine-tune"],
        **{name: [4.0, 3.0, 2.0, 1.0] for name in ("train_loss", "validation_loss")},
        "validation_score": [0.1, 0.2, 0.3, 0.4],
    }
    curves = second_phase(history)
    assert curves["train_loss"].tolist() == [3.0, 2.0, 1.0]
    assert curves["validation_score"].tolist() == [0.2, 0.3, 0.4]
    later = {name: values[2:] for name, values in history.items()}
    assert np.isnan(second_phase(later)["train_loss"][0])
    assert second_phase(later)["train_loss"][1:].tolist() == [2.0, 1.0]


@partly_fresh
def test_learning_curves_are_means_over_draws(source, weights):
    digits = load_digits()
    estimators = candidates(source[1], weights, quick=True)
    options = {"images": digits.images, "y": digits.target, "estimators": estimators}
    one, two = (learning_curves(n_labels=5, n_draws=n, **options) for n in (1, 2))
    assert [row[0] for row in two.rows] == [0, 1, 2, 3, 4]
    place = two.columns.index("by name: train_loss")
    # With the seed of the second draw alone the mean of both gives the second back.
    rows = benchmark.draw_rows(digits.target, 5, 1)
    second = (
        estimators[WITH].set_params(random_state=1).fit(digits.images[rows], digits.target[rows])
    )
    curve = second_phase(second.history_)["train_loss"]
    found = np.array([row[place] for row in two.rows])
    first = np.array([row[place] for row in one.rows])
    assert 2 * found - first == pytest.approx(curve, rel=1e-6)


def test_the_picture_has_a_panel_for_each_table(tmp_path):
    names = (*benchmark.COLOURS,)
    accuracies = [
        Table(
            f"{title}: accuracy by labels per class, mean of 1 draws",
            ("", "1 per class", "5 per class", "largest sd", "seconds"),
            tuple((name, 0.5, 0.8, 0.1, "1.0") for name in names),
        )
        for title in ("digits", "MNIST")
    ]
    measures = ("train_loss", "validation_loss", "validation_score")
    columns = [f"{short}: {m}" for short in benchmark.SHORT.values() for m in measures]
    curves = Table(
        "Learning curves: 20 labels a class, means", ("epoch", *columns), ((0, *[0.5] * 6),)
    )
    sizes = []
    for tables in ([accuracies[0], curves], [*accuracies, curves]):
        (path,) = draw(tables, tmp_path)
        with benchmark_image(path) as image:
            sizes.append(image.size)
    assert sizes[1][0] == sizes[0][0] * 3 // 2
    assert sizes[1][1] == sizes[0][1]


def benchmark_image(path):
    from PIL import Image

    return Image.open(path)
