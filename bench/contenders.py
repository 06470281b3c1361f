# SPDX-License-Identifier: MIT
"""Who is measured, and how each is told to publish a service.

A contender writes its configuration for a stage and gives two command lines: of the side that
visitors ask (`server`) and of the side beside the upstream (`client`). Everything is what its
documentation tells a new user, but for quiet logs and addresses.
"""
import dataclasses
import secrets
import shutil
import subprocess

import load
import stage

CONTROL, FRONT = 4800, 4801  # ports: for clients, for visitors' HTTP
FIRST_PORT = 5000  # of TCP services
SECRET = secrets.token_hex(16)


@dataclasses.dataclass
class Service:
    kind: str  # "http" or "tcp"
    target: int  # the upstream's port
    port: int = FIRST_PORT  # the public one, of a TCP service


HTTP = Service("http", load.NGINX)
TCP = Service("tcp", load.NGINX)
IPERF = Service("tcp", load.IPERF)
BULK = Service("tcp", load.IPERF, FIRST_PORT + 1)  # beside one of the others


class Contender:
    name = ""
    programs = ()  # on the PATH
    kinds = ("tcp",)
    tunnel = True
    encrypted = False
    front = FRONT

    def missing(self):
        """Why it cannot run, or None."""
        absent = [p for p in self.programs if not shutil.which(p)]
        return f"{' and '.join(absent)} not on the PATH" if absent else None

    def server(self, at, services):
        raise NotImplementedError

    def client(self, at, services, session):
        raise NotImplementedError

    def control(self):
        """The port by which one sees that the server is up."""
        return CONTROL

    def port(self, service):
        return self.front if service.kind == "http" else service.port

    def start_server(self, at, services):
        process = at.start("server", self.server(at, services), self.name.replace(" ", "-"))
        at.wait("server", lambda: stage.answers(at.server_address, self.control()))
        return process

    def start_client(self, at, services, session=0):
        name = f"{self.name.replace(' ', '-')}-{session}"
        return at.start("client", self.client(at, services, session), name)

    def start(self, at, services):
        """Both sides, and every service answering."""
        sides = [self.start_server(at, services), self.start_client(at, services)]
        self.wait(at, services)
        return sides

    def wait(self, at, services):
        for s in services:
            # An accepted connection says nothing: the far side may still be starting.
            request = stage.get(at.server_address, close=True) if s.target == load.NGINX else b""
            at.wait(f"answer on port {self.port(s)}",
                    lambda s=s, r=request: stage.answers(at.server_address, self.port(s), 1, r))


class Direct(Contender):
    """No tunnel at all: what the load and the upstream can do."""
    name = "direct"
    kinds = ("http", "tcp")
    tunnel = False

    def port(self, service):
        return service.target

    def start(self, at, services):
        self.wait(at, services)
        return []


HAPROXY = """
global
    nbthread 1
    maxconn 9500
    maxpipes 200
defaults
    mode {mode}
    timeout client 600s
    timeout server 600s
    timeout connect 5s
    timeout http-keep-alive 600s
    {options}
"""
LISTEN = """listen l{port}
    bind {address}:{port}
    server s {to_address}:{to}
"""


class HAProxies(Contender):
    """Two hops without a tunnel: what a pair of the best relays costs."""
    programs = ("haproxy",)
    tunnel = False
    shift = 1000  # from a public port to the one between the two

    def __init__(self, mode):
        self.name, self.kinds, self.mode = f"HAProxy x2 {mode.upper()}", (mode,), mode

    def config(self, at, name, mode, hops):
        options = "http-reuse always" if mode == "http" else "option splice-auto"
        text = HAPROXY.format(mode=mode, options=options)
        for port, to_address, to in hops:
            text += LISTEN.format(address=at.address, port=port, to_address=to_address, to=to)
        return ["haproxy", "-f", at.write(name, text)]

    def start(self, at, services):
        """The far hop first: a connection that finds nobody there is tried again a second later."""
        far = self.start_client(at, services)
        for s in services:
            at.wait("far hop", lambda s=s: stage.answers(at.address, self.port(s) + self.shift))
        sides = [self.start_server(at, services), far]
        self.wait(at, services)
        return sides

    def control(self):
        return self.front if self.mode == "http" else FIRST_PORT

    def server(self, at, services):
        hops = [(self.port(s), at.address, self.port(s) + self.shift) for s in services]
        return self.config(at, "haproxy-1.cfg", self.mode, hops)

    def client(self, at, services, session):
        hops = [(self.port(s) + self.shift, at.upstream_address, s.target) for s in services]
        return self.config(at, "haproxy-2.cfg", "tcp", hops)


