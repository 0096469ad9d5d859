"""How rows of numbers become the input of a network, and the network that reads them."""

from dataclasses import dataclass
from numbers import Integral

from sklearn.utils.validation import validate_data

from sktransfer._magnitude import check_magnitude
from sktransfer._messages import shown
from sktransfer.deep._backbone import Backbone
from sktransfer.deep._items import InputDescription
from sktransfer.deep._tables.tables import Tables

# The name of the network, and of its one stage.
PERCEPTRON, STAGE = "mlp", "hidden"

DEFAULT_SIZES = (100,)

# As scikit-learn's perceptrons spell them; the first is the default.
ACTIVATIONS = "relu", "tanh", "logistic"


@dataclass(frozen=True)
class TableInput(InputDescription):
    """How a row becomes the input: scaled by the format of its table, in float32.

    Parameters
    ----------
    hidden_layer_sizes : tuple of int
        The width of each hidden layer of the network.
    n_features : int, default=0
        The number of columns; 0 before `fit` has seen them.
    activation : {"relu", "tanh", "logistic"}, default="relu"
        The function after each hidden layer.
    """

    hidden_layer_sizes: tuple[int, ...] = DEFAULT_SIZES
    n_features: int = 0
    activation: str = ACTIVATIONS[0]

    kind = "table"

    def __post_init__(self):
        if self.activation not in ACTIVATIONS:  # of a file that was changed
            raise ValueError(f"activation={shown(self.activation)}: expected one of {ACTIVATIONS}.")

    def read(self, X, estimator, *, reset, on_error="raise"):
        """Check X, and return its rows; as for `InputDescription.read`."""
        X = validate_data(estimator, X, reset=reset, accept_sparse="csr", dtype="float64")
        check_magnitude(X, estimator)
        return Tables(X, None if reset else estimator.table_format_)


def describe_perceptron(hidden_layer_sizes, activation):
    """Describe a perceptron with hidden layers: one stage, and no weights."""
    sizes = DEFAULT_SIZES if hidden_layer_sizes is None else hidden_layer_sizes
    whole = isinstance(sizes, (tuple, list)) and all(
        isinstance(size, Integral) and not isinstance(size, bool) and size > 0 for size in sizes
    )
    if not (whole and len(sizes)):
        raise ValueError(
            f"hidden_layer_sizes={shown(hidden_layer_sizes)} cannot be used: expected the widths "
            "of the hidden layers, whole numbers from 1 on, as in (100,), or None."
        )
    sizes = tuple(int(size) for size in sizes)
    return Backbone(
        name=PERCEPTRON,
        source="",
        preprocessing=TableInput(sizes, activation=activation),
        stages=(STAGE,),
        shapes=(sizes[-1:],),
        fingerprint="-".join([PERCEPTRON, *map(str, sizes), activation]),
        engines=("torch",),
    )
