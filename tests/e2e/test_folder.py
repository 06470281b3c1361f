# SPDX-License-Identifier: MIT
"""A folder as an upstream (file://): what of it is served, how, and above all what is not."""

import hashlib
import os
import shutil
import subprocess
import time

import pytest

from harness.stage import SANITIZED
from harness.visitor import Closed
from harness.wait import at_once, wait_until

MIB = 1024 * 1024
SECRET = b"secret" * 4
BODY = bytes(range(256)) * 40


class Site:
    """A folder beside things that are nobody's business, and the way to it."""

    def __init__(self, tunnel, *options, prepare=None):
        self.tunnel = tunnel
        self.path = tunnel.path / "site"
        self.path.mkdir()
        self.write("index.html", "<h1>home</h1>")
        self.write("file.bin", BODY)
        self.write("docs/index.html", "<h1>docs</h1>")
        self.write("docs/a b?#%&<ü>.txt", "odd")
        self.write("plain/one.txt", "one")
        self.write(".well-known/security.txt", "contact")
        for hidden in (".env", ".git/config", "docs/.htpasswd", ".well-known/.x"):
            self.write(hidden, SECRET)
        (tunnel.path / "outside").mkdir()
        (tunnel.path / "outside" / "secret").write_bytes(SECRET)
        for name, target in (("out", "../outside/secret"), ("out-dir", "../outside"),
                             ("root", "/"), ("to-env", ".env"), ("to-git", ".git"),
                             ("inside", "file.bin"), ("dangling", "nowhere")):
            (self.path / name).symlink_to(target)
        os.mkfifo(self.path / "fifo")
        self.server = tunnel.server()
        self.client = tunnel.client(self.server, "file://%s" % self.path, *options)

    def write(self, name, data):
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data if isinstance(data, bytes) else data.encode())
        return path

    def visitor(self):
        return self.tunnel.visitor(self.server)

    def get(self, target="/", **kwargs):
        return self.visitor().get(target, **kwargs)

    def url(self, target):
        return "http://%s%s" % (self.server.address, target)


@pytest.fixture
def site(tunnel):
    return Site(tunnel)


def test_files_and_directories(site):
    v = site.visitor()
    for target, status, kind, body in [
            ("/", 200, "text/html; charset=utf-8", b"<h1>home</h1>"),
            ("/index.html", 200, "text/html; charset=utf-8", b"<h1>home</h1>"),
            ("/file.bin?v=1", 200, "application/octet-stream", BODY),
            ("/docs/", 200, "text/html; charset=utf-8", b"<h1>docs</h1>"),
            ("//docs//", 200, "text/html; charset=utf-8", b"<h1>docs</h1>"),
            ("/docs/a%20b%3F%23%25&%3C%c3%bc%3E.txt", 200, "text/plain; charset=utf-8", b"odd"),
            ("/.well-known/security.txt", 200, "text/plain; charset=utf-8", b"contact"),
            ("/inside", 200, "application/octet-stream", BODY),
            ("/plain/", 404, "text/plain; charset=utf-8", None),
            ("/none", 404, "text/plain; charset=utf-8", None),
            ("/file.bin/", 404, "text/plain; charset=utf-8", None),
            ("/file.bin/x", 404, "text/plain; charset=utf-8", None),
            ("/%zz", 400, "text/plain; charset=utf-8", None),
    ]:
        r = v.get(target)
        assert (r.status, r.get("Content-Type")) == (status, kind), target
        assert body is None or r.body == body, target
        assert r.get("X-Content-Type-Options") == "nosniff"
        assert r.get("Date").endswith(" GMT")
        head = v.get(target, method="HEAD")
        assert head.status == status
        assert head.get("Content-Length") == r.get("Content-Length") == str(len(r.body))


def test_a_directory_without_its_slash_leads_to_it_on_the_same_host(site):
    for target, location in [("/docs", "./docs/"), ("/docs?a=b", "./docs/?a=b"),
                             ("/.well-known", "./.well-known/"), ("//docs", "./docs/"),
                             ("/d%6Fcs", "./d%6Fcs/")]:
        r = site.get(target)
        assert (r.status, r.get("Location")) == (301, location)
    out = site.tunnel.curl(site.url("/docs"), "-L", "-w", "%{url_effective}")
    assert out == b"<h1>docs</h1>" + site.url("/docs/").encode()


