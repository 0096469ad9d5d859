"""The numbers that steer a training."""

from typing import NamedTuple


class Settings(NamedTuple):
    """The parameters of the estimators that steer the training, under their names."""

    head_epochs: int
    max_epochs: int
    learning_rate: float
    backbone_learning_rate: float
    batch_size: int
    weight_decay: float
    validation_fraction: float
    n_iter_no_change: int
    rate_decay: float = 1.0
    schedule: str = "constant"
    warmup_epochs: int = 0
    l2_sp: float = 0.0
    half_precision: bool = False
