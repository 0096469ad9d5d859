"""ZeroShotClassifier: classes without a row, by their descriptions."""

from numbers import Real

import numpy as np

from sktransfer._kernels.prototypes import class_means
from sktransfer._labels import read_classes
from sktransfer._messages import listed, warn
from sktransfer._needs import Needs
from sktransfer._sklearn import Interval, StrOptions
from sktransfer.exceptions import TransferWarning
from sktransfer.few_shot._base_few_shot import _BaseFewShotClassifier
from sktransfer.few_shot._class_descriptions import read_descriptions
from sktransfer.few_shot._zero_shot_choice import FEWEST_CLASSES, Choice, choose, learn
from sktransfer.few_shot._zero_shot_methods import METHODS, Learned

DEFAULT = 1.0  # a penalty that is not chosen


class ZeroShotClassifier(_BaseFewShotClassifier):
    """Predict classes that have no labelled row, from descriptions of all classes.

    A description is a row of attributes, such as "has stripes", or the vector of a word. The
    labelled rows, of the seen classes, teach how features go with descriptions; a class without a
    row is then found by its description. Rows and descriptions are centered, and have a mean square
    length of 1.

    It helps if there are some tens of seen classes and the attributes that tell the unseen classes
    apart also vary among the seen ones. It hurts if there are few seen classes, as each has one
    description, or if attributes do not show in the features. A single labelled row of each new
    class is often worth more: see `PrototypeClassifier`.

    Parameters
    ----------
    class_descriptions : dict, DataFrame or None, default=None
        The description of each class, seen or unseen. It is a dict from the class to an array-like
        of shape (n_attributes,), or a DataFrame with a row for each class, indexed by class. The
        columns must be of one scale: none is scaled. A dict from the class to a text has the means
        of the built-in English word vectors, as `PretrainedTextExtractor`. None: the means of the
        rows of the seen classes, and no unseen class.
    method : {"eszsl", "sae", "dap", "conse"}, default="eszsl"
        "eszsl" is a bilinear score in closed form [1]_. "sae" maps descriptions to features and
        compares directions; the map is also the best way back [2]_. "dap" predicts each attribute
        by a logistic model. An attribute is present in a class if its value is above the mean of
        the seen classes [3]_. "conse" averages the descriptions of seen classes by their predicted
        probabilities, and compares directions [4]_.
    candidates : {"unseen", "all"}, default="all"
        The classes that can be predicted: those without a labelled row, or all.
    alpha : float or "auto", default="auto"
        The penalty on the weights of features, relative to the mean eigenvalue of the rows: that of
        ESZSL, or of the logistic models. For "sae" it is the weight of the map from features to
        descriptions; the way back has 1. "auto": the best on held-out seen classes.
    description_alpha : float or "auto", default="auto"
        The penalty on the weights of descriptions, likewise. Only for "eszsl".
    calibration : float or "auto", default="auto"
        Subtracted from the scores of seen classes with ``candidates="all"``, as they are
        too high in rows of unseen ones [5]_. "auto": the best harmonic mean of the accuracies on
        rows of seen and of held-out classes.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        All described classes.
    candidate_classes_ : ndarray of shape (n_candidates,)
        The classes that can be predicted.
    seen_classes_ : ndarray of shape (n_seen,)
        The classes with a labelled row.
    descriptions_ : ndarray of shape (n_classes, n_attributes)
        The descriptions of `classes_`, as they are given.
    coef_ : ndarray of shape (n_features, n_attributes) or (n_features, n_seen)
        The weights of the method, for centered rows and descriptions; for "conse" those of the
        model of the seen classes.
    intercept_ : ndarray of shape (n_attributes,) or (n_seen,)
        Of the logistic models; zeros for "eszsl" and "sae".
    alpha_, description_alpha_, calibration_ : float
        The values that are used. ``calibration_`` is 0 with ``candidates="unseen"``.
    temperature_ : float
        Probabilities are proportional to ``exp(score / temperature_)``. It has the least log-loss
        on held-out classes.
    held_out_accuracy_ : float
        The mean accuracy on seen classes that are held out, among those held out together. It
        estimates the accuracy on unseen classes. It is slightly too high because settings are
        chosen by it. NaN if nothing is held out.
    source_domains_ : tuple of str
        The names of the source domains in `fit`. The rows of all domains are one pool.
    n_features_in_ : int
        Number of features in `fit`.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    Warns
    -----
    TransferWarning
        If there are fewer than 4 seen classes, so that none can be held out, or if descriptions are
        equal. If held-out classes are told apart hardly better than by chance, by a standard error
        over classes.

    See Also
    --------
    PrototypeClassifier : For classes with a labelled row each.

    Notes
    -----
    If there are unseen classes, seen ones are held out in 2 to 5 folds. Without an unseen class,
    or with fewer than 4 seen ones, "auto" is 1 for penalties and 0 for the calibration, and the
    temperature is 1. Rows without a label are left out. Attributes that all seen classes share are
    left out.

    References
    ----------
    .. [1] B. Romera-Paredes, P. H. S. Torr, "An Embarrassingly Simple Approach to Zero-Shot
       Learning", ICML 2015. https://proceedings.mlr.press/v37/romera-paredes15.html
    .. [2] E. Kodirov, T. Xiang, S. Gong, "Semantic Autoencoder for Zero-Shot Learning", CVPR 2017.
       https://arxiv.org/abs/1704.08345
    .. [3] C. H. Lampert, H. Nickisch, S. Harmeling, "Attribute-Based Classification for Zero-Shot
       Visual Object Categorization", IEEE TPAMI 36(3), 2014. https://doi.org/10.1109/TPAMI.2013.140
    .. [4] M. Norouzi et al., "Zero-Shot Learning by Convex Combination of Semantic Embeddings",
       ICLR 2014. https://arxiv.org/abs/1312.5650
    .. [5] W.-L. Chao, S. Changpinyo, B. Gong, F. Sha, "An Empirical Study and Analysis of
       Generalized Zero-Shot Learning for Object Recognition in the Wild", ECCV 2016.
       https://arxiv.org/abs/1605.04253

    Examples
    --------
    The first column shows wings, the second one legs. A bee has both:

    >>> from sktransfer import ZeroShotClassifier
    >>> X = [[0, 0], [0, 1], [9, 1], [8, 0], [0, 9], [1, 8]]
    >>> y = ["worm", "worm", "owl", "owl", "ant", "ant"]
    >>> descriptions = {"worm": [0, 0], "owl": [1, 0], "ant": [0, 1], "bee": [1, 1]}
    >>> model = ZeroShotClassifier(descriptions, method="sae", alpha=1, calibration=0)
    >>> model.fit(X, y).predict([[9, 9], [1, 9]])
    array(['bee', 'ant'], dtype='<U4')
    """

    _needs = Needs(
        dense_because="it subtracts means",
        source_labels=True,
        target_labels=True,
        unlabelled_rows="dropped",
    )

    _parameter_constraints: dict = {
        "class_descriptions": "no_validation",
        "method": [StrOptions(set(METHODS))],
        "candidates": [StrOptions({"unseen", "all"})],
        "alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "description_alpha": [StrOptions({"auto"}), Interval(Real, 0, None, closed="neither")],
        "calibration": [StrOptions({"auto"}), Interval(Real, None, None, closed="neither")],
    }

    def __init__(
        self,
        class_descriptions=None,
        *,
        method="eszsl",
        candidates="all",
        alpha="auto",
        description_alpha="auto",
        calibration="auto",
    ):
        self.class_descriptions = class_descriptions
        self.method = method
        self.candidates = candidates
        self.alpha = alpha
        self.description_alpha = description_alpha
        self.calibration = calibration

    def _read_classes(self, values, labelled, domains):
        if not labelled.any():
            raise ValueError(
                f"{type(self).__name__} learns from labelled rows, but none of the "
                f"{len(labelled)} rows of X has a label in y; label rows of some classes."
            )
        seen, codes = np.unique(read_classes(values, labelled), return_inverse=True)
        self.seen_classes_ = self.classes_ = seen
        if self.class_descriptions is None:
            return codes
        names, descriptions = read_descriptions(self.class_descriptions)
        places = {name: place for place, name in enumerate(names)}
        missing = [name for name in seen.tolist() if name not in places]
        if missing:
            raise ValueError(
                f"class_descriptions does not describe {listed(missing)} of y; add a description "
                "of each class of y, or leave out its rows."
            )
        known = set(seen.tolist())
        self.classes_ = np.unique(self._with_unseen(seen, [n for n in names if n not in known]))
        self.descriptions_ = descriptions[[places[name] for name in self.classes_.tolist()]]
        return np.searchsorted(self.classes_, seen)[codes]

    @staticmethod
    def _with_unseen(seen, unseen):
        """Return all classes in one array, or raise ValueError if their types differ."""
        if not unseen:
            return seen
        added = np.asarray(unseen)
        is_text = {seen.dtype.kind in "UT", added.dtype.kind in "UT"}
        if len(is_text) == 2 or "O" in (seen.dtype.kind, added.dtype.kind):
            raise ValueError(
                f"class_descriptions describes {listed(unseen)}, which are of another type than "
                f"the classes of y, such as {listed(seen.tolist()[:1])}; use one type."
            )
        return np.concatenate([seen, added])

    def _parts(self, X, codes, is_target):
        """Set the classes that can be predicted, and return labelled rows and their classes."""
        is_seen = np.isin(self.classes_, self.seen_classes_)
        if self.candidates == "unseen" and is_seen.all():
            raise ValueError(
                f"{type(self).__name__}(candidates='unseen') finds no unseen class: each of the "
                f"{len(is_seen)} described classes has a labelled row; describe others in "
                "class_descriptions, or pass candidates='all'."
            )
        self._candidates = np.flatnonzero(~is_seen | (self.candidates == "all"))
        self.candidate_classes_ = self.classes_[self._candidates]
        X, places = X[codes >= 0], np.searchsorted(np.flatnonzero(is_seen), codes[codes >= 0])
        if self.class_descriptions is None:
            self.descriptions_ = class_means(X, places)
        S = self.descriptions_[is_seen]
        if not np.ptp(S, axis=0).any():
            n_seen = len(S)
            found = "1 class" if n_seen == 1 else f"{n_seen} classes of one description"
            raise ValueError(
                f"{type(self).__name__} needs rows of at least 2 classes that are described "
                f"differently, but y holds {found}, {listed(self.seen_classes_.tolist())}; label "
                "rows of another class."
            )
        return X, places, S, int((~is_seen).sum())

    def _learn(self, rows):
        X, codes, S, n_unseen = rows
        method, choice = METHODS[self.method], self._choose(*rows)
        self.alpha_, self.description_alpha_ = choice.setting
        self.temperature_, self.held_out_accuracy_ = choice.temperature, choice.accuracy
        self.calibration_ = choice.calibration if self.calibration == "auto" else self.calibration
        self.calibration_ = 0.0 if self.candidates == "unseen" else float(self.calibration_)
        self._frame, (learned,) = learn(method, X, codes, S, choice.setting)
        self.coef_, self.intercept_ = learned.coef, learned.intercept
        self._warn(choice, n_unseen)

    def _choose(self, X, codes, S, n_unseen):
        """Return the setting, the temperature and the calibration."""
        given = tuple(
            None if value == "auto" else float(value)
            for value in (self.alpha, self.description_alpha)
        )
        if n_unseen == 0 or len(S) < FEWEST_CLASSES:
            setting = tuple(DEFAULT if value is None else value for value in given)
            return Choice(setting, 1.0, 0.0, np.nan, np.nan)
        grid = [
            tuple(own if value is None else value for own, value in zip(pair, given, strict=True))
            for pair in METHODS[self.method].grid
        ]
        return choose(
            METHODS[self.method], X, codes, S, list(dict.fromkeys(grid)), n_unseen=n_unseen
        )

    def _warn(self, choice, n_unseen):
        name = type(self).__name__
        rows = [tuple(row) for row in self.descriptions_[self._candidates]]
        equal = [
            label
            for label, row in zip(self.candidate_classes_.tolist(), rows, strict=True)
            if rows.count(row) > 1
        ]
        if equal:
            warn(
                f"{name} cannot tell {listed(equal)} apart: some of them have equal descriptions, "
                "and only the first of these is predicted; describe what differs.",
                TransferWarning,
            )
        chosen = [self.alpha]
        chosen += [self.description_alpha] if self.method == "eszsl" else []
        chosen += [self.calibration] if self.candidates == "all" else []
        if n_unseen and np.isnan(choice.accuracy) and "auto" in chosen:
            warn(
                f"{name} learned from {len(self.seen_classes_)} seen classes, too few to hold some "
                "out: parameters that are 'auto' have defaults, not choices; label rows of at "
                f"least {FEWEST_CLASSES} classes, or set them.",
                TransferWarning,
            )
        luck = np.sqrt(choice.chance * (1 - choice.chance) / len(self.seen_classes_))
        if choice.accuracy <= choice.chance + luck:
            warn(
                f"{name} tells held-out seen classes apart with an accuracy of "
                f"{choice.accuracy:.2f}, hardly above chance ({choice.chance:.2f}), so that "
                "unseen classes are guesses; label rows of more classes, or describe what shows "
                "in the features.",
                TransferWarning,
            )

    def _log_scores(self, X):
        learned, S_new, offset = self._solution()
        scores = METHODS[self.method].scores(learned, self._frame.rows(X), S_new)
        return (scores - offset) / self.temperature_

    def _solution(self):
        """Return the coefficients, the descriptions of the candidates and what they lose."""
        is_seen = np.isin(self.classes_, self.seen_classes_)
        S = self._frame.descriptions(self.descriptions_)
        learned = Learned(self.coef_, self.intercept_, S[is_seen])
        return learned, S[self._candidates], self.calibration_ * is_seen[self._candidates]

    _no_onnx = None

    def _write_onnx(self, graph):
        learned, S_new, offset = self._solution()
        rows = graph.by_map(self._frame.rows)
        scores = METHODS[self.method].write_scores(graph, learned, rows, S_new)
        shifted = graph.add("Sub", scores, offset)
        return self._onnx_probabilities(
            graph, graph.add("Div", shifted, np.float64(self.temperature_))
        )
