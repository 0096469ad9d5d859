"""A perceptron with hidden layers, as the one stage of a network. Importing this imports torch."""

import itertools

import numpy as np
import torch
from torch.nn.utils import skip_init

from sktransfer.deep._networks.torch.tensors import to_arrays


class PerceptronStage(torch.nn.Module):
    """Linear layers, each with a rectifier after it: (n, n_features) to (n, last size)."""

    # Of batch-norm, which it has not.
    momentum = None

    def __init__(self, sizes, output_name):
        super().__init__()
        self.output_name = output_name
        layers = itertools.pairwise(sizes)
        # Without a draw from torch's global generator.
        self.layers = torch.nn.ModuleList(skip_init(torch.nn.Linear, *pair) for pair in layers)
        for parameter in self.parameters():
            torch.nn.init.zeros_(parameter)

    def forward(self, x):
        """The last hidden layer."""
        for layer in self.layers:
            x = torch.relu(layer(x))
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
        """Draw weights with variance 2 / fan_in and biases of 0 [1]_, and return the stage itself.

        .. [1] He, Zhang, Ren, Sun. "Delving deep into rectifiers". ICCV 2015.
           https://arxiv.org/abs/1502.01852
        """
        for layer in self.layers:
            torch.nn.init.kaiming_normal_(layer.weight, nonlinearity="relu", generator=generator)
            torch.nn.init.zeros_(layer.bias)
        return self


def build_perceptron(backbone):
    """Build the one stage of a perceptron, with weights of 0, on the CPU."""
    inputs = backbone.preprocessing
    sizes = inputs.n_features, *inputs.hidden_layer_sizes
    return [PerceptronStage(sizes, backbone.stages[0])]
