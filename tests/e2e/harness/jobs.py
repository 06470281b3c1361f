# SPDX-License-Identifier: MIT
"""Real programs and what is done with them.

A job runs its program against (host, port) and says what came of it: exit statuses and bytes. What
differs between the two ways is the tunnel's doing.
"""

import getpass
import glob
import hashlib
import http.server
import json
import os
import pathlib
import pwd
import re
import shutil
import socket
import struct
import subprocess
import tempfile
import threading
import time

from harness.public import free_port
from harness.udp import UdpUpstream
from harness.wait import PATIENCE, wait_until

HERE = "127.0.0.1"
BLOB = os.urandom(1 << 16) * 48  # 3 MiB


class Result:
    def __init__(self, p):
        self.status = p.returncode
        self.out = p.stdout
        self.error = p.stderr.decode("utf-8", "replace")[-300:]


class Job:
    """One program's server, and what is done with it."""

    scheme = "tcp"
    key = "0="

    def __init__(self, tunnel):
        self.tunnel = tunnel
        self.stage = tunnel.stage
        self.path = tunnel.path / type(self).__name__.lower()
        self.path.mkdir()
        self.path.chmod(0o755)
        self.env = dict(tunnel.env)
        self.made = 0
        self.port = None
        self.start()

    def run(self, *argv, stdin=b"", timeout=None, **kwargs):
        return Result(subprocess.run([str(a) for a in argv], env=self.env, input=stdin,
                                     capture_output=True, timeout=timeout or 4 * PATIENCE,
                                     **kwargs))

    def check(self, *argv, **kwargs):
        """For what has to work before anything is tested."""
        r = self.run(*argv, **kwargs)
        assert r.status == 0, "%s: %s" % (argv[0], r.error)
        return r.out

    def serve(self, name, argv, port=None, **kwargs):
        self.port = port or free_port()
        daemon = self.stage.daemon(name, [str(a).replace("PORT", str(self.port)) for a in argv],
                                   **kwargs)
        daemon.expected_status |= {-2, -15, 1, 130, 143, 255}  # they have manners of their own

        def listening():
            assert daemon.alive(), daemon.log()
            try:
                socket.create_connection((HERE, self.port), 1).close()
                return True
            except OSError:
                return False
        wait_until(listening, name)

    def folder(self):
        self.made += 1
        p = self.path / ("way-%d" % self.made)
        p.mkdir()
        return p

    def url(self):
        return "%s%s://%s:%d" % (self.key, self.scheme, HERE, self.port)


def digest(data):
    return hashlib.sha256(data).hexdigest()


def tree(path):
    """What is in a folder, whatever wrote it."""
    return {str(p.relative_to(path)): digest(p.read_bytes())
            for p in sorted(path.rglob("*")) if p.is_file() and ".git" not in p.parts}


