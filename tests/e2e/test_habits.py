"""What people type out of habit or by mistake, and what they are told: one row each.

They come from inlets (2.7 and pro), ngrok, frp, cloudflared, chisel and `ssh -R`, or copy a command from
a page whose formatting has changed it. A sentence says who, what, why and what to do, once, and guesses
nothing that is not so. Whoever changes such a sentence changes its row. What a row may say is explained in
house/habits.py.
"""

import pytest

from house.habits import RUNS, Habit, Scene, Side

HABITS = [
    # ---- Spelling ----
    Habit("inlets: options with one dash",
          client=Side("client -remote=exit.example.org -upstream=http://127.0.0.1:3000",
                      ["unknown option -remote; did you mean --remote?"])),
    Habit("a slip of the hand",
          server=Side("server --prot=8000", ["unknown option --prot; did you mean --port?"])),
    Habit("ngrok: the command's name",
          server=Side("sever --port=8000", ['unknown command "sever"; did you mean server?'])),

    # ---- Values ----
    Habit("a time without its unit",
          server=Side("server --grace=10", ['--grace: "10" is not a time with its unit, such as 250ms, 10s or 5m'])),

    # ---- Ports that nobody has named ----
    Habit("a host alone: the port that tunnel server listens on",
          client=Side("client --remote=127.0.0.9 --upstream=http://{upstream}",
                      ["connecting to 127.0.0.9:8000 (--remote names no port: 8000 is what tunnel server "
                       "listens on by default)"], ["127.0.0.9:80 "], RUNS)),
    Habit("ws:// without a port",
          client=Side("client --remote=ws://127.0.0.9 --upstream=http://{upstream}",
                      ["connecting to 127.0.0.9:80 (--remote names no port: 80 is that of ws://)"],
                      ["8000"], RUNS)),

    # ---- What is published, in others' words ----
    Habit("ngrok: a port alone",
          client=Side("http {upstream_port} --remote={server}", ["http://127.0.0.1:{upstream_port} is published at "],
                      status=RUNS), visit="/"),
    Habit("ngrok: host and port",
          client=Side("http --remote {server} localhost:{upstream_port}", ["is published at "],
                      status=RUNS), visit="/"),
    Habit("the exit node from the environment",
          env={"TUNNEL_REMOTE": "{server}"},
          client=Side("http '*={upstream_port}'", ["is published at "], status=RUNS),
          visit="/"),
    Habit("the exit node from a file",
          files={"tunnel.yaml": "remote: {server}\n"},
          client=Side("http --config=tunnel.yaml {upstream_port}", ["is published at "],
                      status=RUNS),
          visit="/"),
    Habit("ngrok: tcp with no public port",
          client=Side("tcp {upstream_port} --remote={server}", ["tcp://127.0.0.1:{upstream_port} is published at tcp://"],
                      status=RUNS)),
    Habit("tcp at a public port",
          client=Side("tcp --port={port} {upstream_port} --remote={server}",
                      [" is published at tcp://", ":{port}"], status=RUNS)),
    Habit("ngrok: tls without a name",
          client=Side("tls 443 --remote=exit.example.org",
                      ["say it before the upstream: tunnel tls HOST=PORT"])),
    Habit("tls by name",
          client=Side("tls app.example.org={upstream_port} --remote={server}",
                      ["is published at tls://app.example.org"], status=RUNS)),
    Habit("cloudflared: --url is what is published",
          client=Side("http --url localhost:3000",
                      ["what to publish is missing", "--remote, or --url, is the exit node"])),
    Habit("a bare port as --upstream",
          client=Side("client --remote={server} --upstream={upstream_port}",
                      ["http://127.0.0.1:{upstream_port} is published at "], status=RUNS),
          visit="/"),
    Habit("a port with its colon",
          client=Side("client --remote={server} --upstream=:{upstream_port}",
                      ["http://127.0.0.1:{upstream_port} is published at "], status=RUNS),
          visit="/"),
    Habit("a socket's path",
          client=Side("client --remote={server} --upstream=./app.sock",
                      ["/app.sock is published at "], status=RUNS)),
    Habit("a scheme without its colon",
          client=Side("client --remote=exit.example.org --upstream=http//host",
                      ['--upstream: "http//host" has no "://" behind http: write http://host'])),
    Habit("a port that is none",
          client=Side("http 70000 --remote=exit.example.org",
                      ['"70000" is no port of this machine: those are 1 to 65535'])),
    Habit("ssh -R: port, host and port",
          client=Side("client --remote=exit.example.org --upstream=8080:localhost:80",
                      ['"8080:localhost:80" is the form of ssh -R and chisel: write '
                       "8080=tcp://localhost:80 for the public port 8080"])),
    Habit("chisel: R: in front",
          client=Side("tcp R:8080:localhost:80 --remote=exit.example.org",
                      ["write 8080=tcp://localhost:80 for the public port 8080"])),
    Habit("docker: two ports",
          client=Side("client --remote=exit.example.org --upstream=8080:80",
                      ["write 8080=tcp://127.0.0.1:80 for the public port 8080"])),
    Habit("ngrok: another kind of URL",
          client=Side("http tcp://localhost:22 --remote=exit.example.org",
                      ['"tcp://localhost:22" is not for tunnel http: write tunnel tcp '
                       "tcp://localhost:22"])),
    Habit("inlets-pro: http client",
          client=Side("http client --remote=exit.example.org",
                      ['"http client" is inlets-pro\'s: it is tunnel client here'])),
    Habit("what is published, without its option",
          client=Side("client http://localhost:3000 --remote=exit.example.org",
                      ['unexpected argument "http://localhost:3000": what to publish stands behind '
                       "--upstream"])),
    Habit("two upstreams in a short form",
          client=Side("http 3000 4000 --remote=exit.example.org",
                      ['unexpected argument "4000": tunnel http takes one '])),

    # ---- What a page makes of a command ----
    Habit("blanks behind a backslash",
          client=Side(["client", " "],
                      ["a backslash at the end of a line has blanks behind it"])),
    Habit("a carriage return behind a backslash",
          server=Side(["server", "\r"], ["line ends of Windows"])),
    Habit("an en dash for two hyphens",
          server=Side("server \u2013port=8000", ["has an en dash in it", "type --port"])),
    Habit("an em dash for two hyphens",
          client=Side("client \u2014remote=x", ["has an em dash in it", "type --remote"])),
    Habit("curly quotes around a value",
          client=Side(["client", "--upstream=\u201chttp://a\u201d"],
                      ["--upstream: the value has a curly quote around it"])),
    Habit("curly quotes around a token, in the environment",
          env={"TUNNEL_TOKEN": "\u201c0123456789abcdef\u201d"},
          client=Side("client --remote=exit.example.org --upstream=3000",
                      ["environment variable TUNNEL_TOKEN: token: the value has a curly quote"],
                      ["0123456789abcdef"])),
    Habit("docker: quotes in an env file",
          env={"TUNNEL_TOKEN": '"0123456789abcdef"'},
          client=Side("client --remote=exit.example.org --upstream=3000",
                      ["TUNNEL_TOKEN: token: the value has quotes around it"],
                      ["0123456789abcdef"])),
    Habit("a non-breaking space before an option",
          server=Side(["server", "\u00a0--port=8000"],
                      ["an argument begins with a non-breaking space"])),
    Habit("an option glued to the one before",
          env={"TUNNEL_TOKEN": None},
          server=Side(["server", "--port=8000\n--token=0123456789abcdef"],
                      ["--port: the value has another option in it, --token: end the quotes"],
                      ["0123456789abcdef"])),
    Habit("kubernetes: two words in one argument",
          server=Side(["server", "--port 8000"], ['"--port" and what follows are one word'])),
    Habit("a variable in single quotes",
          env={"TUNNEL_TOKEN": None},
          server=Side(["server", "--token=$TOKEN"],
                      ["--token: the value is a variable that no shell has replaced"])),

    # ---- Folders ----
    Habit("ngrok: a folder from here on",
          client=Side("client --remote=127.0.0.1:1 --upstream=file://./dist",
                      ["write file:///srv/www, or file://$PWD/dist"])),
    Habit("a folder with two slashes",
          client=Side("client --remote=127.0.0.1:1 --upstream=file://dist/app",
                      ['does not begin with a folder\'s whole path', "file://$PWD/dist/app"])),
    Habit("a folder at home, which no shell expands there",
          client=Side("client --remote=127.0.0.1:1 --upstream=file://~/site",
                      ["or file://$HOME/site"])),
    Habit("a folder at a port",
          client=Side("client --remote=127.0.0.1:1 --upstream=8080=file:///srv/www",
                      ["is a folder, which is served as HTTP and found by its host, and has no port of its own: "
                       "write HOST=file:///srv/www, or file:///srv/www alone for every host"])),
    Habit("the whole machine as a folder",
          client=Side("client --remote=127.0.0.1:1 --upstream=file:///",
                      ["is everything that this machine has: name a folder in it"])),
    Habit("inlets-pro: --allow-browsing, of no folder",
          client=Side("client --remote=127.0.0.1:1 --upstream=http://127.0.0.1:3000 --allow-browsing",
                      ["--listing is for a folder, file:///PATH, and http://127.0.0.1:3000 is none"])),
    Habit("a folder with a Host to ask for",
          client=Side("client --remote=127.0.0.1:1 --upstream=file:///srv/www --upstream-host=a.test",
                      ["--upstream-host is for an upstream that is connected to, and file:///srv/www is a folder"])),
    Habit("a folder that is not there yet",
          client=Side("client --remote={server} --upstream=file:///nowhere/dist",
                      ["file:///nowhere/dist cannot be opened, so visitors get 502 until it can: "
                       "No such file or directory (there is no /nowhere)", "is published at "], (), RUNS)),

    # ---- Both sides ----
    Habit("inlets: the documented way",
          server=Side("server --port=0 --bind-addr=127.0.0.1", ["listening on port "], (), RUNS),
          client=Side("client --url=ws://{server} --upstream=http://{upstream}",
                      ["is published at "], ["unknown"], RUNS),
          visit="/"),
]


@pytest.mark.parametrize("habit", HABITS, ids=[h.id for h in HABITS])
def test_habit(tunnel, habit):
    Scene(tunnel, habit).play()


def test_each_row_has_a_name_of_its_own():
    assert len({h.id for h in HABITS}) == len(HABITS)
