# SPDX-License-Identifier: MIT
"""--generate: units, compose files, objects of a cluster and user data, each judged by its own reader, with the
options that were given and the token nowhere but where secrets belong."""

import functools
import os
import pathlib
import re
import shlex
import shutil
import subprocess

import pytest
import yaml

from harness.private import PrivateNode
from harness.programs import TOKEN, TUNNEL
from harness.public import free_port
from harness.stage import Daemon
from harness.wait import SANITIZED, wait_until

CLIENT = ["client", "--remote=wss://exit.example.org", "--upstream=app.example.org=http://127.0.0.1:3000",
          "--upstream=2222=tcp://10.0.0.5:22", "--max-connections=5", "--links=2"]
SERVER = ["server", "--port=80,443", "--auto-tls", "--allow-ports=2222,7000-7002"]
FORMS = ["systemd", "compose", "k8s-yaml"]


@pytest.fixture
def say(stage):
    """Runs `tunnel` with these words in the test's folder; what it printed, whose end has to be the status."""
    def run(*words, status=0, env=None):
        p = subprocess.run([TUNNEL, *words], cwd=stage.path, capture_output=True, text=True, timeout=30,
                           env={"PATH": os.environ["PATH"], "HOME": str(stage.path), **(env or {})})
        assert p.returncode == status, p.stderr
        return p.stdout if status == 0 else p.stderr
    return run


@pytest.fixture
def token_file(stage):
    path = stage.path / "the token"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    return path


def check_options(say, words):
    """The options are good for what starts with them: all but the token's file, which is elsewhere."""
    own = [w for w in words if not w.startswith("--token-from=")]
    say("check-config", *own, env={"TUNNEL_TOKEN": TOKEN})
    return own


def exec_start(unit):
    return shlex.split(re.search(r"^ExecStart=(.*)$", unit, re.M)[1].replace("$$", "$").replace("%%", "%"))


def verify(path):
    p = subprocess.run(["systemd-analyze", "verify", "--man=no", path], capture_output=True, text=True, timeout=60)
    return [line for line in (p.stdout + p.stderr).splitlines() if path.name in line]


@pytest.mark.parametrize("words", [CLIENT, SERVER, ["tcp", "2222=22", "--remote=exit.example.org"],
                                   ["connect", "--remote=exit.example.org", "--service", "redis=6379"]],
                         ids=["client", "server", "tcp", "connect"])
def test_a_unit_is_one_for_systemd(say, stage, token_file, words):
    unit = say(*words, "--token-from=" + token_file.name, "--generate=systemd")
    assert "LoadCredential=tunnel.token:%s\n" % token_file in unit
    assert TOKEN not in unit and "--token" not in unit and "@" not in unit.replace("@system", "").replace(
        "~@privileged @resources @keyring @setuid @aio @chown", "")
    path = stage.path / ("tunnel-%s.service" % ("server" if words[0] == "server" else "client"))
    path.write_text(unit)
    if shutil.which("systemd-analyze"):
        assert verify(path) == []
    started = exec_start(unit)
    assert started[0] == os.path.realpath(TUNNEL)
    check_options(say, started[1:])


def test_a_unit_keeps_the_configuration_file(say, stage):
    (stage.path / "t.yaml").write_text("remote: exit.example.org\nupstream: 3000\n")
    unit = say("client", "--config=t.yaml", "--links=2", "--generate=systemd", env={"TUNNEL_TOKEN": TOKEN})
    assert exec_start(unit)[1:] == ["client", "--links=2", "--config=%s" % (stage.path / "t.yaml")]
    assert "LoadCredential=tunnel.token\n" in unit and TOKEN not in unit


def test_words_that_a_unit_would_read_otherwise(say, stage):
    # A percent sign and a dollar are a unit's own, and a blank parts words.
    (stage.path / "100% $mine").mkdir()
    unit = say("http", "./100% $mine", "--remote=exit.example.org", "--no-token", "--generate=systemd")
    assert "--upstream=file://%s/100%%25 %%24mine" % stage.path in exec_start(unit)
    assert "LoadCredential" not in unit


def test_a_token_whose_path_a_unit_would_read_otherwise(say, stage):
    path = stage.path / "100% $mine\\too"
    path.write_text(TOKEN + "\n")
    path.chmod(0o600)
    unit = say(*CLIENT, "--token-from=" + str(path), "--generate=systemd")
    line = re.search("^LoadCredential=tunnel.token:(.*)$", unit, re.M)[1]
    assert line == str(path).replace("%", "%%")
    end = path.rename(stage.path / "token\\")
    error = say(*CLIENT, "--token-from=" + str(end), "--generate=systemd", status=2)
    assert "ends in a backslash or a blank" in error


