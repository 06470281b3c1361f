# SPDX-License-Identifier: MIT
"""scripts/install.sh, from a web server, of what scripts/release made of this build."""

import http.server
import pathlib
import shutil
import subprocess
import threading

import pytest

from harness import TOP, programs

BUILD = pathlib.Path(programs.TUNNEL).resolve().parent

pytestmark = pytest.mark.skipif(not (BUILD / "build.ninja").exists() or not shutil.which("meson"),
                                reason="the program stands in no build folder")

SHELLS = [s for s in (["sh"], ["bash", "--posix"], ["busybox", "sh"]) if shutil.which(s[0])]


@pytest.fixture(scope="module")
def release(tmp_path_factory):
    """The folder and its address."""
    folder = tmp_path_factory.mktemp("release")
    subprocess.run([TOP / "scripts/release", "--build", BUILD, folder], check=True, timeout=120,
                   stdout=subprocess.DEVNULL)

    class Handler(http.server.SimpleHTTPRequestHandler):
        def __init__(self, *args):
            super().__init__(*args, directory=str(folder))

        def log_message(self, *args):
            pass
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield folder, "http://127.0.0.1:%d" % server.server_port
    server.shutdown()


def install(tunnel, release, *options, shell=("sh",), text=None, env=()):
    """As "curl … | sh -s -- …" does."""
    text = (release[0] / "install.sh").read_text() if text is None else text
    prefix = tunnel.path / "prefix"
    p = subprocess.run([*shell, "-s", "--", "--prefix", prefix, *options], input=text, text=True,
                       capture_output=True, timeout=60,
                       env=dict(tunnel.env, TMPDIR=str(tunnel.path), **dict(env)))
    assert not list(tunnel.path.glob("tmp.*")), "it left its folder behind"
    return p, prefix


@pytest.mark.parametrize("shell", SHELLS, ids=lambda s: s[0])
def test_install_and_again(tunnel, release, shell):
    for _ in range(2):
        p, prefix = install(tunnel, release, "--base-url", release[1] + "/", shell=shell)
        assert p.returncode == 0, p.stderr
        program = prefix / "bin/tunnel"
        assert "  %s\n" % program in p.stdout and "is installed." in p.stdout
        assert subprocess.run([program, "version"], capture_output=True,
                              timeout=30).stdout.startswith(b"tunnel ")
        assert program.stat().st_mode & 0o777 == 0o755
        pages = list((BUILD / "docs").glob("*.1"))
        assert len(list((prefix / "share/man/man1").glob("*"))) == len(pages)
        assert not list(prefix.rglob("*.new"))


def test_half_of_it_does_nothing(tunnel, release):
    """A download that breaks off, wherever it does."""
    text = (release[0] / "install.sh").read_text()
    end = text.rindex("main")
    for n in list(range(0, end, 997)) + list(range(end, len(text.rstrip()))):
        p, prefix = install(tunnel, release, "--base-url", release[1], text=text[:n])
        assert not prefix.exists(), text[:n][-80:]
        # Nor does it begin without its options, which say where to.
        assert "install.sh:" not in p.stderr, text[:n][-80:]


def test_the_address_of_the_release_may_stand_in_it(tunnel, release):
    text = (release[0] / "install.sh").read_text().replace(
        "default_base_url=\n", "default_base_url=%s\n" % release[1])
    assert install(tunnel, release, text=text)[0].returncode == 0


