"""FreezeDepthDisplay: score and cost against the number of frozen stages."""

import numpy as np
from sklearn.model_selection import GridSearchCV

from sktransfer.plotting._pyplot import pyplot_for

SUFFIX = "freeze_depth"


class FreezeDepthDisplay:
    """Draw how score and training time change with the freeze depth.

    Create it with `from_estimator` or `from_cv_results`; the constructor takes their results.

    The plot shows how much of a pretrained network to train further. If the score's curve is flat,
    the deepest freeze is the cheapest network of that quality. With few labels the bands overlap,
    and the plot then shows that the depths cannot be distinguished.

    Parameters
    ----------
    freeze_depths : sequence of int or str
        The depths, each as it was given to the estimator, in the order of the axis.
    test_scores : ndarray of shape (n_depths, n_splits)
        The score of each split.
    fit_times : ndarray of shape (n_depths, n_splits) or None, default=None
        Seconds of each fit; None draws no cost. With a cache the first candidate pays for the
        network's pass over the images, and the others find it done.
    score_name : str, default="score"
        The label of the score's axis.

    Attributes
    ----------
    figure_ : matplotlib Figure
        Set by `plot`, as all attributes here.
    ax_ : matplotlib Axes
        Holds the scores.
    cost_ax_ : matplotlib Axes or None
        Holds the times, with their axis on the right.
    score_line_ : matplotlib Line2D
        The mean score.
    score_band_ : matplotlib collection
        One standard deviation of the splits around it.
    cost_line_ : matplotlib Line2D or None
        The mean time of a fit.

    See Also
    --------
    FineTuneClassifier : The estimator with the parameter ``freeze_depth``.

    References
    ----------
    J. Yosinski, J. Clune, Y. Bengio, H. Lipson, "How transferable are features in deep neural
    networks?", NeurIPS 2014, https://arxiv.org/abs/1411.1792

    Examples
    --------
    >>> from sktransfer import FreezeDepthDisplay
    >>> cv_results = {
    ...     "param_freeze_depth": [0, 2, "all"],
    ...     "split0_test_score": [0.90, 0.95, 0.94],
    ...     "split1_test_score": [0.92, 0.93, 0.94],
    ...     "mean_fit_time": [4.0, 2.0, 0.5],
    ... }
    >>> display = FreezeDepthDisplay.from_cv_results(cv_results)
    >>> display.score_line_.get_ydata().round(2).tolist()
    [0.91, 0.94, 0.94]
    """

    def __init__(self, *, freeze_depths, test_scores, fit_times=None, score_name="score"):
        self.freeze_depths = freeze_depths
        self.test_scores = test_scores
        self.fit_times = fit_times
        self.score_name = score_name

    @classmethod
    def from_estimator(
        cls,
        estimator,
        X,
        y,
        *,
        freeze_depths=None,
        param_name=SUFFIX,
        cv=None,
        scoring=None,
        n_jobs=None,
        ax=None,
        **fit_params,
    ):
        """Fit and score an estimator at each depth by cross-validation, and draw it.

        Parameters
        ----------
        estimator : estimator
            A `FineTuneClassifier`, or anything that contains one.
        X : array-like
            Images, as the estimator takes them.
        y : array-like of shape (n_samples,)
            Labels.
        freeze_depths : sequence of int or "all", default=None
            The depths to try. None: 0 to 3 and "all".
        param_name : str, default="freeze_depth"
            The parameter's name, ``finetuneclassifier__freeze_depth`` in a pipeline.
        cv : int, splitter or None, default=None
            As in `GridSearchCV`.
        scoring : str, callable or None, default=None
            One score, as in `GridSearchCV`.
        n_jobs : int or None, default=None
            As in `GridSearchCV`. Timings taken beside each other are longer.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None creates a figure.
        **fit_params : dict
            Handed to ``fit``, ``groups`` and ``sample_domain`` for example.

        Returns
        -------
        display : FreezeDepthDisplay
        """
        depths = [0, 1, 2, 3, "all"] if freeze_depths is None else list(freeze_depths)
        search = GridSearchCV(
            estimator,
            {param_name: depths},
            cv=cv,
            scoring=scoring,
            n_jobs=n_jobs,
            refit=False,
            error_score="raise",
        ).fit(X, y, **fit_params)
        score_name = scoring if isinstance(scoring, str) else "score"
        return cls.from_cv_results(
            search.cv_results_, param_name=param_name, score_name=score_name, ax=ax
        )

    @classmethod
    def from_cv_results(
        cls, cv_results, *, param_name=None, metric="score", score_name=None, ax=None
    ):
        """Draw the results of a search that has been made.

        If the search tried several candidates at one depth (learning rates, for example), the depth
        is drawn with the candidate of the best mean score.

        Parameters
        ----------
        cv_results : dict
            The ``cv_results_`` of a `GridSearchCV` or of another search of scikit-learn.
        param_name : str or None, default=None
            The parameter's name. None: the only one that ends with ``freeze_depth``.
        metric : str, default="score"
            The score to draw, if the search had several.
        score_name : str or None, default=None
            The label of the score's axis; None is `metric`.
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None creates a figure.

        Returns
        -------
        display : FreezeDepthDisplay

        Raises
        ------
        ValueError
            When there is no such parameter or metric in the results.
        """
        tried = list(cv_results[f"param_{_find_parameter(cv_results, param_name)}"])
        scores = _split_scores(cv_results, metric)
        times = cv_results.get("mean_fit_time")
        depths = sorted(set(tried), key=_place)
        best = [_best_candidate(tried, scores, depth) for depth in depths]
        display = cls(
            freeze_depths=depths,
            test_scores=scores[best],
            fit_times=None if times is None else np.asarray(times, dtype=float)[best, None],
            score_name=score_name or metric,
        )
        return display.plot(ax=ax)

    def plot(self, ax=None):
        """Draw the curves.

        Parameters
        ----------
        ax : matplotlib Axes or None, default=None
            The axes to draw on. None creates a figure.

        Returns
        -------
        display : FreezeDepthDisplay
            Itself.

        Raises
        ------
        ImportError
            When matplotlib is not installed.
        """
        plt = pyplot_for(type(self).__name__)
        self.ax_ = ax or plt.subplots(layout="constrained")[1]
        self.figure_ = self.ax_.figure
        places = np.arange(len(self.freeze_depths))
        mean, spread = np.mean(self.test_scores, axis=1), np.std(self.test_scores, axis=1)
        (self.score_line_,) = self.ax_.plot(places, mean, "o-", color="C0", label=self.score_name)
        self.score_band_ = self.ax_.fill_between(
            places, mean - spread, mean + spread, color="C0", alpha=0.2, linewidth=0
        )
        self.ax_.set_xticks(places, [str(depth) for depth in self.freeze_depths])
        self.ax_.set_xlabel("freeze depth (stages from the input that stay as they are)")
        self.ax_.set_ylabel(self.score_name)
        self.cost_ax_ = self.cost_line_ = None
        if self.fit_times is not None:
            self._plot_cost(places)
        lines = [line for line in (self.score_line_, self.cost_line_) if line is not None]
        self.ax_.legend(handles=lines, frameon=False)
        return self

    def _plot_cost(self, places):
        self.cost_ax_ = self.ax_.twinx()
        (self.cost_line_,) = self.cost_ax_.plot(
            places, np.mean(self.fit_times, axis=1), "s--", color="C1", label="seconds of a fit"
        )
        self.cost_ax_.set_ylabel("seconds of a fit")
        self.cost_ax_.set_ylim(bottom=0)


