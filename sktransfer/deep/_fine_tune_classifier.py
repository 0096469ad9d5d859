"""A classifier that starts from a pretrained network and trains as much of it as asked."""

import warnings
from numbers import Integral, Real

import numpy as np
from scipy.special import softmax
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import check_random_state, column_or_1d, compute_class_weight
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import assert_all_finite, check_consistent_length, check_is_fitted

from sktransfer._domains import is_labelled, labels_alone
from sktransfer._sklearn import Interval, StrOptions, _fit_context
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._head import EpochLog, Rows
from sktransfer.deep._images import learn_image_format, validate_images
from sktransfer.deep._preprocess import image_batches


class FineTuneClassifier(ClassifierMixin, CallbackSupportMixin, BaseEstimator):
    """Classify images with a pretrained network, the last stages of which may be trained further.

    Training has two phases [1]_. First a linear softmax head is trained to convergence on the
    network's pooled features, standardised; then, unless everything is frozen, the stages after
    `freeze_depth` are trained together with the head, in minibatches at a low rate, and the
    weights with the smallest loss on held-out rows are kept. The frozen stages run once a fit.

    It helps when labels are few and the images resemble what the network was trained on: then
    keep everything frozen. Training more stages pays when there are some tens of labels a class
    and the images differ from the network's own. It hurts when labels are very few and much is
    trained: the network forgets what it knew and learns the few rows by heart [1]_. Where the
    images have nothing in common with the network's, compare with ``initialize="random"``, the
    same network from scratch, or with the raw pixels. Activations of the last frozen stage are
    kept in memory during `fit`: for many thousand images freeze more, or all.

    Parameters
    ----------
    backbone : str, os.PathLike or Backbone, default="glyphs"
        The network: "glyphs", which ships with the package, takes grey images of 32 x 32 pixels
        and was trained on printed characters; or the path of an ``.onnx`` file that carries
        sktransfer's metadata.
    freeze_depth : int or "all", default="all"
        How many stages from the input stay as they are: 0 trains all, the number of stages is
        the same as "all". Batch-norm of frozen stages keeps its running statistics.
    initialize : {"pretrained", "random"}, default="pretrained"
        "random" forgets the weights and draws new ones (He's initialization): the baseline from
        scratch. It needs more and longer steps, so raise `max_epochs` (to 60, say, for a hundred
        rows) and `backbone_learning_rate` (to 1e-3); there is no first phase, and batch-norm trains
        on the statistics of the minibatches.
        With everything frozen it is a linear classifier on random features.
    head_epochs : int, default=1000
        Most passes over the rows in the first phase (iterations of L-BFGS). It ends as soon as
        it converges, and warns if it does not. 0 leaves the head to the second phase.
    max_epochs : int, default=10
        Most passes over the rows in the second phase.
    learning_rate : float, default=1e-3
        Step size (AdamW) of the head in the second phase. The first needs none.
    backbone_learning_rate : float, default=3e-4
        Step size (AdamW) of the stages in the second phase.
    batch_size : int, default=32
        Rows of a minibatch in the second phase, 2 or more.
    weight_decay : float, default=1e-3
        In the first phase ``weight_decay / 2 * ||coef||^2`` is added to the mean loss, so the
        head is ``LogisticRegression(C=1 / (weight_decay * n_samples))`` for three classes or
        more; in the second AdamW's decay.
    validation_fraction : float, default=0.15
        Share of the rows, at least one of each class, that is held out to stop the second phase;
        neither phase trains on them. With 0, or where a class has fewer than 5 rows, nothing is
        held out and all epochs run. Without a second phase nothing is held out.
    n_iter_no_change : int, default=5
        The second phase stops after so many epochs without a smaller held-out loss.
    class_weight : dict, "balanced" or None, default=None
        Weights of the classes, as in scikit-learn: the same as repeating their rows.
    image_shape : (h, w), (h, w, c) or None, default=None
        The shape of an image whose pixels stand in one row of a 2-D X, channels last. None: a
        square where the length of the row allows it, otherwise an image of one row.
    value_range : (low, high) or None, default=None
        The values of black and white. None: learned in `fit`, as by
        `PretrainedFeatureExtractor`.
    device : str, default="auto"
        Where torch runs: "auto" for the first there is of "cuda", "mps" and "cpu", or a device.
    random_state : int, RandomState instance or None, default=None
        Seeds the choice of held-out rows, the order of the minibatches and random weights. The
        same seed gives the same weights on one machine. None: fresh entropy for each fit.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,)
        The classes, sorted.
    backbone_ : Backbone
        The description of the network; pickles carry it in place of the frozen weights.
    image_format_ : ImageFormat
        How the pixels of X are read.
    stage_weights_ : dict of str to dict of str to ndarray
        The weights of those stages that are not as in the backbone's file: the trained ones,
        and with ``initialize="random"`` all.
    head_ : Head
        The head: ``mean``, ``scale``, ``coef`` and ``intercept``, NumPy arrays.
    history_ : dict of str to list
        For each epoch: "phase" ("head" or "fine-tune"), "train_loss", "train_score",
        "validation_loss" and "validation_score" (NaN where nothing is held out). Scores are
        accuracies, losses weighted cross-entropies without the penalty; those of training rows
        are what the minibatches saw during the epoch.
    n_iter_ : int
        The number of epochs of both phases together.
    n_features_in_ : int
        The number of pixels in a row; set for 2-D X only.

    See Also
    --------
    PretrainedFeatureExtractor : The frozen features alone, for a classifier of your own.

    Notes
    -----
    There is no ``sample_weight``: scikit-learn demands that weights equal repeated rows to seven
    digits, and stochastic training in float32 cannot. With pretrained weights batch-norm keeps
    its running statistics in the trained stages too, only its scale and shift are trained:
    statistics of a few rows would be worse than those of the pretraining.

    References
    ----------
    .. [1] Kumar, Raghunathan, Jones, Ma, Liang. "Fine-tuning can distort pretrained features and
       underperform out-of-distribution". ICLR 2022. https://arxiv.org/abs/2202.10054

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sktransfer import FineTuneClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> classifier = FineTuneClassifier().fit(X[:100], y[:100])
    >>> bool(classifier.score(X[100:400], y[100:400]) > 0.9)
    True
    """

    _parameter_constraints: dict = {
        "backbone": "no_validation",
        "freeze_depth": [StrOptions({"all"}), Interval(Integral, 0, None, closed="left")],
        "initialize": [StrOptions({"pretrained", "random"})],
        "head_epochs": [Interval(Integral, 0, None, closed="left")],
        "max_epochs": [Interval(Integral, 0, None, closed="left")],
        "learning_rate": [Interval(Real, 0, None, closed="left")],
        "backbone_learning_rate": [Interval(Real, 0, None, closed="left")],
        "batch_size": [Interval(Integral, 2, None, closed="left")],
        "weight_decay": [Interval(Real, 0, None, closed="left")],
        "validation_fraction": [Interval(Real, 0, 1, closed="left")],
        "n_iter_no_change": [Interval(Integral, 1, None, closed="left")],
        "class_weight": [dict, StrOptions({"balanced"}), None],
        "image_shape": "no_validation",
        "value_range": "no_validation",
        "device": [str],
        "random_state": ["random_state"],
    }

    def __init__(
        self,
        backbone="glyphs",
        *,
        freeze_depth="all",
        initialize="pretrained",
        head_epochs=1000,
        max_epochs=10,
        learning_rate=1e-3,
        backbone_learning_rate=3e-4,
        batch_size=32,
        weight_decay=1e-3,
        validation_fraction=0.15,
        n_iter_no_change=5,
        class_weight=None,
        image_shape=None,
        value_range=None,
        device="auto",
        random_state=None,
    ):
        self.backbone = backbone
        self.freeze_depth = freeze_depth
        self.initialize = initialize
        self.head_epochs = head_epochs
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.backbone_learning_rate = backbone_learning_rate
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.image_shape = image_shape
        self.value_range = value_range
        self.device = device
        self.random_state = random_state

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y):
        """Train the head, and the stages that are not frozen.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_pixels), (n_samples, h, w) or (n_samples, h, w, c)
            Images; or a list, an object array or a DataFrame column of paths, bytes or Pillow
            images.
        y : array-like of shape (n_samples,)
            Labels, without missing values.

        Returns
        -------
        self : object
            The fitted classifier.

        Raises
        ------
        ImportError
            If torch is not installed.
        ValueError
            If a parameter does not fit the network, the images or this machine.
        """
        from sktransfer.deep._torch_engine import choose_device, exact_arithmetic

        X = validate_images(self, X, reset=True)
        y, labels = self._read_labels(X, y)
        self.backbone_ = resolve_backbone(self.backbone)
        self.image_format_ = learn_image_format(
            X, image_shape=self.image_shape, value_range=self.value_range
        )
        depth = self._read_depth()
        device = choose_device(self.device)
        context = self._init_callback_context(max_subtasks=None)
        context.call_on_fit_task_begin(estimator=self, X=X, y=y)
        with exact_arithmetic(device):
            self._train(X, y, labels, depth=depth, device=device, context=context)
        context.call_on_fit_task_end(estimator=self, X=X, y=y, reconstruction_attributes={})
        return self

    def predict(self, X):
        """Predict the most probable class of each image.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.

        Returns
        -------
        y : ndarray of shape (n_samples,)
            Classes.
        """
        check_is_fitted(self)
        return self.classes_[self._logits(X).argmax(axis=1)]

    def predict_proba(self, X):
        """Estimate the probability of each class.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.

        Returns
        -------
        probabilities : ndarray of shape (n_samples, n_classes), float64
            In the order of ``classes_``; each row sums to 1.
        """
        check_is_fitted(self)
        return softmax(self._logits(X), axis=1)

    def decision_function(self, X):
        """Compute the logits of the classes.

        Parameters
        ----------
        X : array-like
            Images, as in `fit`.

        Returns
        -------
        decision : ndarray of shape (n_samples,) or (n_samples, n_classes), float64
            For two classes the logit of the second less that of the first, else one a class.
        """
        check_is_fitted(self)
        logits = self._logits(X)
        return logits[:, 1] - logits[:, 0] if logits.shape[1] == 2 else logits

    def _read_labels(self, X, y):
        """Validate y and set ``classes_``; returns y, and its class numbers with weights."""
        name = type(self).__name__
        if y is None:
            raise ValueError(
                f"This {name} estimator requires y to be passed, but the target y is None."
            )
        check_consistent_length(X, y)
        labelled = is_labelled(y)
        y = labels_alone(y, labelled, discrete=True) if labelled.all() else y
        y = column_or_1d(y, warn=True)
        if y.dtype.kind == "f":
            assert_all_finite(y, input_name="y", estimator_name=name)
        if not labelled.all():
            raise ValueError(
                f"{np.sum(~labelled)} of {len(y)} labels in y are missing, and {name} learns "
                "from labelled rows only: drop the rows without a label."
            )
        check_classification_targets(y)
        self.classes_, codes = np.unique(y, return_inverse=True)
        weight = compute_class_weight(self.class_weight, classes=self.classes_, y=y)
        if not (np.isfinite(weight).all() and weight.min() >= 0 and weight[codes].sum() > 0):
            raise ValueError(
                f"class_weight={self.class_weight!r} gives the classes the weights "
                f"{weight.tolist()}, expected numbers of 0 or more, not all 0."
            )
        return y, Rows(None, codes, weight[codes] / weight[codes].mean())

    def _read_depth(self):
        depth = self.backbone_.depth(self.freeze_depth)
        if self.head_epochs == 0 and depth == len(self.backbone_.stages):
            raise ValueError(
                f"head_epochs=0 trains nothing with freeze_depth={self.freeze_depth!r}: expected "
                "1 or more, or a smaller freeze_depth."
            )
        return depth

    def _train(self, X, y, labels, *, depth, device, context):
        """Run both phases, and set what they learned."""
        from sktransfer.deep._training import Settings, train

        seed = _draw_seed(self.random_state)
        stages = self._initial_stages(seed, device)
        log = EpochLog(context, {"estimator": self, "X": X, "y": y}, self._as_attributes)
        head, converged = train(
            stages[:depth],
            stages[depth:],
            self._batches(X, device),
            labels,
            settings=Settings(**{name: getattr(self, name) for name in Settings._fields}),
            from_scratch=self.initialize == "random",
            seed=seed,
            log=log,
        )
        vars(self).update(self._as_attributes(head, stages[depth:], log.history))
        if not converged and self.head_epochs:
            warnings.warn(
                f"head_epochs={self.head_epochs!r} ended before the head converged: raise it, "
                "or weight_decay.",
                ConvergenceWarning,
                stacklevel=4,
            )

    def _initial_stages(self, seed, device):
        """Build the stages to start from; remember their weights where they are random."""
        import torch

        from sktransfer.deep._torch_engine import build_torch_stages

        stages = build_torch_stages(self.backbone_)
        self.stage_weights_ = {}
        if self.initialize == "random":
            generator = torch.Generator().manual_seed(seed)
            stages = [stage.reset(generator) for stage in stages]
            self.stage_weights_ = {stage.output_name: stage.arrays() for stage in stages}
        return [stage.to(device) for stage in stages]

    def _batches(self, X, device):
        from sktransfer.deep._torch_engine import rows_at_once

        return image_batches(
            X,
            image_format=self.image_format_,
            preprocessing=self.backbone_.preprocessing,
            batch_size=rows_at_once(device),
        )

    def _as_attributes(self, head, trained, history):
        """The attributes that make a fitted estimator, now or after some epoch."""
        weights = {stage.output_name: stage.arrays() for stage in trained}
        return {
            "head_": head,
            "stage_weights_": self.stage_weights_ | weights,
            "history_": {name: list(values) for name, values in history.items()},
            "n_iter_": len(history["phase"]),
        }

    def _logits(self, X):
        """The logits of images, (n_samples, n_classes), float64."""
        from sktransfer.deep._torch_engine import (
            build_torch_stages,
            choose_device,
            collect_activations,
            exact_arithmetic,
        )

        X = validate_images(self, X, reset=False)
        device = choose_device(self.device)
        stages = build_torch_stages(self.backbone_)
        for stage in stages:
            stage.load(self.stage_weights_.get(stage.output_name, {})).to(device)
        with exact_arithmetic(device):
            features = collect_activations(stages, self._batches(X, device), pooled=True)
        return self.head_.logits(features.numpy().astype(np.float64))


def _draw_seed(random_state):
    """A seed for torch; None draws fresh entropy, and leaves NumPy's global state alone."""
    if random_state is None:
        return int(np.random.default_rng().integers(2**31 - 1))
    return int(check_random_state(random_state).randint(2**31 - 1))