SSHD = """
Port {port}
ListenAddress {address}
HostKey {dir}/host_key
AuthorizedKeysFile {dir}/user_key.pub
StrictModes no
UsePAM no
GatewayPorts clientspecified
MaxStartups 200
PidFile none
"""


class SSH(Contender):
    name = "ssh -R"
    programs = ("ssh", "sshd")
    encrypted = True

    def server(self, at, services):
        for key in ("host_key", "user_key"):
            if not (at.dir / key).exists():
                subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f",
                                at.dir / key], check=True)
        text = SSHD.format(port=CONTROL, address=at.server_address, dir=at.dir)
        return [shutil.which("sshd"), "-D", "-e", "-f", at.write("sshd_config", text)]

    def client(self, at, services, session):
        argv = ["ssh", "-N", "-p", CONTROL, "-i", at.dir / "user_key", "-F", "none",
                "-o", "StrictHostKeyChecking=no", "-o", "UserKnownHostsFile=/dev/null",
                "-o", "LogLevel=ERROR"]
        for s in services:
            argv += ["-R", f"{at.server_address}:{s.port}:{at.upstream_address}:{s.target}"]
        return argv + [at.server_address]


class Inlets(Contender):
    name = "inlets"
    programs = ("inlets",)
    kinds = ("http",)

    def control(self):
        return FRONT

    def server(self, at, services):
        return ["inlets", "server", f"--port={FRONT}", f"--bind-addr={at.server_address}",
                f"--token={SECRET}", "--print-token=false"]

    def client(self, at, services, session):
        return ["inlets", "client", f"--remote={at.server_address}:{FRONT}", f"--token={SECRET}",
                f"--upstream=http://{at.upstream_address}:{services[0].target}",
                "--print-token=false"]


class Frp(Contender):
    programs = ("frps", "frpc")
    kinds = ("http", "tcp")

    def __init__(self, name, tls):
        self.name, self.encrypted = name, tls

    def server(self, at, services):
        return ["frps", "-c", at.write("frps.toml", (
            f'bindAddr = "{at.server_address}"\nbindPort = {CONTROL}\n'
            f'proxyBindAddr = "{at.server_address}"\nvhostHTTPPort = {FRONT}\n'
            f'auth.token = "{SECRET}"\nlog.level = "error"\n'))]

    def client(self, at, services, session):
        text = (f'serverAddr = "{at.server_address}"\nserverPort = {CONTROL}\n'
                f'auth.token = "{SECRET}"\nlog.level = "error"\nloginFailExit = false\n'
                f"transport.tls.enable = {'true' if self.encrypted else 'false'}\n")
        for s in services:
            where = (f'customDomains = ["{at.server_address}"]' if s.kind == "http"
                     else f"remotePort = {s.port}")
            text += (f'[[proxies]]\nname = "{s.kind}{s.port}"\ntype = "{s.kind}"\n'
                     f'localIP = "{at.upstream_address}"\nlocalPort = {s.target}\n{where}\n')
        return ["frpc", "-c", at.write(f"frpc-{session}.toml", text)]


