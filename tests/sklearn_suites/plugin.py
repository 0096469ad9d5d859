"""A pytest plugin: scikit-learn's own test modules, with the names of pipelines replaced by ours.

``differences.toml`` lists the tests that must fail, each with its reason. A listed test that
passes is a failure too, and so is an entry that names no test.
"""

import importlib
import sys
import tomllib
from contextlib import redirect_stdout
from io import StringIO
from pathlib import Path

import pytest
import sklearn.pipeline

import sktransfer

SUITES = (
    "sklearn.tests.test_pipeline",
    "sklearn.tests.test_metaestimators",
    "sklearn.tests.test_metadata_routing",
    "sklearn.tests.test_calibration",
    "sklearn.model_selection.tests.test_classification_threshold",
    "sklearn.frozen.tests.test_frozen",
)

DIFFERENCES = Path(__file__).with_name("differences.toml")


def pytest_configure():
    """Import each module with our names, so that the parameters of its tests are ours as well."""
    for name in SUITES:
        pytest.register_assert_rewrite(name)
        _import_with_ours(name)


def _import_with_ours(name):
    with redirect_stdout(StringIO()):  # some of these modules print
        importlib.import_module(name)  # so that its imports are loaded with their own names
        del sys.modules[name]
        theirs = sklearn.pipeline.Pipeline, sklearn.pipeline.make_pipeline
        ours = sktransfer.TransferPipeline, sktransfer.make_transfer_pipeline
        try:
            sklearn.pipeline.Pipeline, sklearn.pipeline.make_pipeline = ours
            importlib.import_module(name)
        finally:
            sklearn.pipeline.Pipeline, sklearn.pipeline.make_pipeline = theirs


def pytest_collection_modifyitems(items):
    reasons = tomllib.loads(DIFFERENCES.read_text())
    found = set()
    for item in items:
        name = f"{item.module.__name__.rpartition('.')[2]}::{item.originalname}"
        if name in reasons:
            found.add(name)
            item.add_marker(pytest.mark.xfail(reason=reasons[name], strict=True))
    if {item.module.__name__ for item in items} == set(SUITES) and found != set(reasons):
        raise pytest.UsageError(f"differences.toml names no test: {sorted(set(reasons) - found)}")
