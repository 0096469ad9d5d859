"""The processes that fit together, one a device: each runs a part of every minibatch.

`all_ranks` finds them as a launcher has announced them, in RANK, WORLD_SIZE, MASTER_ADDR and
MASTER_PORT. They hold the same rows and the same weights, and draw the same minibatches. The loss
is that of the whole minibatch in each process: the outputs of the other ranks are gathered, and the
gradients by the outputs of each rank are summed. Importing this module does not import torch.
"""

import multiprocessing
import os
import sys
import threading
from contextlib import contextmanager
from datetime import timedelta

import numpy as np

from sktransfer._extras import is_installed
from sktransfer._messages import cause, shortened, shown

# A rank that hears nothing of another one for so long gives up.
TIMEOUT = timedelta(minutes=30)

# Fewest rows of a part: batch-norm has no variance of one row.
_FEWEST_ROWS = 2

# Set by a launcher for each process.
_LAUNCHED = ("RANK", "WORLD_SIZE", "MASTER_ADDR", "MASTER_PORT")

_busy = threading.Lock()

# The store through which launched ranks meet, and how often they have met.
_meeting = {"store": None, "n": 0}


class Alone:
    """One process, which runs all rows."""

    number, is_first = 0, True

    def agree(self, make):
        """Return ``make()`` of the first rank, which alone calls it."""
        return make()

    def require_same(self, facts):
        """Raise a ValueError in all ranks if the facts of a fit, a dict, differ between them."""

    def part(self, n_rows):
        """Return the slice of `n_rows` that this rank runs."""
        return slice(0, n_rows)

    def rows(self, batches):
        """Return the rows that this rank runs of the minibatches of an epoch; None for all."""
        return None

    def join(self, seen, reads, n_rows):
        """Return a minibatch of `n_rows` as a whole, of which `seen` has this rank's `part`.

        Tensors that `reads` does not name may be None. The gradient passes to this part alone.
        """
        return seen

    def collect(self, rows, values):
        """Return an array with a row for each of `rows` of all ranks, at these places."""
        return values

    def sum_gradients(self, network, own=()):
        """Sum the gradients of the parameters; those of `own` are equal in all ranks."""

    def average(self, tensors, n_rows):
        """Replace tensors by their mean over the ranks, each of which counts for its `n_rows`."""


ALONE = Alone()


