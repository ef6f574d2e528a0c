#!/usr/bin/env python3
"""An origin that hangs: do only its own requests suffer?

    perf/hang.py OUT [--port 21000] [--seconds 10] [--clients 40]

Two indexers with a scene each, and a server on both. The one is stopped (SIGSTOP: it takes connections and never answers) while
clients ask for tiles of its scene that nobody has; beside them others ask for its cached tiles and for new tiles of the other
scene, as they did before. Then it goes on. Writes hang.json and README.md. Programs are taken from target/release (PROGRAMS=…).
"""
import argparse, collections, http.client, json, math, os, pathlib, platform, signal, subprocess, tempfile, threading, time

PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS", "target/release"))


def indexer(folder, name, port):
    root = folder / name
    subprocess.run([PROGRAMS / "aurora-fixtures", "scene", "--out", root, "--count", "1", "--size", "4000", "--seed", str(port)], check=True,
                   stdout=subprocess.DEVNULL)
    command = [PROGRAMS / "aurora-indexer", "--root", root, "--results", folder / f"{name}-results", "--state", folder / f"{name}-state",
               "--listen", f"127.0.0.1:{port}", "--settle", "1s"]
    return subprocess.Popen(command, stderr=open(folder / f"{name}.log", "wb"))


def get(port, path, timeout=60):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Tiles:
    """Addresses of a scene's tiles within its bounds; each is different by a stretch of its own."""

    def __init__(self, scene, zoom):
        self.scene_id, self.number, self.lock = scene["id"], 0, threading.Lock()
        west, south, east, north = scene["bbox"]
        lon, lat = (west + east) / 2, math.radians((south + north) / 2)
        self.zoom, self.x = zoom, int((lon + 180) / 360 * 2**zoom)
        self.y = int((1 - math.asinh(math.tan(lat)) / math.pi) / 2 * 2**zoom)

    def path(self, number):
        x, y = self.x + number % 3 - 1, self.y + number // 3 % 3 - 1
        return f"/scenes/{self.scene_id}/tiles/WebMercatorQuad/{self.zoom}/{x}/{y}.png?rescale={number // 9},{20000 + number}"

    def new(self):
        with self.lock:
            self.number += 1
            return self.path(self.number)


def ask(port, paths, seconds, clients, pause_s):
    """Durations in ms and statuses of `clients` who each ask again and again."""
    took, statuses, until = [], collections.Counter(), time.monotonic() + seconds

    def client():
        while time.monotonic() < until:
            begun = time.monotonic()
            try:
                status = get(port, paths())[0]
            except OSError as error:
                status = type(error).__name__
            took.append((time.monotonic() - begun) * 1e3)
            statuses[str(status)] += 1
            time.sleep(pause_s)
    threads = [threading.Thread(target=client) for _ in range(clients)]
    [thread.start() for thread in threads]

    def summary():
        [thread.join() for thread in threads]
        took.sort()
        return {"requests": len(took), "statuses": dict(statuses), "p50_ms": took[len(took) // 2], "p95_ms": took[len(took) * 95 // 100],
                "max_ms": took[-1]}
    return summary


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--port", type=int, default=21000)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=40)
    a = parser.parse_args()
    folder, started, rows = pathlib.Path(tempfile.mkdtemp()), [], {}
    try:
        started += [indexer(folder, "hangs", a.port + 1), indexer(folder, "works", a.port + 2)]
        for name in ("hangs", "works"):
            while not list((folder / f"{name}-results").rglob("*_light.tif")):
                time.sleep(0.2)
        command = [PROGRAMS / "aurora-server", "--listen", f"127.0.0.1:{a.port}", "--indexer", f"http://127.0.0.1:{a.port + 1}", "--indexer",
                   f"http://127.0.0.1:{a.port + 2}"]
        started.append(subprocess.Popen(command, stderr=open(folder / "server.log", "wb")))
        time.sleep(4)
        names = {port: json.loads(get(port, "/catalog/items")[1])["features"][0]["id"] for port in (a.port + 1, a.port + 2)}
        scenes = {scene["id"]: scene for scene in json.loads(get(a.port, "/scenes")[1])["features"]}
        shown, hangs = (Tiles(scenes[names[a.port + 1]], zoom) for zoom in (8, 13))
        works, cached = Tiles(scenes[names[a.port + 2]], 12), shown.path(0)
        assert get(a.port, cached)[0] == 200 and get(a.port, works.new())[0] == 200

        def beside():
            return {"cached tiles of the one that hangs": ask(a.port, lambda: cached, a.seconds, 2, 0.05),
                    "new tiles of the other": ask(a.port, works.new, a.seconds, 2, 0.05)}
        rows["before"] = {name: summary() for name, summary in beside().items()}
        os.kill(started[0].pid, signal.SIGSTOP)
        # Of a level whose blocks nobody has.
        suffers = ask(a.port, hangs.new, a.seconds, a.clients, 0.05)
        rows["while it hangs"] = {name: summary() for name, summary in beside().items()}
        os.kill(started[0].pid, signal.SIGCONT)
        woken = time.monotonic()
        while get(a.port, hangs.new())[0] != 200:
            time.sleep(0.05)
        recovered_s = time.monotonic() - woken
        rows["while it hangs"]["its own new tiles"] = suffers()
    finally:
        for process in started:
            process.send_signal(signal.SIGCONT)
            process.terminate()
        [process.wait() for process in started]
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "hang.json").write_text(json.dumps({"recovered_s": recovered_s, **rows}, indent=1) + "\n")
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    lines = ["# An origin that hangs\n",
             f"Machine: {cpu}, {os.cpu_count()} cores, {platform.release()}. Commit: {commit}. Command: perf/hang.py, {a.seconds} s, {a.clients} clients at the",
             "origin that hangs, two each beside them.\n", "| when | tiles | requests | answers | p50 ms | p95 ms | most ms |", "|---|---|---|---|---|---|---|"]
    for when, of in rows.items():
        for name, row in of.items():
            answers = ", ".join(f"{count} × {status}" for status, count in sorted(row["statuses"].items()))
            lines.append(f"| {when} | {name} | {row['requests']} | {answers} | {row['p50_ms']:.1f} | {row['p95_ms']:.1f} | {row['max_ms']:.0f} |")
    lines.append(f"\nIts tiles came again {recovered_s:.2f} s after it went on.")
    (a.out / "README.md").write_text("\n".join(lines) + "\n")
    print((a.out / "README.md").read_text())


if __name__ == "__main__":
    main()
