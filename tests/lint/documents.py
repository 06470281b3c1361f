# SPDX-License-Identifier: MIT
"""Each block of commands in the documents is marked for the program that runs them, and each option of
ours that they show exists: documents.py PROGRAM"""

import pathlib
import re
import subprocess
import sys

import sources

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from documents import blocks

OPTION = re.compile(r"(?<![\w-])--([a-z][a-z0-9-]*)")
# `code` in prose and in tables that is our program's: it begins with an option or with its name.
CODE = re.compile(r"`((?:--[a-z]|tunnel )[^`]*)`")
# A command of ours among others, up to the end of it.
COMMAND = re.compile(r"(?:^|[\s;&|\"=])(?:build/)?tunnel ((?:(?![;&|]|\s#).)*)")
VARIABLE = re.compile(r"TUNNEL_SERVER_OPTIONS=(.*)")
# Options of other programs that the prose speaks of.
OTHERS = {"README.md": {"auth"}, "docs/getting-started.md": {"deploy-hook", "webroot"}}


def options(tunnel):
    known = {"help", "version", "config"}
    asking = [["token", v] for v in ("create", "update", "rotate", "revoke", "delete")]
    asking += [["intention", "create"], ["endpoint", "list"], ["endpoint", "approve"]]
    for command in [["server"], ["client"], ["connect"], ["apply"], ["audit"]] + asking:
        out = subprocess.run([tunnel, "help", "--table", *command], check=True,
                             capture_output=True, text=True).stdout
        for line in out.splitlines():
            name, _, aliases = line.split("\t")[:3]
            known |= {name} | (set(aliases.split()) if aliases != "-" else set())
    return known


def marks(found):
    for block in found:
        if not block.kind:
            yield "%s: nothing above the block says whether it is run" % block.place
        elif block.kind == "shown" and not block.argument:
            yield "%s: the mark does not say why the block is not run" % block.place
        elif block.kind == "run" and not block.machines:
            yield "%s: the mark names no machine" % block.place
        for machine in block.machines:
            if machine not in blocks.MACHINES:
                yield "%s: there is no machine %s" % (block.place, machine)
        if block.stays and len(block.machines) != 1:
            yield "%s: what stays in the foreground is on one machine" % block.place


def unknown(document, text, found, known):
    for number, line in enumerate(text.splitlines(), 1):
        for code in CODE.findall(line):
            for name in OPTION.findall(code):
                if name not in known and name not in OTHERS[document]:
                    yield "%s:%d: there is no option --%s" % (document, number, name)
    for block in found:
        for command in blocks.commands(block):
            for arguments in COMMAND.findall(command) + VARIABLE.findall(command):
                for name in OPTION.findall(arguments):
                    if name not in known:
                        yield "%s: there is no option --%s" % (block.place, name)


def main():
    known = options(sys.argv[1])
    complaints = []
    for document in blocks.DOCUMENTS:
        text = sources.text(document)
        found, wrong = blocks.parse(document, text)
        complaints += wrong
        complaints += marks(found)
        complaints += unknown(document, text, found, known)
        if not any(block.kind == "run" for block in found):
            complaints.append("%s: no block of it is run" % document)
    sources.finish(complaints)


main()