def test_nothing_else_is_reached(site):
    """Every way out that is known, as it stands on the wire."""
    (site.path / "locked").write_bytes(SECRET)
    targets = ["/.env", "/.git/config", "/%2egit/config", "/docs/.htpasswd", "/.well-known/.x",
               "/out", "/out-dir/secret", "/out-dir/", "/root/etc/passwd", "/to-env",
               "/to-git/config", "/dangling", "/fifo", "/..", "/../outside/secret",
               "/docs/../../outside/secret", "/docs/..", "/./file.bin", "/%2e%2e/outside/secret",
               "/.%2e/outside/secret", "/..%2foutside%2fsecret", "/%2e%2e%2foutside%2fsecret",
               "/docs%2f..%2f..%2foutside%2fsecret", "/%2fetc%2fpasswd", "//etc/passwd",
               "/%252e%252e/outside/secret", "/%c0%ae%c0%ae/outside/secret",
               "/%e0%80%ae%e0%80%ae/outside/secret", "/%uff0e%uff0e/outside/secret",
               "/..\\outside\\secret", "/..%5coutside%5csecret", "/..;/outside/secret",
               "/file.bin%00.html", "/%00", "/.env%00.txt", "/file.bin%2f..%2f.env",
               "/...//outside", "/proc/self/environ", "/" + "a" * 5000, "/" + "a/" * 3000,
               "/docs" + "/x" * 200, "/%", "/%2", "/.env?file.bin", "/.%65nv"]
    for target in targets:
        r = site.get(target)
        assert r.status in (400, 404), (target, r.status)
        assert SECRET not in r.body and b"root:" not in r.body, target
    # A form with another host, or with none.
    v = site.visitor()
    v.send("GET http://example.com/../outside/secret HTTP/1.1\r\nHost: example.com\r\n\r\n")
    assert v.read_response().status == 404
    assert site.client.alive()


def test_only_reading(site):
    for method in ("POST", "PUT", "DELETE", "PATCH", "OPTIONS", "PROPFIND"):
        r = site.get("/file.bin", method=method, body=b"x" * 100000)
        assert (r.status, r.get("Allow")) == (405, "GET, HEAD"), method
    v = site.visitor().request("/file.bin", method="POST", fields=["Transfer-Encoding: chunked"])
    v.send(b"3\r\nabc\r\n" + b"a000\r\n" + b"y" * 0xa000 + b"\r\n0\r\n\r\n")
    assert v.read_response().status == 405
    assert (site.path / "file.bin").read_bytes() == BODY


def test_requests_in_a_row(site):
    v = site.visitor()
    for _ in range(50):
        v.request("/plain/one.txt")
    assert [v.read_response().body for _ in range(50)] == [b"one"] * 50
    r = v.get("/plain/one.txt", version="1.0")
    assert r.body == b"one"


def test_ranges(site):
    size = len(BODY)
    v = site.visitor()
    for value, status, part in [
            ("bytes=0-9", 206, slice(0, 10)), ("bytes=5-", 206, slice(5, size)),
            ("bytes=-7", 206, slice(size - 7, size)), ("bytes=-999999", 206, slice(0, size)),
            ("bytes=%d-%d" % (size - 1, size * 2), 206, slice(size - 1, size)),
            ("bytes=%d-" % size, 416, None), ("bytes=-0", 416, None),
            ("bytes=0-1,5-6", 200, slice(0, size)), ("bytes=9-1", 200, slice(0, size)),
            ("lines=1-2", 200, slice(0, size))]:
        r = v.get("/file.bin", fields=["Range: " + value])
        assert r.status == status, value
        if part is None:
            assert r.get("Content-Range") == "bytes */%d" % size
            continue
        assert r.body == BODY[part], value
        assert r.get("Accept-Ranges") == "bytes"
        assert r.get("Content-Range") == (None if status == 200 else "bytes %d-%d/%d" % (
            part.start, part.stop - 1, size))
    r = v.get("/file.bin", method="HEAD", fields=["Range: bytes=0-9"])
    assert (r.status, r.get("Content-Length")) == (200, str(size))
    site.write("empty", b"")
    assert v.get("/empty", fields=["Range: bytes=0-"]).status == 416
    assert v.get("/empty").body == b""


