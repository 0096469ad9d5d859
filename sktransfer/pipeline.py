"""A scikit-learn Pipeline that carries ``sample_domain`` to every step that takes it.

`_steps` defines the data of one step; here the steps are chained.
"""

from copy import copy
from typing import Any

from sklearn import config_context
from sklearn.base import clone, is_classifier
from sklearn.pipeline import Pipeline
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_memory

from sktransfer._answers import AnswersByDomain
from sktransfer._lazy import refuse_lazy
from sktransfer._messages import shown
from sktransfer._needs import Needs
from sktransfer._routing import routable, warn_of_domains
from sktransfer._sklearn import (
    StrOptions,
    _final_estimator_has,
    _fit_context,
    _name_estimators,
    _print_elapsed_time,
    _routing_enabled,
    can_fit_transform,
    last_step,
    method_params,
    params_of_step,
    step_message,
    validate_steps,
)
from sktransfer._steps import (
    fit_and_predict,
    fit_and_transform,
    fit_step,
    fit_transform_step,
    read_rows,
)

__all__ = ["TransferPipeline", "make_transfer_pipeline"]


def make_transfer_pipeline(
    *steps: Any,
    target_labels: str = "use",
    transform_input: list[str] | None = None,
    memory: Any = None,
    verbose: bool = False,
) -> "TransferPipeline":
    """Make a pipeline that carries `sample_domain` without any global switch.

    Every step whose ``fit`` or ``transform`` takes ``sample_domain`` gets it, the last included. A
    middle step whose tags require a target (or that selects features by labels) is fitted on the
    labelled rows and transforms all rows. A final classifier or regressor is fitted on the labelled
    rows only, with labels of the dtype that they alone would have. It gets all rows if it uses rows
    without a label itself, as `WeightedTransferClassifier` does. A final transformer sees every
    row. New rows are target rows.

    In a search or a cross-validation the domains are passed twice. The splitter (`TargetFold`) gets
    them as ``groups``. The steps get them as ``sample_domain``, in ``fit`` of a search and in
    ``params`` of :func:`~sklearn.model_selection.cross_val_score`.

    A composition of scikit-learn (a ColumnTransformer, a plain pipeline, a vote, a search, bagging)
    hands the domains to its parts if it is a step. If it calibrates or stacks the whole pipeline
    from outside, it asks for predictions without domains: put it inside, as the last step.

    Parameters
    ----------
    *steps : estimators
        As in :func:`sklearn.pipeline.make_pipeline`: named after their types, in lower case. For
        names of your own: ``TransferPipeline([("scale", StandardScaler()), ...])``.
    target_labels : {"use", "ignore"}, default="use"
        "ignore" hides the labels of target rows from every step, so that cross-validation by
        `TargetFold` scores an unsupervised method honestly.
    transform_input : list of str, default=None
        As in :func:`sklearn.pipeline.make_pipeline`; it needs metadata routing.
    memory : str or object with the joblib.Memory interface, default=None
        The cache of fitted middle steps, as in :class:`~sklearn.pipeline.Pipeline`.
    verbose : bool, default=False
        Whether to print the seconds that each step took.

    Returns
    -------
    pipeline : TransferPipeline
        A :class:`~sklearn.pipeline.Pipeline`; slices keep its settings.

    Raises
    ------
    TypeError
        When a step is a (name, estimator) pair.

    Warns
    -----
    TransferWarning
        In ``fit``, when a step takes domains and there are none (every row is then a target row),
        or when they do not reach a part of a step that asks for them.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktransfer import CORALAligner, make_transfer_pipeline, pack_domains
    >>> rng = np.random.default_rng(0)
    >>> X_lab = rng.normal(size=(80, 2))
    >>> y_lab = (X_lab[:, 0] > 0).astype(int)
    >>> X_field = 5 * rng.normal(size=(60, 2)) + 20    # the same, read on another scale
    >>> X, y, sample_domain = pack_domains({"lab": (X_lab, y_lab)}, target=X_field)
    >>> pipe = make_transfer_pipeline(CORALAligner(ridge=1e-6), LogisticRegression())
    >>> pipe = pipe.fit(X, y, sample_domain=sample_domain)
    >>> round(pipe.score(X_field, X_field[:, 0] > 20), 2)
    0.97
    """
    for step in steps:
        if isinstance(step, tuple):
            raise TypeError(
                "make_transfer_pipeline takes estimators and names them itself, but got "
                f"{shown(step)}; pass the estimator alone, or all (name, estimator) pairs in a "
                "list to sktransfer.TransferPipeline."
            )
    return TransferPipeline(
        _name_estimators(steps),
        target_labels=target_labels,
        transform_input=transform_input,
        memory=memory,
        verbose=verbose,
    )


