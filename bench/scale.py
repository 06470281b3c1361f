# SPDX-License-Identifier: MIT
"""The same requests and bulk beside little and beside much that idles.

Tunnels that carry little and much stand side by side and are measured in turn, in short pieces:
minutes apart, the machine itself moves by more than what is looked for.
"""
import contextlib
import statistics

import load
import stage
from contenders import BULK, FIRST_PORT, FRONT, HTTP, TCP, Service, Tunnel

PIECES, SECONDS = 12, 1  # each is measured so often, for so long
ROUTES_EACH = 1000  # of a client; a session may publish 1,024 services


def streams(house, c, n):
    """Visitors' connections that say nothing."""
    c.start(house, (TCP, BULK))
    return load.Idle(house, c.port(TCP), n)


def routes(house, c, n):
    """Other host names than the one that is asked for."""
    c.start(house, (HTTP, BULK))
    for session, first in enumerate(range(0, n, ROUTES_EACH), 1):
        last = min(n, first + ROUTES_EACH)
        options = tuple(f"--upstream=h{i}.example=http://{house.upstream_address}:{load.NGINX}"
                        for i in range(first, last))
        Tunnel(c.program, c.name, (), options).start_client(house, [], session)
        request = stage.get(f"h{last - 1}.example")
        house.wait("route", lambda r=request: stage.answers(house.address, FRONT, 1, r))
    return contextlib.nullcontext()


def sessions(house, c, n):
    """Other clients, each with a service of its own."""
    c.start(house, (TCP, BULK))
    others = [Service("tcp", load.NGINX, FIRST_PORT + 10 + i) for i in range(n)]
    for i, s in enumerate(others, 1):
        c.start_client(house, [s], i)
    c.wait(house, others)
    return contextlib.nullcontext()


KINDS = ((streams, TCP, (10, 1000, 10000)), (routes, HTTP, (10, 1000, 10000)),
         (sessions, TCP, (10, 100)))


def measure(at, c):
    """Medians of all pieces: {"N streams, requests /s": …}."""
    out = {}
    for fill, service, sizes in KINDS:
        with contextlib.ExitStack() as stack:
            houses = {}
            for i, n in enumerate(sizes):
                folder = at.dir / f"{fill.__name__}-{n}"
                folder.mkdir(exist_ok=True)
                address = at.address.rpartition(".")[0] + f".{2 + i}"
                house = stack.enter_context(stage.Stage(folder, address, at.pinned))
                house.upstream_address = at.upstream_address
                stack.enter_context(fill(house, c, n))
                houses[n] = house
            pieces = {}
            for piece in range(PIECES):
                for n in sizes if piece % 2 else reversed(sizes):
                    house, name = houses[n], f"{n} {fill.__name__}"
                    rate = load.wrk(house, c.port(service), 64, SECONDS)[0]
                    bulk = load.iperf(house, c.port(BULK), 1, True, SECONDS)[0]
                    pieces.setdefault(f"{name}, requests /s", []).append(rate)
                    pieces.setdefault(f"{name}, bulk Gbit/s", []).append(bulk)
                    house.check()
        for name in sorted(pieces, key=lambda name: int(name.split()[0])):
            out[name] = statistics.median(pieces[name])
    return out
