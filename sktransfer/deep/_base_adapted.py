"""The base of the networks that adapt to a target domain: their rows, and their penalty."""

from numbers import Real

from sklearn.base import is_classifier

from sktransfer._domains import read_sample_domain
from sktransfer._messages import shown
from sktransfer._needs import Needs
from sktransfer._sklearn import Interval, StrOptions, _fit_context
from sktransfer.deep._adaptations.description import How
from sktransfer.deep._adaptations.names import read_adaptation
from sktransfer.deep._kinds import refuse_other_kinds
from sktransfer.deep._tables.table_input import ACTIVATIONS, PERCEPTRON, describe_perceptron

# Fewest rows of which a covariance, or a mean of pairs, can be computed.
_FEWEST_ROWS = 2


class _AdaptsNetwork:
    """Learn from labelled rows, and make the rows of the target like them.

    It must precede a base of `_BaseFineTune`.
    """

    # Requested by default, so that metadata routing passes it through plain pipelines.
    __metadata_request__fit = {"sample_domain": True}

    _adapted_constraints: dict = {
        # Its class validates it.
        "adaptation": "no_validation",
        "strength": [Interval(Real, 0, None, closed="left")],
        "ramp": [Interval(Real, 0, None, closed="neither"), None],
        "supervised": ["boolean"],
        # Its class validates it.
        "hidden_layer_sizes": "no_validation",
        "activation": [StrOptions(set(ACTIVATIONS))],
    }

    @property
    def _needs(self):
        return Needs(
            source_labels=True,
            target_labels=bool(self.supervised),
            min_domain_rows=_FEWEST_ROWS,
            order_matters=True,
        )

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, *, sample_domain=None):
        """Train the network on labelled rows, and adapt it to the target.

        A fit that fails leaves the estimator as it was before.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_pixels), (n_samples, h, w) or (n_samples, h, w, c)
            Rows of all domains, as for `FineTuneClassifier.fit`.
        y : array-like of shape (n_samples,) or (n_samples, n_columns)
            Labels; missing values if a row has none. A row of several columns may have labels in
            some of them. Without `supervised` those of target rows are
            not read. Source rows without a label are left out.
        sample_domain : array-like of shape (n_samples,), default=None
            ``"target"`` for a target row, else the name of the row's source domain (or integers:
            negative target, positive source). Several sources count as one. None: every row is a
            target row; then the network is fine-tuned on those with a label.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ImportError
            If torch is not installed.
        ValueError
            If a domain has fewer than two rows to learn from, if no stage is left to adapt, or as
            for `FineTuneClassifier.fit`.

        Warns
        -----
        TransferWarning
            If the result cannot be trusted: a class is missing in the predictions of the target
            rows, or the training ended worse than a constant.
        """
        return self._fit_network(X, y, sample_domain=sample_domain)

    @property
    def _reads_tables(self):
        return isinstance(self.backbone, str) and self.backbone == PERCEPTRON

    def _describe(self):
        self._read_adaptation()
        if not self._reads_tables:
            return super()._describe()
        for name in ("weights", "stages"):
            if getattr(self, name) is not None:
                raise ValueError(
                    f"{name}={shown(getattr(self, name))}: backbone={PERCEPTRON!r} has none that "
                    "could be named; leave it out."
                )
        described = describe_perceptron(self.hidden_layer_sizes, self.activation)
        refuse_other_kinds(self, described)
        return described

    def _choose_rows(self, items, y, sample_domain):
        domains = read_sample_domain(sample_domain, len(items))
        learned, is_target = self._check_labelled(items, y)[1], domains.is_target
        if domains.sources and not self.supervised:
            learned = learned & ~is_target
        self.source_domains_ = domains.sources
        adapts = bool(domains.sources) and self.adaptation is not None
        fewest = _FEWEST_ROWS if adapts else 1
        self._require_rows(
            learned.sum(), fewest, "labelled source rows" if domains.sources else "labelled rows"
        )
        if not adapts:
            return learned, None
        self._require_rows(is_target.sum(), fewest, "target rows")
        return learned, is_target

    def _require_rows(self, n, fewest, which):
        if n < fewest:
            raise ValueError(
                f"{type(self).__name__} needs at least {fewest} {which}, but y and sample_domain "
                f"have {n}: add rows, or correct sample_domain."
            )

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = self._reads_tables
        return tags

    def _read_depth(self, loss):
        depth = super()._read_depth(loss)
        all_frozen = depth == len(self.backbone_.stages) and not loss.trivial
        if all_frozen and self.source_domains_ and self.adaptation is not None:
            raise ValueError(
                f"adaptation={shown(self.adaptation)} has no stage to train with freeze_depth="
                f"{shown(self.freeze_depth)} and max_epochs={shown(self.max_epochs)}: expected "
                "a smaller freeze_depth and 1 epoch or more, or adaptation=None."
            )
        return depth

    def _make_penalty(self, network, seed):
        adaptation = self._read_adaptation()
        how = How(self.strength, self.ramp, seed, is_classifier(self))
        if not (is_classifier(self) and self._has_columns() and adaptation._reads_classes):
            return adaptation._make_penalty(network, how)
        from sktransfer.deep._training.column_penalties import ColumnPenalties

        sizes = [len(classes) for classes in self.classes_]
        return ColumnPenalties(adaptation, network, how, sizes)

    def _read_adaptation(self):
        return read_adaptation(self.adaptation, self, classes=is_classifier(self))