class TransferPipeline(AnswersByDomain, Pipeline):
    """A `Pipeline` whose steps get `sample_domain`.

    :func:`make_transfer_pipeline` makes one, and its page says which step is fitted on which rows.
    In all other respects it is scikit-learn's Pipeline.

    Parameters
    ----------
    steps : list of (str, estimator) tuples
        As in :class:`~sklearn.pipeline.Pipeline`.
    target_labels : {"use", "ignore"}, default="use"
        Whether the steps may see the labels of target rows.
    transform_input : list of str, default=None
        As in :class:`~sklearn.pipeline.Pipeline`.
    memory : str or object with the joblib.Memory interface, default=None
        As in :class:`~sklearn.pipeline.Pipeline`.
    verbose : bool, default=False
        As in :class:`~sklearn.pipeline.Pipeline`.

    Attributes
    ----------
    named_steps : :class:`~sklearn.utils.Bunch`
        The steps by name.
    classes_ : ndarray of shape (n_classes,)
        The classes, if the last step is a classifier.
    n_features_in_ : int
        Number of features, if the first step says it.
    feature_names_in_ : ndarray of shape (n_features_in_,), dtype object
        Names of features, if the first step says them.

    See Also
    --------
    make_transfer_pipeline : Names the steps by itself.

    Examples
    --------
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sktransfer import MomentAligner, TransferPipeline
    >>> pipe = TransferPipeline([("align", MomentAligner()), ("classify", LogisticRegression())])
    >>> X, y = [[0.0], [2.0], [10.0], [12.0]], [0, 1, None, None]
    >>> pipe = pipe.fit(X, y, sample_domain=["lab", "lab", "target", "target"])
    >>> pipe.predict([[10.0], [12.0]])
    array([0, 1])
    """

    __metadata_request__fit = {"sample_domain": True}
    __metadata_request__fit_transform = {"sample_domain": True}
    __metadata_request__fit_predict = {"sample_domain": True}
    __metadata_request__transform = {"sample_domain": True}
    __metadata_request__predict = {"sample_domain": True}
    __metadata_request__predict_proba = {"sample_domain": True}
    __metadata_request__predict_log_proba = {"sample_domain": True}
    __metadata_request__decision_function = {"sample_domain": True}
    __metadata_request__score = {"sample_domain": True}

    # It decides for each of its steps which rows the step gets.
    _needs = Needs(source_labels=True, target_labels=True)

    _parameter_constraints: dict = {
        **Pipeline._parameter_constraints,
        "target_labels": [StrOptions({"use", "ignore"})],
    }

    def __init__(
        self, steps, *, target_labels="use", transform_input=None, memory=None, verbose=False
    ):
        self.steps = steps
        self.target_labels = target_labels
        self.transform_input = transform_input
        self.memory = memory
        self.verbose = verbose

    def __getitem__(self, ind):
        part = super().__getitem__(ind)
        if isinstance(ind, slice):
            part.target_labels = self.target_labels
            part.transform_input = self.transform_input
        return part

    def get_metadata_routing(self):
        """Return the request for `sample_domain` of the pipeline, and the routing of its steps.

        A step without a routing of its own (AdaBoostClassifier, for instance) requests nothing.

        Returns
        -------
        routing : MetadataRouter
            That of :class:`~sklearn.pipeline.Pipeline`, and the request of the pipeline itself.
        """
        pipeline = copy(self)
        pipeline.steps = [(name, routable(step)) for name, step in self.steps]
        with config_context(enable_metadata_routing=True):  # without it some routings never end
            return Pipeline.get_metadata_routing(pipeline).add_self_request(self)

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y=None, *, sample_domain=None, **params):
        """Fit all steps, one after the other.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of all domains.
        y : array-like of shape (n_samples,), default=None
            Labels; a missing value (NaN, None, ``pandas.NA``) if a row has none.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of its source domain. None: every row is a
            target row, and nothing is transferred from other rows.
        **params : dict of str -> object
            As in :meth:`sklearn.pipeline.Pipeline.fit`: ``step__parameter`` without metadata
            routing, requested metadata with it.

        Returns
        -------
        self : object
            The fitted pipeline.
        """
        self._fit_all("fit", X, y, sample_domain, params)
        return self

    @available_if(can_fit_transform)
    @_fit_context(prefer_skip_nested_validation=False)
    def fit_transform(self, X, y=None, *, sample_domain=None, **params):
        """Fit all steps and map the same rows, each with its domain.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of all domains.
        y : array-like of shape (n_samples,), default=None
            Labels, as in `fit`.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.
        **params : dict of str -> object
            As in `fit`.

        Returns
        -------
        X_mapped : ndarray of shape (n_samples, n_features_out)
            The mapped rows.
        """
        return self._fit_all("fit_transform", X, y, sample_domain, params)

    @available_if(_final_estimator_has("fit_predict"))
    @_fit_context(prefer_skip_nested_validation=False)
    def fit_predict(self, X, y=None, *, sample_domain=None, **params):
        """Fit all steps and return the last one's ``fit_predict`` for the rows.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of all domains.
        y : array-like of shape (n_samples,), default=None
            Labels, as in `fit`.
        sample_domain : array-like of shape (n_samples,), default=None
            The domain of each row, as in `fit`.
        **params : dict of str -> object
            As in `fit`.

        Returns
        -------
        y_pred : ndarray of shape (n_samples,)
            The predictions.
        """
        return self._fit_all("fit_predict", X, y, sample_domain, params)

    def _fit_all(self, method, X, y, sample_domain, params):
        refuse_lazy(type(self).__name__, X=X, y=y, sample_domain=sample_domain)
        context = self._init_callback_context(
            task_name=method.replace("_", "-"), max_subtasks=len(self.steps)
        )
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        if self.transform_input is not None and not _routing_enabled():
            raise ValueError(
                "The `transform_input` parameter can only be set if metadata routing is enabled. "
                "You can enable metadata routing using "
                "`sklearn.set_config(enable_metadata_routing=True)`."
            )
        rows = read_rows(
            X, y, sample_domain, target_labels=self.target_labels, last_step=last_step(self)
        )
        self._note_rows(X, rows.domains)
        routed = method_params(self, method, params)
        Xt = self._fit_middle(X, y, routed, params, rows, context)
        subcontext = context.subcontext(task_name=f"{method.replace('_', '-')}-final-estimator")
        with _print_elapsed_time("Pipeline", step_message(self, len(self.steps) - 1)):
            Xt = self._fit_last(method, Xt, y, routed, params, rows, subcontext)
        context.call_on_fit_task_end(estimator=self, X=Xt, y=y)
        return Xt

    def _fit_middle(self, X, y, routed, params, rows, caller_context):
        """Fit the middle steps and return the rows as the last step gets them."""
        self.steps = list(self.steps)
        validate_steps(self)
        warn_of_domains(
            self.steps,
            has_sources=bool(rows.domains.sources),
            is_given=rows.sample_domain is not None,
        )
        memory = check_memory(self.memory)
        cached = getattr(memory, "location", memory) is not None
        fit_transform = memory.cache(fit_transform_step, ignore=["message", "caller", "context"])
        for index, (name, step) in enumerate(self.steps[:-1]):
            context = caller_context.subcontext(task_name=f"fit-transform-{name}")
            if step is None or step == "passthrough":
                with _print_elapsed_time("Pipeline", step_message(self, index)):
                    context.call_on_fit_task_begin(estimator=self, X=X, y=y)
                    context.call_on_fit_task_end(estimator=self, X=X, y=y)
                continue
            X, fitted = fit_transform(
                clone(step) if cached else step,
                X,
                rows.for_step(step, y, discrete=is_classifier(self)),
                params=self._step_params(index, routed, params),
                message=step_message(self, index),
                caller=self,
                context=context,
            )
            self.steps[index] = (name, fitted)
        return X

    def _fit_last(self, method, X, y, routed, params, rows, context):
        """Fit the last step: a predictor on the labelled rows, a transformer on all."""
        last = last_step(self)
        if last == "passthrough":
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            context.call_on_fit_task_end(estimator=self, X=X, y=y)
            return X
        step_params = self._step_params(len(self.steps) - 1, routed, params)
        step_rows = rows.for_step(last, y, discrete=is_classifier(last))
        with context.propagate_callback_context(last):
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            if method == "fit":
                fit_step(last, X, step_rows, step_params)
            elif method == "fit_predict":
                X = fit_and_predict(last, X, step_rows, step_params)
            else:
                X, _ = fit_and_transform(last, X, step_rows, step_params)
            context.call_on_fit_task_end(estimator=self, X=X, y=y)
        return X

    def _step_params(self, index, routed, params):
        """Return a step's own parameters for each of its methods, as plain dicts."""
        step_params = params_of_step(self, index, routed, params)
        return {
            method: dict(step_params.get(method, {}))
            for method in ("fit", "transform", "fit_transform", "fit_predict")
        }
