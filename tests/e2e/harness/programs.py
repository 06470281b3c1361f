# SPDX-License-Identifier: MIT
"""The programs: the two under test, and real ones around them."""

import os
import pwd
import secrets
import signal
import socket
import subprocess

from harness.public import free_port, is_free
from harness.stage import Daemon
from harness.wait import PATIENCE, SANITIZED, wait_until

TUNNEL = os.path.abspath(os.environ.get("TUNNEL_BIN", "build/tunnel"))  # tests run it in other folders
TOKEN = "0123456789abcdef0123456789abcdef01234567"
# For a run that looks for what happens between workers, whatever the machine's cores.
WORKERS = os.environ.get("TUNNEL_TEST_WORKERS")


class Server(Daemon):
    """An exit node on free ports of loopback. It is ready when its ready file is there."""

    def __init__(self, stage, *options, token=TOKEN, port="0", bind="127.0.0.1", name="server",
                 state=None, **kwargs):
        self.state = state or stage.path / stage.name("state")
        self.state.mkdir(mode=0o700, exist_ok=True)
        self.ready_file = stage.path / (stage.name("ready") + ".txt")
        argv = [TUNNEL, "server", "--port=" + str(port), "--bind-addr=" + bind,
                "--state-dir=" + str(self.state), "--ready-file=" + str(self.ready_file)]
        if token:
            argv.append("--token=" + token)
        # A file names its own, if any.
        if WORKERS and not any(o.startswith(("--workers", "--config")) for o in options):
            argv.append("--workers=" + WORKERS)
        super().__init__(stage, stage.name(name), argv + list(options), **kwargs)

    def start(self, wait=True):
        self.ready_file.unlink(missing_ok=True)
        super().start()
        if wait:
            self.wait_ready()
        return self

    def wait_ready(self):
        def ready():
            if not self.alive():
                raise AssertionError("the server ended with status %d" % self.process.returncode)
            return self.ready_file.exists() and self.ready_file.read_text().endswith("\n")
        wait_until(ready, "the ready file of " + self.name)
        # From now on a restart listens where it listened.
        for i, a in enumerate(self.argv):
            if a == "--port=0":
                self.argv[i] = "--port=%d" % self.port
        return self

    def wait_links(self, n):
        """All links of the only session there is."""
        wait_until(lambda: self.log().count("has one more link") >= n - 1, "%d links" % n)

    @property
    def ready(self):
        """[(who may come there, port)]: "all", "visitors" or "clients"."""
        rows = [line.split() for line in self.ready_file.read_text().splitlines()]
        return [(who, int(port)) for who, port in rows]

    def port_for(self, who):
        return next(port for w, port in self.ready if w == who)

    @property
    def port(self):
        return self.ready[0][1]

    @property
    def address(self):
        return "127.0.0.1:%d" % self.port

    @property
    def admin_socket(self):
        """Where it is by default."""
        return self.state / "admin.sock"


class Client(Daemon):
    def __init__(self, stage, remote, upstream, *options, token=TOKEN, name="client", **kwargs):
        self.remote = remote if isinstance(remote, str) else remote.address
        argv = [TUNNEL, "client", "--remote=" + self.remote]
        upstreams = [upstream] if isinstance(upstream, str) else upstream
        argv += ["--upstream=" + u for u in upstreams]
        if token:
            argv.append("--token=" + token)
        super().__init__(stage, stage.name(name), argv + list(options), **kwargs)


