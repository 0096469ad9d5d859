"""The network of a fitted estimator as an ONNX graph that holds the fitted weights."""

import numpy as np

from sktransfer._extras import install_command, is_installed
from sktransfer._messages import cause, shown
from sktransfer.deep._engines.engine import open_engine
from sktransfer.deep._engines.exported import find_export, output_names
from sktransfer.deep._networks.onnx.cut import cut, cut_graph, free_batch, needed_nodes, turn
from sktransfer.deep._networks.onnx.describe import find_turned
from sktransfer.deep._networks.onnx.file import (
    adapt_input,
    import_onnx,
    parse,
    read_opset,
    stored_arrays,
)
from sktransfer.deep._networks.onnx.run import make_session

# The operators around the network exist since `_OLDEST`; older networks are lifted to `_LIFTED`.
_OLDEST, _LIFTED = 9, 13

# By how much a rewritten network may differ, as a share of its largest activation.
_AGREEMENT = 1e-3


def write_network(estimator, *, opset=_OLDEST):
    """Write the network up to its last stage.

    Parameters
    ----------
    estimator : FineTuneClassifier or FineTuneRegressor
        Fitted.
    opset : int
        The oldest version of ONNX's operators that the file may have.

    Returns
    -------
    network : onnx.ModelProto
        One input, (n, channels, H, W), and one output, the activations of the last stage.

    Raises
    ------
    ValueError
        When the network cannot be written for any number of images.
    """
    backbone = estimator.backbone_
    if "onnx" not in backbone.engines:
        network = _export(estimator)
        if read_opset(network) < opset:
            network = _lift(network, backbone, opset)
        _compare(network, estimator)
        return network
    model = parse(backbone.weights(), backbone.source)
    model_input = adapt_input(model, backbone.source)
    turn(model, find_turned(backbone, backbone.stages))
    shared = False
    if estimator.stage_weights_:
        shared = _place_weights(model, backbone, estimator.stage_weights_)
        _widen(model, model_input.name, backbone, estimator.depth_)
    network = cut(model, [model_input.name], [backbone.stages[-1]])
    fixed, old = model_input.batch is not None, read_opset(model) < opset
    if fixed:
        network = import_onnx().load_model_from_string(free_batch(network.SerializeToString()))
    if old:
        network = _lift(network, backbone, max(opset, _LIFTED))
    if shared or fixed or old:
        _compare(network, estimator)
    return network


def _place_weights(model, backbone, stage_weights):
    """Let the nodes of each trained stage read its weights; the others keep theirs.

    Returns whether a node with fitted weights belongs to two stages, which may differ in them.
    """
    numpy_helper = import_onnx().numpy_helper
    stored = stored_arrays(model, backbone.source)
    done, shared, before = set(), False, ()
    for stage in backbone.stages:
        arrays = stage_weights.get(stage, {})
        for node in needed_nodes(model.graph.node, [stage], stop=before):
            if node.output[0] in done:
                shared = shared or any(name in arrays for name in node.input)
                continue
            done.add(node.output[0])
            for place, name in enumerate(node.input):
                if name not in arrays or _equal(arrays[name], stored[name]):
                    continue
                node.input[place] = f"{stage}/{name}"
                if node.input[place] not in stored:
                    stored[node.input[place]] = arrays[name]
                    tensor = numpy_helper.from_array(np.asarray(arrays[name]), node.input[place])
                    model.graph.initializer.append(tensor)
        before = (stage,)
    return shared


def _widen(model, source, backbone, depth):
    """Let the stages after a depth compute in float32, in which they were trained.

    `source` is the name of the graph's input. A network in float32 is left as it is.
    """
    onnx = import_onnx()
    begin = backbone.stages[depth - 1] if depth else source
    nodes = needed_nodes(model.graph.node, backbone.stages[depth:], stop=(begin,))
    single, others = onnx.TensorProto.FLOAT, _other_floats()
    for node in nodes:
        for attribute in node.attribute:
            if node.op_type == "Cast" and attribute.name == "to" and attribute.i in others:
                attribute.i = single
            if attribute.HasField("t") and attribute.t.data_type in others:
                array = onnx.numpy_helper.to_array(attribute.t).astype(np.float32)
                attribute.t.CopyFrom(onnx.numpy_helper.from_array(array, attribute.t.name))
    made = {name for node in nodes for name in node.output}
    for value in [*model.graph.output, *model.graph.value_info]:
        if value.name in made and value.type.tensor_type.elem_type in others:
            value.type.tensor_type.elem_type = single
    if depth:
        _insert_cast(model, begin, nodes)


