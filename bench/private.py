# SPDX-License-Identifier: MIT
"""Who is measured where a service has no public address: a third side, the consumer, has a local port for it.

Load asks the consumer's port, the upstream is beside the client, as everywhere.
"""
import pathlib

import contenders
from contenders import CONTROL, FRONT, SECRET

HIDDEN = 1000  # from a service's port to the one that ssh has between its two


class Private(contenders.Contender):
    """Three sides: server, client, consumer."""

    def consumer(self, at, services):
        raise NotImplementedError

    def published(self, at, client, services):
        """The consumer can ask from now on."""

    def start(self, at, services):
        sides = [self.start_server(at, services), self.start_client(at, services)]
        self.published(at, sides[1], services)
        sides.append(at.start("consumer", self.consumer(at, services), self.name.replace(" ", "-")))
        self.wait(at, services)
        return sides


class PrivateTunnel(Private, contenders.Tunnel):
    """A private service of the identity that also uses it; approved by being its own."""
    kinds = ("tcp",)

    def client(self, at, services, session):
        argv = [self.program, "client", f"--remote={at.server_address}:{FRONT}", f"--token={SECRET}",
                f"--state-dir={at.dir}/provider"]
        for s in services:
            argv += ["--upstream", f"tcp://{at.upstream_address}:{s.target}", "--private", f"s{s.port}",
                     *self.client_options]
        return argv

    def published(self, at, client, services):
        log = pathlib.Path(client.log)
        for s in services:
            at.wait(f"private service s{s.port}", lambda s=s: f"s{s.port} is private" in log.read_text())

    def consumer(self, at, services):
        # One for each contender: what was sealed once is refused when it is not.
        argv = [self.program, "connect", f"--remote={at.server_address}:{FRONT}", f"--token={SECRET}",
                f"--state-dir={at.dir}/{self.name.replace(' ', '-')}"]
        for s in services:
            argv += ["--service", f"s{s.port}={at.server_address}:{s.port}"]
        return argv


class LocalForward(Private, contenders.SSH):
    """ssh -R to the machine in the middle, which ssh -L of another asks."""
    name = "ssh -R and -L"

    def client(self, at, services, session):
        argv = contenders.SSH.client(self, at, [], session)
        for s in services:
            argv[-1:-1] = ["-R", f"{at.server_address}:{s.port + HIDDEN}:{at.upstream_address}:{s.target}"]
        return argv

    def consumer(self, at, services):
        argv = contenders.SSH.client(self, at, [], 0)
        for s in services:
            argv[-1:-1] = ["-L", f"{at.server_address}:{s.port}:{at.server_address}:{s.port + HIDDEN}"]
        return argv


class SecretTcp(Private, contenders.Frp):
    """frp's stcp: a visitor of its own on the consumer's side."""
    kinds = ("tcp",)

    def config(self, at, name, body):
        return ["frpc", "-c", at.write(name, (
            f'serverAddr = "{at.server_address}"\nserverPort = {CONTROL}\nauth.token = "{SECRET}"\n'
            f'log.level = "error"\nloginFailExit = false\ntransport.tls.enable = true\n{body}'))]

    def client(self, at, services, session):
        return self.config(at, "frpc.toml", "".join(
            f'[[proxies]]\nname = "s{s.port}"\ntype = "stcp"\nsecretKey = "{SECRET}"\n'
            f'localIP = "{at.upstream_address}"\nlocalPort = {s.target}\n' for s in services))

    def consumer(self, at, services):
        return self.config(at, "visitor.toml", "".join(
            f'[[visitors]]\nname = "v{s.port}"\ntype = "stcp"\nserverName = "s{s.port}"\n'
            f'secretKey = "{SECRET}"\nbindAddr = "{at.server_address}"\nbindPort = {s.port}\n'
            for s in services))


def everybody(program):
    return [
        contenders.Direct(),
        contenders.Tunnel(program, "tunnel public"),
        PrivateTunnel(program),
        PrivateTunnel(program, "tunnel --end-to-end", client=("--end-to-end",)),
        LocalForward(),
        SecretTcp("frp stcp", True),
    ]
