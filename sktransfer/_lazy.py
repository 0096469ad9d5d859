"""Collections whose rows are not in memory: which they are, and the error that refuses them.

No other module decides whether an argument is lazy.
"""

# Collections by the package and the name of their class, and the call that brings the rows.
_BY_NAME = {
    ("polars", "LazyFrame"): "collect()",
    ("pyspark", "DataFrame"): "toPandas()",
    ("ray", "Dataset"): "to_pandas()",
    ("ray", "MaterializedDataset"): "to_pandas()",
}


def is_dask(values):
    """Tell whether `values` is a collection of Dask, without importing Dask."""
    if isinstance(values, type) or not hasattr(values, "__dask_graph__"):
        return False
    # Others, such as arrays of xarray, have the method too, and no graph if they are in memory.
    return _kind(values)[0] == "dask" or values.__dask_graph__() is not None


def is_lazy(values):
    """Tell whether the rows of `values` are not in memory before they are asked for."""
    return is_dask(values) or _kind(values) in _BY_NAME


def refuse_lazy(reader, **arguments):
    """Raise TypeError if an argument is lazy: nothing here brings such rows into memory unasked.

    Parameters
    ----------
    reader : str
        The name of the estimator or function in the message.
    **arguments : dict of str to object
        The arguments by the name of their parameter.

    Raises
    ------
    TypeError
    """
    for name, values in arguments.items():
        if is_lazy(values):
            package, kind = _kind(values)
            call = _BY_NAME.get((package, kind), "compute()")
            raise TypeError(
                f"{reader} reads what is in memory, but {name} is a lazy {kind} of {package}; pass "
                f"{name}.{call} if that fits into memory, or a sample of its rows, and apply what "
                "is fitted to one block after the other."
            )


def _kind(values):
    """Return the package and the name of the class of `values`."""
    kind = type(values)
    package = kind.__module__.partition(".")[0]
    return "dask" if package == "dask_expr" else package, kind.__name__
