# SPDX-License-Identifier: MIT
"""Applications without pages: what asks them are the programs that are made for them."""

import grp
import gzip
import hashlib
import imaplib
import io
import json
import os
import pwd
import shutil
import ssl
import tarfile

from application import HERE, Application, Failed, TcpApplication, expect

ROOT = os.geteuid() == 0
# Who the daemons of Debian's packages are when root starts them.
WWW = "www-data"


def digest(data):
    return "sha256:" + hashlib.sha256(data).hexdigest()


class Registry(Application):
    title = "docker-registry {docker-registry} with skopeo {skopeo}"
    checks = "an image of 24 MB is copied in by chunked uploads, listed, copied out: equal digests"
    # skopeo asks for a name that resolves.
    visitors = "localhost"

    def prepare(self):
        self.config = self.path / "config.yml"
        self.config.write_text("""
version: 0.1
log: {level: info}
storage:
  filesystem: {rootdirectory: %s/storage}
  delete: {enabled: true}
http:
  addr: %s:%d
""" % (self.path, HERE, self.port))
        self.image()

    def image(self):
        """An OCI image of two layers."""
        blobs = self.path / "image" / "blobs" / "sha256"
        blobs.mkdir(parents=True)

        def put(kind, data):
            name = hashlib.sha256(data).hexdigest()
            (blobs / name).write_bytes(data)
            return {"mediaType": "application/vnd.oci.image." + kind, "size": len(data),
                    "digest": "sha256:" + name}

        def layer(name, size):
            out = io.BytesIO()
            with tarfile.open(fileobj=out, mode="w") as tar:
                info = tarfile.TarInfo(name)
                info.size = size
                tar.addfile(info, io.BytesIO(os.urandom(size)))
            return out.getvalue()
        tars = [layer("large", 24 << 20), layer("small", 1000)]
        layers = [put("layer.v1.tar+gzip", gzip.compress(t, 1)) for t in tars]
        config = put("config.v1+json", json.dumps({
            "architecture": "amd64", "os": "linux", "config": {},
            "rootfs": {"type": "layers", "diff_ids": [digest(t) for t in tars]}}).encode())
        manifest = put("manifest.v1+json", json.dumps({
            "schemaVersion": 2, "mediaType": "application/vnd.oci.image.manifest.v1+json",
            "config": config, "layers": layers}).encode())
        image = self.path / "image"
        (image / "oci-layout").write_text('{"imageLayoutVersion": "1.0.0"}')
        (image / "index.json").write_text(json.dumps({"schemaVersion": 2, "manifests": [
            dict(manifest, annotations={"org.opencontainers.image.ref.name": "latest"})]}))
        self.digest = manifest["digest"]
        self.blobs = sorted(p.name for p in blobs.iterdir())

    def argv(self, options):
        return ["docker-registry", "serve", self.config, *options]

    def check(self, place):
        out = self.folder() / "out"
        name = "docker://%s/team/app-%d" % (place.host, self.rounds)
        skopeo = ["skopeo", "--insecure-policy", "--override-os=linux"]
        self.run(*skopeo, "copy", "--dest-tls-verify=false", "--preserve-digests",
                 "oci:%s/image:latest" % self.path, name + ":v1")
        found = json.loads(self.run(*skopeo, "inspect", "--tls-verify=false", name + ":v1"))
        expect("the digest", found["Digest"], self.digest)
        # By its digest, and to a second repository, whose blobs are mounted from the first.
        self.run(*skopeo, "copy", "--src-tls-verify=false", "--dest-tls-verify=false",
                 "--preserve-digests", "%s@%s" % (name, self.digest), name + "-more/deep:v2")
        tags = json.loads(self.run(*skopeo, "list-tags", "--tls-verify=false",
                                   name + "-more/deep"))
        expect("the tags", tags["Tags"], ["v2"])
        self.run(*skopeo, "copy", "--src-tls-verify=false", name + "-more/deep:v2",
                 "oci:%s:latest" % out)
        blobs = list((out / "blobs" / "sha256").iterdir())
        expect("the blobs", sorted(p.name for p in blobs), self.blobs)
        for p in blobs:
            expect("the blob's digest", hashlib.sha256(p.read_bytes()).hexdigest(), p.name)
        self.run(*skopeo, "delete", "--tls-verify=false", name + ":v1")


