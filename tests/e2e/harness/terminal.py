# SPDX-License-Identifier: MIT
"""Terminals: what a program shows on one, and a shell on which lines are typed as a person does.

scripts/stories and the walk through the documents (tests/documents) type on these as well.
"""

import codecs
import contextlib
import fcntl
import os
import pty
import re
import signal
import subprocess
import termios
import threading

from harness.wait import PATIENCE

COLOURS = re.compile(r"\x1b\[[0-9;]*m")

COMMAND_SECONDS = 600  # a build on a slow machine
READY_SECONDS = 60     # until what stays in the foreground is ready

# What the shell asks with, which no command prints: the status of the command before, or nothing
# when it wants more of this one.
SET_PROMPTS = r"stty -echo cols 200; set +H; PS2=$'\2\3'; PS1=$'\2$?\3'"
PROMPT = re.compile("\x02(\\d*)\x03")


class Failed(Exception):
    """A program or a line did not do what was waited for."""


class Terminal:
    """Its `follower` is for a program's output."""

    def __init__(self):
        self.leader, self.follower = pty.openpty()
        self.seen = bytearray()
        self.changed = threading.Condition()
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        decoder = codecs.getincrementaldecoder("utf-8")("replace")
        with contextlib.suppress(OSError):  # closed
            while data := os.read(self.leader, 65536):
                with self.changed:
                    self.seen.extend(data)
                    self.came(decoder.decode(data).replace("\r", ""))
                    self.changed.notify_all()

    def came(self, text):
        """For whoever reads along."""

    def raw(self):
        return self.seen.decode()

    def lines(self):
        """Without colours."""
        return COLOURS.sub("", self.raw()).replace("\r", "").splitlines()

    def wait(self, condition, what, seconds=PATIENCE):
        with self.changed:
            if not self.changed.wait_for(condition, seconds):
                raise Failed("gave up waiting for %s" % what)

    def wait_for(self, text):
        self.wait(lambda: text in "\n".join(self.lines()), "%r on the terminal" % text)

    def stop(self):
        os.close(self.follower)
        os.close(self.leader)


class Shell(Terminal):
    """bash, started by argv. Each line goes to on_typed() as it is typed, or to on_line() when it
    is printed, colours and all."""

    def __init__(self, argv, env=None, cwd=None, on_typed=lambda line: None,
                 on_line=lambda line: None, seconds=COMMAND_SECONDS):
        """seconds: how long a command may take."""
        super().__init__()
        self.on_typed, self.on_line, self.seconds = on_typed, on_line, seconds
        self.line, self.printed, self.since = "", "", 0
        self.prompts, self.status = 0, None  # "" when it wants more
        self.stays = False                   # a command, in the foreground
        self.process = subprocess.Popen(
            argv, env=env, cwd=cwd, stdin=self.follower, stdout=self.follower, stderr=self.follower,
            start_new_session=True, preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        os.close(self.follower)
        self._write(SET_PROMPTS + "\n")
        self._wait_prompt(1, "a shell")

    def came(self, text):
        self.line += text
        while at := re.search("\n|" + PROMPT.pattern, self.line):
            whole, self.line = self.line[:at.start()], self.line[at.end():]
            if self.prompts and (at[0] == "\n" or whole):
                self.on_line(whole)
                self.printed += COLOURS.sub("", whole) + ("\n" if at[0] == "\n" else "")
            if at[0] != "\n":
                self.prompts, self.status = self.prompts + 1, at[1]

    def wait(self, condition, what, seconds=PATIENCE):
        try:
            super().wait(condition, what, seconds)
        except Failed as e:
            raise Failed("%s, but:\n%s" % (e, self.said())) from None

    def _write(self, text):
        os.write(self.leader, text.encode())

    def _wait_prompt(self, times, what, seconds=PATIENCE):
        self.wait(lambda: self.prompts >= times or self.process.poll() is not None, what, seconds)
        if self.prompts < times:
            raise Failed("the terminal ended:\n" + self.said())

    def said(self):
        """Since the last line was typed."""
        return self.printed[self.since:] + self.line

    def begin(self, line):
        """Types a line, and waits for nothing."""
        self.interrupt()
        self.on_typed(line)
        with self.changed:
            self.since = len(self.printed)
        self._write(line + "\n")
        self.stays = True

    def type(self, line):
        """One line to its end; what it printed, or None when the shell wants more of the
        command."""
        self.interrupt()
        before = self.prompts
        self.begin(line)
        self._wait_prompt(before + 1, "the end of \"%s\"" % line, self.seconds)
        self.stays = False
        if self.status not in ("", "0"):
            raise Failed("\"%s\" ended with status %s:\n%s" % (line, self.status, self.said()))
        return self.said() if self.status else None

    def leave(self, line, ready, seconds=READY_SECONDS):
        """A line whose command stays in the foreground, and is ready when it has printed that."""
        self.interrupt()
        before = self.prompts
        self.begin(line)
        self.wait_said(ready, seconds, lambda: self.prompts > before)
        if self.prompts > before:
            self.stays = False
            raise Failed("\"%s\" ended:\n%s" % (line, self.said()))
        return self.said()

    def wait_said(self, text, seconds=READY_SECONDS, over=lambda: False):
        self.wait(lambda: text in self.said() or over(), repr(text), seconds)

    def interrupt(self):
        """Ctrl-C, for what stays in the foreground."""
        if self.stays:
            before = self.prompts
            self._write("\x03")
            self._wait_prompt(before + 1, "the end after Ctrl-C")
            self.stays = False

    def close(self):
        """Interrupts what runs there, and has the shell end; its terminal's end takes the rest
        along."""
        try:
            self.interrupt()
            self._write("exit\n")
            self.process.wait(PATIENCE)
        except (OSError, Failed, subprocess.TimeoutExpired):
            with contextlib.suppress(OSError):
                os.killpg(os.tcgetpgrp(self.leader), signal.SIGKILL)
            self.process.kill()
            self.process.wait()
        os.close(self.leader)

    stop = close