def parts(n_rows, n):
    """Return the slices of some rows for n ranks, alike in size; the last may have no rows."""
    n_parts = max(1, min(n, n_rows // _FEWEST_ROWS))
    stops = [min(n_rows, n_rows * (k + 1) // n_parts) for k in range(n)]
    return [slice(start, stop) for start, stop in zip([0, *stops], stops, strict=False)]


def of_both(part, n_first):
    """Split a slice of two sequences, one after the other, into the slices of each."""
    start, stop = part.start - n_first, part.stop - n_first
    return slice(part.start, min(part.stop, n_first)), slice(max(0, start), max(0, stop))


class Ranks(Alone):
    """The processes of torch's process group, seen from one of them."""

    def __init__(self):
        import torch
        import torch.distributed as dist

        self.number, self.n = dist.get_rank(), dist.get_world_size()
        self.is_first = self.number == 0
        on_cuda = torch.cuda.is_available() and dist.is_nccl_available()
        # Both are of this fit alone. If a rank fails, the first is closed: this wakes the others,
        # and the second carries the reason.
        backends = "cpu:gloo,cuda:nccl" if on_cuda else "gloo", "gloo"
        self._work, self._end = (dist.new_group(backend=b, timeout=TIMEOUT) for b in backends)

    def agree(self, make):
        import torch.distributed as dist

        values = [make() if self.is_first else None]
        with _hearing():
            dist.broadcast_object_list(values, src=0, group=self._work)
        return values[0]

    def require_same(self, facts):
        first, *others = self._gather_objects(facts)
        for number, there in enumerate(others, start=1):
            differing = [name for name, value in first.items() if there[name] != value]
            if differing:
                raise ValueError(
                    f"rank {number} was given another fit than rank 0, which differs in "
                    f"{', '.join(differing)}: pass the same rows in the same order, and the same "
                    "parameters, in every process; fit takes the rows of each rank itself."
                )

    def part(self, n_rows):
        slices = parts(n_rows, self.n)
        # A network has no output of no rows: a rank without any runs the first part, for nothing.
        mine = slices[self.number]
        return mine if mine.start < mine.stop else slices[0]

    def rows(self, batches):
        return np.concatenate([batch.numpy()[self.part(len(batch))] for batch in batches])

    def join(self, seen, reads, n_rows):
        return seen._replace(
            **{
                name: self._join(tensor, n_rows) if name in reads else None
                for name, tensor in seen._asdict().items()
            }
        )

    def _join(self, tensor, n_rows):
        import torch
        import torch.distributed as dist

        sizes = [part.stop - part.start for part in parts(n_rows, self.n)]
        padded = tensor.new_zeros(max(sizes), *tensor.shape[1:])
        padded[: len(tensor)] = tensor.detach()
        found = [torch.empty_like(padded) for _ in sizes]
        with _hearing():
            dist.all_gather(found, padded, group=self._work)
        found = [rows[:size] for rows, size in zip(found, sizes, strict=True)]
        found[self.number] = tensor[: sizes[self.number]]
        return torch.cat(found)

    def collect(self, rows, values):
        found = self._gather_objects((rows, values))
        n_rows = 1 + max(rows.max() for rows, _ in found)
        result = np.empty((n_rows, *values.shape[1:]), dtype=values.dtype)
        for rows, values in found:
            result[rows] = values
        return result

    def sum_gradients(self, network, own=()):
        for weights in own:
            if weights.grad is not None:
                weights.grad /= self.n
        weights = [each for each in (*network, *own) if each.grad is not None]
        self._sum([each.grad for each in weights])

    def average(self, tensors, n_rows):
        import torch

        tensors = [each for each in tensors if each.is_floating_point()]
        total = sum(self._gather_objects(n_rows))
        sums = [each.double() * (n_rows / total) for each in tensors]
        self._sum(sums)
        with torch.no_grad():
            for each, mean in zip(tensors, sums, strict=True):
                each.copy_(mean)

    def close(self, error=None):
        """End the fit, after an error or without one; raise one if another rank has failed."""
        import torch.distributed as dist

        if error is not None:
            dist.destroy_process_group(self._work)
            self._work = None
        if error is not None and not isinstance(error, Exception):
            return  # an interruption: the others are not waited for
        reason = None if error is None else f"{type(error).__name__}: {error}"
        reasons, is_own = [None] * self.n, not isinstance(error, _Unheard)
        try:
            dist.all_gather_object(reasons, reason if is_own else "", group=self._end)
        except RuntimeError:
            reasons = [""]
        if reasons == [None] * self.n or (reason is not None and is_own):
            return
        failed = [
            f"rank {number} has failed ({shortened(reason, limit=500)})"
            for number, reason in enumerate(reasons)
            if reason
        ]
        waited = f"another rank has ended, or was silent for {TIMEOUT.seconds // 60} minutes"
        raise RuntimeError(
            f"The fit was stopped in rank {self.number}, because {', '.join(failed) or waited}: "
            "the estimator is as it was before; see the output of the other ranks."
        ) from error

    def leave(self, *, everything):
        """Close the groups of this fit; with `everything` the process group as well."""
        import torch.distributed as dist

        groups = [None] if everything else [self._work, self._end]
        for group in groups:
            if everything or group is not None:
                dist.destroy_process_group(group)
        self._work = self._end = None

    def _gather_objects(self, value):
        import torch.distributed as dist

        values = [None] * self.n
        with _hearing():
            dist.all_gather_object(values, value, group=self._work)
        return values

    def _sum(self, tensors):
        """Sum each tensor over the ranks, in place."""
        import torch
        import torch.distributed as dist

        if not tensors:
            return
        flat = torch.cat([each.reshape(-1) for each in tensors])
        with _hearing():
            dist.all_reduce(flat, group=self._work)
        for each, part in zip(tensors, flat.split([each.numel() for each in tensors]), strict=True):
            each.copy_(part.view_as(each))


class _Unheard(RuntimeError):
    """The other ranks do not answer."""


@contextmanager
def _hearing():
    try:
        yield
    except RuntimeError as error:  # torch has no class for it that is common to all backends
        raise _Unheard(cause(error)) from error


@contextmanager
def all_ranks():
    """Meet the other ranks for the time of a fit; without any, the result is `ALONE`.

    A process group that is there is used. Otherwise one is made as the environment says, and closed
    after the fit. If a rank fails, the others raise a RuntimeError with its reason.
    """
    is_there = _is_initialized()
    if not (is_there or _is_launched()):
        yield ALONE
        return
    if not _busy.acquire(blocking=False):
        raise RuntimeError(
            "Two fits at once in one process of several ranks would wait for each other: fit one "
            "after the other, with n_jobs=None."
        )
    try:
        ranks = _meet(is_there)
        try:
            yield ranks
        except BaseException as error:
            ranks.close(error)
            raise
        else:
            ranks.close()
        finally:
            ranks.leave(everything=not is_there)
    finally:
        _busy.release()


def _is_initialized():
    """Whether the user has made a process group of several ranks."""
    if "torch" not in sys.modules:
        return False
    import torch.distributed as dist

    return dist.is_available() and dist.is_initialized() and dist.get_world_size() > 1


def _is_launched():
    """Whether a launcher has started this process as one of several; not its own children."""
    values = [os.environ.get(name, "") for name in _LAUNCHED]
    several = all(values) and values[1] != "1"
    if not several or multiprocessing.parent_process() is not None or not is_installed("torch"):
        return False
    import torch.distributed as dist

    return dist.is_available() and not dist.is_initialized()


def _meet(is_there):
    """Return the ranks, in a process group that is there or that the environment describes."""
    import torch.distributed as dist

    try:
        if not is_there:
            if _meeting["store"] is None:
                _meeting["store"] = next(iter(dist.rendezvous("env://", timeout=TIMEOUT)))
            store, number, n = _meeting["store"]
            _meeting["n"] += 1  # the store remembers the meetings before
            store = dist.PrefixStore(f"sktransfer/{_meeting['n']}", store)
            about = {"store": store, "rank": number, "world_size": n, "timeout": TIMEOUT}
            dist.init_process_group("gloo", **about)
        return Ranks()
    except (RuntimeError, ValueError) as error:
        if not is_there and dist.is_initialized():
            dist.destroy_process_group()
        values = ", ".join(f"{name}={shown(os.environ.get(name))}" for name in _LAUNCHED)
        raise RuntimeError(
            f"The other ranks of {values} do not answer ({cause(error)}): start all of them and "
            "call fit in each, or remove WORLD_SIZE from the environment to fit in one process."
        ) from error
