"""MNIST and USPS, 16 x 16 pixels: what does adaptation add between two sets of digits?

2000 digits of MNIST (M) and 1800 of USPS (U), 256 pixels each. First table: all rows of one are the
source, all rows of the other are the target, without labels, and the test (transductive). Rows have
length 1, which is what makes the published 1-NN row come out; where a method is shown for rows with
standardised columns too (``ddof=0``, one domain at a time), its name says so. Second table: 1, 5 or
10 labels of each class in the target, drawn at random; the test is its other rows. Accuracy in
percent. Settings are the defaults, or those of the tables on Office-Caltech10; none was chosen by
looking at these targets.
"""

import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, StratifiedKFold
from sklearn.neighbors import KNeighborsClassifier, NearestCentroid
from sklearn.preprocessing import StandardScaler, normalize
from sklearn.svm import SVC

from benchmarks._data import SOURCES, load_mnist_usps
from benchmarks._runner import Table
from benchmarks.office_caltech import (
    aligned_centroid,
    aligned_neighbour,
    coral_similarity_svm,
    linear_svm,
    nearest_centroid,
    nearest_neighbour,
    principal_components,
    transport_aligners,
)
from sktransfer import (
    CORALAligner,
    DomainAugmenter,
    GeodesicFlowAligner,
    JointDistributionAligner,
    SubspaceAligner,
    TransferComponentAligner,
    TransferJointAligner,
    make_transfer_pipeline,
    pack_domains,
)

DOMAINS = {"M": "mnist", "U": "usps"}
TASKS = ("M→U", "U→M")
LABEL_COUNTS = (1, 5, 10)


@dataclass(frozen=True)
class Method:
    """A row: how to predict, the rows it reads, and the published figures, in order of `TASKS`.

    ``published`` is of Wang et al., MM 2018, table 3; ``because`` says where the protocols part.
    """

    name: str
    predict: Callable
    published: tuple = ()
    because: str = ""
    rows: str = "unit"


SEVERAL = "their number of components is not known, so several are shown"


def _component_rows(name, aligner, published, widths, **options):
    """Give a row for each number of components."""
    return tuple(
        Method(
            f"{name} ({width}) + 1-NN",
            partial(aligned_neighbour, aligner=aligner(width), **options),
            published,
            SEVERAL,
        )
        for width in widths
    )


def _transport_rows():
    """Give the rows of optimal transport: each method, in front of 1-NN and of centroids."""
    return tuple(
        Method(f"transport, {name} + {suffix}", partial(classify, aligner=aligner))
        for name, aligner in transport_aligners().items()
        for suffix, classify in (("1-NN", aligned_neighbour), ("centroid", aligned_centroid))
    )


def rbf_svm(X_source, y_source, X_target):
    """An SVM with a Gaussian kernel on the source rows, C chosen as for the linear one."""
    folds = StratifiedKFold(2, shuffle=True, random_state=0)
    kernel = SVC(gamma=1 / X_source.shape[1])
    search = GridSearchCV(kernel, {"C": np.logspace(-3, 2, 6)}, cv=folds)
    return search.fit(X_source, y_source).predict(X_target)


SVM_BECAUSE = "their kernel, C and preparation are not known, so several are shown"
CORAL_BECAUSE = (
    "what classified after their CORAL, and on which rows, is not known, so several are shown; "
    "the covariances of rows of length 1 are small beside the ridge of 1"
)
METHODS = (
    Method("1-NN", nearest_neighbour, (65.9, 44.7)),
    Method("1-NN, standardised", nearest_neighbour, rows="standardised"),
    Method("nearest centroid", nearest_centroid),
    Method("nearest centroid, standardised", nearest_centroid, rows="standardised"),
    *(
        Method(f"{name}{suffix}", svm, (68.2, 62.2), SVM_BECAUSE, rows)
        for name, svm in (("linear SVM", linear_svm), ("RBF SVM", rbf_svm))
        for suffix, rows in (("", "unit"), (", standardised", "standardised"))
    ),
    *(
        Method(
            f"PCA ({width}) + 1-NN",
            partial(principal_components, n_components=width),
            (66.2, 45.0),
            SEVERAL,
        )
        for width in (20, 30, 100)
    ),
    Method("subspace alignment (20) + 1-NN", partial(aligned_neighbour, aligner=SubspaceAligner())),
    *_component_rows("geodesic flow", GeodesicFlowAligner, (61.2, 46.5), (10, 20, 30, 100)),
    *_component_rows("TCA", TransferComponentAligner, (56.3, 51.2), (20, 30, 100), unit_rows=True),
    *_component_rows("JDA", JointDistributionAligner, (67.3, 59.7), (20, 30, 100), unit_rows=True),
    *_component_rows("TJM", TransferJointAligner, (63.3, 52.3), (20, 30, 100), unit_rows=True),
    *(
        Method(f"CORAL + {name}{suffix}", classify, figures, CORAL_BECAUSE, rows)
        for name, classify, figures in (
            ("1-NN", partial(aligned_neighbour, aligner=CORALAligner()), (49.2, 30.5)),
            ("centroid", partial(aligned_centroid, aligner=CORALAligner()), ()),
            ("similarity SVM", coral_similarity_svm, (49.2, 30.5)),
        )
        for suffix, rows in (("", "unit"), (", standardised", "standardised"))
    ),
    *_transport_rows(),
)


