"""Bottleneck features of a pretrained network as a scikit-learn transformer."""

from contextlib import nullcontext
from dataclasses import replace
from numbers import Integral, Real
from os import PathLike

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.callback import CallbackSupportMixin
from sklearn.utils.metaestimators import available_if
from sklearn.utils.validation import check_is_fitted, validate_data

from sktransfer._containers import is_empty
from sktransfer._dask import maps_blocks
from sktransfer._lazy import refuse_lazy
from sktransfer._onnx import WritesONNX
from sktransfer._progress import task_of
from sktransfer._sklearn import (
    Interval,
    StrOptions,
    _fit_context,
    callback_management_context,
)
from sktransfer.deep._backbone import TakesBackbone
from sktransfer.deep._describe import describe_for, reload
from sktransfer.deep._engines.engine import FULL, HALF, check_device
from sktransfer.deep._engines.grid import find_grid
from sktransfer.deep._engines.pooling import n_features
from sktransfer.deep._features import (
    all_stage_features,
    find_engine,
    stage_features,
    warn_of_faults,
    warn_of_overflow,
)
from sktransfer.deep._items import Run


@maps_blocks
class PretrainedFeatureExtractor(
    WritesONNX,
    TakesBackbone,
    CallbackSupportMixin,
    ClassNamePrefixFeaturesOutMixin,
    TransformerMixin,
    BaseEstimator,
):
    """Describe images, or texts, by the activations of a pretrained network.

    Each image runs through the network up to a stage, and the stage's feature map, pooled over
    its positions, is the image's row of features. The network is never trained here: `fit` only
    learns the range of the pixel values. The network determines the type of X. If it reads
    texts, as "words" does, X holds texts, and `PretrainedTextExtractor` describes the rest.

    It helps if labels are few and the images resemble the training images of the network in shapes
    and texture. Early stages detect edges and strokes, which suit nearly every picture; late stages
    detect patterns of the network's own task. It hurts if the images are of another kind. The raw
    pixels are better if single pixels have a meaning of their own (tables of measurements), or if
    the label depends on brightness, which pooling discards. If it depends on a position, use
    ``pooling="grid"``.

    Parameters
    ----------
    backbone : str, os.PathLike, torch.nn.Module or Backbone, default="glyphs"
        The network. "glyphs", which ships with the package, takes grey images of 32 x 32 pixels and
        was trained on printed characters. Others are the path of an ``.onnx`` file, "hf:" with a
        folder or name for transformers, "torchvision:" or "timm:" with a name of theirs, or a torch
        module. "words" and the other networks of `PretrainedTextExtractor` read texts.
    stage : int, str or None, default=None
        The stage, from 1 (nearest to the input), or its name; None is the last one. Any tensor
        of a graph and any submodule of a module can be named, too.
    pooling : {"avg", "max", "grid"} or None, default="avg"
        The average or the maximum of each channel over the feature map, or over the tokens of a
        sequence. "grid" keeps the positions of an image: all channels of the first position, then
        those of the next one in its row, and so on (see `feature_maps`). None keeps the activations
        as they are, a map channel by channel, row by row.
    weights : str, os.PathLike or None, default=None
        A checkpoint for a torch module, read by the names of its layers. Tensors that do not fit
        are skipped and listed in `load_report_`.
    stages : sequence of str or None, default=None
        The cut points in order from the input: names of tensors of an ONNX graph, or of submodules.
        None: those that the network names itself, or found automatically.
    preprocessing : {"torch", "tf", "caffe"}, (mean, std), Preprocessing or None, default=None
        How pixels become the input, by Keras's names or as mean and standard deviation of pixels in
        [0, 1]. None: as the network or its file says. Most networks for photographs see the middle
        of an image only: see the Notes.
    input_size : int, (int, int) or None, default=None
        Side, or height and width, of the network's input; None: as the network says.
    image_shape : (h, w), (h, w, c) or None, default=None
        The shape of an image flattened into one row of a 2-D X, channels last. None: a square if
        the length of the row allows it, otherwise an image of one row, with a warning if that is
        longer than 64. It is not used for other input.
    value_range : (low, high) or None, default=None
        The values of black and white. None: booleans and integers of 8 and 16 bits have their own
        (a uint8 0..255), decoded files that of their mode. For other values, those of 32-bit and
        floating-point files included, `fit` learns the smallest range that holds X. It is one of
        0..1, -1..1, 0..16, 0..255 and 0..65535, else the minimum and maximum of X. A range given
        here holds for all values, those of files included. Values outside of it are clipped at
        `transform`. Pixels on another scale than those of `fit`, and integers that use little of
        their range, give a warning.
    tokenizer, max_tokens, long_text, prefix
        For networks that read texts, as for `PretrainedTextExtractor`.
    sample_rate
        For networks that read sounds, as for `PretrainedAudioExtractor`.
    batch_size : int, default=64
        How many images run through the network at a time; about one batch more is read ahead. On
        a GPU it is rounded up to a multiple of 256. It changes no result.
    device : str, default="auto"
        The device of the network: "cpu", "cuda", "mps", or one of several as in "cuda:1". "auto"
        uses an accelerator if the network's engine supports it.
    precision : {"float32", "bfloat16", "float16"}, default="float32"
        The precision of matrix products and convolutions. The two of half the bits are several
        times as fast on most GPUs, and are computed by torch, ONNX files too. bfloat16 has the
        range of float32, and float16 has eight times the resolution of bfloat16. The features stay
        float32. If they differ from those in float32 by more than 5 %, a warning says so.
    n_jobs : int or None, default=None
        The number of threads of the network, and of those that read images beside it: None for
        the processors that this process may use (no more than the environment variable
        ``OMP_NUM_THREADS`` allows), -1 for all.
    cache : "memory", str, os.PathLike or None, default="memory"
        The cache of features, so that each image runs once. "memory" holds up to 256 MB in this
        process, for all estimators. The path of a folder is a cache that outlives processes and
        that several hosts can use. None is no cache. The folder also keeps torch networks, as ONNX.
    on_error : {"raise", "nan"}, default="raise"
        The result for images that cannot be read: one error for all of X, or rows of NaN and a
        warning. `find_unreadable` lists them with their reasons. Unreadable are damaged and missing
        files, files of more than 1 GiB or of more pixels than ``PIL.Image`` allows, pipes and
        devices. So are arrays with NaN, infinity or another number of channels.

    Attributes
    ----------
    backbone_ : Backbone
        The description of the network: a reference to its weights, not the weights.
    stage_ : str
        The name of the stage.
    image_format_ : ImageFormat
        The shape and the value range that pixels are read with.
    engine_ : str
        The library and the device that run the network, as in "onnx-cpu" or "torch-cuda", and
        the precision if it is not float32.
    load_report_ : LoadReport
        The tensors loaded from `weights`, skipped, and left random; only if `weights` is given.
    n_features_in_ : int
        The number of pixel values in a row; only if X has rows of pixels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the pixels; only if X is a DataFrame of numbers.

    See Also
    --------
    FineTuneClassifier : Trains the last stages of a network, too.
    to_onnx : Writes a pipeline, the network and its preprocessing included, as one file.

    Notes
    -----
    X may be rows of pixels (n, d), or images (n, h, w) or (n, h, w, c) with 1, 3 or 4 channels. It
    may also be a list, 1-D array, Series, Arrow column, one-column DataFrame or table, or another
    sequence, of

    - paths, the content of files (bytes), file objects, files of fsspec, ``fsspec.open(...)``, or
      dictionaries of bytes and path as in Hugging Face's data sets,
      ``{"bytes": ..., "path": ...}``;
    - Pillow images;
    - arrays (h, w) or (h, w, c) of differing sizes, tensors included.

    Images are resized to the network's input by bilinear interpolation, antialiased when they
    shrink. If the preprocessing has a ``crop``, as that of most networks for photographs, the image
    keeps its proportions. It is resized until it covers the input divided by ``crop``, and its
    middle is cut out. With 0.875 an eighth of the shorter side is lost. This holds for images that
    already have the size of the input, too, as in the networks' own evaluation. To show the network
    the whole image, squashed, pass
    ``preprocessing=dataclasses.replace(extractor.backbone_.preprocessing, crop=None)``.

    Color becomes gray by luma (ITU-R BT.601) if the network wants gray; transparency is composed
    over white; the orientation that a camera wrote into a file is applied. Pictures with
    transparency or more than 8 bits, and color pictures for a gray network, are shrunk by a whole
    factor first if they are very large. The limit is 8 or 33 million pixels.

    Progress is shown by scikit-learn's callbacks,
    ``extractor.set_callbacks(sklearn.callback.ProgressBar())``, in `fit_transform` and in
    `transform`: each batch that the network computes is a task.

    Most time is spent in the network. Threads beside it read files, or hash and scale the pixels of
    arrays. If the network keeps all processors busy the two add up. An image that was computed
    before costs only its hash.

    An image is identified by a hash of its content (SHA-256, of the file's bytes or of the pixels,
    their shape and their dtype), not by its path or its place in X. A known file is not decoded,
    and not read again if its size, inode and times are unchanged. The features also depend on the
    value range, the network, the stage, the pooling, the preprocessing and the engine, and so do
    the keys. Clones, folds and candidates of a search use each other's results. Of equal images in
    X one is computed, with any cache.

    In the cache a row takes 4 bytes per feature and about 300 more. Beyond 256 MB the least
    recently used rows are dropped, and computed again if needed. A folder grows without bound, and
    can be deleted at any time. With ``n_jobs`` in a search each worker process has a memory of its
    own, so a folder saves more. Memory grows with the batch and the result, not with the number of
    files.

    References
    ----------
    J. Yosinski, J. Clune, Y. Bengio, H. Lipson, "How transferable are features in deep neural
    networks?", NeurIPS 2014, https://arxiv.org/abs/1411.1792

    Examples
    --------
    With one labelled picture a digit, features of printed characters know more about handwriting
    than pixels do:

    >>> import numpy as np
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sktransfer import PretrainedFeatureExtractor
    >>> X, y = load_digits(return_X_y=True)
    >>> train = [np.flatnonzero(y == digit)[0] for digit in range(10)]
    >>> pixels = LogisticRegression().fit(X[train], y[train])
    >>> features = make_pipeline(PretrainedFeatureExtractor(), LogisticRegression())
    >>> features = features.fit(X[train], y[train])
    >>> bool(features.score(X[:500], y[:500]) > pixels.score(X[:500], y[:500]))
    True
    """

    _parameter_constraints: dict = {
        # Validated in fit, when the network and the shapes are known.
        "backbone": "no_validation",
        "stage": "no_validation",
        "weights": "no_validation",
        "stages": "no_validation",
        "preprocessing": "no_validation",
        "input_size": "no_validation",
        "image_shape": "no_validation",
        "value_range": "no_validation",
        "tokenizer": [str, PathLike, None],
        "max_tokens": [Interval(Integral, 1, None, closed="left"), None],
        "long_text": [StrOptions({"truncate", "windows"})],
        "prefix": [str, None],
        "sample_rate": [Interval(Real, 0, None, closed="neither"), None],
        "pooling": [StrOptions({"avg", "max", "grid"}), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [str],
        "precision": [StrOptions({FULL, *HALF})],
        "n_jobs": [
            Interval(Integral, None, -1, closed="right"),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
        "cache": [str, PathLike, None],
        "on_error": [StrOptions({"raise", "nan"})],
    }

    # The only kind of input that a subclass takes; None: any.
    _kind = None

    def __init__(
        self,
        backbone="glyphs",
        *,
        stage=None,
        pooling="avg",
        weights=None,
        stages=None,
        preprocessing=None,
        input_size=None,
        image_shape=None,
        value_range=None,
        tokenizer=None,
        max_tokens=None,
        long_text="truncate",
        prefix=None,
        sample_rate=None,
        batch_size=64,
        device="auto",
        precision="float32",
        n_jobs=None,
        cache="memory",
        on_error="raise",
    ):
        self.backbone = backbone
        self.stage = stage
        self.pooling = pooling
        self.weights = weights
        self.stages = stages
        self.preprocessing = preprocessing
        self.input_size = input_size
        self.image_shape = image_shape
        self.value_range = value_range
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.long_text = long_text
        self.prefix = prefix
        self.sample_rate = sample_rate
        self.batch_size = batch_size
        self.device = device
        self.precision = precision
        self.n_jobs = n_jobs
        self.cache = cache
        self.on_error = on_error

    @_fit_context(prefer_skip_nested_validation=True)
    def fit(self, X, y=None):
        """Learn how pixels are read, and find the network.

        Parameters
        ----------
        X : array-like
            Images in one of the forms of the Notes.
        y : None
            Ignored.

        Returns
        -------
        self : object

        Raises
        ------
        ValueError
            When X holds no images, images cannot be read, or a parameter does not fit.

        Warns
        -----
        UserWarning
            If a torch network cannot run in ONNX Runtime, once for each network and process.
        """
        with task_of(self, "fit", X, y):
            self._learn(X, self._describe())
        return self

    @_fit_context(prefer_skip_nested_validation=True)
    def fit_transform(self, X, y=None):
        """Fit, and compute the features of the same images.

        Parameters
        ----------
        X : array-like
            Images in one of the forms of the Notes.
        y : None
            Ignored.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features), float32
        """
        backbone = self._describe()
        with task_of(self, "fit_transform", X, y, self._n_batches(X, backbone)) as batch:
            return self._compute(self._learn(X, backbone), backbone, batch, self.pooling)

    def _describe(self):
        check_device(self.device)
        return describe_for(self)

    def _learn(self, X, backbone):
        """Fit; return the items of X, which `fit_transform` goes on with."""
        refuse_lazy(type(self).__name__, X=X)
        items = backbone.preprocessing.read(X, self, reset=True, on_error=self.on_error)
        self.stage_ = backbone.stage_name(self.stage)
        if self.pooling == "grid":
            find_grid(backbone, self.stage_)  # says which stages have one
        items = items.learn(self, on_error=self.on_error)
        self.engine_ = find_engine(items, backbone, self.stage_, self._run())
        self.backbone_ = backbone
        vars(self).pop("load_report_", None)
        if backbone.load_report is not None:
            self.load_report_ = backbone.load_report
        return items

    def transform(self, X):
        """Compute the features of images.

        Parameters
        ----------
        X : array-like
            Images in one of the forms of the Notes, not necessarily that of `fit`. There may be
            none. An array, a series or a data frame of Dask is mapped lazily.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features), float32
            The same row for an image alone as in a batch.

        Raises
        ------
        ValueError
            When images cannot be read; one message lists all of X, with the reasons.

        Warns
        -----
        TransferWarning
            If an image that can be read has features that are not finite; if the features of an
            image depend on chance, or on the other images of its batch; if half precision changes
            the features by more than 5 % of their norm.
        UserWarning
            When images cannot be read and ``on_error="nan"``; when numbers are nearly black
            because their dtype implies another range than the one that `fit` has seen; when a
            cache folder cannot be used.
        """
        return self._answer("transform", X, self.pooling)

    def transform_stages(self, X):
        """Compute the features of all stages of the network in one pass, whatever `stage` is.

        Parameters
        ----------
        X : array-like
            Images in one of the forms of the Notes, not necessarily that of `fit`.

        Returns
        -------
        features : dict of str -> ndarray of shape (n_samples, n_features), float32
            By the name of the stage, in order from the input: those of `transform` with this
            `stage`, up to rounding. The cache keeps both apart.

        Raises
        ------
        ValueError
            If ``pooling="grid"``, or as in `transform`.
        """
        check_is_fitted(self)
        if self.pooling == "grid":
            raise ValueError("pooling='grid' is for one stage; expected 'avg', 'max' or None.")
        refuse_lazy(type(self).__name__, X=X)
        backbone = reload(self)
        if is_empty(X):
            widths = [n_features(shape, self.pooling) for shape in backbone.shapes]
            parts = [np.empty((0, width), dtype=np.float32) for width in widths]
            return dict(zip(backbone.stages, parts, strict=True))
        items = backbone.preprocessing.read(X, self, reset=False, on_error=self.on_error)
        found, faults = all_stage_features(items, backbone, self._run(), pooling=self.pooling)
        warn_of_faults(items, faults)
        for features in found.values():
            warn_of_overflow(items, features, faults)
        return found

    @available_if(lambda self: self._kind is None)
    def feature_maps(self, X):
        """Compute the features of each position of images, whatever `pooling` is.

        The position (i, j) of h rows and w columns covers a part of the network's input. It goes
        from i / h to (i + 1) / h of its height, and likewise of its width. Its features depend on a
        wider part. If the preprocessing has a `crop`, the input is the middle of the image.

        Parameters
        ----------
        X : array-like
            Images in one of the forms of the Notes, not necessarily that of `fit`.

        Returns
        -------
        maps : ndarray of shape (n_samples, h, w, n_channels), float32
            A view of the result of `transform` with ``pooling="grid"``. ``maps.reshape(-1,
            n_channels)`` has a row for each position. A network of tokens gives those of the
            patches of the image, without the tokens before them.

        Raises
        ------
        ValueError
            If the stage keeps no positions of images, or as in `transform`.
        """
        check_is_fitted(self)
        return self._grid().maps(self._answer("feature_maps", X, "grid"))

    def _answer(self, name, X, pooling):
        """Compute the features of images, as a task of this name for callbacks."""
        check_is_fitted(self)
        if not hasattr(self, "_skl_callbacks"):
            return self._transform(X, nullcontext, pooling)
        with (
            callback_management_context(self),
            task_of(self, name, X, None, self._n_batches(X, self.backbone_)) as batch,
        ):
            return self._transform(X, batch, pooling)

    def _n_batches(self, X, backbone):
        """The most batches that X can take; None if that is not known yet."""
        if not hasattr(X, "__len__"):
            return None
        return backbone.preprocessing.count_batches(len(X), self.batch_size)

    def _transform(self, X, around_batch, pooling):
        refuse_lazy(type(self).__name__, X=X)
        if is_empty(X):
            return self._rows_of_nothing(X, pooling)
        backbone = reload(self)
        items = backbone.preprocessing.read(X, self, reset=False, on_error=self.on_error)
        return self._compute(items, backbone, around_batch, pooling)

    def _rows_of_nothing(self, X, pooling):
        width = getattr(X, "shape", (0,))[-1]
        if width > 1 and len(X.shape) == 2 and hasattr(self, "n_features_in_"):
            validate_data(self, X, reset=False, skip_check_array=True)
        n_out = self._grid().n_features if pooling == "grid" else self._n_features_out
        return np.empty((0, n_out), dtype=np.float32)

    def _compute(self, items, backbone, around_batch, pooling):
        run = replace(self._run(), around_batch=around_batch)
        grid = find_grid(backbone, self.stage_) if pooling == "grid" else None
        pooling = None if grid else pooling  # the cache holds a map once, whatever its order
        features, faults = stage_features(items, backbone, self.stage_, run, pooling=pooling)
        warn_of_faults(items, faults)
        warn_of_overflow(items, features, faults)
        return grid.rows(features) if grid else features

    def _run(self):
        options = "batch_size", "n_jobs", "device", "precision", "cache", "on_error"
        return Run(**{name: getattr(self, name) for name in options}, in_memory=None)

    def find_unreadable(self, X):
        """List the images that cannot be read, without running the network.

        It needs no `fit`, and it decodes everything: of many files with ``on_error="nan"`` pass
        those whose features are NaN. After a `fit` it also lists floating-point images that no
        range is known for, because `fit` has seen none.

        Parameters
        ----------
        X : array-like
            Images in one of the forms of the Notes.

        Returns
        -------
        faults : list of Fault
            In the order of X: named tuples of ``position`` (in X, from 0), ``path`` (None for
            other items) and ``reason``.
        """
        refuse_lazy(type(self).__name__, X=X)
        backbone = self.backbone_ if hasattr(self, "backbone_") else describe_for(self)
        items = backbone.preprocessing.read(X, BaseEstimator(), reset=True, on_error="nan")
        return items.find_unreadable(self)

    @property
    def _no_onnx(self):
        from sktransfer.deep._saving.export_step import refusal

        return refusal(self.backbone_)

    def _onnx_input(self):
        from sktransfer.deep._saving.export_step import input_type

        return input_type(self)

    def _write_onnx(self, graph):
        from sktransfer.deep._saving.export_step import write_extractor

        return write_extractor(self, graph)

    def get_feature_names_out(self, input_features=None):
        """Name the features after network and stage, as in "glyphs_stage4_0".

        With ``pooling="grid"`` the row and the column of the position come before the channel, as
        in "glyphs_stage4_0_1_7".

        Parameters
        ----------
        input_features : array-like of str or None, default=None
            Only checked against the names that `fit` has seen.

        Returns
        -------
        names : ndarray of str objects, shape (n_features,)
        """
        check_is_fitted(self)
        n_features = len(super().get_feature_names_out(input_features))
        prefix = f"{self.backbone_.name}_{self.stage_}"
        places = self._grid().names() if self.pooling == "grid" else range(n_features)
        return np.array([f"{prefix}_{place}" for place in places], dtype=object)

    def _grid(self):
        return find_grid(reload(self), self.stage_)

    @property
    def _n_features_out(self):
        if self.pooling == "grid":
            return self._grid().n_features
        return n_features(reload(self).locate(self.stage_).shape, self.pooling)

    def __sklearn_is_fitted__(self):
        return hasattr(self, "backbone_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags
