"""Do aurora-perf's figures agree with those of wrk and k6? Five interleaved rounds at a fixed rate against one target.

Usage: agree.py OUT_FOLDER [--url URL] [--rate 100] [--seconds 6] [--rounds 5]
Without --url it starts a target of its own whose answers take 10 to 50 ms, so that the tools and not the target are
compared. Needs `wrk`, `k6` (K6=…) and target/release/aurora-perf (AURORA_PERF=…). Writes agreement.json and README.md.
"""
import argparse
import asyncio
import json
import os
import pathlib
import platform
import statistics
import subprocess
import tempfile
import threading

PERF = os.environ.get("AURORA_PERF", "target/release/aurora-perf")
K6 = os.environ.get("K6", "k6")
WRK_USERS, WRK_PAUSE_MS = 10, 50

K6_SCRIPT = """
import http from 'k6/http';
export const options = { discardResponseBodies: true, summaryTrendStats: ['avg', 'med', 'p(95)'], scenarios: { s: {
  executor: 'constant-arrival-rate', rate: %d, timeUnit: '1s', duration: '%ds', preAllocatedVUs: 50, maxVUs: 200 } } };
export default function () { http.get('%s'); }
"""
WRK_SCRIPT = """
function delay() return %d end
function done(s, l, r) io.write(string.format('JSON {"reqs":%%d,"p50":%%f,"p95":%%f,"avg":%%f,"us":%%d}\\n', s.requests,
  l:percentile(50) / 1000, l:percentile(95) / 1000, l.mean / 1000, s.duration)) end
"""


class Target:
    """Answers after 10 to 50 ms, the same sequence in every round."""

    def __init__(self):
        self.loop = asyncio.new_event_loop()
        self.count = 0
        server = self.loop.run_until_complete(asyncio.start_server(self.serve, "127.0.0.1", 0, backlog=1024))
        self.url = "http://127.0.0.1:%d/tile" % server.sockets[0].getsockname()[1]
        threading.Thread(target=self.loop.run_forever, daemon=True).start()

    async def serve(self, reader, writer):
        try:
            while await reader.readuntil(b"\r\n\r\n"):
                self.count += 1
                await asyncio.sleep(0.010 + (self.count * 7919 % 41) / 1000)
                writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4096\r\n\r\n" + b"x" * 4096)
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            writer.close()


def k6(url, a):
    with tempfile.TemporaryDirectory() as folder:
        script, summary = pathlib.Path(folder, "s.js"), pathlib.Path(folder, "summary.json")
        script.write_text(K6_SCRIPT % (a.rate, a.seconds, url))
        subprocess.run([K6, "run", "-q", "--no-usage-report", "--summary-export", summary, script], check=True, capture_output=True)
        metrics = json.loads(summary.read_text())["metrics"]
        duration = metrics["http_req_duration"]
        return {"p50": duration["med"], "p95": duration["p(95)"], "avg": duration["avg"], "rate": metrics["http_reqs"]["rate"]}


def wrk(url, a):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK_SCRIPT % WRK_PAUSE_MS)
        script.flush()
        out = subprocess.run(["wrk", "-t1", f"-c{WRK_USERS}", f"-d{a.seconds}s", "-s", script.name, url], check=True,
                             capture_output=True, text=True).stdout
    row = json.loads(next(line[5:] for line in out.splitlines() if line.startswith("JSON ")))
    return {"p50": row["p50"], "p95": row["p95"], "avg": row["avg"], "rate": row["reqs"] / (row["us"] / 1e6)}


def ours(url, a, flags):
    with tempfile.TemporaryDirectory() as folder:
        plan = pathlib.Path(folder, "plan.toml")
        plan.write_text(f"[[request]]\nname = 'tile'\nurl = '{url}'\n")
        base = url.split("/", 3)
        command = [PERF, "stress", "--target", "requests", "--plan", plan, "--server", "/".join(base[:3]), "--for", str(a.seconds),
                   "--admin", "http://127.0.0.1:9", "--out", folder, *flags]
        subprocess.run(command, check=True, capture_output=True)
        metrics = json.loads(pathlib.Path(folder, "stress.json").read_text())["metrics"]
        duration = {name: metrics[f"http_req_duration.{name}"] for name in ("p50", "p95", "avg")}
        return {**duration, "rate": metrics["http_reqs.rate"]}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--url")
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    a = parser.parse_args()
    url = a.url or Target().url
    tools = {
        "k6, arrivals": lambda: k6(url, a),
        "aurora-perf, arrivals": lambda: ours(url, a, ["--open", "--even", "--users", str(a.rate), "--max-users", "200"]),
        "wrk, users": lambda: wrk(url, a),
        "aurora-perf, users": lambda: ours(url, a, ["--users", str(WRK_USERS), "--pause", str(WRK_PAUSE_MS / 1000)]),
    }
    rounds = []
    for number in range(a.rounds):
        rounds.append({name: run() for name, run in tools.items()})
        print(f"round {number + 1}: {rounds[-1]}", flush=True)
    medians = {name: {key: statistics.median(row[name][key] for row in rounds) for key in ("p50", "p95", "avg", "rate")} for name in tools}
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "agreement.json").write_text(json.dumps({"url": a.url or "own target", "rounds": rounds, "medians": medians}, indent=1) + "\n")
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    lines = [f"# aurora-perf beside wrk and k6\n\nMachine: {cpu}, {platform.release()}. Commit: {commit}. Target: {a.url or 'own, 10 to 50 ms'}.",
             f"Command: perf/agree.py; {a.rounds} interleaved rounds of {a.seconds} s; arrivals at {a.rate} a second, or {WRK_USERS} users who",
             f"pause {WRK_PAUSE_MS} ms. Medians over the rounds; the ratio is aurora-perf's by the other's.\n",
             "| tool | p50 ms | p95 ms | mean ms | requests/s |\n|---|---|---|---|---|"]
    for name, row in medians.items():
        lines.append(f"| {name} | {row['p50']:.2f} | {row['p95']:.2f} | {row['avg']:.2f} | {row['rate']:.1f} |")
    for model, other in (("arrivals", "k6"), ("users", "wrk")):
        mine, theirs = medians[f"aurora-perf, {model}"], medians[f"{other}, {model}"]
        lines.append(f"| ratio to {other} | " + " | ".join(f"{mine[key] / theirs[key]:.3f}" for key in ("p50", "p95", "avg", "rate")) + " |")
    (a.out / "README.md").write_text("\n".join(lines) + "\n")
    print((a.out / "README.md").read_text())


main()
