"""Speed of the project, as ratios to something simple that is measured in the same minute; compared with the committed reference.

Exit code 1 where a compared figure is more than 25 % worse than the reference.
"""

from __future__ import annotations

import argparse
import datetime
import importlib
import os
import sys
import tempfile
import time
from pathlib import Path

import figures

HERE = Path(__file__).resolve().parent
REFERENCE = HERE / "reference.csv"
RESULTS = HERE / "results"
SHORT = {"csv": "csv_to_store", "panels": "store_to_panels", "bytes": "bytes_per_row", "anomalies": "anomalies_on", "start": "start_up"}
LONG = {"size": "size_m", "prometheus": "prometheus_api"}
THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMEXPR_NUM_THREADS")


def main(arguments: list[str]) -> int:
    given = _parser().parse_args(arguments)
    names = given.only or [*SHORT, *(LONG if given.size == "M" else {})]
    # Ours and the peer on one thread each: CPU seconds are compared, and they must not depend on who else is here.
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    found: list[figures.Figure] = []
    with tempfile.TemporaryDirectory(prefix="analytics-benchmarks-", dir=given.work) as folder:
        for name in names:
            started = time.monotonic()
            print(f"{name} ...", end="", flush=True)
            (work := Path(folder) / name).mkdir()
            found += importlib.import_module((SHORT | LONG)[name]).run(work)
            print(f" {time.monotonic() - started:.0f} s", flush=True)
    reference = figures.read_reference(REFERENCE)
    print("\n" + figures.table(found, reference))
    figures.write_results(RESULTS / f"{datetime.datetime.now():%Y-%m-%d-%H%M%S}.csv", found)
    if given.update:
        figures.write_reference(REFERENCE, found)
        print(f"\n{REFERENCE.name} now holds these figures")
        return 0
    return _verdict(found, reference)


def _verdict(found: list[figures.Figure], reference: dict[str, float]) -> int:
    if not reference:
        print("\nno reference yet; make these figures it with --update")
        return 0
    said = figures.worse(found, reference)
    print("\n" + ("\n".join(said) if said else f"nothing is more than {figures.TOLERANCE:.0%} worse than the reference"))
    return 1 if said else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="benchmarks/run.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--only", action="append", choices=[*SHORT, *LONG], metavar="NAME", help=f"of {', '.join([*SHORT, *LONG])}; repeatable"
    )
    parser.add_argument("--size", choices=["S", "M"], default="S", help="M adds the long ones: 78 and 156 M rows, a real Prometheus")
    parser.add_argument("--update", action="store_true", help="make what is measured now the reference")
    parser.add_argument("--work", type=Path, default=None, metavar="FOLDER", help="where workloads lie for the time of the run (M: 2 GB)")
    return parser


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
