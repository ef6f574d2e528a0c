#!/usr/bin/env python3
"""The load tool's other commands on scenes of their own, each with its aims.

    perf/commands.py OUT protocol [--limit 1,2GB]    the operator's test on a server held like the containers (root)
    perf/commands.py OUT compare                     two servers of the same build: no difference, in figures or pixels
    perf/commands.py OUT capacity                    the most map users that hold the usual level

Exit status 1 when an aim was missed. The reports are in OUT.
"""
import argparse, pathlib

import dated_run as run


def protocol(a, aims):
    house = run.House(a.out, a.port, count=4, size=a.size)
    run.stop(house.server)
    server = (f"{run.PROGRAMS / 'aurora-server'} --listen 127.0.0.1:{a.port} --indexer {house.indexer_address} --memory {a.memory} "
              f"2>>{a.out / 'server.log'}")
    limit = ["--limit", a.limit] if a.limit else []
    told = run.report(run.load("protocol", house.address, "--indexer", house.indexer_address, "--start", server, *limit, "--pace", a.pace,
                               "--free-views", str(a.free_views), out=a.out), "protocol")
    metrics, kinds = told["metrics"], [note["kind"] for note in told["notes"]]
    aims.hold("nothing fails", f"{metrics['http_req_failed']:.5f}", metrics["http_req_failed"] == 0)
    aims.hold("views complete within a second (p95)", f"{metrics['viewport_complete.p95']:.0f} ms", metrics["viewport_complete.p95"] < 1000)
    aims.hold("three users with two scenes each within 352 MB, the Python system's", f"{metrics['rss_mb.server']:.0f} MB",
              metrics["rss_mb.server"] <= 352)
    aims.hold("the server was restarted, and ended no other time", ", ".join(kinds) or "no notes",
              not {"not_restarted", "gone", "few_scenes"} & set(kinds))
    return "The operator's test" + (f" within {a.limit}" if a.limit else "")


def compare(a, aims):
    house = run.House(a.out, a.port, count=4, size=a.size, memory=a.memory)
    twin = run.start([run.PROGRAMS / "aurora-server", "--listen", f"127.0.0.1:{a.port + 1}", "--indexer", house.indexer_address, "--memory", a.memory],
                     a.out / "twin.log")
    twin_address = f"http://127.0.0.1:{a.port + 1}"
    run.ready(twin_address)
    process = run.start([run.PERF, "compare", f"one={house.address}", f"twin={twin_address}", "--rounds", "7", "--views", str(a.free_views), "--out", a.out])
    metrics = run.report((a.out, process), "compare")["metrics"]
    run.stop(twin)
    ratio = metrics["ratio.tiles_per_s"]
    aims.hold("as many tiles a second, within a quarter", f"{ratio:.3f}", 0.8 <= ratio <= 1.25)
    aims.hold("the same pixels", f"{metrics['pixels.differing']}, {metrics['pixels.unlike']}",
              metrics["pixels.differing"] == 0 and metrics["pixels.unlike"] == 0)
    aims.hold("nothing fails", f"{metrics['a.failed']}, {metrics['b.failed']}", metrics["a.failed"] == metrics["b.failed"] == 0)
    return "Two servers of the same build"


def capacity(a, aims):
    house = run.House(a.out, a.port, count=4, size=a.size, memory=a.memory)
    told = run.report(run.load("capacity", house.address, "--admin", f"http://127.0.0.1:{a.port + 900}", "--from", "16", "--hold", str(a.hold),
                               out=a.out), "capacity")
    users, fails = (told["metrics"].get(f"capacity.{name}") for name in ("users", "fails"))
    aims.hold(f"at least {a.users} map users hold the level", users, (users or 0) >= a.users)
    named = [evidence["limit"] for evidence in told["found"]["gave_out"]]
    aims.hold("what gave out is named", ", ".join(named) or "nothing gave out", fails is None or named)
    return "How many map users it holds"


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("command", choices=("protocol", "compare", "capacity"))
    parser.add_argument("--memory", default="256MiB")
    parser.add_argument("--size", type=int, default=4000)
    parser.add_argument("--limit", help="cores and memory, as 1,2GB")
    parser.add_argument("--pace", default="0.2", help="least seconds from view to view")
    parser.add_argument("--free-views", type=int, default=40)
    parser.add_argument("--hold", type=float, default=15, help="seconds that are judged, of each number of users")
    parser.add_argument("--users", type=int, default=100, help="users that must hold")
    parser.add_argument("--port", type=int, default=24600)
    a = parser.parse_args()
    aims = run.Aims()
    title = {"protocol": protocol, "compare": compare, "capacity": capacity}[a.command](a, aims)
    aims.finish(a.out, title, [f"The figures are in [{a.command}.md]({a.command}.md).", ""])


if __name__ == "__main__":
    main()
