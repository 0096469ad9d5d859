"""A frozen network sees each item once, however many folds and models there are."""

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import RidgeClassifier

from sktransfer import (
    CORALAligner,
    PretrainedFeatureExtractor,
    compare_transfer,
    make_transfer_pipeline,
)

onnxruntime = pytest.importorskip("onnxruntime")


def test_features_are_computed_once_for_all_folds_and_models(monkeypatch):
    X, y = load_digits(n_class=3, return_X_y=True)
    X, y, sample_domain = X[:60], y[:60], np.repeat(["lab", "other", "target"], 20)
    run, images_run = onnxruntime.InferenceSession.run, []

    def counted(session, names, feed, *rest):
        images_run.extend(len(batch) for batch in feed.values())
        return run(session, names, feed, *rest)

    def compare(cache):
        embed = PretrainedFeatureExtractor(value_range=(0, 16), cache=cache)
        pipes = [
            make_transfer_pipeline(embed, RidgeClassifier()),
            make_transfer_pipeline(embed, CORALAligner(), RidgeClassifier()),
        ]
        return compare_transfer(pipes, X, y, sample_domain=sample_domain, cv=2)

    PretrainedFeatureExtractor(value_range=(0, 16)).fit(X).transform(X)
    monkeypatch.setattr(onnxruntime.InferenceSession, "run", counted)
    cached = compare("memory")
    assert images_run == []
    computed = compare(None)
    assert sum(images_run) > 20 * len(X)
    scores = [[model.score for model in each.models] for each in (cached, computed)]
    assert scores[0] == scores[1]
