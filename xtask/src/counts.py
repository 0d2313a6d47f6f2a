"""Writes what `cargo xtask models` compares with: of each light network, the multiply-accumulates counted
by plain formulas over the shapes that ONNX's own library infers; of each node test, the model, a second one
with its small inputs as constants, and the shapes and types of what goes in and must come out."""

import json
import os
import sys

import numpy
import onnx
from onnx import numpy_helper, shape_inference
from onnx.backend.test.case.node import collect_testcases


def sizes(value):
    return [dimension.dim_value for dimension in value.type.tensor_type.shape.dim]


def plain_count(model):
    """Output elements x window elements x channels of a group; rows x inner length x columns."""
    graph = shape_inference.infer_shapes(model, strict_mode=True, data_prop=True).graph
    shapes = {tensor.name: list(tensor.dims) for tensor in graph.initializer}
    for value in [*graph.value_info, *graph.input, *graph.output]:
        shapes.setdefault(value.name, sizes(value))
    total = 0
    for node in graph.node:
        if node.op_type not in ("Conv", "Gemm", "MatMul"):
            continue
        left, right = shapes[node.input[0]], shapes[node.input[1]]
        made = int(numpy.prod(shapes[node.output[0]], dtype=object))
        transposed = any(a.name == "transA" and a.i for a in node.attribute)
        if node.op_type == "Conv":
            total += made * int(numpy.prod(right[1:], dtype=object))
        else:
            total += made * (left[0] if transposed else left[-1])
    return total


def light(folder):
    data = os.path.join(os.path.dirname(onnx.__file__), "backend", "test", "data", "light")
    facts = []
    for file in sorted(os.listdir(data)):
        if file.endswith(".onnx"):
            path = os.path.join(data, file)
            facts.append({"model": path, "plain": str(plain_count(onnx.load(path)))})
    with open(os.path.join(folder, "light.json"), "w") as file:
        json.dump(facts, file)


def describe(declared, values):
    """Names, ONNX's numbers of types, and sizes; no type for what is no tensor."""
    told = []
    for port, value in zip(declared, values):
        number = port.type.tensor_type.elem_type if port.type.HasField("tensor_type") else 0
        if isinstance(value, onnx.TensorProto):
            dimensions = list(value.dims)
        elif value is None or isinstance(value, (list, dict)):
            dimensions, number = [], 0
        else:
            dimensions = list(numpy.asarray(value).shape)
        told.append({"name": port.name, "type": onnx.TensorProto.DataType.Name(number).lower(),
                     "dimensions": dimensions})
    return told


def with_constants(model, values):
    """The model with all its small inputs as constants: shapes may then depend on them."""
    changed = onnx.ModelProto()
    changed.CopyFrom(model)
    del changed.graph.input[:]
    for port, value in zip(model.graph.input, values):
        is_tensor = port.type.HasField("tensor_type") and not isinstance(value, (list, dict))
        if is_tensor and value is not None:
            given = isinstance(value, onnx.TensorProto)
            tensor = value if given else numpy_helper.from_array(numpy.asarray(value), port.name)
            if int(numpy.prod(tensor.dims, dtype=object)) <= 1024:
                constant = changed.graph.initializer.add()
                constant.CopyFrom(tensor)
                constant.name = port.name
                continue
        changed.graph.input.add().CopyFrom(port)
    return changed


def nodes(folder):
    for case in collect_testcases(""):
        inputs, outputs = case.data_sets[0]
        into = os.path.join(folder, "nodes", case.name)
        os.makedirs(into, exist_ok=True)
        graph = case.model.graph
        with open(os.path.join(into, "case.json"), "w") as file:
            json.dump({"inputs": describe(graph.input, inputs),
                       "outputs": describe(graph.output, outputs)}, file)
        onnx.save(case.model, os.path.join(into, "model.onnx"))
        onnx.save(with_constants(case.model, inputs), os.path.join(into, "constants.onnx"))


if __name__ == "__main__":
    light(sys.argv[1])
    nodes(sys.argv[1])
