"""A fitted pipeline as one ONNX file."""

from os import PathLike
from pathlib import Path
from typing import Any

import numpy as np
from sklearn.pipeline import Pipeline
from sklearn.utils.validation import check_is_fitted

from sktransfer._domains import TARGET
from sktransfer._extras import install_command, is_installed
from sktransfer._messages import cause, shown
from sktransfer._onnx import DOMAIN, USED, found_model, refuse_onnx, steps_of, takes_zipmap

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
        The file, which is overwritten.
    X : array-like of shape (n_samples, n_features), default=None
        A few rows, for the type of the input: a float64 array, or a data frame with a column of
        texts. None: rows of float32, as many numbers as `fit` has seen.
    domain : str, default="target"
        The domain of the rows that the file will get. The name of a source writes its map in each
        aligner, if that is an affine one.

    Raises
    ------
    ImportError
        If skl2onnx is not installed.
    TypeError
        If a step has no ONNX form; the message names it and says why.
    ValueError
        If no step has a map for `domain`, or if the number of features is unknown and `X` is None.

    See Also
    --------
    FineTuneClassifier.to_onnx : Networks have files of their own.

    Notes
    -----
    The operators are those of version 17. skl2onnx computes in the type of the input; the steps of
    sktransfer compute in float64. With float32, probabilities differ from those of the pipeline by
    rounding, and a row at the threshold of a tree may take its other branch.

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
    check_is_fitted(pipeline)
    model = _as_pipeline(pipeline)
    for _, step in model.steps:
        if hasattr(step, "_no_onnx"):
            refuse_onnx(step)
    used, asked = USED.set([]), DOMAIN.set(domain)
    try:
        written = _converted(model, _input_types(pipeline, X))
        maps = USED.get()
    finally:
        USED.reset(used)
        DOMAIN.reset(asked)
    if domain != TARGET and not maps:
        raise ValueError(
            f"domain={domain!r}: no step of {shown(pipeline)} maps domains apart; pass "
            "domain='target'."
        )
    Path(path).write_bytes(written.SerializeToString())


def _as_pipeline(model):
    """Return the model, which a search may have found, as a plain pipeline of its steps."""
    model = found_model(model)
    steps = steps_of(model) if isinstance(model, Pipeline) else [("model", model)]
    return Pipeline([(name, found_model(step)) for name, step in steps])


def _input_types(model, X):
    """Return the arguments of skl2onnx for the type of the rows."""
    from skl2onnx.common.data_types import FloatTensorType

    if X is not None:
        return {"X": X[:2] if hasattr(X, "columns") else np.asarray(X)[:2]}
    n_features = getattr(model, "n_features_in_", None)
    if n_features is None:
        raise ValueError(
            f"X=None: {type(model).__name__} does not know the number of its features; pass a few "
            "rows."
        )
    return {"initial_types": [("X", FloatTensorType([None, n_features]))]}


def _converted(model, types):
    from skl2onnx import to_onnx as convert

    last = model[-1]
    options = {id(last): {"zipmap": False}} if takes_zipmap(last) else None
    try:
        return convert(model, target_opset=_OPSET, options=options, **types)
    except (AssertionError, KeyError, NameError, RuntimeError) as error:
        raise TypeError(
            f"skl2onnx cannot write {shown(model)} for this type of rows: {cause(error)}"
        ) from error
