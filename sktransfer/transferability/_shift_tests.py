"""The tests of a diagnosis, between the rows of some sources and those of the target."""

from dataclasses import dataclass

import numpy as np
from sklearn.linear_model import LogisticRegression

from sktransfer._kernels.after_moments import p_after_moments
from sktransfer._kernels.column_shift import adjusted, column_distances
from sktransfer._kernels.density_ratio import effective_sample_size, ratio_of_odds
from sktransfer._kernels.label_shift import (
    mean_answers,
    p_rule_holds,
    share_intervals,
    with_shares,
)
from sktransfer._kernels.rows import stacked
from sktransfer._kernels.two_samples import (
    c2st,
    mmd_test,
    p_after_shares,
    pooled_columns,
    rows_and_squares,
    standardized,
)
from sktransfer._messages import listed
from sktransfer.transferability._shift_report import (
    COLUMNS,
    METHODS,
    MORE,
    NONE,
    SHARES,
    ClassShare,
    ColumnShift,
    ShiftReport,
)
from sktransfer.transferability._source_rule import fit_source_rule

MOST_ROWS = 10_000  # of a domain, in a permutation test
FLOOR = 1e-6  # of the probabilities of a discriminator
ALIKE = 1e-6  # singular value of the classes' mean probabilities, below which classes are alike


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a diagnosis.

    Parameters
    ----------
    X : {ndarray, CSR array} of shape (n_samples, n_features), dtype float64
        Without missing values.
    seen : {ndarray, CSR array} of shape (n_samples, n_features)
        The same with missing values; `X` itself if there is none.
    names : list of str
        Of the columns.
    codes : ndarray of shape (n_samples,), dtype int
        The class of each row; -1 if it has no label, or one that no source row has.
    classes : ndarray of shape (n_classes,)
        Those of the source rows.
    target : ndarray of int
        The positions of the target rows, sorted by the rows themselves, so that nothing depends on
        the order of the input.
    """

    X: object
    seen: object
    names: list
    codes: np.ndarray
    classes: np.ndarray
    target: np.ndarray


class ShiftTests:
    """The tests of some sources against the target.

    Parameters
    ----------
    rows : Rows
    sources : list of ndarray of int
        The positions of the rows of each source, sorted as those of the target.
    level : float
    n_permutations : int
    clones : iterator of classifier
    seed : int
    """

    def __init__(self, rows, sources, *, level, n_permutations, clones, seed):
        self.rows, self.sources, self.level, self.clones = rows, sources, level, clones
        self.rng = np.random.RandomState(seed)
        self.source = np.concatenate(sources)
        self.options = {"n_permutations": n_permutations, "generator": self.rng}
        self.notes = []

    def report(self, name):
        """Return the report, of the source `name` or, if None, of several."""
        X, source, target = self.rows.X, self._some(self.source), self._some(self.rows.target)
        shift = c2st(X[source], X[target], **self.options)
        mmd = mmd_test(X[source], X[target], **self.options)
        rule, left, shares = self._class_proportions()
        after_moments = self._after_moments()
        family = self._family(shift.p_value, shares, after_moments)
        n_labelled, holds = self._rule_holds(rule)  # drawn last: it alone reads target labels
        return ShiftReport(
            source=name,
            n_source=len(self.source),
            n_target=len(self.rows.target),
            level=self.level,
            p_shift=shift.p_value,
            auc=shift.size,
            p_mmd=mmd.p_value,
            columns=self._columns(),
            p_after_shares=left,
            shares=shares,
            p_after_moments=after_moments,
            effective_sample_size=self._effective_sample_size(),
            family=family,
            methods=METHODS[family],
            n_labelled=n_labelled,
            p_source_holds=holds,
            notes=tuple(self.notes),
        )

    def _some(self, positions):
        """Return some of the positions, in their order, if there are too many for a test."""
        if len(positions) <= MOST_ROWS:
            return positions
        return positions[np.sort(self.rng.choice(len(positions), MOST_ROWS, replace=False))]

    def _columns(self):
        """Return the `ColumnShift` of each column."""
        seen = self.rows.seen
        distances, p_values = column_distances(seen[self.source], seen[self.rows.target])
        found = zip(self.rows.names, distances, adjusted(p_values), strict=True)
        return tuple(ColumnShift(n, float(d), float(p), bool(p <= self.level)) for n, d, p in found)

    def _class_proportions(self):
        """Return the source's rule, the p-value after its proportions, and possible proportions."""
        positions = self.source[self.rows.codes[self.source] >= 0]
        codes = self.rows.codes[positions]
        counts = np.bincount(codes, minlength=len(self.rows.classes))
        lacking = self.rows.classes[counts < 2] if len(self.rows.classes) else None
        if lacking is None or len(counts) < 2 or len(lacking):
            self._note_classes(lacking)
            return None, None, None
        X, target = self.rows.X, self.rows.target
        rule = fit_source_rule(self.clones, X[positions], codes, X[target], generator=self.rng)
        spread = np.linalg.svd(mean_answers(rule.p_source, codes, rule.p_target).of_class)[1]
        if spread[-1] < ALIKE:
            self.notes.append(
                "No class proportions: the classifier gives classes the same probabilities."
            )
            return rule, None, None
        left = self._after_shares(positions, codes, rule)
        shares = self._shares(codes, rule) if left > self.level else None
        return rule, left, shares

    def _note_classes(self, lacking):
        if lacking is None:
            self.notes.append("No class proportions: no source row has a class in y.")
        elif len(lacking):
            self.notes.append(
                "No class proportions: they need two source rows of each class; there are fewer of "
                f"{listed(lacking.tolist(), limit=80)}."
            )
        else:
            self.notes.append("No class proportions: the source rows have one class.")

    def _after_shares(self, positions, codes, rule):
        kept = self._some(np.arange(len(positions)))
        X, target = self.rows.X, self._some(self.rows.target)
        return p_after_shares(
            X[positions[kept]], codes[kept], X[target], rule.target_shares(), **self.options
        )

    def _shares(self, codes, rule):
        """Return the `ClassShare` of each class."""
        found = share_intervals(
            rule.p_source, codes, rule.p_target, level=self.level, generator=self.rng
        )
        return tuple(
            ClassShare(label, *map(float, numbers))
            for label, *numbers in zip(self.rows.classes.tolist(), rule.shares, *found, strict=True)
        )

    def _after_moments(self):
        """Return the p-value after each source was mapped onto the target's moments."""
        parts = [*map(self._some, self.sources), self._some(self.rows.target)]
        ends = np.cumsum([len(part) for part in parts])[:-1]
        *sources, target = [self.rows.X[part] for part in parts]
        *sources, target = np.split(pooled_columns(stacked(sources), target), ends)
        return p_after_moments(sources, target, **self.options)

    def _family(self, p_shift, shares, after_moments):
        """Return the kind of shift: class proportions, if an interval excludes that of the
        source."""
        if p_shift > self.level:
            return NONE
        if shares and any(not s.low <= s.source <= s.high for s in shares):
            return SHARES
        return COLUMNS if after_moments > self.level else MORE

    def _effective_sample_size(self):
        """Return that of weights by a logistic regression of the domain on rows and squares."""
        X, n_source = self.rows.X, len(self.source)
        X = standardized(rows_and_squares(pooled_columns(X[self.source], X[self.rows.target])))
        is_target = np.arange(len(X)) >= n_source
        odds = LogisticRegression(max_iter=1000).fit(X, is_target).predict_proba(X[:n_source])[:, 1]
        n_target = len(X) - n_source
        ratio = ratio_of_odds(odds, n_source=n_source, n_target=n_target, floor=FLOOR)
        return effective_sample_size(ratio)

    def _rule_holds(self, rule):
        """Return how many target rows have a label, and the p-value of the source's rule."""
        codes = self.rows.codes[self.rows.target]
        labelled = codes >= 0
        if rule is None or not labelled.any():
            return int(labelled.sum()), None
        codes = codes[labelled]
        shares = np.bincount(codes, minlength=len(rule.shares)) / len(codes)
        p = with_shares(rule.p_target[labelled], rule.shares, shares)
        return len(codes), p_rule_holds(p, codes, n_draws=199, generator=self.rng)
