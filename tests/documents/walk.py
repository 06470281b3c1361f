#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Runs every command of the documents, verbatim and in their order: walk.py DIRECTORY

DIRECTORY has root/, a bare Debian, and vm/, what a virtual machine's image has besides, and
fetched/, what the documents install; scripts/fresh-root makes them. What is replaced are the words
in capitals that stand for what is different for everybody, such as IP-OF-EXIT-NODE.
"""

import pathlib
import subprocess
import sys
import time

TESTS = pathlib.Path(__file__).resolve().parents[1]
sys.path[:0] = [str(TESTS), str(TESTS / "e2e")]

from documents import blocks  # noqa: E402
from documents.machines import ADDRESSES, USER, Machine, Network  # noqa: E402
from documents.script import Script  # noqa: E402
from harness.terminal import Failed  # noqa: E402

TOP = pathlib.Path(__file__).resolve().parents[2]
CHECKOUT = "/home/%s/tunnel" % USER

AS_USER = ["setpriv", "--reuid=" + USER, "--regid=" + USER, "--clear-groups",
           "env", "HOME=/home/" + USER]

KEY = """mkdir -m 700 ~/.ssh
ssh-keygen -q -t ed25519 -N '' -f ~/.ssh/id_ed25519
echo StrictHostKeyChecking accept-new >~/.ssh/config
"""

HOSTS = """127.0.0.1 localhost
::1 localhost
{exit-node} exit.example.org www.exit.example.org
{ca} ca.example
"""

# As Debian's own example, and closed but for SSH.
FIREWALL = """table inet filter {
	chain input {
		type filter hook input priority filter; policy drop;
		ct state established,related accept
		iif lo accept
		tcp dport 22 accept
	}
}
"""

# What answers at 127.0.0.1:3000, as the service that the reader has.
SERVICE = ["systemd-run", "--unit=service", "--working-directory=/srv",
           "python3", "-m", "http.server", "3000", "--bind", "127.0.0.1"]

CA_SECONDS = 30

# A CA that certbot can be sent to; ACME and its checks are what they are with any other.
CADDYFILE = """{
	auto_https disable_redirects
	skip_install_trust
}
https://ca.example {
	tls internal
	acme_server
}
"""


def prepare(machines):
    archive = subprocess.run(["git", "ls-files", "-z", "--cached", "--others",
                              "--exclude-standard"], cwd=TOP, capture_output=True, check=True)
    source = subprocess.run(["tar", "--null", "-T", "-", "-c"], cwd=TOP, input=archive.stdout,
                            capture_output=True, check=True).stdout
    for machine in machines.values():
        machine.write("/etc/hosts", HOSTS.format(**ADDRESSES) + "127.0.1.1 %s\n" % machine.name)
    for name in ("exit-node", "client"):
        subprocess.run(machines[name].enter(
            *AS_USER, "sh", "-c", "mkdir ~/tunnel && tar -x -C ~/tunnel"), input=source, check=True)
    # The reader's key is on the exit node, where the provider puts it.
    machines["client"].run(*AS_USER, "sh", "-c", KEY)
    machines["exit-node"].write("/home/%s/.ssh/authorized_keys" % USER, machines["client"].run(
        "cat", "/home/%s/.ssh/id_ed25519.pub" % USER))
    machines["client"].write("/srv/index.html", "It works\n")
    machines["client"].run(*SERVICE)


def prepare_ca(machines):
    ca = machines["ca"]
    ca.run("apt-get", "-q", "-y", "install", "caddy")
    ca.write("/etc/caddy/Caddyfile", CADDYFILE)
    ca.run("systemctl", "restart", "caddy")
    root = "/var/lib/caddy/.local/share/caddy/pki/authorities/local/root.crt"
    certificate = ""
    end = time.monotonic() + CA_SECONDS
    while not certificate:
        if time.monotonic() > end:
            raise Failed("the CA does not start:\n" + ca.run("journalctl", "--no-pager", "-u", "caddy"))
        time.sleep(0.1)
        certificate = ca.run("sh", "-c", "cat %s 2>/dev/null || true" % root)
    for name in ("exit-node", "client", "visitor"):
        machines[name].write("/usr/local/share/ca-certificates/test.crt", certificate)
        machines[name].run("update-ca-certificates")
    machines["exit-node"].write("/root/.config/letsencrypt/cli.ini",
                                "server = https://ca.example/acme/local/directory\n")


def walk(directory, document, network):
    machines, script = {}, None
    folders = {"visitor": "/home/" + USER}
    layers = [directory / "fetched/upper", directory / "vm/upper", directory / "root"]
    try:
        for name in ("exit-node", "client", "visitor", "ca"):
            machines[name] = Machine(name, directory / name, layers)
        prepare(machines)
        prepare_ca(machines)
        if document != "README.md":  # which says that a firewall may have to be opened, and not how
            machines["exit-node"].run("nft", "-f", "-", input=FIREWALL)
        script = Script(lambda name: machines[name].terminal(folders.get(name, CHECKOUT)),
                        {"IP-OF-EXIT-NODE": ADDRESSES["exit-node"]})
        found, _ = blocks.parse(document, (TOP / document).read_text(encoding="utf-8"))
        for block in found:
            script.run(block)
    except Failed as e:
        for name in ("exit-node", "client"):
            print("-- the log of %s\n%s" % (name, machines[name].log()))
        sys.exit("walk.py: %s" % e)
    finally:
        if script:
            script.close()
        for machine in machines.values():
            machine.close()


def main():
    directory = pathlib.Path(sys.argv[1]).resolve()
    network = Network()
    try:
        for document in sys.argv[2:] or blocks.DOCUMENTS:
            print("== %s" % document, flush=True)
            walk(directory, document, network)
    finally:
        network.close()


main()
