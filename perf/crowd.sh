#!/bin/bash
# A crowd at a server that may hold so many descriptors, with the load tool beside it: for the raw runs under perf/runs.
#
#   perf/crowd.sh OUT DESCRIPTORS [FLAGS OF aurora-perf stress…]
#   perf/crowd.sh perf/runs/DATE-crowd 20000 --profile brief        25,000 users, 240 s
#   perf/crowd.sh /tmp/out 2000 --profile nightly                   2,500 users, 48 s
#
# Makes four scenes, serves them from their COGs, carries the load, waits 30 s, and leaves the tool's report, the server's
# log, a look at the server every second (watch.csv) and a README in OUT. Its exit status is the tool's: 1 when a threshold
# fails. MEMORY (256MiB) and PORT (24000) may be set. Programs are taken from target/release.
set -euo pipefail
out=$1 descriptors=$2; shift 2
here=$(cd "$(dirname "$0")/.." && pwd)
programs=${PROGRAMS:-$here/target/release} memory=${MEMORY:-256MiB} port=${PORT:-24000}
admin=$((port + 900)) indexer=$((port + 80))
work=$(mktemp -d); mkdir -p "$out"
started=()
trap 'kill "${started[@]}" 2>/dev/null || true; wait || true; rm -rf "$work"' EXIT

"$programs/aurora-fixtures" scene --out "$work/root" --count 4 --size 4000 >/dev/null
"$programs/aurora-indexer" --root "$work/root" --results "$work/results" --state "$work/state" \
    --listen "127.0.0.1:$indexer" --settle 1s 2>"$work/indexer.log" & started+=($!)
for _ in $(seq 120); do
    [ "$(find "$work/results" -name '*_light.tif' 2>/dev/null | wc -l)" -ge 4 ] && break
    sleep 1
done
sleep 2
(ulimit -n "$descriptors"; exec "$programs/aurora-server" --listen "127.0.0.1:$port" --admin-listen "127.0.0.1:$admin" \
    --indexer "http://127.0.0.1:$indexer" --memory "$memory") 2>"$out/server.log" & server=$!; started+=($server)
sleep 3

look() {
    echo seconds,rss_mib,descriptors,waiting_outside
    while rss=$(awk '/VmRSS/ {print int($2 / 1024)}' "/proc/$server/status" 2>/dev/null) && [ -n "$rss" ]; do
        local waiting; waiting=$(ss -Hltn "sport = :$port" | awk '{sum += $2} END {print sum + 0}')
        echo "$SECONDS,$rss,$(find "/proc/$server/fd" -mindepth 1 2>/dev/null | wc -l),$waiting"
        sleep 1
    done
}
SECONDS=0; look >"$out/watch.csv" & started+=($!)

status=0
"$programs/aurora-perf" stress --server "http://127.0.0.1:$port" --admin "http://127.0.0.1:$admin" --out "$out" \
    --threshold 'served_first_try_share>=0.99' --threshold 'served_share>=0.9999' --threshold 'health.max<100' \
    --threshold 'health.failed<=0' "$@" >/dev/null 2>"$out/tool.log" || status=$?
sleep 30
after=$(tail -1 "$out/watch.csv" | cut -d, -f2)
health=$(curl -s "http://127.0.0.1:$admin/health")
told() { grep -o "\"$1\":[0-9]*" <<<"$health" | cut -d: -f2; }
kill "$server"; wait "$server" && ended=0 || ended=$?
failures=$(grep -c -i -e 'accept failed' -e 'too many open files' "$out/server.log" || true)
cat >"$out/README.md" <<README
# A crowd at $descriptors descriptors

$(date -u +%Y-%m-%d), commit $(git -C "$here" describe --always --dirty), $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo),
$(nproc) cores, server and tool on the same ones. Command: \`perf/crowd.sh OUT $descriptors $*\` with \`MEMORY=$memory\`.

The figures are in [stress.md](stress.md); [watch.csv](watch.csv) looks at the server each second. Highest resident memory
$(cut -d, -f2 "$out/watch.csv" | sort -n | tail -1) MiB, $after MiB 30 s after the load; most descriptors
$(cut -d, -f3 "$out/watch.csv" | sort -n | tail -1); most clients waiting outside $(tail -n +2 "$out/watch.csv" | cut -d, -f4 | sort -n | tail -1). The server
logged $failures failed accepts or lacks of descriptors, and ended with $ended. Its render threads were busy for $(told busy_ms) ms, $(told wasted_ms) ms
of that for renders whose requesters had gone before they were done.
README
exit $status
