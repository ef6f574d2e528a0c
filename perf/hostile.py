#!/usr/bin/env python3
"""What do clients cost that want no good, or nothing? Resident memory and other people's waits meanwhile.

    perf/hostile.py OUT [--port 24300] [--many 16000] [--memory 256MiB]

Makes a scene, starts a server on it, and in turn: keeps connections idle after an
answer each, opens them and says nothing, sends short and long heads and bodies that never end, asks and does not read, asks for a hundred answers at
once by HTTP/2 and takes none, also of documents that are made for each, and sends heads and bodies that are too large; every time a neighbour, a process of its own, asks for a cached tile ten times a second. Exit status 1 when a
connection costs more than is published, when memory does not come back, or when the neighbour fails or waits a second.
"""
import argparse, multiprocessing, pathlib, re, resource, socket, statistics, struct, threading, time, typing, urllib.parse

import dated_run as run

# Published for a connection that is being answered (docs/operations.md).
KIB_A_CONNECTION = 20
KIB_AN_HTTP2_CONNECTION = 34
# Of `--memory`, what answers may hold that clients have not taken (server/src/budget.rs).
ANSWERS_PART = 4.5 / 16
# What may stay seconds after a crowd has gone, beside what was there before.
STAYS_MIB = 16
NEIGHBOUR_MS = 1000
# The number of a connection from an address that nobody else has.
NEIGHBOUR = 1_000_000


class Crowd(typing.NamedTuple):
    name: str
    attack: typing.Callable
    # What may be held for it: of each connection, and of `--memory`.
    kib_each: float = KIB_A_CONNECTION
    part: float = 0
    # Until it is looked at what stays.
    after_s: int = 3


class Server:
    def __init__(self, folder, out, port, memory):
        self.port = port
        self.process = run.start([run.PROGRAMS / "aurora-server", "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{port + 900}",
                                  "--allow", folder, "--memory", memory], out / "server.log")
        run.until("an answer", lambda: run.get(f"http://127.0.0.1:{port}/livez")[0] == 200)

    def rss_kib(self):
        return run.rss_mib(self.process.pid) * 1024

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


class Neighbour:
    """Asks for a tile that is cached, ten times a second, from an address and a process of its own."""

    def __init__(self, server, path):
        context = multiprocessing.get_context("fork")
        self.stopped, (self.told, tells) = context.Event(), context.Pipe(duplex=False)
        self.process = context.Process(target=self.run, args=(server, path, tells), daemon=True)
        self.process.start()

    def run(self, server, path, tells):
        took_ms, failed = [], 0
        while not self.stopped.is_set():
            begun = time.monotonic()
            try:
                with server.connect(NEIGHBOUR) as client:
                    failed += answer(client, path) != 200
            except OSError:
                failed += 1
            took_ms.append((time.monotonic() - begun) * 1e3)
            time.sleep(0.1)
        tells.send((sorted(took_ms), failed))

    def finish(self):
        self.stopped.set()
        told = self.told.recv()
        self.process.join()
        return told


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


def long_heads(server, _, many):
    clients = silent(server, None, many)
    for client in clients:
        try:
            client.sendall(b"GET / HTTP/1.1\r\nHost: a\r\nX-Long: " + b"x" * 60_000)
        except OSError:
            pass  # It was shown the door.
    return clients


def slow_bodies(server, _, many):
    clients = silent(server, None, many)
    for client in clients:
        client.setblocking(False)
        try:
            client.send(b"POST /cog/statistics HTTP/1.1\r\nHost: a\r\nContent-Length: 2000000\r\n\r\n" + b"[" * 1_900_000)
        except OSError:
            pass  # Nobody reads it yet.
    for _ in range(20):
        for client in clients:
            try:
                client.send(b"[" * 90_000)
            except OSError:
                pass
    return clients


def slow_readers(server, path, many):
    clients = [server.connect(number, small=True) for number in range(many)]
    for client in clients:
        client.sendall((f"GET {path} HTTP/1.1\r\nHost: a\r\n\r\n" * 20).encode())
    return clients


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + bytes([kind, flags]) + struct.pack(">I", stream) + payload


def literal(name, value):
    rest, length = len(value) - 127, [len(value)] if len(value) < 127 else [127]
    while rest >= 128:
        length.append(rest % 128 | 128)
        rest //= 128
    return bytes([name] + length + ([rest] if len(value) >= 127 else [])) + value


def untaken_streams(server, path, many):
    # Streams whose window is shut (RFC 9113, 6.5.2), and a hundred requests of HPACK's literals (RFC 7541).
    hello = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + frame(4, 0, 0, struct.pack(">HI", 4, 0))
    get_by_http, name_of_path, name_of_authority, whole = b"\x82\x86", 4, 1, 5
    clients = [server.connect(number, small=True) for number in range(many)]
    for number, client in enumerate(clients):
        heads = [get_by_http + literal(name_of_path, f"{path}&n={number}.{stream}".encode()) + literal(name_of_authority, b"a") for stream in range(100)]
        try:
            client.sendall(hello + b"".join(frame(1, whole, 2 * stream + 1, head) for stream, head in enumerate(heads)))
        except OSError:
            pass  # It was shown the door.
    return clients


