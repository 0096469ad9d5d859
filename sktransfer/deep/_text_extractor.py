"""Features of texts from a pretrained network, as a scikit-learn transformer."""

from sktransfer._sklearn import StrOptions
from sktransfer.deep._extractor import PretrainedFeatureExtractor


class PretrainedTextExtractor(PretrainedFeatureExtractor):
    """Describe texts by the activations of a pretrained network.

    Each text is cut into tokens, which run through the network up to a stage. The activations,
    pooled over the tokens, are the text's row of features. The network is never trained here.

    It helps if labels are few, and if texts share meaning and not words. With 8 labels a class,
    headlines are classified better by the mean of their word vectors than by tf-idf. It hurts with
    many labels or long texts, if single words decide: tf-idf with the same classifier is better on
    reviews of products. A mean of word vectors does not know the order of the words.

    Parameters
    ----------
    backbone : str, os.PathLike, torch.nn.Module or Backbone, default="words"
        The network. "words" ships with the package: 50 numbers for each of the 40 000 most frequent
        words of English (GloVe 6B [1]_, public domain), averaged in NumPy. The path of other word
        vectors, ``.txt``, ``.vec`` or ``.npz`` with ``words`` and ``vectors``, does the same.
        "hf:" with a folder or name is a transformer with a ``tokenizer.json``; one of
        sentence-transformers is used as its own files say. An ``.onnx`` file or a module that
        takes tokens needs `tokenizer`.
    stage : int, str or None, default=None
        The stage, from 1 (nearest to the input), or its name; None is the last one.
    pooling : {"avg", "max"}, default="avg"
        The average or the maximum over the tokens of a text, if the stage has a row for each.
    stages : sequence of str or None, default=None
        The cut points in order from the input: names of layers of a transformer, or of tensors of
        an ONNX file. None: the embeddings, groups of layers, and the end; of a file its outputs.
    tokenizer : str, os.PathLike or None, default=None
        For an ``.onnx`` file or a module: a ``tokenizer.json``, or a folder that holds one.
    max_tokens : int or None, default=None
        The most tokens of one input, special ones included; None: as many as the network takes.
        Word vectors have no limit, and count the words that they know.
    long_text : {"truncate", "windows"}, default="truncate"
        A text with more tokens is cut off, with a warning that counts them. "windows" averages the
        features of several parts of one length, which cover the text.
    prefix : str or None, default=None
        Put before each text, as in "query: "; None: as the network says.
    batch_size : int, default=64
        How many texts run through the network at a time; fewer if they are long. It changes no
        result.
    device : str, default="auto"
        As for `PretrainedFeatureExtractor`.
    precision : {"float32", "bfloat16", "float16"}, default="float32"
        As for `PretrainedFeatureExtractor`; word vectors and ONNX files have "float32" only.
    n_jobs : int or None, default=None
        The number of threads of the network, as for `PretrainedFeatureExtractor`.
    cache : "memory", str, os.PathLike or None, default="memory"
        The cache of features, as for `PretrainedFeatureExtractor`: each distinct text runs once.
    on_error : {"raise", "nan"}, default="raise"
        The result for items that are no texts, such as None, NaN and numbers. "raise": one error
        for all of X. "nan": rows of NaN and a warning. An empty text is a text.

    Attributes
    ----------
    backbone_ : Backbone
        The description of the network: a reference to its weights, not the weights.
    stage_ : str
        The name of the stage.
    engine_ : str
        The library and the device that run the network, as in "numpy-cpu" or "onnx-cpu".

    See Also
    --------
    PretrainedFeatureExtractor : The same for any network, with all parameters.
    FineTuneClassifier : Trains stages of a network, too.

    Notes
    -----
    X is a list, tuple, array, Series or one-column table of str. In a ``ColumnTransformer`` name
    the column itself, ``("text", extractor, "title")``.

    Words are found in small letters: letters and digits together, contractions cut before the
    apostrophe, and each other sign alone. Words that the table lacks are left out. A text without
    any known word has zeros.

    References
    ----------
    .. [1] J. Pennington, R. Socher, C. D. Manning, "GloVe: Global vectors for word representation",
       EMNLP 2014, https://nlp.stanford.edu/projects/glove/

    Examples
    --------
    With two labelled texts, an animal that has no label is found by its meaning:

    >>> from sklearn.linear_model import LogisticRegression
    >>> from sklearn.pipeline import make_pipeline
    >>> from sktransfer import PretrainedTextExtractor
    >>> pipe = make_pipeline(PretrainedTextExtractor(), LogisticRegression())
    >>> pipe = pipe.fit(["a cat and a dog", "stocks and bonds"], ["pets", "money"])
    >>> pipe.predict(["my hamster", "the price of shares"]).tolist()
    ['pets', 'money']
    """

    _parameter_constraints: dict = {
        name: PretrainedFeatureExtractor._parameter_constraints[name]
        for name in (
            *("backbone", "stage", "pooling", "stages", "tokenizer", "max_tokens", "long_text"),
            *("prefix", "batch_size", "device", "precision", "n_jobs", "cache", "on_error"),
        )
    } | {"pooling": [StrOptions({"avg", "max"}), None]}

    _kind = "text"

    def __init__(
        self,
        backbone="words",
        *,
        stage=None,
        pooling="avg",
        stages=None,
        tokenizer=None,
        max_tokens=None,
        long_text="truncate",
        prefix=None,
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
        self.tokenizer = tokenizer
        self.max_tokens = max_tokens
        self.long_text = long_text
        self.prefix = prefix
        self.batch_size = batch_size
        self.device = device
        self.precision = precision
        self.n_jobs = n_jobs
        self.cache = cache
        self.on_error = on_error

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.input_tags.two_d_array = tags.input_tags.three_d_array = False
        tags.input_tags.string = True
        return tags
