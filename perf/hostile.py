#!/usr/bin/env python3
"""What do clients cost that want no good, or nothing? Resident memory and other people's waits meanwhile.

    perf/hostile.py OUT [--port 21000] [--many 16000] [--memory 256MiB]

Makes a scene, starts target/release/aurora-server on it (PROGRAMS=… for others), and in turn: keeps connections idle after an
answer each, opens them and says nothing, sends heads that never end, asks and does not read, and sends heads and bodies that
are too large; every time a neighbour asks for a cached tile ten times a second. Writes hostile.json and README.md.
"""
import argparse, json, os, pathlib, platform, re, resource, socket, statistics, subprocess, sys, tempfile, threading, time, urllib.parse

PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS", "target/release"))
# The number of a connection from an address that nobody else has.
NEIGHBOUR = 1_000_000


class Server:
    def __init__(self, folder, port, memory):
        self.port = port
        command = [PROGRAMS / "aurora-server", "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{port + 900}",
                   "--allow", folder, "--memory", memory]
        self.process = subprocess.Popen(command, stderr=open(pathlib.Path(folder, "server.log"), "wb"))

    def rss_kib(self):
        return int(re.search(r"VmRSS:\s+(\d+)", pathlib.Path(f"/proc/{self.process.pid}/status").read_text())[1])

    def connect(self, number=0, small=False):
        client = socket.socket()
        if small:
            client.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        client.settimeout(20)
        client.bind((f"127.0.0.{10 + number // 5000}", 0))
        client.connect(("127.0.0.1", self.port))
        return client


def answer(client, path):
    client.sendall(f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n".encode())
    head = b""
    while b"\r\n\r\n" not in head:
        got = client.recv(65536)
        if not got:
            raise ConnectionError("closed before an answer")
        head += got
    head, _, body = head.partition(b"\r\n\r\n")
    length = int(re.search(rb"content-length: (\d+)", head, re.I)[1])
    while length > len(body):
        body += client.recv(65536)
    return int(head.split()[1])


class Neighbour(threading.Thread):
    """Asks for a tile that is cached, ten times a second, from an address of its own."""

    def __init__(self, server, path):
        super().__init__(daemon=True)
        self.server, self.path, self.took_ms, self.failed, self.stopped = server, path, [], 0, False
        self.start()

    def run(self):
        while not self.stopped:
            begun = time.monotonic()
            try:
                with self.server.connect(NEIGHBOUR) as client:
                    self.failed += answer(client, self.path) != 200
            except OSError:
                self.failed += 1
            self.took_ms.append((time.monotonic() - begun) * 1e3)
            time.sleep(0.1)


def idle(server, path, many):
    clients = []
    for number in range(many):
        clients.append(server.connect(number))
        answer(clients[-1], path)
    return clients


def silent(server, _, many):
    return [server.connect(number) for number in range(many)]


def slow_heads(server, _, many):
    clients = silent(server, None, many)
    for client in clients:
        client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Slow: ")
    for _ in range(3):
        time.sleep(1)
        for client in clients:
            try:
                client.sendall(b"a" * 200)
            except OSError:
                pass  # It was shown the door.
    return clients


def slow_readers(server, path, many):
    clients = [server.connect(number, small=True) for number in range(many)]
    for client in clients:
        client.sendall((f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n" * 20).encode())
    return clients


def too_large(server, path, many):
    clients = []
    for number in range(min(many, 2000)):
        client = server.connect(number)
        clients.append(client)
        try:
            if number % 2:
                client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 200_000 + b"\r\n\r\n")
            else:
                client.sendall(b"POST /cog/statistics HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999\r\n\r\n" + b"{" * 200_000)
        except OSError:
            pass  # Refused while it was still sending.
    return clients


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=pathlib.Path)
    parser.add_argument("--port", type=int, default=21000)
    parser.add_argument("--many", type=int, default=16_000)
    parser.add_argument("--memory", default="256MiB")
    a = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]))
    folder = tempfile.mkdtemp()
    subprocess.run([PROGRAMS / "aurora-fixtures", "scene", "--out", folder, "--count", "1", "--size", "2000"], check=True,
                   stdout=subprocess.DEVNULL)
    scene = urllib.parse.quote(str(next(pathlib.Path(folder).rglob("*.tif"))))
    path = f"/cog/preview/256x256.png?url={scene}"
    server, rows = Server(folder, a.port, a.memory), []
    try:
        time.sleep(2)
        assert answer(server.connect(), path) == 200
        # The first crowd also brings code and tables into memory that stay.
        for name, attack in (("warm-up", idle), ("idle after an answer", idle), ("silent", silent), ("heads that never end", slow_heads),
                             ("20 answers asked for, none read", slow_readers), ("heads and bodies too large", too_large)):
            before, neighbour = server.rss_kib(), Neighbour(server, path)
            most, watching = [before], True

            def watch():
                while watching:
                    most.append(server.rss_kib())
                    time.sleep(0.1)
            watcher = threading.Thread(target=watch)
            watcher.start()
            clients = attack(server, path, a.many)
            time.sleep(2)
            held = server.rss_kib()
            for client in clients:
                client.close()
            time.sleep(3)
            watching, neighbour.stopped = False, True
            watcher.join(), neighbour.join()
            took = sorted(neighbour.took_ms)
            rows.append({"clients": name, "connections": len(clients), "rss_before_mib": before / 1024, "rss_held_mib": held / 1024,
                         "rss_most_mib": max(most) / 1024, "rss_after_mib": server.rss_kib() / 1024,
                         "kib_each": (held - before) / len(clients), "neighbour_p50_ms": statistics.median(took),
                         "neighbour_max_ms": took[-1], "neighbour_requests": len(took), "neighbour_failed": neighbour.failed})
            print(rows[-1], flush=True)
    finally:
        server.process.terminate()
        ended = server.process.wait()
    a.out.mkdir(parents=True, exist_ok=True)
    (a.out / "hostile.json").write_text(json.dumps(rows, indent=1) + "\n")
    cpu = next(line.split(":")[1].strip() for line in open("/proc/cpuinfo") if line.startswith("model name"))
    commit = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True).stdout.strip()
    lines = ["# Clients that want no good, or nothing\n",
             f"Machine: {cpu}, {os.cpu_count()} cores, {platform.release()}. Commit: {commit}. Command: perf/{pathlib.Path(sys.argv[0]).name} with",
             f"{a.many} connections and `--memory {a.memory}`; the server ended with {ended}. Resident memory in MiB. The neighbour asks for a cached",
             "picture ten times a second on connections of its own.\n",
             "| clients | connections | before | held | most | 3 s after | KiB each | neighbour p50, most, ms | failed |",
             "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| {row['clients']} | {row['connections']} | {row['rss_before_mib']:.0f} | {row['rss_held_mib']:.0f} | {row['rss_most_mib']:.0f} | "
                     f"{row['rss_after_mib']:.0f} | {row['kib_each']:.1f} | {row['neighbour_p50_ms']:.1f}, {row['neighbour_max_ms']:.0f} | "
                     f"{row['neighbour_failed']} of {row['neighbour_requests']} |")
    (a.out / "README.md").write_text("\n".join(lines) + "\n")
    print((a.out / "README.md").read_text())


if __name__ == "__main__":
    main()
