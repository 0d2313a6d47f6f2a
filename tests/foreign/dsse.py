"""The signature of a receipt, by securesystemslib 1.6.0 (with cryptography): `dsse.py FOLDER`, where
`foreign-inputs` has written."""

import glob
import json
import sys
from pathlib import Path

from cryptography.hazmat.primitives.serialization import load_pem_public_key
from securesystemslib.dsse import Envelope
from securesystemslib.exceptions import VerificationError
from securesystemslib.signer import SSlibKey

folder = Path(sys.argv[1])


def key_of(name, envelope):
    public = load_pem_public_key((folder / name).read_bytes())
    return SSlibKey.from_crypto(public, keyid=envelope["signatures"][0]["keyid"])


def signed(name, key):
    data = json.loads(Path(folder, name).read_text())
    key = key_of(key, data)
    try:
        return len(Envelope.from_dict(data).verify([key], 1)) == 1
    except VerificationError:
        return False


def must(holds, what):
    if not holds:
        sys.exit(f"error: {what}")


must(signed("receipt.json", "key.pem"), "securesystemslib refuses the receipt")
must(not signed("receipt.json", "other-key.pem"), "securesystemslib accepts another key")
tampered = [Path(path).name for path in glob.glob(str(folder / "tampered-*.receipt.json"))]
must(len(tampered) >= 3, "there are no tampered receipts to refuse")
for name in tampered:
    must(not signed(name, "key.pem"), f"securesystemslib accepts {name}")
print(f"securesystemslib: receipt accepted, {len(tampered)} tampered ones and another key refused")
