#!/usr/bin/env bash
# Tiles a second on one core, each tile asked once, from a cold start: Aurora beside TiTiler on the same files,
# interleaved, so that a slow spell of the machine hits both alike. Leaves raw results, machine, commit and command in
# perf/runs/. Needs two cores (one serves, one asks), root for pinning, and the comparison scripts in BASELINE.
#
#   BASELINE=DIR   the comparison scripts (default ../shared/baseline)
#   TARGETS="…"    entries of their targets.json   ROUNDS=3   SECS=12   VARIANTS="u16d u8d u8z"
set -euo pipefail
cd "$(dirname "$0")/.."
baseline=${BASELINE:-../shared/baseline}
targets=${TARGETS:-titiler-local aurora-local aurora-local-64}
rounds=${ROUNDS:-3} seconds=${SECS:-12} variants=${VARIANTS:-u16d u8d u8z}
if [ ! -f "$baseline/throughput.py" ]; then
    echo "no comparison scripts at $baseline; set BASELINE to their folder" >&2
    exit 2
fi

work=${BENCH_WORK:-.cache/bench}
mkdir -p "$work"
cp -ru --no-preserve=mode "$baseline/." "$work/"
[ -d "$work/venv" ] || bash "$work/setup.sh"
[ -f "$work/scenes/scenes.json" ] || (cd "$work" && ./venv/bin/python make_scene.py scenes)

AURORA_BIN=$(realpath target/release)
export AURORA_BIN
run=perf/runs/$(date -u +%Y-%m-%dT%H%M)-tiles
mkdir -p "$run"
for round in $(seq "$rounds"); do
    for variant in $variants; do
        for target in $targets; do
            echo "· round $round, $variant, $target"
            (cd "$work" && ./venv/bin/python throughput.py --target "$target" --variant "$variant" \
                --seconds "$seconds" --conns 16 --modes "${MODES:-random}" --out last.json >/dev/null)
            cp "$work/last.json" "$run/$round-$variant-$target.json"
        done
    done
done
python3 perf/summarise.py "$run" "$rounds × $seconds s, variants $variants: perf/bench.sh" | tee "$run/README.md"
