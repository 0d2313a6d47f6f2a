"""Writes the table of a Parquet file again, with pyarrow, as Parquet and as CSV, and says how long each took: what
`--example million` is held against. Reading the table into memory is not counted.

`python beside_pyarrow.py FILE.parquet FOLDER`
"""

import pathlib
import resource
import sys
import time

import pyarrow.csv
import pyarrow.parquet

table = pyarrow.parquet.read_table(sys.argv[1])
folder = pathlib.Path(sys.argv[2])
print(f"{table.num_rows} rows, {table.num_columns} columns")


def measured(name, write):
    wall, cpu = time.perf_counter(), time.process_time()
    write(folder / name)
    wall, cpu = time.perf_counter() - wall, time.process_time() - cpu
    print(f"{name}: {wall:.1f} s, {cpu:.1f} s of processor, {(folder / name).stat().st_size} bytes")


measured("pyarrow.parquet", lambda path: pyarrow.parquet.write_table(table, path))
measured("pyarrow.csv", lambda path: pyarrow.csv.write_csv(table, path))
print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss} KiB, the table included")
