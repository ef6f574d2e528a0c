#!/usr/bin/env python3
"""Does one greedy client slow another down? p95 of a user with six connections, alone and beside a client with thousands.

    perf/fair.py OUT --server http://127.0.0.1:8080 [--greedy 2000] [--rounds 3] [--seconds 5]

Quiet and crowded rounds in turn, both from source addresses of their own on loopback; the greedy client's process is nice,
so that it competes at the server and not for the processor of the tool that measures. Writes fair.json and README.md.
"""
import argparse, json, os, pathlib, platform, statistics, subprocess, tempfile

PERF = os.environ.get("AURORA_PERF", "target/release/aurora-perf")


def stress(server, seconds, flags, nice=0):
    folder = tempfile.mkdtemp()
    command = ["nice", f"-n{nice}", PERF, "stress", "--server", server, "--for", str(seconds), "--out", folder, *flags]
    return folder, subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)


def metrics(folder, process):
    process.wait()
    return json.loads(pathlib.Path(folder, "stress.json").read_text())["metrics"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--server", default="http://127.0.0.1:8080")
    parser.add_argument("--greedy", type=int, default=2000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--seconds", type=int, default=5)
    a = parser.parse_args()
    user = ["--users", "6", "--source", "127.0.0.2", "--threads", "1", "--seed", "2"]
    greedy = ["--users", str(a.greedy), "--pause", "0", "--source", "127.0.0.3", "--threads", "1", "--seed", "3"]
    rounds = []
    for _ in range(a.rounds):
        row = {"quiet": metrics(*stress(a.server, a.seconds, user))}
        beside = stress(a.server, a.seconds + 5, greedy, nice=19)
        subprocess.run(["sleep", "3"], check=True)
        row["beside"] = metrics(*stress(a.server, a.seconds, user))
        row["greedy"] = metrics(*beside)
        keep = ("http_req_duration.p50", "http_req_duration.p95", "http_reqs.rate", "http_req_failed")
        rounds.append({name: {key: row[name].get(key, 0.0) for key in keep} for name in row})
        print(rounds[-1], flush=True)
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "fair.json").write_text(json.dumps(rounds, indent=1) + "\n")
    median = lambda who, key: statistics.median(row[who][key] for row in rounds)
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    lines = ["# One greedy client beside a user\n",
             f"Machine: {cpu}, {os.cpu_count()} cores, {platform.release()}. Commit: {commit}. Command: perf/fair.py, {a.rounds} rounds of",
             f"{a.seconds} s in turn, {a.greedy} connections of the greedy client. Medians over the rounds.\n",
             "| | p50 ms | p95 ms | requests/s | failed |", "|---|---|---|---|---|"]
    for who, name in (("quiet", "user alone"), ("beside", "user beside"), ("greedy", "greedy client")):
        lines.append(f"| {name} | {median(who, 'http_req_duration.p50'):.2f} | {median(who, 'http_req_duration.p95'):.2f} | "
                     f"{median(who, 'http_reqs.rate'):.0f} | {median(who, 'http_req_failed'):.5f} |")
    ratios = [row["beside"]["http_req_duration.p95"] / row["quiet"]["http_req_duration.p95"] for row in rounds]
    lines.append(f"\np95 beside by p95 alone: {statistics.median(ratios):.2f} ({min(ratios):.2f}–{max(ratios):.2f}).")
    (a.out / "README.md").write_text("\n".join(lines) + "\n")
    print((a.out / "README.md").read_text())


if __name__ == "__main__":
    main()