def test_a_program_whose_path_a_unit_would_read_otherwise(stage):
    program = stage.path / "100% $mine" / "the tunnel"
    program.parent.mkdir()
    shutil.copy(TUNNEL, program)

    def run(form):
        return subprocess.run([program, "http", "3000", "--remote=exit.example.org", "--no-token", "--generate=" + form],
                              capture_output=True, text=True, timeout=30)
    unit = run("systemd").stdout
    word, = re.findall('^ExecStart=("[^"]*") client ', unit, re.M)
    assert word == '"%s"' % str(program).replace("%", "%%")
    path = stage.path / "tunnel-client.service"
    path.write_text(unit)
    if shutil.which("systemd-analyze"):
        assert verify(path) == []
    p = run("compose")
    assert p.returncode == 2 and "rename it to tunnel" in p.stderr


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["a\nExecStartPre=false", "a\u202eb", "a\x1b[31m", b"a\xff"], ids=repr)
def test_a_path_that_text_cannot_show(say, stage, form, name):
    path = os.path.join(os.fsencode(str(stage.path)), os.fsencode(name))
    with open(path, "w") as f:
        f.write(TOKEN + "\n")
    os.chmod(path, 0o600)
    for option in b"--token-from=", b"--tls-ca=":
        error = say(*CLIENT, option + path, "--generate=" + form, status=2)
        assert "a file of text cannot show" in error and "\nExec" not in error and "\x1b" not in error


def test_commands_for_a_shell(say, stage, token_file):
    """What is to be pasted into a shell names the files that were given."""
    ca = stage.path / "it's $HOME `x`.pem"
    ca.write_text("")
    text = say(*CLIENT, "--tls-ca=" + str(ca), "--token-from=" + str(token_file), "--generate=k8s-yaml")
    words = [w for line in re.findall("^#   (kubectl .*)$", text, re.M) for w in shlex.split(line)]
    assert "--from-file=tunnel.token=%s" % token_file in words
    assert any(w.startswith("--from-file=") and w.endswith("=%s" % ca) for w in words)


def test_compose(say, stage, token_file):
    for words in CLIENT, SERVER:
        text = say(*words, "--token-from=" + str(token_file), "--generate=compose")
        assert TOKEN not in text
        project = yaml.safe_load(text)
        (name, service), = project["services"].items()
        assert service["secrets"] == ["tunnel.token"]
        assert project["secrets"]["tunnel.token"] == {"file": str(token_file)}
        assert "--token-from=/run/secrets/tunnel.token" in service["command"]
        assert check_options(say, service["command"]) == words
        assert service["network_mode"] == "host" and service["cap_drop"] == ["ALL"]
        assert ("NET_BIND_SERVICE" in service["cap_add"]) == (words is SERVER)
        assert {v.split(":")[0] for v in service["volumes"]} == set(project["volumes"]) == {name + "-state"}


@pytest.mark.regression
@pytest.mark.skipif(SANITIZED or not shutil.which("dpkg-query"), reason="another program, or no Debian")
def test_compose_installs_what_the_program_needs(say):
    """Every library that it is linked with is of a package in the image: the base, or one that is installed there."""
    needed = re.findall(r"NEEDED +(\S+)", subprocess.check_output(["objdump", "-p", TUNNEL], text=True))
    found = dict(re.findall(r"(\S+) => (/\S+)", subprocess.check_output(["ldd", TUNNEL], text=True)))
    paths = [os.path.realpath(found[name]) for name in needed if name in found]
    assert len(paths) > 5
    owners = subprocess.check_output(["dpkg-query", "-S", *{p.replace("/usr/lib", "*lib", 1) for p in paths}], text=True)
    packages = {line.split(":")[0] for line in owners.splitlines() if line.split(": ")[-1].strip() in
                {*paths, *(p.replace("/usr", "", 1) for p in paths)}}
    project = yaml.safe_load(say(*SERVER, "--no-token", "--generate=compose"))
    (service,) = project["services"].values()
    image = service["build"]["dockerfile_inline"]
    assert len(packages) >= len(paths) - 2, (packages, paths)
    assert packages <= {*image.split(), "libc6", "libgcc-s1"}, packages - set(image.split())


