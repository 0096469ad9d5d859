"""Files of skops hold every public estimator, and no type that `trusted_types` does not name."""

from importlib import import_module
from inspect import isclass

import numpy as np
import pandas as pd
import pytest
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV

import sktransfer
from sktransfer import deep, make_transfer_pipeline, trusted_types
from sktransfer.utils._check_tools import answers, domain_data, fit, fresh, same, takes_domain
from tests.test_contract import ESTIMATORS, FROM_NUMBERS, get_tags

io = pytest.importorskip("skops.io", reason="it reads the files")

pytestmark = pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")


def _loaded(estimator):
    content = io.dumps(estimator)
    unknown = set(io.get_untrusted_types(data=content)) - set(trusted_types())
    assert not unknown, f"trusted_types() lacks {sorted(unknown)}"
    return io.loads(content, trusted=trusted_types())


def _rows_for(estimator, X):
    tags = get_tags(estimator).input_tags
    if tags.two_d_array:
        return X
    return FROM_NUMBERS[next(name for name in FROM_NUMBERS if getattr(tags, name))](X)


@pytest.mark.parametrize("estimator", ESTIMATORS, ids=lambda item: type(item).__name__)
def test_a_loaded_estimator_gives_the_same_numbers(estimator):
    X, y, domains = domain_data()
    X = _rows_for(estimator, X)
    fitted = fit(fresh(estimator), X, y, domains if takes_domain(estimator) else None)
    same(answers(_loaded(fitted), X), answers(fitted, X))


def _wide():
    rng = np.random.default_rng(0)
    return rng.normal(size=(30, 40)), np.tile([0, 1], 15), np.repeat(["a", "b", "target"], 10)


@pytest.mark.parametrize(
    ("name", "params"),
    [
        ("CORALAligner", {}),
        ("CORALAligner", {"map": "cholesky"}),
        ("OptimalTransportAligner", {"method": "linear"}),
        ("SubspaceAligner", {}),
        ("GaussianWeighter", {}),
    ],
)
def test_more_columns_than_rows(name, params):
    X, y, domains = _wide()
    fitted = getattr(sktransfer, name)(**params).fit(X, y, sample_domain=domains)
    same(answers(_loaded(fitted), X), answers(fitted, X))


@pytest.mark.parametrize("name", ["MomentAligner", "CORALAligner", "TransferComponentAligner"])
def test_a_loaded_aligner_takes_further_batches(name):
    X, _, domains = domain_data()
    aligner = getattr(sktransfer, name)().partial_fit(X, sample_domain=domains)
    loaded = _loaded(aligner)
    for each in (aligner, loaded):
        each.partial_fit(X**2, sample_domain=domains)
    same(loaded.transform(X), aligner.transform(X))


@pytest.mark.parametrize("name", ["TransferRidge", "AdaptiveSVR", "TransferStackingRegressor"])
def test_with_a_source(name):
    X, y, _ = domain_data()
    values = y + X[:, 1]
    fitted = getattr(sktransfer, name)(source=Ridge().fit(X, y)).fit(X, values)
    same(_loaded(fitted).predict(X), fitted.predict(X))


@pytest.mark.parametrize("name", ["CodebookTransfer", "CollectiveFactorization"])
def test_recommenders(name):
    values = np.random.default_rng(0).uniform(1, 5, size=64)
    rows = [(f"u{k // 8}", f"i{k % 8}", value) for k, value in enumerate(values)]
    X = pd.DataFrame(rows, columns=["user", "item", "value"])
    domains = np.where(np.arange(64) % 2, "target", "films")
    sizes = {"n_user_clusters": 2, "n_item_clusters": 2} if name == "CodebookTransfer" else {}
    fitted = getattr(sktransfer, name)(random_state=0, **sizes).fit(X, sample_domain=domains)
    pairs = X.iloc[:9, :2]
    same(_loaded(fitted).predict(pairs), fitted.predict(pairs))


def test_a_search_over_a_pipeline():
    X, y, domains = domain_data()
    search = GridSearchCV(
        make_transfer_pipeline(sktransfer.CORALAligner(), LogisticRegression()),
        {"coralaligner__ridge": [0.1, 1.0]},
        cv=sktransfer.TargetFold(3),
    ).fit(X, y, groups=domains, sample_domain=domains)
    same(_loaded(search).predict_proba(X), search.predict_proba(X))


@pytest.mark.parametrize("name", ["ImportanceWeightedValidation", "PredictionEntropy"])
def test_scorers(name):
    assert type(_loaded(getattr(sktransfer, name)())).__name__ == name


def test_descriptions_of_training():
    names = ("ADDA", "CDAN", "CORAL", "DAN", "DANN", "DomainConfusion", "JAN", "MCC", "MDD")
    for name in (*names, "Augmentation", "SoundPreprocessing"):
        described = getattr(deep, name)()
        assert _loaded(described) == described


def test_every_name_is_a_class():
    for name in trusted_types():
        module, _, kind = name.rpartition(".")
        assert isclass(getattr(import_module(module), kind)), name


def test_another_type_is_refused():
    content = io.dumps([sktransfer.CORALAligner(), deep.Stage("pool", (3,))])
    with pytest.raises(TypeError, match=r"_backbone\.Stage"):
        io.loads(content, trusted=trusted_types())
