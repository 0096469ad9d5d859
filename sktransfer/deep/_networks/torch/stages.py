"""The stages of a network as torch modules of their own.

A stage runs the network's own ``forward`` on a placeholder. A submodule that finishes before the
stage is not run and returns a placeholder. The submodule at the start of the stage returns the
activation, and the run ends as soon as the submodule at its end has its output. The operations of a
network between its submodules (rectifiers, reshaping, additions) therefore work as its author wrote
them. Importing this module imports torch.
"""

import threading
from contextlib import contextmanager

import numpy as np
import torch

from sktransfer._messages import cause, shown
from sktransfer.deep._networks.onnx.as_module import Operator
from sktransfer.deep._networks.recent import Recent
from sktransfer.deep._networks.torch.describe import find_module
from sktransfer.deep._networks.torch.describe_texts import find_text_network
from sktransfer.deep._networks.torch.perceptron import build_perceptron
from sktransfer.deep._networks.torch.plan import (
    PROBE_SIZES,
    copy_network,
    make_plan,
    part_by_part,
    tensor_table,
)
from sktransfer.deep._networks.torch.record import (
    TRACING,
    Slot,
    intercepted,
    main_of,
    probe,
    with_tensors,
)
from sktransfer.deep._networks.torch.tensors import to_arrays
from sktransfer.deep._networks.torch.text_network import build_text_stages

_PLANS = Recent(64)


class _Reached(BaseException):
    """The end of a stage has its output. No `except Exception` of a network may stop it."""

    def __init__(self, output):
        self.output = output


class _Diverged(ValueError):
    """The network took another way than when it was recorded."""


class _Network:
    """A private copy of a network for all its stages, and the only place that runs it."""

    def __init__(self, root, plan):
        self.root = root
        self.plan = plan
        self.modules = list(root.modules())
        self.lock = threading.RLock()

    def __getstate__(self):
        return {name: value for name, value in vars(self).items() if name != "lock"}

    def __setstate__(self, state):
        vars(self).update(state, lock=threading.RLock())

    def run(self, stage, part, x):
        """The output of one stage for the activations of the one before."""
        if part.overwrites_input:
            x = x.clone()
        replay = _Replay(self.plan, part, x)
        layers = [self.modules[index] for index in self.plan.inside]
        with (
            self.lock,
            stage.installed(self.modules, x.device),
            part_by_part(layers),
            intercepted(self.modules, replay),
        ):
            try:
                self.root(replay.input)
            except _Reached as reached:
                return reached.output
        raise _Diverged(
            f"the network did not come to {shown(part.end.name)}: its way depends on what it is "
            "given"
        )


class _Replay:
    """Decide for each call of a submodule whether it runs."""

    def __init__(self, plan, part, x):
        self.calls, self.part, self.dense, self.x = plan.calls, part, plan.dense, x
        self.next = 0
        self.n = x.shape[0]
        self.input = x if part.begin is None else self._placeholder(plan.input_slot)

    def __call__(self, index, forward, /, *args, **kwargs):
        call = self._recorded(index)
        begin, end = self.part.begin, self.part.end
        if call is not None and begin is not None and call.left <= begin.left:
            self.next = call.last + 1
            return self._output_of(call)
        if call is not None:
            self.next = call.number + 1
        output = forward(*args, **kwargs)
        if call is end:
            raise _Reached(main_of(output, call.output))
        return output

    def _recorded(self, index):
        """The recorded call that this one repeats; None for one that training mode adds."""
        begin = self.part.begin
        strict = begin is not None and self.next <= begin.number
        ahead = range(self.next, min(self.next + 1, len(self.calls)) if strict else len(self.calls))
        found = next((self.calls[n] for n in ahead if self.calls[n].index == index), None)
        if found is None and strict:
            raise _Diverged(
                f"the network took another way to {shown(begin.name)} than when it was recorded"
            )
        return found

    def _output_of(self, call):
        """The output of a call that is not run."""
        is_begin = call is self.part.begin
        kept = isinstance(call.output, Slot) and isinstance(self.n, int)  # an export has no number
        if is_begin or self.dense or not kept:
            return with_tensors(
                call.output, lambda s: self.x if is_begin and s.is_main else self._placeholder(s)
            )
        key = call.number, self.n, self.x.device
        return self.part.placeholders.get(key, lambda: self._placeholder(call.output))

    def _placeholder(self, slot):
        """Return a NaN placeholder of a single element; it must never reach the output."""
        value = float("nan") if slot.dtype.is_floating_point else 0
        shape, options = slot.shape_for(self.n), {"dtype": slot.dtype, "device": self.x.device}
        if self.dense:
            return torch.full(shape, value, **options)
        return torch.full((), value, **options).expand(shape)


