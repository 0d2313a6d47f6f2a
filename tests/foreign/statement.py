"""The payload of a receipt is an in-toto Statement, by in-toto-attestation 0.9.3: `statement.py FOLDER`, where
`foreign-inputs` has written."""

import json
import sys
from pathlib import Path

import in_toto_attestation.v1.statement_pb2 as pb
from google.protobuf import json_format
from in_toto_attestation.v1.statement import Statement

payload = json.loads((Path(sys.argv[1]) / "receipt.payload.json").read_text())


def refused(change):
    """Why a statement is refused after a change; none if it is not."""
    statement = json.loads(json.dumps(payload))
    change(statement)
    try:
        read = json_format.ParseDict(statement, pb.Statement())
        Statement.copy_from_pb(read).validate()
    except (ValueError, json_format.ParseError) as error:
        return str(error)
    return None


def must(holds, what):
    if not holds:
        sys.exit(f"error: {what}")


why = refused(lambda statement: None)
must(why is None, f"in-toto-attestation refuses the statement: {why}")
read = json_format.ParseDict(payload, pb.Statement())
must(read.subject[0].name == "meterbox:result", "the first subject is not the result")
must(read.predicate["reproducible"]["total"] == payload["predicate"]["reproducible"]["total"], "the total was changed")
changes = {
    "no subject": lambda statement: statement.update(subject=[]),
    "another type": lambda statement: statement.update(_type="https://in-toto.io/Statement/v0.1"),
    "no predicate type": lambda statement: statement.update(predicateType=""),
    "no predicate": lambda statement: statement.update(predicate={}),
    "a subject without digest": lambda statement: statement["subject"][0].update(digest={}),
    "a field that there is not": lambda statement: statement.update(total="0"),
}
for name, change in changes.items():
    must(refused(change) is not None, f"in-toto-attestation accepts a statement with {name}")
print(f"in-toto-attestation: statement accepted, {len(changes)} tampered ones refused")
