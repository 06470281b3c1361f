"""A terminal in which lines are typed, as a person does who reads a document."""

import os
import pty
import re
import select
import signal
import time

COMMAND_SECONDS = 600  # a build on a slow machine
READY_SECONDS = 60

# What bash asks with: the status of the command before, or for more of the one it has.
PROMPT = re.compile(r"<<status (\d+)>>$")
MORE = "<<more>>"


class Failed(Exception):
    """A line did not do what the document promises."""


class Terminal:
    """bash on a pseudo terminal; argv is what starts it."""

    def __init__(self, argv, env=None, show=lambda line: None):
        self.show = show
        self.text = ""  # since the last line was typed
        self.busy = False  # a command stays in the foreground
        self.pid, self.fd = pty.fork()
        if not self.pid:
            os.execvpe(argv[0], argv, os.environ if env is None else env)
        # In single quotes: bash expands the prompt each time that it asks.
        os.write(self.fd, b"stty -echo; set +H; PS2='%s'; PS1='<<status $?>>'\n" % MORE.encode())
        self._until(lambda: PROMPT.search(self.text), 30, "a shell")

    def _until(self, condition, seconds, what):
        end = time.monotonic() + seconds
        while not condition():
            left = end - time.monotonic()
            if left <= 0:
                raise Failed("no %s within %d s, but:\n%s" % (what, seconds, self.text))
            if select.select([self.fd], [], [], left)[0]:
                try:
                    data = os.read(self.fd, 65536)
                except OSError:  # EIO: everybody who had it open is gone
                    data = b""
                if not data:
                    raise Failed("the terminal ended:\n" + self.text)
                self.text += data.decode(errors="replace").replace("\r", "")

    def interrupt(self):
        """Ctrl-C, for what stays in the foreground."""
        if self.busy:
            self.text = ""
            os.write(self.fd, b"\x03")
            self._until(lambda: PROMPT.search(self.text), 30, "end after Ctrl-C")
            self.busy = False

    def type(self, line):
        """One line; what it printed, or None when the shell wants more of the command."""
        self.interrupt()
        self.show(line)
        self.text = ""
        os.write(self.fd, line.encode() + b"\n")
        self._until(lambda: PROMPT.search(self.text) or self.text.endswith(MORE),
                    COMMAND_SECONDS, "end of \"%s\"" % line)
        if self.text.endswith(MORE):
            return None
        status = PROMPT.search(self.text).group(1)
        printed = PROMPT.sub("", self.text)
        if status != "0":
            raise Failed("\"%s\" ended with status %s:\n%s" % (line, status, printed))
        return printed

    def leave(self, line, ready):
        """A line whose command stays in the foreground."""
        self.interrupt()
        self.show(line)
        self.text = ""
        os.write(self.fd, line.encode() + b"\n")
        self._until(lambda: ready in self.text or PROMPT.search(self.text), READY_SECONDS,
                    "\"%s\"" % ready)
        if PROMPT.search(self.text):
            raise Failed("\"%s\" ended:\n%s" % (line, self.text))
        self.busy = True
        return self.text

    def close(self):
        try:
            self.interrupt()
        except Failed:
            pass
        os.close(self.fd)
        try:
            os.kill(self.pid, signal.SIGHUP)
        except ProcessLookupError:
            pass
        os.waitpid(self.pid, 0)