def test_conditions(site):
    v = site.visitor()
    first = v.get("/file.bin")
    tag, date = first.get("ETag"), first.get("Last-Modified")
    assert tag.startswith('"') and tag == v.get("/file.bin", method="HEAD").get("ETag")
    for fields, status in [
            (["If-None-Match: " + tag], 304), (["If-None-Match: \"a\", W/" + tag], 304),
            (["If-Modified-Since: " + date], 304), (["If-None-Match: \"a\""], 200),
            (["If-Match: " + tag], 200), (["If-Match: \"a\""], 412),
            (["If-Unmodified-Since: Sun, 06 Nov 1994 08:49:37 GMT"], 412),
            (["Range: bytes=0-0", "If-Range: " + tag], 206),
            (["Range: bytes=0-0", "If-Range: \"a\""], 200),
            (["Range: bytes=0-0", "If-None-Match: " + tag], 304)]:
        r = v.get("/file.bin", fields=fields)
        assert r.status == status, fields
        assert status == 412 or r.get("ETag") == tag
    # As many bytes, and as old: it is another file all the same.
    old = os.stat(site.path / "file.bin")
    other = site.write("new", BODY[::-1])
    os.utime(other, ns=(old.st_atime_ns, old.st_mtime_ns))
    other.rename(site.path / "file.bin")
    r = v.get("/file.bin", fields=["If-None-Match: " + tag, "If-Modified-Since: " + date])
    assert r.status == 200 and r.body == BODY[::-1] and r.get("ETag") != tag
    assert v.get("/file.bin", fields=["Range: bytes=0-0", "If-Range: " + tag]).status == 200
    # A date is no proof within its own second; the tag is.
    os.utime(site.path / "file.bin")
    r = v.get("/file.bin")
    assert v.get("/file.bin", fields=["Range: bytes=0-0", "If-Range: " + r.get("ETag")]).status == 206


def test_curl_resumes(site, stage):
    """Half a download, then the rest: the way people fetch large files."""
    data = os.urandom(3 * MIB)
    site.write("large", data)
    target = stage.path / "fetched"
    target.write_bytes(data[:MIB + 7])
    site.tunnel.curl(site.url("/large"), "-C", "-", "-o", str(target))
    assert target.read_bytes() == data
    # All of it is there already.
    site.tunnel.curl(site.url("/large"), "-C", "-", "-o", str(target), check=False)
    assert target.read_bytes() == data
    out = site.tunnel.curl(site.url("/large"), "-z", "Fri, 01 Jan 2100 00:00:00 GMT",
                           "-w", "%{http_code}")
    assert out == b"304"


def test_far_into_a_large_file(site):
    """Beyond what 32 bits count, in little memory."""
    size = 10 * 1024 * MIB
    with open(site.path / "sparse", "wb") as f:
        f.truncate(size)
        f.seek(size - 3)
        f.write(b"END")
    out = site.tunnel.curl(site.url("/sparse"), "-r", "-3", "-D", "-")
    assert out.endswith(b"END") and b"/%d\r\n" % size in out
    out = site.tunnel.curl(site.url("/sparse"), "-r", "5000000000-%d" % (5000000000 + 20 * MIB),
                           "-o", "/dev/null", "-w", "%{size_download}")
    assert int(out) == 20 * MIB + 1
    if not SANITIZED:
        assert site.client.memory("VmHWM") < 60 * MIB


def begin_download(site, target):
    """A visitor that has read the head and then reads no more: the rest is on its way, as far as
    sockets and windows let it, which is far less than 64 MiB."""
    v = site.visitor()
    v.request(target)
    r = v.read_head()
    assert r.status == 200
    return v, int(r.get("Content-Length"))


def finish(v, length):
    """All bytes that still come, and whether they are as many as was said."""
    data = bytearray(v.buffer)
    try:
        while len(data) < length:
            piece = v.sock.recv(MIB)
            if not piece:
                break
            data += piece
    except ConnectionResetError:
        pass
    return data, len(data) == length


@pytest.mark.parametrize("change,whole", [
    (lambda path: os.truncate(path, 1000), False),
    (lambda path: path.write_bytes(b"n" * 64 * MIB), False),
    (lambda path: path.with_suffix(".new").rename(path), True),
    (lambda path: path.unlink(), True),
], ids=["cut", "written anew", "replaced", "removed"])
def test_a_file_that_changes_while_it_is_sent(site, change, whole):
    """What is half of one file and half of another does not pass for a whole."""
    path = site.path / "large.bin"
    path.write_bytes(b"o" * 64 * MIB)
    os.utime(path, (1, 1))
    path.with_suffix(".new").write_bytes(b"n" * 64 * MIB)
    v, length = begin_download(site, "/large.bin")
    change(path)
    data, complete = finish(v, length)
    assert complete == whole
    said = "/site/large.bin was written to while it was sent; the connection of the visitor"
    if not whole:
        site.client.log_contains(said)
    assert site.client.log().count(said) == (not whole)
    if whole:
        assert data == b"o" * 64 * MIB
    assert site.get("/plain/one.txt").body == b"one"


