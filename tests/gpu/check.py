"""Runs Meterbox's examples and a benchmark on an NVIDIA GPU, from a folder that `cargo xtask gpu-check` made.

Needs Python 3.9 with numpy, and onnxruntime-gpu to compare with; no compiler and no network. Exits with 0 if all
holds, with 1 if something does not, and with 77 if there is no GPU.

    python3 check.py --onnxruntime DIR [--cuda DIR]...     on a GPU
    python3 check.py --onnxruntime DIR --processor         the same steps on the processor, to try the script
"""

import argparse
import base64
import importlib.util
import json
import math
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
SKIPPED = 77
# How long the calls take that throughput is measured by, and how often that is repeated.
SECONDS_OF_CALLS = 4
ROUNDS = 3
LIMITS = ("instructions", "inference-ops", "inference-weight-bytes", "inference-tensor-bytes", "host-calls", "bytes-in", "bytes-out")
EXAMPLES = {"file-types": "labels.txt", "speech": "segments.txt", "ocr": "text.txt"}


def fail(what):
    print(f"FAILED: {what}")
    sys.exit(1)


class Meterbox:
    def __init__(self, engine, home):
        self.engine = engine
        self.environment = {"HOME": home, "METERBOX_HOME": home, "PATH": os.environ.get("PATH", "")}

    def command(self, arguments):
        return [str(HERE / "meterbox"), *map(str, arguments)]

    def run(self, command, *arguments, engine=True):
        # Behind the command, since all that stands behind `--` is for the program.
        more = self.engine if engine else []
        began = time.perf_counter()
        done = subprocess.run(
            self.command([command, *more, *arguments]), env=self.environment, capture_output=True, text=True
        )
        return done, time.perf_counter() - began


def examples(box, folder):
    """Each example on the engine; its receipt then replayed on the processor, call by call."""
    for name, text in EXAMPLES.items():
        job = HERE / "examples" / name / "job.toml"
        receipt, out = folder / f"{name}.json", folder / name
        done, seconds = box.run("run", job, "--receipt", receipt, "--out", out)
        if done.returncode != 0:
            fail(f"{name} ends with {done.returncode}: {done.stderr}")
        wanted = (HERE / "examples" / name / "expected" / text).read_text().split()
        found = (out / text).read_text().split()
        # Scores may differ in their last digits; words may not.
        words = lambda parts: [part for part in parts if not part.replace(".", "").isdigit()]
        if words(wanted) != words(found):
            fail(f"{name} comes to something else than on the processor:\n{(out / text).read_text()}")
        replay, _ = box.run("receipt", "replay", receipt, "--recompute", "all", engine=False)
        if replay.returncode != 0:
            fail(f"{name} is not what the processor computes: {replay.stdout}{replay.stderr}")
        print(f"{name}: as expected, in {seconds:.2f} s; on the processor: {replay.stdout.strip()}")


def calls(box, model, tensors, count):
    """Seconds that a job takes that calls a model so often."""
    inputs = [f"--input=model={model}", *(f"--input=tensors/{n}={p}" for n, p in tensors.items())]
    limits = [f"--limit-{name}=1000000000000000" for name in LIMITS]
    receipt = pathlib.Path(box.environment["HOME"]) / "calls.json"
    flags = [*inputs, *limits, "--receipt", receipt]
    done, seconds = box.run("run", HERE / "run_model.wasm", *flags, "--", str(count))
    if done.returncode != 0:
        fail(f"{model.name} ends with {done.returncode}: {done.stderr}")
    libraries = predicate(receipt)["attested"]["libraries"]
    if "onnxruntime" not in libraries:
        fail(f"{model.name} was computed by {libraries}")
    return seconds


def throughput(box, arguments, folder):
    """Calls a second through the sandbox, and by the library itself in this process."""
    if importlib.util.find_spec("onnxruntime") is None:
        sys.path.insert(0, str(pathlib.Path(arguments.onnxruntime).resolve().parent.parent))
    import numpy
    import onnxruntime

    provider = "CPUExecutionProvider" if arguments.processor else "CUDAExecutionProvider"
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    settings = {} if arguments.processor else {"use_tf32": "0"}
    for name, file, shape in [
        ("reading a line of text, 8 at once", "ch_PP-OCRv4_rec_infer.onnx", (8, 3, 48, 320)),
        ("finding text, 640 x 640", "ch_PP-OCRv4_det_infer.onnx", (1, 3, 640, 640)),
    ]:
        model = HERE / "target" / "models" / file
        data = numpy.linspace(0, 1, int(numpy.prod(shape)), dtype=numpy.float32).reshape(shape)
        tensor = folder / "tensor"
        tensor.write_bytes(f"f32 {' '.join(map(str, shape))}\n".encode() + data.tobytes())
        session = onnxruntime.InferenceSession(
            str(model), options, providers=[(provider, settings)]
        )
        if session.get_providers()[0] != provider:
            fail(f"the library itself computes by {session.get_providers()[0]}")

        def native(count):
            began = time.perf_counter()
            for _ in range(count):
                session.run(None, {"x": data})
            return time.perf_counter() - began

        native(2)
        # So many that starting a job, which takes a second more or less, hardly matters.
        count = max(10, math.ceil(SECONDS_OF_CALLS / native(1)))
        # In turns, so that what else this machine does slows both. The shortest of each is what it takes.
        few, many, itself = [], [], []
        for _ in range(ROUNDS):
            few.append(calls(box, model, {"x": tensor}, 1))
            many.append(calls(box, model, {"x": tensor}, 1 + count))
            itself.append(native(count))
        through, itself = (min(many) - min(few)) / count, min(itself) / count
        print(
            f"{name}, {count} calls: {1 / through:.1f} a second through the sandbox, {1 / itself:.1f} by the"
            f" library itself: {100 * itself / through:.1f} %"
        )


