#!/usr/bin/env python3
"""A restart under load that nobody notices: a new server takes the listening socket over, then the old one is stopped.

    perf/handover.py OUT [--users 200] [--seconds 20] [--port 24400] [SERVER FLAGS…]

Holds the socket as systemd would (LISTEN_FDS), carries a load meanwhile, replaces the server twice, and fails when a single
request failed or a server ended badly. Without server flags it draws scenes of its own and starts an indexer on --port.
"""
import argparse, os, pathlib, signal, socket, time

import dated_run as run


def serve(program, listening, flags, log):
    def hand_over():
        os.dup2(listening.fileno(), 3)
        # It may have been number 3 already, and Python's own do not survive an exec.
        os.set_inheritable(3, True)
        os.environ.update(LISTEN_FDS="1", LISTEN_PID=str(os.getpid()))
        os.execve(program, [program, *flags], os.environ)

    child = os.fork()
    if child == 0:
        os.dup2(log.fileno(), 2)
        hand_over()
    return child


def indexer(port):
    """Scenes of its own: the flags of a server on them."""
    folder = run.scratch()
    run.draw(folder / "root", 2, 2000)
    run.start([run.PROGRAMS / "aurora-indexer", "--root", folder / "root", "--results", folder / "results", "--state", folder / "state",
               "--listen", f"127.0.0.1:{port}", "--settle", "1s"], folder / "indexer.log")
    run.until("scenes published", lambda: len(list((folder / "results").rglob("*_light.tif"))) >= 2)
    return ["--indexer", f"http://127.0.0.1:{port}"]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--server-program", default=str(run.PROGRAMS / "aurora-server"))
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=20)
    parser.add_argument("--port", type=int, default=24400)
    a, flags = parser.parse_known_args()
    a.out.mkdir(parents=True, exist_ok=True)
    flags = flags or indexer(a.port)
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    address = "http://127.0.0.1:%d" % listening.getsockname()[1]
    with open(a.out / "server.log", "wb") as log:
        pid = serve(a.server_program, listening, flags, log)
        run.ready(address)
        loaded = run.load("stress", address, "--users", str(a.users), "--for", str(a.seconds), out=a.out)
        exits = []

        def end(pid):
            os.kill(pid, signal.SIGTERM)
            exits.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
        for _ in range(2):
            time.sleep(a.seconds / 3)
            new = serve(a.server_program, listening, flags, log)
            time.sleep(2)
            end(pid)
            pid = new
        metrics = run.report(loaded)["metrics"]
        end(pid)
    failed = metrics.get("http_reqs_failed", 0)
    lines = [f"{a.users} users for {a.seconds} s; twice a new server took the listening socket over and the old one was told to stop.", "",
             f"{metrics['http_reqs']:.0f} requests, {metrics.get('reconnects', 0):.0f} connections found closed when used again; p95 "
             f"{metrics['http_req_duration.p95']:.1f} ms, at most {metrics['http_req_duration.max']:.0f} ms."]
    aims = run.Aims()
    aims.hold("no request fails", f"{failed:.0f}", failed == 0)
    aims.hold("every server ends with 0", exits, not any(exits))
    aims.finish(a.out, "Two restarts under load", lines)


if __name__ == "__main__":
    main()
