"""Kernels of Gaussian processes as nodes of an ONNX graph."""

import math

import numpy as np
from sklearn.gaussian_process import kernels

_SUMS = {kernels.Sum: "Add", kernels.Product: "Mul"}


def kernel_refusal(kernel):
    """Return why a kernel has no ONNX operators, None if it has."""
    if type(kernel) in _SUMS:
        return kernel_refusal(kernel.k1) or kernel_refusal(kernel.k2)
    if isinstance(kernel, kernels.Exponentiation):
        return kernel_refusal(kernel.kernel)
    simple = kernels.ConstantKernel, kernels.WhiteKernel, kernels.DotProduct
    if type(kernel) in (*simple, kernels.RBF, kernels.RationalQuadratic):
        return None
    if type(kernel) is kernels.Matern and kernel.nu in (0.5, 1.5, 2.5, np.inf):
        return None
    return f"its kernel {kernel} has no operators"


def write_kernel(graph, kernel, Y):
    """Write the kernel of the rows and the rows of an array."""
    if type(kernel) in _SUMS:
        parts = [write_kernel(graph, part, Y) for part in (kernel.k1, kernel.k2)]
        return graph.add(_SUMS[type(kernel)], *parts)
    if isinstance(kernel, kernels.Exponentiation):
        return graph.add("Pow", write_kernel(graph, kernel.kernel, Y), np.float64(kernel.exponent))
    if isinstance(kernel, (kernels.ConstantKernel, kernels.WhiteKernel)):
        value = getattr(kernel, "constant_value", 0.0)  # new rows have no common noise
        nothing = graph.add("Mul", graph.sum_of_columns(graph.rows), np.float64(0))
        return graph.add("Add", nothing, np.full((1, len(Y)), value))
    if isinstance(kernel, kernels.DotProduct):
        products = graph.add("MatMul", graph.rows, Y.T)
        return graph.add("Add", products, np.float64(kernel.sigma_0**2))
    scale = np.asarray(kernel.length_scale, dtype=np.float64)
    rows = graph.add("Div", graph.rows, scale)
    squares = graph.squared_distances(Y / scale, rows=rows)
    if isinstance(kernel, kernels.RationalQuadratic):
        base = graph.add("Mul", squares, np.float64(0.5 / kernel.alpha))
        base = graph.add("Add", base, np.float64(1))
        return graph.add("Pow", base, np.float64(-kernel.alpha))
    nu = getattr(kernel, "nu", np.inf)
    if nu == np.inf:
        return graph.add("Exp", graph.add("Mul", squares, np.float64(-0.5)))
    return _matern(graph, graph.add("Sqrt", squares), nu)


def _matern(graph, distances, nu):
    """Write ``p(k) exp(-k)`` for ``k = sqrt(2 nu) d``, and p = 1, 1 + k or 1 + k + k^2 / 3."""
    scaled = graph.add("Mul", distances, np.float64(math.sqrt(2 * nu)))
    decay = graph.add("Exp", graph.add("Neg", scaled))
    if nu == 0.5:
        return decay
    factor = graph.add("Add", scaled, np.float64(1))
    if nu == 2.5:
        squares = graph.add("Mul", graph.add("Mul", scaled, scaled), np.float64(1 / 3))
        factor = graph.add("Add", factor, squares)
    return graph.add("Mul", factor, decay)
