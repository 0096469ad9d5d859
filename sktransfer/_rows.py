"""The rows that a predictor learns from."""


def named_columns(given_X, X):
    """Return the data frame that the caller passed, or else its rows as a valid array.

    Parameters
    ----------
    given_X : array-like of shape (n_samples, n_features)
        As the caller passed it.
    X : {ndarray, sparse matrix} of shape (n_samples, n_features)
        Its rows after validation.

    Returns
    -------
    X : DataFrame, ndarray or sparse matrix of shape (n_samples, n_features)
        A data frame if there is one, so that an estimator can select columns by name.
    """
    return given_X if hasattr(given_X, "columns") else X


def check_target_rows(domains, used, *, estimator_name):
    """Raise ValueError when no target row is used.

    Parameters
    ----------
    domains : Domains
    used : ndarray of shape (n_samples,), dtype bool
        Rows that have a label and a weight.
    estimator_name : str
        The name of the method in the error.
    """
    is_target = domains.is_target
    if not used[is_target].any():
        raise ValueError(
            f"{estimator_name} needs a target row that has a label and a weight above 0, and none "
            f"of the {is_target.sum()} target rows has both; label some target rows (if they "
            "are labelled, a pipeline with target_labels='ignore' hides it), or use an "
            "unsupervised method."
        )


def check_sources(domains, used, *, estimator_name):
    """Raise ValueError when a source has no row that is used.

    Parameters
    ----------
    domains : Domains
    used : ndarray of shape (n_samples,), dtype bool
        Rows that have a label and a weight.
    estimator_name : str
        The name of the method in the error.
    """
    silent = [name for name in domains.sources if not used[domains.rows(name)].any()]
    if silent:
        raise ValueError(
            f"{estimator_name} learns from each source, and no row of the sources {silent} in "
            "sample_domain has a label and a weight above 0; label some, or leave these rows out."
        )
