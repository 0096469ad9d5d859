"""Which changes of the rows change nothing: a table of all aligners, encoders and weighters.

Rows ``x`` become ``T(x)``, in `fit` and in `transform`. A law says how the result changes:

- ``"same"``: it does not, but for the signs of components;
- ``"moves"``: it becomes ``T`` of the result;
- ``"no"``: neither, and the test sees that neither holds.

The transformations ``T`` are:

- ``shift``: an offset, the same for all rows;
- ``apart``: an offset of the rows of one source alone ("same" says that an aligner undoes it);
- ``turn``: a rotation of all rows;
- ``scale``: one factor for all values;
- ``units``: a factor for each feature;
- ``columns``: another order of the features ("same" is but for the order of the columns then);
- ``rows``: another order of the rows.

A new public method must state its laws here.
"""

from inspect import isclass

import numpy as np
import pytest
from numpy.testing import assert_allclose
from sklearn.base import BaseEstimator
from sklearn.linear_model import LogisticRegression

import sktransfer

LAWS = ("shift", "apart", "turn", "scale", "units", "columns", "rows")
FAMILIES = ("sktransfer.feature", "sktransfer.instance")
ROLES = ("Aligner", "Augmenter", "Encoder", "Weighter")

# Method, its parameters, and what the laws above say of it, in their order.
TABLE = [
    ("MomentAligner", {}, "moves same no moves moves moves moves"),
    ("MomentAligner", {"with_std": False}, "moves same moves moves moves moves moves"),
    ("CORALAligner", {}, "moves same moves no no moves moves"),
    ("CORALAligner", {"ridge": 0}, "moves same moves moves no moves moves"),
    ("CORALAligner", {"ridge": 0, "map": "monge"}, "moves same moves moves no moves moves"),
    ("CORALAligner", {"ridge": 0, "map": "cholesky"}, "moves same no moves moves no moves"),
    ("OptimalTransportAligner", {}, "moves same moves moves no moves moves"),
    (
        "OptimalTransportAligner",
        {"supervised": True, "class_regularization": 0.5},
        "moves same moves moves no moves moves",
    ),
    ("OptimalTransportAligner", {"method": "exact"}, "moves same moves moves no moves moves"),
    ("OptimalTransportAligner", {"method": "linear"}, "moves same moves no no moves moves"),
    ("OptimalTransportAligner", {"metric": "euclidean"}, "moves no moves moves no moves moves"),
    ("OptimalTransportAligner", {"metric": "cityblock"}, "moves no no moves no moves moves"),
    (
        "OptimalTransportAligner",
        {"metric": "cosine", "regularization": 0.2},
        "no no moves moves no moves moves",
    ),
    ("SubspaceAligner", {"n_components": 2}, "same same same moves no same moves"),
    ("GeodesicFlowAligner", {"n_components": 2}, "same same same moves no same moves"),
    ("TransferComponentAligner", {"n_components": 2}, "no no same no no same moves"),
    (
        "TransferComponentAligner",
        {"n_components": 2, "kernel": "rbf"},
        "same no same no no same moves",
    ),
    (
        "TransferComponentAligner",
        {"n_components": 2, "supervised": True},
        "no no same no no same moves",
    ),
    (
        "TransferComponentAligner",
        {"n_components": 2, "kernel": "primal"},
        "no no same no no same moves",
    ),
    ("TransferJointAligner", {"n_components": 2}, "no no same no no same moves"),
    ("JointDistributionAligner", {"n_components": 2}, "no no same no no same moves"),
    (
        "JointDistributionAligner",
        # Rows with one feature alone have equal directions, between which neighbors are tied.
        {"n_components": 2, "kernel": "primal", "estimator": LogisticRegression()},
        "no no same no no same moves",
    ),
    ("DomainAugmenter", {"intercepts": False}, "no no no moves no same moves"),
    ("DenoisingEncoder", {"n_layers": 2}, "no no no no no same moves"),
    ("StructuralEncoder", {"n_components": 2}, "no no no moves no same moves"),
    ("SelfTaughtEncoder", {"n_components": 4}, "same no no same no no moves"),
    ("DiscriminatorWeighter", {}, "same no no same same same moves"),
    ("GaussianWeighter", {}, "same no no same same same moves"),
    # The folds are drawn in the order of the sorted rows, which depends on the axes.
    ("KLIEPWeighter", {}, "same no no same no no moves"),
    ("KLIEPWeighter", {"width": 2.0}, "same no same no no same moves"),
    ("KMMWeighter", {}, "same no same same no same moves"),
    ("LabelShiftWeighter", {}, "same no same no no same moves"),
    ("NearestNeighborWeighter", {}, "same no same same no same moves"),
    ("ULSIFWeighter", {}, "same no same same no same moves"),
]

# Laws that iterations reach to the tolerance of a learner alone.
LOOSE = {"DiscriminatorWeighter": 1e-2, "LabelShiftWeighter": 1e-3}


