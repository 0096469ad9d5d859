"""A perceptron with hidden layers, as the one stage of a network. Importing this imports torch."""

import itertools

import numpy as np
import torch
from torch.nn.utils import skip_init

from sktransfer.deep._networks.torch.tensors import to_arrays

_FUNCTIONS = {"relu": torch.relu, "tanh": torch.tanh, "logistic": torch.sigmoid}


class PerceptronStage(torch.nn.Module):
    """Linear layers, each with an activation after it: (n, n_features) to (n, last size)."""

    # Of batch-norm, which it has not.
    momentum = None

    def __init__(self, sizes, activation, output_name):
        super().__init__()
        self.output_name, self.activation = output_name, activation
        layers = itertools.pairwise(sizes)
        # Without a draw from torch's global generator.
        self.layers = torch.nn.ModuleList(skip_init(torch.nn.Linear, *pair) for pair in layers)
        for parameter in self.parameters():
            torch.nn.init.zeros_(parameter)

    def forward(self, x):
        """The last hidden layer."""
        function = _FUNCTIONS[self.activation]
        for layer in self.layers:
            x = function(layer(x))
        return x

    def arrays(self):
        """Copies of the weights: a dict, name -> ndarray."""
        return to_arrays(self.state_dict())

    def load(self, arrays):
        """Load the result of `arrays`, and return the stage itself."""
        tensors = {name: torch.as_tensor(np.array(array)) for name, array in arrays.items()}
        self.load_state_dict(tensors)
        return self

    def reset(self, generator):
        """Draw weights, set biases to 0, and return the stage itself.

        The variance of the weights is 2 / n_inputs for "relu" [1]_. For the others it is
        2 / (n_inputs + n_outputs), of a uniform distribution [2]_.

        .. [1] He, Zhang, Ren, Sun. "Delving deep into rectifiers". ICCV 2015.
           https://arxiv.org/abs/1502.01852
        .. [2] Glorot, Bengio. "Understanding the difficulty of training deep feedforward neural
           networks". AISTATS 2010. https://proceedings.mlr.press/v9/glorot10a.html
        """
        for layer in self.layers:
            if self.activation == "relu":
                torch.nn.init.kaiming_normal_(
                    layer.weight, nonlinearity="relu", generator=generator
                )
            else:
                torch.nn.init.xavier_uniform_(layer.weight, generator=generator)
            torch.nn.init.zeros_(layer.bias)
        return self


def build_perceptron(backbone):
    """Build the one stage of a perceptron, with weights of 0, on the CPU."""
    inputs = backbone.preprocessing
    sizes = inputs.n_features, *inputs.hidden_layer_sizes
    return [PerceptronStage(sizes, inputs.activation, backbone.stages[0])]
