"""Parts of the graph of an ONNX file: cut at a tensor, with the batch set free."""

from sktransfer.deep._networks.onnx.file import adapt_input, dims, free_inputs, import_onnx, parse

# Since this version of the format, weights need not be listed as inputs.
_FREE_WEIGHTS = 4


def cut(model, inputs, names):
    """Return the part of a graph that some tensors need, with these as its outputs.

    The outputs have the types that are declared, if any: ONNX Runtime infers the others.
    """
    onnx = import_onnx()
    graph = model.graph
    nodes = needed_nodes(graph.node, names, stop=inputs)
    used = {name for node in nodes for name in reads(node)} | set(names)
    part = onnx.ModelProto(
        ir_version=max(model.ir_version, _FREE_WEIGHTS),
        opset_import=model.opset_import,
        functions=model.functions,
    )
    part.graph.name = graph.name or "part"
    part.graph.node.extend(nodes)
    part.graph.initializer.extend(t for t in graph.initializer if t.name in used)
    part.graph.sparse_initializer.extend(graph.sparse_initializer)
    part.graph.input.extend(value for value in graph.input if value.name in inputs)
    known = {value.name: value for value in [*graph.output, *graph.value_info]}
    part.graph.output.extend(known.get(name, onnx.ValueInfoProto(name=name)) for name in names)
    return part


def cut_graph(weights, stage, *, turned=()):
    """Return an ONNX file with one output, and the nodes and weights on the way to it.

    A tuple as `stage` gives an output for each name. ONNX Runtime computes every declared output,
    also unused ones. So the graph is cut at the stage before a session sees it.
    """
    model = parse(weights, "")
    inputs = free_inputs(model)
    if any(len(dims(value)) == 4 for value in inputs):  # images; other inputs stay as they are
        names = [adapt_input(model, "").name]
    else:
        names = [value.name for value in inputs]
    turn(model, turned)
    stages = [stage] if isinstance(stage, str) else stage
    return cut(model, names, stages).SerializeToString()


def turn(model, names):
    """Let tensors (n, h, w, c) have their channels first, except for the nodes that read them."""
    onnx, graph = import_onnx(), model.graph
    names = set(names)
    if not names:
        return
    nodes = []
    for node in graph.node:
        if names.intersection(reads(node)):
            _rename(node, {name: f"{name}/last" for name in names}, of="input")
        turned = [name for name in node.output if name in names]
        _rename(node, {name: f"{name}/made" for name in turned}, of="output")
        nodes.append(node)
        for name in turned:
            make = onnx.helper.make_node
            nodes.append(make("Transpose", [f"{name}/made"], [name], perm=[0, 3, 1, 2]))
            nodes.append(make("Transpose", [name], [f"{name}/last"], perm=[0, 2, 3, 1]))
    del graph.node[:]
    graph.node.extend(nodes)
    for values in (graph.output, graph.value_info):
        for value in values:
            if value.name in names:
                value.type.tensor_type.ClearField("shape")


def _rename(node, names, *, of):
    """Rename the tensors that a node reads, also in the bodies inside it, or its outputs."""
    parts = getattr(node, of)
    for place, name in enumerate(parts):
        parts[place] = names.get(name, name)
    if of == "output":
        return
    for attribute in node.attribute:
        for body in [attribute.g, *attribute.graphs]:
            for inner in body.node:
                _rename(inner, names, of=of)
            for value in body.output:
                value.name = names.get(value.name, value.name)


def free_batch(weights):
    """Rewrite a graph that insists on a number of images so that it may take any.

    The shapes to which it reshapes then begin with "as many as come in". If the graph counts on the
    number in other ways, the result does not run or computes something else: compare.
    """
    onnx = import_onnx()
    model = onnx.load_model_from_string(weights)
    graph = model.graph
    images = graph.input[0].type.tensor_type.shape.dim[0]
    batch = images.dim_value
    images.dim_param = "N"
    reshapes = [node for node in graph.node if node.op_type == "Reshape"]
    targets = {name for node in reshapes for name in node.input[1:2]}
    made = [node for node in graph.node if targets.intersection(node.output)]
    constants = [attribute.t for node in made for attribute in node.attribute]
    stored = [tensor for tensor in graph.initializer if tensor.name in targets]
    for tensor in [*stored, *(t for t in constants if t.data_type == onnx.TensorProto.INT64)]:
        shape = onnx.numpy_helper.to_array(tensor).copy()
        if shape.ndim == 1 and len(shape) and shape[0] == batch:
            shape[0] = 0
            tensor.CopyFrom(onnx.numpy_helper.from_array(shape, tensor.name))
    return model.SerializeToString()


def needed_nodes(nodes, names, *, stop=()):
    """Return the nodes on the way to some tensors, from those of `stop` on, in graph order."""
    maker = {name: index for index, node in enumerate(nodes) for name in node.output}
    wanted, open_names, seen = set(), list(names), set(stop)
    while open_names:
        name = open_names.pop()
        if name in seen or name not in maker:
            continue
        seen.add(name)
        if maker[name] not in wanted:
            wanted.add(maker[name])
            open_names.extend(reads(nodes[maker[name]]))
    return [nodes[index] for index in sorted(wanted)]


def data_tensors(nodes, input_name):
    """Return the names of the tensors that depend on pixels, not on shapes alone."""
    data = {input_name}
    for node in nodes:
        if node.op_type not in ("Shape", "Size") and data.intersection(reads(node)):
            data.update(name for name in node.output if name)
    return data


def reads(node):
    """Return the names of the tensors that a node reads, each once.

    The bodies of branches and loops read tensors of the graph around them without naming these as
    inputs of the node. Tensors that a body computes itself are left out.
    """
    names = list(node.input)
    for attribute in node.attribute:
        for body in [attribute.g, *attribute.graphs]:
            inner = [name for part in body.node for name in reads(part)]
            inner += [value.name for value in body.output]
            made = {value.name for value in [*body.input, *body.initializer]}
            made |= {tensor.values.name for tensor in body.sparse_initializer}
            made |= {name for part in body.node for name in part.output}
            names += [name for name in inner if name not in made]
    return [name for name in dict.fromkeys(names) if name]
