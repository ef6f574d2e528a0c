#!/usr/bin/env python3
"""A restart under load that nobody notices: a new server takes the listening socket over, then the old one is stopped.

    perf/handover.py OUT --server-program target/release/aurora-server [--users 200] [--seconds 20] [SERVER FLAGS…]

Holds the socket as systemd would (LISTEN_FDS), carries a load meanwhile, replaces the server twice, and fails when a single
request failed. Writes the tool's report and README.md.
"""
import argparse, json, os, pathlib, platform, signal, socket, subprocess, time

PERF = os.environ.get("AURORA_PERF", "target/release/aurora-perf")


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


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--server-program", default="target/release/aurora-server")
    parser.add_argument("--users", type=int, default=200)
    parser.add_argument("--seconds", type=int, default=20)
    a, flags = parser.parse_known_args()
    a.out.mkdir(parents=True, exist_ok=True)
    listening = socket.create_server(("127.0.0.1", 0), backlog=4096)
    address = "http://127.0.0.1:%d" % listening.getsockname()[1]
    with open(a.out / "server.log", "wb") as log:
        pid = serve(a.server_program, listening, flags, log)
        time.sleep(3)
        load = subprocess.Popen([PERF, "stress", "--server", address, "--users", str(a.users), "--for", str(a.seconds), "--out", a.out],
                                stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        exits = []
        for _ in range(2):
            time.sleep(a.seconds / 3)
            new = serve(a.server_program, listening, flags, log)
            time.sleep(2)
            os.kill(pid, signal.SIGTERM)
            exits.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
            pid = new
        load.wait()
        os.kill(pid, signal.SIGTERM)
        exits.append(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    metrics = json.loads((a.out / "stress.json").read_text())["metrics"]
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    (a.out / "README.md").write_text(
        f"# Two restarts under load\n\nMachine: {cpu}, {os.cpu_count()} cores, {platform.release()}. Commit: {commit}. Command: perf/handover.py, "
        f"{a.users} users for {a.seconds} s; twice a new\nserver took the listening socket over and the old one was told to stop.\n\n"
        f"{metrics['http_reqs']:.0f} requests, {metrics.get('http_reqs_failed', 0):.0f} failed, {metrics.get('reconnects', 0):.0f} connections found "
        f"closed when used again; p95 {metrics['http_req_duration.p95']:.1f} ms, at most\n{metrics['http_req_duration.max']:.0f} ms. "
        f"The servers ended with {exits}.\n")
    print((a.out / "README.md").read_text())
    raise SystemExit(0 if metrics.get("http_reqs_failed", 0) == 0 and not any(exits) else 1)


main()
