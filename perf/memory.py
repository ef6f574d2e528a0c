#!/usr/bin/env python3
"""Does the server's memory stay within its budget? The whole protocol, then hundreds of scenes, all on one process.

    perf/memory.py OUT [--scenes 500] [--size 1500] [--memory 64MiB] [--tiles 80] [--clients 24] [--port 24100]

Four scenes are published and the operator's test is walked on them without a restart; then --scenes more land at the indexer, each
drawn with a seed of its own, and of every one --tiles tiles of all its zooms are asked for by its id in /scenes. The server's resident memory is
looked at ten times a second throughout. Exit status 1 when it stood above the budget and the published overhead, when it still
grew after the warm-up (the first half of the tiles), or when anything failed.
"""
import argparse, collections, http.client, json, math, os, pathlib, random, shutil, threading, time

import dated_run as run

SLOPE_MIB_PER_10000 = 1.0
TWO_SCENES_MB = 90


class Looker(threading.Thread):
    """Seconds, tiles asked for so far and resident MiB, ten times a second."""

    def __init__(self, house):
        super().__init__(daemon=True)
        self.house, self.rows, self.tiles, self.begun = house, [], 0, time.monotonic()
        self.start()

    def run(self):
        while self.house.server.poll() is None:
            try:
                self.rows.append((round(time.monotonic() - self.begun, 1), self.tiles, round(self.house.rss_mib(), 1)))
            except (OSError, TypeError):
                return
            time.sleep(0.1)

    def most(self, since=0):
        return max(mib for _, _, mib in self.rows[since:])


def slope(rows):
    """MiB for 10,000 tiles, by least squares."""
    mean_x, mean_y = (sum(row[axis] for row in rows) / len(rows) for axis in (1, 2))
    spread = sum((row[1] - mean_x) ** 2 for row in rows)
    return 1e4 * sum((row[1] - mean_x) * (row[2] - mean_y) for row in rows) / spread if spread else 0.0


def tile_of(bounds, zoom, chance):
    lon, lat = chance.uniform(bounds[0], bounds[2]), math.radians(chance.uniform(bounds[1], bounds[3]))
    return int((lon + 180) / 360 * 2**zoom), int((1 - math.asinh(math.tan(lat)) / math.pi) / 2 * 2**zoom)


def walk(house, looker, scene_ids, tiles, clients):
    """Random tiles of all zooms of every scene, in turn; the answers by status."""
    statuses, left, lock = collections.Counter(), list(reversed(scene_ids)), threading.Lock()
    host = house.address.removeprefix("http://")

    def ask(connection, path):
        connection.request("GET", path)
        answer = connection.getresponse()
        return answer.status, answer.read()

    def client(number):
        chance, connection = random.Random(number), http.client.HTTPConnection(host, timeout=60)
        while True:
            with lock:
                if not left:
                    return
                scene_id = left.pop()
            base = f"/scenes/{scene_id}"
            status, body = ask(connection, f"{base}/WebMercatorQuad/tilejson.json")
            statuses[status] += 1
            if status != 200:
                continue
            told = json.loads(body)
            for _ in range(tiles):
                zoom = chance.randint(told["minzoom"], told["maxzoom"])
                x, y = tile_of(told["bounds"], zoom, chance)
                for _ in range(5):
                    status = ask(connection, f"{base}/tiles/WebMercatorQuad/{zoom}/{x}/{y}.png")[0]
                    if status != 503:
                        break
                    time.sleep(1)
                with lock:
                    statuses[status] += 1
                    looker.tiles += 1

    threads = [threading.Thread(target=client, args=(number,)) for number in range(clients)]
    [thread.start() for thread in threads]
    [thread.join() for thread in threads]
    return statuses


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--scenes", type=int, default=500)
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--memory", default="64MiB")
    parser.add_argument("--tiles", type=int, default=80)
    parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--free-views", type=int, default=40)
    parser.add_argument("--port", type=int, default=24100)
    a = parser.parse_args()
    house = run.House(a.out, a.port, count=4, size=4000, memory=a.memory)
    budget_mib = house.health()["memory"]["budget"] / run.MIB
    looker, pid = Looker(house), house.server.pid
    idle = house.rss_mib()
    protocol = run.report(run.load("protocol", house.address, "--pace", "0", "--free-views", str(a.free_views), out=a.out), "protocol")
    after_protocol, walked = looker.most(), len(looker.rows)
    drawn = run.scratch()
    for scene in run.draw(drawn, a.scenes, a.size, "--seed", "1000"):
        shutil.copyfile(scene, house.root / f"{scene.name}.part")
        os.rename(house.root / f"{scene.name}.part", house.root / scene.name)
        scene.unlink()
    run.until("scenes listed", lambda: len(house.scenes()) >= 4 + a.scenes, patience_s=600)
    statuses = walk(house, looker, house.scenes(), a.tiles, a.clients)
    most, rows = looker.most(), looker.rows[walked:]
    time.sleep(5)
    after = house.rss_mib()
    assert house.server.pid == pid and house.server.poll() is None
    warm = [row for row in rows if row[1] >= looker.tiles / 2] or rows
    growth = slope(warm)
    ended = run.stop(house.server)
    steps = [step for step in protocol["run"]["steps"] if step["group"] == "two_scenes" and step["walk"] == "free"]
    two_scenes = max(usage["rss_max_mb"] for step in steps for usage in step["usage"] if usage["process"] == "server")
    limit = budget_mib + run.OVERHEAD_MIB
    (a.out / "memory.csv").write_text("seconds,tiles,rss_mib\n" + "".join(f"{s},{tiles},{mib}\n" for s, tiles, mib in looker.rows[::5]))
    failed = sum(count for status, count in statuses.items() if status not in (200, 204, 404))
    lines = [f"One server process with `--memory {a.memory}`: the operator's test on four scenes without a restart, then {a.tiles} tiles each of {a.scenes} more",
             f"scenes, each drawn with a seed of its own, by {a.clients} clients. Resident MiB, looked at ten times a second ([memory.csv](memory.csv)).", "",
             f"Idle {idle:.0f}; at most {after_protocol:.0f} in the protocol, {most:.0f} in all; {after:.0f} 5 s after the last tile. {looker.tiles} tiles of the scenes,",
             "answers " + ", ".join(f"{count} × {status}" for status, count in sorted(statuses.items())) + f". The server ended with {ended}.", ""]
    aims = run.Aims()
    aims.hold(f"resident memory at most {limit:.0f} MiB, the budget and {run.OVERHEAD_MIB} MiB", f"{most:.1f}", most <= limit)
    aims.hold(f"at most {SLOPE_MIB_PER_10000:g} MiB more in 10,000 tiles after the warm-up", f"{growth:.2f}", growth <= SLOPE_MIB_PER_10000)
    aims.hold(f"three users with two scenes each within {TWO_SCENES_MB} MB", f"{two_scenes:.0f}", two_scenes <= TWO_SCENES_MB)
    aims.hold("nothing fails", f"{failed} answers, {protocol['metrics']['http_req_failed']:.5f} of the protocol's",
              failed == 0 and protocol["metrics"]["http_req_failed"] == 0)
    data = {"budget_mib": budget_mib, "idle_mib": idle, "protocol_most_mib": after_protocol, "most_mib": most, "after_mib": after,
            "slope_mib_per_10000_tiles": growth, "two_scenes_mb": two_scenes, "tiles": looker.tiles, "statuses": statuses}
    aims.finish(a.out, "Memory: the protocol, then many scenes", lines, "memory", data)


if __name__ == "__main__":
    main()
