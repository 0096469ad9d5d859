"""Facts as triples of a head, a relation and a tail."""

import numpy as np

from sktransfer._containers import as_array, is_present
from sktransfer._messages import shown


def read_triples(triples, *, name="triples"):
    """Return facts as a list of tuples of three hashable values, in their order.

    Parameters
    ----------
    triples : array-like of shape (n_triples, 3)
        A list of tuples, an array or a DataFrame.
    name : str
        The name of the parameter in an error.

    Raises
    ------
    ValueError
        If a row has not three entries, if an entry is missing, or if it is not hashable.
    """
    if isinstance(triples, list | tuple):
        rows = triples
    else:
        rows = as_array(triples, name=name)
        rows = rows.tolist() if rows.ndim == 2 else list(rows)
    facts = []
    for place, row in enumerate(rows):
        if not isinstance(row, list | tuple | np.ndarray) or len(row) != 3:
            raise ValueError(
                f"{name}[{place}]={shown(row)}: expected a head, a relation and a tail; pass rows "
                "of three entries."
            )
        facts.append(tuple(each.item() if isinstance(each, np.generic) else each for each in row))
        try:
            hash(facts[-1])
        except TypeError:
            raise ValueError(
                f"{name}[{place}]={shown(row)} holds a value that is not hashable; name entities "
                "and relations by strings, numbers or tuples."
            ) from None
    entries = np.empty((len(facts), 3), dtype=object)
    for place, fact in enumerate(facts):
        for column, each in enumerate(fact):
            entries[place, column] = each
    if len(facts) and not is_present(entries).all():
        place = int(np.argmin(is_present(entries)))
        raise ValueError(
            f"{name}[{place}]={shown(facts[place])} has a missing value; leave the row out."
        )
    return facts
