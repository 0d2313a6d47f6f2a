"""Roots of the log, by pymerkle 7.0.0: `merkle.py FOLDER`, where `foreign-inputs` has written."""

import sys
from pathlib import Path

from pymerkle import InmemoryTree

folder = Path(sys.argv[1])
leaves = [bytes.fromhex(line) for line in (folder / "leaves.txt").read_text().split()]
heads = dict(line.split() for line in (folder / "heads.txt").read_text().splitlines())


def must(holds, what):
    if not holds:
        sys.exit(f"error: {what}")


def tree_of(data):
    tree = InmemoryTree(algorithm="sha256")
    for leaf in data:
        tree.append_entry(leaf)
    return tree


tree = tree_of(leaves)
must(len(leaves) > 20 and len(heads) == len(leaves) + 1, "there is no log to look at")
for size in range(1, len(leaves) + 1):
    must(tree.get_root(size).hex() == heads[str(size)], f"pymerkle has another root of {size} receipts")
altered = leaves.copy()
altered[9] = bytes(32)
must(tree_of(altered).get_root().hex() != heads[str(len(leaves))], "pymerkle has the same root of an altered log")
print(f"pymerkle: the same roots of 1 to {len(leaves)} receipts, another one of an altered log")
