"""Fine-tuning: the stages that are not frozen, trained together with the head.

Importing this module imports torch. All randomness comes from generators made of the seed.
"""

from contextlib import contextmanager, nullcontext

import numpy as np
import torch

from sktransfer._messages import shown
from sktransfer.deep._networks.torch.tensors import to_arrays
from sktransfer.deep._training.domain_score import DomainScore
from sktransfer.deep._training.network import EVALUATION_ROWS, Seen, predict, settle_statistics
from sktransfer.deep._training.schedule import rate_factor, stage_rates

# A loss on held-out rows that leaves nothing to improve.
_NEGLIGIBLE_LOSS = 1e-6


class Training:
    """The second phase: epochs of AdamW [1]_, and all that they leave behind.

    Between two epochs `state` is everything that the rest depends on: a fresh object that is made
    with the same arguments, and given it by `restore`, goes on to the same bits. The network is
    trained in place. `finish` leaves it with the weights of the best epoch by held-out loss, the
    start included; with those of the last epoch if nothing is held out (`held_out` is None).

    ``training.inputs.epoch(number)`` gives the inputs of an epoch, and ``held_out.inputs`` are
    inputs: an object that gives float32 activations of the last frozen stage when indexed with row
    numbers. With `batch_statistics` batch-norm of the stages trains on the statistics of the
    minibatch, and takes those of all training rows over at the end of each epoch.

    A `penalty` is a `Penalty`, and what it returns is added to the mean loss of a minibatch, times
    its weight. Its parameters learn at the head's rate, and `state` holds its parameters and
    buffers. ``len(unlabelled)`` and ``unlabelled.epoch(number)`` are the inputs of the rows without
    a label.

    .. [1] Loshchilov, Hutter. "Decoupled weight decay regularization". ICLR 2019.
       https://arxiv.org/abs/1711.05101
    """

    def __init__(
        self,
        network,
        training,
        held_out,
        *,
        loss,
        settings,
        batch_statistics,
        seed,
        log,
        penalty=None,
        unlabelled=None,
    ):
        self.network, self.training, self.held_out = network, training, held_out
        self.loss, self.settings, self.log = loss, settings, log
        self.batch_statistics, self.seed = batch_statistics, seed
        self.generator = torch.Generator().manual_seed(seed)
        device, weight = network.coef.device, training.weight / training.weight.mean()
        dtype = None if training.y.ndim == 1 else torch.float32  # class numbers, or targets
        self.y = torch.as_tensor(training.y, dtype=dtype).to(device)
        self.weight = torch.as_tensor(weight, dtype=torch.float32).to(device)
        self.penalty, self.unlabelled, self.order = penalty, unlabelled, None
        self.domain_score = DomainScore()
        if penalty is not None:
            self.order = RandomOrder(len(unlabelled), seed)
        self.optimizer = _make_optimizer(network, settings, penalty)
        self.rates = [group["lr"] for group in self.optimizer.param_groups]
        anchored = network.stages if settings.l2_sp else []
        self.start = [[w.detach().clone() for w in stage.parameters()] for stage in anchored]
        self.n_done, self.stopped, self._epoch = 0, False, 0
        self.age, self.best_loss, self.best = 0, np.inf, {}
        self._keep_best()
        self.age = 0

    @property
    def done(self):
        """Whether no epoch is left: all have run, none got better, or a callback has stopped."""
        impatient = self.age >= self.settings.n_iter_no_change
        return self.stopped or impatient or self.n_done >= self.settings.max_epochs

    @property
    def best_epoch(self):
        """The number of epochs behind the weights that `finish` gives back; 0 is the start."""
        return self.n_done if self.held_out is None else self.n_done - self.age

    def doubt(self):
        """Why the result cannot be trusted, as a sentence; empty if nothing speaks against it."""
        history, settings = self.log.history, self.settings
        losses = history["train_loss"]
        start = losses[max(0, len(losses) - self.n_done - 1)] if self.n_done else np.inf
        remedy = (
            f"Lower backbone_learning_rate={shown(settings.backbone_learning_rate)} or "
            f"learning_rate={shown(settings.learning_rate)}, or freeze more stages."
        )
        kept_start = self.held_out is not None and self.n_done and self.best_epoch == 0
        if kept_start and self.best_loss > _NEGLIGIBLE_LOSS:
            reached = min(history["validation_loss"][-self.n_done :])
            return (
                f"Training the stages did not improve on its start: the loss on the "
                f"{len(self.held_out.y)} held-out rows was {self.best_loss:.3g} before and "
                f"{reached:.3g} at best in {self.n_done} epochs. The weights of the start are "
                f"kept (best_epoch_=0). {remedy}"
            )
        if self.held_out is None and losses and losses[-1] > max(start, self.loss.of_a_constant):
            return (
                f"Training the stages ended with a loss of {losses[-1]:.3g}, more than the "
                f"{self.loss.of_a_constant:.3g} of a constant prediction. {remedy}"
            )
        return ""

    def run(self, save=None):
        """Train until nothing is left to do; `save` is called with the `state` after each epoch."""
        while not self.done:
            self.run_epoch()
            if save is not None:
                save(self.state())

    def run_epoch(self):
        """Train for one epoch, judge it, and write it down."""
        self.log.begin("fine-tune")
        self._epoch = self.n_done + 1
        inputs = self.training.inputs.epoch(self.n_done)
        draws = self.batch_statistics or self.penalty is not None
        with _seeded_layers(self) if draws else nullcontext():
            *seen, penalty = self._run_batches(inputs)
            if self.batch_statistics:
                settle_statistics(self.network, inputs, len(self.training.y))
        adapted = {"adaptation_loss": penalty, "domain_score": self.domain_score.end_epoch()}
        self.n_done += 1
        self._require_finite_weights()
        if self.held_out is None and self.n_done == self.settings.max_epochs:
            n_rows = min(EVALUATION_ROWS, len(self.training.y))
            outputs = predict(self.network.eval(), inputs, n_rows)
            self._require_finite(outputs, "a prediction of a training row")
        self.stopped = bool(
            self.log.end(
                training=seen,
                held_out=self._keep_best(),
                head=lambda: self.loss.in_units(self.network.head()),
                stages=self.network.stages,
                more={} if self.penalty is None else adapted,
            )
        )

    def finish(self):
        """Give the network the best weights back; returns its head, in the units of y."""
        if self.best:
            self.network.load_state_dict(_tensors(self.best))
        return self.loss.in_units(self.network.eval().head())

    def _keep_best(self):
        """Judge the weights as they are now, and keep the best; returns loss and score, or None."""
        self.network.eval()
        if self.held_out is None:
            return None
        rows = self.held_out
        judged = self.loss.evaluate(predict(self.network, rows.inputs, len(rows.y)), rows)
        self._require_finite(judged[0], "the loss on the held-out rows")
        self.age += 1
        if judged[0] < self.best_loss:
            self.age, self.best_loss = 0, float(judged[0])
            self.best = to_arrays(self.network.state_dict())
        return judged

    def _run_batches(self, inputs):
        """One pass in random order; returns the mean loss, score and penalty of the steps."""
        rows, others = self.training, None
        if self.penalty is not None:
            others = self.unlabelled.epoch(self.n_done)
        batches = minibatches(len(rows.y), self.settings.batch_size, self.generator)
        outputs = np.empty((len(rows.y), self.loss.n_outputs))
        total_loss = total_penalty = 0.0
        self.network.train(self.batch_statistics)
        for number, batch in enumerate(batches):
            step = self.n_done * len(batches) + number
            self._set_rates(step, len(batches))
            seen = self._see(inputs, batch)
            losses = self.loss.of_tensors(seen.outputs, self.y[batch]) * self.weight[batch]
            total_loss += losses.sum().item()
            self._require_finite(total_loss, "the loss")
            progress = step / (self.settings.max_epochs * len(batches))
            penalty, weight = self._penalize(seen, others, progress)
            total_penalty += penalty.item()
            self._require_finite(total_penalty, "the loss of the adaptation")
            self._descend(losses.mean() + weight * penalty)
            outputs[batch.numpy()] = seen.outputs.detach().cpu().numpy()
        score = self.loss.evaluate(outputs, rows)[1]
        return total_loss / len(rows.y), score, total_penalty / len(batches)

    def _see(self, inputs, batch):
        """The rows of a minibatch, through the network."""
        device = self.network.coef.device
        inputs = torch.as_tensor(inputs[batch.numpy()]).to(device)
        if not self.settings.half_precision:
            return self.network.see(inputs)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            return Seen(*(tensor.float() for tensor in self.network.see(inputs)))

    def _penalize(self, seen, others, progress):
        """The penalty of a minibatch and as many rows without a label, and its weight."""
        if self.penalty is None:
            return seen.outputs.new_zeros(()), 1.0
        other = self._see(others, self.order.draw(len(seen.outputs)))
        self.domain_score.see(seen.features, other.features)
        loss = self.penalty.of_tensors(seen, other, progress)
        return loss, self.penalty.weight(progress)

    def _require_finite_weights(self):
        """Refuse weights, and statistics of batch-norm, that are not finite."""
        modules = [self.network] if self.penalty is None else [self.network, self.penalty]
        for tensor in (tensor for module in modules for tensor in module.state_dict().values()):
            if tensor.is_floating_point() and not torch.isfinite(tensor).all():
                self._require_finite(np.nan, "a weight or a statistic of batch-norm")

    def _require_finite(self, values, name):
        """Raise an error that says what to change if training has diverged."""
        if not np.isfinite(values).all():
            raise ValueError(self._diverged(name))

    def _diverged(self, name):
        settings = self.settings
        advice = ", or set mixed_precision=False" if settings.half_precision else ""
        return (
            f"Training diverged in epoch {self._epoch} of "
            f"max_epochs={shown(settings.max_epochs)} of "
            f"the second phase: {name} is not finite. Lower backbone_learning_rate="
            f"{shown(settings.backbone_learning_rate)} or "
            f"learning_rate={shown(settings.learning_rate)}, to "
            f"a tenth for example, or raise warmup_epochs={shown(settings.warmup_epochs)}{advice}."
        )

    def _set_rates(self, step, steps_an_epoch):
        settings = self.settings
        factor = rate_factor(
            step,
            n_steps=settings.max_epochs * steps_an_epoch,
            n_warmup=settings.warmup_epochs * steps_an_epoch,
            schedule=settings.schedule,
        )
        for group, rate in zip(self.optimizer.param_groups, self.rates, strict=True):
            group["lr"] = rate * factor

    def _descend(self, objective):
        """One step of AdamW; with `l2_sp` the stages decay towards where they started [2]_.

        .. [2] Li, Grandvalet, Davoine. "Explicit inductive bias for transfer learning with
           convolutional networks". ICML 2018. https://arxiv.org/abs/1802.01483
        """
        self.optimizer.zero_grad()
        objective.backward()
        groups = self.optimizer.param_groups
        for group, anchors in zip(groups, self.start, strict=False):  # stages come first
            share = min(1.0, group["lr"] * self.settings.l2_sp)
            with torch.no_grad():
                for weights, anchor in zip(group["params"], anchors, strict=True):
                    weights.lerp_(anchor, share)
        try:
            self.optimizer.step()
        except RuntimeError as error:  # a step that is no number of float32
            if "overflow" not in str(error):
                raise
            raise ValueError(self._diverged("a step")) from error

    def state(self):
        """Return copies of all that later epochs depend on, arrays and numbers.

        "network/...", "best/..." and "optimizer/..." are the arrays of the weights, the best
        weights and AdamW's moments; "penalty/..." and "order/..." the penalty's weights and the
        order of the unlabelled rows.
        """
        moments = {
            f"{place}/{name}": value
            for place, values in self.optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }
        of_penalty = {}
        if self.penalty is not None:
            of_penalty |= _prefixed("penalty/", to_arrays(self.penalty.state_dict()))
            of_penalty |= _prefixed("order/", self.order.state())
            of_penalty |= _prefixed("domain_score/", self.domain_score.state())
        return {
            **of_penalty,
            **_prefixed("network/", to_arrays(self.network.state_dict())),
            **_prefixed("best/", {name: array.copy() for name, array in self.best.items()}),
            **_prefixed("optimizer/", to_arrays(moments)),
            "generator": self.generator.get_state().numpy().copy(),
            "n_done": self.n_done,
            "stopped": self.stopped,
            "age": self.age,
            "best_loss": self.best_loss,
            "history": {name: list(values) for name, values in self.log.history.items()},
        }

    def restore(self, state):
        """Go back to a `state`; return the object itself."""
        self.network.load_state_dict(_tensors(_under("network/", state)))
        self.best = {name: array.copy() for name, array in _under("best/", state).items()}
        moments = {}
        for name, tensor in _tensors(_under("optimizer/", state)).items():
            place, name = name.split("/", 1)
            moments.setdefault(int(place), {})[name] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.generator.set_state(torch.as_tensor(state["generator"].copy()))
        if self.penalty is not None:
            self.penalty.load_state_dict(_tensors(_under("penalty/", state)))
            self.order.restore(_under("order/", state))
            means = _under("domain_score/", state)
            self.domain_score.restore(means, self.network.coef.device)
        self.n_done, self.stopped = int(state["n_done"]), bool(state["stopped"])
        self.age, self.best_loss = int(state["age"]), float(state["best_loss"])
        history = {name: list(state["history"][name]) for name in self.log.history}
        if {len(values) for values in history.values()} != {len(history["phase"])}:
            raise ValueError("a history of unequal lengths")
        self.log.history.update(history)
        return self


