"""The base of fine-tuned classifiers and regressors: everything but y."""

from abc import ABC, abstractmethod
from dataclasses import replace
from numbers import Integral, Real
from os import PathLike
from typing import NamedTuple

import numpy as np
from sklearn.base import BaseEstimator, is_classifier
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils.validation import check_consistent_length, check_is_fitted

from sktransfer._labels import has_label, labels_alone, read_labels
from sktransfer._lazy import refuse_lazy
from sktransfer._messages import shown, warn
from sktransfer._random import generator
from sktransfer._sklearn import Interval, StrOptions, _check_sample_weight, _fit_context
from sktransfer._whole import whole_fit
from sktransfer.deep._augmentation import read_augmentation
from sktransfer.deep._backbone import TakesBackbone
from sktransfer.deep._describe import describe_for, reload
from sktransfer.deep._engines.engine import engine_key
from sktransfer.deep._features import stage_features
from sktransfer.deep._items import Run
from sktransfer.deep._saving.persistence import _Persistent
from sktransfer.deep._saving.resume import Checkpoint, digest_array, training_facts
from sktransfer.deep._saving.save import check_attributes
from sktransfer.deep._training.epoch_log import EpochLog, Silent
from sktransfer.deep._training.phases import Augmented, train_head, train_stages
from sktransfer.deep._training.ranks import all_ranks
from sktransfer.deep._training.schedule import SCHEDULES, Settings
from sktransfer.deep._training.starts import (
    DrawnStart,
    PretrainedStart,
    require_finite,
    through_stages,
)
from sktransfer.exceptions import TransferWarning


class _Given(NamedTuple):
    """The arguments of `fit`, read.

    `items` are the rows with a label, and after them the others. `labels` are the same as `y`, as
    the loss takes them. `sample_weight` holds the weights of the rows with a label, and
    `unlabelled` the places in `items` of the rows that a penalty reads.
    """

    items: object
    y: np.ndarray
    labels: object
    loss: object
    sample_weight: np.ndarray | None
    unlabelled: np.ndarray | None


