"""The code that users write: the contract's snippets, unchanged."""

import re
from pathlib import Path

import numpy as np
import pytest
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import Pipeline, make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.tree import DecisionTreeClassifier

from sktransfer import (
    CORALAligner,
    FineTuneClassifier,
    PretrainedFeatureExtractor,
    TargetFold,
    TrAdaBoostClassifier,
    make_transfer_pipeline,
    pack_domains,
)

ROOT = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def digits():
    X, y = load_digits(return_X_y=True)
    return X[:300], y[:300]


@pytest.fixture(scope="module")
def domains():
    """Digits as three cameras would see them: another gain and offset each."""
    X, y = load_digits(return_X_y=True)
    amazon = X[:150], y[:150]
    dslr = X[150:250] / 2 + 1, y[150:250]
    target = X[250:400] / 4 + 8, y[250:400]
    return amazon, dslr, target


def test_1_a_pretrained_network_as_a_transformer(digits):
    X, y = digits
    pipe = Pipeline(
        [("embed", PretrainedFeatureExtractor()), ("classify", LogisticRegression())]
    ).fit(X, y)
    X_new, y_new = (part[600:900] for part in load_digits(return_X_y=True))
    pixels = LogisticRegression(max_iter=3000).fit(X, y)
    assert pipe.score(X_new, y_new) > pixels.score(X_new, y_new)


@pytest.mark.filterwarnings("ignore:Training the stages did not improve")
def test_2_how_deep_to_freeze_is_a_hyper_parameter_like_any_other(digits):
    pytest.importorskip("torch")
    X, y = digits
    search = GridSearchCV(
        FineTuneClassifier(max_epochs=2, random_state=0), {"freeze_depth": [0, 1, 2, 3, 4]}, cv=2
    ).fit(X, y)
    assert set(search.cv_results_["param_freeze_depth"]) == {0, 1, 2, 3, 4}
    assert np.isfinite(search.cv_results_["mean_test_score"]).all()
    assert search.best_score_ > 0.9


def test_3_which_rows_come_from_where_travels_beside_y(domains):
    (Xa, ya), (Xd, yd), (Xt, yt) = domains
    X, y, sample_domain = pack_domains({"amazon": (Xa, ya), "dslr": (Xd, yd)}, target=(Xt, yt))
    fitted = TrAdaBoostClassifier(DecisionTreeClassifier(max_depth=3)).fit(
        X, y, sample_domain=sample_domain
    )
    assert fitted.predict(Xt).shape == yt.shape
    assert fitted.source_domains_ == ("amazon", "dslr")


def test_4_an_aligner_is_an_ordinary_pipeline_step(domains):
    (Xa, ya), (Xd, yd), (X_new, y_new) = domains
    X, y, sample_domain = pack_domains({"amazon": (Xa, ya), "dslr": (Xd, yd)}, target=X_new)
    pipe = make_transfer_pipeline(
        StandardScaler(), CORALAligner(), LogisticRegression(max_iter=2000)
    )
    predicted = pipe.fit(X, y, sample_domain=sample_domain).predict(X_new)
    unaligned = LogisticRegression(max_iter=2000).fit(
        np.concatenate([Xa, Xd]), np.concatenate([ya, yd])
    )
    assert np.mean(predicted == y_new) > unaligned.score(X_new, y_new)


def test_5_and_it_can_be_searched_over_scored_on_target_rows_alone(domains):
    (Xa, ya), (Xd, yd), (Xt, yt) = domains
    X, y, sample_domain = pack_domains({"amazon": (Xa, ya), "dslr": (Xd, yd)}, target=(Xt, yt))
    pipe = make_transfer_pipeline(
        StandardScaler(), CORALAligner(), LogisticRegression(max_iter=2000)
    )
    search = GridSearchCV(pipe, {"coralaligner__ridge": [1e-3, 1.0]}, cv=TargetFold(5)).fit(
        X, y, groups=sample_domain, sample_domain=sample_domain
    )
    for train, test in search.cv.split(X, y, sample_domain):
        assert len(train) + len(test) == len(X)
        assert set(sample_domain[test]) == {"target"}
    assert search.best_estimator_.predict(Xt).shape == yt.shape


def test_9_a_text_and_a_picture_are_handled_alike(digits):
    texts = ["a cat and a dog", "stocks and bonds", "my dog barks", "the market fell"]
    pipe = make_pipeline(PretrainedFeatureExtractor("words"), LogisticRegression())
    pipe.fit(texts, ["pets", "money", "pets", "money"])
    assert pipe.predict(["a hamster", "the price of shares"]).tolist() == ["pets", "money"]
    X, y = digits
    make_pipeline(PretrainedFeatureExtractor("glyphs"), LogisticRegression()).fit(X[:50], y[:50])


def test_the_readmes_code_runs():
    blocks = re.findall(r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL)
    assert blocks, "the README shows code"
    for block in blocks:
        namespace = {}  # each block runs if it is pasted alone
        exec(compile(block, "README.md", "exec"), namespace)
    guard = namespace["guard"]
    readme = (ROOT / "README.md").read_text().replace("\n>", "")
    assert str(guard.report_).splitlines()[-1] in readme, "the README quotes the sentence"
    assert guard.score(namespace["F_test"], namespace["y_test"]) > 0.91