def test_slow_readers_cost_little_and_hold_up_nobody(site):
    site.write("large.bin", b"x" * 64 * MIB)
    before = site.client.memory()
    slow = [begin_download(site, "/large.bin") for _ in range(30)]
    started = time.monotonic()
    for _ in range(100):
        assert site.get("/plain/one.txt").body == b"one"
    assert time.monotonic() - started < (30 if SANITIZED else 5)
    if not SANITIZED:
        assert site.client.memory() - before < 10 * MIB
    for v, _ in slow:
        v.close()
    # Two sockets and a file of each are given back.
    wait_until(lambda: site.client.fds() < 60, "the descriptors of those who left")


def test_a_folder_that_is_built_anew(site):
    """Builders remove the folder and make it again; nobody tells the client."""
    v = site.visitor()
    assert v.get("/plain/one.txt").body == b"one"
    shutil.rmtree(site.path)
    assert v.get("/plain/one.txt").status == 502
    site.client.log_contains("the upstream file://%s cannot be reached: there is no such folder"
                             % site.path)
    site.path.mkdir()
    site.write("plain/one.txt", "another")
    assert v.get("/plain/one.txt").body == b"another"
    # And where it is a link that is turned.
    shutil.rmtree(site.path)
    for n in ("1", "2"):
        (site.path.with_suffix(".d" + n)).mkdir()
        site.path.with_suffix(".d" + n).joinpath("n").write_text(n)
    site.path.symlink_to("site.d1")
    assert v.get("/n").body == b"1"
    site.path.unlink()
    site.path.symlink_to("site.d2")
    assert v.get("/n").body == b"2"


def test_the_site_s_own_page_for_what_is_missing(site):
    site.write("404.html", "<h1>lost</h1>")
    for target in ("/none", "/.env", "/plain/"):
        r = site.get(target, fields=["Range: bytes=0-1", "If-None-Match: *"])
        assert (r.status, r.body) == (404, b"<h1>lost</h1>"), target
        assert r.get("Content-Type") == "text/html; charset=utf-8"
        assert r.get("ETag") is None


def test_listing(tunnel):
    site = Site(tunnel, "--listing")
    site.write("<script>alert(1)", "x")
    site.write("javascript:alert(1)", "x")
    site.write("plain/sub/two.txt", "22")
    assert site.get("/").body == b"<h1>home</h1>"
    (site.path / "index.html").unlink()
    r = site.get("/")
    page = r.text()
    assert r.get("Content-Type") == "text/html; charset=utf-8"
    assert r.get("Content-Security-Policy").startswith("default-src 'none'")
    assert "<script" not in page and 'href="javascript:' not in page
    for absent in (".env", ".git", "outside", '"out"', "out-dir", "root", "to-env", "to-git",
                   "fifo", "dangling"):
        assert absent not in page, absent
    links = [p.split('"')[0] for p in page.split('href="')[1:]]
    assert links == [".well-known/", "docs/", "plain/", "%3Cscript%3Ealert%281%29", "file.bin", "inside",
                     "javascript%3Aalert%281%29"], "directories first"
    for link in links:
        assert site.get("/" + link).status == 200, link
    r = site.get("/plain/")
    assert [p.split('"')[0] for p in r.text().split('href="')[1:]] == ["../", "sub/", "one.txt"]
    assert site.get("/plain/", method="HEAD").get("Content-Length") == str(len(r.body))
    for hidden in ("/.git/", "/out-dir/", "/none/"):
        assert site.get(hidden).status == 404


def test_a_listing_ends_somewhere(tunnel):
    site = Site(tunnel, "--listing")
    (site.path / "many").mkdir()
    for i in range(4100):
        (site.path / "many" / ("%d.txt" % i)).touch()
    page = site.get("/many/").text()
    assert page.count("<tr>") == 1 + 4096 and "There is more than one page shows" in page
    for i in range(4):
        (site.path / "many" / ("%d.txt" % i)).unlink()
    page = site.get("/many/").text()
    assert page.count("<tr>") == 1 + 4096 and "There is more" not in page


