"""Writes the README of a dated bench run: machine, commit, command and the medians over its rounds.

Usage: summarise.py RUN_FOLDER COMMAND. Reads the `ROUND-VARIANT-TARGET.json` files of perf/bench.sh; each holds a list
of rows with rate, CPU a tile and memory.
"""
import collections
import json
import pathlib
import statistics
import sys

import dated_run as run

folder, command = pathlib.Path(sys.argv[1]), sys.argv[2]
print(f"# Tiles a second on one core\n\n{run.machine()} Command: {command}.\n")
print("16 connections; `random`: each tile is asked once, from a cold start; `hot`: one tile again and again. "
      "Medians over the rounds (lowest–highest).\n")
groups = collections.defaultdict(list)
for path in sorted(folder.glob("*.json")):
    _, variant, target = path.stem.split("-", 2)
    for row in json.loads(path.read_text()):
        groups[variant, row["mode"], target].append(row)
print("| files | tiles | server | tiles/s | CPU ms a tile | RSS MB after | mean kB | failed |\n|---|---|---|---|---|---|---|---|")
for (variant, mode, target), rows in groups.items():
    def column(name):
        return [row.get(name) or 0 for row in rows]
    rates = column("rps")
    failed = sum(sum(column(name)) for name in ("bad", "empty", "connect", "read", "write", "timeout"))
    kilobytes = [row["MBps"] * 1000 / row["rps"] for row in rows if row["rps"]]
    print(f"| {variant} | {mode} | {target} | {statistics.median(rates):.0f} ({min(rates):.0f}–{max(rates):.0f}) "
          f"| {statistics.median(column('cpu_ms_per_tile')):.2f} | {statistics.median(column('rss_end')):.0f} "
          f"| {statistics.median(kilobytes or [0]):.1f} | {failed} |")
