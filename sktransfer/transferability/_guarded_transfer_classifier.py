"""GuardedTransferClassifier: transfer, weighed against no transfer."""

from numbers import Real

import numpy as np
from sklearn.base import ClassifierMixin
from sklearn.linear_model import LogisticRegression

from sktransfer._labels import read_classes
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer._sklearn import HasMethods, Interval
from sktransfer.transferability._base_guarded import _BaseGuardedTransfer
from sktransfer.transferability._judges import ClassJudge


class GuardedTransferClassifier(_ScoresLabelsAlone, ClassifierMixin, _BaseGuardedTransfer):
    """Weigh transfer against no transfer, and say how sure this is.

    With labelled target rows, candidates are scored by their log-loss on target rows that they have
    not seen. In the repeated folds each class loses the same share of its rows. Each candidate gets
    the weight ``prior * exp(eta * sum of scores)`` [1]_, and the prediction is the mean of their
    probabilities by these weights. How poor a model of very few rows is shows in rehearsals: a
    source plays the target.

    Without target labels nothing can score a candidate. The source alone then keeps half of the
    weight in a vote with all other candidates. Two tests come before it: without a shift the source
    alone predicts, and if other class proportions explain the shift the candidate for these does.
    If they do not, that candidate has no vote.
    `rows_to_label` then returns rows whose labels decide, and `settle` reads them.

    It helps if it is not known whether transfer helps, which is the usual case: averages lose less
    than a choice by cross-validation, and gain more. It hurts if the target is easier than the
    source and one row a class is labelled, because rehearsals then call the target's own model
    poor. It hurts if the classes of the source are exchanged and fewer than five rows a class are
    labelled. It also hurts if a single method brings all of the gain without target labels, because
    the vote keeps a part of it only. It costs many fits; see Notes.

    Parameters
    ----------
    candidates : "auto", estimator, list of estimators and (str, estimator) or dict, default="auto"
        The transfers that are weighed; no transfer always joins them. "auto": those below. One
        estimator: against no transfer. A list or dict of one: that one alone, as there is nothing
        to weigh; no transfer is then reported next to it. An estimator of yours gets the rows that
        a transfer pipeline would pass to it.
    estimator : classifier, default=None
        The model of no transfer, and of the candidates of "auto". None is ``LogisticRegression()``.
    target_labels : {"use", "ignore"}, default="use"
        "ignore" hides the labels of target rows, which changes no bit of the result.
    method : {"average", "strict", "best"}, default="average"
        "average" mixes the candidates by their weights. "strict" does so only if the lower end of
        `interval_` is above 0, and else predicts without transfer. "best" takes the candidate of
        the best score alone, which needs target labels.
    eta : float, default=0.5
        How fast weights follow the scores. 0 leaves them at `prior`.
    prior : dict of str to float, array-like of shape (n_candidates,) or None, default=None
        The weights before any score, in any unit. None: all the same. Of a dict, candidates that
        it does not name have 0.
    cv : int, default=5
        The most folds of the labelled target rows; no more than the rows of
        the rarest class, apart from classes of one row.
    n_repeats : int, default=3
        How often the folds are drawn.
    rehearse : {"auto", "never"}, default="auto"
        Whether sources play the target, each with as many labelled rows as the target has. It costs
        4 fits of a small model with one source, and about 12 fits of each candidate with several.
    level : float, default=0.9
        Of the interval. ``1 - level`` is the level of the test in `settle`.
    source_weight : float, default=0.5
        The weight of the source alone in the vote without target labels.
    max_change : float or None, default=None
        The largest share of unlabelled target rows whose prediction may differ from that of no
        transfer: a limit of the loss without any assumption. Those stay that are the least sure.
    n_jobs : int or None, default=None
        The fits that run at the same time. None is 1 unless in a ``joblib.parallel_config``.
    random_state : int, RandomState instance or None, default=None
        Draws folds, rehearsals and questions, and seeds every `random_state` inside the candidates.
        None draws fresh entropy and keeps the seeds that they have.

    Attributes
    ----------
    used_transfer_ : bool
        Whether candidates other than `baseline_` have more than half of the weight. Without target
        labels, whether the prediction of an unlabelled target row of the fit changed.
    weights_ : dict of str to float
        The weight of each candidate in predictions. They sum to 1.
    baseline_ : {"target", "source"}
        The meaning of "no transfer": target rows alone if some are labelled, else source rows
        alone.
    difference_ : float or None
        The accuracy of the mixture less that of no transfer, on held-out target rows; after
        `settle` on the unlabelled target rows. None if nothing could be held out.
    interval_ : tuple of (float, float), or None
        Of `difference_`, at `level`. With 20 rows or fewer it rarely excludes 0.
    changed_ : float or None
        The share of the unlabelled target rows of the fit whose prediction is not that of no
        transfer. No loss of accuracy on them can exceed it. None if every target row is labelled.
    decision_ : str
        How rows are predicted, in a few words.
    setting_ : {"inductive", "transductive"}
        Whether labels of target rows were read.
    shift_ : ShiftReport or None
        Without target labels, the tests before the vote. `diagnose_shift` returns all of them.
    estimators_ : dict of str to estimator
        The fitted candidates, those without any weight too.
    report_ : object
        A table with a line for each candidate, which ends in a sentence when it is printed.
        ``report_.to_frame()`` returns it as a data frame, ``report_.left_out`` the reason for each
        candidate that the estimator or the rows cannot have.
    classes_ : ndarray of shape (n_classes,)
        The classes of all labelled rows: a class may come from one domain alone.
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`, unless `X` holds items such as texts.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    See Also
    --------
    compare_transfer : Any pipelines next to no transfer.
    paired_interval : The interval of the difference.

    Notes
    -----
    With target labels the candidates of "auto" are "target" and "source" alone, "pooled" rows,
    "balanced" (pooled, with half of the weight on target rows), "augmented" (`DomainAugmenter`),
    "pulled" (a logistic regression of target rows that is pulled to the source's coefficients) and
    "recalibrated" (the source's scores with a new scale and shift, which helps against a source
    whose classes are exchanged). Without, they are "source", "moments" (`MomentAligner`), "coral"
    (`CORALAligner`), "subspace" (`SubspaceAligner`), "transport" (`OptimalTransportAligner`),
    "ratio" (`ULSIFWeighter`), "discriminator" (`DiscriminatorWeighter`) and "shares"
    (`LabelShiftWeighter`). One that needs weights of rows, linear coefficients, numbers, dense rows
    or complete rows is left out if there are none.

    With M candidates, R repetitions and K folds there are ``M (R K + 1)`` fits, one of the source
    alone, and those of the rehearsals. Without target labels there is one fit a candidate.

    ``difference_`` and its interval are nested: the weights for a fold come from the other folds.
    A class of one labelled target row is never held out. If most classes have one row, a model of
    target rows alone cannot be scored, and there is no interval.

    References
    ----------
    .. [1] V. Vovk, "A game of prediction with expert advice", Journal of Computer and System
       Sciences 56, 1998. https://doi.org/10.1006/jcss.1997.1556

    Examples
    --------
    The source is large and its border is turned a little; eight target rows are labelled:

    >>> import numpy as np
    >>> from sktransfer import GuardedTransferClassifier, pack_domains
    >>> rng = np.random.default_rng(0)
    >>> X_lab, X_field = rng.normal(size=(200, 4)), rng.normal(size=(300, 4))
    >>> y_lab = (X_lab[:, 0] > 0).astype(int)
    >>> y_field = (X_field[:, 0] + 0.3 * X_field[:, 1] > 0).astype(float)
    >>> y_known = np.where(np.arange(300) < 8, y_field, np.nan)
    >>> X, y, sample_domain = pack_domains({"lab": (X_lab, y_lab)}, target=(X_field, y_known))
    >>> guard = GuardedTransferClassifier(random_state=0).fit(X, y, sample_domain=sample_domain)
    >>> guard.used_transfer_
    True
    >>> bool(guard.score(X_field, y_field) > 0.8)
    True

    Without target labels two tests come first, and here they see no shift:

    >>> guard.set_params(target_labels="ignore").fit(X, y, sample_domain=sample_domain).decision_
    'source alone'
    """

    _parameter_constraints: dict = {
        **_BaseGuardedTransfer._parameter_constraints,
        "estimator": [HasMethods(["fit", "predict_proba"]), None],
        "max_change": [Interval(Real, 0, 1, closed="both"), None],
    }

    def __init__(
        self,
        candidates="auto",
        *,
        estimator=None,
        target_labels="use",
        method="average",
        eta=0.5,
        prior=None,
        cv=5,
        n_repeats=3,
        rehearse="auto",
        level=0.9,
        source_weight=0.5,
        max_change=None,
        n_jobs=None,
        random_state=None,
    ):
        self.candidates = candidates
        self.estimator = estimator
        self.target_labels = target_labels
        self.method = method
        self.eta = eta
        self.prior = prior
        self.cv = cv
        self.n_repeats = n_repeats
        self.rehearse = rehearse
        self.level = level
        self.source_weight = source_weight
        self.max_change = max_change
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _default_estimator(self):
        return LogisticRegression()

    def _make_judge(self, y, used):
        self.classes_ = np.unique(read_classes(y, used))
        return ClassJudge(self.classes_)

    def predict_proba(self, X):
        """Return the probability of each class.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Target rows.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes)
            In the order of `classes_`.
        """
        return self._answers(X)
