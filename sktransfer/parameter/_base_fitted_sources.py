"""The base of the estimators that start from source models, given fitted or fitted inside."""

from abc import abstractmethod

from sklearn.base import clone, is_classifier

from sktransfer._domains import TARGET
from sktransfer._learner import check_learner, fit_learner, fit_with_weights
from sktransfer._sklearn import HasMethods
from sktransfer.parameter._base_source_transfer import _BaseSourceTransfer
from sktransfer.parameter._sources import SourceModel


class _BaseFittedSources(_BaseSourceTransfer):
    """Fits a model on the rows of each source domain; a concrete one writes `_learn`, `_plain`."""

    _parameter_constraints: dict = {
        **_BaseSourceTransfer._parameter_constraints,
        "source_estimator": [HasMethods(["fit", "predict"]), None],
    }

    @abstractmethod
    def _plain(self, rows):
        """Return the plain method, to be fitted on some `TargetRows`, or rows of a source."""

    @abstractmethod
    def _learn(self, target, sources):
        """Learn from `TargetRows` and a list of `SourceModel`."""

    def _learn_domains(self, rows_of, names, given, classes):
        fitted = [self._fit_source(name, rows_of(name)) for name in names]
        self.sources_ = [*given, *fitted]
        sources = [SourceModel(model, classes) for model in self.sources_]
        self._learn(rows_of(TARGET), sources)

    def _source_model(self, rows):
        """Return the model to be fitted on some rows of a source."""
        given = self.source_estimator
        return self._plain(rows) if given is None else clone(given)

    def _fit_source(self, domain, rows):
        """Return a model that is fitted on the rows of a source domain."""
        if is_classifier(self) and (rows.labels == rows.labels[0]).all():
            raise ValueError(
                f"The source {domain!r} in sample_domain has labelled rows of one class only, "
                f"{rows.labels.tolist()[0]!r}, from which no classifier learns; add rows of other "
                "classes, or leave its rows out."
            )
        model = self._source_model(rows)
        if rows.sample_weight is None:
            return fit_learner(model, rows.given_X, rows.labels)
        check_learner(model, kind="classifier" if is_classifier(self) else "regressor")
        return fit_with_weights(model, rows.given_X, rows.labels, rows.sample_weight)
