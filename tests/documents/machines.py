# SPDX-License-Identifier: MIT
"""Machines with systemd as PID 1, in namespaces: layers over one root file system, and the network
between them. Needs root, and a root file system that has systemd (scripts/fresh-root makes it).

    exit-node 203.0.113.10 ─┐
    visitor   203.0.113.20 ─┼─ the Internet ─ router (NAT) ─ client 192.168.1.2
    ca        203.0.113.40 ─┘
"""

import glob
import os
import pathlib
import shutil
import signal
import subprocess
import time

from harness.terminal import Shell

USER = "admin"  # as the images of most clouds have one: no password, and sudo
ADDRESSES = {"exit-node": "203.0.113.10", "visitor": "203.0.113.20", "ca": "203.0.113.40"}
ROUTER = "203.0.113.30"
CLIENT = "192.168.1.2"
BOOT_SECONDS = 60

# The machine's own view of the world, made before systemd starts; $1 is its directory, $2 the
# layers.
BOOT = r"""
set -e
mount -t overlay overlay -o "lowerdir=$2,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc proc proc
mount -t sysfs sysfs sys
mount -t cgroup2 cgroup2 sys/fs/cgroup
mount -t tmpfs -o mode=755 dev dev
for n in null zero full random urandom tty; do : >dev/$n; mount --bind /dev/$n dev/$n; done
mkdir dev/pts dev/shm
mount -t devpts -o newinstance,ptmxmode=0666,mode=620 devpts dev/pts
ln -s pts/ptmx dev/ptmx
ln -s /proc/self/fd dev/fd
ln -s fd/0 dev/stdin
ln -s fd/1 dev/stdout
ln -s fd/2 dev/stderr
mount -t tmpfs run run
mount -t tmpfs tmp tmp
mkdir -p mnt
pivot_root . mnt
umount -l /mnt
mount --make-rshared /
exec env -i container=tunnel-documents PATH=/usr/sbin:/usr/bin:/sbin:/bin /sbin/init
"""


def run(*argv, **kwargs):
    p = subprocess.run([str(a) for a in argv], capture_output=True, text=True, **kwargs)
    if p.returncode:
        raise OSError("%s: %s%s" % (" ".join(map(str, argv)), p.stdout, p.stderr))
    return p.stdout


def cgroup2():
    """Where this machine has its unified hierarchy."""
    for line in pathlib.Path("/proc/self/mounts").read_text().splitlines():
        if line.split()[2] == "cgroup2":
            return pathlib.Path(line.split()[1])
    raise OSError("no cgroup2 is mounted on this machine; systemd needs one")


class Network:
    """Namespaces by name, those of machines and two between them; the names carry our process."""

    def __init__(self):
        self.made = []
        for name in ("internet", "router", "client", *ADDRESSES):
            run("ip", "netns", "add", self.name(name))
            self.made.append(name)
            self.ip(name, "link", "set", "lo", "up")
        self.ip("internet", "link", "add", "br0", "type", "bridge")
        self.ip("internet", "link", "set", "br0", "up")
        for i, (name, address) in enumerate({**ADDRESSES, "router": ROUTER}.items()):
            self.cable("internet", "port%d" % i, name, "eth0", address)
            self.ip("internet", "link", "set", "port%d" % i, "master", "br0")
        self.cable("router", "lan", "client", "eth0", CLIENT)
        self.ip("router", "address", "add", "192.168.1.1/24", "dev", "lan")
        self.ip("client", "route", "add", "default", "via", "192.168.1.1")
        self.inside("router", "sysctl", "-q", "-w", "net.ipv4.ip_forward=1")
        self.inside("router", "nft", "add table ip nat; add chain ip nat out "
                    "{ type nat hook postrouting priority 100; }; "
                    "add rule ip nat out oifname eth0 masquerade")

    @staticmethod
    def name(machine):
        return "documents-%d-%s" % (os.getpid(), machine)

    def ip(self, name, *argv):
        run("ip", "-n", self.name(name), *argv)

    def inside(self, name, *argv):
        run("ip", "netns", "exec", self.name(name), *argv)

    def cable(self, a, end_a, b, end_b, address):
        run("ip", "link", "add", end_a, "netns", self.name(a), "type", "veth",
            "peer", "name", end_b, "netns", self.name(b))
        self.ip(a, "link", "set", end_a, "up")
        self.ip(b, "link", "set", end_b, "up")
        self.ip(b, "address", "add", address + "/24", "dev", end_b)

    def close(self):
        for name in self.made:
            subprocess.run(["ip", "netns", "del", self.name(name)], check=False)