class Ssh(Job):
    def start(self):
        for name in ("host", "user"):
            self.check("ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", self.path / name)
        shutil.copy(self.path / "user.pub", self.path / "authorized")
        public = (self.path / "host.pub").read_text().split()
        (self.path / "known").write_text("box %s %s\n" % tuple(public[:2]))
        config = self.path / "sshd_config"
        config.write_text("""
HostKey %(path)s/host
AuthorizedKeysFile %(path)s/authorized
PidFile none
StrictModes no
UsePAM no
PasswordAuthentication no
PermitRootLogin yes
MaxStartups 100
Subsystem sftp internal-sftp
""" % {"path": self.path})
        if os.geteuid() == 0:
            os.makedirs("/run/sshd", mode=0o755, exist_ok=True)
        self.serve("sshd", ["/usr/sbin/sshd", "-D", "-e", "-f", config, "-p", "PORT",
                            "-o", "ListenAddress=" + HERE])
        self.options = ["-F", "none", "-i", self.path / "user", "-o", "HostKeyAlias=box",
                        "-o", "UserKnownHostsFile=%s/known" % self.path, "-o", "BatchMode=yes",
                        "-o", "LogLevel=ERROR", "-o", "IdentitiesOnly=yes"]
        self.user = pwd.getpwuid(os.geteuid()).pw_name
        self.source = self.path / "source"
        (self.source / "deep").mkdir(parents=True)
        for i in range(60):
            (self.source / ("deep" if i % 2 else ".") / ("file %d" % i)).write_bytes(
                BLOB[i * 7:i * 7 + i * 500])
        (self.source / "large").write_bytes(BLOB)

    def shell(self, port):
        """ssh and its options as one word, for those who call it."""
        return " ".join(["ssh", "-p", str(port)] + [str(o) for o in self.options])

    def __call__(self, host, port):
        to = "%s@%s" % (self.user, host)
        out = self.folder()
        cat = self.run("ssh", *self.options, "-p", port, to, "cat; exit 7", stdin=BLOB)
        quiet = self.run("ssh", *self.options, "-p", port, to, "true")
        up = self.run("scp", *self.options, "-q", "-r", "-P", port, self.source,
                      "%s:%s/up" % (to, out))
        down = self.run("scp", *self.options, "-q", "-O", "-r", "-P", port,
                        "%s:%s" % (to, self.source), out / "down")
        there = self.run("rsync", "-a", "-z", "-e", self.shell(port), "%s/" % self.source,
                         "%s:%s/rsync" % (to, out))
        again = self.run("rsync", "-a", "-i", "-c", "-e", self.shell(port), "%s/" % self.source,
                         "%s:%s/rsync" % (to, out))
        missing = self.run("rsync", "-a", "-e", self.shell(port), "%s:/nowhere/at/all" % to, out)
        return {
            "ssh": (cat.status, digest(cat.out), cat.error), "quiet": quiet.status,
            "scp": (up.status, down.status, up.error, down.error),
            "rsync": (there.status, again.status, again.out, missing.status, there.error),
            "up": tree(out / "up"), "down": tree(out / "down"), "rsynced": tree(out / "rsync"),
            "complete": tree(out / "up") == tree(out / "rsync") == tree(self.source),
        }


class Git:
    """A repository with some history, for both ways to it."""

    def __init__(self, job):
        self.bare = job.path / "repo.git"
        work = job.path / "work"
        job.env.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null",
                       GIT_TERMINAL_PROMPT="0")
        git = ["git", "-c", "user.name=T", "-c", "user.email=t@example.com", "-C", work]
        job.check("git", "init", "-q", "-b", "main", work)
        for i in range(20):
            (work / ("file-%d" % i)).write_bytes(BLOB[:i * 5000])
            job.check(*git, "add", ".")
            job.check(*git, "commit", "-q", "-m", "number %d" % i)
        job.check("git", "clone", "-q", "--bare", work, self.bare)
        job.check("git", "-C", self.bare, "config", "http.receivepack", "true")


def clone(job, url):
    """A clone, its state, and a branch pushed back."""
    to = job.folder() / "clone"
    r = job.run("git", "clone", "-q", url, to)
    if r.status:
        return {"status": r.status, "error": r.error}
    git = ["git", "-C", to]
    (to / "new").write_bytes(BLOB)
    branch = "branch-%d" % job.made
    job.check(*git, "add", "new")
    job.check(*git, "-c", "user.name=T", "-c", "user.email=t@example.com", "commit", "-q", "-m", "n")
    push = job.run(*git, "push", "-q", "origin", "HEAD:refs/heads/" + branch)
    missing = job.run("git", "clone", "-q", url + "-nowhere", to.parent / "none")
    mine, theirs = (job.run("git", "-C", d, "rev-parse", name).out
                    for d, name in ((to, "HEAD"), (job.git.bare, branch)))
    return {"status": r.status, "before": job.check(*git, "rev-parse", "HEAD~1"),
            "fsck": job.run(*git, "fsck", "--full").status, "tree": tree(to), "push": push.status,
            "push error": push.error, "arrived": mine == theirs, "missing": missing.status}


