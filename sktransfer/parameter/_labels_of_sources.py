"""How classifiers and regressors that start from source models read labels."""

import numpy as np
from sklearn.base import ClassifierMixin, RegressorMixin

from sktransfer._labels import read_classes, read_numbers
from sktransfer._messages import listed
from sktransfer._scoring import _ScoresLabelsAlone


class _ReadsNumbers(_ScoresLabelsAlone, RegressorMixin):
    """A regressor."""

    def _read_labels(self, y, used):
        return read_numbers(y, used)

    def _classes_of(self, labels, models):
        return None


class _ReadsClasses(_ScoresLabelsAlone, ClassifierMixin):
    """A classifier, whose classes are those of all labels and all source models."""

    def _read_labels(self, y, used):
        return read_classes(y, used)

    def _best_class(self, scores):
        """Return the class of the largest score; with two classes there is one score."""
        best = (scores > 0).astype(int) if scores.ndim == 1 else scores.argmax(axis=1)
        return self.classes_[best]

    def _classes_of(self, labels, models):
        found = [np.unique(labels)]
        for model in models:
            theirs = np.asarray(model.classes_)
            theirs = read_classes(theirs, np.ones(len(theirs), dtype=bool))
            if (theirs.dtype.kind in "OSU") != (found[0].dtype.kind in "OSU"):
                theirs, ours = (listed(classes.tolist()) for classes in (theirs, found[0]))
                raise ValueError(
                    f"The classes of a model in source are {theirs}, and those in y are {ours}; "
                    "pass labels of one type."
                )
            found.append(theirs)
        classes = np.unique(np.concatenate(found))
        if len(classes) < 2:
            raise ValueError(
                f"{type(self).__name__} needs labels of at least 2 classes, but y holds 1 class, "
                f"{listed(classes.tolist())}; add rows of another class."
            )
        return classes
