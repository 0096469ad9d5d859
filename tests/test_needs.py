"""What an estimator states that it needs is what it takes, and what the guide prints."""

import sys
from inspect import isclass

import numpy as np
import pytest
from scipy import sparse
from sklearn.base import BaseEstimator, is_regressor
from sklearn.utils import get_tags

import sktransfer
from sktransfer._needs import needs_of
from sktransfer.base import Needs
from tests.shelf import ROOT

pytestmark = [
    pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning"),
    pytest.mark.filterwarnings("ignore::sklearn.exceptions.ConvergenceWarning"),
]

sys.path.insert(0, str(ROOT / "docs" / "_tables"))
table = pytest.importorskip("needs", reason="docutils is not installed")

RNG = np.random.default_rng(0)
X = np.abs(RNG.normal(size=(60, 4))) + 0.1
SAMPLE_DOMAIN = np.repeat(["lab", "field", "target"], 20)
CLASSES = np.arange(60) % 2


FEW = {"n_estimators": 2, "n_steps": 2, "n_folds": 2, "n_layers": 1}  # so that fits are quick


def _quick(cls, **params):
    few = {name: value for name, value in FEW.items() if name in cls._parameter_constraints}
    return cls(**few | params)


def _estimators():
    for cls in table.estimators().values():
        yield pytest.param(_quick(cls), id=cls.__name__)
        stated = [getattr(needs_of(cls()), field) for field in table.COLUMNS]
        for text, params in table.settings(cls):
            needs = needs_of(cls(**params))
            if [getattr(needs, field) for field in table.COLUMNS] != stated:
                yield pytest.param(_quick(cls, **params), id=f"{cls.__name__}-{text}")


EVERY = pytest.mark.parametrize("estimator", list(_estimators()))


def _labels(estimator):
    return X @ [1.0, 2.0, 0.0, 1.0] if is_regressor(estimator) else CLASSES


def test_the_table_has_every_estimator_of_the_families_beside_networks():
    expected = {
        name
        for name in sktransfer.__all__
        for item in [getattr(sktransfer, name)]
        if isclass(item)
        and issubclass(item, BaseEstimator)
        and item.__module__.count(".") > 1
        and not item.__module__.startswith("sktransfer.deep")
    }
    assert set(table.estimators()) == expected


@EVERY
def test_tags_are_those_of_the_needs(estimator):
    tags, needs = get_tags(estimator), needs_of(estimator)
    assert tags.input_tags.sparse == needs.sparse
    assert tags.input_tags.allow_nan == needs.missing
    assert tags.array_api_support == needs.array_api


@EVERY
def test_sparse_rows_and_missing_values_are_taken_as_stated(estimator):
    needs, y = needs_of(estimator), _labels(estimator)
    with_gap = X.copy()
    with_gap[5, 1] = np.nan
    for rows, taken in ((sparse.csr_array(X), needs.sparse), (with_gap, needs.missing)):
        if taken:
            estimator.fit(rows, y, sample_domain=SAMPLE_DOMAIN)
            continue
        with pytest.raises((TypeError, ValueError), match=r"takes only dense rows|NaN"):
            estimator.fit(rows, y, sample_domain=SAMPLE_DOMAIN)


@EVERY
def test_the_fewest_rows_of_a_domain_are_enough_and_fewer_are_not(estimator):
    fewest, y = needs_of(estimator).min_domain_rows, _labels(estimator)
    if fewest == 1:
        return
    enough = np.r_[:20, 40 : 40 + fewest]
    estimator.fit(X[enough], y[enough], sample_domain=SAMPLE_DOMAIN[enough])
    short = enough[:-1]
    with pytest.raises(ValueError, match=f"needs at least {fewest} "):
        estimator.fit(X[short], y[short], sample_domain=SAMPLE_DOMAIN[short])


@EVERY
def test_labels_are_asked_for_only_if_they_are_read(estimator):
    needs = needs_of(estimator)
    if needs.source_labels and not needs.labels_optional:
        with pytest.raises(ValueError, match=r"y is None"):
            estimator.fit(X, None, sample_domain=SAMPLE_DOMAIN)
    else:
        estimator.fit(X, sample_domain=SAMPLE_DOMAIN)


def test_cells_say_what_holds_by_default_and_which_setting_changes_it():
    assert table.cell(sktransfer.CORALAligner, "array_api") == "yes"
    assert table.cell(sktransfer.CORALAligner, "sparse") == ""
    assert table.cell(sktransfer.TrAdaBoostClassifier, "unlabelled_rows") == "dropped"
    assert table.cell(sktransfer.TrAdaBoostClassifier, "missing") == "as `estimator`"
    labels = table.cell(sktransfer.OptimalTransportAligner, "source_labels")
    assert labels == "with `supervised=True`"
    rows = table.cell(sktransfer.MomentAligner, "min_domain_rows")
    assert rows == "2; 1 with `with_std=False`"


def test_every_row_of_the_table_has_a_cell_for_every_column():
    rows = "\n".join(table.lines()).split("    * - ")[1:]
    assert len(rows) == 1 + len(table.estimators())
    assert {row.count("\n      -") for row in rows} == {len(table.COLUMNS)}


def test_an_object_without_needs_has_none_of_ours():
    class Foreign:
        _needs = {"sparse": True}

    assert needs_of(Foreign()) is None
    assert needs_of(object()) is None
    with pytest.raises(TypeError):
        Needs(True)
