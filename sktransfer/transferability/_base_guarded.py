"""The base of the guarded estimators: transfer weighed against no transfer."""

import time
from abc import abstractmethod
from numbers import Integral, Real

import numpy as np
from sklearn.base import MetaEstimatorMixin
from sklearn.utils.validation import check_is_fitted

from sktransfer._base import _TransferEstimator
from sktransfer._domains import read_sample_domain
from sktransfer._labels import hide_labels, is_labelled, read_labels
from sktransfer._lazy import refuse_lazy
from sktransfer._learner import check_learner
from sktransfer._magnitude import NUMERICAL_ERRORS, single_precision_error
from sktransfer._messages import listed, warn
from sktransfer._needs import Needs
from sktransfer._progress import begin_fit
from sktransfer._random import generator
from sktransfer._rows import named_columns
from sktransfer._sklearn import (
    HasMethods,
    Interval,
    StrOptions,
    _fit_context,
    _num_samples,
    get_tags,
)
from sktransfer._whole import whole_fit
from sktransfer.exceptions import TransferWarning
from sktransfer.transferability._candidates import SOURCE_ALONE, TARGET_ALONE, Field
from sktransfer.transferability._guard_report import (
    GuardReport,
    ReportLine,
    never_excludes_zero,
    sentence_of_queries,
    sentence_with_labels,
    sentence_without_labels,
)
from sktransfer.transferability._guard_rows import guard_rows, holds_items, require_labels
from sktransfer.transferability._mixture import mixture
from sktransfer.transferability._paired_interval import check_level
from sktransfer.transferability._queries import KEPT, UNDECIDED, questions
from sktransfer.transferability._vote import vote
from sktransfer.transferability._weighing import weigh


