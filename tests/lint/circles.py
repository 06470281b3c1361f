# SPDX-License-Identifier: MIT
"""Files do not go round in circles: circles.py [--report] [BUILD [NM]]

A source file uses another one when its object file lacks a symbol, a function or data, that the
other's has; what nobody here defines is libc's or a library's, and weak symbols are left out. No
two files may reach each other by such arrows, within a room or between rooms, and no arrow may
point up against the order of the rooms (rooms.py). So each file can be understood, linked and
tested with only what is below it.

To mend a circle: let the lower file call the upper one through a table of functions that it is
given, or move what both need into a file below the two.

--report prints what there is for a person.
"""

import json
import pathlib
import re
import subprocess
import sys

import rooms
import sources

SIDES = ("common", "server", "client", "cli")
# nm's letters for symbols that others may use: code, data, and code that is picked at start ("i").
DEFINED = set("TDBRCGSi")
UNDEFINED = "U"
SHOWN_SYMBOLS = 6  # of an arrow, in a complaint; more tell a reader nothing


def objects(build):
    """Object file, relative to the build -> source file, relative to the checkout."""
    found = {}
    for entry in json.loads((build / "compile_commands.json").read_text(encoding="utf-8")):
        path = pathlib.Path(entry["directory"], entry["file"]).resolve()
        if path.is_relative_to(sources.root()):
            path = path.relative_to(sources.root())
            if path.parts[0] in SIDES and path.suffix == ".c":
                if re.search(r"\s-flto\b", entry["command"]):
                    sources.skip("with -flto the object files hold no symbols yet")
                found[entry["output"]] = path
    if not found:
        sources.skip(f"{build} has no object file of one source file alone")
    return found


def symbols(build, nm, found):
    """(file, letter, symbol) for each global symbol of the object files."""
    if missing := [name for name in found if not (build / name).exists()]:
        sources.finish([f"{build / missing[0]} is not there: build first"])
    out = subprocess.run([nm, "-P", "-A", "-g", *found], cwd=build, check=True,
                         capture_output=True, text=True).stdout
    for line in out.splitlines():
        name, rest = line.split(": ", 1)
        symbol, letter = rest.split()[:2]
        yield found[name], letter, symbol


def arrows(build, nm, found):
    """(from, to) -> the symbols because of which the one file needs the other."""
    defined, needed = {}, []
    for path, letter, symbol in symbols(build, nm, found):
        if letter in DEFINED:
            defined.setdefault(symbol, path)
        elif letter == UNDEFINED:
            needed.append((path, symbol))
    if not defined:
        sources.skip("the object files define no symbols")
    graph = {}
    for path, symbol in needed:
        other = defined.get(symbol)
        if other and other != path:
            graph.setdefault((path, other), set()).add(symbol)
    return graph


def shared_libraries(found):
    """Each room is a library of its own, so that a wrong arrow fails to link, too."""
    together = {}
    for name, path in found.items():
        together.setdefault(pathlib.Path(name).parent, set()).add(rooms.room_of(path))
    return [f"{library}: one library of several rooms: {', '.join(sorted(inside))}"
            for library, inside in together.items() if len(inside) > 1]


def circles(graph):
    """The strongly connected components of more than one file, each as a sorted list."""
    after = {}
    for path, other in graph:
        after.setdefault(path, set()).add(other)

    def reached(path):
        seen, todo = set(), [path]
        while todo:
            new = after.get(todo.pop(), set()) - seen
            seen |= new
            todo += new
        return seen

    reach = {path: reached(path) for path in after}
    found = []
    for path in sorted(reach):
        if path in reach[path] and not any(path in circle for circle in found):
            found.append(sorted(p for p in reach[path] if path in reach.get(p, ())))
    return found


def within(graph, circle):
    return {arrow: graph[arrow] for arrow in sorted(graph) if set(arrow) <= set(circle)}


def upward(graph):
    return {arrow: graph[arrow] for arrow in sorted(graph)
            if not rooms.may_use(*map(rooms.room_of, arrow))}


def tell(arrow, names):
    names = sorted(names)
    more = [f"and {len(names) - SHOWN_SYMBOLS} more"] if len(names) > SHOWN_SYMBOLS else []
    return f"{arrow[0]} -> {arrow[1]}: {', '.join(names[:SHOWN_SYMBOLS] + more)}"


def tell_circle(graph, circle):
    inside = within(graph, circle)
    head = f"{len(circle)} files go round in a circle by {len(inside)} arrows:"
    return "\n".join([head] + [f"    {tell(arrow, names)}" for arrow, names in inside.items()])


def tell_up(arrow, names):
    room, other = map(rooms.room_of, arrow)
    return f"{room} must not use {other}, which is not below it: {tell(arrow, names)}"


def complaints(graph):
    return ([tell_circle(graph, circle) for circle in circles(graph)] +
            [tell_up(*item) for item in upward(graph).items()])


def report(graph):
    for complaint in complaints(graph):
        print(complaint)
    files, found = {path for arrow in graph for path in arrow}, circles(graph)
    print(f"{len(files)} files, {len(graph)} arrows; {len(found)} circles of "
          f"{sum(map(len, found))} files; {len(upward(graph))} arrows up")


def main():
    options = [argument for argument in sys.argv[1:] if argument.startswith("--")]
    places = [argument for argument in sys.argv[1:] if argument not in options]
    build, nm = places + [sources.root() / "build", "nm"][len(places):]
    build = pathlib.Path(build)
    found = objects(build)
    graph = arrows(build, nm, found)
    if "--report" in options:
        report(graph)
    else:
        sources.finish(complaints(graph) + shared_libraries(found))


main()