class Apache(Application):
    """One that Apache serves, with a configuration of its own."""

    modules = ()
    site = ""

    def prepare(self):
        self.data = self.path / "data"
        self.data.mkdir()
        self.locks = self.path / "locks"
        self.locks.mkdir()
        if ROOT:
            for folder in (self.data, self.locks):
                shutil.chown(folder, WWW, WWW)

    def argv(self, options):
        (self.path / "apache.conf").write_text("""
ServerName %(here)s
ServerRoot %(path)s
PidFile %(path)s/apache.pid
Listen %(here)s:%(port)d
ErrorLog /dev/stderr
LogLevel warn
%(user)s
%(modules)s
DocumentRoot %(data)s
<Directory />
    Require all granted
</Directory>
%(site)s
""" % {"here": HERE, "path": self.path, "port": self.port, "data": self.data,
       "user": "User %s\nGroup %s" % (WWW, WWW) if ROOT else "",
       "modules": "\n".join("LoadModule %s_module /usr/lib/apache2/modules/mod_%s.so" % (m, m)
                            for m in ("mpm_event", "authz_core", *self.modules)),
       "site": self.site % {"data": self.data, "path": self.path}})
        return ["/usr/sbin/apache2", "-f", self.path / "apache.conf", "-DFOREGROUND"]

    @staticmethod
    def curl_options(place):
        return ["-sS", "-k", "--noproxy", "*", "--max-time", "30", "--resolve",
                "%s:%d:%s" % (place.name, place.port, HERE)]


class WebDav(Apache):
    title = "WebDAV with Apache {apache2}"
    checks = ("PUT of 5 MB, GET, PROPFIND, PROPPATCH, MKCOL, COPY, MOVE, LOCK and its refusals, "
              "UNLOCK, DELETE")
    modules = ("dav", "dav_fs")
    site = """
DAVLockDB %(path)s/locks/db
<Directory %(data)s>
    Dav On
</Directory>
"""

    def check(self, place):
        folder = self.folder()
        sent = folder / "sent"
        sent.write_bytes(os.urandom(5 << 20))
        base = "%s/dir-%d" % (place.url, self.rounds)

        def ask(method, url, *options, status=(200,)):
            """The answer's body."""
            out = folder / "answer"
            words = self.run("curl", *self.curl_options(place), "-X", method, "-o", out, "-D",
                             folder / "head", "-w", "%{http_code}", *options, url)
            if int(words) not in status:
                raise Failed("%s: status %s" % (method, words.decode()))
            return out.read_bytes() if out.exists() else b""
        ask("MKCOL", base, status=(201,))
        ask("PUT", base + "/a", "-T", sent, status=(201,))
        expect("what GET brings", ask("GET", base + "/a") == sent.read_bytes(), True)
        ask("COPY", base + "/a", "-H", "Destination: %s/b" % base, status=(201,))
        ask("MOVE", base + "/b", "-H", "Destination: %s/c" % base, status=(201,))
        ask("MOVE", base + "/c", "-H", "Destination: %s/a" % base, "-H", "Overwrite: F",
            status=(412,))
        names = ask("PROPFIND", base + "/", "-H", "Depth: 1", status=(207,))
        expect("what PROPFIND lists", [names.count(b"/dir-%d/%s<" % (self.rounds, n))
                                       for n in (b"a", b"b", b"c")], [1, 0, 1])
        ask("PROPPATCH", base + "/a", "-d", PROPERTY, status=(207,))
        found = ask("PROPFIND", base + "/a", "-H", "Depth: 0", status=(207,))
        expect("the property", b"a colour" in found, True)
        ask("LOCK", base + "/a", "-d", LOCK, "-H", "Content-Type: application/xml")
        head = (folder / "head").read_text().splitlines()
        token = next(line.split(":", 1)[1].strip() for line in head
                     if line.lower().startswith("lock-token:"))
        ask("PUT", base + "/a", "-d", "x", status=(423,))
        # The condition names the resource by its whole address, as many clients do.
        ask("PUT", base + "/a", "-d", "x", "-H", "If: <%s/a> (%s)" % (base, token), status=(204,))
        ask("UNLOCK", base + "/a", "-H", "Lock-Token: " + token, status=(204,))
        ask("DELETE", base, status=(204,))