class Rathole(Contender):
    programs = ("rathole",)

    def __init__(self, name, noise):
        self.name, self.encrypted, self.keys = name, noise, None

    def transport(self, side):
        if not self.encrypted:
            return ""
        if not self.keys:
            out = subprocess.run(["rathole", "--genkey"], capture_output=True, text=True,
                                 check=True).stdout.split()
            self.keys = {"server": f'local_private_key = "{out[2]}"',
                         "client": f'remote_public_key = "{out[5]}"'}
        return (f'[{side}.transport]\ntype = "noise"\n[{side}.transport.noise]\n'
                f"{self.keys[side]}\n")

    def server(self, at, services):
        text = (f'[server]\nbind_addr = "{at.server_address}:{CONTROL}"\n'
                f'default_token = "{SECRET}"\n' + self.transport("server"))
        for s in services:
            text += f'[server.services.s{s.port}]\nbind_addr = "{at.server_address}:{s.port}"\n'
        return ["env", "RUST_LOG=error", "rathole", "--server", at.write("server.toml", text)]

    def client(self, at, services, session):
        text = (f'[client]\nremote_addr = "{at.server_address}:{CONTROL}"\n'
                f'default_token = "{SECRET}"\n' + self.transport("client"))
        for s in services:
            text += (f"[client.services.s{s.port}]\n"
                     f'local_addr = "{at.upstream_address}:{s.target}"\n')
        return ["env", "RUST_LOG=error", "rathole", "--client",
                at.write(f"client-{session}.toml", text)]


class Chisel(Contender):
    name = "chisel"
    programs = ("chisel",)
    encrypted = True

    def server(self, at, services):
        return ["chisel", "server", "--host", at.server_address, "--port", CONTROL, "--reverse",
                "--auth", f"bench:{SECRET}"]

    def client(self, at, services, session):
        remotes = [f"R:{at.server_address}:{s.port}:{at.upstream_address}:{s.target}"
                   for s in services]
        return ["chisel", "client", "--auth", f"bench:{SECRET}",
                f"http://{at.server_address}:{CONTROL}", *remotes]


class Bore(Contender):
    name = "bore"
    programs = ("bore",)

    def control(self):
        return 7835  # it has no option for another

    def server(self, at, services):
        return ["bore", "server", "--bind-addr", at.server_address, "--min-port", FIRST_PORT,
                "--secret", SECRET]

    def client(self, at, services, session):
        if len(services) > 1:
            raise stage.Failed("a client publishes one port")
        s = services[0]
        return ["bore", "local", s.target, "--local-host", at.upstream_address, "--to",
                at.server_address, "--port", s.port, "--secret", SECRET]


class Wstunnel(Contender):
    name = "wstunnel"
    programs = ("wstunnel",)

    def server(self, at, services):
        return ["wstunnel", "--log-lvl", "ERROR", "server", f"ws://{at.server_address}:{CONTROL}"]

    def client(self, at, services, session):
        argv = ["wstunnel", "--log-lvl", "ERROR", "client"]
        for s in services:
            argv += ["-R", f"tcp://{at.server_address}:{s.port}:{at.upstream_address}:{s.target}"]
        return argv + [f"ws://{at.server_address}:{CONTROL}"]


class Tunnel(Contender):
    """This program; its access log goes to its log, as by default."""
    kinds = ("http", "tcp")
    encrypted = True
    scheme = ""

    def __init__(self, program, name="tunnel", server=(), client=()):
        self.program, self.name = program, name
        self.server_options, self.client_options = server, client
        if "--no-seal" in server:
            self.encrypted = False
        if "--auto-tls" in server:
            self.scheme = "wss://"

    def control(self):
        return FRONT

    def server(self, at, services):
        return [self.program, "server", f"--port={FRONT}", f"--bind-addr={at.server_address}",
                f"--token={SECRET}", f"--state-dir={at.dir}/state",
                *self.server_options]

    def client(self, at, services, session):
        argv = [self.program, "client", f"--remote={self.scheme}{at.server_address}:{FRONT}",
                f"--token={SECRET}", *self.client_options]
        for s in services:
            where = "" if s.kind == "http" else f"{s.port}=tcp://"
            scheme = "http://" if s.kind == "http" else ""
            argv += ["--upstream", f"{where}{scheme}{at.upstream_address}:{s.target}"]
        return argv


def everybody(program):
    return [
        Direct(), HAProxies("http"), HAProxies("tcp"),
        Tunnel(program),
        Tunnel(program, "tunnel --no-seal", server=("--no-seal",), client=("--no-seal",)),
        Tunnel(program, "tunnel wss", server=("--auto-tls",)),
        SSH(), Inlets(), Frp("frp", True), Frp("frp without TLS", False),
        Rathole("rathole", False), Rathole("rathole noise", True), Chisel(), Bore(), Wstunnel(),
    ]
