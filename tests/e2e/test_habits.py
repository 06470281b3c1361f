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
          client=Side("client -remote={server} -upstream=http://127.0.0.1:3000",
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
