# SPDX-License-Identifier: MIT
"""Where a measurement runs: processes on their cores, and what the kernel says about them.

The load and the upstream run on core 0, whatever stands between them on core 1, so that every
contender has the same processor to itself. A machine's free choice moves figures by a third.
"""
import contextlib
import pathlib
import re
import socket
import subprocess
import time

LOAD, MIDDLE = 0, 1  # cores
DESCRIPTORS = 20000  # a process; what the largest figures need
TICK = 0.01  # seconds between two looks at something that is to happen


class Failed(Exception):
    """A contender or a tool did not do what it should; the text says what."""


class Process:
    def __init__(self, name, argv, log):
        self.name, self.log = name, log
        with open(log, "wb") as f:
            self.child = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=f, stderr=f)

    def family(self):
        """Its pid and those of its descendants: sshd works in children."""
        parents = {}
        for entry in pathlib.Path("/proc").iterdir():
            with contextlib.suppress(OSError, ValueError):
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
                parents[int(entry.name)] = int(fields[1])
        family = [self.child.pid]
        for pid in family:
            family += [child for child, parent in parents.items() if parent == pid]
        return family

    def processor(self):
        """Seconds of processor time so far, all threads."""
        total = 0
        for pid in self.family():
            with contextlib.suppress(OSError):
                for task in pathlib.Path(f"/proc/{pid}/task").iterdir():
                    with contextlib.suppress(OSError):
                        total += int((task / "schedstat").read_text().split()[0])
        return total / 1e9

    def memory(self, field="VmRSS"):
        """MiB."""
        total = 0
        for pid in self.family():
            with contextlib.suppress(OSError):
                status = pathlib.Path(f"/proc/{pid}/status").read_text()
                found = re.search(rf"{field}:\s*(\d+)", status)
                total += int(found[1]) if found else 0  # none of a zombie
        return total / 1024

    def check(self):
        if self.child.poll() is not None:
            raise Failed(f"{self.name} ended with {self.child.returncode}: {self.last_words()}")

    def last_words(self):
        lines = pathlib.Path(self.log).read_text(errors="replace").splitlines()
        return re.sub(r"\x1b\[\d*m", "", lines[-1])[:120] if lines else "(its log is empty)"


class Stage:
    """The processes of one contender, or of the upstreams; ends them when it is left."""

    def __init__(self, directory, address, pinned=True):
        self.dir, self.address, self.pinned = pathlib.Path(directory), address, pinned
        self.server_address = self.upstream_address = address
        self.processes = []

    def place(self, side, argv):
        """How the command line of a side is started; a long path has namespaces instead."""
        core = LOAD if side in ("load", "upstream") else MIDDLE
        return ["taskset", "-c", str(core), *argv] if self.pinned else argv

    def start(self, side, argv, name=None):
        argv = [str(a) for a in argv]
        name = name or pathlib.Path(argv[0]).name
        log = self.dir / f"{name}-{side}.log"
        process = Process(f"{name} ({side})", self.place(side, argv), log)
        self.processes.append(process)
        return process

    def run(self, argv, seconds, check=True):
        """A program of the load; its standard output."""
        argv = [str(a) for a in argv]
        program = pathlib.Path(argv[0]).name
        try:
            done = subprocess.run(self.place("load", argv), capture_output=True, text=True, timeout=seconds + 60,
                                  stdin=subprocess.DEVNULL, check=False)
        except subprocess.TimeoutExpired as e:
            raise Failed(f"{program} did not end") from e
        if check and done.returncode:
            raise Failed(f"{program}: {(done.stderr or done.stdout).strip()[-200:]}")
        return done.stdout

    def stop(self, *processes):
        for process in processes:
            if process.child.poll() is None:
                process.child.terminate()
        for process in processes:
            try:
                process.child.wait(5)
            except subprocess.TimeoutExpired:
                process.child.kill()
                process.child.wait()
            self.processes.remove(process)

    @contextlib.contextmanager
    def act(self):
        """What is started meanwhile ends with it."""
        before = list(self.processes)
        try:
            yield
        finally:
            self.stop(*[p for p in self.processes if p not in before])

    def write(self, name, text):
        path = self.dir / name
        path.write_text(text)
        return path

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stop(*self.processes)

    def check(self):
        for process in self.processes:
            process.check()

    def wait(self, what, condition, seconds=15):
        """Until the condition holds; a process that ends meanwhile is an error of its own."""
        end = time.monotonic() + seconds
        while not condition():
            self.check()
            if time.monotonic() > end:
                raise Failed(f"no {what} within {seconds} s; {self.processes[-1].name} said: " +
                             self.processes[-1].last_words())
            time.sleep(TICK)


def answers(address, port, timeout=1.0, request=b""):
    """Whether somebody takes connections there and, given a request, answers it with 200."""
    try:
        with socket.create_connection((address, port), timeout) as s:
            if not request:
                return True
            s.sendall(request)
            return b" 200 " in s.recv(64)
    except OSError:
        return False


def get(host, path="/1k", close=False):
    fields = "Connection: close\r\n" if close else ""
    return f"GET {path} HTTP/1.1\r\nHost: {host}\r\n{fields}\r\n".encode()
