"""What the formulas that run on arrays of any library need beside the array API standard."""

from array_api_compat import array_namespace, device


def add_to_diagonal(matrix, value):
    """Give a copy of the square `matrix` with `value` added to its diagonal."""
    xp = array_namespace(matrix)
    places = xp.arange(matrix.shape[0], device=device(matrix))
    summed = xp.asarray(matrix, copy=True)
    summed[places, places] += value
    return summed


def copied(X):
    """Give a copy of `X`."""
    return array_namespace(X).asarray(X, copy=True)


def empty(shape, like):
    """Give an array of float64 of the library and on the device of `like`."""
    xp = array_namespace(like)
    return xp.empty(shape, dtype=xp.float64, device=device(like))


def float64(X):
    """Give `X` in double precision, itself where it has it."""
    xp = array_namespace(X)
    return xp.astype(X, xp.float64, copy=False)


def in_dtype_of(values, X):
    """Give `values` in the dtype of `X`, themselves where they have it."""
    return array_namespace(X).astype(values, X.dtype, copy=False)
