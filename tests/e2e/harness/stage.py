# SPDX-License-Identifier: MIT
"""The stage of one test: whatever it starts is stopped at the end, and checked.

A daemon that died by a signal, or that a sanitizer complained about, fails the test even when every
assertion held.
"""

import contextlib
import os
import pathlib
import signal
import subprocess
import tempfile
import time

from harness.wait import SANITIZED, wait_until


class Daemon:
    """One program in the background, its output in a file."""

    def __init__(self, stage, name, argv, env=None, pass_fds=(), stderr=None, cwd=None,
                 preexec_fn=None):
        self.stage = stage
        self.name = name
        self.argv = [str(a) for a in argv]
        self.env = env
        self.pass_fds = pass_fds
        self.log_path = stage.path / (name + ".log")
        self.report_prefix = stage.path / (name + ".report")
        self.stderr = stderr
        self.cwd = cwd
        self.preexec_fn = preexec_fn
        self.process = None
        self.expected_status = {0}
        self.asked = False

    def start(self):
        assert self.process is None or self.process.poll() is not None
        env = dict(self.stage.env if self.env is None else self.env)
        argv = self.argv
        if SANITIZED:
            # Address randomization and the sanitizer's shadow do not get on with each other.
            argv = ["setarch", "-R"] + argv
            options = "log_path=%s:exitcode=99:abort_on_error=0" % self.report_prefix
            env.setdefault("ASAN_OPTIONS", options + ":detect_leaks=1")
            env.setdefault("UBSAN_OPTIONS", options + ":print_stacktrace=1:halt_on_error=1")
            env.setdefault("TSAN_OPTIONS", options + ":second_deadlock_stack=1")
        self.asked = False
        with open(self.log_path, "ab") as log:
            self.process = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=log,
                stderr=log if self.stderr is None else self.stderr,
                env=env, pass_fds=self.pass_fds, cwd=self.cwd, preexec_fn=self.preexec_fn)
        return self

    @property
    def pid(self):
        return self.process.pid

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def log(self):
        try:
            return self.log_path.read_text(errors="replace")
        except FileNotFoundError:
            return ""

    def log_contains(self, text, timeout=None):
        wait_until(lambda: text in self.log(), "%r in the log of %s" % (text, self.name), timeout)

    def send_signal(self, number):
        self.process.send_signal(number)

    def wait(self, timeout=None):
        """The exit status, as the program ends by itself."""
        wait_until(lambda: self.process.poll() is not None, "the end of " + self.name, timeout)
        return self.process.returncode

    def kill(self):
        """kill -9: no farewell."""
        self.expected_status.add(-signal.SIGKILL)
        self.process.kill()
        self.process.wait()

    def ask(self, number=signal.SIGTERM):
        if self.alive():
            self.asked = True
            self.process.send_signal(number)

    def stop(self, number=signal.SIGTERM):
        """Asks once; insists if streams are still under way, as a second signal ends it at once."""
        if not self.alive():
            return
        if not self.asked:
            self.ask(number)
        end = time.monotonic() + (5 if SANITIZED else 1)
        while self.alive() and time.monotonic() < end:
            time.sleep(0.005)
        if self.alive():
            self.process.send_signal(number)
            try:
                self.process.wait(5)
            except subprocess.TimeoutExpired:
                self.process.kill()
                self.process.wait()
                raise AssertionError("%s ignored two signals" % self.name) from None

    def reports(self):
        """What the sanitizers wrote."""
        return [p.read_text(errors="replace")
                for p in sorted(self.stage.path.glob(self.report_prefix.name + ".*"))]

    def memory(self, field="VmRSS"):
        """Resident memory in bytes; "VmHWM" is the peak."""
        return memory_of(self.pid, field)

    def fds(self):
        return len(os.listdir("/proc/%d/fd" % self.pid))


def memory_of(pid, field="VmRSS"):
    for line in pathlib.Path("/proc/%d/status" % pid).read_text().splitlines():
        if line.startswith(field + ":"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no %s for process %d" % (field, pid))


class Stage:
    def __init__(self, path):
        self.path = pathlib.Path(path)
        self.things = []
        self.names = {}
        home = self.path / "home"
        home.mkdir()
        runtime = self.path / "xdg"
        runtime.mkdir()
        # Nothing of the developer's own shell reaches the programs: no proxies, no tokens.
        self.env = {
            "PATH": os.environ.get("PATH", "/usr/bin:/bin") + ":/usr/sbin:/sbin",
            "HOME": str(home),
            "XDG_RUNTIME_DIR": str(runtime),
            "LANG": "C.UTF-8",
        }

    def name(self, word):
        n = self.names[word] = self.names.get(word, 0) + 1
        return word if n == 1 else "%s-%d" % (word, n)

    def add(self, thing):
        """Whatever has stop(), or close() alone."""
        self.things.append(thing)
        return thing

    def daemon(self, name, argv, **kwargs):
        return self.add(Daemon(self, self.name(name), argv, **kwargs)).start()

    def file(self, name, content, mode=0o600):
        path = self.path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        path.chmod(mode)
        return path

    def close(self):
        """Stops everything, newest first; returns what is wrong with how it ended."""
        wrong = []
        # All at once: each drains, and need not wait for the others to.
        for d in self.daemons():
            d.ask()
        for thing in reversed(self.things):
            try:
                (thing.stop if hasattr(thing, "stop") else thing.close)()
            except Exception as e:  # the others still have to be stopped
                wrong.append(str(e))
        for thing in self.things:
            wrong += ["the script of an upstream: %r" % e for e in getattr(thing, "errors", [])]
        for d in self.daemons():
            for report in d.reports():
                wrong.append("a sanitizer speaks about %s:\n%s" % (d.name, report))
            if d.process is not None and d.process.returncode not in d.expected_status:
                wrong.append("%s ended with status %d" % (d.name, d.process.returncode))
        return wrong

    def daemons(self):
        return [t for t in self.things if isinstance(t, Daemon)]

    def logs(self):
        for d in self.daemons():
            yield d.name, " ".join(d.argv) + "\n" + d.log()[-20000:]


@contextlib.contextmanager
def open_stage():
    """A stage in a directory of its own; what ended wrongly on it fails the test."""
    # Short, as a UNIX socket's path must fit into 108 bytes.
    with tempfile.TemporaryDirectory(prefix="tunnel-e2e-", ignore_cleanup_errors=True) as path:
        stage = Stage(path)
        try:
            yield stage
        finally:
            wrong = stage.close()
        assert not wrong, "\n".join(wrong)
