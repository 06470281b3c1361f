#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Holds the systemd units to what they promise: units.py BUILDDIR/systemd PROGRAM.

Their exposure is what `systemd-analyze security` makes of them, offline; a directive that is lost
by a slip of the hand shows as a higher number.
"""

import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

EXPOSURE_MAX = 1.5
GRACE = 10  # seconds: the default of --grace

PROMISES = {
    "tunnel-server.service": [
        "Type=notify", "DynamicUser=yes", "StateDirectory=tunnel", "LoadCredential=tunnel.token",
        "CapabilityBoundingSet=CAP_NET_BIND_SERVICE", "AmbientCapabilities=CAP_NET_BIND_SERVICE",
        "PrivateMounts=yes", "ExecReload=/bin/kill -HUP $MAINPID", "MemoryMax=75%",
        "RuntimeDirectory=tunnel",
        "StartLimitIntervalSec=0", "RuntimeDirectoryPreserve=restart",
    ],
    "tunnel-client@.service": [
        "Type=notify", "DynamicUser=yes", "LoadCredential=tunnel.token", "CapabilityBoundingSet=",
        "PrivateMounts=yes", "PrivateUsers=yes", "RestartPreventExitStatus=2 3",
        "ExecReload=/bin/kill -HUP $MAINPID", "MemoryMax=50%",
        "StartLimitIntervalSec=0", "RuntimeDirectoryPreserve=restart",
    ],
}


def run(*argv):
    p = subprocess.run([str(a) for a in argv], capture_output=True, text=True, timeout=60)
    return p.stdout + p.stderr


def check(name, text, path):
    lines = text.splitlines()
    for line in PROMISES[name]:
        if line not in lines:
            yield "%s is missing" % line
    if name == "tunnel-server.service" and "PrivateUsers=yes" in lines:
        yield "PrivateUsers=yes: low ports fail in a user namespace"
    reloads = re.findall(r"^ExecReload=(.*)$", text, re.M)
    if len(reloads) != 2 or " check-config --strict --quiet " not in reloads[0]:
        yield "a reload does not begin with a check"
    if not re.search(r"^WatchdogSec=\d+s$", text, re.M):
        yield "no watchdog"
    stop = re.search(r"^TimeoutStopSec=(\d+)s$", text, re.M)
    if not stop or int(stop.group(1)) <= GRACE:
        yield "TimeoutStopSec is not above --grace"
    if re.search("@[a-z]+@", text):
        yield "a placeholder was not replaced"

    complaints = [c for c in run("systemd-analyze", "verify", "--man=no", path).splitlines()
                  if path.name in c]
    yield from complaints
    report = run("systemd-analyze", "security", "--offline=true", "--no-pager", path)
    exposure = re.search(r"Overall exposure level for \S+: ([0-9.]+)", report)
    if not exposure:
        yield "no exposure level in:\n" + report
    elif float(exposure.group(1)) > EXPOSURE_MAX:
        yield "exposure %s is above %s:\n%s" % (exposure.group(1), EXPOSURE_MAX, "\n".join(
            line for line in report.splitlines() if "✗" in line))


def main():
    units, program = map(pathlib.Path, sys.argv[1:])
    if not shutil.which("systemd-analyze"):
        return 77  # meson: skipped
    wrong = []
    with tempfile.TemporaryDirectory() as directory:
        for name in PROMISES:
            # As installed, but for the program, which need not be installed for this; and with an
            # instance, without which a template is not complete.
            text = re.sub(r"^(ExecStart|ExecReload)=\S+/tunnel ", r"\1=%s " % program.resolve(),
                          (units / name).read_text(), flags=re.M)
            path = pathlib.Path(directory) / name.replace("@.", "@home.")
            path.write_text(text)
            wrong += ["%s: %s" % (name, w) for w in check(name, text, path)]
    print("\n".join(wrong))
    return 1 if wrong else 0


sys.exit(main())
