"""The settings of a training, and how large its steps are: by epoch, and by stage."""

import math
from typing import NamedTuple

SCHEDULES = ("constant", "cosine", "linear")
OBJECTIVES = ("cross_entropy", "contrastive")


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
    objective: str = "cross_entropy"


def rate_factor(step, *, n_steps, n_warmup=0, schedule="constant"):
    r"""The factor of all rates at one step of the training, from 0 to 1.

    During the warm-up, steps :math:`k = 0 ... n_w - 1`, it is :math:`(k + 1) / n_w`. After it, with
    :math:`t = (k - n_w) / (n - n_w)`, it is 1 ("constant"), :math:`1 - t` ("linear") or :math:`(1 +
    \cos \pi t) / 2` ("cosine" [1]_, without restarts). Early stopping does not shorten the
    schedule.

    .. [1] Loshchilov, Hutter. "SGDR: stochastic gradient descent with warm restarts". ICLR 2017.
       https://arxiv.org/abs/1608.03983
    """
    if step < n_warmup:
        return (step + 1) / n_warmup
    if schedule == "constant":
        return 1.0
    share = (step - n_warmup) / max(1, n_steps - n_warmup)
    if schedule == "linear":
        return 1.0 - share
    return (1.0 + math.cos(math.pi * share)) / 2.0


def stage_rates(n_stages, *, rate, decay):
    """The rate of each trained stage, from the input on [1]_: `rate` times powers of `decay`.

    .. [1] Howard, Ruder. "Universal language model fine-tuning for text classification". ACL 2018.
       https://aclanthology.org/P18-1031
    """
    return [rate * decay ** (n_stages - 1 - place) for place in range(n_stages)]


def ramp_factor(progress, ramp):
    r"""The share of an adaptation's strength at a progress from 0 to 1 [1]_.

    It is :math:`2 / (1 + \exp(-r q)) - 1` for the ramp r and the progress q: 0 at the start, and
    nearly 1 at the end for r = 10. It is 1 throughout if `ramp` is None.

    .. [1] Ganin et al. "Domain-adversarial training of neural networks". JMLR 17, 2016.
       https://jmlr.org/papers/v17/15-239.html
    """
    return 1.0 if ramp is None else math.tanh(ramp * progress / 2.0)
