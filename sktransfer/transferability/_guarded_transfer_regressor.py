"""GuardedTransferRegressor: transfer of numbers, weighed against no transfer."""

from sklearn.base import RegressorMixin
from sklearn.linear_model import Ridge

from sktransfer._labels import read_numbers
from sktransfer._scoring import _ScoresLabelsAlone
from sktransfer.transferability._base_guarded import _BaseGuardedTransfer
from sktransfer.transferability._judges import NumberJudge


class GuardedTransferRegressor(_ScoresLabelsAlone, RegressorMixin, _BaseGuardedTransfer):
    """Weigh transfer of numbers against no transfer, and say how sure this is.

    With labelled target rows, candidates are scored by their squared errors on target rows that
    they have not seen. A candidate gets the weight ``prior * exp(-eta * sum of e^2 / (2 v))`` [1]_,
    and the prediction is their mean by these weights. The variance of the noise ``v`` is the best
    mean squared error in rehearsals, in which each of several sources plays the target. With one
    source it is the best of the held-out rows. With several sources, rehearsals also count as 50
    more rows.

    Without target labels nothing can score a candidate, and the source alone keeps half of the
    weight in a mean with all other candidates. If a test sees no shift, the source alone predicts.
    `rows_to_label` then returns rows whose labels decide, and `settle` reads them.

    It helps if it is not known whether transfer helps, and most with several sources. It hurts with
    one source and a handful of rows, because the noise is then estimated from these rows alone.
    Outliers in `y` move the weights, because scores are squared errors.

    Parameters
    ----------
    candidates : "auto", estimator, list of estimators and (str, estimator) or dict, default="auto"
        The transfers that are weighed; no transfer always joins them. "auto": those below. One
        estimator: against no transfer. A list or dict of one: that one alone, as there is nothing
        to weigh; no transfer is then reported next to it. An estimator of yours gets the rows that
        a transfer pipeline would pass to it.
    estimator : regressor, default=None
        The model of no transfer, and of the candidates of "auto". None is ``Ridge()``.
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
        The most folds of the labelled target rows; no more than there are rows.
    n_repeats : int, default=3
        How often the folds are drawn.
    rehearse : {"auto", "never"}, default="auto"
        Whether sources play the target, each with as many labelled rows as the target has. It costs
        4 fits of a small model with one source, and about 12 fits of each candidate with several.
    level : float, default=0.9
        Of the interval. ``1 - level`` is the level of the test in `settle`.
    source_weight : float, default=0.5
        The weight of the source alone in the vote without target labels.
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
        The share of rows that the mixture predicts more nearly than no transfer, less the share
        that it predicts less nearly. It is measured on held-out target rows. After `settle` it is
        that of the unlabelled target rows, and rows that were not asked for count as ties. None if
        nothing could be held out.
    interval_ : tuple of (float, float), or None
        Of `difference_`, at `level`. With 20 rows or fewer it rarely excludes 0.
    changed_ : float or None
        The share of the unlabelled target rows of the fit whose prediction is not that of no
        transfer. None if every target row is labelled.
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
    source_domains_ : tuple of str
        The names of the source domains in `fit`.
    n_features_in_ : int
        Number of features in `fit`, unless `X` holds items such as texts.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        Names of the features, if `X` has them.

    See Also
    --------
    compare_transfer : Any pipelines next to no transfer.
    GuardedTransferClassifier : For classes, with the candidates and the cost in its Notes.

    Notes
    -----
    With target labels the candidates of "auto" are "target" and "source" alone, "pooled",
    "balanced" and "augmented" rows, "offset" (the source plus its mean error on target rows) and
    "pulled" (the source plus a model of its errors). Without, they are those of a classifier but
    for the one of class proportions. No share of changed rows limits the loss in numbers, so there
    is no parameter `max_change`.

    An interval of differences of squared errors would need their distribution. `difference_` counts
    the rows that are predicted more nearly, for which the interval needs none.

    References
    ----------
    .. [1] V. Vovk, "A game of prediction with expert advice", Journal of Computer and System
       Sciences 56, 1998. https://doi.org/10.1006/jcss.1997.1556

    Examples
    --------
    Two old sensors, and a new one that reads 2 units higher, with five labelled rows:

    >>> import numpy as np
    >>> from sktransfer import GuardedTransferRegressor, pack_domains
    >>> rng = np.random.default_rng(0)
    >>> def draw(n_rows, offset):
    ...     X = rng.normal(size=(n_rows, 3))
    ...     return X, X @ [1.0, 2.0, -1.0] + offset + 0.3 * rng.normal(size=n_rows)
    >>> sources = {"old": draw(60, 0.0), "older": draw(60, 1.0)}
    >>> X_new, y_new = draw(200, 2.0)
    >>> X, y, sample_domain = pack_domains(sources, target=(X_new[:5], y_new[:5]))
    >>> guard = GuardedTransferRegressor(random_state=0).fit(X, y, sample_domain=sample_domain)
    >>> guard.used_transfer_
    True
    >>> bool(guard.score(X_new[5:], y_new[5:]) > 0.9)
    True
    """

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
        self.n_jobs = n_jobs
        self.random_state = random_state

    def _default_estimator(self):
        return Ridge()

    def _make_judge(self, y, used):
        read_numbers(y, used)
        return NumberJudge()
