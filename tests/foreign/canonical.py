"""Payloads and envelopes are in the form of RFC 8785, by rfc8785 0.1.4: `canonical.py FOLDER`, where
`foreign-inputs` has written."""

import json
import sys
from pathlib import Path

import rfc8785

folder = Path(sys.argv[1])


def canonical(data):
    return rfc8785.dumps(json.loads(data)) == data


def must(holds, what):
    if not holds:
        sys.exit(f"error: {what}")


documents = sorted(folder.glob("*.payload.json"))
documents += [folder / f"{name}.json" for name in ("receipt", "offer", "order", "acceptance", "dispute", "credit")]
must(len(documents) >= 12, "there are too few documents to look at")
for path in documents:
    must(canonical(path.read_bytes()), f"rfc8785 writes {path.name} in another way")
payload = (folder / "receipt.payload.json").read_bytes()
others = {
    "a space": payload.replace(b":", b": ", 1),
    "another order": json.dumps(dict(reversed(json.loads(payload).items())), separators=(",", ":")).encode(),
    "an escape that is not needed": payload.replace(b"meterbox", b"\\u006deterbox", 1),
    "a line's end": payload + b"\n",
}
for name, other in others.items():
    must(json.loads(other) == json.loads(payload), f"{name} changes the meaning")
    must(not canonical(other), f"rfc8785 takes a payload with {name} for canonical")
print(f"rfc8785: {len(documents)} documents are canonical, {len(others)} other forms of one are not")
