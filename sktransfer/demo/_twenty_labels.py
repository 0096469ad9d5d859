"""The last part of the demo: no handwritten digit has a label, and twenty labels decide."""

from textwrap import wrap

import numpy as np
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import GuardedTransferClassifier, PretrainedFeatureExtractor, pack_domains

N_LABELS = 20


def twenty_labels(draw):
    """Fit on printed digits and unlabelled handwriting, then settle with 20 labels.

    Parameters
    ----------
    draw : Draw
        Its labelled rows are not used; the rows to test on are the unlabelled target.

    Returns
    -------
    before, after : float
        Accuracy of the source model alone, and after the labels.
    report : GuardReport
    """
    X_test, y_test = draw.test
    X_printed, y_printed = draw.source
    network = PretrainedFeatureExtractor().fit(X_printed)
    F_printed, F_test = network.transform(X_printed), network.transform(X_test)
    X, y, sample_domain = pack_domains({"printed": (F_printed, y_printed)}, target=F_test)
    linear = make_pipeline(StandardScaler(), LogisticRegression(C=0.1, max_iter=2000))
    guard = GuardedTransferClassifier(estimator=linear, random_state=0)
    guard.fit(X, y, sample_domain=sample_domain)
    before = float(np.mean(guard.estimators_["source"].predict(F_test) == y_test))
    rows = guard.rows_to_label(N_LABELS)
    if len(rows):
        guard.settle(rows, y_test[rows - len(y_printed)])
    return before, float(guard.score(F_test, y_test)), guard.report_


def format_twenty_labels(found):
    """Return the mean of several draws, and the sentence of the first, as text."""
    before, after, reports = zip(*found, strict=True)
    lines = [
        "No handwritten digit labelled: a linear model of printed digits, features of stage 4, has "
        f"{np.mean(before):.3f}. A guarded estimator asks for {N_LABELS} labels and then has "
        f"{np.mean(after):.3f} (mean of {len(found)} draws). Its report on the first draw:",
        reports[0].sentence,
    ]
    return "\n".join("\n".join(wrap(line, width=100, break_on_hyphens=False)) for line in lines)
