"""A regressor whose network is adapted to a target domain without labels."""

from sktransfer.deep._base_adapted import _AdaptsNetwork
from sktransfer.deep._base_network_regressor import _BaseNetworkRegressor


class AdaptedNetworkRegressor(_AdaptsNetwork, _BaseNetworkRegressor):
    r"""Predict numbers of target rows with a network that learns from other domains.

    It is :class:`AdaptedNetworkClassifier` for numbers: the loss of the labels is that of
    :class:`FineTuneRegressor`, half the squared error of standardized targets. The adaptations are
    those that need no classes: "coral", "dan", "dann", "adda" and "mdd".

    It helps if one network could predict both domains, which differ in how the rows look. It
    hurts if the targets of both domains differ in distribution, because their features are then
    made alike, although they should not be. Compare with ``adaptation=None`` on a few labelled
    target rows.

    Parameters
    ----------
    backbone : str, os.PathLike, torch.nn.Module or Backbone, default="glyphs"
        The network, as for `AdaptedNetworkClassifier`.
    adaptation : {"coral", "dan", "dann", "adda", "mdd"}, description or None, default="coral"
        How the domains are made alike, by a name or a description such as
        :class:`~sktransfer.deep.MDD`. None: no adaptation, the control. It equals
        `FineTuneRegressor` on the labelled source rows.
    strength : float, default=1.0
        The factor of the adaptation's loss.
    ramp : float or None, default=10.0
        How fast the strength rises, as for `AdaptedNetworkClassifier`.
    supervised : bool, default=False
        Whether the labels of target rows are learned from too, as for `AdaptedNetworkClassifier`.
    hidden_layer_sizes : tuple of int or None, default=None
        With "mlp": the width of each hidden layer. None: one of 100.
    activation : {"relu", "tanh", "logistic"}, default="relu"
        With "mlp": the function after each hidden layer, as for `AdaptedNetworkClassifier`.
    weights, stages, input_size : object
        As for `FineTuneRegressor`.
    preprocessing : object
        As for `FineTuneRegressor`. With "mlp" a pair ``(mean, scale)``, as for
        `AdaptedNetworkClassifier`.
    freeze_depth : int or "all", default=-1
        How many stages from the input stay as they are, as for `AdaptedNetworkClassifier`.
    initialize, max_epochs, learning_rate, backbone_learning_rate : object
        As for `FineTuneRegressor`.
    rate_decay, schedule, warmup_epochs, batch_size, weight_decay, l2_sp : object
        As for `FineTuneRegressor`.
    validation_fraction : float, default=0.0
        Share of the labelled rows that is held out to stop the training. With 0 all epochs run.
    n_iter_no_change, augment, augment_views, image_shape, value_range : object
        As for `FineTuneRegressor`.
    tokenizer, max_tokens, long_text, prefix, sample_rate : object
        As for `FineTuneRegressor`.
    mixed_precision, device, cache, checkpoint : object
        As for `FineTuneRegressor`.
    random_state : int, RandomState instance or None, default=None
        Seeds all random choices. The same seed gives the same weights on one machine.

    Attributes
    ----------
    source_domains_ : tuple of str
        The names of the source domains.
    history_ : dict of str to list
        As for `AdaptedNetworkClassifier`, with the losses and scores of `FineTuneRegressor`.
    table_format_ : object
        With "mlp": ``mean`` and ``scale``, arrays with one for each column.
    target_ndim_ : int
        The number of dimensions of y.
    backbone_, load_report_, image_format_, input_shape_, stage_weights_ : object
        As for `FineTuneRegressor`.
    depth_, head_, n_iter_, best_epoch_, n_features_in_ : object
        As for `FineTuneRegressor`.

    See Also
    --------
    AdaptedNetworkClassifier : The same for classes, with the formulas.
    FineTuneRegressor : The same without a second domain.

    Notes
    -----
    y may have several columns, with NaN for a target that is not known.

    References
    ----------
    The papers are those of `AdaptedNetworkClassifier`.

    Examples
    --------
    >>> import numpy as np
    >>> from sktransfer import AdaptedNetworkRegressor
    >>> rng = np.random.default_rng(0)
    >>> X = rng.normal(size=(200, 3))
    >>> y = X[:, 0] - 2 * X[:, 1]
    >>> X[100:] += [0, 0, 3]  # in the target one column, which says nothing, is higher
    >>> sample_domain = np.repeat(["before", "target"], 100)
    >>> model = AdaptedNetworkRegressor(
    ...     "mlp", adaptation="dan", max_epochs=30, backbone_learning_rate=1e-2, random_state=0
    ... )
    >>> model.fit(X, y, sample_domain=sample_domain).score(X[100:], y[100:]) > 0.8
    True
    """

    _parameter_constraints: dict = {
        **_BaseNetworkRegressor._parameter_constraints,
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
        max_epochs=10,
        learning_rate=1e-3,
        backbone_learning_rate=3e-4,
        rate_decay=1.0,
        schedule="constant",
        warmup_epochs=2,
        batch_size=32,
        weight_decay=0.1,
        l2_sp=0.0,
        validation_fraction=0.0,
        n_iter_no_change=5,
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
        self.max_epochs = max_epochs
        self.learning_rate = learning_rate
        self.backbone_learning_rate = backbone_learning_rate
        self.rate_decay = rate_decay
        self.schedule = schedule
        self.warmup_epochs = warmup_epochs
        self.batch_size = batch_size
        self.weight_decay = weight_decay
        self.l2_sp = l2_sp
        self.validation_fraction = validation_fraction
        self.n_iter_no_change = n_iter_no_change
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