class _BaseGuardedTransfer(MetaEstimatorMixin, _TransferEstimator):
    """Weighs candidates against no transfer.

    A concrete one writes `_default_estimator` and `_make_judge`.
    """

    _parameter_constraints: dict = {
        "candidates": [StrOptions({"auto"}), list, tuple, dict, HasMethods(["fit"])],
        "estimator": [HasMethods(["fit", "predict"]), None],
        "target_labels": [StrOptions({"use", "ignore"})],
        "method": [StrOptions({"average", "strict", "best"})],
        "eta": [Interval(Real, 0, None, closed="left")],
        "prior": [dict, "array-like", None],
        "cv": [Interval(Integral, 2, None, closed="left")],
        "n_repeats": [Interval(Integral, 1, None, closed="left")],
        "rehearse": [StrOptions({"auto", "never"})],
        "level": [Interval(Real, 0, 1, closed="neither")],
        "source_weight": [Interval(Real, 0, 1, closed="both")],
        "n_jobs": [Integral, None],
        "random_state": ["random_state"],
    }

    @abstractmethod
    def _default_estimator(self):
        """Return the estimator for the default, None."""

    @abstractmethod
    def _make_judge(self, y, used):
        """Return the judge for the labels of the rows in the mask `used`."""

    _no_onnx = None

    def _write_onnx(self, graph):
        mixture, answers = self._mixture_now, []
        for model, needed in zip(self._outcome.models, mixture.needed, strict=True):
            answers.append(self._judge.write_answers(graph, model) if needed else None)
        return mixture.write_answers(graph, answers)

    @property
    def _needs(self):
        tags = get_tags(self._model()).input_tags
        return Needs(
            sparse=tags.sparse,
            missing=tags.allow_nan,
            source_labels=True,
            target_labels=self.target_labels == "use",
        )

    def _model(self):
        return self._default_estimator() if self.estimator is None else self.estimator

    @_fit_context(prefer_skip_nested_validation=False)
    def fit(self, X, y, *, sample_domain=None):
        """Fit the candidates, and weigh them.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Rows of all domains, or items such as texts if the candidates take these.
        y : array-like of shape (n_samples,)
            Labels; missing values if a row has none.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). None: every row is a target row, and
            nothing is transferred.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ValueError
            If no row has a label that may be read, if a parameter does not fit the rows, or if a
            candidate predicts NaN or infinity.

        Warns
        -----
        TransferWarning
            If so few target rows are labelled that the interval contains 0 whatever they show.
        """
        with whole_fit(self):
            rows, judge = self._read(X, y, sample_domain)
            rng = generator(self.random_state)
            self.source_domains_ = rows.domains.sources
            end_fit = begin_fit(self, X, y, n_steps=0)
            kind = "classifier" if judge.is_discrete else "regressor"
            check_learner(self._model(), kind=kind, weighted=False)
            keep_seeds = self.random_state is None
            field = Field(self.candidates, self._model(), judge.is_discrete, rng, keep_seeds)
            is_inductive = len(rows.labelled_target) > 0
            self.setting_ = "inductive" if is_inductive else "transductive"
            self.baseline_ = TARGET_ALONE if is_inductive else SOURCE_ALONE
            compare, self._judge = weigh if is_inductive else vote, judge
            try:
                with np.errstate(over="ignore", invalid="ignore"):  # of errors that are squared
                    self._outcome = compare(self, field, rows, judge, rng)
                    self._prepare(rows, rng)
            except (ValueError, *NUMERICAL_ERRORS) as error:
                reason = single_precision_error(error, rows.X, self) if rows.is_numeric else error
                if reason is error:
                    raise
                raise reason from error
            self._report_fit()
            end_fit()
        return self

    def _read(self, X, y, sample_domain):
        """Return `GuardRows` and the judge of their labels."""
        refuse_lazy(type(self).__name__, X=X, y=y, sample_domain=sample_domain)
        reads_numbers = self.estimator is None
        is_table = reads_numbers and len(getattr(X, "columns", ())) > 1
        valid_X = self._read_rows(X, y) if is_table or not holds_items(X) else None
        if valid_X is None and reads_numbers:
            raise ValueError(
                f"X holds texts, pictures or other items, but estimator=None is {self._model()}, "
                "which reads numbers; pass an estimator that reads X, such as a pipeline that "
                "begins with TfidfVectorizer() or PretrainedFeatureExtractor()."
            )
        n_rows = _num_samples(X) if valid_X is None else valid_X.shape[0]
        domains = read_sample_domain(sample_domain, n_rows)
        require_labels(y, domains, estimator_name=type(self).__name__)
        if self.target_labels == "ignore":
            if not domains.sources:
                raise ValueError(
                    "target_labels='ignore' would hide the label of every row, since sample_domain "
                    "names no source; pass sample_domain with source rows, or target_labels='use'."
                )
            y = hide_labels(y, domains.is_target)
        y = read_labels(y)
        used = is_labelled(y)
        if not used.any():
            raise ValueError(
                f"{type(self).__name__} needs labels, but none of the {n_rows} rows has one that "
                "it may read; pass labels of source rows, at least."
            )
        judge = self._make_judge(y, used)
        return guard_rows(X, valid_X, y, domains), judge

    def _prepare(self, rows, rng):
        """Compare the answers for unlabelled target rows: which change, and which to ask for."""
        outcome, positions = self._outcome, rows.unlabelled_target
        max_change = getattr(self, "max_change", None)  # a regressor has none
        if max_change is not None and not len(positions):
            raise ValueError(
                f"max_change={max_change!r} limits the unlabelled target rows that change, and "
                "every target row is labelled; pass unlabelled target rows too, or max_change=None."
            )
        answers = self._changed = None
        self._seconds = [line["seconds"] for line in outcome.lines]
        if len(positions):
            answers = self._timed_answers(rows.rows_of(positions))
            self._changed = [
                float((self._judge.distance(each, answers[0]) > 0).mean()) for each in answers
            ]
        states = {"now": outcome.weights, KEPT: outcome.challenger, "never": outcome.no_transfer}
        self._mixtures = {
            name: mixture(weights, answers, self._judge, max_change=max_change)
            for name, weights in states.items()
        }
        self._mixture_now, self._questions = self._mixtures["now"], None
        if answers is not None:
            new = self._mixtures[KEPT].answers(answers, self._judge)
            self._questions = questions(positions, new, answers[0], self._judge, rng)

    def _timed_answers(self, X):
        """Return the answers of all models, and add their time to that of their fits."""
        answers = []
        for place, model in enumerate(self._outcome.models):
            start = time.perf_counter()
            answers.append(self._judge.answers(model, X))
            self._seconds[place] += time.perf_counter() - start
        return answers

    def _answers(self, X):
        """Return the answers for target rows."""
        check_is_fitted(self)
        refuse_lazy(type(self).__name__, X=X)
        if not holds_items(X):
            X = named_columns(X, self._read_rows(X, reset=False))
        pairs = zip(self._outcome.models, self._mixture_now.needed, strict=True)
        answers = [self._judge.answers(model, X) if needed else None for model, needed in pairs]
        return self._mixture_now.answers(answers, self._judge)

    def predict(self, X):
        """Predict the label of each row.

        Parameters
        ----------
        X : array-like, sparse matrix, DataFrame or list of n_samples rows
            Target rows.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Of the mixture of the candidates.
        """
        answers = self._answers(X)
        return self._judge.predict(answers)

    def rows_to_label(self, n_rows=20):
        """Return unlabelled target rows of the fit whose labels decide whether transfer is kept.

        They are a random draw of the rows on which the candidates' mixture and no transfer differ.
        The mixture is the equal vote without target labels, and the weighted average with them.
        Rows that were offered before are not offered again. Of a regressor, the half of the rows
        that differ most is asked for.

        Parameters
        ----------
        n_rows : int, default=20
            The number of rows, at most.

        Returns
        -------
        rows : ndarray of shape (n_offered,), dtype int
            Positions in `X` of the fit. Fewer than `n_rows`, or none, if no more rows differ.

        Raises
        ------
        ValueError
            If every target row of the fit is labelled.
        """
        check_is_fitted(self)
        if isinstance(n_rows, bool) or not isinstance(n_rows, Integral) or n_rows < 1:
            raise ValueError(f"n_rows={n_rows!r}: expected a whole number of 1 or more.")
        self._questions, rows = self._asked().offered(int(n_rows))
        return rows

    def settle(self, rows, y_rows, *, rule="sure"):
        """Keep or reject transfer by the labels of rows that `rows_to_label` returned.

        Labels of all calls count together. They change the weights of the fit, never the fitted
        candidates.

        Parameters
        ----------
        rows : array-like of shape (n_rows,), dtype int
            Positions that `rows_to_label` returned, each one once.
        y_rows : array-like of shape (n_rows,)
            Their labels.
        rule : {"sure", "majority"}, default="sure"
            "sure": transfer is kept if a sign test is sure that it is right more often, and
            rejected if the test is sure of the opposite. Each test is at ``1 - level``, which holds
            for all calls together. If the test is not sure, more labels are needed. Until then a
            fit without target labels predicts by the source alone, one with them as before.
            "majority": transfer is kept unless it is wrong more often.

        Returns
        -------
        self : object
            With new values of `decision_`, `difference_`, `interval_`, `weights_`, `changed_`,
            `used_transfer_` and `report_`. The interval is that of a single look.

        Raises
        ------
        ValueError
            If a row was not offered or was settled before, or if a label is missing.

        Warns
        -----
        TransferWarning
            If a label is no class of the fit: the row counts for neither side.
        """
        check_is_fitted(self)
        check_level(self.level)
        asked = self._asked()
        places = asked.check(rows)
        if rule not in ("sure", "majority"):
            raise ValueError(f"rule={rule!r}: expected 'sure' or 'majority'.")
        if _num_samples(y_rows) != len(places):
            raise ValueError(
                f"y_rows has {_num_samples(y_rows)} entries, but rows has {len(places)}; pass the "
                "label of each of these rows, in their order."
            )
        unlabelled = np.flatnonzero(~is_labelled(y_rows))
        if len(unlabelled):
            missing = np.asarray(rows)[unlabelled].tolist()
            raise ValueError(
                f"y_rows holds no label for the rows {listed(missing)}; pass labelled rows alone."
            )
        truth = self._judge.codes(y_rows, len(places))
        wins = self._judge.wins(asked.new[places], asked.old[places], truth)
        with whole_fit(self):  # all or nothing
            self._questions = asked.settled(rows, wins.astype(int).tolist())
            decision = self._questions.decision(rule=rule, level=self.level)
            is_open = decision == UNDECIDED and self.setting_ == "inductive"
            self._mixture_now = self._mixtures[
                "now" if is_open else KEPT if decision == KEPT else "never"
            ]
            self._report_settled(decision)
        return self

    def _asked(self):
        if self._questions is None:
            raise ValueError(
                "Every target row of the fit is labelled, so there is no row to ask for; fit with "
                "unlabelled target rows too (missing values in y)."
            )
        return self._questions

    def _report_fit(self):
        outcome = self._outcome
        self.estimators_ = dict(zip(outcome.names, outcome.models, strict=True))
        self.shift_ = outcome.shift
        self.difference_, self.interval_ = outcome.difference, outcome.interval
        self.decision_ = outcome.decision
        self._set_weights()
        if self.setting_ == "inductive":
            weight = 1 - self.weights_[self.baseline_]
            options = {"used": self.used_transfer_, "weight": weight, "level": self.level}
            sentence = sentence_with_labels(outcome, self._judge, **options)
            if outcome.interval and never_excludes_zero(outcome.n_rows, level=self.level):
                warn(f"{type(self).__name__}: {sentence}", TransferWarning)
        else:
            sentence = sentence_without_labels(
                outcome, self._questions, self._judge, changed=self.changed_
            )
        self._set_report(sentence)

    def _report_settled(self, decision):
        n_labelled = self._questions.looks[-1][0]
        if decision == UNDECIDED:
            self.decision_ = f"undecided after {n_labelled} labels: label more"
        else:
            self.decision_ = f"{decision} after {n_labelled} labels"
        self.difference_, self.interval_ = self._questions.interval(level=self.level)
        self._set_weights()
        self._set_report(
            sentence_of_queries(
                self._questions, decision, self._judge, level=self.level, baseline=self.baseline_
            )
        )

    def _set_weights(self):
        mixture, names = self._mixture_now, self._outcome.names
        self.weights_ = dict(zip(names, mixture.weights.tolist(), strict=True))
        self.changed_ = mixture.changed
        moved = self.setting_ == "transductive" and bool(self.changed_)
        self.used_transfer_ = bool(self.weights_[self.baseline_] < 0.5 or moved)

    def _set_report(self, sentence):
        lines = []
        for place, line in enumerate(self._outcome.lines):
            low, high = line.get("interval") or (None, None)
            found = {key: value for key, value in line.items() if key != "interval"}
            found["seconds"] = self._seconds[place]
            found["changed"] = self._changed[place] if place and self._changed else None
            weight = self.weights_[line["name"]]
            lines.append(ReportLine(weight=weight, low=low, high=high, **found))
        looks = self._questions.looks if self._questions else ()
        self.report_ = GuardReport(
            lines=tuple(lines),
            left_out=self._outcome.left_out,
            sentence=sentence,
            queried=looks[-1] if looks else None,
            score_name=self._judge.score_name,
            loss_name=self._judge.loss_name,
        )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = True
        return tags
