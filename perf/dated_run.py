"""What the scripts of dated runs share: programs and processes that end with the script, scenes behind a server, figures of
the load tool and of /proc, and the README with machine, commit, command and what was aimed at.

Programs are taken from target/release (PROGRAMS=… for others, AURORA_PERF=… for another load tool).
"""
import atexit
import json
import os
import pathlib
import platform
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request

PROGRAMS = pathlib.Path(os.environ.get("PROGRAMS", "target/release"))
PERF = os.environ.get("AURORA_PERF", str(PROGRAMS / "aurora-perf"))
MIB = 1 << 20
# What Aurora takes beside its budget (docs/operations.md).
OVERHEAD_MIB = 29
PATIENCE_S = 180

_started = []


def start(command, log=None, core=None, nice=0, at_once=False, env=None):
    """A process that ends with this script, on one core if wanted; `at_once` gives it the core whenever it wants it (needs root)."""
    command = [str(word) for word in command]
    if core is not None:
        command = ["taskset", "-c", str(core), *command]
    if at_once:
        command = ["chrt", "--fifo", "1", *command]
    if nice:
        command = ["nice", f"-n{nice}", *command]
    out = open(log, "ab") if log else subprocess.DEVNULL
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=out, env={**os.environ, **(env or {})})
    _started.append(process)
    return process


def stop(process):
    """SIGTERM; its exit status."""
    process.terminate()
    return process.wait()


@atexit.register
def _stop_all():
    for process in reversed(_started):
        if process.poll() is None:
            process.send_signal(signal.SIGCONT)  # One that was stopped could not end.
            process.terminate()
    for process in _started:
        try:
            process.wait(timeout=30)
        except subprocess.TimeoutExpired:
            process.kill()


def scratch():
    """A folder that goes with this script."""
    folder = tempfile.mkdtemp(prefix="aurora-perf-")
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return pathlib.Path(folder)


def until(what, told, patience_s=PATIENCE_S):
    """Asks until something is told; ends the script when it never is."""
    end = time.monotonic() + patience_s
    while time.monotonic() < end:
        answer = told()
        if answer:
            return answer
        time.sleep(0.1)
    sys.exit(f"{what}: not within {patience_s} s")


def get(url, timeout=30):
    """Status and body; status 0 when nothing came."""
    try:
        with urllib.request.urlopen(url, timeout=timeout) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()
    except OSError:
        return 0, b""


def ready(address):
    until(f"{address}/readyz", lambda: get(f"{address}/readyz", 5)[0] == 200)


def draw(folder, count, size, *flags):
    """Scenes of consecutive seeds."""
    command = [PROGRAMS / "aurora-fixtures", "scene", "--out", folder, "--count", str(count), "--size", str(size), *flags]
    subprocess.run([str(word) for word in command], check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    return sorted(pathlib.Path(folder).glob("*.MBI.tif"))


class House:
    """Scenes in a folder, the indexer that publishes them, and a server on it."""

    def __init__(self, out, port, count=4, size=4000, memory="256MiB", flags=(), core=None, log="text", env=None):
        self.folder, self.server_log = scratch(), pathlib.Path(out, "server.log" if log == "text" else "access.log")
        self.root, self.results = self.folder / "root", self.folder / "results"
        pathlib.Path(out).mkdir(parents=True, exist_ok=True)
        self.server_log.unlink(missing_ok=True)
        self.address, self.indexer_address = (f"http://127.0.0.1:{port + more}" for more in (0, 80))
        draw(self.root, count, size)
        self.indexer = start([PROGRAMS / "aurora-indexer", "--root", self.root, "--results", self.results, "--state",
                              self.folder / "state", "--listen", f"127.0.0.1:{port + 80}", "--settle", "1s"], self.folder / "indexer.log")
        until("scenes published", lambda: len(list(self.results.rglob("*_light.tif"))) >= count)
        self.server = start([PROGRAMS / "aurora-server", "--listen", f"127.0.0.1:{port}", "--admin-listen", f"127.0.0.1:{port + 900}",
                             "--indexer", self.indexer_address, "--memory", memory, "--log", log, *flags], self.server_log, core=core, env=env)
        ready(self.address)
        until("scenes listed", lambda: len(self.scenes()) >= count)

    def scenes(self):
        return [scene["id"] for scene in json.loads(get(f"{self.address}/scenes?limit=1000")[1])["features"]
                if scene["properties"].get("status") != "waiting"]

    def rss_mib(self):
        return rss_mib(self.server.pid)

    def health(self):
        return json.loads(get(f"{self.address}/health")[1])


def rss_mib(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return int(re.search(r"VmRSS:\s+(\d+)", status)[1]) / 1024


def load(command, address, *flags, out=None, core=None, nice=0, at_once=False):
    """Starts the load tool; its report is in the folder answered first."""
    out = pathlib.Path(out or scratch())
    words = [PERF, command, "--server", address, "--out", out, *flags]
    return out, start(words, core=core, nice=nice, at_once=at_once)


def report(loaded, command="stress"):
    """Waits for a load and reads what came of it."""
    folder, process = loaded
    process.wait()
    path = folder / f"{command}.json"
    if not path.exists():
        sys.exit(f"the load tool left no report, and ended with {process.returncode}")
    return json.loads(path.read_text())


def cpu():
    with open("/proc/cpuinfo") as info:
        return next((line.split(":")[1].strip() for line in info if line.startswith("model name")), platform.machine())


def commit():
    described = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True)
    return described.stdout.strip() or "?"


def machine():
    return f"Machine: {cpu()}, {os.cpu_count()} cores, {platform.release()}. Commit: {commit()}."


def circumstances():
    """Machine, commit and command: what a figure in docs/ must have behind it."""
    words = ["OUT" if number == 0 else word for number, word in enumerate(sys.argv[1:])]
    command = " ".join([f"perf/{pathlib.Path(sys.argv[0]).name}", *words])
    return f"{machine()} Command: `{command}`."


class Aims:
    """What was aimed at, and whether it was reached; the script's exit status."""

    def __init__(self):
        self.rows = []

    def hold(self, aim, measured, holds):
        self.rows.append((aim, measured, bool(holds)))

    def lines(self):
        return ["| aim | measured | |", "|---|---|---|",
                *(f"| {aim} | {measured} | {'held' if holds else '**missed**'} |" for aim, measured, holds in self.rows)]

    def finish(self, out, title, lines, name=None, data=None):
        """Writes README.md and NAME.json, prints the first, and ends the script: 1 when an aim was missed."""
        out = pathlib.Path(out)
        out.mkdir(parents=True, exist_ok=True)
        if name:
            (out / f"{name}.json").write_text(json.dumps(data, indent=1) + "\n")
        text = "\n".join([f"# {title}\n", circumstances(), "", *lines, "", *(self.lines() if self.rows else [])]).rstrip() + "\n"
        (out / "README.md").write_text(text)
        print(text)
        sys.exit(0 if all(holds for _, _, holds in self.rows) else 1)
