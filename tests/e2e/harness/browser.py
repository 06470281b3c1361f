# SPDX-License-Identifier: MIT
"""Chromium, driven by playwright-core: scripts of tests/e2e/browser, in the Node.js that scripts/packages.sh installs."""

import json
import os
import pathlib
import subprocess

from harness.programs import TUNNEL

CACHE = pathlib.Path(os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache") / "tunnel-browser"
SCRIPTS = pathlib.Path(__file__).resolve().parents[1] / "browser"
# Pictures of the pages, to be looked at.
SCREENSHOTS = pathlib.Path(TUNNEL).parent / "screenshots"

# The same letters on every machine.
FONTS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><include>/etc/fonts/fonts.conf</include>%s</fontconfig>
""" % "".join(
    '<match target="pattern"><test name="family"><string>%s</string></test>'
    '<edit name="family" mode="prepend" binding="strong"><string>%s</string></edit></match>' % names
    for names in [("system-ui", "Inter"), ("sans-serif", "Inter"), ("ui-monospace", "JetBrains Mono"),
                  ("monospace", "JetBrains Mono")])


class Browser:
    """A script that runs; wait() for its end."""

    def __init__(self, folder, script, *args):
        node = CACHE / "python" / "bin" / "node"
        assert node.exists(), "there is no %s: run \"bash -euc '. scripts/packages.sh; install_browser'\"" % node
        fonts = folder / "fonts.conf"
        fonts.write_text(FONTS)
        self.log = folder / (script + ".log")
        env = {**os.environ, "BROWSER_MODULES": str(CACHE / "node" / "node_modules"), "FONTCONFIG_FILE": str(fonts),
               "TZ": "UTC"}
        with open(self.log, "w") as log:
            self.process = subprocess.Popen([node, SCRIPTS / script, *map(str, args)], env=env, stdin=subprocess.PIPE,
                                            stdout=subprocess.PIPE, stderr=log, text=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        # With what it started: Chromium ends when whoever drives it does.
        self.process.kill()
        self.process.communicate()

    def line(self):
        return self.process.stdout.readline().strip()

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def wait(self):
        out, _ = self.process.communicate()
        assert self.process.returncode == 0, self.log.read_text() + out
        return json.loads(out) if out.strip() else None


def browse(folder, script, *args):
    """Runs it to its end; what it printed, as JSON."""
    with Browser(folder, script, *args) as browser:
        return browser.wait()
