"""The public bases and readers, as the pages for authors of estimators show them."""

import contextlib
import inspect
import io
import re
import sys
import types
from pathlib import Path

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.utils.estimator_checks import check_estimator

from sktransfer import make_transfer_pipeline
from sktransfer.base import BaseAligner, BaseEncoder, BaseWeighter, Needs
from sktransfer.utils.estimator_checks import check_transfer_estimator

ROOT = Path(__file__).parents[1]


def _blocks(text):
    """Return the code blocks of a page in order, each with its language."""
    pattern = r"\.\. code-block:: (python|text)\n\n((?:(?: {4}.*)?\n)+)"
    return [(kind, inspect.cleandoc(block)) for kind, block in re.findall(pattern, text)]


def _module(name):
    """Return the names of a new module, which classes can be unpickled from."""
    module = sys.modules[f"page_{name}"] = types.ModuleType(f"page_{name}")
    return vars(module)


def _run(page):
    """Run a page's code; return what it printed, block by block, the output shown, the names."""
    blocks = _blocks(page.read_text())
    names, printed, shown = _module(page.stem), [], []
    for k, (kind, block) in enumerate(blocks):
        if kind == "text":
            assert blocks[k - 1][0] == "python"
            shown.append(block)
            continue
        with contextlib.redirect_stdout(io.StringIO()) as output:
            exec(compile(block, str(page), "exec"), names)
        if output.getvalue():
            printed.append(output.getvalue().rstrip())
    return printed, shown, names


@pytest.fixture(scope="module")
def page():
    return _run(ROOT / "docs" / "guide" / "write_your_own.rst")


def test_the_guide_shows_what_its_code_prints(page):
    printed, shown, _ = page
    assert len(shown) == 5
    assert printed == shown


@pytest.mark.parametrize("name", ["RangeAligner", "StableColumns", "NearTargetWeighter"])
def test_the_classes_of_the_guide_pass_the_checks_of_scikit_learn(page, name):
    check_estimator(page[2][name](), on_skip=None)


def test_the_smallest_aligner_of_the_contributors_page_passes_every_check():
    text = (ROOT / "CONTRIBUTING.md").read_text()
    (block,) = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names = _module("contributing")
    exec(compile(block, "CONTRIBUTING.md", "exec"), names)
    aligner = names["MeanAligner"]()
    assert "check_fit_transform_keeps_domains" in check_transfer_estimator(aligner)
    check_estimator(aligner, on_skip=None)


@pytest.mark.parametrize("base", [BaseAligner, BaseEncoder, BaseWeighter])
def test_a_base_is_abstract(base):
    with pytest.raises(TypeError, match="abstract"):
        base()


def test_an_aligner_of_ones_own_gets_the_domains_in_a_pipeline():
    seen = {}

    class Looks(BaseAligner):
        _needs = Needs(min_domain_rows=2)

        def _fit_domains(self, sources, X_target):
            seen.update({name: X.tolist() for name, X in (*sources.items(), ("target", X_target))})

        def _transform_domain(self, X, name):
            return X

    X = np.arange(6.0)[:, None]
    sample_domain = ["b", "a", "target", "a", "b", "target"]
    pipe = make_transfer_pipeline(Looks(), LogisticRegression())
    pipe.fit(X, [0, 1, 0, 1, 0, 1], sample_domain=sample_domain)
    assert seen == {"a": [[1.0], [3.0]], "b": [[0.0], [4.0]], "target": [[2.0], [5.0]]}
    with pytest.raises(ValueError, match="Looks needs at least 2 rows of every domain in sample_d"):
        Looks().fit(X[:3], sample_domain=sample_domain[:3])
