"""Fine-tuning: the stages that are not frozen, trained together with the head.

Importing this module imports torch. All randomness comes from generators made of the seed.
"""

import math
from contextlib import nullcontext

import numpy as np
import torch

from sktransfer._messages import shown
from sktransfer.deep._networks.torch.tensors import to_arrays
from sktransfer.deep._training.network import (
    EVALUATION_ROWS,
    predict,
    seeded_layers,
    settle_statistics,
)
from sktransfer.deep._training.objective import make_objective
from sktransfer.deep._training.ranks import ALONE, of_both
from sktransfer.deep._training.schedule import rate_factor, stage_rates
from sktransfer.deep._training.states import as_tensors, prefixed, under
from sktransfer.deep._training.target_half import TargetHalf

# A network and its adversary answer each other: steps that go on from long ago make them swing.
_BETAS_OF_ADVERSARIES = 0.5, 0.999

# A loss on held-out rows that leaves nothing to improve.
_NEGLIGIBLE_LOSS = 1e-6


class Training:
    """The second phase: epochs of AdamW [1]_, and all that they leave behind.

    Between two epochs `state` is everything that the rest depends on. A fresh object that is made
    with the same arguments, and given it by `restore`, goes on to the same bits. The network is
    trained in place. `finish` leaves it with the weights of the best epoch by held-out loss, the
    start included. If nothing is held out (`held_out` is None), they are those of the last epoch.

    ``training.inputs.epoch(number)`` gives the inputs of an epoch, and ``held_out.inputs`` are
    inputs. Inputs are an object that gives float32 activations of the last frozen stage when
    indexed with row numbers. With `batch_statistics` batch-norm of the stages trains on the
    statistics of the minibatch. At the end of each epoch it takes over those of all training rows.

    A `penalty` is a `Penalty`, and its result is added to the mean loss of a minibatch, times
    its weight. It reads the `target_rows`, which pass through the network in one batch with the
    labelled ones. `state` holds its parameters and buffers.

    Each of several `ranks` has such an object, with the same arguments. It runs its part of each
    minibatch, and has the loss of the whole one.

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
        target_rows=None,
        ranks=ALONE,
    ):
        self.network, self.training, self.held_out = network, training, held_out
        self.loss, self.settings, self.log = loss, settings, log
        self.batch_statistics, self.seed, self.ranks = batch_statistics, seed, ranks
        self.objective = make_objective(loss, settings)
        self.head_converged = True
        self.generator = torch.Generator().manual_seed(seed)
        mean = training.weight.mean(axis=0)  # of each column, if there are several
        device, weight = network.coef.device, training.weight / np.where(mean > 0, mean, 1.0)
        dtype = torch.float32 if training.y.dtype.kind == "f" else None  # targets, class numbers
        self.y = torch.as_tensor(training.y, dtype=dtype).to(device)
        self.weight = torch.as_tensor(weight, dtype=torch.float32).to(device)
        self.target = None
        if penalty is not None:
            self.target = TargetHalf(penalty, target_rows, seed, device)
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
        place = max(0, len(losses) - self.n_done - self.objective.n_before)
        start = losses[place] if self.n_done else np.inf
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
        constant = self.objective.of_a_constant
        if self.held_out is None and losses and losses[-1] > max(start, constant):
            return (
                f"Training the stages ended with a loss of {losses[-1]:.3g}, more than the "
                f"{constant:.3g} of {self.objective.constant}. {remedy}"
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
        batches = self.objective.batches(self.y.cpu(), self.generator)
        mine = self.ranks.rows(batches) if self.target is None else None
        inputs = self.training.inputs.epoch(self.n_done, mine)
        draws = self.batch_statistics or self.target is not None
        seeds = [self.seed, self.n_done] + [self.ranks.number] * (not self.ranks.is_first)
        with seeded_layers(self.network, seeds) if draws else nullcontext():
            seen, adapted = self._run_batches(batches, inputs)
            if self.batch_statistics:
                n_rows = len(self.training.y)
                if self.target is not None:
                    inputs, n_rows = self.target.pairs(inputs, n_rows)
                settle_statistics(self.network, inputs, n_rows, ranks=self.ranks, rows=mine)
        about = {"ranks": self.ranks, "mine": mine}
        fitted = self.objective.fit_head(self.network, inputs, self.training, **about)
        if fitted is not None:
            seen, self.head_converged = (seen[0], fitted[0]), fitted[1]
        self.n_done += 1
        self._require_finite_weights()
        self._require_finite(seen[1], "a feature of a training row")
        if self.held_out is None and self.n_done == self.settings.max_epochs:
            few = (np.arange(len(self.training.y)) if mine is None else mine)[:EVALUATION_ROWS]
            outputs = predict(self.network.eval(), inputs, len(few), rows=few)
            self._require_finite(outputs, "a prediction of a training row")
        stopped = self.log.end(
            training=seen,
            held_out=self._keep_best(),
            head=lambda: self.loss.in_units(self.network.head()),
            stages=self.network.stages,
            more=adapted,
        )
        self.stopped = self.ranks.agree(lambda: bool(stopped))

    def finish(self):
        """Give the network the best weights back; returns its head, in the units of y."""
        if self.best:
            self.network.load_state_dict(as_tensors(self.best))
        return self.loss.in_units(self.network.eval().head())

    def _keep_best(self):
        """Judge the weights as they are now, and keep the best; returns loss and score, or None."""
        self.network.eval()
        if self.held_out is None:
            return None
        rows = self.held_out
        outputs = predict(self.network, rows.inputs, len(rows.y), ranks=self.ranks)
        judged = self.ranks.agree(lambda: self.loss.evaluate(outputs, rows))
        self._require_finite(judged[0], "the loss on the held-out rows")
        self.age += 1
        if judged[0] < self.best_loss:
            self.age, self.best_loss = 0, float(judged[0])
            self.best = to_arrays(self.network.state_dict())
        return judged

    def _run_batches(self, batches, inputs):
        """One pass in random order; returns its mean loss and score, and more for the history."""
        rows, target = self.training, self.target
        if target is not None:
            target.begin_epoch(self.n_done)
        outputs = np.empty((len(rows.y), self.loss.n_outputs))
        total_loss = 0.0
        self.network.train(self.batch_statistics)
        for number, batch in enumerate(batches):
            step = self.n_done * len(batches) + number
            progress = step / (self.settings.max_epochs * len(batches))
            self._set_rates(step, len(batches), progress)
            drawn = None if target is None else target.draw(batch)
            seen = self._see(inputs, batch, drawn)
            y = self.y[batch]
            seen, others = (seen, None) if target is None else seen.split(len(batch))
            objective = self.objective.of_tensors(seen, y, self.weight[batch])
            total_loss += objective.item() * len(batch)
            self._require_finite(total_loss, "the loss")
            if target is not None:
                loss = target.penalize(seen._replace(y=y), others, batch, drawn, progress)
                objective = self._add_penalty(objective, loss, progress)
            self._descend(objective)
            outputs[batch.numpy()] = seen.outputs.detach().cpu().numpy()
        score = self.loss.evaluate(outputs, rows)[1]
        adapted = {} if target is None else target.end_epoch()
        return (total_loss / len(rows.y), score), adapted

    def _see(self, inputs, batch, drawn):
        """The rows of a minibatch, and the target rows that were drawn, through the network.

        This rank runs its part of them, and hears of the others what the loss reads.
        """
        device, reads = self.network.coef.device, {*self.objective.reads}
        n_rows = len(batch)
        if drawn is not None:
            n_rows += len(drawn)
            reads |= {*self.target.penalty.reads}
        labelled, others = of_both(self.ranks.part(n_rows), len(batch))
        read = [inputs[rows.numpy()] for rows in [batch[labelled]] if len(rows)]
        if drawn is not None and len(rows := drawn[others]):
            read.append(self.target.take(rows))
        inputs = torch.as_tensor(read[0] if len(read) == 1 else np.concatenate(read)).to(device)
        if not self.settings.half_precision:
            return self.ranks.join(self.network.see(inputs), reads, n_rows)
        with torch.autocast(device.type, dtype=torch.bfloat16):
            seen = self.network.see(inputs).map(torch.Tensor.float)
        return self.ranks.join(seen, reads, n_rows)

    def _add_penalty(self, objective, loss, progress):
        """The objective of a minibatch, with the loss of the penalty."""
        if loss is None:
            return objective
        penalty = self.target.penalty
        self._require_finite(self.target.losses[-1], "the loss of the adaptation")
        if not penalty.learns_task(progress):  # a factor of 0 would let weights decay
            return penalty.weight(progress) * loss
        return objective + penalty.weight(progress) * loss

    def _require_finite_weights(self):
        """Refuse weights, and statistics of batch-norm, that are not finite."""
        modules = [self.network] + ([] if self.target is None else [self.target.penalty])
        for tensor in (tensor for module in modules for tensor in module.state_dict().values()):
            if tensor.is_floating_point() and tensor.numel():
                for value in tensor.aminmax():
                    self._require_finite(value.item(), "a weight or a statistic of batch-norm")

    def _require_finite(self, values, name):
        """Raise an error with a remedy if training has diverged."""
        is_number = isinstance(values, float)
        if not (math.isfinite(values) if is_number else np.isfinite(values).all()):
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

    def _set_rates(self, step, steps_an_epoch, progress):
        settings = self.settings
        factor = rate_factor(
            step,
            n_steps=settings.max_epochs * steps_an_epoch,
            n_warmup=settings.warmup_epochs * steps_an_epoch,
            schedule=settings.schedule,
        )
        of_network = 1.0 if self.target is None else self.target.penalty.rate(progress)
        n_stages = len(self.network.stages)
        for place, (group, rate) in enumerate(
            zip(self.optimizer.param_groups, self.rates, strict=True)
        ):
            group["lr"] = rate * factor * (of_network if place < n_stages else 1.0)

    def _descend(self, objective):
        """One step of AdamW; with `l2_sp` the stages decay towards their start [2]_.

        .. [2] Li, Grandvalet, Davoine. "Explicit inductive bias for transfer learning with
           convolutional networks". ICML 2018. https://arxiv.org/abs/1802.01483
        """
        self.optimizer.zero_grad()
        objective.backward()
        own = () if self.target is None else self.target.penalty.parameters()
        self.ranks.sum_gradients(self.network.parameters(), own)
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
        weights and AdamW's moments. "penalty/..." and "order/..." are the penalty's weights and the
        order of the unlabelled rows.
        """
        moments = {
            f"{place}/{name}": value
            for place, values in self.optimizer.state_dict()["state"].items()
            for name, value in values.items()
        }
        return {
            **({} if self.target is None else self.target.state()),
            **prefixed("network/", to_arrays(self.network.state_dict())),
            **prefixed("best/", {name: array.copy() for name, array in self.best.items()}),
            **prefixed("optimizer/", to_arrays(moments)),
            "generator": self.generator.get_state().numpy().copy(),
            "n_done": self.n_done,
            "stopped": self.stopped,
            "age": self.age,
            "best_loss": self.best_loss,
            "history": {name: list(values) for name, values in self.log.history.items()},
        }

    def restore(self, state):
        """Go back to a `state`; return the object itself."""
        self.network.load_state_dict(as_tensors(under("network/", state)))
        self.best = {name: array.copy() for name, array in under("best/", state).items()}
        moments = {}
        for name, tensor in as_tensors(under("optimizer/", state)).items():
            place, name = name.split("/", 1)
            moments.setdefault(int(place), {})[name] = tensor
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": moments, "param_groups": groups})
        self.generator.set_state(torch.as_tensor(state["generator"].copy()))
        if self.target is not None:
            self.target.restore(state)
        self.n_done, self.stopped = int(state["n_done"]), bool(state["stopped"])
        self.age, self.best_loss = int(state["age"]), float(state["best_loss"])
        history = {name: list(state["history"][name]) for name in self.log.history}
        if {len(values) for values in history.values()} != {len(history["phase"])}:
            raise ValueError("a history of unequal lengths")
        self.log.history.update(history)
        return self


def _make_optimizer(network, settings, penalty):
    """AdamW with a group of weights for each stage, one for the head, and one for a penalty.

    If the penalty has weights, the first moments of all groups are averages over fewer steps [1]_.

    .. [1] Radford, Metz, Chintala. "Unsupervised representation learning with deep convolutional
       generative adversarial networks". ICLR 2016. https://arxiv.org/abs/1511.06434
    """
    rates = stage_rates(
        len(network.stages), rate=settings.backbone_learning_rate, decay=settings.rate_decay
    )
    decay = 0.0 if settings.l2_sp else settings.weight_decay
    groups = [
        {"params": list(stage.parameters()), "lr": rate, "weight_decay": decay}
        for stage, rate in zip(network.stages, rates, strict=True)
    ]
    groups.append({"params": [network.coef, network.intercept], "lr": settings.learning_rate})
    options = {"fused": True}  # one kernel for all weights, which is quicker for small ones
    if penalty is not None:
        own = list(penalty.parameters())
        groups.append({"params": own, "lr": settings.learning_rate * penalty.own_rate})
        options |= {"betas": _BETAS_OF_ADVERSARIES} if own else {}
    return torch.optim.AdamW(groups, weight_decay=settings.weight_decay, **options)
