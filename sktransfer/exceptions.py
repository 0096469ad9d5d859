"""Public warnings of the package."""

__all__ = ["TransferWarning"]


class TransferWarning(UserWarning):
    """A result that cannot be trusted, although it could be computed.

    Examples are weights that leave a few effective rows, class proportions estimated at zero, and
    training that never improved on its start. The message gives the number and the remedy.
    Turn these warnings into errors with ``warnings.simplefilter("error", TransferWarning)``.
    """
