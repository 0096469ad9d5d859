"""The labels that a method reads as classes."""

from sklearn.utils.multiclass import type_of_target

from sktransfer._domains import labels_alone


def class_labels(y, labelled, *, reader, instead):
    """Give the labels of some rows, which must be classes.

    Parameters
    ----------
    y : array-like of shape (n_samples,)
    labelled : ndarray of shape (n_samples,), dtype bool
        The rows to read, all of them labelled.
    reader : str
        What the error calls the method.
    instead : str
        What the error advises where labels are numbers.

    Returns
    -------
    labels : ndarray of shape (n_labelled,)

    Raises
    ------
    ValueError
        When labels are real numbers, or anything else that is no class.
    """
    labels = labels_alone(y, labelled, discrete=True)
    kind = type_of_target(labels, input_name="y")
    if kind not in ("binary", "multiclass"):
        raise ValueError(
            f"{reader} reads class labels, but those in y are of the type {kind!r}; pass classes "
            f"(strings, booleans or whole numbers), or {instead}, which reads no label."
        )
    return labels
