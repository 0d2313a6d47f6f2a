"""Totals for watching: by the parsers of prometheus-client 0.26.0, and exactly, by their text, against `raw.jsonl`.

`pip install prometheus-client==0.26.0`, then `python metrics.py FOLDER`.
"""

import re

from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics
from prometheus_client.parser import text_string_to_metric_families as prometheus

import export_records as records
from export_records import need, units

FAMILIES = {
    "meterbox_usage",
    "meterbox_charged",
    "meterbox_credited",
    "meterbox_receipts",
    "meterbox_disputes",
}
SAMPLE = re.compile(r'(\w+)\{(.*)\} ([0-9.]+)')


def expected(posted):
    """Every sample by its name and labels, in units of 10^-18."""
    sums = {}

    def add(name, labels, number):
        key = (f"meterbox_{name}_total", tuple(sorted(labels.items())))
        sums[key] = sums.get(key, 0) + number

    for record in posted:
        requestor = {"requestor": record["requestor"]}
        if record["kind"] == "charge":
            add("receipts", {**requestor, "outcome": record["outcome"]}, 10**18)
            for line in record["lines"]:
                meter = {**requestor, "meter": line["meter"]}
                add("usage", meter, int(line["quantity"]) * 10**18)
                add("charged", {**meter, "currency": record["currency"]}, units(line["amount"]))
        elif record["kind"] == "credit":
            add("credited", {**requestor, "currency": record["currency"]}, units(record["amount"]))
        elif record["kind"] == "dispute":
            add("disputes", requestor, 10**18)
    return sums


def check(folder):
    sums = expected(records.read(folder))
    for name, parse in [("openmetrics.txt", openmetrics), ("prometheus.txt", prometheus)]:
        text = (folder / name).read_text()
        families = list(parse(text))
        need({family.name for family in families} == FAMILIES, f"{name}: other families")
        need(all(family.type == "counter" for family in families), f"{name}: not only counters")
        samples = {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in families
            for sample in family.samples
        }
        need(samples.keys() == sums.keys(), f"{name}: other samples")
        for key, value in samples.items():
            need(value == sums[key] / 10**18, f"{name}: {key} is {value}")
        exact = sorted(units(line[3]) for line in map(SAMPLE.match, text.splitlines()) if line)
        need(exact == sorted(sums.values()), f"{name}: not exact")


def replaced(old, new, name="openmetrics.txt"):
    return lambda folder: records.replace_once(folder / name, old, new)


def doubled(folder):
    path = folder / "openmetrics.txt"
    lines = path.read_text().splitlines(keepends=True)
    path.write_text("".join(lines[:3] + lines[2:]))


if __name__ == "__main__":
    records.main(
        check,
        {
            "no end": replaced(b"# EOF\n", b""),
            "another type": replaced(b"usage counter", b"usage gauge"),
            "a doubled series": doubled,
            "a label without a quotation mark": replaced(b'meter="', b"meter="),
            "a value": replaced(b"} 0.000", b"} 0.001"),
            "a value in the older format": replaced(b"} 0.000", b"} 0.001", "prometheus.txt"),
        },
    )
