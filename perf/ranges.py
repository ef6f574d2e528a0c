#!/usr/bin/env python3
"""Byte ranges of a file from aurora-indexer and from nginx, one core each in turn, and 1,000 clients under `ulimit -n 256`.

    perf/ranges.py OUT [--rounds 5] [--seconds 6] [--connections 16] [--length 16384] [--port 23100]

Both serve the same file from the same folder, pinned to the first core; wrk asks from the second. Rounds interleave the two,
each begins with its order turned round. CPU is what the server's processes used by /proc. Needs wrk and nginx; AURORA_INDEXER
names another program than target/release/aurora-indexer. Writes ranges.json and README.md.
"""
import argparse, asyncio, json, os, pathlib, re, resource, socket, statistics, subprocess, tempfile, time

import dated_run as run

INDEXER = os.environ.get("AURORA_INDEXER", "target/release/aurora-indexer")
SERVER_CORE, CLIENT_CORE = 0, 1
FILE_BYTES = 64 << 20
TICKS = os.sysconf("SC_CLK_TCK")

# Aligned ranges at random, and the answers that are not 206.
LUA = """
local length, size = %d, %d
function init() math.randomseed(7) end
function request()
  local first = math.random(0, size / length - 1) * length
  return wrk.format("GET", "%s", { Range = "bytes=" .. first .. "-" .. (first + length - 1) })
end
local threads = {}
function setup(thread) threads[#threads + 1] = thread end
wrong = 0
function response(status) if status ~= 206 then wrong = wrong + 1 end end
function done(summary, latency)
  local wrongs = 0
  for _, thread in ipairs(threads) do wrongs = wrongs + thread:get("wrong") end
  local e = summary.errors
  print(string.format('JSON {"requests": %%d, "seconds": %%.3f, "failed": %%d, "p50_ms": %%.3f, "p99_ms": %%.3f}', summary.requests,
    summary.duration / 1e6, wrongs + e.connect + e.read + e.write + e.timeout, latency:percentile(50) / 1e3, latency:percentile(99) / 1e3))
end
"""

NGINX = """
worker_processes 1; worker_rlimit_nofile {limit}; pid {dir}/nginx.pid; error_log {dir}/error.log warn; user root;
events {{ worker_connections 2048; }}
http {{ access_log off; sendfile on; tcp_nopush on; keepalive_requests 1000000;
  client_body_temp_path {dir}/t1; proxy_temp_path {dir}/t2; fastcgi_temp_path {dir}/t3; uwsgi_temp_path {dir}/t4; scgi_temp_path {dir}/t5;
  server {{ listen 127.0.0.1:{port} backlog=4096; root {dir}/root; }} }}
"""


def pinned(core, descriptors=None):
    def set_up():
        os.sched_setaffinity(0, {core})
        if descriptors:
            resource.setrlimit(resource.RLIMIT_NOFILE, (descriptors, descriptors))
    return set_up


class Server:
    """One of the two over `dir`, and what it used."""

    def __init__(self, name, dir, port, descriptors=None):
        self.name, self.port = name, port
        self.state = tempfile.TemporaryDirectory()
        if name == "nginx":
            conf = pathlib.Path(self.state.name, "nginx.conf")
            conf.write_text(NGINX.format(dir=dir, port=port, limit=descriptors or 4096))
            command, self.path = ["nginx", "-c", str(conf), "-g", "daemon off;"], "/scene.tif"
        else:
            command = [INDEXER, "--root", f"{dir}/root", "--state", self.state.name, "--listen", f"127.0.0.1:{port}", "--watch", "poll",
                       "--scan-interval", "1h"]
            self.path = "/files/scene.tif"
        self.process = subprocess.Popen(command, preexec_fn=pinned(SERVER_CORE, descriptors), stderr=subprocess.DEVNULL)
        self.wait_until_it_answers()

    def wait_until_it_answers(self):
        for _ in range(200):
            try:
                with socket.create_connection(("127.0.0.1", self.port), 1) as s:
                    s.sendall(f"GET {self.path} HTTP/1.1\r\nHost: x\r\nRange: bytes=0-0\r\nConnection: close\r\n\r\n".encode())
                    if b" 206 " in s.recv(100):
                        return
            except OSError:
                pass
            time.sleep(0.05)
        raise SystemExit(f"{self.name} does not answer at port {self.port}")

    def pids(self):
        children = pathlib.Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text().split()
        return [self.process.pid, *map(int, children)]

    def cpu_s(self):
        fields = [pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split() for pid in self.pids()]
        return sum(int(f[11]) + int(f[12]) for f in fields) / TICKS

    def peak_mb(self):
        statuses = [pathlib.Path(f"/proc/{pid}/status").read_text() for pid in self.pids()]
        return sum(int(re.search(r"VmHWM:\s+(\d+)", status).group(1)) for status in statuses) / 1024

    def stop(self):
        self.process.terminate()
        self.process.wait()
        self.state.cleanup()