class GitSsh(Ssh):
    def start(self):
        super().start()
        self.git = Git(self)

    def __call__(self, host, port):
        self.env["GIT_SSH_COMMAND"] = self.shell(port)
        return clone(self, "ssh://%s@%s:%d%s" % (self.user, host, port, self.git.bare))


class GitHttp(Job):
    """git's own http-backend, behind the smallest CGI server."""

    scheme, key = "http", ""

    def start(self):
        self.git = Git(self)
        env = dict(self.env, GIT_PROJECT_ROOT=str(self.path), GIT_HTTP_EXPORT_ALL="1",
                   REMOTE_USER="somebody")

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def body(self):
                if self.headers.get("Transfer-Encoding", "") != "chunked":
                    return self.rfile.read(int(self.headers.get("Content-Length", 0)))
                parts = []
                while True:
                    n = int(self.rfile.readline(), 16)
                    parts.append(self.rfile.read(n))
                    self.rfile.readline()
                    if not n:
                        return b"".join(parts)

            def do_GET(self):
                body = self.body()
                path, _, query = self.path.partition("?")
                cgi = dict(env, REQUEST_METHOD=self.command, PATH_INFO=path, QUERY_STRING=query,
                           CONTENT_TYPE=self.headers.get("Content-Type", ""),
                           CONTENT_LENGTH=str(len(body)),
                           HTTP_CONTENT_ENCODING=self.headers.get("Content-Encoding", ""))
                out = subprocess.run(["git", "http-backend"], env=cgi, input=body,
                                     capture_output=True).stdout
                head, _, body = out.partition(b"\r\n\r\n")
                fields = dict(line.split(": ", 1) for line in head.decode().split("\r\n"))
                self.send_response(int(fields.pop("Status", "200").split()[0]))
                for name, value in fields.items():
                    self.send_header(name, value)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_POST = do_GET

            def log_message(self, *_):
                pass
        self.server = http.server.ThreadingHTTPServer((HERE, 0), Handler)
        self.server.daemon_threads = True
        self.server.stop = self.server.shutdown
        self.stage.add(self.server)
        self.port = self.server.server_address[1]
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def __call__(self, host, port):
        return clone(self, "http://%s:%d/repo.git" % (host, port))


class Postgres(Job):
    """A cluster that nobody but PostgreSQL's own user may run, with TLS."""

    def start(self):
        self.bin = sorted(glob.glob("/usr/lib/postgresql/*/bin"))[-1]
        # The stage is the tester's own; PostgreSQL refuses to be root.
        home = tempfile.mkdtemp(prefix="tunnel-pg-")
        self.stage.things.insert(0, Folder(home))
        self.home = pathlib.Path(home)
        self.user = "postgres" if os.geteuid() == 0 else getpass.getuser()
        become = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"] \
            if os.geteuid() == 0 else []
        self.ca = self.tunnel.ca("PG CA")
        cert = self.ca.issue("db.example")
        shutil.copy(cert.cert, self.home / "server.crt")
        shutil.copy(cert.key, self.home / "server.key")
        if become:
            for p in (self.home, self.home / "server.crt", self.home / "server.key"):
                shutil.chown(p, "postgres", "postgres")
        data = self.home / "data"
        self.check(*become, self.bin + "/initdb", "-N", "-A", "trust", "-U", "tester", "-E", "UTF8",
                   "--locale=C", "-D", data, cwd="/")
        self.serve("postgres", become + [
            self.bin + "/postgres", "-D", data, "-p", "PORT", "-h", HERE, "-k", "", "-F",
            "-c", "ssl=on", "-c", "ssl_cert_file=%s/server.crt" % self.home,
            "-c", "ssl_key_file=%s/server.key" % self.home], cwd="/")
        wait_until(lambda: self.psql(HERE, self.port, "select 1").status == 0, "PostgreSQL")
        self.check(self.bin + "/pgbench", "-i", "-q", "-s", "1", *self.to(HERE, self.port))

    def to(self, host, port):
        return ["-h", host, "-p", str(port), "-U", "tester", "postgres"]

    def psql(self, host, port, sql, extra="", name=None):
        where = "host=%s hostaddr=%s port=%d user=tester dbname=postgres %s" % (
            name or host, host, port, extra)
        return self.run(self.bin + "/psql", "-X", "-A", "-t", "-c", sql, where)

    def __call__(self, host, port):
        verify = "sslmode=verify-full sslrootcert=%s" % self.ca.cert
        tls = self.psql(host, port, "select ssl, version from pg_stat_ssl "
                        "where pid = pg_backend_pid()", verify, "db.example")
        other = self.psql(host, port, "select 1", verify, "other.example")
        wrong = self.psql(host, port, "select nonsense")
        rows = self.psql(host, port, "select g, repeat(md5(g::text), 20) "
                         "from generate_series(1, 3000) g", verify, "db.example")
        bench = self.run(self.bin + "/pgbench", "-n", "-c", "8", "-j", "2", "-t", "40", "-S",
                         *self.to(host, port))
        write = self.run(self.bin + "/pgbench", "-n", "-c", "2", "-t", "20", "-C", "-M", "prepared",
                         *self.to(host, port))
        counts = [re.findall(rb"(?:processed|failed transactions): (\S+)", b.out)
                  for b in (bench, write)]
        return {"tls": (tls.status, tls.out), "wrong name": (other.status, "other.example" in
                                                             other.error),
                "wrong query": wrong.status, "rows": (rows.status, digest(rows.out)),
                "pgbench": (bench.status, write.status, counts, bench.error)}