@pytest.mark.parametrize("program", ["curl", "wget"])
def test_no_redirect_leads_out_of_tls(tunnel, release, tmp_path, program):
    """The server of the https:// address sends on to http://, where anybody can change it."""
    if not shutil.which(program):
        pytest.skip("no " + program)
    asked = []

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self):
            asked.append(self.path)
            self.send_response(302)
            self.send_header("Location", release[1] + self.path)
            self.end_headers()

        def log_message(self, *args):
            pass
    ca = tunnel.ca()
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.socket = ca.issue("127.0.0.1").server_context().wrap_socket(server.socket,
                                                                       server_side=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    (tmp_path / "wgetrc").write_text("ca_certificate=%s\ntries=1\n" % ca.cert)
    tools = tmp_path / "tools"
    tools.mkdir()
    for tool in pathlib.Path("/usr/bin").iterdir():
        if tool.name not in {"curl", "wget"} - {program}:
            (tools / tool.name).symlink_to(tool)
    try:
        p, prefix = install(tunnel, release, "--base-url",
                            "https://127.0.0.1:%d" % server.server_port,
                            env={"PATH": str(tools), "CURL_CA_BUNDLE": ca.cert,
                                 "WGETRC": str(tmp_path / "wgetrc")})
    finally:
        server.shutdown()
    assert asked and p.returncode == 1 and not prefix.exists(), p.stdout + p.stderr
    assert "SHA256SUMS could not be fetched" in p.stderr


def fake(tunnel, name, script):
    folder = tunnel.path / "fake"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text("#!/bin/sh\n" + script)
    (folder / name).chmod(0o755)
    return {"PATH": "%s:%s" % (folder, tunnel.env["PATH"])}


@pytest.mark.parametrize("options,env,words", [
    ([], None, ["from where?", "--base-url"]),
    (["--base-url", "http://exit.example.org/x"], None, ["anybody on the way", "https://"]),
    (["--base-url", "ftp://x"], None, ["is no https:// address"]),
    (["--base-url", "URL/none"], None, ["URL/none/SHA256SUMS could not be fetched"]),
    (["--base-url", "URL", "--version", "9.9"], None, ["has no release 9.9 for linux-"]),
    (["--base-url", "URL"], ("uname", 'case $1 in -m) echo sparc64;; *) echo Linux;; esac'),
     ["no release for this machine's processor, sparc64"]),
    (["--base-url", "URL"], ("uname", "echo Darwin"), ["this is Darwin", "for Linux alone"]),
    (["--nope"], None, ["there is no option --nope"]),
    (["--base-url"], None, ["--base-url needs a value"]),
])
def test_refusals(tunnel, release, options, env, words):
    p, prefix = install(tunnel, release, *[o.replace("URL", release[1]) for o in options],
                        env=fake(tunnel, *env) if env else ())
    assert p.returncode == 1 and not prefix.exists()
    assert len(p.stderr.splitlines()) <= 2, p.stderr
    for word in words:
        assert word.replace("URL", release[1]) in p.stderr, p.stderr


def test_what_is_not_what_it_should_be(tunnel, release, tmp_path):
    """A changed archive, and a program that does not run here: what was there before stays."""
    p, prefix = install(tunnel, release, "--base-url", release[1])
    before = (prefix / "bin/tunnel").read_bytes()
    archive = next(release[0].glob("*.tar.gz"))
    whole, sums = archive.read_bytes(), (release[0] / "SHA256SUMS").read_text()
    try:
        archive.write_bytes(whole[:-100])
        p, _ = install(tunnel, release, "--base-url", release[1])
        assert p.returncode == 1 and "is not what SHA256SUMS says" in p.stderr, p.stderr
        name = archive.name[:-len(".tar.gz")]
        broken = tmp_path / name / "bin"
        broken.mkdir(parents=True)
        (broken / "tunnel").write_text("#!/bin/sh\necho GLIBC_9.9 is missing >&2\nexit 1\n")
        subprocess.run(["tar", "-czf", archive, "-C", tmp_path, name], check=True)
        with open(release[0] / "SHA256SUMS", "w") as f:
            subprocess.run(["sha256sum", archive.name], cwd=release[0], check=True, stdout=f)
        p, _ = install(tunnel, release, "--base-url", release[1])
        assert p.returncode == 1 and "does not run here" in p.stderr and "GLIBC_9.9" in p.stderr
        assert (prefix / "bin/tunnel").read_bytes() == before
    finally:
        archive.write_bytes(whole)
        (release[0] / "SHA256SUMS").write_text(sums)
