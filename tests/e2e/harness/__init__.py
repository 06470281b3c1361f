# SPDX-License-Identifier: MIT
"""What the end-to-end tests are built from.

stage           starts things, remembers them, takes them down, shows their logs when a test fails
tunnel          starts the usual programs on a stage, each in one line
programs        the programs under test (Server, Client) and real ones around them (nginx, haproxy)
upstream        a raw TCP server that answers with exactly the bytes a test says
visitor         a raw HTTP client that sends exactly the bytes a test says, and reads strictly
wait            conditions to wait for, and what must not happen
mitm            a relay between client and server that records, delays, tampers, cuts
noise           the handshake and the frames, written a second time from docs/protocol.md: a hostile
                client
knock           handshakes with one token, as many as the machine gives
commands        an exit node on which people type commands
private         private services there: who publishes one, and who asks for it
exit_node       the server's end of a link, as hostile
wire            WebSocket frames by hand
websocket_server
                one of Python's websockets
proxy_protocol  its headers, written and read
public          free ports, and the public ports of services
udp             UDP upstreams and visitors
tls             a man in the middle of TLS, and visitors who speak it
certs           certificates, right and wrong
place           an exit node at a name of its own, over http or https
names           a name server
netns           network namespaces
wan             a long path between two of them
terminal        a terminal of a program's own, and shells on which lines are typed
habits          what a row of test_habits.py may say
jobs            real programs and what is done with them
"""

import pathlib

TOP = pathlib.Path(__file__).resolve().parents[3]  # the checkout