class Folder:
    def __init__(self, path):
        self.path = path

    def stop(self):
        shutil.rmtree(self.path, ignore_errors=True)


class Redis(Job):
    def start(self):
        self.serve("redis", ["redis-server", "--port", "PORT", "--bind", HERE, "--save", "",
                             "--appendonly", "no", "--dir", self.path])

    def __call__(self, host, port):
        to = ["-h", host, "-p", port]
        r = self.run("redis-benchmark", *to, "-n", "3000", "-c", "30", "-d", "512", "--csv",
                     "-t", "ping_inline,set,get,lpush,lrange_100")
        p = self.run("redis-benchmark", *to, "-n", "20000", "-c", "10", "-P", "16", "--csv",
                     "-t", "set,get")
        put = self.run("redis-cli", *to, "-x", "set", "blob", stdin=BLOB)
        got = self.run("redis-cli", *to, "--raw", "get", "blob")
        rows = [[line.split(b",")[0] for line in x.out.split(b"\n")] for x in (r, p)]
        return {"benchmark": (r.status, p.status, rows, r.error),
                "blob": (put.status, put.out, got.status, digest(got.out))}


class Dns(Job):
    """Answers whatever is asked: TXT, in as many strings as the name's first label says."""

    scheme = "udp"

    def start(self):
        self.server = self.stage.add(UdpUpstream(self.answer))
        self.port = self.server.port

    @staticmethod
    def answer(query):
        at = 12
        while query[at]:
            at += 1 + query[at]
        question = query[12:at + 5]
        n = int(re.match(rb"\d+", query[13:13 + query[12]])[0])
        records = b"".join(
            b"\xc0\x0c\0\x10\0\1\0\0\0\0" + struct.pack("!HB", 201, 200) + b"%03d" % i + b"x" * 197
            for i in range(n))
        return [query[:2] + struct.pack("!HHHHH", 0x8580, 1, n, 0, 0) + question + records]

    def __call__(self, host, port):
        names = self.folder() / "names"
        names.write_text("".join("%d.example TXT\n" % (i % 40) for i in range(80)))
        few = self.run("dig", "@" + host, "-p", port, "+notcp", "+short", "+bufsize=65000",
                       "+tries=2", "+time=5", "-f", names)
        one = self.run("dig", "@" + host, "-p", port, "+notcp", "+bufsize=65000", "+nocmd",
                       "+noall", "+answer", "200.example", "TXT")
        return {"dig": (few.status, few.out.count(b"\n"), digest(few.out)),
                "large": (one.status, digest(one.out), len(one.out) > 40000)}