def prepare(domains):
    """Give the rows of each domain as methods read them: of length 1, or standardised columns."""
    return {
        "unit": {name: (normalize(X), y) for name, (X, y) in domains.items()},
        "standardised": {
            name: (StandardScaler().fit_transform(X), y) for name, (X, y) in domains.items()
        },
    }


def accuracies(method, prepared):
    """Give the accuracy of `method` on each of the `TASKS`; labels of the target are read here."""
    found = []
    for task in TASKS:
        X_source, y_source = prepared[method.rows][DOMAINS[task[0]]]
        X_target, y_target = prepared[method.rows][DOMAINS[task[-1]]]
        predicted = method.predict(X_source, y_source, X_target)
        found.append(100 * float(np.mean(predicted == y_target)))
    return found


def compare_unlabelled(prepared, methods):
    """Fill the table of no label in the target."""
    rows, notes = [], []
    for method in methods:
        start = time.perf_counter()
        ours = accuracies(method, prepared)
        seconds = time.perf_counter() - start
        print(f"{method.name}: {ours[0]:.2f} {ours[1]:.2f}, {seconds:.1f} s", flush=True)
        rows.append((method.name, *ours, *(method.published or (None, None)), seconds))
        if method.published:
            notes.append(_difference(method, ours))
    return Table(
        "Accuracy (%) on the target, every source row labelled and no target row",
        columns=("method", *TASKS, *(f"{task} published" for task in TASKS), "seconds"),
        rows=tuple(rows),
        notes=(
            "Published: Wang et al., MM 2018, table 3, on the same files.",
            *notes,
            f"Data: {SOURCES['mnist-usps'].cite}.",
        ),
    )


def _difference(method, ours):
    """Say how far `ours` are from the published figures, and why where it is more than rounding."""
    off = np.subtract(ours, method.published)
    text = ", ".join(f"{task} {value:+.1f}" for task, value in zip(TASKS, off))
    reason = f" ({method.because})" if method.because and np.abs(off).max() > 0.06 else ""
    return f"{method.name}, ours less published: {text}{reason}."


def linear_model():
    """Give the linear model of the second table."""
    return LogisticRegression(C=10.0, max_iter=1000)


def few_label_methods():
    """Give name -> function of source, labelled target and test rows that gives predictions."""
    return {
        "source only, logistic": partial(_on_rows, linear_model, use="source"),
        "target only, 1-NN": partial(_on_rows, _one_neighbour, use="target"),
        "target only, centroid": partial(_on_rows, NearestCentroid, use="target"),
        "target only, logistic": partial(_on_rows, linear_model, use="target"),
        "pooled, 1-NN": partial(_on_rows, _one_neighbour, use="both"),
        "pooled, logistic": partial(_on_rows, linear_model, use="both"),
        "EasyAdapt, logistic": _easy_adapt,
    }


def _one_neighbour():
    return KNeighborsClassifier(n_neighbors=1)


def _on_rows(make, source, labelled, X_test, *, use):
    parts = {"source": (source,), "target": (labelled,), "both": (source, labelled)}[use]
    X, y = (np.concatenate(arrays) for arrays in zip(*parts))
    return make().fit(X, y).predict(X_test)


def _easy_adapt(source, labelled, X_test):
    X, y, sample_domain = pack_domains({"source": source}, target=labelled)
    pipe = make_transfer_pipeline(DomainAugmenter(), linear_model())
    return pipe.fit(X, y, sample_domain=sample_domain).predict(X_test)


def draw_labelled(y, n_labels, seed):
    """Give a mask of `n_labels` rows of each class."""
    rng = np.random.default_rng(seed)
    mask = np.zeros(len(y), dtype=bool)
    for label in np.unique(y):
        mask[rng.choice(np.flatnonzero(y == label), n_labels, replace=False)] = True
    return mask


def compare_few_labels(domains, *, n_draws):
    """Fill the table of a few labels in the target."""
    rows = []
    for name, predict in few_label_methods().items():
        start, cells = time.perf_counter(), []
        for task in TASKS:
            source, (X, y) = domains[DOMAINS[task[0]]], domains[DOMAINS[task[-1]]]
            for n_labels in LABEL_COUNTS:
                masks = [draw_labelled(y, n_labels, seed) for seed in range(n_draws)]
                scores = [
                    100 * np.mean(predict(source, (X[mask], y[mask]), X[~mask]) == y[~mask])
                    for mask in masks
                ]
                cells.append(f"{np.mean(scores):.1f} ({np.std(scores):.1f})")
        rows.append((name, *cells, time.perf_counter() - start))
        print(f"{name}: {' '.join(cells)}", flush=True)
    return Table(
        f"Accuracy (%) on the unlabelled target rows, mean (standard deviation) of {n_draws} draws",
        columns=("method", *(f"{t}, {n} a class" for t in TASKS for n in LABEL_COUNTS), "seconds"),
        rows=tuple(rows),
        notes=(
            "Logistic regression with C = 10 throughout; rows of length 1.",
            "No published figure is for these draws.",
        ),
    )


def run(data_home, *, quick=False):
    """Fill both tables."""
    prepared = prepare(load_mnist_usps(data_home))
    methods = METHODS[:4] if quick else METHODS
    with warnings.catch_warnings():  # of nearest centroid, about pixels that never vary
        warnings.filterwarnings("ignore", module=r"sklearn\.neighbors\._nearest_centroid")
        return [
            compare_unlabelled(prepared, methods),
            compare_few_labels(prepared["unit"], n_draws=1 if quick else 5),
        ]
