"""Events: CloudEvents by the SDK cloudevents 2.2.0; and what CloudEvents, Lago's and Stripe's events and Golem's debit
notes and invoices add up to, exactly, against `raw.jsonl`. No event has the id of another.

`pip install cloudevents==2.2.0`, then `python events.py FOLDER`.
"""

import json
import re

from cloudevents.core.formats.json import JSONFormat
from cloudevents.core.v1.event import CloudEvent

import export_records as records
from export_records import need, units

ID_BYTES_MAX = 100
SECONDS = re.compile("[0-9]{10}")


def read(path):
    with open(path, encoding="utf-8") as lines:
        return [line for line in lines if line.strip()]


def quantities(posted):
    sums = {}
    for _, line in records.lines(posted):
        sums[line["meter"]] = sums.get(line["meter"], 0) + int(line["quantity"])
    return sums


def count(sums, key, number):
    sums[key] = sums.get(key, 0) + number


def check_ids(name, ids):
    need(len(ids) == len(set(ids)), f"{name}: ids repeat")
    need(all(0 < len(id.encode()) <= ID_BYTES_MAX for id in ids), f"{name}: an id is too long")


def check_cloud_events(path, posted):
    ids, used, owed = [], {}, {}
    for text in read(path):
        event = JSONFormat().read(CloudEvent, text.encode())
        ids.append(event.get_id())
        data = event.get_data()
        data = data if isinstance(data, dict) else json.loads(data)
        what = event.get_type().removeprefix("dev.meterbox.")
        if what not in ("credit", "dispute", "rounding"):
            count(used, what, int(data["value"]))
        count(owed, data["currency"], units(data["amount"]))
    check_ids(path.name, ids)
    need(used == quantities(posted), f"{path.name}: quantities differ")
    need(owed == records.owed(posted), f"{path.name}: {owed}")


def check_lago(path, posted):
    ids, used, owed = [], {}, {}
    for text in read(path):
        event = json.loads(text)["event"]
        ids.append(event["transaction_id"])
        need(SECONDS.fullmatch(event["timestamp"]), f"{path.name}: {event['timestamp']}")
        need(event["external_subscription_id"].startswith("cus_"), f"{path.name}: a subscription")
        properties = event["properties"]
        amount = units(properties["amount"])
        if event["code"] != "credit":
            count(used, event["code"], int(properties["value"]))
            cents = units(event["precise_total_amount_cents"], 16)
            need(cents == amount, f"{path.name}: {event}")
        count(owed, properties["currency"], amount)
    check_ids(path.name, ids)
    need(used == quantities(posted), f"{path.name}: quantities differ")
    need(owed == records.owed(records.of_receipts(posted)), f"{path.name}: {owed}")


def check_stripe(path, posted):
    ids, used = [], {}
    for text in read(path):
        event = json.loads(text)
        need(set(event) == {"event_name", "identifier", "timestamp", "payload"}, f"{event}")
        ids.append(event["identifier"])
        payload = event["payload"]
        need(isinstance(payload["value"], str), f"{path.name}: {payload}")
        need(payload["stripe_customer_id"].startswith("cus_"), f"{path.name}: {payload}")
        meter = event["event_name"].removeprefix("meterbox_")
        count(used, meter, int(payload["value"]))
    check_ids(path.name, ids)
    need(used == quantities(posted), f"{path.name}: quantities differ")


def check_golem(path, posted):
    documents = [json.loads(text) for text in read(path)]
    charges = [record for record in posted if record["kind"] == "charge"]
    for kind, amount in [("debit_note", "totalAmountDue"), ("invoice", "amount")]:
        found = [(d["agreementId"], units(d[amount])) for d in documents if d["kind"] == kind]
        expected = [(charge["order_id"], units(charge["total"])) for charge in charges]
        need(found == expected, f"{path.name}: {kind}s differ")
    used = [sum(d["usageCounterVector"]) for d in documents if d["kind"] == "debit_note"]
    fees = {"job_fee", "minimum_charge", "cancellation_charge"}
    expected = [
        sum(int(line["quantity"]) for line in charge["lines"] if line["meter"] not in fees)
        for charge in charges
    ]
    need(used == expected, f"{path.name}: usage vectors differ")


def check(folder):
    posted = records.read(folder)
    for prefix in ["", "single-"]:
        check_cloud_events(folder / f"{prefix}cloudevents.jsonl", posted)
        check_lago(folder / f"{prefix}lago.jsonl", posted)
        check_stripe(folder / f"{prefix}stripe.jsonl", posted)
    check_golem(folder / "golem.jsonl", posted)


def replaced(name, old, new):
    return lambda folder: records.replace_once(folder / name, old, new)


def repeated(folder):
    path = folder / "stripe.jsonl"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join([*lines, lines[0]]))


if __name__ == "__main__":
    records.main(
        check,
        {
            "a version": replaced("cloudevents.jsonl", b'"specversion":"1.0"', b'"specversion":"0.9"'),
            "no source": replaced("cloudevents.jsonl", b'"source":"meterbox",', b""),
            "an amount": replaced("lago.jsonl", b'"amount":"0.0', b'"amount":"0.1'),
            "a repetition": repeated,
            "a debit note": replaced("golem.jsonl", b'"totalAmountDue":"0', b'"totalAmountDue":"1'),
        },
    )