def _other_floats():
    kinds = import_onnx().TensorProto
    return kinds.FLOAT16, kinds.BFLOAT16, kinds.DOUBLE


def _insert_cast(model, name, nodes):
    """Let some nodes read a tensor in float32."""
    onnx = import_onnx()
    made = f"{name}/float32"
    readers = [node for node in nodes if name in node.input]
    for node in readers:
        node.input[:] = [made if source == name else source for source in node.input]
    all_nodes = list(model.graph.node)
    place = 1 + max(i for i, node in enumerate(all_nodes) if name in node.output)
    cast = onnx.helper.make_node("Cast", [name], [made], to=onnx.TensorProto.FLOAT)
    del model.graph.node[:]
    model.graph.node.extend([*all_nodes[:place], cast, *all_nodes[place:]])


def _equal(first, second):
    return first.dtype == second.dtype and np.array_equal(first, second)


def _lift(network, backbone, opset):
    """The same network in newer operators."""
    import onnx.version_converter

    try:
        return onnx.version_converter.convert_version(network, opset)
    except Exception as error:  # the converter has no class for it
        raise ValueError(
            f"The network {shown(backbone.source)} uses operators of ONNX version "
            f"{read_opset(network)}, which cannot be lifted to {opset} ({cause(error)}): export "
            "it again with a newer version and fit again, or pass image_shape= to export for "
            "images of one size."
        ) from error


def _export(estimator):
    """A network of torch: the export that computes its features, or a new one."""
    backbone = estimator.backbone_
    last = backbone.stages[-1]
    kept = None if estimator.stage_weights_ else find_export(backbone, last)
    if kept is not None:
        return parse(cut_graph(kept.graph, output_names(backbone.stages)[last]), backbone.source)
    if not is_installed("onnxscript"):
        raise ImportError(
            f"Writing the torch network {shown(backbone.name)} as ONNX needs onnxscript, which is "
            f"not installed; run {install_command('torch')}."
        )
    import torch

    from sktransfer.deep._engines.torch_export import export_module

    module = torch.nn.Sequential(*_fitted_stages(estimator)).eval()
    try:
        graph = export_module(module, backbone, ["stage"])
    except Exception as error:  # torch has no class for it
        raise ValueError(_cannot(estimator, cause(error))) from error
    return import_onnx().load_model_from_string(graph)


def _fitted_stages(estimator):
    """All stages as torch modules of their own, with the fitted weights."""
    from sktransfer.deep._engines.torch_engine import build_torch_stages

    stages = build_torch_stages(estimator.backbone_)
    weights = estimator.stage_weights_
    return [stage.load(weights.get(stage.output_name, {})) for stage in stages]


def _compare(network, estimator):
    """Make sure that a rewritten network computes the same, for another number of images."""
    backbone = estimator.backbone_
    shape = 3, backbone.preprocessing.channels, *backbone.preprocessing.size
    images = np.random.default_rng(0).normal(size=shape).astype(np.float32)
    expected = _activations(estimator, images)
    try:
        session = make_session(network.SerializeToString())
        (found,) = session.run(None, {network.graph.input[0].name: images})
    except Exception as error:  # ONNX Runtime has a class for each kind of failure
        raise ValueError(_cannot(estimator, f"ONNX Runtime says: {cause(error)}")) from error
    off = np.abs(found - expected).max() if found.shape == expected.shape else np.inf
    if not off <= _AGREEMENT * max(np.abs(expected).max(), 1e-6):
        raise ValueError(_cannot(estimator, f"the written model differs by {off:.2g}"))


def _activations(estimator, images):
    if not estimator.stage_weights_:
        backbone = estimator.backbone_
        return open_engine(backbone, backbone.stages[-1], device="cpu").run(images)
    import torch

    with torch.no_grad():
        return torch.nn.Sequential(*_fitted_stages(estimator)).eval()(torch.tensor(images)).numpy()


def _cannot(estimator, reason):
    backbone = estimator.backbone_
    if "onnx" in backbone.engines:
        advice = "export the network again with a free number of images"
    else:
        advice = (
            "export the module yourself, with torch.onnx.export and onnxscript, and fit with "
            "backbone='network.onnx'"
        )
    return (
        f"The network {shown(backbone.name)} cannot be written as ONNX for any number of images "
        f"({reason}): {advice}."
    )
