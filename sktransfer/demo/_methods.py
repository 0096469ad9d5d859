"""The methods of the demo: each as the estimator that a user would write."""

from collections.abc import Callable
from dataclasses import dataclass

from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import NearestCentroid
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sktransfer import (
    CORALAligner,
    FineTuneClassifier,
    PretrainedFeatureExtractor,
    TrAdaBoostClassifier,
    make_transfer_pipeline,
)

NO_TRANSFER = "no transfer"
FEATURES = "pretrained network, frozen"
FINE_TUNING = "pretrained network, fine-tuned"
PRINTED = "printed digits as source"

# A network from scratch needs more epochs and longer steps than one that only adapts. Chosen, for
# its own good, on draws that the demo does not show by default (seeds 100 and 101).
FROM_SCRATCH = {
    "initialize": "random",
    "freeze_depth": 0,
    "max_epochs": 60,
    "backbone_learning_rate": 1e-3,
}


@dataclass(frozen=True)
class Method:
    """One row of the demo's table.

    `data` names its training data: the labelled handwritten rows ("target") or the printed digits
    ("source"). "both" has them as two domains, "pooled" as one, and "all" adds the unlabelled
    handwritten rows to "both".
    """

    group: str
    name: str
    build: Callable
    data: str = "target"


def _linear():
    return LogisticRegression(C=0.1, max_iter=2000)


def _linear_on_pixels():
    return make_pipeline(StandardScaler(), _linear())


def _features(stage):
    return make_pipeline(PretrainedFeatureExtractor(stage=stage), StandardScaler(), _linear())


def _fine_tuned(depth):
    return FineTuneClassifier(freeze_depth=depth, random_state=0)


def _from_scratch():
    return FineTuneClassifier(**FROM_SCRATCH, random_state=0)


def _aligned():
    return make_transfer_pipeline(StandardScaler(), CORALAligner(), _linear())


def methods():
    """List the methods, in the order of the table."""
    return [
        Method(NO_TRANSFER, "pixels, linear model", _linear_on_pixels),
        Method(NO_TRANSFER, "pixels, nearest centroid", NearestCentroid),
        Method(NO_TRANSFER, "network from scratch", _from_scratch),
        *[
            Method(
                FEATURES, f"features of stage {stage}, linear model", lambda s=stage: _features(s)
            )
            for stage in (1, 2, 3, 4)
        ],
        *[
            Method(FINE_TUNING, f"freeze_depth={depth!r}", lambda d=depth: _fine_tuned(d))
            for depth in ("all", 3, 2, 1, 0)
        ],
        Method(PRINTED, "printed only, linear model", _linear_on_pixels, "source"),
        Method(PRINTED, "printed + labelled, linear model", _linear_on_pixels, "pooled"),
        Method(
            PRINTED,
            "instances: TrAdaBoost (trees)",
            lambda: TrAdaBoostClassifier(random_state=0),
            "both",
        ),
        Method(
            PRINTED,
            "instances: TrAdaBoost (linear)",
            lambda: TrAdaBoostClassifier(_linear(), n_estimators=10, random_state=0),
            "both",
        ),
        Method(PRINTED, "features: CORAL, linear model", _aligned, "all"),
    ]
