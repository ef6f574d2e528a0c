#!/usr/bin/env bash
# Tiles a second on one core, each tile asked once, from a cold start: Aurora beside TiTiler on the same files,
# interleaved, so that a slow spell of the machine hits both alike. Leaves raw results, machine, commit and command in
# perf/runs/. Needs two cores (one serves, one asks), root for pinning, and the comparison scripts in BASELINE.
#
#   BASELINE=DIR   the comparison scripts (default ../shared/baseline)
#   TARGETS="…"    entries of their targets.json   ROUNDS=3   SECS=12   VARIANTS="u16d u8d u8z"
#
# One tile again and again, beside the same listener with a constant body of the tile's size (server/examples/constant.rs):
#   MODES=hot TARGETS="aurora-local constant" VARIANTS=u8d perf/bench.sh
# The Rust peer of targets.json (PEER_BIN and PEER_DATA_PARENT are its program and the folder it runs in):
#   TARGETS="rust-peer aurora-local" perf/bench.sh
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
BODY_BYTES=30000
export AURORA_BIN BODY_BYTES
if [[ " $targets " == *" constant "* ]]; then
    cargo build --release --locked --workspace --example constant
fi
python3 - "$work/targets.json" "$work/all-targets.json" <<'PY'
import json, sys
targets = json.load(open(sys.argv[1]))
targets["constant"] = {
    "port": 8103, "core": 0,
    "cmd": ["${AURORA_BIN}/examples/constant", "127.0.0.1:{port}", "${BODY_BYTES}"],
    "ready": "http://127.0.0.1:{port}/", "tile": "http://127.0.0.1:{port}/{z}/{x}/{y}.png",
}
json.dump(targets, open(sys.argv[2], "w"), indent=1)
PY
run=perf/runs/$(date -u +%Y-%m-%dT%H%M)-tiles
mkdir -p "$run"
for round in $(seq "$rounds"); do
    for variant in $variants; do
        for target in $targets; do
            echo "· round $round, $variant, $target"
            (cd "$work" && ./venv/bin/python throughput.py --targets all-targets.json --target "$target" --variant "$variant" \
                --seconds "$seconds" --conns 16 --modes "${MODES:-random}" --out last.json >/dev/null)
            cp "$work/last.json" "$run/$round-$variant-$target.json"
            # What a constant body is to be as long as: an answer of the target before it.
            BODY_BYTES=$(python3 -c 'import json, sys; row = json.load(open(sys.argv[1]))[-1]
print(round(row["MBps"] * 1e6 / row["rps"]))' "$work/last.json")
        done
    done
done
python3 perf/summarise.py "$run" "$rounds × $seconds s, variants $variants: perf/bench.sh" | tee "$run/README.md"