class Machine:
    """layers: root file systems, the topmost first."""

    def __init__(self, name, directory, layers):
        self.name = name
        self.directory = pathlib.Path(directory)
        shutil.rmtree(self.directory, ignore_errors=True)
        for d in ("upper", "work", "root"):
            (self.directory / d).mkdir(parents=True)
        self.directory.chmod(0o755)
        self.group = cgroup2() / Network.name(name)
        self.group.mkdir()
        (self.directory / "upper/etc").mkdir()
        (self.directory / "upper/etc/hostname").write_text(name + "\n")
        # unshare forks; its child is PID 1, and dies with it.
        self.process = subprocess.Popen(
            ["ip", "netns", "exec", Network.name(name), "unshare", "--mount", "--pid", "--uts",
             "--ipc", "--cgroup", "--fork", "--kill-child", "--propagation", "private",
             "bash", "-c", BOOT, "boot", self.directory, ":".join(map(str, layers))],
            stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True,
            preexec_fn=lambda: (self.group / "cgroup.procs").write_text(str(os.getpid())))
        self.init = None
        try:
            self._wait()
        except BaseException:
            self.close()
            raise

    def _wait(self):
        end = time.monotonic() + BOOT_SECONDS
        children = "/proc/%d/task/%d/children" % (self.process.pid, self.process.pid)
        state = "nothing"
        while time.monotonic() < end:
            if self.process.poll() is not None:
                raise OSError("the machine %s did not start" % self.name)
            self.init = pathlib.Path(children).read_text().strip() or None
            if self.init and pathlib.Path("/proc/%s/comm" % self.init).read_text() == "systemd\n":
                p = subprocess.run(self.enter("systemctl", "is-system-running", "--wait"),
                                   capture_output=True, text=True)
                state = p.stdout.strip()
                if state == "running":
                    return
                if state == "degraded":
                    break
            time.sleep(0.05)
        raise OSError("systemd of %s is %s\n%s" % (self.name, state, self.run(
            "systemctl", "--no-pager", "--failed")))

    def enter(self, *argv):
        return ["nsenter", "--all", "--target=" + self.init, "--",
                "env", "-i", "--chdir=/", "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                "LANG=C.UTF-8", "HOME=/root", *argv]

    def run(self, *argv, **kwargs):
        return run(*self.enter(*argv), **kwargs)

    def write(self, path, text):
        self.run("sh", "-c", 'mkdir -p "${1%/*}" && cat >"$1"', "sh", path, input=text)

    def terminal(self, folder):
        argv = self.enter("setpriv", "--reuid=" + USER, "--regid=" + USER, "--init-groups",
                          "env", "HOME=/home/" + USER, "USER=" + USER, "TERM=dumb",
                          "bash", "-c", "cd '%s' && exec bash --norc --noediting -i" % folder)
        return Shell(argv, on_typed=lambda line: print("%-9s $ %s" % (self.name, line), flush=True))

    def log(self):
        try:
            return self.run("journalctl", "--no-pager", "-n", "30")
        except OSError as e:
            return str(e)

    def close(self):
        """PID 1 gets SIGKILL, and everything in its namespace with it."""
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        for _ in range(100):  # its processes leave the groups one after another
            groups = sorted(glob.glob(str(self.group) + "/**/", recursive=True), reverse=True)
            try:
                for group in groups:
                    os.rmdir(group)
                break
            except OSError:
                time.sleep(0.05)
        shutil.rmtree(self.directory, ignore_errors=True)
