"""A made gas sensor array that drifts: how many reference samples does a new calibration need?

Gains, offsets and cross-sensitivity change after a year, and are known because they are drawn here.
The methods are those of `parameter_transfer_models`, with the calibration of the new array as the
source.
"""

import warnings

import numpy as np

from benchmarks.parameter_transfer import compare
from benchmarks.parameter_transfer_models import run_numbers

N_SENSORS, NOISE, OLD_ROWS, NEW_ROWS = 4, 0.03, 400, 1050


def draw_sensor(rng):
    """Draw the gains, offsets and cross-sensitivities of an array, when new and a year later.

    Gains fall by up to half, offsets move by up to 0.3, and cross-sensitivities change by up to
    half of the range that they are drawn from.

    Parameters
    ----------
    rng : numpy.random.Generator

    Returns
    -------
    new, aged : tuple of ndarrays of shape (N_SENSORS,)
    """
    new = (
        rng.uniform(0.5, 1.5, N_SENSORS),
        rng.uniform(-0.2, 0.2, N_SENSORS),
        rng.uniform(0.0, 0.6, N_SENSORS),
    )
    gain, offset, cross = new
    aged = (
        gain * rng.uniform(0.5, 1.0, N_SENSORS),
        offset + rng.uniform(-0.3, 0.3, N_SENSORS),
        cross + rng.uniform(-0.3, 0.3, N_SENSORS),
    )
    return new, aged


def measure(sensor, n_rows, rng):
    """Draw concentrations and humidity, and return the signals and the concentrations.

    Parameters
    ----------
    sensor : tuple of ndarrays of shape (N_SENSORS,)
        As `draw_sensor` returns it.
    n_rows : int
    rng : numpy.random.Generator

    Returns
    -------
    X : ndarray of shape (n_rows, N_SENSORS)
        The response to a concentration c saturates, as ``c / (1 + c)``.
    y : ndarray of shape (n_rows,)
        Concentrations from 0 to 3.
    """
    gain, offset, cross = sensor
    y, humidity = rng.uniform(0, 3, n_rows), rng.uniform(0, 1, n_rows)
    clean = np.outer(y / (1 + y), gain) + np.outer(humidity, cross) + offset
    return clean + NOISE * rng.normal(size=clean.shape), y


def run_sensor(draw, n_rows):
    """Draw an array, its rows when new, and those of a year later; return R2 in percent."""
    rng = np.random.default_rng([draw, 11])
    new, aged = draw_sensor(rng)
    sources = {"new": measure(new, OLD_ROWS, rng)}
    return run_numbers(sources, measure(aged, NEW_ROWS, rng), n_rows, draw)


def run(data_home, *, quick=False):
    """Make the table.

    Parameters
    ----------
    data_home : str or None
        Not used: the rows are made here.
    quick : bool, default=False
        One array instead of eight.

    Returns
    -------
    tables : list of Table
    """
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        draws = [(draw,) for draw in range(1 if quick else 8)]
        return [compare("Drifting sensor, R2 in percent", run_sensor, draws)]