def test_compose_takes_in_what_a_file_says_and_mounts_what_it_names(say, stage):
    (stage.path / "www").mkdir()
    (stage.path / "ca.pem").write_text("")
    (stage.path / "t.yaml").write_text("remote: wss://exit.example.org\nservices:\n"
                                       "- {upstream: ./www, listing: true}\n- upstream: b.test=https://web:1/$1\n"
                                       "  ca: ca.pem\n")
    project = yaml.safe_load(say("client", "--config=t.yaml", "--generate=compose", env={"TUNNEL_TOKEN": TOKEN}))
    service = project["services"]["tunnel-client"]
    here = str(stage.path)
    assert service["command"][1:-1] == ["--remote=wss://exit.example.org", "--upstream=file://%s/www" % here,
                                        "--listing", "--upstream=b.test=https://web:1/$$1",
                                        "--upstream-ca=%s/ca.pem" % here]
    assert {m["source"] for m in service["volumes"][1:]} == {here + "/www", here + "/ca.pem"}
    assert all(m["target"] == m["source"] and m["read_only"] for m in service["volumes"][1:])
    assert "network_mode" not in service


def objects(text):
    found = {o["kind"]: o for o in yaml.safe_load_all(text)}
    try:
        import kubernetes_validate
    except ImportError:
        return found
    for o in found.values():
        kubernetes_validate.validate(o, "1.30", strict=True)
    return found


def test_a_cluster_gets_the_token_as_a_secret(say, stage, token_file):
    (stage.path / "ca.pem").write_text("")
    text = say(*CLIENT, "--tls-ca=ca.pem", "--token-from=" + str(token_file), "--generate=k8s-yaml")
    assert TOKEN not in text
    assert "kubectl create secret generic tunnel-client-token --from-file=tunnel.token='%s'" % token_file in text
    found = objects(text)
    assert set(found) == {"Deployment"}
    pod = found["Deployment"]["spec"]["template"]["spec"]
    container, = pod["containers"]
    key = str(stage.path / "ca.pem")[1:].replace("/", "-")
    assert "--from-file=%s=%s/ca.pem" % (key, stage.path) in text
    assert "--tls-ca=/etc/tunnel/files/" + key in container["args"]
    assert {m["name"] for m in container["volumeMounts"]} == {v["name"] for v in pod["volumes"]}
    assert pod["securityContext"]["runAsNonRoot"] is True
    check_options(say, [a for a in container["args"] if "tls-ca" not in a])


def test_an_exit_node_in_a_cluster(say):
    found = objects(say(*SERVER, "--generate=k8s-yaml"))
    assert set(found) == {"Deployment", "Service", "PersistentVolumeClaim"}
    ports = {(p["protocol"], p["port"]) for p in found["Service"]["spec"]["ports"]}
    assert ports == {("TCP", 80), ("TCP", 443)} | {(k, p) for k in ("TCP", "UDP") for p in (2222, 7000, 7001, 7002)}
    labels = found["Deployment"]["spec"]["template"]["metadata"]["labels"]
    assert found["Service"]["spec"]["selector"] == labels


@pytest.mark.parametrize("more", [[], ["--port=8000", "--allow-ports=1024-65535", "--control-port=9000"]])
def test_a_bare_machine(say, stage, token_file, more):
    env = {"TUNNEL_BASE_URL": "https://releases.example.org/tunnel"}
    text = say(*(SERVER if not more else ["server"] + more), "--token-from=" + str(token_file),
               "--generate=cloud-init", env=env)
    assert text.startswith("#cloud-config\n")
    data = yaml.safe_load(text)
    files = {f["path"]: f for f in data["write_files"]}
    assert files["/etc/credstore/tunnel.token"] == {"path": "/etc/credstore/tunnel.token", "permissions": "0600",
                                                    "content": TOKEN}
    unit = files["/etc/systemd/system/tunnel-server.service"]["content"]
    assert exec_start(unit)[0] == "/usr/local/bin/tunnel" and TOKEN not in unit
    check_options(say, exec_start(unit)[1:])
    rules = files["/etc/nftables.conf"]["content"]
    assert "policy drop" in rules and "tcp dport 22 accept" in rules
    if not more:
        assert "th dport 7000-7002 accept" in rules and "tcp dport 443 accept" in rules
    path = stage.path / "user-data"
    path.write_text(text)
    (stage.path / "rules").write_text(rules)
    if shutil.which("cloud-init"):
        p = subprocess.run(["cloud-init", "schema", "--config-file", path], capture_output=True, text=True, timeout=60)
        assert p.returncode == 0 and "Valid" in p.stdout, p.stdout + p.stderr
    if shutil.which("nft") and os.getuid() == 0:
        # In a network of its own: it asks the kernel.
        p = subprocess.run(["unshare", "--net", "nft", "--check", "--file", stage.path / "rules"],
                           capture_output=True, text=True, timeout=60)
        assert p.returncode == 0, p.stderr