def _make_optimizer(network, settings, penalty):
    """AdamW with a group of weights for each stage, one for the head, and one for a penalty."""
    rates = stage_rates(
        len(network.stages), rate=settings.backbone_learning_rate, decay=settings.rate_decay
    )
    decay = 0.0 if settings.l2_sp else settings.weight_decay
    groups = [
        {"params": list(stage.parameters()), "lr": rate, "weight_decay": decay}
        for stage, rate in zip(network.stages, rates, strict=True)
    ]
    groups.append({"params": [network.coef, network.intercept], "lr": settings.learning_rate})
    if penalty is not None:
        groups.append({"params": list(penalty.parameters()), "lr": settings.learning_rate})
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay)


@contextmanager
def _seeded_layers(training):
    """Let layers that draw for themselves, dropout say, draw from the seed and the epoch."""
    device = training.network.coef.device
    with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []):
        seed = int(np.random.default_rng([training.seed, training.n_done]).integers(2**62))
        torch.default_generator.manual_seed(seed)
        if device.type == "cuda":
            torch.cuda.manual_seed(seed)
        yield


def minibatches(n_rows, batch_size, generator):
    """Split the rows 0..n_rows-1 in random order; a single row at the end joins the batch before
    it, because batch-norm has no variance of one row."""
    batches = list(torch.randperm(n_rows, generator=generator).split(batch_size))
    if len(batches) > 1 and len(batches[-1]) == 1:
        last = batches.pop()
        batches[-1] = torch.cat([batches[-1], last])
    return batches


