"""A classifier whose network is adapted to a target domain without labels."""

import numpy as np

from sktransfer._messages import shown
from sktransfer.deep._base_adapted import _AdaptsNetwork
from sktransfer.deep._base_network_classifier import _BaseNetworkClassifier

# A class that is missing by chance, with a probability below this, is worth a warning.
_UNLIKELY = 0.01


class AdaptedNetworkClassifier(_AdaptsNetwork, _BaseNetworkClassifier):
    r"""Classify target rows with a network that learns from the labels of other domains.

    The network is trained as by :class:`FineTuneClassifier` on the labelled source rows. In the
    second phase each minibatch has as many target rows beside it, whose labels are not read.
    :math:`s \, \lambda(q) \, A` is added to the loss: the `strength` s times the `ramp` times the
    loss A of the `adaptation`. Each name is the default of a description that has parameters of its
    own, and both are accepted:

    - ``"coral"``, :class:`~sktransfer.deep.CORAL`: the covariances of the features become alike.
      Try strengths from 1 to 100: the wider the network, the larger.
    - ``"dan"``, :class:`~sktransfer.deep.DAN`: so do the distributions of the features, by their
      maximum mean discrepancy.
    - ``"jan"``, :class:`~sktransfer.deep.JAN`: the same of features and probabilities together.
    - ``"mcc"``, :class:`~sktransfer.deep.MCC`: fewer target rows lie between classes. Its paper has
      no ramp: ``ramp=None``.
    - ``"dann"``, :class:`~sktransfer.deep.DANN`: a discriminator learns to tell the domains apart,
      and the network learns the opposite. Strength and ramp act on the network alone.
    - ``"cdan"``, :class:`~sktransfer.deep.CDAN`: the same, with a discriminator that sees the
      products of features and probabilities.
    - ``"adda"``, :class:`~sktransfer.deep.ADDA`: a network of the source is trained first, and a
      network of the target learns to look like it.
    - ``"confusion"``, :class:`~sktransfer.deep.DomainConfusion`: a discriminator gives both domains
      equal probabilities; with `supervised`, target rows learn the soft labels of their class too.
    - ``"mdd"``, :class:`~sktransfer.deep.MDD`: a second head cannot disagree with the first in the
      target alone.
    - None: no adaptation, the control. It equals `FineTuneClassifier` on the labelled source rows.

    It helps if one network could classify both domains, which differ in how the rows look. It
    hurts if the class proportions differ much, because the domains are then made alike by moving
    rows to other classes. An adversary is the least steady of them, and may win: a warning says so.
    "mcc" collapses into one class most easily if there are two. Compare with
    ``adaptation=None`` on a few labelled target rows.

    Parameters
    ----------
    backbone : str, os.PathLike, torch.nn.Module or Backbone, default="glyphs"
        The network, as for `FineTuneClassifier`. "mlp" is a perceptron with random weights for
        tables: rows of numbers, dense or sparse, which are standardized. It needs more and
        longer steps: raise `max_epochs` (to 50, say) and `backbone_learning_rate` (to 1e-3).
    adaptation : str, description or None, default="coral"
        How the domains are made alike: a name or a description of the list above.
    strength : float, default=1.0
        The factor of the adaptation's loss.
    ramp : float or None, default=10.0
        How fast the strength rises: its share at the progress q of the training, from 0 to 1, is
        :math:`\lambda(q) = 2 / (1 + \exp(-r q)) - 1` for the ramp r [1]_. None: all of it from the
        first step.
    supervised : bool, default=False
        Whether the labels of target rows are learned from too. These rows remain target rows for
        the adaptation.
    hidden_layer_sizes : tuple of int or None, default=None
        With "mlp": the width of each hidden layer. None: one of 100.
    activation : {"relu", "tanh", "logistic"}, default="relu"
        With "mlp": the function after each hidden layer, as for `MLPClassifier`. Features of
        "tanh" and "logistic" are bounded, so that larger ones are no escape from a discriminator.
    weights, stages, input_size : object
        As for `FineTuneClassifier`.
    preprocessing : object
        As for `FineTuneClassifier`. With "mlp" a pair ``(mean, scale)`` of numbers, or of
        arrays with one for each column: these are subtracted, and divided by. None standardizes the
        columns, which makes rare words as large as frequent ones: try ``(0, 1)`` for counts.
    freeze_depth : int or "all", default=-1
        How many stages from the input stay as they are: 0 trains all, and -1 the last one alone.
        "all" leaves nothing to adapt, and is accepted only without a source or an adaptation.
    initialize, head_epochs, max_epochs, learning_rate, backbone_learning_rate : object
        As for `FineTuneClassifier`.
    rate_decay, schedule, warmup_epochs, batch_size, weight_decay, l2_sp : object
        As for `FineTuneClassifier`.
    label_smoothing : float, default=0.0
        As for `FineTuneClassifier`.
    validation_fraction : float, default=0.0
        Share of the labelled rows that is held out to stop the training. With 0 all epochs run. A
        loss on source rows does not show how far the target is learned, and often stops early.
    n_iter_no_change, class_weight, augment, augment_views : object
        As for `FineTuneClassifier`.
    image_shape, value_range, tokenizer, max_tokens, long_text, prefix, sample_rate : object
        As for `FineTuneClassifier`.
    mixed_precision, device, cache, checkpoint : object
        As for `FineTuneClassifier`.
    random_state : int, RandomState instance or None, default=None
        Seeds all random choices. The same seed gives the same weights on one machine.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or list of ndarray
        The classes of the rows that are learned from, sorted; of each column of y if there are
        several.
    source_domains_ : tuple of str
        The names of the source domains.
    history_ : dict of str to list
        As for `FineTuneClassifier`. With a source and an adaptation also, for each epoch,
        "adaptation_loss", the mean of A without strength and ramp, and "domain_score". With a
        discriminator A is its loss, 1.386 if it cannot tell the domains apart. The score is the
        share of rows of the minibatch before whose features lie nearer to the mean of their own
        domain than to that of the other. It is 0.5 if the means do not separate the domains.
    table_format_ : object
        With "mlp": ``mean`` and ``scale``, arrays with one for each column.
    backbone_, load_report_, image_format_, input_shape_, stage_weights_ : object
        As for `FineTuneClassifier`.
    depth_, head_, n_iter_, best_epoch_, n_features_in_ : object
        As for `FineTuneClassifier`.

    See Also
    --------
    AdaptedNetworkRegressor : The same for numbers.
    FineTuneClassifier : The same without a second domain.
    CORALAligner : Align the covariances of features, for any classifier.

    Notes
    -----
    The losses of the adaptation read the features that the head reads, standardized. Target rows
    are drawn without replacement, and again when all have been drawn.

    y may have several columns with gaps, as for `FineTuneClassifier`. Adaptations that read classes
    then have a loss for each column, and A is their mean.

    References
    ----------
    .. [1] Ganin et al. "Domain-adversarial training of neural networks". JMLR 17, 2016.
       https://jmlr.org/papers/v17/15-239.html

    The papers of the adaptations are those of their descriptions.

    Examples
    --------
    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sktransfer import AdaptedNetworkClassifier
    >>> X, y = load_digits(return_X_y=True)
    >>> X[60:120] = 16 - X[60:120]  # the target: white on black became black on white
    >>> sample_domain = np.repeat(["scanner", "target"], 60)
    >>> classifier = AdaptedNetworkClassifier(
    ...     adaptation="jan", max_epochs=3, random_state=0
    ... )
    >>> classifier.fit(X[:120], y[:120], sample_domain=sample_domain).n_iter_ > 3
    True
    """

    _parameter_constraints: dict = {
        **_BaseNetworkClassifier._parameter_constraints,
        **_AdaptsNetwork._adapted_constraints,
    }

    def __init__(
        self,
        backbone="glyphs",
        *,
        adaptation="coral",
        strength=1.0,
        ramp=10.0,
        supervised=False,
        hidden_layer_sizes=None,
        activation="relu",
        weights=None,
        stages=None,
        preprocessing=None,
        input_size=None,
        freeze_depth=-1,
        initialize="pretrained",
        head_epochs=1000,
        max_epochs=10,
        learning_rate=1e-3,
        backbone_learning_rate=3e-4,
        rate_decay=1.0,
        schedule="constant",
        warmup_epochs=2,
        batch_size=32,
        weight_decay=1e-3,
        l2_sp=0.0,
        label_smoothing=0.0,
        validation_fraction=0.0,
        n_iter_no_change=5,
        class_weight=None,
        augment=None,
        augment_views=None,
        image_shape=None,
        value_range=None,
        tokenizer=None,
        max_tokens=None,
        long_text="truncate",
        prefix=None,
        sample_rate=None,
        mixed_precision="auto",
        device="auto",
        cache="memory",
        checkpoint=None,
        random_state=None,
    ):
        self.backbone = backbone
        self.adaptation = adaptation
        self.strength = strength
        self.ramp = ramp
        self.supervised = supervised
        self.hidden_layer_sizes = hidden_layer_sizes
        self.activation = activation
        self.weights = weights
        self.stages = stages
        self.preprocessing = preprocessing
        self.input_size = input_size
        self.freeze_depth = freeze_depth
        self.initialize = initialize
        self.head_epochs = head_epochs
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.backbone_learning_rate = backbone_learning_rate
        self.rate_decay = rate_decay
        self.schedule = schedule
        self.warmup_epochs = warmup_epochs
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.l2_sp = l2_sp
        self.label_smoothing = label_smoothing
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
        self.class_weight = class_weight
        self.augment = augment
        self.augment_views = augment_views
        self.image_shape = image_shape
        self.value_range = value_range
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.long_text = long_text
        self.prefix = prefix
        self.sample_rate = sample_rate
        self.mixed_precision = mixed_precision
        self.device = device
        self.cache = cache
        self.checkpoint = checkpoint
        self.random_state = random_state

    def _doubt(self, given, outcome):
        if outcome.unlabelled is None:
            return ""
        codes = given.labels.y.reshape(len(given.labels.y), -1).T
        found = zip(codes, self._classes(), self._split(outcome.unlabelled), strict=True)
        return " ".join(filter(None, (self._vanished(*column) for column in found)))

    def _vanished(self, codes, classes, logits):
        """Return the sentence about classes of a column that no target row is predicted to have."""
        counts = np.bincount(codes[codes >= 0], minlength=len(classes))
        found = np.bincount(logits.argmax(axis=1), minlength=len(classes))
        share, n_target = counts / counts.sum(), len(logits)
        vanished = (found == 0) & ((1 - share) ** n_target < _UNLIKELY)
        if not vanished.any():
            return ""
        return (
            f"None of the {n_target} target rows is predicted to be of the classes "
            f"{shown(classes[vanished].tolist())}, as {share[vanished].sum():.0%} of the "
            f"labelled rows are: unless the target lacks them, the adaptation has merged classes. "
            f"Lower strength={shown(self.strength)}, or compare with adaptation=None."
        )
