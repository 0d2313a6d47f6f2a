"""Runs an example's models natively, and compares with what the example gave in the sandbox.

    python compare.py EXAMPLE OUTPUTS

OUTPUTS is where `meterbox run` left the outputs of a run with `--keep-tensors`. Three things are compared: what goes into
each call, with what EXAMPLE/native.py makes of the same inputs; what comes out, with what ONNX Runtime gives for
the very same input; and the result, with the one that native.py comes to. The last line is one of JSON, for who
prints the table; lines before it say what differs. Exits with 1 if something does.
"""

import importlib.util
import json
import pathlib
import sys
import tomllib

import numpy
import onnxruntime

# An absolute and a relative one, unless an example gives a reason for another.
TOLERANCE = 1e-4


class Native:
    """The models of an example under ONNX Runtime, on one thread, and what went through them."""

    def __init__(self, sources):
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.sessions = {
            name: onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
            for name, path in sources.items()
            if path.suffix == ".onnx"
        }
        self.calls = []

    def call(self, model, inputs):
        outputs = self.outputs(model, inputs)
        self.calls.append((model, inputs))
        return outputs

    def outputs(self, model, inputs):
        session = self.sessions[model]
        names = [output.name for output in session.get_outputs()]
        return dict(zip(names, session.run(names, inputs)))

    def text(self, model, name):
        return self.sessions[model].get_modelmeta().custom_metadata_map[name]


def kept(outputs):
    """The calls that the example kept: model, inputs and outputs of each."""
    calls = {}
    with open(outputs / "calls.npy", "rb") as arrays, open(outputs / "calls.tsv") as lines:
        for line in lines:
            number, model, direction, name = line.rstrip("\n").split("\t")
            call = calls.setdefault(int(number), (model, {}, {}))
            call[1 if direction == "in" else 2][name] = numpy.load(arrays)
    return [calls[number] for number in sorted(calls)]


def compare(where, found, expected, tolerance, said):
    """The largest difference between tensors of the same names, and whether all are within the tolerance."""
    largest = 0.0
    if found.keys() != expected.keys():
        said.append(f"{where}: tensors {sorted(found)} are not {sorted(expected)}")
        return largest
    for name in found:
        ours, theirs = found[name], expected[name]
        if ours.shape != theirs.shape or ours.dtype != theirs.dtype:
            said.append(f"{where}, {name}: {ours.dtype}{ours.shape} is not {theirs.dtype}{theirs.shape}")
            continue
        ours, theirs = ours.astype(numpy.float64), theirs.astype(numpy.float64)
        difference = numpy.abs(ours - theirs)
        if not (difference <= tolerance * (1 + numpy.abs(theirs))).all():
            said.append(f"{where}, {name}: differs by {numpy.nanmax(difference, initial=0)}")
        largest = max(largest, float(difference.max(initial=0)))
    return largest


def main(example, outputs):
    job = tomllib.loads((example / "job.toml").read_text())
    sources = {name: example / path for name, path in job["inputs"].items()}
    specification = importlib.util.spec_from_file_location("native", example / "native.py")
    module = importlib.util.module_from_spec(specification)
    specification.loader.exec_module(module)

    native = Native(sources)
    result = module.run(native, sources)
    calls = kept(outputs)
    said = []
    if [model for model, *_ in calls] != [model for model, _ in native.calls]:
        said.append(f"{len(calls)} calls are not the {len(native.calls)} that are made natively")
    into = out = 0.0
    for number, ((model, given, gave), (_, prepared)) in enumerate(zip(calls, native.calls)):
        where = f"call {number} of {model}"
        into = max(into, compare(where, given, prepared, TOLERANCE, said))
        tolerance = getattr(module, "TOLERANCES", {}).get(model, TOLERANCE)
        out = max(out, compare(where, gave, native.outputs(model, given), tolerance, said))
    found = json.loads((outputs / module.RESULT).read_text())
    differing = list(module.differences(found, result))
    said += [f"{module.RESULT}: {line}" for line in differing]
    for line in said:
        print(line)
    print(json.dumps({"calls": len(calls), "into": into, "out": out, "same": not differing}))
    return 1 if said or not calls else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