class Stage(torch.nn.Module):
    """One stage of a network: the computation between two of its submodules.

    Its parameters and buffers are those that first affect the result here. In training mode only
    the submodules that belong to no other stage are in training mode; those that span several
    stages stay in evaluation mode.
    """

    def __init__(self, network, part):
        super().__init__()
        self.input_name = "" if part.begin is None else part.begin.name
        self.output_name = part.end.name
        self.momentum = None
        # In a tuple, so that torch does not register the whole network as part of the stage.
        self._network = (network, part)
        self._attribute_of = {}
        self._homes = []
        names = [name for name, _ in network.root.named_modules()]
        for index, name in part.held:
            module, attribute = network.modules[index], f"tensor{len(self._homes)}"
            # torch refuses dots in names.
            is_trained = name in module._parameters
            register = self.register_parameter if is_trained else self.register_buffer
            register(attribute, tensor_table(module, name)[name])
            self._homes.append((index, name, attribute))
            whole = getattr(module, "has_whole_names", False) or not names[index]
            self._attribute_of[name if whole else f"{names[index]}.{name}"] = attribute

    def forward(self, x):
        """Map the activations of the stage before, for the first one a batch of images.

        Maps have their channels first, also if the network's own have them last.
        """
        network, part = self._network
        if part.begin is not None and part.begin.channels_last:
            x = x.permute(0, 2, 3, 1).contiguous()
        x = network.run(self, part, x)
        return x.permute(0, 3, 1, 2).contiguous() if part.end.channels_last else x

    @contextmanager
    def installed(self, modules, device):
        """Put the stage's own tensors, mode and momentum into the network, for one run."""
        part = self._network[1]
        undo = []
        for index, name, attribute in self._homes:
            tensor_table(modules[index], name)[name] = getattr(self, attribute)
        for index, name in part.visited:
            table = tensor_table(modules[index], name)
            if table[name].device != device:
                undo.append((table, name, table[name]))
                table[name] = table[name].detach().to(device)
        kinds = torch.nn.modules.batchnorm._NormBase, Operator
        norms = [modules[i] for i in part.modules if isinstance(modules[i], kinds)]
        momenta = [] if self.momentum is None else [(norm, norm.momentum) for norm in norms]
        try:
            for index in part.modules:
                modules[index].training = self.training
            for module, _ in momenta:
                module.momentum = self.momentum
            yield
        finally:
            for index in part.modules:
                modules[index].training = False
            for module, momentum in momenta:
                module.momentum = momentum
            for table, name, tensor in undo:
                table[name] = tensor
            for index, name, attribute in self._homes:
                if attribute in self._buffers:  # a module may bind a buffer again
                    self._buffers[attribute] = modules[index]._buffers[name]

    def arrays(self):
        """Copies of the weights and the running statistics: a dict, name -> ndarray."""
        return to_arrays({name: getattr(self, a) for name, a in self._attribute_of.items()})

    def load(self, arrays):
        """Load the result of `arrays`, and return the stage itself."""
        constants = getattr(self._network[0].root, "constants", ())  # which older files have, too
        with torch.no_grad():
            for name, array in arrays.items():
                if name not in constants or name in self._attribute_of:
                    getattr(self, self._attribute_of[name]).copy_(torch.as_tensor(np.array(array)))
        return self

    def reset(self, generator):
        """Draw fresh weights, and return the stage itself.

        Operators of ONNX are reset by `Operator.reset`. Convolutions are normal with variance 2 /
        fan_out and their biases zero [1]_; other layers are reset as torch initializes them.
        Tensors that belong to no such layer, such as class tokens and the embeddings of positions,
        are normal with standard deviation .02 [2]_; scales of one axis are one, shifts zero. The
        global generators of torch are not used.

        References
        ----------
        .. [1] He, Zhang, Ren, Sun. "Delving deep into rectifiers". ICCV 2015.
           https://arxiv.org/abs/1502.01852
        .. [2] Dosovitskiy et al. "An image is worth 16x16 words: Transformers for image
           recognition at scale". ICLR 2021. https://arxiv.org/abs/2010.11929
        """
        network, _ = self._network
        with network.lock, self.installed(network.modules, torch.device("cpu")):
            for index in dict.fromkeys(index for index, _, _ in self._homes):
                held = [(n, a) for i, n, a in self._homes if i == index]
                self._reset_module(network.modules[index], held, generator)
        return self

    def _reset_module(self, module, held, generator):
        if isinstance(module, Operator):
            module.reset(generator)
            return
        tensors = {name: getattr(self, attribute) for name, attribute in held}
        convolution = isinstance(module, torch.nn.modules.conv._ConvNd)
        if hasattr(module, "reset_parameters") and not convolution:
            _own_reset(module, tensors, generator)
            return
        with torch.no_grad():
            for name, tensor in tensors.items():
                if not tensor.is_floating_point() or name in module._buffers:
                    continue
                if convolution and name == "weight":
                    fan_out = tensor.shape[0] * tensor[0, 0].numel()
                    fill_normal(tensor, (2.0 / fan_out) ** 0.5, generator)
                elif tensor.ndim == 1 and name.endswith(("weight", "bias")):
                    tensor.fill_(0.0 if name.endswith("bias") else 1.0)
                else:
                    fill_normal(tensor, 0.02, generator)


