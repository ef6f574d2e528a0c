#!/usr/bin/env python3
"""Does one greedy client slow another down? p95 of a user with six connections, alone and beside a client with thousands.

    perf/fair.py OUT [--greedy 2000] [--rounds 4] [--seconds 20] [--port 24000]

The server has core 0 for itself; both tools share core 1, which the one that measures gets whenever it wants it (real-time
priority; it wants it seldom), so that they compete at the server and not for the processor of the tool that measures. Quiet and crowded rounds in turn. Each client looks at a scene of its own, so that
the server's access log tells their requests apart: what it took for the user there stands beside what the user waited, and shows
which side the waiting is on. Exit status 1 when the median of p95 beside by p95 alone is above --most. Needs two cores and root.
"""
import argparse, collections, datetime, json, pathlib, statistics, time

import dated_run as run

FIGURES = ("http_req_duration.p50", "http_req_duration.p95", "http_reqs.rate", "http_req_failed")


def quantile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))] if ordered else 0.0


def server_side(log, scene_id, spans):
    """p50 and p95 in ms that the server took for a scene's tiles, for each of the spans of time (from, to)."""
    took = collections.defaultdict(list)
    for line in log.open(errors="replace"):
        if f"/scenes/{scene_id}/" not in line or '"duration_ms"' not in line:
            continue
        row = json.loads(line)
        at = datetime.datetime.fromisoformat(row["timestamp"].replace("Z", "+00:00")).timestamp()
        for number, (begun, ended) in enumerate(spans):
            if begun <= at <= ended:
                took[number].append(row["duration_ms"])
    return [{"requests": len(took[number]), "p50": quantile(took[number], 0.5), "p95": quantile(took[number], 0.95)}
            for number in range(len(spans))]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--greedy", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--port", type=int, default=24000)
    parser.add_argument("--most", type=float, default=2.0, help="highest ratio that is fair")
    a = parser.parse_args()
    house = run.House(a.out, a.port, count=2, size=4000, core=0, log="json")
    mine, theirs = house.scenes()[:2]
    user = ["--users", "6", "--source", "127.0.0.2", "--threads", "1", "--seed", "2", "--scene", mine, "--hot-share", "1"]
    greedy = ["--users", str(a.greedy), "--pause", "0", "--source", "127.0.0.3", "--threads", "1", "--seed", "3", "--scene", theirs]

    def measured(flags, seconds, nice=0):
        return run.load("stress", house.address, "--for", str(seconds), *flags, core=1, nice=nice, at_once=nice == 0)

    run.report(measured(user, 3))  # The hot tiles are cached before anything counts.
    rounds, spans = [], []
    for _ in range(a.rounds):
        row = {}
        for who in ("quiet", "beside"):
            crowd = measured(greedy, a.seconds + 8, nice=19) if who == "beside" else None
            time.sleep(4 if crowd else 1)
            begun = time.time()
            metrics = run.report(measured(user, a.seconds))["metrics"]
            spans.append((begun, time.time()))
            row[who] = {key: metrics.get(key, 0.0) for key in FIGURES}
            if crowd:
                metrics = run.report(crowd)["metrics"]
                row["greedy"] = {key: metrics.get(key, 0.0) for key in FIGURES}
        rounds.append(row)
        print(row, flush=True)
    run.stop(house.server)
    for who, scene_id in (("user", mine), ("greedy", theirs)):
        for number, told in enumerate(server_side(house.server_log, scene_id, spans)):
            row = rounds[number // 2]
            if who == "user":
                row[("quiet", "beside")[number % 2]]["at_server"] = told
            elif number % 2:
                row["greedy"]["at_server"] = told
    house.server_log.unlink()  # Hundreds of megabytes.

    def median(who, key):
        return statistics.median(row[who][key] for row in rounds)

    def at_server(who, key):
        return statistics.median(row[who]["at_server"][key] for row in rounds)
    lines = [f"{a.rounds} rounds of {a.seconds} s in turn, {a.greedy} connections of the greedy client; the server on core 0, both tools on",
             "core 1. Medians over the rounds; milliseconds. *At the server*: what its access log tells of the same requests.", "",
             "| | p50 | p95 | at the server p50 | p95 | requests/s | failed |", "|---|---|---|---|---|---|---|"]
    for who, name in (("quiet", "user alone"), ("beside", "user beside"), ("greedy", "greedy client")):
        lines.append(f"| {name} | {median(who, 'http_req_duration.p50'):.2f} | {median(who, 'http_req_duration.p95'):.2f} | "
                     f"{at_server(who, 'p50'):.2f} | {at_server(who, 'p95'):.2f} | {median(who, 'http_reqs.rate'):.0f} | "
                     f"{median(who, 'http_req_failed'):.5f} |")
    ratios = [row["beside"]["http_req_duration.p95"] / row["quiet"]["http_req_duration.p95"] for row in rounds]
    inside = [row["beside"]["at_server"]["p95"] / max(row["quiet"]["at_server"]["p95"], 1e-3) for row in rounds]
    lines.append(f"\np95 beside by p95 alone: {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}); the same at the server "
                 f"{statistics.median(inside):.2f} ({min(inside):.2f}–{max(inside):.2f}).")
    aims = run.Aims()
    aims.hold(f"p95 beside at most {a.most:g} × p95 alone", f"{statistics.median(ratios):.2f}", statistics.median(ratios) <= a.most)
    failed = max(row[who]["http_req_failed"] for row in rounds for who in ("quiet", "beside"))
    aims.hold("no request of the user fails", f"{failed:.5f}", failed == 0)
    aims.finish(a.out, "One greedy client beside a user", lines, "fair", rounds)


if __name__ == "__main__":
    main()
