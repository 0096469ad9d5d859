"""Features of sounds from a pretrained network, as a scikit-learn transformer."""

from sktransfer._sklearn import StrOptions
from sktransfer.deep._extractor import PretrainedFeatureExtractor


class PretrainedAudioExtractor(PretrainedFeatureExtractor):
    """Describe sounds by the activations of a pretrained network.

    Each sound becomes log-mel frames, its energy in bands of pitch every 10 ms. They run through
    the network up to a stage, whose pooled activations are the sound's row of features. The network
    is never trained here.

    It helps if labels are few and concern the spoken words: "speech" separates words by speakers
    that it never heard. It hurts if they concern the speaker or the manner of speaking. The network
    was trained to ignore both, and the mean and standard deviation of the log-mel frames are
    better. It is also of little use for music, machines and animals.

    Parameters
    ----------
    backbone : str, os.PathLike, torch.nn.Module or Backbone, default="speech"
        The network. "speech" ships with the package; it was trained on words that a synthesizer
        spoke, and never heard a person. For the path of another ``.onnx`` file or a torch module
        pass `preprocessing`.
    stage : int, str or None, default=None
        The stage, from 1 (nearest to the input), or its name; None is the last one.
    pooling : {"avg", "max"} or None, default="avg"
        The average or the maximum of each channel over time and pitch; None keeps the map.
    stages : sequence of str or None, default=None
        The cut points in order from the input; None: as the file says, or found automatically.
    preprocessing : SoundPreprocessing or None, default=None
        How a sound becomes the input; None: as the file says.
    sample_rate : float or None, default=None
        The number of samples a second of arrays. Files know their own.
    batch_size : int, default=64
        How many windows run through the network at a time; more if a sound has more. It
        changes no result.
    device : str, default="auto"
        As for `PretrainedFeatureExtractor`.
    precision : {"float32", "bfloat16", "float16"}, default="float32"
        As for `PretrainedFeatureExtractor`.
    n_jobs : int or None, default=None
        The number of threads of the network, and of those that read sounds beside it, as for
        `PretrainedFeatureExtractor`.
    cache : "memory", str, os.PathLike or None, default="memory"
        The cache of features, as for `PretrainedFeatureExtractor`: each distinct sound runs once.
    on_error : {"raise", "nan"}, default="raise"
        The result for sounds that cannot be read: one error for all of X, or rows of NaN and a
        warning. `find_unreadable` lists them with their reasons. Unreadable are damaged, missing
        and empty files, and sounds of less than 25 ms or more than ten minutes. So are arrays with
        NaN or infinity, and floats beyond -1..1.

    Attributes
    ----------
    backbone_ : Backbone
        The description of the network: a reference to its weights, not the weights.
    stage_ : str
        The name of the stage.
    engine_ : str
        The library and the device that run the network, as in "onnx-cpu".

    See Also
    --------
    PretrainedFeatureExtractor : The same for any network, with all parameters.
    FineTuneClassifier : Trains stages of a network, too.

    Notes
    -----
    X is a list, object array, Series or one-column table of

    - paths, the content of files (bytes) or file objects: WAV, FLAC, OGG and other formats of
      libsndfile with the extra ``audio``; WAV files of 16 bits without it;
    - arrays of samples (n_samples,) or (n_samples, n_channels), floats from -1 to 1, int16 or
      int32, with `sample_rate`; or dictionaries ``{"array": ..., "sampling_rate": ...}``, as in
      Hugging Face's data sets;
    - arrays (n_frames, n_bands) of log-mel frames in decibels.

    An array (n_sounds, n_samples) or (n_sounds, n_frames, n_bands) is read, too. Channels are
    averaged, and sounds with another sample rate than the network's are resampled.

    A sound that is shorter than the network's input has silence added on both sides. Of a longer
    one the features are the mean over windows that cover it. A sound has the same features alone
    as in any batch.

    Examples
    --------
    With labels of one voice, the features recognize more digits of other voices than the means of
    the bands do:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sktransfer import PretrainedAudioExtractor
    >>> from sktransfer.datasets import load_synthetic_digits
    >>> digits = load_synthetic_digits()
    >>> X, y, one = digits.data, digits.target, digits.voice == "en-us+m1"
    >>> pipe = make_pipeline(PretrainedAudioExtractor(), LogisticRegression()).fit(X[one], y[one])
    >>> means = LogisticRegression(max_iter=1000).fit(X[one].mean(axis=1), y[one])
    >>> bool(pipe.score(X, y) > means.score(X.mean(axis=1), y) + 0.3)
    True
    """

    _parameter_constraints: dict = {
        name: PretrainedFeatureExtractor._parameter_constraints[name]
        for name in (
            *("backbone", "stage", "pooling", "stages", "preprocessing", "sample_rate"),
            *("batch_size", "device", "precision", "n_jobs", "cache", "on_error"),
        )
    } | {"pooling": [StrOptions({"avg", "max"}), None]}

    _kind = "sound"

    def __init__(
        self,
        backbone="speech",
        *,
        stage=None,
        pooling="avg",
        stages=None,
        preprocessing=None,
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
        self.stages = stages
        self.preprocessing = preprocessing
        self.sample_rate = sample_rate
        self.batch_size = batch_size
        self.device = device
        self.precision = precision
        self.n_jobs = n_jobs
        self.cache = cache
        self.on_error = on_error

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = False
        return tags
