"""Writes the node tests of ONNX as files: for each case its model, inputs, outputs and tolerances.

Usage: cases.py FOLDER. Each case becomes a folder of its name with `model.onnx`, `tolerance` and, for
each set of data, `SET/input_N.pb` and `SET/output_N.pb`. Cases that pass anything but tensors have a
file `not-tensors` instead of data.
"""

import random
import shutil
import sys
import warnings
from pathlib import Path

import numpy

warnings.simplefilter("ignore")
# Some cases are made of random numbers: of the same ones each time.
random.seed(0)
numpy.random.seed(0)

from onnx import TensorProto, numpy_helper  # noqa: E402
from onnx.backend.test.loader import load_node_model_tests  # noqa: E402


def tensor(value, name):
    """As a TensorProto whose data is raw, whatever the test gives."""
    if not isinstance(value, TensorProto):
        return numpy_helper.from_array(numpy.asarray(value), name)
    if value.data_type == TensorProto.STRING:
        return value
    raw = numpy_helper.from_array(numpy_helper.to_array(value), name)
    return raw if raw.data_type == value.data_type else value


def main(folder):
    shutil.rmtree(folder, ignore_errors=True)
    for case in load_node_model_tests():
        place = folder / case.name
        place.mkdir(parents=True)
        (place / "model.onnx").write_bytes(case.model.SerializeToString())
        (place / "tolerance").write_text(f"{case.rtol} {case.atol}")
        graph = case.model.graph
        ports = list(graph.input) + list(graph.output)
        if any(port.type.WhichOneof("value") != "tensor_type" for port in ports):
            (place / "not-tensors").touch()
            continue
        for number, (inputs, outputs) in enumerate(case.data_sets):
            data = place / str(number)
            data.mkdir()
            for side, values, declared in (
                ("input", inputs, graph.input),
                ("output", outputs, graph.output),
            ):
                for index, value in enumerate(values):
                    made = tensor(value, declared[index].name)
                    (data / f"{side}_{index}.pb").write_bytes(made.SerializeToString())


main(Path(sys.argv[1]))