class Nginx(Daemon):
    """A real nginx. Its listening socket is ours, bound to port 0 and handed over the way nginx
    hands sockets to its own successor, so no port is ever guessed."""

    def __init__(self, stage, locations, http="", listen="", host="127.0.0.1", greeting=b""):
        """greeting: what has to come before any request, when `listen` asks for something."""
        self.greeting = greeting
        self.sock = socket.create_server(
            (host, 0), backlog=511, family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.sock.set_inheritable(True)
        self.port = self.sock.getsockname()[1]
        self.address = "%s:%d" % ("[%s]" % host if ":" in host else host, self.port)
        self.url = "http%s://%s" % ("s" if "ssl" in listen.split() else "", self.address)
        home = stage.path / stage.name("nginx.d")
        self.root = home / "root"
        self.root.mkdir(parents=True)
        temp = "".join("    %s_temp_path %s/%s;\n" % (t, home, t)
                       for t in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        config = stage.file(stage.name("nginx.conf"), """
%sdaemon off;
worker_processes 1;
pid %s/pid;
error_log stderr;
events { worker_connections 4096; }
http {
    access_log off;
%s    types { text/html html; }
    default_type application/octet-stream;
    keepalive_requests 1000000;
%s
    server {
        listen %s %s;
        root %s;
        client_max_body_size 0;
%s
    }
}
""" % ("user root;\n" if os.geteuid() == 0 else "", home, temp, http, self.address, listen,
            self.root, locations))
        env = dict(stage.env, NGINX="%d;" % self.sock.fileno())
        super().__init__(stage, stage.name("nginx"), ["nginx", "-p", home, "-c", config], env=env,
                         pass_fds=(self.sock.fileno(),))

    def start(self):
        super().start()
        wait_until(lambda: self._answers() or not self.alive(), "nginx")
        assert self.alive(), self.log()
        return self

    def _answers(self):
        # The socket listens since before nginx ran; only an answer tells that nginx does.
        try:
            with socket.create_connection(self.sock.getsockname()[:2], 1) as s:
                s.sendall(self.greeting + b"GET /is-nginx-up HTTP/1.0\r\n\r\n")
                return s.recv(1) != b""
        except OSError:
            return False

    def stop(self):
        # SIGQUIT would wait for kept connections.
        super().stop(signal.SIGTERM)
        self.sock.close()


class Apache(Daemon):
    """A real Apache with WebDAV, its folder and locks its own. It cannot be handed a socket."""

    MODULES = ("mpm_event", "authz_core", "dir", "mime", "dav", "dav_fs", "dav_lock")

    def __init__(self, stage, cert=None):
        self.port = free_port()
        self.url = "http%s://127.0.0.1:%d" % ("s" if cert else "", self.port)
        home = stage.path / stage.name("apache.d")
        self.root = home / "root"
        self.root.mkdir(parents=True)
        who = pwd.getpwnam("www-data") if os.geteuid() == 0 else pwd.getpwuid(os.geteuid())
        for d in (stage.path, home, self.root):
            d.chmod(0o755)
        for d in (home, self.root):
            os.chown(d, who.pw_uid, who.pw_gid)
        modules = "".join("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so\n" % (m, m)
                          for m in self.MODULES + (("ssl",) if cert else ()))
        tls = ("SSLEngine on\nSSLCertificateFile %s\nSSLCertificateKeyFile %s\n"
               % (cert.cert, cert.key) if cert else "")
        config = stage.file(stage.name("apache.conf"), """
%s%sListen 127.0.0.1:%d
ServerName inner.example
ServerRoot %s
PidFile pid
ErrorLog /dev/stderr
DefaultRuntimeDir %s
DavLockDB %s/locks
TypesConfig /dev/null
%sDocumentRoot %s
<Directory %s>
    Dav On
    Require all granted
</Directory>
""" % (modules, tls, self.port, home, home, home,
            "User www-data\nGroup www-data\n" if os.geteuid() == 0 else "", self.root, self.root))
        super().__init__(stage, stage.name("apache"),
                         ["/usr/sbin/apache2", "-DFOREGROUND", "-f", config])

    def start(self):
        super().start()

        def listening():
            assert self.alive(), self.log()
            return not is_free(self.port)
        wait_until(listening, "apache")
        return self


class Haproxy(Daemon):
    """A real haproxy that passes TCP on. Its listening socket is ours, as nginx's is."""

    def __init__(self, stage, target, send_proxy, host="127.0.0.1"):
        """send_proxy: "send-proxy" or "send-proxy-v2"."""
        self.sock = socket.create_server(
            (host, 0), backlog=128, family=socket.AF_INET6 if ":" in host else socket.AF_INET)
        self.sock.set_inheritable(True)
        self.port = self.sock.getsockname()[1]
        self.address = "%s:%d" % ("[%s]" % host if ":" in host else host, self.port)
        config = stage.file(stage.name("haproxy.cfg"), """
defaults
    mode tcp
    timeout connect 5s
    timeout client 60s
    timeout server 60s
listen front
    bind fd@%d
    server exit-node %s %s
""" % (self.sock.fileno(), target, send_proxy))
        super().__init__(stage, stage.name("haproxy"), ["haproxy", "-db", "-f", config],
                         pass_fds=(self.sock.fileno(),))
        self.expected_status |= {-signal.SIGTERM, 128 + signal.SIGTERM}

    def stop(self):
        super().stop()
        self.sock.close()


def run(argv, env, stdin=None, timeout=None, **kwargs):
    """A program that ends by itself: (status, stdout, stderr) as text."""
    if SANITIZED:
        argv = ["setarch", "-R"] + [str(a) for a in argv]
    p = subprocess.run([str(a) for a in argv], env=env, input=stdin, capture_output=True,
                       timeout=timeout or PATIENCE, **kwargs)
    return (p.returncode, p.stdout.decode("utf-8", "replace"), p.stderr.decode("utf-8", "replace"))


def random_token():
    return secrets.token_hex(20)
