"""Exported Parquet files against the view store: with DuckDB, and with pandas. Wrong is anything that differs.

compare.py VIEWS_SQLITE FILES EPOCH; FILES has a file for each view, and kinds.json: the type of each column.
"""

import json
import pathlib
import sqlite3
import sys

import duckdb
import pandas
import pyarrow.parquet

store, files, epoch = sys.argv[1], pathlib.Path(sys.argv[2]), sys.argv[3]
kinds = json.loads((files / "kinds.json").read_text())
DUCKDB = {
    "Text": "VARCHAR", "Json": "VARCHAR", "Int": "BIGINT", "Bool": "BOOLEAN", "Double": "DOUBLE",
    "Time": "TIMESTAMP WITH TIME ZONE",
}
PANDAS = {"Int": "Int64", "Bool": "boolean", "Double": "Float64"}


def expected(value, kind):
    """What SQLite has, as Python has it."""
    if value is None:
        return None
    return {"Bool": bool, "Time": lambda text: pandas.Timestamp(text)}.get(kind, lambda same: same)(value)


views = sqlite3.connect(f"file:{store}?mode=ro", uri=True)
duck = duckdb.connect()
duck.execute("SET TimeZone = 'UTC'")
rows_read = 0
for view, columns in kinds.items():
    file = files / f"{view}.parquet"
    cursor = views.execute(f"SELECT * FROM {view}")
    names = [column[0] for column in cursor.description]
    # The store's own columns, whatever their order; rows in any order.
    wanted = sorted((tuple(expected(v, columns[n]) for n, v in zip(names, row)) for row in cursor), key=repr)

    described = duck.execute(f"DESCRIBE SELECT * FROM '{file}'").fetchall()
    assert {row[0]: row[1] for row in described} == {n: DUCKDB[k] for n, k in columns.items()}, (view, described)
    quoted = ", ".join(f'"{name}"' for name in names)
    texts = ", ".join(
        f"strftime(\"{n}\", '%Y-%m-%dT%H:%M:%S.%gZ')" if columns[n] == "Time" else f'"{n}"' for n in names
    )
    found = duck.execute(f"SELECT {texts} FROM '{file}'").fetchall()
    found = sorted((tuple(expected(v, columns[n]) for n, v in zip(names, row)) for row in found), key=repr)
    assert found == wanted, (view, "DuckDB", [pair for pair in zip(found, wanted) if pair[0] != pair[1]][:1])

    about = {k.decode(): v.decode() for k, v in pyarrow.parquet.read_metadata(file).metadata.items()}
    assert about["millrace.epoch"] == epoch and about["millrace.view"] == view, about
    assert set(json.loads(about["millrace.columns"])) == set(columns), about
    frame = pandas.read_parquet(file, dtype_backend="numpy_nullable")
    for name, kind in columns.items():
        dtype = str(frame[name].dtype)
        right = PANDAS[kind] == dtype if kind in PANDAS else {"Time": "datetime64", "Text": "str", "Json": "str"}[kind] in dtype
        # A column of nothing but nulls has no type of its own in pandas.
        assert right or frame[name].isna().all(), (view, name, kind, dtype)
    frame = frame[names].astype(object).where(frame[names].notna(), None)
    found = sorted((tuple(row) for row in frame.itertuples(index=False, name=None)), key=repr)
    assert [repr(row) for row in found] == [repr(row) for row in wanted], (
        view, "pandas", [pair for pair in zip(found, wanted) if repr(pair[0]) != repr(pair[1])][:1],
    )
    rows_read += len(wanted)
print(f"{len(kinds)} views, {rows_read} rows: DuckDB and pandas read what the store holds")