def fill_normal(tensor, scale, generator):
    """Fill with normal numbers of a CPU generator, wherever the tensor is."""
    tensor.copy_(torch.randn(tensor.shape, generator=generator) * scale)


def _own_reset(module, tensors, generator):
    """Call a module's `reset_parameters` with torch's generators seeded for this call alone."""
    seed = int(torch.randint(2**62, (), generator=generator))
    cuda = sorted({tensor.device.index for tensor in tensors.values() if tensor.is_cuda})
    with torch.random.fork_rng(devices=cuda):
        torch.default_generator.manual_seed(seed)
        for index in cuda:
            torch.cuda.default_generators[index].manual_seed(seed)
        module.reset_parameters()


def build_stages(backbone):
    """Build the stages of a network as modules, in evaluation mode, on the CPU.

    Each maps the output of the previous one, the first a float32 batch (n, channels, height, width)
    of preprocessed images. They use one copy of the weights; training them does not affect later
    calls. If a network cannot be cut there, or operators of a graph are not known, a ValueError
    names the reason.
    """
    if backbone.preprocessing.kind == "text":
        return build_text_stages(find_text_network(backbone), backbone.stages)
    if backbone.preprocessing.kind == "table":
        return build_perceptron(backbone)
    source = find_module(backbone)
    shape = backbone.preprocessing.channels, *backbone.preprocessing.size

    def make():
        plan, expected = make_plan(backbone, source, shape)
        _check(backbone, plan, source, probe(PROBE_SIZES[1], shape), expected)
        return plan

    with TRACING:
        plan = _PLANS.get((backbone.fingerprint, backbone.stages, shape), make)
        root = copy_network(source, plan)
    network = _Network(root, plan)
    return [Stage(network, part).eval() for part in plan.parts]


def _check(backbone, plan, source, x, expected):
    """Compare the stages one after the other with the network as a whole."""
    network = _Network(source, plan)
    for part in plan.parts:
        stage = Stage(network, part).eval()
        try:
            x = _run_once(stage, plan, part, x)
        except Exception as error:
            raise ValueError(_around(backbone, part, cause(error))) from error
        whole = expected[part.end.name]
        if part.end.channels_last:
            whole = whole.permute(0, 3, 1, 2)
        size = float(whole.abs().nan_to_num().max()) if whole.numel() else 0.0
        if not torch.allclose(x, whole, rtol=1e-3, atol=1e-4 * size, equal_nan=True):
            raise ValueError(_around(backbone, part, "the result differs from that of the whole"))


def _run_once(stage, plan, part, x):
    """Run once; record whether the input is overwritten, and whether placeholders must be whole
    tensors, which operations in place need."""
    given = x.clone()
    version = given._version
    with torch.no_grad(), torch.random.fork_rng(devices=[]):
        try:
            output = stage(given)
        except RuntimeError:
            if plan.dense:
                raise
            plan.dense = True
            output = stage(given.copy_(x))
    part.overwrites_input = given._version > version
    return output.clone()


def _around(backbone, part, reason):
    begin = "the image" if part.begin is None else repr(part.begin.name)
    return (
        f"The network {shown(backbone.name)} cannot be cut at {begin}: what follows, up to "
        f"{shown(part.end.name)}, needs more than its output ({reason}); choose as stages= "
        "submodules through which everything flows."
    )