def memory(box, folder):
    """A model that may take hardly any of the GPU's memory is a fault, which nobody pays."""
    model = HERE / "target" / "models" / "ch_PP-OCRv4_det_infer.onnx"
    shape = (1, 3, 1280, 1280)
    tensor = folder / "tensor"
    size = 4
    for length in shape:
        size *= length
    tensor.write_bytes(f"f32 {' '.join(map(str, shape))}\n".encode() + bytes(size))
    limit = ["--gpu-memory-max", "64"]
    done, _ = box.run(
        "run", HERE / "run_model.wasm", f"--input=model={model}", f"--input=tensors/x={tensor}", *limit
    )
    if done.returncode != 7:
        fail(f"64 MiB of the GPU's memory are enough, or the job ends with {done.returncode}: {done.stderr}")
    print(f"more of the GPU's memory than it may have: {done.stderr.strip().splitlines()[-1]}")


def predicate(receipt):
    payload = base64.b64decode(json.loads(receipt.read_text())["payload"])
    return json.loads(payload)["predicate"]


def reproducible(receipt):
    return predicate(receipt)["reproducible"]


def killed(box, folder):
    """The process that computes is killed while it does: the job comes to the same all the same."""
    job = HERE / "examples" / "ocr" / "job.toml"
    child = subprocess.Popen(
        box.command(["run", job, "--receipt", folder / "killed.json", *box.engine]),
        env=box.environment, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
    )
    kills = 0
    while child.poll() is None and kills == 0:
        for process in pathlib.Path("/proc").iterdir():
            try:
                if process.name.isdigit() and (process / "comm").read_text().strip() == "inference":
                    time.sleep(0.3)
                    os.kill(int(process.name), signal.SIGKILL)
                    kills += 1
            except OSError:
                continue
    if child.wait() != 0 or kills == 0:
        fail(f"after {kills} kills the job ends with {child.returncode}: {child.stderr.read()}")
    whole, after = (reproducible(folder / f"{name}.json") for name in ("ocr", "killed"))
    for field in ("outcome", "usage", "total"):
        if whole[field] != after[field]:
            fail(f"after a kill the {field} is {after[field]}, not {whole[field]}")
    print("the process that computes was killed, and the job came to the same usage and bill")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--onnxruntime", required=True, help="the folder with libonnxruntime.so")
    parser.add_argument("--cuda", action="append", default=[], help="a folder with NVIDIA's libraries")
    parser.add_argument("--processor", action="store_true", help="try the script without a GPU")
    arguments = parser.parse_args()
    if not arguments.processor and not pathlib.Path("/dev/nvidiactl").exists():
        print("skipped: there is no NVIDIA GPU here")
        sys.exit(SKIPPED)
    engine = ["--engine", "onnxruntime", "--onnxruntime", arguments.onnxruntime]
    if not arguments.processor:
        engine += ["--gpu", "0"]
        for folder in arguments.cuda:
            engine += ["--cuda-libraries", folder]
    folder = pathlib.Path(tempfile.mkdtemp(prefix="meterbox-gpu-"))
    try:
        box = Meterbox(engine, str(folder / "home"))
        if not arguments.processor and shutil.which("nvidia-smi"):
            query = ["nvidia-smi", "--query-gpu=name,driver_version,memory.total", "--format=csv,noheader"]
            print(subprocess.run(query, capture_output=True, text=True).stdout.strip())
        doctor, _ = box.run("doctor", "--onnxruntime", arguments.onnxruntime, engine=False)
        print(doctor.stdout)
        examples(box, folder)
        throughput(box, arguments, folder)
        if not arguments.processor:
            memory(box, folder)
        killed(box, folder)
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    print("all of it holds")


if __name__ == "__main__":
    main()
