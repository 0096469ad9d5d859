"""A made gas sensor array that drifts: gains, offsets and cross-sensitivity change after a year."""

import numpy as np

N_SENSORS, NOISE = 4, 0.03


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
