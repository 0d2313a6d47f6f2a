"""Parquet, by pyarrow 26.0.1 and duckdb 2.0.1: types, cells, and exact sums to 10^-18 against `raw.jsonl`; and that
the raw CSV says the same.

`pip install pyarrow==26.0.1 duckdb==2.0.1 pytz`, then `python parquet.py FOLDER`.
"""

import csv
import hashlib
import json
from datetime import datetime, timezone
from decimal import Decimal

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq

import export_records as records
from export_records import PRICE_DIGITS, need, units

AMOUNT = pa.decimal128(38, 18)
PRICE = pa.decimal128(38, 27)
COUNT = pa.decimal128(38, 0)
TIME = pa.timestamp("us", tz="UTC")
RAW_TYPES = {
    "sequence": pa.int64(),
    "at": TIME,
    "started_at": TIME,
    "quantity": COUNT,
    "unit_price": PRICE,
    "amount": AMOUNT,
    "receipt_total": AMOUNT,
}
FOCUS_TYPES = {
    "BilledCost": AMOUNT,
    "EffectiveCost": AMOUNT,
    "ListCost": AMOUNT,
    "ContractedCost": AMOUNT,
    "ListUnitPrice": PRICE,
    "PricingQuantity": COUNT,
    "ChargePeriodStart": TIME,
    "BillingPeriodEnd": TIME,
    "x_LogIndex": pa.int64(),
}


def moment(text):
    return datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=timezone.utc)


def expected_raw(record):
    """The cells of a record's rows that can differ from row to row."""
    if record["kind"] == "charge":
        for line in record["lines"]:
            yield (
                "charge",
                record["receipt"],
                record["requestor"],
                moment(record["ended_at"]),
                line["meter"],
                int(line["quantity"]),
                units(line["unit_price"], PRICE_DIGITS),
                units(line["amount"]),
                record["currency"],
            )
    else:
        amount = records.owed_for(record)
        head = (record["kind"], record.get("receipt"), record["requestor"], moment(record["at"]))
        yield (*head, None, None, None, amount, record["currency"])


def found_raw(row):
    return (
        row["kind"],
        row["receipt"],
        row["requestor"],
        row["at"],
        row["meter"],
        None if row["quantity"] is None else int(row["quantity"]),
        None if row["unit_price"] is None else units(row["unit_price"], PRICE_DIGITS),
        units(row["amount"]),
        row["currency"],
    )


def check_types(path, types):
    schema = pq.read_schema(path)
    for name, expected in types.items():
        found = schema.field(name).type
        need(found == expected, f"{path.name}: `{name}` is {found}, expected {expected}")


def check_csv(path, rows):
    """The CSV has the same rows, cell by cell."""
    with open(path, newline="", encoding="utf-8") as lines:
        for number, (found, expected) in enumerate(zip(csv.DictReader(lines), rows, strict=True)):
            for name, cell in expected.items():
                if isinstance(cell, datetime):
                    cell = cell.strftime("%Y-%m-%dT%H:%M:%SZ")
                text = found[name]
                if isinstance(cell, (int, Decimal)):
                    same = text != "" and Decimal(text) == cell
                else:
                    same = (cell or "") == text
                need(same, f"{path.name}, row {number}: `{name}` is {text}, in Parquet {cell}")


def check_sums(path, query, expected):
    """The sums that duckdb makes of a column of decimals are exact."""
    for currency, total in duckdb.sql(query).fetchall():
        need(isinstance(total, Decimal), f"{path}: duckdb sums {type(total)}")
        need(units(total) == expected[currency], f"{path}: {currency} sums to {total}")


def check_partitions(folder, owed):
    manifest = json.loads((folder / "manifest.json").read_text())
    listed = set()
    for part in manifest["parts"]:
        path = folder / part["path"]
        data = path.read_bytes()
        listed.add(path)
        need(len(data) == part["bytes"], f"{path.name} has {len(data)} bytes")
        need(hashlib.sha256(data).hexdigest() == part["sha256"], f"{path.name}: sha256 differs")
        rows = pq.ParquetFile(path).metadata.num_rows
        need(rows == part["rows"], f"{path.name} has {rows} rows")
    need(listed == set(folder.glob("*/*.parquet")), f"{folder.name}: parts that nothing names")
    column, currency = ("amount", "currency")
    if manifest["format"] == "focus-partitions":
        column, currency = ("BilledCost", "BillingCurrency")
    query = (
        f"select {currency}, sum({column}) from read_parquet('{folder}/*/*.parquet', "
        f"hive_partitioning = true) group by all"
    )
    check_sums(folder, query, owed)
    months = duckdb.sql(
        f"select distinct billing_period from read_parquet('{folder}/*/*.parquet', "
        "hive_partitioning = true)"
    ).fetchall()
    need(len(months) >= 2, "the sample covers two months")


def check(folder):
    posted = records.read(folder)
    owed = records.owed(posted)
    raw = folder / "raw.parquet"
    check_types(raw, RAW_TYPES)
    expected = [cells for record in posted for cells in expected_raw(record)]
    rows = pq.read_table(raw).to_pylist()
    found = [found_raw(row) for row in rows]
    need(len(found) == len(expected), f"raw.parquet has {len(found)} rows")
    for number, (left, right) in enumerate(zip(found, expected)):
        need(left == right, f"raw.parquet, row {number}: {left}, expected {right}")
    check_csv(folder / "raw.csv", rows)
    query = f"select currency, sum(amount) from '{raw}' group by all"
    check_sums(raw, query, owed)
    for name in ["focus-parquet", "single-focus-parquet", "focus-1.4", "single-focus-1.4"]:
        path = folder / f"{name}.parquet"
        check_types(path, FOCUS_TYPES)
        for column in ["BilledCost", "EffectiveCost", "PricingCurrencyEffectiveCost"]:
            query = f"select BillingCurrency, sum({column}) from '{path}' group by all"
            check_sums(path, query, owed)
    for name in ["partitions", "focus-partitions", "single-focus-partitions"]:
        check_partitions(folder / name, owed)


def one_unit_more(name, column):
    """Rewrites a file as pyarrow would, with 10^-18 more in one cell."""

    def change(folder):
        path = folder / name
        table = pq.read_table(path)
        cells = table.column(column).to_pylist()
        cells[7] += Decimal(1).scaleb(-18)
        place = table.schema.get_field_index(column)
        cells = pa.array(cells, type=AMOUNT)
        pq.write_table(table.set_column(place, table.schema.field(place), cells), path)

    return change


def csv_changed(folder):
    records.replace_once(folder / "raw.csv", b",ok,instructions,1", b",ok,instructions,2")


def cut(folder):
    path = folder / "raw.parquet"
    path.write_bytes(path.read_bytes()[:-1])


def no_part(folder):
    next(folder.glob("partitions/*/*.parquet")).unlink()


def part_changed(folder):
    path = next(folder.glob("focus-partitions/*/*.parquet"))
    data = bytearray(path.read_bytes())
    data[len(data) // 2] ^= 1
    path.write_bytes(data)


if __name__ == "__main__":
    records.main(
        check,
        {
            "an amount of raw.parquet": one_unit_more("raw.parquet", "amount"),
            "a cost of focus-parquet": one_unit_more("focus-parquet.parquet", "BilledCost"),
            "a quantity of raw.csv": csv_changed,
            "a file without its last byte": cut,
            "a missing part": no_part,
            "a bit of a part": part_changed,
        },
    )