def load(server, a):
    with tempfile.NamedTemporaryFile("w", suffix=".lua") as script:
        script.write(LUA % (a.length, FILE_BYTES, server.path))
        script.flush()
        before = server.cpu_s()
        command = ["wrk", "-t1", f"-c{a.connections}", f"-d{a.seconds}s", "-s", script.name, f"http://127.0.0.1:{server.port}"]
        said = subprocess.run(command, capture_output=True, text=True, check=True, preexec_fn=pinned(CLIENT_CORE)).stdout
        row = json.loads(re.search(r"^JSON (.*)$", said, re.M).group(1))
        used = server.cpu_s() - before
    row |= {"rate": row["requests"] / row["seconds"], "cpu_us": used / row["requests"] * 1e6, "busy": used / row["seconds"]}
    return row


async def crowd(server, clients, hold_s):
    """All connect at once, wait, and ask for a range each; counts what they got."""
    outcomes = {}

    async def one(number):
        writer = None
        try:
            reader, writer = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", server.port), 30)
            await asyncio.sleep(hold_s)
            writer.write(f"GET {server.path} HTTP/1.1\r\nHost: x\r\nRange: bytes={number * 16384}-{number * 16384 + 16383}\r\nConnection: close\r\n\r\n".encode())
            answer = await asyncio.wait_for(reader.read(), 30)
            status = answer[9:12].decode() or "closed without an answer"
            outcome = "206, cut short" if status == "206" and len(answer.split(b"\r\n\r\n", 1)[1]) != 16384 else status
        except (OSError, asyncio.TimeoutError) as error:
            outcome = type(error).__name__
        finally:
            if writer:
                writer.close()
        outcomes[outcome] = outcomes.get(outcome, 0) + 1

    started = time.perf_counter()
    await asyncio.gather(*(one(number) for number in range(clients)))
    return {"outcomes": outcomes, "seconds": round(time.perf_counter() - started, 2)}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=int, default=6)
    parser.add_argument("--connections", type=int, default=16)
    parser.add_argument("--length", type=int, default=16384)
    parser.add_argument("--clients", type=int, default=1000)
    parser.add_argument("--port", type=int, default=23100)
    a = parser.parse_args()
    with tempfile.TemporaryDirectory() as dir:
        root = pathlib.Path(dir, "root")
        root.mkdir()
        (root / "scene.tif").write_bytes(os.urandom(FILE_BYTES))
        names = ["nginx", "indexer"]
        servers = [Server(name, dir, a.port + index) for index, name in enumerate(names)]
        rounds = []
        for number in range(a.rounds):
            order = servers if number % 2 == 0 else servers[::-1]
            rounds.append({server.name: load(server, a) for server in order})
            print(json.dumps(rounds[-1]), flush=True)
        peaks = {server.name: server.peak_mb() for server in servers}
        for server in servers:
            server.stop()
        crowds = []
        for hold_s in (0, 2):
            for index, name in enumerate(names):
                server = Server(name, dir, a.port + 10 + index, descriptors=256)
                got = asyncio.run(crowd(server, a.clients, hold_s))
                crowds.append({"server": name, "hold_s": hold_s, "peak_mb": server.peak_mb(), **got})
                print(json.dumps(crowds[-1]), flush=True)
                server.stop()
    report(a, rounds, peaks, crowds)


def report(a, rounds, peaks, crowds):
    nginx = subprocess.run(["nginx", "-v"], capture_output=True, text=True).stderr.strip().split("/")[-1]
    median = lambda name, key: statistics.median(row[name][key] for row in rounds)
    ratio = lambda key: sorted(row["indexer"][key] / row["nginx"][key] for row in rounds)
    told = lambda values: f"{statistics.median(values):.2f} ({values[0]:.2f}–{values[-1]:.2f})"
    lines = [f"nginx {nginx}, sendfile; {a.rounds} interleaved rounds of {a.seconds} s, {a.connections} connections, ranges of {a.length} bytes of a file of 64 MiB; server on one core, wrk on",
             "the other. Medians over the rounds.\n",
             "| | requests/s | CPU µs a request | p50 ms | p99 ms | failed | peak RSS MB |", "|---|---|---|---|---|---|---|"]
    for name in ("nginx", "indexer"):
        lines.append(f"| {name} | {median(name, 'rate'):.0f} | {median(name, 'cpu_us'):.1f} | {median(name, 'p50_ms'):.2f} | {median(name, 'p99_ms'):.2f} | "
                     f"{sum(row[name]['failed'] for row in rounds)} | {peaks[name]:.0f} |")
    lines += [f"\nIndexer by nginx, median (lowest–highest): requests/s {told(ratio('rate'))}, CPU a request {told(ratio('cpu_us'))}.\n",
              f"## {a.clients} clients at once, 256 descriptors\n", "| | idle before asking, s | outcomes | all served in, s | peak RSS MB |", "|---|---|---|---|---|"]
    for row in crowds:
        outcomes = ", ".join(f"{count} × {outcome}" for outcome, count in row["outcomes"].items())
        lines.append(f"| {row['server']} | {row['hold_s']} | {outcomes} | {row['seconds']} | {row['peak_mb']:.0f} |")
    run.Aims().finish(a.out, "Ranges beside nginx", lines, "ranges", {"rounds": rounds, "peaks_mb": peaks, "crowds": crowds})


if __name__ == "__main__":
    main()