def make_rows():
    """Features that are 0 in some rows, each in another share, and correlated."""
    rng = np.random.default_rng(0)
    sample_domain = np.repeat(["north", "south", "target"], [40, 35, 45])
    y = rng.integers(2, size=120)
    X = 1 + y[:, None] * [1, 0, 0.5, 0, 1] + rng.gamma(2, size=(120, 5)) * [1, 2, 1.5, 0.5, 1]
    X[:, 1] += 0.5 * X[:, 0]
    X[sample_domain == "north"] *= [1.2, 0.9, 1.1, 1, 0.8]
    X[rng.uniform(size=X.shape) < [0.05, 0.15, 0.25, 0.35, 0.45]] = 0
    return X, y, sample_domain


TURN = np.linalg.qr(np.random.default_rng(1).normal(size=(5, 5)))[0]
ORDER = np.array([2, 0, 4, 1, 3])
ROWS = np.random.default_rng(2).permutation(120)


def changed(values, law, sample_domain):
    """``T`` of rows of the input, or of a result with as many columns."""
    north = (sample_domain == "north")[:, None]
    return {
        "shift": lambda: values + np.array([3.0, -2.0, 1.0, 0.5, 2.0]),
        "apart": lambda: values + north * np.array([3.0, -2.0, 1.0, 0.5, 2.0]),
        "turn": lambda: values @ TURN,
        "scale": lambda: values * 3,
        "units": lambda: values * np.array([3.0, 0.2, 7.0, 1.0, 0.4]),
        "columns": lambda: values[:, ORDER],
        "rows": lambda: values[ROWS],
    }[law]()


def result(name, params, X, y, sample_domain):
    """The mapped rows, or the weights of all rows as a column."""
    estimator = getattr(sktransfer, name)(**params)
    if "random_state" in estimator.get_params():
        estimator.set_params(random_state=0)
    estimator.fit(X, y, sample_domain=sample_domain)
    if hasattr(estimator, "weights_"):
        return estimator.weights_[:, None]
    return estimator.transform(X, sample_domain=sample_domain)


def is_same(after, before, *, rtol, any_order=False):
    """Whether two results are equal, but for the signs (and the order) of the columns."""
    if after.shape != before.shape:
        return False
    pairs = [
        [
            min(np.abs(a - b).max(), np.abs(a + b).max()) <= rtol * np.abs(before).max()
            for b in before.T
        ]
        for a in after.T
    ]
    return np.any(pairs, axis=0).all() if any_order else np.diagonal(pairs).all()


def is_moved(after, before, law, sample_domain, *, rtol):
    if law not in ("scale", "rows") and before.shape[1] != 5:
        return False  # ``T`` is not defined
    expected = changed(before, law, sample_domain)
    return np.allclose(after, expected, rtol=0, atol=rtol * np.abs(expected).max())


@pytest.mark.parametrize("law", LAWS)
@pytest.mark.parametrize(
    ("name", "params", "says"),
    TABLE,
    ids=[f"{name}-{'-'.join(map(str, params.values()))}" for name, params, _ in TABLE],
)
@pytest.mark.filterwarnings("ignore::sktransfer.exceptions.TransferWarning")
def test_law(name, params, says, law):
    if params.get("method") == "exact":
        pytest.importorskip("ot")
    X, y, sample_domain = make_rows()
    before = result(name, params, X, y, sample_domain)
    rows = ROWS if law == "rows" else slice(None)
    X_changed = changed(X, law, sample_domain)
    after = result(name, params, X_changed, y[rows], sample_domain[rows])
    rtol = LOOSE.get(name, 1e-5)
    holds = [
        kind
        for kind, found in (
            ("same", is_same(after, before, rtol=rtol, any_order=law == "columns")),
            ("moves", is_moved(after, before, law, sample_domain, rtol=rtol)),
        )
        if found
    ] or ["no"]
    assert dict(zip(LAWS, says.split(), strict=True))[law] in holds, f"it {'/'.join(holds)}"


def test_every_public_method_states_its_laws():
    public = [getattr(sktransfer, name) for name in sktransfer.__all__]
    methods = {
        item.__name__
        for item in public
        if isclass(item)
        and issubclass(item, BaseEstimator)
        and item.__module__.startswith(FAMILIES)
        and item.__name__.endswith(ROLES)
    }
    assert methods == {name for name, _, _ in TABLE}
    assert {len(says.split()) for _, _, says in TABLE} == {len(LAWS)}


@pytest.mark.parametrize("offset", [10.0, 1e3, 1e6])
def test_transport_does_not_feel_how_far_the_domains_are_apart(offset):
    X, y, sample_domain = make_rows()
    params = {"regularization": 0.05}
    before = result("OptimalTransportAligner", params, X, y, sample_domain)
    far = X + offset * (sample_domain == "target")[:, None]
    after = result("OptimalTransportAligner", params, far, y, sample_domain)
    assert_allclose(after - offset, before, atol=1e-9 * offset + 1e-6)