def untaken_documents(server, path, many):
    return untaken_streams(server, path.replace("/cog/preview/256x256.png", "/cog/WMTSCapabilities.xml"), min(many, 60))


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
    parser.add_argument("--port", type=int, default=24300)
    parser.add_argument("--many", type=int, default=16_000)
    parser.add_argument("--memory", default="256MiB")
    a = parser.parse_args()
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(20_000, resource.getrlimit(resource.RLIMIT_NOFILE)[1]),) * 2)
    a.out.mkdir(parents=True, exist_ok=True)
    folder = run.scratch()
    scene = urllib.parse.quote(str(run.draw(folder, 1, 2000)[0]))
    path = f"/cog/preview/256x256.png?url={scene}"
    server, rows = Server(folder, a.out, a.port, a.memory), []
    assert answer(server.connect(), path) == 200
    # The first crowds also bring code and tables into memory that stay.
    for crowd in (Crowd("warm-up", idle), Crowd("warm-up by HTTP/2", untaken_streams), Crowd("idle after an answer", idle), Crowd("silent", silent), Crowd("heads that never end", slow_heads),
                  Crowd("long heads that never end", long_heads), Crowd("bodies that never end", slow_bodies),
                  Crowd("20 answers asked for, none read", slow_readers),
                  Crowd("100 answers by HTTP/2, none taken", untaken_streams, KIB_AN_HTTP2_CONNECTION),
                  Crowd("100 documents by HTTP/2, none taken", untaken_documents, KIB_AN_HTTP2_CONNECTION, ANSWERS_PART),
                  Crowd("heads and bodies too large", too_large)):
        before, neighbour = server.rss_kib(), Neighbour(server, path)
        most, watching = [before], True

        def watch():
            while watching:
                most.append(server.rss_kib())
                time.sleep(0.1)
        watcher = threading.Thread(target=watch)
        watcher.start()
        clients = crowd.attack(server, path, a.many)
        time.sleep(2)
        held = server.rss_kib()
        for client in clients:
            client.close()
        time.sleep(crowd.after_s)
        watching = False
        watcher.join()
        took, failed = neighbour.finish()
        part_mib = int(a.memory.removesuffix("MiB")) * crowd.part
        allowed_mib = len(clients) * crowd.kib_each / 1024 + part_mib + run.OVERHEAD_MIB
        rows.append({"clients": crowd.name, "connections": len(clients), "allowed_mib": allowed_mib,
                     # What is kept for the next who asks, too.
                     "may_stay_mib": STAYS_MIB + part_mib, "after_s": crowd.after_s, "rss_before_mib": before / 1024, "rss_held_mib": held / 1024,
                     "rss_most_mib": max(most) / 1024, "rss_after_mib": server.rss_kib() / 1024,
                     "kib_each": (max(most) - before) / len(clients), "neighbour_p50_ms": statistics.median(took),
                     "neighbour_max_ms": took[-1], "neighbour_requests": len(took), "neighbour_failed": failed})
        print(rows[-1], flush=True)
    ended = run.stop(server.process)
    lines = [f"{a.many} connections and `--memory {a.memory}`; the server ended with {ended}. Resident memory in MiB. The neighbour asks for a",
             "cached picture ten times a second on connections of its own. The first rows also brought code and tables into memory.", "",
             "| clients | connections | before | held | most | seconds later | KiB each at most | neighbour p50, most, ms | failed |",
             "|---|---|---|---|---|---|---|---|---|"]
    for row in rows:
        lines.append(f"| {row['clients']} | {row['connections']} | {row['rss_before_mib']:.0f} | {row['rss_held_mib']:.0f} | {row['rss_most_mib']:.0f} | "
                     f"{row['after_s']}: {row['rss_after_mib']:.0f} | {row['kib_each']:.1f} | {row['neighbour_p50_ms']:.1f}, {row['neighbour_max_ms']:.0f} | "
                     f"{row['neighbour_failed']} of {row['neighbour_requests']} |")
    aims = run.Aims()
    for row in rows[2:]:
        # What a body may be read to before it is refused is held for some at a time only.
        room_mib = row["allowed_mib"]
        aims.hold(f"{row['clients']}: at most {room_mib:.0f} MiB more", f"{row['rss_most_mib'] - row['rss_before_mib']:.0f}",
                  row["rss_most_mib"] - row["rss_before_mib"] <= room_mib)
        stays = row["rss_after_mib"] - row["rss_before_mib"]
        aims.hold(f"{row['clients']}: at most {row['may_stay_mib']:.0f} MiB of it stay", f"{stays:.0f}", stays <= row["may_stay_mib"])
        aims.hold(f"{row['clients']}: the neighbour is served within {NEIGHBOUR_MS} ms", f"{row['neighbour_max_ms']:.0f}, {row['neighbour_failed']} failed",
                  row["neighbour_max_ms"] <= NEIGHBOUR_MS and row["neighbour_failed"] == 0)
    aims.hold("the server ends when told to", ended, ended == 0)
    aims.finish(a.out, "Clients that want no good, or nothing", lines, "hostile", rows)


if __name__ == "__main__":
    main()
