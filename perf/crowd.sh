#!/bin/bash
# A crowd at a server that may hold so many descriptors, with the load tool beside it: for the raw runs under perf/runs.
#
#   perf/crowd.sh OUT DESCRIPTORS [FLAGS OF aurora-perf stress…]
#   perf/crowd.sh perf/runs/DATE-crowd 20000 --profile brief        25,000 users, 240 s
#   perf/crowd.sh /tmp/out 2000 --profile nightly                   2,500 users, 48 s
#
# Makes four scenes, serves them from their COGs, carries the load, waits 30 s, and leaves the tool's report, the server's
# log, a look at the server every second (watch.csv) and a README in OUT. Its exit status is 1 when a threshold fails, the
# server lacked descriptors or ended badly, held more than MOST_MIB (600), or did not come back to its budget and overhead.
# MEMORY (256MiB) and PORT (24000) may be set; SLOWER=1 asks for no speed at the peak, where users are far more than descriptors.
# LOG=json keeps the server's access log while it runs and leaves what `analyze` makes of it (analyze.md), not the log itself.
# Programs are taken from target/release.
set -euo pipefail
out=$1 descriptors=$2; shift 2
here=$(cd "$(dirname "$0")/.." && pwd)
programs=${PROGRAMS:-$here/target/release} memory=${MEMORY:-256MiB} port=${PORT:-24000} form=${LOG:-text} most_mib=${MOST_MIB:-600}
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
    --indexer "http://127.0.0.1:$indexer" --memory "$memory" --log "$form") 2>"$out/server.log" & server=$!; started+=($server)
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

limits=(--threshold 'served_first_try_share>=0.99' --threshold 'served_share>=0.9999' --threshold 'health.max<100'
    --threshold 'health.failed<=0')
[ -n "${SLOWER:-}" ] || limits+=(--threshold 'goodput_peak_share>=0.8' --threshold 'peak.http_req_duration.p95<8000')
status=0
"$programs/aurora-perf" stress --server "http://127.0.0.1:$port" --admin "http://127.0.0.1:$admin" --out "$out" \
    "${limits[@]}" "$@" >/dev/null 2>"$out/tool.log" || status=$?
sleep 30
after=$(tail -1 "$out/watch.csv" | cut -d, -f2)
health=$(curl -s "http://127.0.0.1:$admin/health")
told() { grep -o "\"$1\":[0-9]*" <<<"$health" | head -n 1 | cut -d: -f2; }
kill "$server"; wait "$server" && ended=0 || ended=$?
if [ "$form" = json ]; then
    # Of a log of a gigabyte only what is no request is left.
    "$programs/aurora-perf" analyze "$out/server.log" --load "$out/stress.json" --out "$out" >/dev/null 2>>"$out/tool.log" || status=1
    grep -v '"target":"access"' "$out/server.log" >"$out/server.log.rest" || true
    mv "$out/server.log.rest" "$out/server.log"
fi
failures=$(grep -c -i -e 'accept failed' -e 'too many open files' "$out/server.log" || true)
highest=$(cut -d, -f2 "$out/watch.csv" | grep -v rss | sort -n | tail -1)
budget_mib=$(($(told budget) >> 20)) overhead_mib=29
verdict() { [ "$2" -le "$3" ] && echo "| $1 at most $3 | $2 | held |" || { echo "| $1 at most $3 | $2 | **missed** |"; return 1; }; }
verdicts=$(verdict "MiB resident" "$highest" "$most_mib") || status=1
verdicts+=$'\n'$(verdict "MiB resident 30 s after" "$after" $((budget_mib + overhead_mib))) || status=1
verdicts+=$'\n'$(verdict "failed accepts or lacks of descriptors" "$failures" 0) || status=1
verdicts+=$'\n'$(verdict "exit status of the server" "$ended" 0) || status=1
cat >"$out/README.md" <<README
# A crowd at $descriptors descriptors

$(date -u +%Y-%m-%d), commit $(git -C "$here" describe --always --dirty), $(awk -F': ' '/model name/ {print $2; exit}' /proc/cpuinfo),
$(nproc) cores, server and tool on the same ones. Command: \`perf/crowd.sh OUT $descriptors $*\` with \`MEMORY=$memory LOG=$form${SLOWER:+ SLOWER=1}\`.

The figures are in [stress.md](stress.md); [watch.csv](watch.csv) looks at the server each second. Highest resident memory
$(cut -d, -f2 "$out/watch.csv" | sort -n | tail -1) MiB, $after MiB 30 s after the load; most descriptors
$(cut -d, -f3 "$out/watch.csv" | sort -n | tail -1); most clients waiting outside $(tail -n +2 "$out/watch.csv" | cut -d, -f4 | sort -n | tail -1). The server
logged $failures failed accepts or lacks of descriptors, and ended with $ended. Its render threads were busy for $(told busy_ms) ms, $(told wasted_ms) ms
of that for renders whose requesters had gone before they were done.$([ "$form" = text ] || echo "
What its access log tells is in [analyze.md](analyze.md); with it on, the server did less than without.")

| beside the thresholds in stress.md | | |
|---|---|---|
$verdicts
README
exit $status
