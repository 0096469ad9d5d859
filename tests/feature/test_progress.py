"""Fits that take long report their parts to scikit-learn's callbacks."""

from inspect import isfunction

import numpy as np
import pytest
from numpy.testing import assert_array_equal
from sklearn.base import clone
from sklearn.callback import ProgressBar

from sktransfer import (
    CORALAligner,
    DenoisingEncoder,
    JointDistributionAligner,
    OptimalTransportAligner,
    SelfTaughtEncoder,
    StructuralEncoder,
    TransferJointAligner,
    make_transfer_pipeline,
)


class Log:
    """The names of the tasks that ended, and whether each that began has ended."""

    max_propagation_depth = None

    def __init__(self):
        self.ended, self.n_open, self.most = [], 0, []

    def setup(self, estimator, context):
        self.most.append(context.max_subtasks)

    def teardown(self, estimator, context):
        pass

    def on_fit_task_begin(self, estimator, context):
        self.n_open += 1

    def on_fit_task_end(self, estimator, context):
        self.n_open -= 1
        self.ended.append(context.task_name)


def make_rows():
    rng = np.random.default_rng(0)
    y = rng.integers(2, size=90)
    X = rng.normal(size=(90, 6)) + y[:, None] + np.repeat([0.0, 0.4, 0.2], 30)[:, None]
    return X, y, np.repeat(["north", "south", "target"], 30)


@pytest.mark.parametrize(
    ("method", "step", "count"),
    [
        (DenoisingEncoder(3), "layer", lambda fitted: 3),
        (
            SelfTaughtEncoder(4, random_state=0, max_iter=30),
            "turn",
            lambda fitted: len(fitted.objective_),
        ),
        (TransferJointAligner(2, n_iter=4), "turn", lambda fitted: 4),
        (JointDistributionAligner(2), "turn", lambda fitted: fitted.n_iter_),
        (OptimalTransportAligner(), "plan of", lambda fitted: 2),
        (OptimalTransportAligner(method="linear"), "none", lambda fitted: 0),
        (CORALAligner(), "none", lambda fitted: 0),
        (StructuralEncoder(2), "none", lambda fitted: 0),
    ],
    ids=lambda value: None if isfunction(value) else str(value),
)
def test_each_part_is_a_task_and_callbacks_change_nothing(method, step, count):
    X, y, sample_domain = make_rows()
    log = Log()
    watched = clone(method).set_callbacks(log)
    watched.fit(X, y, sample_domain=sample_domain)
    *steps, whole = log.ended
    assert whole == "fit"
    assert all(name.startswith(step) for name in steps)
    assert len(steps) == count(watched) <= log.most[0]
    assert log.n_open == 0
    plain = clone(method).fit(X, y, sample_domain=sample_domain)
    assert_array_equal(
        watched.transform(X, sample_domain=sample_domain),
        plain.transform(X, sample_domain=sample_domain),
    )
    watched.fit(X, y, sample_domain=sample_domain)  # once more, with the same callback
    assert log.n_open == 0


def test_in_a_pipeline_they_are_parts_of_its_step():
    X, y, sample_domain = make_rows()
    log = Log()
    pipe = make_transfer_pipeline(DenoisingEncoder(3), CORALAligner()).set_callbacks(log)
    pipe.fit(X, y, sample_domain=sample_domain)
    assert log.ended.count("layer") == 3
    assert log.n_open == 0


def test_without_a_source_there_is_one_turn():
    X, _, _ = make_rows()
    log = Log()
    TransferJointAligner(2).set_callbacks(log).fit(X)
    assert log.ended == ["turn", "fit"]


def test_the_progress_bar_names_the_method(capsys):
    pytest.importorskip("rich", reason="scikit-learn's ProgressBar needs rich")
    X, y, sample_domain = make_rows()
    encoder = SelfTaughtEncoder(4, random_state=0).set_callbacks(ProgressBar())
    encoder.fit(X, y, sample_domain=sample_domain)
    assert "SelfTaughtEncoder" in capsys.readouterr().out


def test_a_batch_is_no_task():
    X, _, sample_domain = make_rows()
    log = Log()
    CORALAligner().set_callbacks(log).partial_fit(X, sample_domain=sample_domain)
    assert log.ended == []
