"""Pillow's resizing of bytes: its whole weights, the order of its axes, and both as nodes."""

import math

import numpy as np

from sktransfer._kernels.resize import _FILTER, _SUPPORT
from sktransfer.deep._images.network_input import RESIZED_WHOLE, _pillow_resized, resize_plan

# Pillow multiplies pictures of bytes by whole numbers: weights times 2 ** 22.
PILLOW_BITS = 22


def write_passes(writer, levels, rows, columns, *, columns_first):
    """Write one matrix product after the other, each rounded to levels.

    Parameters
    ----------
    writer : GraphWriter
    levels : str
        The bytes (n, c, h, w), float64.
    rows, columns : ndarray or str of shape (H, h) and (w, W), float64
        Whole numbers.
    columns_first : bool

    Returns
    -------
    name : str
        The resized bytes (n, c, H, W), float64.
    """
    for along_columns in (columns_first, not columns_first):
        pair = (levels, columns) if along_columns else (rows, levels)
        levels = _to_levels(writer, writer.add("MatMul", *pair))
    return levels


def _to_levels(writer, sums):
    """`_round` as nodes."""
    half, one = 2.0 ** (PILLOW_BITS - 1), 2.0**PILLOW_BITS
    shares = writer.add("Div", writer.add("Add", sums, np.array([half])), np.array([one]))
    rounded = writer.add("Max", writer.add("Floor", shares), np.zeros(1))
    return writer.add("Min", rounded, np.array([255.0]))


def _round(sums):
    """Sums of levels and whole weights, rounded to levels."""
    return np.clip(np.floor((sums + 2.0 ** (PILLOW_BITS - 1)) / 2.0**PILLOW_BITS), 0, 255)


def takes_columns_first(shape, preprocessing):
    """Tell which axis Pillow resizes first.

    It depends on the sizes and on Pillow's release, so Pillow is asked.

    Parameters
    ----------
    shape : (int, int)
        Height and width of an image.
    preprocessing : Preprocessing

    Returns
    -------
    columns_first : bool
    """
    rows, columns = pillow_matrices(shape, preprocessing)
    noise = np.random.default_rng(0).integers(0, 256, (*shape, 1), dtype=np.uint8)
    expected = _pillow_resized(noise, preprocessing)[..., 0]
    by_columns = _round(rows @ _round(noise[..., 0] @ columns.T))
    by_rows = _round(_round(rows @ noise[..., 0]) @ columns.T)
    return np.sum(by_columns != expected) <= np.sum(by_rows != expected)


def pillow_matrices(shape, preprocessing):
    """The matrices of the rows and of the columns, cut to what the network sees.

    Parameters
    ----------
    shape : (int, int)
        Height and width of an image.
    preprocessing : Preprocessing

    Returns
    -------
    matrices : list of two ndarrays of shape (H, h) and (W, w), float64
    """
    size, box = resize_plan(shape, preprocessing)
    whole = max(math.prod(size), math.prod(shape)) <= RESIZED_WHOLE
    matrices = []
    for old, new, first, length in zip(shape, size, box[:2], box[2:], strict=True):
        if whole:
            matrix = pillow_matrix(old, new, preprocessing.resize)[first : first + length]
        else:
            step = old / new
            part = first * step, min((first + length) * step, old)
            matrix = pillow_matrix(old, length, preprocessing.resize, *part)
        matrices.append(matrix)
    return matrices


def pillow_matrix(n_in, n_out, method, first=0.0, last=None):
    """The whole numbers by which Pillow multiplies the bytes along one axis.

    They are the weights of `resize_matrix`, times 2 ** 22 and rounded away from zero at one half;
    the filter begins and ends at whole pixels, and the part from `first` to `last` is resized.

    Parameters
    ----------
    n_in, n_out : int
        Lengths of the axis before and after.
    method : {"bilinear", "bicubic"}
    first, last : float
        In pixels, rounded to float32 as Pillow does, and their difference once more; None: the
        end.

    Returns
    -------
    weights : ndarray of shape (n_out, n_in), float64
        Whole numbers.
    """
    first, last = (np.float32(n_in if edge is None else edge) for edge in (first, last))
    scale, first = float(last - first) / n_out, float(first)
    stretch = max(scale, 1.0)
    centres = first + (np.arange(n_out)[:, None] + 0.5) * scale
    reach = _SUPPORT[method] * stretch
    pixels = np.arange(n_in)
    begin = np.maximum(np.trunc(centres - reach + 0.5), 0)
    end = np.minimum(np.trunc(centres + reach + 0.5), n_in)
    distances = np.abs(pixels - centres + 0.5) / stretch
    weights = _FILTER[method](distances) * ((pixels >= begin) & (pixels < end))
    weights /= weights.sum(axis=1, keepdims=True)
    scaled = weights * 2.0**PILLOW_BITS
    return np.trunc(scaled + np.copysign(0.5, scaled))
