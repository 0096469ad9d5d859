"""A fitted pipeline as one ONNX file."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

import sktransfer._onnx_sklearn  # noqa: F401, so that its adapters are known
from sktransfer._domains import TARGET
from sktransfer._extras import install_command, is_installed
from sktransfer._messages import cause, shown
from sktransfer._onnx import refuse_onnx
from sktransfer._onnx_graph import (
    DOMAIN,
    FUNCTIONS,
    USED,
    NewerOperatorsError,
    found_model,
    steps_of,
    takes_zipmap,
)
from sktransfer._whole_files import write_whole

# The versions of ONNX's operators, and of those for models.
_OPSET = {"": 17, "ai.onnx.ml": 3}


def to_onnx(
    pipeline: Any, path: str | PathLike[str], *, X: Any = None, domain: str = TARGET
) -> None:
    """Write a fitted pipeline as one ONNX file, which runs without Python.

    The file has the nodes of all steps, of scikit-learn by skl2onnx and of sktransfer. Its output
    of a transformer is ``variable``, and that of a regressor as well. A classifier has ``label``
    and ``probabilities``, or scores if it has no probabilities: a column for each class.

    Parameters
    ----------
    pipeline : estimator
        Fitted: a pipeline, or a single estimator of scikit-learn or sktransfer.
    path : str or path-like
        The file. One that is there is replaced by the whole new one at once.
    X : array-like of shape (n_samples, n_features), default=None
        A few rows, for the type of the input: a float64 array, images of one size, or a data frame
        with a column of texts. None: rows of float32, as many numbers as `fit` has seen. After a
        fit of a network on images of 8 bits or on files: uint8 images (n, height, width, channels)
        of any size, or rows of pixels. Before a network of texts: strings (n,). Of sounds: samples
        (n, n_samples) at the sample rate of the network.
    domain : str, default="target"
        The domain of the rows that the file will get. The name of a source writes its map in each
        aligner, if that is an affine one. The name of a task writes the function of this task.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    TypeError
        If a step has no ONNX form; the message names it and says why. If ONNX Runtime cannot open
        the file.
    ValueError
        If no step has a map for `domain`, or if the number of features is unknown and `X` is None.
        If a network cannot be written for any number of images.

    See Also
    --------
    FineTuneClassifier.to_onnx : A network with its head, without skl2onnx.

    Notes
    -----
    The operators are those of version 17, or newer if a network has newer ones. Images of any size
    need version 18. skl2onnx computes in the type of the input; the steps of sktransfer compute in
    float64. With float32, probabilities differ from those of the pipeline by rounding, and a row at
    the threshold of a tree may take its other branch.

    `skl2onnx.to_onnx` writes the steps of sktransfer too. Pass it a transfer pipeline as
    ``Pipeline(pipe.steps)``.

    Examples
    --------
    >>> import tempfile, onnxruntime
    >>> from pathlib import Path
    >>> import numpy as np
    >>> from sktransfer import SubspaceAligner, to_onnx
    >>> X = np.array([[-2.0, 0.0], [2.0, 0.0], [9.0, 1.0], [9.0, 5.0]], dtype=np.float32)
    >>> sample_domain = ["old", "old", "target", "target"]
    >>> aligner = SubspaceAligner(n_components=1).fit(X, sample_domain=sample_domain)
    >>> path = Path(tempfile.mkdtemp()) / "aligner.onnx"
    >>> to_onnx(aligner, path)
    >>> session = onnxruntime.InferenceSession(path)
    >>> session.run(None, {"X": X[2:]})[0].ravel(), aligner.transform(X[2:]).ravel()
    (array([-2.,  2.], dtype=float32), array([-2.,  2.], dtype=float32))
    """
    if not is_installed("skl2onnx"):
        raise ImportError(f"to_onnx needs skl2onnx; run {install_command('onnx')}.")
    if not isinstance(pipeline, BaseEstimator):
        raise TypeError(
            f"{type(pipeline).__name__} cannot be written as ONNX, because it is no estimator of "
            "scikit-learn's kind that answers rows."
        )
    check_is_fitted(pipeline)
    model = _as_pipeline(pipeline)
    for _, step in model.steps:
        if hasattr(step, "_no_onnx"):
            refuse_onnx(step)
    used, asked = USED.set([]), DOMAIN.set(domain)
    try:
        written = _converted(model, _input_types(model, X))
        maps = USED.get()
    finally:
        USED.reset(used)
        DOMAIN.reset(asked)
    if domain != TARGET and not maps:
        raise ValueError(
            f"domain={domain!r}: no step of {shown(pipeline)} maps domains apart; pass "
            "domain='target'."
        )
    content = written.SerializeToString()
    _require_a_session(content, pipeline)
    write_whole(Path(path), content)


def _as_pipeline(model):
    """Return the model, which a search may have found, as a plain pipeline of its steps."""
    model = found_model(model)
    steps = steps_of(model) if isinstance(model, Pipeline) else [("model", model)]
    return Pipeline([(name, found_model(step)) for name, step in steps])


def _input_types(model, X):
    """Return the arguments of skl2onnx for the type of the rows, and the names of dimensions."""
    from skl2onnx.common.data_types import FloatTensorType

    if X is not None:
        rows = X[:2] if hasattr(X, "columns") else np.asarray(X)[:2]
        return {"X": rows}, ()
    first = _first_step(model)
    if hasattr(first, "_onnx_input"):
        kind, dims = first._onnx_input()
        return {"initial_types": [("X", kind)]}, dims
    n_features = getattr(model, "n_features_in_", None)
    if n_features is None:
        raise ValueError(
            f"X=None: {type(model).__name__} does not know the number of its features; pass a few "
            "rows."
        )
    return {"initial_types": [("X", FloatTensorType([None, n_features]))]}, ()


def _first_step(model):
    """Return the estimator that reads the rows."""
    model = found_model(model)
    return _first_step(steps_of(model)[0][1]) if isinstance(model, Pipeline) else model


def _converted(model, types):
    """Return the file, in the operators that all steps know."""
    arguments, dims = types
    opset, written = dict(_OPSET), None
    while written is None:
        try:
            written = _at_version(model, arguments, opset)
        except NewerOperatorsError as newer:
            opset[""] = newer.version
    return _with_names(_without_functions(written), dims)


def _at_version(model, arguments, opset):
    from skl2onnx import to_onnx as convert

    last = model[-1]
    options = {id(last): {"zipmap": False}} if takes_zipmap(last) else None
    try:
        return convert(model, target_opset=dict(opset), options=options, **arguments)
    except KeyError as error:
        (inner,) = error.args
        raise TypeError(
            f"skl2onnx cannot write {shown(model)}, because a meta-estimator holds "
            f"{getattr(inner, '__name__', inner)}, which it does not know there."
        ) from error
    except (AssertionError, NameError, RuntimeError) as error:
        raise TypeError(
            f"skl2onnx cannot write {shown(model)} for this type of rows: {cause(error)}"
        ) from error


def _without_functions(written):
    """Put the nodes of networks in the place of their functions."""
    names = [(FUNCTIONS, each.name) for each in written.functions if each.domain == FUNCTIONS]
    if not names:
        return written
    from onnx.inliner import inline_selected_functions

    whole = inline_selected_functions(written, names)
    kept = [entry for entry in whole.opset_import if entry.domain != FUNCTIONS]
    del whole.opset_import[:]
    whole.opset_import.extend(kept)
    return whole


def _require_a_session(content, model):
    """Raise TypeError if ONNX Runtime does not open a file, as of columns of several types."""
    from onnxruntime import InferenceSession, SessionOptions

    options = SessionOptions()
    options.log_severity_level = 4  # a failure is raised, with the same words
    try:
        InferenceSession(content, options)
    except Exception as error:  # ONNX Runtime has a class for each kind of failure
        raise TypeError(
            f"skl2onnx has written {shown(model)} as a file that ONNX Runtime cannot open "
            f"({cause(error)}); pass rows of float32 as X."
        ) from error


def _with_names(written, dims):
    """Name the number of rows, and those dimensions of the input that are free."""
    for value in [*written.graph.input, *written.graph.output]:
        names = ("n", *dims) if value.name == "X" else ("n",)
        for dim, name in zip(value.type.tensor_type.shape.dim, names, strict=False):
            if not dim.dim_value:
                dim.dim_param = name
    return written
