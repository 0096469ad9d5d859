"""A classifier that starts from a pretrained network and trains as much of it as asked."""

import numpy as np

from sktransfer._messages import shown
from sktransfer._sklearn import StrOptions
from sktransfer.deep._base_network_classifier import _BaseNetworkClassifier
from sktransfer.deep._training.schedule import OBJECTIVES


class FineTuneClassifier(_BaseNetworkClassifier):
    """Classify images with a pretrained network, the last stages of which may be trained further.

    If the network reads texts or sounds, X holds these; the rest is the same.

    Training has two phases [1]_. First a linear softmax head is trained to convergence on the
    network's pooled features, standardized. Then, unless everything is frozen, the stages after
    `freeze_depth` are trained together with the head, in minibatches at a low rate. The weights
    with the smallest loss on held-out rows are kept. With ``objective="contrastive"`` the second
    phase trains the stages alone, on pairs of rows [3]_, and fits the head on the new features.

    It helps if labels are few and the images resemble the training images of the network: then keep
    everything frozen. Train more stages if there are some tens of labels per class and the images
    differ from the network's own. It hurts if labels are very few and much is trained: the network
    loses its pretraining and overfits the few rows [1]_. If the images have nothing in common with
    the network's, compare with ``initialize="random"``, the same network from scratch, or with the
    raw pixels. Augmentation hurts if it makes one class look like another: mirrored letters,
    upside-down digits.

    Parameters
    ----------
    backbone : str, os.PathLike, torch.nn.Module or Backbone, default="glyphs"
        The network. "glyphs", which ships with the package, takes grey images of 32 x 32 pixels and
        was trained on printed characters. Others are the path of an ``.onnx`` file, "hf:FOLDER",
        "torchvision:NAME" or "timm:NAME", or a module.
    weights : str, os.PathLike or None, default=None
        A checkpoint for a module, read by layer name. Tensors that do not fit are skipped.
    stages : sequence of str or None, default=None
        The cut points in order from the input: tensors of an ONNX graph, or submodules of a
        module. None: found automatically.
    preprocessing : {"torch", "tf", "caffe"}, (mean, std), Preprocessing or None, default=None
        How pixels become the input. None: as the network says.
    input_size : int, (h, w) or None, default=None
        The size of the input. None: as the network says.
    freeze_depth : int or "all", default="all"
        How many stages from the input stay as they are. 0 trains all, the number of stages is the
        same as "all", and -1 trains the last stage alone. Batch-norm of frozen stages keeps its
        running statistics.
    initialize : {"pretrained", "random"}, default="pretrained"
        "random" forgets the weights and draws new ones (He's initialization): the baseline from
        scratch. It needs more and longer steps, so raise `max_epochs` (to 60, say, for a hundred
        rows) and `backbone_learning_rate` (to 1e-3); there is no first phase, and batch-norm trains
        on the statistics of the minibatches. With everything frozen the features are random.
    objective : {"cross_entropy", "contrastive"}, default="cross_entropy"
        The objective of the second phase. "contrastive" compares the features of all pairs of rows
        in a minibatch. Their cosine is to be 1 for rows of one class, and 0 for others [3]_. After
        each epoch the head is fitted as in the first phase. It helps with very few labels, on
        sentence encoders above all, which were trained on cosines. It hurts with many labels: then
        the cross-entropy is as good, and pairs of rows that differ within a class are pulled
        together. The pairs of a minibatch grow with the square of `batch_size`, which costs little
        next to the network.
    head_epochs : int, default=1000
        The maximum number of iterations (of L-BFGS) of the head in the first phase. It ends as
        soon as it converges, and warns if it does not. 0 leaves the head to the second phase.
    max_epochs : int, default=10
        Most passes over the rows in the second phase.
    learning_rate : float, default=1e-3
        Step size (AdamW) of the head in the second phase. The first needs none, and neither does
        ``objective="contrastive"``.
    backbone_learning_rate : float, default=3e-4
        Step size (AdamW) of the last stage in the second phase.
    rate_decay : float, default=1.0
        Each stage nearer to the input learns at this share of the rate of the one after it.
    schedule : {"constant", "cosine", "linear"}, default="constant"
        How all rates fall over the `max_epochs` of the second phase, step by step, to almost 0.
    warmup_epochs : int, default=2
        Epochs at the start of the second phase in which all rates rise. AdamW's first steps are
        its largest; without a warm-up they can destroy the features of a network for photographs.
    batch_size : int, default=32
        Rows of a minibatch in the second phase, 2 or more.
    weight_decay : float, default=1e-3
        In the first phase ``weight_decay / 2 * ||coef||^2`` is added to the mean loss, so the
        head is ``LogisticRegression(C=1 / (weight_decay * n_samples))`` for three classes or
        more; in the second AdamW's decay.
    l2_sp : float, default=0.0
        In the second phase the stages decay towards their pretrained weights, at this strength, and
        not towards 0 [2]_. With 0 the decay is not changed.
    label_smoothing : float, default=0.0
        This share of each label is spread over all classes alike, in both phases; not in pairs.
    validation_fraction : float, default=0.15
        Share of the rows, at least one of each class, that is held out to stop the second phase;
        neither phase trains on them. With 0, or if a class has fewer than 5 rows, nothing is
        held out and all epochs run. Without a second phase nothing is held out.
    n_iter_no_change : int, default=5
        The second phase stops after so many epochs without a smaller held-out loss.
    class_weight : dict, list of dict, "balanced" or None, default=None
        Weights of the classes, as in scikit-learn: the same as repeating their rows. A pair has
        the product of the weights of its rows. For several columns of y a list has an entry for
        each; anything else holds for all of them.
    augment : dict or None, default=None
        Random changes of the training images, such as ``{"rotation": 10, "shift": 0.1}``.
        "rotation" and "shear" are in degrees, "shift" and "zoom" are fractions. The others are
        "horizontal_flip" and "vertical_flip", "fill" ("nearest", "constant" with "fill_value",
        "reflect"), and "brightness", "contrast" and "saturation". Equal images in an epoch change
        equally.
    augment_views : int or None, default=None
        So many views of each image are computed once and cached. An epoch of the second phase takes
        one of them, or the image itself, by chance. None: new views in each epoch, for which the
        frozen stages run in every epoch. With everything frozen it is 4 fixed views, and the head
        is trained on all of them beside the images.
    image_shape : (h, w), (h, w, c) or None, default=None
        The shape of an image flattened into one row of a 2-D X, channels last. None: a square if
        the length of the row allows it, otherwise an image of one row.
    value_range : (low, high) or None, default=None
        The values of black and white. None: learned in `fit`, as by
        `PretrainedFeatureExtractor`.
    tokenizer, max_tokens, long_text, prefix
        For networks that read texts, as for `PretrainedTextExtractor`.
    sample_rate
        For networks that read sounds, as for `PretrainedAudioExtractor`.
    mixed_precision : bool or "auto", default="auto"
        Whether the second phase computes in bfloat16: "auto" on a CUDA device that does, never on
        a CPU. Predictions are computed in float32.
    device : str, default="auto"
        The device of torch: "auto" for the first available of "cuda", "mps" and "cpu", or a device.
        "cuda" is the GPU number LOCAL_RANK in a process of a launcher.
    cache : "memory", str, os.PathLike or None, default="memory"
        The cache of activations of the frozen stages, for all fits and predictions that freeze to
        the same depth, such as those of a search. It is in the memory of the process (bounded), in
        a folder for several processes, or none.
    checkpoint : str, os.PathLike or None, default=None
        A folder for the state of the training after each epoch, created if it is absent. If the
        process is killed, the same fit on the same data resumes after the last complete epoch. On
        the same machine and thread count it reaches identical weights. After a finished fit the
        same call returns the result at once. The folder belongs to one fit: any other fit raises
        an error and does not change it. Leave None in searches and cross-validation, which fit
        many times.
    random_state : int, RandomState instance or None, default=None
        Seeds the choice of held-out rows, the order of the minibatches, augmented views and random
        weights. The same seed gives the same weights on one machine. None: fresh entropy, which
        `checkpoint` keeps.

    Attributes
    ----------
    classes_ : ndarray of shape (n_classes,) or list of ndarray
        The classes, sorted; of each column of y if there are several.
    backbone_ : Backbone
        The description of the network; pickles carry it in place of the frozen weights.
    load_report_ : LoadReport or None
        With `weights`: the tensors loaded, skipped, and left random.
    image_format_ : ImageFormat
        How the pixels of X are read.
    input_shape_ : tuple of int or None
        The shape of one image in a numeric X; None for files and images of several sizes.
    stage_weights_ : dict of str to dict of str to ndarray
        The weights of those stages that are not as in the backbone's file: the trained ones,
        and with ``initialize="random"`` all.
    depth_ : int
        The number of stages from the input whose weights are those of the backbone's file.
    head_ : Head
        The head: ``mean``, ``scale``, ``coef`` and ``intercept``, NumPy arrays.
    history_ : dict of str to list
        For each epoch: "phase" ("head" or "fine-tune"; "head" again at the end if the start is
        kept), "train_loss", "train_score", "validation_loss" and "validation_score" (NaN if nothing
        is held out). Scores are accuracies, losses weighted cross-entropies without the penalty;
        those of training rows are means over the minibatches of the epoch. With
        ``objective="contrastive"`` the training loss of the second phase is that of the pairs. The
        others are those of the head that is fitted after the epoch.
    n_iter_ : int
        The number of epochs of both phases together.
    best_epoch_ : int
        The epoch of the second phase whose weights are kept: the one with the smallest held-out
        loss, or the last if nothing is held out. 0 is the start: no epoch had a smaller loss, or
        there was no second phase. Then the fit equals that of ``freeze_depth="all"`` without
        augmentation, with a head that is fitted on all rows.
    n_features_in_ : int
        The number of pixels in a row; set for 2-D X only.

    See Also
    --------
    FineTuneRegressor : The same for numbers.
    PretrainedFeatureExtractor : The frozen features alone, for a classifier of your own.

    Notes
    -----
    y may have several columns, with a missing value (NaN or None) for any label that is not known.
    They share the network, and each has a head of its own. The loss is the mean over the columns of
    the mean loss of the rows with a label in the column. Each column therefore counts alike. In the
    first phase the heads are trained one after the other, each as if it were alone; the epochs of
    `history_` follow each other. Held-out rows are drawn without regard to classes then, and scores
    of `history_` are means over the columns. As in scikit-learn, `predict` returns an array of
    shape (n_samples, n_columns), `predict_proba` a list, and `score` the share of rows that are
    right in all columns.

    With pretrained weights batch-norm keeps its running statistics in the trained stages too, and
    only its scale and shift are trained. Statistics of a few rows would be worse than those of the
    pretraining.

    Costs: the frozen stages run once over the images. With a cache they run once in all over the
    images that any fit has seen before. `augment_views` costs as many passes more, once, and as
    much more memory; without it, augmentation costs a pass of the frozen stages in every epoch.
    Activations too large for the memory are in a temporary file. torch is imported only if stages
    are trained or drawn at random.

    Each epoch is a task for scikit-learn's callbacks, such as
    :class:`~sklearn.callback.ProgressBar`.

    Processes that ``torchrun`` or another launcher has started, one a GPU, train as one: each calls
    `fit` with all rows, runs a part of each minibatch, and has the same fitted model in the end.

    References
    ----------
    .. [1] Kumar, Raghunathan, Jones, Ma, Liang. "Fine-tuning can distort pretrained features and
       underperform out-of-distribution". ICLR 2022. https://arxiv.org/abs/2202.10054
    .. [2] Li, Grandvalet, Davoine. "Explicit inductive bias for transfer learning with
       convolutional networks". ICML 2018. https://arxiv.org/abs/1802.01483
    .. [3] Tunstall, Reimers, Jo, Bates, Korat, Wasserblat, Pereg. "Efficient few-shot learning
       without prompts". 2022. https://arxiv.org/abs/2209.11055

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
        **_BaseNetworkClassifier._parameter_constraints,
        "objective": [StrOptions(set(OBJECTIVES))],
    }

    def __init__(
        self,
        backbone="glyphs",
        *,
        weights=None,
        stages=None,
        preprocessing=None,
        input_size=None,
        freeze_depth="all",
        initialize="pretrained",
        objective="cross_entropy",
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
        validation_fraction=0.15,
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
        self.weights = weights
        self.stages = stages
        self.preprocessing = preprocessing
        self.input_size = input_size
        self.freeze_depth = freeze_depth
        self.initialize = initialize
        self.objective = objective
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

    def _read_target(self, items, y, sample_weight):
        y, labels, loss = super()._read_target(items, y, sample_weight)
        if self.objective == "contrastive" and not loss.trivial:
            if self._has_columns():
                raise ValueError(
                    "objective='contrastive' compares classes of one column, and y has "
                    f"{len(self.classes_)}: expected objective='cross_entropy', or one column."
                )
            counted = labels.y if sample_weight is None else labels.y[sample_weight > 0]
            if np.bincount(counted).max() < 2:
                raise ValueError(
                    "objective='contrastive' needs two rows of a class, and y has one of each at "
                    "most: add rows, or pass objective='cross_entropy'."
                )
        return y, labels, loss

    def _read_depth(self, loss):
        depth = super()._read_depth(loss)
        if self.objective != "contrastive" or loss.trivial:
            return depth
        if depth == len(self.backbone_.stages):
            raise ValueError(
                f"objective='contrastive' has no stage to train with freeze_depth="
                f"{shown(self.freeze_depth)} and max_epochs={shown(self.max_epochs)}: expected "
                "a smaller freeze_depth and 1 epoch or more, or objective='cross_entropy'."
            )
        if self.head_epochs == 0:
            raise ValueError(
                "head_epochs=0 leaves the head to the second phase, which does not train it with "
                "objective='contrastive': expected 1 or more."
            )
        return depth
