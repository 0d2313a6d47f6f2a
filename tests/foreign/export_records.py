"""Reads `raw.jsonl`, the records that all the other files of a folder were made from, with integers only.

What every check of exports shares: the records, exact sums, and how tampered copies are tried.
"""

import json
import pathlib
import shutil
import sys
import tempfile
from decimal import Decimal, localcontext

AMOUNT_DIGITS = 18
PRICE_DIGITS = 27


class Rejected(Exception):
    """A file is not what the records say."""


def need(condition, message):
    if not condition:
        raise Rejected(message)


def units(text, digits=AMOUNT_DIGITS):
    """Decimal text, or a Decimal, as whole units of 10^-digits; whatever does not fit exactly is rejected."""
    with localcontext() as context:
        context.prec = 200
        scaled = Decimal(str(text)).scaleb(digits)
        need(scaled == scaled.to_integral_value(), f"{text} has more than {digits} digits")
        return int(scaled)


def read(folder):
    with open(pathlib.Path(folder) / "raw.jsonl", encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def owed(records):
    """What is owed, by currency, in units of 10^-18: charges less credits, and what invoices rounded."""
    sums = {}
    for record in records:
        amount = owed_for(record)
        sums[record["currency"]] = sums.get(record["currency"], 0) + amount
    return sums


def owed_for(record):
    """What the requestor owes for a record, in units of 10^-18."""
    match record["kind"]:
        case "charge":
            return units(record["total"])
        case "credit":
            return -units(record["amount"])
        case "dispute":
            return 0
        case "rounding":
            sign = {"added": 1, "waived": -1}[record["rounding"]]
            return sign * units(record["amount"])
    raise Rejected(f"a record of kind {record['kind']}")


def of_receipts(records):
    """Without what invoices rounded, which is of no receipt."""
    return [record for record in records if record["kind"] != "rounding"]


def lines(records):
    """Every line of every receipt, with its receipt."""
    for record in records:
        if record["kind"] == "charge":
            for line in record["lines"]:
                yield record, line


def main(check, tampered):
    """Checks the folder that the command line names, then that every tampered copy of it is rejected.

    `tampered` maps a name to a function that changes files in a folder.
    """
    if len(sys.argv) != 2:
        sys.exit(f"usage: {sys.argv[0]} FOLDER, as `--example foreign` of meterbox-export writes it")
    folder = pathlib.Path(sys.argv[1])
    try:
        check(folder)
    except Rejected as error:
        sys.exit(f"rejected: {error}")
    for name, change in tampered.items():
        with tempfile.TemporaryDirectory() as scratch:
            copy = pathlib.Path(scratch) / "copy"
            shutil.copytree(folder, copy)
            change(copy)
            try:
                check(copy)
            except Exception as error:  # Foreign tools raise what they like.
                print(f"tampered copy is rejected: {name}: {str(error).splitlines()[0][:100]}")
            else:
                sys.exit(f"a tampered copy was accepted: {name}")
    print("accepted")


def replace_once(path, old, new):
    """Replaces the first `old` in a file, which must have one."""
    data = path.read_bytes()
    assert old in data, (path, old)
    path.write_bytes(data.replace(old, new, 1))
