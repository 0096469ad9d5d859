"""Bottleneck features of a pretrained network as a scikit-learn transformer."""

from numbers import Integral

import numpy as np
from sklearn.base import BaseEstimator, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.utils.validation import check_is_fitted

from sktransfer._sklearn import Interval, StrOptions, _fit_context
from sktransfer.deep._backbone import resolve_backbone
from sktransfer.deep._images import learn_image_format, validate_images
from sktransfer.deep._onnx_engine import OnnxEngine
from sktransfer.deep._preprocess import image_batches, n_images


class PretrainedFeatureExtractor(ClassNamePrefixFeaturesOutMixin, TransformerMixin, BaseEstimator):
    """Describe images by what a pretrained network sees in them.

    Each image runs through the network up to a stage, and the stage's feature map, pooled over
    its positions, is the image's row of features. The network is never trained here: `fit` only
    learns in which range the pixel values lie.

    It helps when labels are few and the images resemble, in shapes and texture, what the network
    was trained on; early stages hold edges and strokes that suit nearly every picture, late
    stages hold what the network's own task needed. It hurts when the images are of another
    nature: where single pixels have a meaning of their own (tables of measurements), or where
    position or brightness is the answer and pooling throws it away, the raw pixels are better.

    Parameters
    ----------
    backbone : str, os.PathLike or Backbone, default="glyphs"
        The network: "glyphs", which ships with the package, takes grey images of 32 x 32 pixels
        and was trained on printed characters; or the path of an ``.onnx`` file that carries
        sktransfer's metadata.
    stage : int, str or None, default=None
        The stage, from 1 (nearest to the input), or its name; None is the last one.
    pooling : {"avg", "max"} or None, default="avg"
        The average or the maximum of each channel over the feature map; None keeps the map,
        flattened channel by channel, row by row.
    image_shape : (h, w), (h, w, c) or None, default=None
        The shape of an image whose pixels stand in one row of a 2-D X, channels last. None: a
        square where the length of the row allows it, otherwise an image of one row, with a
        warning where that is longer than 64. It does not concern other input.
    value_range : (low, high) or None, default=None
        The values of black and white. None: booleans and integers of 8 and 16 bits have their
        own (a uint8 0..255), decoded files that of their mode; for other values `fit` learns the
        smallest of 0..1, -1..1, 0..16, 0..255 and 0..65535 that holds X, else the minimum and
        maximum of X. What is given here holds for all values, those of files included.
        What lies outside at `transform` is clipped.
    batch_size : int, default=64
        How many images are in memory at a time. It changes no result.
    device : {"auto", "cpu", "cuda"}, default="auto"
        Where the network runs; "auto" takes CUDA where ONNX Runtime has it.
    n_jobs : int or None, default=None
        The number of threads of the network: None for the processors that this process may use
        (no more than the environment variable ``OMP_NUM_THREADS`` allows), -1 for all.

    Attributes
    ----------
    backbone_ : Backbone
        The description of the network: a reference to its weights, not the weights.
    stage_ : str
        The name of the stage.
    image_format_ : ImageFormat
        The shape and the value range that pixels are read with.
    n_features_in_ : int
        The number of pixel values in a row; only where X has rows of pixels.
    feature_names_in_ : ndarray of shape (n_features_in_,)
        The names of the pixels; only where X is a DataFrame of numbers.

    See Also
    --------
    FineTuneClassifier : Trains the last stages of a network, too.

    Notes
    -----
    X may be rows of pixels (n, d), images (n, h, w) or (n, h, w, c) with 1, 3 or 4 channels, or a
    list, 1-D array, Series or one-column DataFrame of paths, of the content of files (bytes), of
    Pillow images, or of arrays (h, w) or (h, w, c) of differing sizes. Images are resized to
    the network's input by bilinear interpolation, antialiased when they shrink. Colour becomes
    grey by luma (ITU-R BT.601) where the network wants grey; transparency is composed over
    white; the orientation that a camera wrote into a file is applied. Files are decoded one at a
    time, so memory grows with the batch, not with the data.

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
        # These four say themselves what they accept, with the stages or shapes at hand.
        "backbone": "no_validation",
        "stage": "no_validation",
        "image_shape": "no_validation",
        "value_range": "no_validation",
        "pooling": [StrOptions({"avg", "max"}), None],
        "batch_size": [Interval(Integral, 1, None, closed="left")],
        "device": [StrOptions({"auto", "cpu", "cuda"})],
        "n_jobs": [
            Interval(Integral, None, -1, closed="right"),
            Interval(Integral, 1, None, closed="left"),
            None,
        ],
    }

    def __init__(
        self,
        backbone="glyphs",
        *,
        stage=None,
        pooling="avg",
        image_shape=None,
        value_range=None,
        batch_size=64,
        device="auto",
        n_jobs=None,
    ):
        self.backbone = backbone
        self.stage = stage
        self.pooling = pooling
        self.image_shape = image_shape
        self.value_range = value_range
        self.batch_size = batch_size
        self.device = device
        self.n_jobs = n_jobs

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
        """
        X = validate_images(self, X, reset=True)
        backbone = resolve_backbone(self.backbone)
        self.stage_ = backbone.stage_name(self.stage)
        self.image_format_ = learn_image_format(
            X, image_shape=self.image_shape, value_range=self.value_range
        )
        self.backbone_ = backbone
        return self

    def transform(self, X):
        """Compute the features of images.

        Parameters
        ----------
        X : array-like
            Images in one of the forms of the Notes, not necessarily that of `fit`.

        Returns
        -------
        X_new : ndarray of shape (n_samples, n_features), float32
            The same row for an image alone as in a batch.

        Raises
        ------
        ValueError
            When images cannot be read; one message lists all of the batch, with the reasons.
        """
        check_is_fitted(self)
        X = validate_images(self, X, reset=False)
        engine = OnnxEngine(self.backbone_, self.stage_, n_jobs=self.n_jobs, device=self.device)
        features = np.empty((n_images(X), self._n_features_out), dtype=np.float32)
        first = 0
        for batch in image_batches(
            X,
            image_format=self.image_format_,
            preprocessing=self.backbone_.preprocessing,
            batch_size=self.batch_size,
        ):
            features[first : first + len(batch)] = _pool(engine.run(batch), self.pooling)
            first += len(batch)
        return features

    def get_feature_names_out(self, input_features=None):
        """Name the features after network and stage, as in "glyphs_stage4_0".

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
        return np.array([f"{prefix}_{i}" for i in range(n_features)], dtype=object)

    @property
    def _n_features_out(self):
        place = self.backbone_.stages.index(self.stage_)
        height, width = self.backbone_.map_sizes[place]
        positions = height * width if self.pooling is None else 1
        return self.backbone_.n_channels[place] * positions

    def __sklearn_is_fitted__(self):
        return hasattr(self, "backbone_")

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.three_d_array = True
        tags.transformer_tags.preserves_dtype = []
        return tags


def _pool(maps, pooling):
    """Reduce feature maps (n, c, h, w) to rows (n, c), or flatten them to (n, c h w)."""
    positions = maps.reshape(*maps.shape[:2], -1)
    if pooling == "avg":
        return positions.mean(axis=2)
    if pooling == "max":
        return positions.max(axis=2)
    return maps.reshape(len(maps), -1)