PROPERTY = ('<?xml version="1.0"?><propertyupdate xmlns="DAV:"><set><prop>'
            '<colour xmlns="urn:x">a colour</colour></prop></set></propertyupdate>')
LOCK = ('<?xml version="1.0"?><lockinfo xmlns="DAV:"><lockscope><exclusive/></lockscope>'
        '<locktype><write/></locktype></lockinfo>')


class GitHttp(Apache):
    title = "git {git} over http with Apache {apache2}"
    checks = "clone, a push of 20 MB, fetch, a shallow clone (smart HTTP of Apache's CGI)"
    modules = ("cgid", "alias", "env", "setenvif")
    site = """
ScriptSock %(path)s/cgi.sock
SetEnv GIT_PROJECT_ROOT %(data)s
SetEnv GIT_HTTP_EXPORT_ALL
SetEnv REMOTE_USER visitor
ScriptAlias / /usr/lib/git-core/git-http-backend/
"""

    def prepare(self):
        super().prepare()
        self.env.update(GIT_CONFIG_GLOBAL="/dev/null", GIT_CONFIG_SYSTEM="/dev/null",
                        GIT_TERMINAL_PROMPT="0", GIT_SSL_NO_VERIFY="1",
                        GIT_AUTHOR_NAME="T", GIT_AUTHOR_EMAIL="t@example.com",
                        GIT_COMMITTER_NAME="T", GIT_COMMITTER_EMAIL="t@example.com")
        self.bare = self.data / "repo.git"
        work = self.path / "work"
        self.run("git", "init", "-q", "-b", "main", work)
        (work / "first").write_text("first\n")
        for i in range(3):
            (work / "first").write_text("%d\n" % i)
            self.run("git", "-C", work, "add", ".")
            self.run("git", "-C", work, "commit", "-q", "-m", "number %d" % i)
        self.run("git", "clone", "-q", "--bare", work, self.bare)
        self.run("git", "-C", self.bare, "config", "http.receivepack", "true")
        if ROOT:
            self.run("chown", "-R", "%s:%s" % (WWW, WWW), self.bare)
            # For the look into it below: git does not trust others' folders.
            self.env.update(GIT_CONFIG_COUNT="1", GIT_CONFIG_KEY_0="safe.directory",
                            GIT_CONFIG_VALUE_0="*")

    def check(self, place):
        folder = self.folder()
        git = ["git", "-c", "http.curloptResolve=%s:%d:%s" % (place.name, place.port, HERE)]
        url = place.url + "/repo.git"
        self.run(*git, "clone", "-q", "--single-branch", url, folder / "one")
        self.run(*git, "clone", "-q", "--depth", "1", url, folder / "two")
        (folder / "one" / "large").write_bytes(os.urandom(20 << 20))
        branch = "branch-%d" % self.rounds
        here = ["-C", folder / "one"]
        self.run(*git, *here, "add", ".")
        self.run(*git, *here, "commit", "-q", "-m", "large")
        # Beyond http.postBuffer, 1 MiB: git sends it in chunks.
        self.run(*git, *here, "push", "-q", "origin", "HEAD:" + branch)
        self.run(*git, "-C", folder / "two", "fetch", "-q", "origin", branch)
        mine, arrived, fetched = (
            self.run("git", "-C", where, "rev-parse", name) for where, name in (
                (folder / "one", "HEAD"), (self.bare, branch), (folder / "two", "FETCH_HEAD")))
        expect("the commits", [arrived, fetched], [mine, mine])
        self.run("git", "-C", folder / "one", "fsck", "--full")