def test_a_bare_machine_makes_its_own_token(say):
    text = say(*SERVER, "--generate=cloud-init", env={"TUNNEL_BASE_URL": "https://releases.example.org/tunnel"})
    assert "/var/lib/tunnel/token" in text and "credstore/tunnel.token" not in [
        f["path"] for f in yaml.safe_load(text)["write_files"]]


@pytest.mark.parametrize("words, sentence", [
    (SERVER + ["--generate=cloud-init"], "set the variable TUNNEL_BASE_URL to the folder of a release"),
    (SERVER + ["--generate=docker"], "--generate: "),
    (["http", ".", "--remote=x", "--generate=k8s-yaml"], "which a pod does not see: publish a service of the cluster"),
    (["connect", "--remote=x", "--stdio", "redis", "--generate=systemd"], "--stdio is one connection"),
    (["client", "--upstream=3000", "--generate=systemd"], "--remote is missing"),
])
def test_refused(say, words, sentence):
    assert sentence in say(*words, status=2)


@pytest.mark.parametrize("form", FORMS)
def test_a_secret_option_is_left_out_and_said_so(say, form):
    text = say(*CLIENT, "--no-token", "--proxy=http://me:hush@proxy.example:3128", "--generate=" + form)
    assert "hush" not in text and "--proxy=" not in text
    assert "# Left out: --proxy" in text


# ---- The example of a mesh ----

EXAMPLE = pathlib.Path(__file__).parents[2] / "docs/examples/compose.yaml"
PAGE = """
import http.server, redis, signal, sys
signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
counter = redis.Redis("127.0.0.1", int(sys.argv[2]))
class Page(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"visit %d" % counter.incr("visits"))
http.server.HTTPServer(("127.0.0.1", int(sys.argv[1])), Page).serve_forever()
"""


def test_the_example_of_a_mesh_works(tunnel):
    """Its commands as they stand, but for the exit node, and ports: here all share one network namespace."""
    node = PrivateNode(tunnel)
    project = yaml.safe_load(EXAMPLE.read_text())
    for line in re.findall(r"^#   tunnel token create (.*) --out", EXAMPLE.read_text(), re.M):
        node.create(*line.split())
    ports = {"redis": free_port(), "redis of the program": free_port(), "page": free_port()}

    def sidecar(name):
        service = project["services"][name]
        assert service["network_mode"] == "service:" + name.split("-")[0]
        here = {"wss://exit.example.org": node.server.address, "/run/secrets/": str(tunnel.path) + "/",
                "tcp://127.0.0.1:6379": "tcp://127.0.0.1:%d" % ports["redis"],
                "redis=6379": "redis=%d" % ports["redis of the program"], ":3000": ":%d" % ports["page"]}
        argv = [functools.reduce(lambda text, old: text.replace(old, here[old]), here, word)
                for word in service["command"]]
        return tunnel.stage.add(Daemon(tunnel.stage, name, [TUNNEL, *argv])).start()

    redis = [str(ports["redis"]) if w == "6379" else w for w in project["services"]["redis"]["command"]]
    tunnel.stage.add(Daemon(tunnel.stage, "redis", redis)).start()
    sidecar("redis-tunnel").log_contains("redis is private: ")
    page = tunnel.stage.path / "page.py"
    page.write_text(PAGE)
    tunnel.stage.add(Daemon(tunnel.stage, "web", ["/usr/bin/python3", str(page), str(ports["page"]),
                                                  str(ports["redis of the program"])])).start()
    web = sidecar("web-tunnel")
    web.log_contains("listening on")
    web.log_contains("is published at")


    def visited():
        return b"visit" in tunnel.visitor(node.server).get("/", host="app.example.org").body
    wait_until(visited, "the page, which has asked its Redis")
