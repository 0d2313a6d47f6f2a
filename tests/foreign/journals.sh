#!/bin/sh
# Journals: by hledger 1.25 (`--strict check`), ledger 3.3.0 (`--pedantic`) and beancount 3.2.3 (`bean-check`), and
# what each of them adds up to, exactly, against `raw.jsonl`.
#
# `apt-get install hledger ledger`, `pip install beancount==3.2.3`, then `sh journals.sh FOLDER`; PYTHON names the
# Python that has beancount, `python3` by default.
set -eu
# Nothing of ours is kept from one run to the next.
export BEANCOUNT_DISABLE_LOAD_CACHE=1
folder=${1:?usage: journals.sh FOLDER, as --example foreign of meterbox-export writes it}
python=${PYTHON:-python3}
here=$(cd "$(dirname "$0")" && pwd)
scratch=$(mktemp -d)
trap 'rm -rf "$scratch"' EXIT

# What is owed, a currency a line, with all its digits.
"$python" - "$here" "$folder" >"$scratch/expected" <<'PYTHON'
import sys
sys.path.insert(0, sys.argv[1])
import export_records as records
for currency, units in sorted(records.owed(records.read(sys.argv[2])).items()):
    print(f"{units // 10**18}.{units % 10**18:018} {currency}")
PYTHON

by_hledger() {
    hledger -f "$1" --strict check || return 1
    hledger -f "$1" balance Assets --depth 1 --no-total --flat >"$scratch/balance" || return 1
    sed 's/^ *//; s/ *Assets$//' "$scratch/balance" | sort -k 2 >"$scratch/found"
    cmp "$scratch/expected" "$scratch/found"
}

by_ledger() {
    ledger -f "$1" --pedantic balance Assets --depth 1 --no-total >"$scratch/balance" || return 1
    sed 's/^ *//; s/ *Assets$//' "$scratch/balance" | sort -k 2 >"$scratch/found"
    cmp "$scratch/expected" "$scratch/found"
}

by_beancount() {
    "$python" -c 'from beancount.scripts.check import main; main()' "$1" || return 1
    "$python" - "$1" >"$scratch/found" <<'PYTHON'
import sys
from decimal import getcontext
from beancount import loader
from beancount.core import data
getcontext().prec = 60
sums = {}
entries, errors, _ = loader.load_file(sys.argv[1])
for entry in data.filter_txns(entries):
    for posting in entry.postings:
        if posting.account.startswith("Assets:"):
            number, currency = posting.units
            sums[currency] = sums.get(currency, 0) + number
for currency, number in sorted(sums.items()):
    print(f"{number:.18f} {currency}")
sys.exit(1 if errors else 0)
PYTHON
    cmp "$scratch/expected" "$scratch/found"
}

# Checks a journal, then that a copy with one digit more in one posting is refused, and one with an account less.
check() {
    tool=$1
    journal=$2
    "by_$tool" "$journal" || { echo "rejected: $journal by $tool" >&2; exit 1; }
    copy="$scratch/$(basename "$journal")"
    awk '!done && /Income:.* -0\.[0-9]+/ { sub(/ -0\./, " -1."); done = 1 } { print }' "$journal" >"$copy"
    if "by_$tool" "$copy" >"$scratch/out" 2>&1; then
        echo "a tampered copy of $journal was accepted by $tool: an amount" >&2
        exit 1
    fi
    echo "tampered copy is rejected: $(basename "$journal") by $tool: an amount"
    awk '!done && /(account|open) Income/ { done = 1; next } { print }' "$journal" >"$copy"
    if "by_$tool" "$copy" >"$scratch/out" 2>&1; then
        echo "a tampered copy of $journal was accepted by $tool: an undeclared account" >&2
        exit 1
    fi
    echo "tampered copy is rejected: $(basename "$journal") by $tool: an undeclared account"
}

check hledger "$folder/hledger.journal"
check hledger "$folder/single-hledger.journal"
check ledger "$folder/ledger.journal"
check ledger "$folder/single-ledger.journal"
check beancount "$folder/journal.beancount"
check beancount "$folder/single-journal.beancount"
echo accepted
