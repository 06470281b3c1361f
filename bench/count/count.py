#!/usr/bin/python3
# SPDX-License-Identifier: MIT
"""Instructions and allocations of the rooms that do no I/O, beside their budget.

    count.py BUILD/bench/count/count [--compiler TEXT] [--libraries TEXT] [--record]

Callgrind counts, because time is another in every run and instructions are not: valgrind emulates
one processor, whatever it runs on. Fails when a case needs more than 10 % above its budget or
allocates more often, and when cases and budgets are not the same ones; says so when one needs 10 %
less. What another compiler made is counted, but not judged. --record makes the budget of what was
counted (`ninja record-counts`): look at what `git diff` says of it.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import platform
import re
import shutil
import subprocess
import sys
import tempfile

BUDGET = pathlib.Path(__file__).with_name("budget.json")
TOLERANCE = 0.10  # of the budget, either way: less comes and goes as the compiler inlines
SKIPPED = 77  # the status by which a test tells meson that it could not run
TIMEOUT = 120  # seconds a case; each takes about one

# Valgrind counts the turns of "rep movsb" as instructions, which glibc takes for long copies where
# the processor is said to be good at it: a copy would cost as many instructions as it has bytes.
ENVIRONMENT = {"GLIBC_TUNABLES": "glibc.cpu.hwcaps=-ERMS"}

# Names of meter.c.
TOGGLES = ["--toggle-collect=meter_counted", "--toggle-collect=meter_paused"]


def run(*argv):
    done = subprocess.run(
        argv, capture_output=True, text=True, check=False, timeout=TIMEOUT, env=ENVIRONMENT
    )
    if done.returncode != 0:
        sys.exit(f"{' '.join(argv)} failed:\n{done.stdout}{done.stderr}")
    return done.stdout


def count(valgrind, program, case):
    """Instructions that one unit of a case takes, and allocations that all of them make."""
    with tempfile.TemporaryDirectory() as directory:
        out = pathlib.Path(directory) / "callgrind.out"
        callgrind = [valgrind, "-q", "--vgdb=no", "--tool=callgrind", f"--callgrind-out-file={out}"]
        units, allocations = map(int, run(*callgrind, *TOGGLES, program, case).split())
        total = re.search(r"^totals: (\d+)", out.read_text(encoding="utf-8"), re.M)
    if not total or int(total[1]) == 0:
        sys.exit(f"{case}: nothing was counted; has the program no symbols?")
    return {"instructions": round(int(total[1]) / units), "allocations": allocations}


def count_all(valgrind, program):
    """{case: unit, instructions, allocations}, in the program's order."""
    units = dict(line.split() for line in run(program).splitlines())
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        counts = pool.map(lambda case: count(valgrind, program, case), units)
        return {case: {"unit": unit, **c} for (case, unit), c in zip(units.items(), counts, strict=True)}


def judge(counted, budget):
    """The remark in the table, and what is wrong, if anything."""
    if budget is None:
        return "new", "has no budget"
    if counted["allocations"] > budget["allocations"]:
        return "allocates", "allocates more often than it may"
    change = counted["instructions"] / budget["instructions"] - 1
    if change > TOLERANCE:
        return "worse", "takes more instructions than it may"
    return "better: record it" if change < -TOLERANCE else "", None


def compare(counted, budgets):
    """Prints the table; returns what is wrong, as sentences."""
    row = "{:27} {:8} {:>12} {:>12} {:>9} {:>12}  {}".format
    print(row("case", "per", "instructions", "budget", "change", "allocations", "").rstrip())
    complaints = []
    for case, c in counted.items():
        budget = budgets.get(case)
        remark, wrong = judge(c, budget)
        if wrong:
            complaints.append(f"{case} {wrong}")
        allowed = change = "none"
        if budget:
            allowed = f"{budget['instructions']:,}"
            change = f"{100 * (c['instructions'] / budget['instructions'] - 1):+.1f} %"
        cells = case, c["unit"], f"{c['instructions']:,}", allowed, change, c["allocations"]
        print(row(*cells, remark).rstrip())
    return complaints + [
        f"{case} has a budget and is no case" for case in budgets if case not in counted
    ]


def record(counted, made):
    head = "".join(f"    {json.dumps(key)}: {json.dumps(text)},\n" for key, text in made.items())
    rows = ",\n".join(f"        {json.dumps(case)}: {json.dumps(c)}" for case, c in counted.items())
    BUDGET.write_text(f'{{\n{head}    "cases": {{\n{rows}\n    }}\n}}\n', encoding="utf-8")
    print(f"recorded in {BUDGET}")


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n", maxsplit=1)[0])
    parser.add_argument("program")
    parser.add_argument("--compiler", default="unknown")
    parser.add_argument("--libraries", default="unknown")
    parser.add_argument("--record", action="store_true")
    args = parser.parse_args()

    valgrind = shutil.which("valgrind")
    if not valgrind:
        print("skipped: valgrind is not installed")
        sys.exit(SKIPPED)
    tools = " ".join(platform.libc_ver()), run(valgrind, "--version").strip()
    made = {"compiler": args.compiler, "libraries": ", ".join([args.libraries, *tools])}
    known = {**made, "cases": {}}
    if BUDGET.exists():
        known = json.loads(BUDGET.read_text(encoding="utf-8"))

    counted = count_all(valgrind, os.path.abspath(args.program))
    complaints = compare(counted, known["cases"])
    if args.record:
        record(counted, made)
        return
    for what, text in made.items():
        if known[what] != text:
            print(f"The {what} of the budget: {known[what]}; here: {text}.")
    if known["compiler"] != args.compiler != "unknown":
        print("skipped: what another compiler makes says nothing about a change of ours")
        sys.exit(SKIPPED)
    for complaint in complaints:
        print(complaint)
    sys.exit(1 if complaints else 0)


main()
