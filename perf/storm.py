#!/usr/bin/env python3
"""A storm of renders: twenty users, then thousands who all want tiles nobody has, then twenty again.

    perf/storm.py OUT [--users 3000] [--seconds 20] [--memory 256MiB] [--port 24500]

Is what cannot be done turned away early and by name, does health answer meanwhile, and is the server itself again at once? Exit
status 1 when not. The figures are in stress.md; --seconds is the length of each of the three parts.
"""
import argparse, pathlib, time

import dated_run as run

QUIET_USERS = 20
RECOVERY_S = 5
# A p95 of quiet users that is double what it was, or this, is good again.
GOOD_MS = 100
KIB_A_CONNECTION = 20


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--users", type=int, default=3000)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--memory", default="256MiB")
    parser.add_argument("--port", type=int, default=24500)
    a = parser.parse_args()
    house = run.House(a.out, a.port, count=4, size=6000, memory=a.memory)
    stages = [(0, QUIET_USERS), (a.seconds, QUIET_USERS), (1, a.users), (a.seconds, a.users), (1, QUIET_USERS), (a.seconds, QUIET_USERS)]
    flags = [word for length, users in stages for word in ("--stage", f"{length}s:{users}")]
    told = run.report(run.load("stress", house.address, "--admin", f"http://127.0.0.1:{a.port + 900}", "--hot-share", "0", "--pause", "0",
                               "--connections", "1", *flags, out=a.out))
    time.sleep(10)
    after = house.rss_mib()
    health = house.health()
    budget_mib, ended = health["memory"]["budget"] / run.MIB, run.stop(house.server)
    metrics, begun, over = told["metrics"], a.seconds, 2 * a.seconds + 2
    seconds = {row["second"]: row for row in told["seconds"]}
    quiet = [row["p95_ms"] for second, row in seconds.items() if 3 <= second < begun and row["p95_ms"] is not None]
    good_ms = max(GOOD_MS, 2 * sorted(quiet)[len(quiet) // 2])
    good = [second for second in sorted(seconds) if second >= over and seconds[second]["p95_ms"] is not None and seconds[second]["p95_ms"] <= good_ms
            and seconds[second]["failed"] == 0]
    recovered_s = good[0] - over if good else float("inf")
    storm = next(stage for stage in told["stages"] if stage["target"] == a.users and stage["to_s"] - stage["from_s"] > 1.5)["metrics"]
    failures = {name: seen["count"] for name, seen in told["failures"].items()}
    most = metrics["rss_mb.server"]
    limit = budget_mib + run.OVERHEAD_MIB + a.users * KIB_A_CONNECTION / 1024
    lines = [f"{QUIET_USERS} users, {a.users} for {a.seconds} s, {QUIET_USERS} again; no pauses, every tile asked for once. `--memory {a.memory}`.", "",
             f"In the storm {storm['http_req_failed']:.1%} of the requests were turned away, p50 {storm['http_req_duration.p50']:.0f} ms and p95 "
             f"{storm['http_req_duration.p95']:.0f} ms; failures in all: {failures or 'none'}. Before it the p95 was",
             f"{sorted(quiet)[len(quiet) // 2]:.0f} ms. Resident memory at most {most:.0f} MB, {after:.0f} MiB 10 s after the last request.",
             f"The queue turned {health['queue']['shed']} away; the server ended with {ended}.", ""]
    aims = run.Aims()
    aims.hold("what cannot be done is turned away by 503 and by nothing else", failures or "none", set(failures) <= {"overloaded"})
    aims.hold("the storm is more than the server can do", f"{storm['http_req_failed']:.3f}", storm["http_req_failed"] > 0)
    aims.hold(f"p95 at most {good_ms:.0f} ms and nothing fails within {RECOVERY_S} s after it", f"{recovered_s} s", recovered_s <= RECOVERY_S)
    aims.hold("health within 100 ms throughout", f"{metrics['health.max']:.0f} ms, {metrics['health.failed']:.0f} failed",
              metrics["health.max"] < 100 and metrics["health.failed"] == 0)
    aims.hold(f"resident memory at most {limit:.0f} MiB", f"{most:.0f}", most <= limit)
    aims.hold(f"back within {budget_mib + run.OVERHEAD_MIB:.0f} MiB", f"{after:.0f}", after <= budget_mib + run.OVERHEAD_MIB)
    aims.finish(a.out, "A storm of renders", lines, "storm", {"recovered_s": recovered_s, "good_ms": good_ms, "after_mib": after, "failures": failures})


if __name__ == "__main__":
    main()