def test_a_mirror_is_the_same(tunnel, stage):
    """wget reads the listings as a browser would, follows all of them, and has all there is."""
    site = Site(tunnel, "--listing")
    for name in (".env", ".git", "docs/.htpasswd", ".well-known", "out", "out-dir", "root", "to-env",
                 "to-git", "inside", "dangling", "fifo", "index.html", "docs/index.html"):
        path = site.path / name
        shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    for i in range(40):
        site.write("deep/%d/a/b %d.bin" % (i % 5, i), os.urandom(1000 * i))
    p = subprocess.run(["wget", "-q", "-r", "-np", "-nH", "--no-proxy", "-P", "mirror",
                        "--reject-regex", "index.html$", site.url("/")], cwd=stage.path,
                       env=tunnel.env, capture_output=True, text=True)
    assert p.returncode == 0, p.stderr
    mirror = stage.path / "mirror"
    for page in list(mirror.rglob("index.html")):
        page.unlink()

    def files(top):
        return {p.relative_to(top): hashlib.sha256(p.read_bytes()).hexdigest()
                for p in top.rglob("*") if p.is_file()}
    assert files(mirror) == files(site.path)
    assert len(files(mirror)) == 43


def test_many_at_a_time(site):
    """Like a browser's page load, many times over: each gets its own bytes."""
    for i in range(20):
        site.write("asset/%d.js" % i, ("%d;" % i) * 5000)
    wrong = []

    def load(seed):
        v = site.visitor()
        for k in range(20):
            i = (seed + k) % 20
            r = v.get("/asset/%d.js" % i)
            if r.status != 200 or r.body != (("%d;" % i) * 5000).encode():
                wrong.append((i, r.status))
    at_once(load, range(16))
    assert not wrong


def test_several_folders_by_host(tunnel, stage):
    for name in "ab":
        (stage.path / name).mkdir()
        (stage.path / name / "who").write_text(name)
    server = tunnel.server()
    tunnel.client(server, ["a.test=file://%s/a" % stage.path, "*.test=file://%s/b" % stage.path])
    for host, body in (("a.test", b"a"), ("x.test", b"b")):
        assert tunnel.visitor(server).get("/who", host=host).body == body


def test_what_is_said_of_a_folder_beforehand(tunnel, stage):
    (stage.path / "bare").mkdir()
    (stage.path / "file").write_text("")
    gone = "cannot be opened, so visitors get 502 until it can: "
    said = {"none": gone + "No such file or directory", "file": gone + "Not a directory",
            "bare": "has no index.html, so visitors of / get 404; --listing behind it lists"}
    text = "remote: a:1\nservices:\n"
    for name in said:
        text += "- upstream: %s.test=file://%s/%s\n" % (name, stage.path, name)
    path = stage.file("checked.yaml", text)
    status, out, err = tunnel.run("check-config", path)
    assert status == 0 and "valid client configuration" in out
    for name in ("none", "file"):
        assert "warning: file://%s/%s %s" % (stage.path, name, said[name]) in err
    assert err.count("warning:") == 2, "a folder without an index.html can be used"
    assert tunnel.run("check-config", "--strict", path)[0] == 2

    server = tunnel.server()
    client = tunnel.client(server, ["%s.test=file://%s/%s" % (n, stage.path, n) for n in said])
    for name, sentence in said.items():
        assert client.log().count("file://%s/%s %s" % (stage.path, name, sentence)) == 1
    assert tunnel.visitor(server).get("/", host="none.test").status == 502
    (stage.path / "none").mkdir()
    (stage.path / "none" / "index.html").write_text("here")
    assert tunnel.visitor(server).get("/", host="none.test").body == b"here"
    listed = tunnel.client(server, "file://%s/bare" % stage.path, "--listing")
    assert "index.html" not in listed.log()


def test_half_an_answer_is_no_whole_one_for_a_visitor(site):
    """The strict reader of this house sees a reset, not an end, where a file was cut."""
    path = site.write("large.bin", b"o" * 16 * MIB)
    v, length = begin_download(site, "/large.bin")
    os.truncate(path, 5)
    v.buffer, rest = b"", v.buffer
    with pytest.raises(Closed) as e:
        v.read(length - len(rest))
    assert e.value.reset