class Imap(TcpApplication):
    title = "IMAP with Dovecot {dovecot-imapd}"
    needs = ("`--upstream=1143=tcp://127.0.0.1:143`; with TLS "
             "`--upstream=1993=tls+tcp://127.0.0.1:143`")
    checks = "APPEND of 5 MB, FETCH of the same bytes, IDLE tells of a new letter"

    def prepare(self):
        me = pwd.getpwuid(os.geteuid())
        owner = pwd.getpwnam("mail") if ROOT else me
        mail = self.path / "mail"
        mail.mkdir()
        os.chown(mail, owner.pw_uid, owner.pw_gid)
        self.config = self.path / "dovecot.conf"
        self.config.write_text(DOVECOT % {
            "here": HERE, "port": self.port, "path": self.path, "uid": owner.pw_uid,
            "gid": owner.pw_gid, "others": "" if ROOT else DOVECOT_ALONE % {
                "user": me.pw_name, "group": grp.getgrgid(me.pw_gid).gr_name}})

    def argv(self, options):
        return ["/usr/sbin/dovecot", "-F", "-c", self.config]

    def session(self, place):
        if place.way.tls:
            context = ssl.create_default_context()
            context.check_hostname = False
            context.verify_mode = ssl.CERT_NONE
            imap = imaplib.IMAP4_SSL(HERE, place.port, ssl_context=context, timeout=30)
        else:
            imap = imaplib.IMAP4(HERE, place.port, timeout=30)
        imap.login("user-%d" % self.rounds, "secret")
        imap.select()
        return imap

    def check(self, place):
        self.rounds += 1
        letter = b"Subject: x\r\n\r\n" + b"\r\n".join(
            os.urandom(30).hex().encode() for _ in range(5 << 20 >> 6)) + b"\r\n"
        one, two = self.session(place), self.session(place)
        # What imaplib lacks until Python 3.14.
        two.send(b"i IDLE\r\n")
        expect("the answer to IDLE", two.readline()[:1], b"+")
        expect("APPEND", one.append("INBOX", None, None, letter)[0], "OK")
        expect("what IDLE tells", two.readline(), b"* 1 EXISTS\r\n")
        two.send(b"DONE\r\n")
        one.noop()
        got = one.fetch("1", "(BODY.PEEK[])")[1][0][1]
        expect("the letter", got == letter, True)
        one.logout()
        two.shutdown()


DOVECOT = """
protocols = imap
listen = %(here)s
base_dir = %(path)s/run
state_dir = %(path)s/run
log_path = /dev/stderr
ssl = no
disable_plaintext_auth = no
mail_location = maildir:%(path)s/mail/%%u
first_valid_uid = 1
passdb {
  driver = static
  args = password=secret
}
userdb {
  driver = static
  args = uid=%(uid)d gid=%(gid)d home=%(path)s/mail/%%u
}
service imap-login {
  inet_listener imap {
    port = %(port)d
  }
  inet_listener imaps {
    port = 0
  }
}
%(others)s
"""
# Without root there is one user for all of its processes, and no root folder but the machine's.
DOVECOT_ALONE = """
default_internal_user = %(user)s
default_login_user = %(user)s
default_internal_group = %(group)s
service anvil {
  chroot =
}
service imap-login {
  chroot =
}
"""

SERVICES = [Registry, GitHttp, WebDav, Imap]
