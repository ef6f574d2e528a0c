#!/usr/bin/env bash
# Where a tile's time goes, on one core: each stage alone (criterion), and whole tiles by stage beside what nobody can do
# without: to inflate each touched block once, and to encode the picture. Needs the scenes that perf/bench.sh makes. Leaves
# raw results, machine, commit and command in perf/runs/.
#
#   SCENES=DIR   one folder a kind of scene (default .cache/bench/scenes)   TILES=500   MEMORY_MIB=192   CORE=1
set -euo pipefail
cd "$(dirname "$0")/.."
scenes=$(realpath "${SCENES:-.cache/bench/scenes}")
tiles=${TILES:-500} memory=${MEMORY_MIB:-192} core=${CORE:-1}
cargo build --release --locked --workspace --example stages
cargo bench --locked --workspace --bench stages --no-run
# The server's allocator has the same settings (server/src/allocator.rs).
export _RJEM_MALLOC_CONF=narenas:1,dirty_decay_ms:50,muzzy_decay_ms:0,cache_oblivious:false
run=perf/runs/$(date -u +%Y-%m-%d)-stages
mkdir -p "$run"
for kind in u16d u8d u8z; do
    scene=$(find "$scenes/$kind" -name '*.tif' | sort | head -n 1)
    echo "· $kind: $tiles tiles"
    taskset -c "$core" target/release/examples/stages "$scene" "$tiles" 1 "$memory" | tee "$run/$kind.txt"
done
SCENES=$scenes taskset -c "$core" cargo bench --locked --workspace --bench stages -- \
    --warm-up-time 0.5 --measurement-time 1 --noplot | tee "$run/criterion.txt"
{
    echo "# A tile by stage, on one core"
    echo
    echo "Machine: $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), $(uname -r). Commit: $(git describe --always --dirty)."
    echo "Command: perf/stages.sh with TILES=$tiles MEMORY_MIB=$memory. Scenes: those of perf/bench.sh."
    echo
    echo "\`KIND.txt\`: random tiles of all zooms, each once, first with no block decoded, then again. \`criterion.txt\`: each stage alone."
} > "$run/README.md"