class Iperf(Job):
    # It says that it is busy and closes, with bytes unread: that is a reset, which may overtake the
    # sentence.
    BUSY = (b"the server is busy", b"unable to receive control message",
            b"unable to send cookie to server")

    def start(self):
        self.serve("iperf3", ["iperf3", "-s", "-p", "PORT", "-B", HERE])

    def __call__(self, host, port):
        out = {}
        for name, options in (("up", ["-n", "16M"]), ("down", ["-n", "16M", "-R"]),
                              ("both", ["-t", "1", "--bidir"])):
            # It has one test at a time, and the end of the one before may be on its way to it.
            for _ in range(100):
                r = self.run("iperf3", "-c", host, "-p", port, "-P", "2", "-J", *options)
                if not any(busy in r.out for busy in self.BUSY):
                    break
                time.sleep(0.1)
            end = json.loads(r.out or b"{}").get("end", {})
            moved = [end[k]["bytes"] for k in end if k.startswith("sum_")]
            # The two ends count at different moments, so that one of them says a little less.
            good = (max(moved, default=0) >= 15 << 20 if name != "both"
                    else len(moved) >= 4 and min(moved) > 0)
            out[name] = (r.status, good or r.out, r.error)
        return out


class Openssl(Job):
    def start(self):
        self.ca = self.tunnel.ca("Openssl CA")
        cert = self.ca.issue("tls.example")
        (self.path / "blob").write_bytes(BLOB)
        self.serve("s_server", ["openssl", "s_server", "-accept", HERE + ":PORT", "-cert",
                                cert.cert, "-key", cert.key, "-WWW", "-quiet"], cwd=self.path)
        self.other = self.tunnel.ca("Another CA")

    def __call__(self, host, port):
        def client(ca, *options):
            return self.run("openssl", "s_client", "-connect", "%s:%d" % (host, port), "-quiet",
                            "-CAfile", ca.cert, "-verify_return_error", "-verify_hostname",
                            "tls.example", *options, stdin=b"GET /blob HTTP/1.0\r\n\r\n")
        good, old, bad = client(self.ca), client(self.ca, "-tls1_2"), client(self.other)
        return {"1.3": (good.status, digest(good.out)), "1.2": (old.status, digest(old.out)),
                "length": len(good.out) > len(BLOB), "unknown CA": (bad.status, bad.out)}


class Smtp(Job):
    """It speaks first; curl brings it a letter."""

    def start(self):
        self.letters = []
        upstream = self.tunnel.upstream(self.session)
        self.port = upstream.port

    def session(self, conn):
        conn.send(b"220 mail.example ESMTP\r\n")
        letter = []
        while True:
            line = conn.read_until(b"\r\n")
            if line is None:
                return None
            verb = line[:4].upper()
            letter.append(line)
            if verb == b"EHLO":
                conn.send(b"250-mail.example\r\n250 SIZE 100000000\r\n")
            elif verb == b"DATA":
                conn.send(b"354 go on\r\n")
                letter.append(conn.read_until(b"\r\n.\r\n"))
                conn.send(b"250 taken\r\n")
            elif verb == b"RCPT" and b"nobody" in line:
                conn.send(b"550 no such user\r\n")
            elif verb == b"QUIT":
                conn.send(b"221 bye\r\n")
                return self.letters.append(digest(b"".join(letter)))
            else:
                conn.send(b"250 ok\r\n")

    def __call__(self, host, port):
        letter = self.path / "letter"
        letter.write_bytes(b"Subject: x\r\n\r\n" + b"line of it\r\n" * 20000)
        before = len(self.letters)
        url = "smtp://%s:%d/me.example" % (host, port)
        good, bad = (self.run("curl", "-sS", "--noproxy", "*", url, "--mail-from", "a@b.example",
                              "--mail-rcpt", who + "@b.example", "-T", letter)
                     for who in ("somebody", "nobody"))
        wait_until(lambda: len(self.letters) > before, "the letter")
        return {"sent": (good.status, good.error), "refused": bad.status,
                "letter": self.letters[before]}
