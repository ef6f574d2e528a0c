#!/usr/bin/env python3
"""An origin that hangs, and one that dies: do only its own requests suffer?

    perf/hang.py OUT [--port 24200] [--seconds 10] [--clients 40]

Two indexers with a scene each, and a server on both. The one is stopped (SIGSTOP: it takes connections and never answers) while
clients ask for tiles of its scene that nobody has; beside them others ask for its cached tiles and for new tiles of the other
scene, as they did before. Then it goes on; then it is killed (SIGKILL) under the same clients, and started again. Exit status 1 when others
suffer, when one of its own waits beyond the server's deadline, or when it is not asked again soon.
"""
import argparse, collections, http.client, json, math, os, pathlib, signal, subprocess, threading, time

import dated_run as run

# The server answers within its --request-timeout, 10 s.
DEADLINE_MS = 11_000
# Longest rest of an origin that failed, and the time a new process takes to start.
RECOVERY_S = 35


class Indexer:
    def __init__(self, folder, name, port):
        self.root, self.results, self.port, self.name, self.folder = folder / name, folder / f"{name}-results", port, name, folder
        run.draw(self.root, 1, 4000, "--seed", str(port))
        self.start()

    def start(self):
        self.process = run.start([run.PROGRAMS / "aurora-indexer", "--root", self.root, "--results", self.results, "--state",
                                  self.folder / f"{self.name}-state", "--listen", f"127.0.0.1:{self.port}", "--settle", "1s"],
                                 self.folder / f"{self.name}.log")


def get(port, path, timeout=60):
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


class Tiles:
    """Addresses of nine tiles around a scene's middle, or so many tiles east of it; each is different by a stretch of its own."""

    def __init__(self, scene, zoom, shift=0):
        self.scene_id, self.number, self.lock = scene["id"], 0, threading.Lock()
        west, south, east, north = scene["bbox"]
        lon, lat = (west + east) / 2, math.radians((south + north) / 2)
        self.zoom, self.x = zoom, int((lon + 180) / 360 * 2**zoom) + shift
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
    parser.add_argument("--port", type=int, default=24200)
    parser.add_argument("--seconds", type=int, default=10)
    parser.add_argument("--clients", type=int, default=40)
    a = parser.parse_args()
    a.out.mkdir(parents=True, exist_ok=True)
    folder, rows, recovered_s = run.scratch(), {}, {}
    hangs, works = (Indexer(folder, name, a.port + number) for number, name in enumerate(("hangs", "works"), 1))
    for one in (hangs, works):
        run.until("scenes published", lambda: list(one.results.rglob("*_light.tif")))
    run.start([run.PROGRAMS / "aurora-server", "--listen", f"127.0.0.1:{a.port}", "--indexer", f"http://127.0.0.1:{hangs.port}",
               "--indexer", f"http://127.0.0.1:{works.port}"], a.out / "server.log")
    run.ready(f"http://127.0.0.1:{a.port}")
    listed = lambda: {scene["id"]: scene for scene in json.loads(get(a.port, "/scenes")[1])["features"]}
    run.until("both scenes", lambda: len(listed()) == 2 and all(scene["properties"].get("status") != "waiting" for scene in listed().values()))
    ids = {one.port: json.loads(get(one.port, "/catalog/items")[1])["features"][0]["id"] for one in (hangs, works)}
    scenes = listed()
    shown = Tiles(scenes[ids[hangs.port]], 8)
    # Of a level, and of a place each, whose blocks nobody has.
    new_of_it = {when: Tiles(scenes[ids[hangs.port]], 13, shift) for when, shift in (("while it hangs", -5), ("while it is dead", 5))}
    others, cached = Tiles(scenes[ids[works.port]], 12), shown.path(4)  # The middle one.
    for path in (cached, others.new()):
        status, body = get(a.port, path)
        assert status == 200, (path, status, body[:200])

    def beside():
        asked = {"its cached tiles": ask(a.port, lambda: cached, a.seconds, 2, 0.05),
                 "new tiles of the other": ask(a.port, others.new, a.seconds, 2, 0.05)}
        return {name: summary() for name, summary in asked.items()}

    def while_it(when, fault, repair):
        fault()
        new = new_of_it[when].new
        suffers = ask(a.port, new, a.seconds, a.clients, 0.05)
        rows[when] = beside()
        repair()
        back = time.monotonic()
        run.until("its tiles again", lambda: get(a.port, new())[0] == 200)
        recovered_s[when] = time.monotonic() - back
        rows[when]["its own new tiles"] = suffers()

    def kill():
        hangs.process.kill()
        hangs.process.wait()

    rows["before"] = beside()
    while_it("while it hangs", lambda: hangs.process.send_signal(signal.SIGSTOP), lambda: hangs.process.send_signal(signal.SIGCONT))
    while_it("while it is dead", kill, hangs.start)
    lines = [f"{a.seconds} s each, {a.clients} clients at the origin in question, two each beside them.", "",
             "| when | tiles | requests | answers | p50 ms | p95 ms | most ms |", "|---|---|---|---|---|---|---|"]
    for when, of in rows.items():
        for name, row in of.items():
            answers = ", ".join(f"{count} × {status}" for status, count in sorted(row["statuses"].items()))
            lines.append(f"| {when} | {name} | {row['requests']} | {answers} | {row['p50_ms']:.1f} | {row['p95_ms']:.1f} | {row['max_ms']:.0f} |")
    for when, seconds in recovered_s.items():
        lines.append(f"\nIts tiles came again {seconds:.2f} s after it went on ({when}).")
    aims = run.Aims()
    for when in recovered_s:
        for name in ("its cached tiles", "new tiles of the other"):
            row, before = rows[when][name], rows["before"][name]
            aims.hold(f"{when}, {name}: all 200", row["statuses"], set(row["statuses"]) == {"200"})
            # Forty clients and their refusals take processor time of the same machine.
            most = 3 * before["p95_ms"] + 20
            aims.hold(f"{when}, {name}: p95 at most {most:.0f} ms", f"{row['p95_ms']:.1f}", row["p95_ms"] <= most)
        own = rows[when]["its own new tiles"]
        aims.hold(f"{when}, its own: an answer within {DEADLINE_MS} ms", f"{own['max_ms']:.0f}", own["max_ms"] <= DEADLINE_MS)
        aims.hold(f"{when}, its own: only 200, 503 or 504", own["statuses"], set(own["statuses"]) <= {"200", "503", "504"})
        felt = set(own["statuses"]) != {"200"} or own["max_ms"] >= 500 * a.seconds
        aims.hold(f"{when}, its own: they do suffer", f"{own['statuses']}, {own['max_ms']:.0f} ms at most", felt)
        aims.hold(f"{when}: back within {RECOVERY_S} s", f"{recovered_s[when]:.1f}", recovered_s[when] <= RECOVERY_S)
    aims.finish(a.out, "An origin that hangs, and one that dies", lines, "hang", {"recovered_s": recovered_s, **rows})


if __name__ == "__main__":
    main()