class _BaseFineTune(TakesBackbone, _Persistent, CallbackSupportMixin, BaseEstimator, ABC):
    """Fit a head on a pretrained network, and those of its stages that are not frozen.

    A subclass has the parameters in its own ``__init__`` and one hook, `_read_target`.
    """

    # Rows with a label in some columns of y are learned from; a transfer pipeline passes them.
    _takes_gaps = True

    _parameter_constraints: dict = {
        # Validated in fit, when stages, shapes and files are known.
        "backbone": "no_validation",
        "weights": "no_validation",
        "stages": "no_validation",
        "preprocessing": "no_validation",
        "input_size": "no_validation",
        "image_shape": "no_validation",
        "value_range": "no_validation",
        "cache": "no_validation",
        "checkpoint": "no_validation",
        "augment": "no_validation",
        "tokenizer": [str, PathLike, None],
        "max_tokens": [Interval(Integral, 1, None, closed="left"), None],
        "long_text": [StrOptions({"truncate", "windows"})],
        "prefix": [str, None],
        "sample_rate": [Interval(Real, 0, None, closed="neither"), None],
        "freeze_depth": [StrOptions({"all"}), Integral],
        "initialize": [StrOptions({"pretrained", "random"})],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="left")],
        "backbone_learning_rate": [Interval(Real, 0, None, closed="left")],
        "rate_decay": [Interval(Real, 0, 1, closed="right")],
        "schedule": [StrOptions(set(SCHEDULES))],
        "warmup_epochs": [Interval(Integral, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "l2_sp": [Interval(Real, 0, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "augment_views": [Interval(Integral, 1, None, closed="left"), None],
        "mixed_precision": ["boolean", StrOptions({"auto"})],
        "device": [str],
        "random_state": ["random_state"],
    }

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y, sample_weight=None):
        """Train the head, and the stages that are not frozen.

        A fit that fails leaves the estimator as it was before.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_pixels), (n_samples, h, w) or (n_samples, h, w, c)
            Images; or a list, an object array or a DataFrame column of paths, bytes or Pillow
            images.
        y : array-like of shape (n_samples,) or (n_samples, n_columns)
            Labels or targets. Of several columns each row has one label at least, and a missing
            value (NaN or None) in any other column that is not known.
        sample_weight : array-like of shape (n_samples,) or None, default=None
            Weights of the rows in the losses of both phases, of held-out rows too; 0 or more. Rows
            of weight 0 are left out, except that a classifier keeps their class. A frozen network
            with whole numbers as weights gives the same head as repeated rows. None: 1 for each.

        Returns
        -------
        self : object
            The fitted estimator.

        Raises
        ------
        ImportError
            If stages are to be trained, or have random weights, and torch is not installed.
        ValueError
            If a parameter does not fit the network, the images or this machine, or if the folder
            `checkpoint` holds another training. If activations of some images are not finite, or if
            training diverged.

        Warns
        -----
        TransferWarning
            If training the stages never improved on its start, or ended worse than a constant.
        ConvergenceWarning
            If `head_epochs` ended before the head converged.
        """
        return self._fit_network(X, y, sample_weight=sample_weight)

    def _fit_network(self, X, y, *, sample_domain=None, sample_weight=None):
        """`fit`, for a subclass that takes `sample_domain` too; see `_choose_rows`."""
        with whole_fit(self), all_ranks() as ranks:
            self.backbone_ = self._describe()
            self.load_report_ = self.backbone_.load_report
            given = self._read_rows(X, y, sample_domain, sample_weight)
            depth = self._read_depth(given.loss)
            if depth < len(self.backbone_.stages) or self._is_drawn():
                inputs = self.backbone_.preprocessing.as_one_input()
                self.backbone_ = replace(self.backbone_, preprocessing=inputs)
            ranks.require_same(self._facts_of_ranks(given, depth))
            seed, checkpoint = self._open_checkpoint(given, depth, ranks)
            augmented = Augmented(read_augmentation(self.augment), self.augment_views, seed)
            first = ranks.is_first
            context = self._init_callback_context(max_subtasks=None) if first else Silent()
            context.call_on_fit_task_begin(estimator=self, X=X, y=y)
            log = EpochLog(
                context,
                {"estimator": self, "X": X, "y": y},
                self._as_attributes,
                more=() if given.unlabelled is None else ("adaptation_loss", "domain_score"),
            )
            result = None if checkpoint is None else self._finished(checkpoint)
            if result is None:
                outcome = self._train(given, depth, augmented, log, seed, checkpoint, ranks)
                result = ranks.agree(lambda: self._result(given, outcome, log))
                if checkpoint is not None:
                    checkpoint.finish(result)
            vars(self).update(result["attributes"])
            self._warn(result["converged"], result["doubt"])
            context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    def _result(self, given, outcome, log):
        """The fitted attributes, and what there is to warn of."""
        attributes = self._as_attributes(outcome.head, outcome.stages, log.history)
        attributes["best_epoch_"] = outcome.best_epoch
        doubt = " ".join(filter(None, [outcome.doubt, self._doubt(given, outcome)]))
        return {"attributes": attributes, "converged": outcome.converged, "doubt": doubt}

    def _describe(self):
        """Describe the network that is named by the parameters."""
        return describe_for(self)

    def _is_drawn(self):
        """Whether the network starts with random weights."""
        return self.initialize == "random" or not self.backbone_.is_pretrained

    def _read_rows(self, X, y, sample_domain, sample_weight):
        """Read the arguments of `fit`: labelled rows come first, rows of weight 0 are left out."""
        refuse_lazy(type(self).__name__, X=X, y=y, sample_domain=sample_domain)
        items = self.backbone_.preprocessing.read(X, self, reset=True)
        sample_weight = self._read_weight(items, sample_weight)
        rows, unlabelled = np.arange(len(items)), None
        chosen = self._choose_rows(items, y, sample_domain)
        if chosen is not None:
            rows, unlabelled = (None if mask is None else np.flatnonzero(mask) for mask in chosen)
            y = labels_alone(y, chosen[0], discrete=is_classifier(self))
            if sample_weight is not None:
                if unlabelled is not None:
                    unlabelled = unlabelled[sample_weight[unlabelled] > 0]
                sample_weight = sample_weight[rows]
        y, labels, loss = self._read_target(rows, y, sample_weight)
        if sample_weight is not None:
            kept = np.flatnonzero(sample_weight)
            rows, sample_weight = rows[kept], sample_weight[kept]
            y, labels = y[kept], labels.select(kept, None)
        if unlabelled is not None:
            order = np.concatenate([rows, np.setdiff1d(unlabelled, rows)])
            unlabelled = np.argsort(order)[np.searchsorted(np.sort(order), unlabelled)]
            rows = order
        if len(rows) < len(items) or unlabelled is not None:
            items = items.take(rows)
        items = items.learn(self)
        self.input_shape_ = items.item_shape
        return _Given(items, y, labels, loss, sample_weight, unlabelled)

    @abstractmethod
    def _read_target(self, items, y, sample_weight):
        """Validate y; return it, the same as `Rows` without inputs, and the loss to minimize."""

    def _choose_rows(self, items, y, sample_domain):
        """Return the masks of the rows with a label and of those that `_make_penalty` reads.

        None: all rows have a label, and there is no penalty. Labels outside of the first mask are
        not read. The second may be None: there is no penalty.
        """
        return None

    def _make_penalty(self, network, seed):
        """Return the penalty of the second phase, as `Training` describes it."""
        raise NotImplementedError

    def _doubt(self, given, outcome):
        """Return why the result cannot be trusted, as a sentence; empty if nothing is known."""
        return ""

    def _read_weight(self, items, sample_weight):
        """Validate the weights; return them with a maximum of 1, or None."""
        if sample_weight is None:
            return None
        sample_weight = _check_sample_weight(
            sample_weight, np.arange(len(items)), dtype=np.float64, ensure_non_negative=True
        )
        return sample_weight / sample_weight.max()

    def _read_depth(self, loss):
        """Return the number of frozen stages: all of them if there is nothing to train."""
        depth = self.backbone_.depth(self.freeze_depth)
        n_stages = len(self.backbone_.stages)
        if self._head_epochs() == 0 and depth == n_stages:
            raise ValueError(
                f"head_epochs=0 trains nothing with freeze_depth={shown(self.freeze_depth)}: "
                "expected 1 or more, or a smaller freeze_depth."
            )
        if "torch" not in self.backbone_.engines:
            self._refuse_training(depth)
        if depth < n_stages and self.max_epochs and self.long_text != "truncate":
            raise ValueError(
                f"long_text={shown(self.long_text)} averages features, so that no stage can be "
                f"trained: expected 'truncate', or freeze_depth='all' for {n_stages} stages."
            )
        if self.l2_sp and self._is_drawn():
            why = "initialize='random' forgets" if self.backbone_.is_pretrained else "there are not"
            raise ValueError(
                f"l2_sp={shown(self.l2_sp)} pulls towards the pretrained weights, which {why}: "
                "expected 0."
            )
        return n_stages if loss.trivial or self.max_epochs == 0 else depth

    def _refuse_training(self, depth):
        """Refuse to train, or to reset, a network that torch does not run."""
        untrained = f"the weights of backbone={shown(self.backbone_.name)} cannot be trained"
        if depth < len(self.backbone_.stages) and self.max_epochs:
            raise ValueError(
                f"freeze_depth={shown(self.freeze_depth)}: {untrained}; expected 'all'."
            )
        if self.initialize == "random":
            raise ValueError(f"initialize='random': {untrained}; expected 'pretrained'.")

    def _facts_of_ranks(self, given, depth):
        """What must be the same in all ranks, by name."""
        more = self._settings(), depth, self.augment_views, given.loss.n_outputs
        return {
            "X": (len(given.items), given.items.item_shape),
            "y": digest_array(given.y),
            "the weights of rows": digest_array(given.labels.weight),
            "sample_domain": None if given.unlabelled is None else digest_array(given.unlabelled),
            "backbone": self.backbone_.fingerprint,
            "the parameters": repr((more, read_augmentation(self.augment))),
        }

    def _open_checkpoint(self, given, depth, ranks):
        """The seed, and the folder's training, which the first rank reads; None without one."""
        seed = _draw_seed(self.random_state)
        if self.checkpoint is None:
            return ranks.agree(lambda: seed), None
        more = {"sample_weight": given.sample_weight, "sample_domain": given.unlabelled}

        def read():
            device = self._where_it_runs(depth)
            facts = training_facts(self, given.items, given.y, device, more=more)
            return Checkpoint(self.checkpoint, facts, seed=seed)

        checkpoint = ranks.agree(read)
        checkpoint.is_mine = ranks.is_first
        return checkpoint.seed, checkpoint

    def _finished(self, checkpoint):
        """The result of a training that is finished already, or None."""
        result = checkpoint.result
        if result is not None:
            known = {name: value for name, value in vars(self).items() if name.endswith("_")}
            try:
                known.update(result["attributes"])
                check_attributes(type(self).__name__, known)
                bool(result["converged"]), str(result["doubt"])
            except Exception as error:  # a file of anyone's raises anything
                raise checkpoint.unreadable(error) from error
        return result

    def _where_it_runs(self, depth):
        """The device of the part that decides: of the training, or else of the frozen stages."""
        backbone = self.backbone_
        if depth == len(backbone.stages) and not self._is_drawn():
            return engine_key(backbone, self.device).partition("-")[2]
        from sktransfer.deep._engines.torch_engine import choose_device

        return choose_device(self.device).type

    def _run(self, device=None):
        """How items pass through the frozen stages."""
        return Run(device=self.device if device is None else str(device), cache=self.cache)

    def _train(self, given, depth, augmented, log, seed, checkpoint, ranks):
        """Train the stages that are not frozen; torch is imported only if needed."""
        options = {"loss": given.loss, "augmented": augmented, "log": log, "ranks": ranks}
        items, labels = given.items, given.labels
        self.stage_weights_ = {}
        trains = depth < len(self.backbone_.stages)
        from_scratch = self._is_drawn()
        if not trains and given.unlabelled is not None:  # there is nothing that it could change
            items = items.take(np.arange(len(labels.y)))
        if not trains and not from_scratch:
            start = PretrainedStart(items, self.backbone_, depth, self._run())
            return train_head(start, labels, settings=self._settings(), **options)
        from sktransfer.deep._engines.torch_engine import choose_device, exact_arithmetic

        device = choose_device(self.device)
        about = items, self.backbone_, depth, self._run(device)
        with exact_arithmetic(device):
            start = PretrainedStart(*about)
            if from_scratch:
                start = DrawnStart(*about, self._draw_stages(seed, device), device)
            if not trains:
                return train_head(start, labels, settings=self._settings(), **options)
            return train_stages(
                start,
                labels,
                settings=self._settings(device),
                from_scratch=from_scratch,
                seed=seed,
                device=device,
                checkpoint=checkpoint,
                make_penalty=self._make_penalty,
                unlabelled=given.unlabelled,
                **options,
            )

    def _settings(self, device=None):
        fields = {name: getattr(self, name) for name in Settings._fields if hasattr(self, name)}
        fields["head_epochs"] = self._head_epochs()
        if device is not None:
            fields["half_precision"] = _read_precision(self.mixed_precision, device)
        return Settings(**fields)

    def _head_epochs(self):
        return getattr(self, "head_epochs", 1)

    def _draw_stages(self, seed, device):
        """Build all stages with random weights, and remember these."""
        import torch

        from sktransfer.deep._engines.torch_engine import build_torch_stages

        generator = torch.Generator().manual_seed(seed)
        stages = [stage.reset(generator) for stage in build_torch_stages(self.backbone_)]
        self.stage_weights_ = {stage.output_name: stage.arrays() for stage in stages}
        return [stage.to(device) for stage in stages]

    def _warn(self, converged, doubt):
        if doubt:
            warn(doubt, TransferWarning)
        if not converged and self._head_epochs():
            warn(
                f"head_epochs={shown(self._head_epochs())} ended before the head converged: "
                "raise it, or weight_decay.",
                ConvergenceWarning,
            )

    def _as_attributes(self, head, trained, history):
        """The attributes that make a fitted estimator, now or after some epoch."""
        weights = {stage.output_name: stage.arrays() for stage in trained}
        weights = self.stage_weights_ | weights
        return {
            "head_": head,
            "stage_weights_": weights,
            "depth_": len(self.backbone_.stages) - len(weights),
            "history_": {name: list(values) for name, values in history.items()},
            "n_iter_": len(history["phase"]),
        }

    def _outputs(self, X):
        """The outputs of the head, (n_samples, n_outputs), float64."""
        check_is_fitted(self)
        backbone = reload(self)
        refuse_lazy(type(self).__name__, X=X)
        items = backbone.preprocessing.read(X, self, reset=False)
        if self.depth_ == len(backbone.stages):
            features, _ = stage_features(items, backbone, self.depth_, self._run(), pooling="avg")
            return self.head_.outputs(require_finite(features, items, backbone).astype(np.float64))
        from sktransfer.deep._engines.torch_engine import (
            built_stages,
            choose_device,
            exact_arithmetic,
        )

        device = choose_device(self.device)
        stages = built_stages(backbone, self.stage_weights_, self.depth_, device)
        with exact_arithmetic(device):
            about = items, backbone, self._run(device), device
            features = through_stages(stages, *about, depth=self.depth_, pooled=True)
        return self.head_.outputs(require_finite(features, items, backbone).astype(np.float64))

    def _check_labelled(self, items, y):
        """Return `y` as an array, and which rows have a label, if it is of the right length."""
        if y is None:
            raise ValueError(
                f"This {type(self).__name__} estimator requires y to be passed, but the target y "
                "is None."
            )
        check_consistent_length(items, y)
        y = read_labels(y)
        return y, has_label(y)

    def _refuse_missing(self, labelled):
        if not labelled.all():
            raise ValueError(
                f"{np.sum(~labelled)} of {len(labelled)} labels in y are missing, and "
                f"{type(self).__name__} learns from labelled rows only: drop the rows without a "
                "label."
            )

    def __sklearn_is_fitted__(self):
        return hasattr(self, "head_")


def _draw_seed(random_state):
    """A seed for torch."""
    return int(generator(random_state).randint(2**31 - 1))


def _read_precision(mixed_precision, device):
    """Return whether the second phase trains in bfloat16, if its device supports it."""
    import torch

    there = device.type == "cuda" and torch.cuda.is_bf16_supported()
    if mixed_precision is True and not there:
        raise ValueError(
            f"mixed_precision=True needs a CUDA device that computes in bfloat16, and the device "
            f"is {shown(str(device))}: expected 'auto' or False."
        )
    return there and mixed_precision is not False
