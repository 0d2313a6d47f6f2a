"""File types without Meterbox: the same model, and what surrounds it a second time, in Python.

Magika sees the first and the last 1024 bytes of a file, without the white space around the file, each byte as a
number, and 256 where there is none.
"""

import json

import numpy

SPACE = b" \t\n\v\f\r"


def run(native, sources):
    config = json.loads(sources["config"].read_bytes())
    files = sorted(path for path in sources["files/"].iterdir())
    rows, asked, labels = [], [], []
    for path in files:
        content = path.read_bytes()
        tokens = features(config, content)
        if isinstance(tokens, str):
            labels.append({"name": path.name, "label": tokens, "score": "1.0000", "bytes": len(content)})
        else:
            rows.append(tokens)
            asked.append((path.name, content))
    # One batch: there are fewer files than the job's batches have.
    assert len(files) <= 32
    outputs = native.call("model", {"bytes": numpy.array(rows, numpy.int32)})
    for (name, content), scores in zip(asked, outputs["target_label"]):
        best = len(scores) - 1 - int(numpy.argmax(scores[::-1]))
        label, score = config["target_labels_space"][best], float(scores[best])
        if score < config["thresholds"].get(label, config["medium_confidence_threshold"]):
            label = general(content[: config["block_size"]])
        else:
            label = config["overwrite_map"].get(label, label)
        labels.append({"name": name, "label": label, "score": f"{score:.4f}", "bytes": len(content)})
    return sorted(labels, key=lambda label: label["name"].encode())


def features(config, content):
    if not content:
        return "empty"
    first = content[: config["block_size"]].lstrip(SPACE)[: config["beg_size"]]
    last = content[-config["block_size"] :].rstrip(SPACE)[-config["end_size"] :]
    if len(first) < config["min_file_size_for_dl"]:
        return general(content[: config["block_size"]])
    padding = config["padding_token"]
    return (
        list(first)
        + [padding] * (config["beg_size"] - len(first))
        + [padding] * (config["end_size"] - len(last))
        + list(last)
    )


def general(block):
    try:
        block.decode()
        return "txt"
    except UnicodeDecodeError:
        return "unknown"


def differences(found, expected):
    """Labels are the same, and scores to within their last digit and one."""
    for ours, theirs in zip(found, expected):
        score = abs(float(ours["score"]) - float(theirs["score"]))
        if ours | {"score": 0} != theirs | {"score": 0} or score > 0.00011:
            yield f"{ours} is not {theirs}"
    if len(found) != len(expected):
        yield f"{len(found)} labels are not {len(expected)}"


RESULT = "labels.json"
