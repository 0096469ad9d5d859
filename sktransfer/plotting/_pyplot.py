"""pyplot, if matplotlib is installed."""


def pyplot_for(name):
    """Return the module pyplot, or raise ImportError with the name of the display that needs it."""
    try:
        import matplotlib.pyplot as plt
    except ImportError as error:
        raise ImportError(
            f'{name} needs matplotlib, which is not installed; run pip install "sktransfer[plot]".'
        ) from error
    return plt
