"""What the end-to-end tests are built from.

stage     starts things, remembers them, takes them down, and shows their logs when a test fails
tunnel    starts the usual programs on a stage, each in one line
programs  the programs under test (Server, Client) and real ones around them (Nginx, Haproxy, curl)
upstream  a raw TCP server that answers with exactly the bytes a test says
visitor   a raw HTTP client that sends exactly the bytes a test says, and reads strictly
mitm      a relay between client and server that records, delays, tampers, cuts
noise     the handshake and the frames, written a second time from docs/protocol.md: a hostile peer
exit_node the server's end of a link, as hostile
wire      WebSocket frames by hand
public    free ports, and the public ports of services
udp       UDP upstreams and visitors
tls       a man in the middle of TLS, and visitors who speak it
certs     certificates, right and wrong
netns     network namespaces
terminal  a terminal of a program's own, and shells on which lines are typed
jobs      real programs and what is done with them
wait      conditions, and what must not happen
"""
