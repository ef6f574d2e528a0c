#!/usr/bin/env python3
"""Resident memory of aurora-server while clients ask for random tiles of many rasters, each a copy of one file.

    perf/memory.py SERVER FILE --rasters 24 --memory 256MiB --scale @2x

Starts SERVER (the program) on a free port, gives it hard links of FILE, and prints one line of JSON. For the raw runs
under perf/runs; it makes no assertion.
"""
import argparse, collections, http.client, json, math, os, random, socket, subprocess, tempfile, threading, time


def arguments():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("server"), parser.add_argument("file")
    parser.add_argument("--rasters", type=int, default=24), parser.add_argument("--clients", type=int, default=24)
    parser.add_argument("--memory", default="256MiB"), parser.add_argument("--scale", default="")
    parser.add_argument("--seconds", type=float, default=40.0), parser.add_argument("--zooms", default="7,14")
    return parser.parse_args()


def ask(connection, path):
    connection.request("GET", path)
    answer = connection.getresponse()
    return answer.status, answer.read()


def tile_of(bounds, zoom):
    lon, lat = random.uniform(bounds[0], bounds[2]), random.uniform(bounds[1], bounds[3])
    north = (1 - math.asinh(math.tan(math.radians(lat))) / math.pi) / 2
    return int((lon + 180) / 360 * 2**zoom), int(north * 2**zoom)


def rss_mib(pid):
    with open(f"/proc/{pid}/status") as status:
        return next(int(line.split()[1]) / 1024 for line in status if line.startswith("VmRSS"))


def main():
    args = arguments()
    low, high = map(int, args.zooms.split(","))
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = free.getsockname()
    with tempfile.TemporaryDirectory(dir=os.path.dirname(os.path.abspath(args.file))) as folder:
        for number in range(args.rasters):
            os.link(args.file, f"{folder}/{number}.tif")
        listen = f"{address[0]}:{address[1]}"
        server = subprocess.Popen([args.server, "--listen", listen, "--allow", folder, "--memory", args.memory],
                                  stderr=subprocess.DEVNULL)
        time.sleep(1)
        idle = rss_mib(server.pid)
        _, bounds = ask(http.client.HTTPConnection(*address), f"/cog/bounds?url={folder}/0.tif")
        bounds, statuses, done = json.loads(bounds)["bounds"], collections.Counter(), threading.Event()

        def client():
            connection = http.client.HTTPConnection(*address, timeout=30)
            while not done.is_set():
                zoom, raster = random.randint(low, high), random.randrange(args.rasters)
                x, y = tile_of(bounds, zoom)
                path = f"/cog/tiles/WebMercatorQuad/{zoom}/{x}/{y}{args.scale}.png"
                statuses[ask(connection, f"{path}?rescale=0,3000&url={folder}/{raster}.tif")[0]] += 1

        clients = [threading.Thread(target=client) for _ in range(args.clients)]
        [thread.start() for thread in clients]
        seen, end = [], time.monotonic() + args.seconds
        while time.monotonic() < end:
            time.sleep(0.1)
            seen.append(rss_mib(server.pid))
        done.set()
        [thread.join() for thread in clients]
        time.sleep(3)
        after = rss_mib(server.pid)
        server.terminate()
        server.wait()
    quarters = [round(max(seen[len(seen) * n // 4:len(seen) * (n + 1) // 4])) for n in range(4)]
    print(json.dumps({"memory": args.memory, "rasters": args.rasters, "scale": args.scale, "clients": args.clients,
                      "answers": statuses, "rss_mib": {"idle": round(idle), "peak": round(max(seen)),
                                                       "peak_by_quarter": quarters, "after_3s": round(after)}}))


if __name__ == "__main__":
    main()
