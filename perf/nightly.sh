#!/usr/bin/env bash
# Every aim under load, at a size for a night: minutes where the dated runs take hours. Each part judges itself; all are run, and
# the exit status is 1 when one missed its aim. Programs are taken from target/release.
#
#   perf/nightly.sh [OUT] [PART…]     all parts, or those named; reports in OUT/PART (.cache/nightly/DATE by default)
#
# Needs two cores and root (control groups). The part `agree` needs wrk and k6 (K6=…) and counts as missed without them.
set -uo pipefail
cd "$(dirname "$0")/.."
out=${1:-.cache/nightly/$(date -u +%Y-%m-%dT%H%M)}
[ $# -gt 0 ] && shift
mkdir -p "$out"

crowd-20000() { LOG=json PORT=24000 perf/crowd.sh "$1" 20000 --profile nightly; }
crowd-1024() { SLOWER=1 PORT=24000 perf/crowd.sh "$1" 1024 --profile nightly; }
crowd-256() { SLOWER=1 PORT=24000 perf/crowd.sh "$1" 256 --stage 0s:50 --stage 5s:2000 --stage 30s:2000 --stage 5s:0 --timeout 60; }
storm() { perf/storm.py "$1" --users 2000 --seconds 10; }
protocol() { perf/commands.py "$1" protocol --limit 1,2GB; }
memory() { perf/memory.py "$1" --scenes 120 --tiles 200; }
fair() { perf/fair.py "$1" --rounds 3; }
hostile() { perf/hostile.py "$1" --many 4000; }
hang() { perf/hang.py "$1"; }
handover() { perf/handover.py "$1"; }
agree() { perf/agree.py "$1"; }
compare() { perf/commands.py "$1" compare; }
capacity() { perf/commands.py "$1" capacity --hold 8; }

parts=${*:-crowd-20000 crowd-1024 crowd-256 storm protocol memory fair hostile hang handover agree compare capacity}
missed=()
for part in $parts; do
    echo "· $part"
    mkdir -p "$out/$part"
    if ! "$part" "$out/$part" >"$out/$part.log" 2>&1; then
        missed+=("$part")
        grep -h 'missed\*\*\|failed\*\*' "$out/$part"/*.md 2>/dev/null || tail -n 5 "$out/$part.log"
    fi
done
if [ ${#missed[@]} -gt 0 ]; then
    echo "missed: ${missed[*]}; see $out"
    exit 1
fi
echo "all held; see $out"
