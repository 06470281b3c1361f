# SPDX-License-Identifier: MIT
"""Types a document's blocks on terminals, one for each machine."""

import concurrent.futures
import re

from harness.terminal import Failed

EXPORTED = re.compile(r"export .*?\b(\w+)=")


class Script:
    """terminals: opens one, given a machine; placeholders: word in the document → what stands for
    it. TOKEN-OF-EXIT-NODE, of the variable "token" exported there, and its like are known by
    themselves."""

    def __init__(self, terminals, placeholders):
        self.open = terminals
        self.placeholders = dict(placeholders)
        self.terminals = {}
        self.printed = ""

    def terminal(self, machine):
        if machine not in self.terminals:
            self.terminals[machine] = self.open(machine)
        return self.terminals[machine]

    def filled(self, line):
        for word, value in self.placeholders.items():
            line = line.replace(word, value)
        return line

    def run(self, block):
        try:
            if block.kind == "run":
                # At the same time, as installing and building take long.
                with concurrent.futures.ThreadPoolExecutor() as pool:
                    self.printed = "".join(pool.map(lambda m: self._type(m, block), block.machines))
            elif block.kind == "output":
                self._compare(block)
        except Failed as e:
            raise Failed("%s: %s" % (block.place, e)) from None

    def _type(self, machine, block):
        terminal = self.terminal(machine)
        lines = [self.filled(line) for line in block.lines]
        last = len(lines)
        if block.stays:
            last -= 1
            while last and lines[last - 1].endswith("\\"):
                last -= 1
        printed, asked = "", False
        for line in lines[:last]:
            if not line and not asked:
                continue
            answer = terminal.type(line)
            asked = answer is None
            printed += answer or ""
            for name in EXPORTED.findall(line):
                value = terminal.type('echo "$%s"' % name).strip()
                self.placeholders["%s-OF-%s" % (name.upper(), machine.upper())] = value
        if block.stays:
            for line in lines[last:-1]:
                terminal.type(line)
            printed += terminal.leave(lines[-1], self.filled(block.stays))
        return printed

    def _compare(self, block):
        for line in block.lines:
            wanted = ".*".join(re.escape(part) for part in self.filled(line).strip().split("…"))
            if not re.search(wanted, self.printed):
                raise Failed("\"%s\" is not in what was printed:\n%s" % (line, self.printed))

    def close(self):
        for terminal in self.terminals.values():
            terminal.close()
