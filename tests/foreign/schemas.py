"""Documents against their JSON Schemas, by jsonschema 4.26.0: `schemas.py FOLDER`, where `foreign-inputs` has
written. Every field of every document is left out, doubled under another name and given another type in turn."""

import copy
import json
import sys
import tomllib
from pathlib import Path

from jsonschema import Draft202012Validator

folder = Path(sys.argv[1])


def must(holds, what):
    if not holds:
        sys.exit(f"error: {what}")


def validator(name):
    schema = json.loads((folder / f"{name}.schema.json").read_text())
    Draft202012Validator.check_schema(schema)
    return Draft202012Validator(schema)


def places(value, path=()):
    """The path of every value of a document."""
    yield path
    if isinstance(value, dict):
        items = value.items()
    elif isinstance(value, list):
        items = enumerate(value)
    else:
        return
    for key, item in items:
        yield from places(item, (*path, key))


def at(document, path):
    for key in path:
        document = document[key]
    return document


def broken(document, may_be_absent):
    """Copies of a document with one flaw each."""
    for path in places(document):
        value = at(document, path)
        if isinstance(value, dict) and (not path or path[-1] not in ("libraries",)):
            other = copy.deepcopy(document)
            at(other, path)["unknown"] = "0"
            yield path, "another field", other
        if not path:
            continue
        parent = at(document, path[:-1])
        retyped = {str: 7, int: "7", bool: "yes", dict: [], list: {}}[type(value)]
        for flaw, new in (("another type", retyped), ("null", None), ("an odd text", "\u001b[2J 1e3 -")):
            if flaw == "an odd text" and (not isinstance(value, str) or path[-1] in may_be_absent["free"]):
                continue
            other = copy.deepcopy(document)
            at(other, path[:-1])[path[-1]] = new
            yield path, flaw, other
        if isinstance(parent, dict) and path[-1] not in may_be_absent["keys"] and path[-2:-1] != ("libraries",):
            other = copy.deepcopy(document)
            del at(other, path[:-1])[path[-1]]
            yield path, "a field left out", other


# Fields that may be absent, and texts that may be anything.
FREE = {
    "name", "value", "reason", "message", "device", "version", "opt_level", "meter_version", "float_mode", "tract",
    "payload",
}
OPTIONAL = {"run_us", "device", "previous_receipt", "last_checkpoint"}
CHARGES = {"fee_per_job", "minimum_charge", "cancellation_charge"}

cases = [(name, json.loads((folder / f"{name}.payload.json").read_text()), OPTIONAL) for name in
         ("receipt", "offer", "order", "acceptance", "credit")]
cases.append(("acceptance", json.loads((folder / "dispute.payload.json").read_text()), OPTIONAL))
cases.append(("receipt", json.loads((folder / "receipt-with-models.payload.json").read_text()), OPTIONAL | {"models"}))
cases += [("envelope", json.loads((folder / f"{name}.json").read_text()), OPTIONAL) for name in
          ("receipt", "offer", "order", "acceptance", "dispute", "credit")]
cards = [json.loads((folder / "card.json").read_text()), json.loads((folder / "default.card.json").read_text()),
         tomllib.loads((folder / "default.card.toml").read_text())]
cases += [("rate-card", card, CHARGES | set(card["prices"])) for card in cards]

refused = 0
for name, document, optional in cases:
    check = validator(name)
    errors = [error.message for error in check.iter_errors(document)]
    must(not errors, f"jsonschema refuses the {name}: {errors[:3]}")
    for path, flaw, other in broken(document, {"keys": optional, "free": FREE}):
        # Items of lists that are texts of any kind, and names of subjects but the first.
        if flaw == "an odd text" and isinstance(path[-1], int):
            continue
        where = ".".join(map(str, path))
        must(not check.is_valid(other), f"jsonschema accepts a {name} with {flaw} at `{where}`")
        refused += 1
print(f"jsonschema: {len(cases)} documents accepted, {refused} with a flaw refused")