class RandomOrder:
    """Row numbers in random order, each once before any comes again.

    The order differs from that of `minibatches` with the same seed.
    """

    def __init__(self, n_rows, seed):
        self._n_rows, self._left = n_rows, torch.empty(0, dtype=torch.int64)
        seed = int(np.random.default_rng([seed, n_rows]).integers(2**62))
        self._generator = torch.Generator().manual_seed(seed)

    def draw(self, n):
        """The next `n` row numbers."""
        while len(self._left) < n:
            order = torch.randperm(self._n_rows, generator=self._generator)
            self._left = torch.cat([self._left, order])
        drawn, self._left = self._left[:n], self._left[n:]
        return drawn

    def state(self):
        """All that later draws depend on, as arrays."""
        generator = self._generator.get_state()
        return {"generator": generator.numpy().copy(), "left": self._left.numpy().copy()}

    def restore(self, state):
        """Go back to a `state`."""
        self._generator.set_state(torch.as_tensor(state["generator"].copy()))
        self._left = torch.as_tensor(state["left"].copy())


def _tensors(arrays):
    return {name: torch.as_tensor(np.array(array)) for name, array in arrays.items()}


def _prefixed(prefix, values):
    return {prefix + name: value for name, value in values.items()}


def _under(prefix, values):
    return {n.removeprefix(prefix): v for n, v in values.items() if n.startswith(prefix)}
