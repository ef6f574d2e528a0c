#!/usr/bin/env python3
"""One scene's ingest by aurora-infer beside GDAL's own COG of it, interleaved.

    perf/ingest.py OUT [--raster FILE] [--size 8000] [--rounds 4]

Without --raster it draws one of SIZE pixels square. Rounds take `gdal_translate -of COG` with all cores and GDAL's own choice of
compression, the same with the options that aurora-infer uses, and aurora-infer, whose log says what each stage took. Needs gdal_translate.
Writes ingest.json and README.md.
"""
import argparse, json, os, pathlib, statistics, subprocess, time

import dated_run as run

GDAL = ["gdal_translate", "-q", "-of", "COG", "-co", "NUM_THREADS=ALL_CPUS"]
OURS = ["-co", "COMPRESS=ZSTD", "-co", "LEVEL=1", "-co", "PREDICTOR=YES", "-a_nodata", "0"]
MOST_DETECTION_S, MOST_MIB = 5, 512


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out")
    parser.add_argument("--raster")
    parser.add_argument("--size", type=int, default=8000)
    parser.add_argument("--rounds", type=int, default=4)
    a = parser.parse_args()
    folder = run.scratch()
    raster = pathlib.Path(a.raster) if a.raster else run.draw(folder, 1, a.size)[0]
    raster.read_bytes()  # All of them find it in the page cache.
    ways = {
        "gdal": lambda out: [*GDAL, raster, out / "cog.tif"],
        "gdal_same": lambda out: [*GDAL, *OURS, raster, out / "cog.tif"],
        "infer": lambda out: [run.PROGRAMS / "aurora-infer", raster, "--out", out, "--log", "json"],
    }
    rounds = []
    for number in range(a.rounds):
        rounds.append({name: measured(way, folder / f"{number}-{name}") for name, way in ways.items()})
        print(json.dumps(rounds[-1]), flush=True)
    report(a, rounds)


def measured(way, out):
    """Seconds, peak RSS, and what our program says of its stages."""
    out.mkdir()
    began = time.monotonic()
    process = subprocess.Popen([str(word) for word in way(out)], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    log = process.stdout.read()
    _, status, usage = os.wait4(process.pid, 0)
    assert status == 0, log
    stages = {}
    for line in filter(lambda line: line.startswith("{"), log.splitlines()):
        event = json.loads(line)
        fields = event.get("fields", event)
        if "stage" in fields:
            stages[fields["stage"]] = fields["seconds"]
    return {"s": time.monotonic() - began, "peak_mib": usage.ru_maxrss / 1024, "stages_s": stages}


def report(a, rounds):
    median = lambda values: statistics.median(values)
    of = lambda name, key: median([row[name][key] for row in rounds])
    stage = lambda *names: median([sum(row["infer"]["stages_s"][name] for name in names) for row in rounds])
    cog_s, detection_s = stage("cog"), stage("survey", "detect")
    peak_mib = max(row["infer"]["peak_mib"] for row in rounds)
    shown = f"{a.size}² uint16" if not a.raster else "the raster that was given"
    lines = [
        f"One scene, {shown}, in the page cache; medians of {a.rounds} interleaved rounds.\n",
        "| | COG s | survey and detection s | all s | peak RSS MiB |", "|---|---|---|---|---|",
        f"| `gdal_translate -of COG`, all cores | {of('gdal', 's'):.2f} | | | {of('gdal', 'peak_mib'):.0f} |",
        f"| the same with our options | {of('gdal_same', 's'):.2f} | | | {of('gdal_same', 'peak_mib'):.0f} |",
        f"| `aurora-infer` | {cog_s:.2f} | {detection_s:.2f} | {of('infer', 's'):.2f} | {of('infer', 'peak_mib'):.0f} |\n",
    ]
    aims = run.Aims()
    aims.hold("COG no slower than `gdal_translate -of COG`", f"{cog_s / of('gdal', 's'):.2f} of its time", cog_s <= of("gdal", "s"))
    aims.hold(f"survey and detection under {MOST_DETECTION_S} s", f"{detection_s:.2f} s", detection_s < MOST_DETECTION_S)
    aims.hold(f"under {MOST_MIB} MiB resident", f"{peak_mib:.0f} MiB", peak_mib < MOST_MIB)
    aims.finish(a.out, "One scene's ingest beside GDAL", lines, "ingest", {"rounds": rounds})


if __name__ == "__main__":
    main()
