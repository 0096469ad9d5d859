"""The types that files of skops hold for estimators of sktransfer."""

from importlib import import_module
from inspect import isclass

# Public names that no fitted estimator holds.
_NEVER_SAVED = ("sktransfer.exceptions", "sktransfer.plotting")

# Other objects in fitted estimators: maps, learned state and descriptions of networks.
_HELD = {
    "sktransfer._held_out": ("RowRecord",),
    "sktransfer._kernels.collective": ("Side",),
    "sktransfer._kernels.combat": ("SiteEffects",),
    "sktransfer._kernels.coral": ("AffineMap", "Dense", "LowRank", "LowRankCholesky"),
    "sktransfer._kernels.density_ratio": ("LowRankNormal", "Normal"),
    "sktransfer._kernels.learned_prior": ("Prior",),
    "sktransfer._kernels.moment": ("MomentMap",),
    "sktransfer._kernels.standardization": ("PairedMap", "Weighting"),
    "sktransfer._kernels.streaming": ("FeatureSums", "Sums"),
    "sktransfer._kernels.subspaces": ("SubspaceMap",),
    "sktransfer._kernels.transport": ("DisplacementMap",),
    "sktransfer._kernels.trees": ("Tree",),
    "sktransfer.deep._adaptations.adversaries": ("ADDA", "CDAN", "DANN", "DomainConfusion", "MDD"),
    "sktransfer.deep._adaptations.discrepancies": ("CORAL", "DAN", "JAN", "MCC"),
    "sktransfer.deep._augmentation": ("Augmentation",),
    "sktransfer.deep._backbone": ("Backbone",),
    "sktransfer.deep._images.image_format": ("ImageFormat",),
    "sktransfer.deep._preprocessing": ("Preprocessing",),
    "sktransfer.deep._sounds.sound_preprocessing": ("SoundPreprocessing",),
    "sktransfer.deep._tables.table_input": ("TableInput",),
    "sktransfer.deep._tables.tables": ("TableFormat",),
    "sktransfer.deep._texts.words": ("WordInput",),
    "sktransfer.deep._training.head": ("Head",),
    "sktransfer.few_shot._zero_shot_choice": ("Frame",),
    "sktransfer.instance._kernel_logistic": ("KernelLogisticRegression",),
    "sktransfer.parameter._sources": ("SourceModel",),
    "sktransfer.relational._ratings": ("Entities",),
    "sktransfer.relational._standards": ("Standard",),
    "sktransfer.transferability._base_weighted_conformal": ("CalibrationFold",),
    "sktransfer.transferability._baselines": ("Pooled", "SourceOnly", "TargetOnly"),
    "sktransfer.transferability._guard_report": ("GuardReport", "ReportLine"),
    "sktransfer.transferability._judges": ("ClassJudge", "NumberJudge"),
    "sktransfer.transferability._mixture": ("Mixture",),
    "sktransfer.transferability._outcome": ("Outcome",),
    "sktransfer.transferability._shift_report": ("ColumnShift", "ShiftReport"),
    "sktransfer.transferability._source_models": (
        "PulledClassifier",
        "RecalibratedSource",
        "ResidualRegressor",
    ),
    # Of scikit-learn: the default trees of boosting, the default kernel of a process, and the
    # scorer of a search that names none.
    "sklearn.gaussian_process.kernels": ("ConstantKernel", "Product", "RBF"),
    "sklearn.metrics._scorer": ("_PassthroughScorer",),
    "sklearn.tree._tree": ("Tree",),
}


def trusted_types() -> list[str]:
    """Return the names of the types that `skops.io.load` needs to trust.

    A file of skops holds no code. It names the types of the parts of an estimator, and
    `skops.io.load` refuses a type that it does not know unless the caller trusts it. The list has
    the types of all public estimators, splitters and scorers, and of the state that they hold after
    `fit`. It also has those of the trees, kernels and scorers of scikit-learn that they use by
    default.

    Trust lets a file build these objects with any content. A damaged file may therefore give wrong
    predictions, and a forged tree may end the process. Load only files of people you trust.

    Returns
    -------
    names : list of str
        Sorted. To trust more types, add their names to it.

    See Also
    --------
    skops.io.get_untrusted_types : The types in a file, to compare.

    Notes
    -----
    Not in the list are other estimators outside of scikit-learn, networks of torch, and other
    kernels of Gaussian processes.

    Examples
    --------
    >>> import skops.io
    >>> from sktransfer import CORALAligner, trusted_types
    >>> aligner = CORALAligner().fit([[0.0], [1.0], [2.0]])
    >>> content = skops.io.dumps(aligner)
    >>> skops.io.get_untrusted_types(data=content)
    ['sktransfer.feature._coral_aligner.CORALAligner']
    >>> skops.io.loads(content, trusted=trusted_types())
    CORALAligner()
    """
    held = [f"{module}.{name}" for module, names in _HELD.items() for name in names]
    return sorted(
        {*held, *(f"{item.__module__}.{item.__qualname__}" for item in _public_classes())}
    )


def _public_classes():
    from sktransfer import _HOME_OF

    for name, home in _HOME_OF.items():
        if home not in _NEVER_SAVED:
            item = getattr(import_module(home), name)
            if isclass(item):
                yield item