def _find_parameter(cv_results, param_name):
    found = [key.removeprefix("param_") for key in cv_results if key.startswith("param_")]
    matching = [name for name in found if name.rpartition("__")[2] == SUFFIX]
    if param_name in found:
        return param_name
    if param_name is None and len(matching) == 1:
        return matching[0]
    raise ValueError(
        f"param_name={param_name!r} is not clear: the search varied {found!r}; expected the one "
        f"that holds the freeze depth, such as {SUFFIX!r}."
    )


def _split_scores(cv_results, metric):
    """The scores of each candidate and split, (n_candidates, n_splits)."""
    columns = [k for k in cv_results if k.startswith("split") and k.endswith(f"_test_{metric}")]
    if not columns:
        known = sorted({k.partition("_test_")[2] for k in cv_results if k.startswith("split")})
        raise ValueError(f"metric={metric!r} is not in the results: expected one of {known!r}.")
    columns.sort(key=lambda k: int(k.removeprefix("split").partition("_")[0]))
    return np.column_stack([np.asarray(cv_results[k], dtype=float) for k in columns])


def _best_candidate(tried, scores, depth):
    there = [place for place, other in enumerate(tried) if other == depth]
    return max(there, key=lambda place: scores[place].mean())


def _place(depth):
    """Numbers in order, "all" after them."""
    return (1, 0) if isinstance(depth, str) else (0, int(depth))
