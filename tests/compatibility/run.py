# SPDX-License-Identifier: MIT
"""Runs applications direct and through the tunnel, and prints the table of docs/compatibility.md.

A way that fails with the application's own defaults is tried once more with its options, so the
table says which options are needed, and that they are enough.
"""

import argparse
import difflib
import pathlib
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / "e2e")]

from application import COLUMNS, DIRECT, HOST_PLAIN, HOST_TLS, PLAIN, TLS  # noqa: E402
from browser import Browser  # noqa: E402
from installed import debian, filled  # noqa: E402
from pages import PAGES  # noqa: E402
from services import SERVICES  # noqa: E402

from harness.stage import Stage  # noqa: E402

DOCUMENT = HERE.parents[1] / "docs" / "compatibility.md"
APPLICATIONS = PAGES + SERVICES
# The whole run, installing not counted.
LIMIT = 600  # seconds
YES, OPTION, NO = "yes", "with its option", "**no**"
# How much of each log is shown when something failed.
LOG_TAIL = 3000  # characters


def say(*words):
    print(*words, file=sys.stderr, flush=True)


def new_stage(path):
    stage = Stage(path)
    stage.path.chmod(0o711)  # Apache's and Dovecot's own users pass here
    return stage


def attempt(application, ways, options):
    """{way: why it failed, or None}, with these options."""
    results = {}
    try:
        application.start(options)
    except AssertionError as e:
        return dict.fromkeys(ways, str(e))
    for way in ways:
        begun = time.monotonic()
        try:
            application.check(application.place(way))
            results[way] = None
        except (AssertionError, OSError, ValueError, RuntimeError) as e:
            results[way] = "%s" % e or type(e).__name__
        say("  %s%s: %s (%.1f s)" % (way.name, ", its option" if options else "",
                                     results[way] or YES, time.monotonic() - begun))
    application.stop()
    return results


def judge(kind, title, browser):
    """{way: YES, OPTION or NO} of one application."""
    say(title)
    with tempfile.TemporaryDirectory(prefix="tunnel-compat-", ignore_cleanup_errors=True) as path:
        stage = new_stage(path)
        try:
            application = kind(stage, browser)
            results = attempt(application, kind.ways, ())
            words = {way: NO if why else YES for way, why in results.items()}
            failed = [way for way, why in results.items() if why]
            if failed and kind.options:
                for way, why in attempt(application, failed, kind.options).items():
                    words[way] = NO if why else OPTION
        finally:
            wrong = stage.close()
        if NO in words.values() or wrong:
            for name, text in stage.logs():
                say("--- log of %s\n%s" % (name, text[-LOG_TAIL:]))
        for line in wrong:
            say("  " + line)
    return words


def cell(ways, words):
    """What a column says of one application."""
    found = [words[way] for way in ways if way in words]
    if not found:
        return "—"
    if len(set(found)) == 1:
        return found[0]
    return "http: %s; https: %s" % tuple(found)


def own(kind):
    """Its own options, in words."""
    return kind.advice or ", ".join("`%s`" % o for o in kind.options)


def advice(kind, words):
    """The last column."""
    out = [kind.needs] if kind.needs else []
    plain, host = [[words[w] for w in ways if w in words]
                   for ways in ([DIRECT, PLAIN, TLS], [HOST_PLAIN, HOST_TLS])]
    if OPTION in plain:
        instead = host and set(host) == {YES}
        out.append("`--upstream-host=127.0.0.1:PORT`, or its own: " + own(kind) if instead
                   else "its own: " + own(kind))
    elif OPTION in host:
        out.append("none; with `--upstream-host` its own: " + own(kind))
    return "; ".join(out) or "none"


def head():
    names = ["application", "what was checked", *[name for name, _ in COLUMNS], "options needed"]
    return ["| %s |" % " | ".join(names), "|%s" % ("---|" * len(names))]


def row(kind, title, words):
    return "| %s |" % " | ".join([title, kind.checks, *[cell(ways, words) for _, ways in COLUMNS],
                                  advice(kind, words)])


def compare(rows):
    """What docs/compatibility.md has instead of these rows; "" if they are in it."""
    lines = [line for line in DOCUMENT.read_text().splitlines() if line.startswith("|")]
    out = []
    for text in rows:
        if text not in lines:
            near = difflib.get_close_matches(text, lines, 1, 0)
            out += ["-" + near[0] if near else "-", "+" + text]
    return "\n".join(out)


def late(*_):
    raise SystemExit("gave up after %d s" % LIMIT)


def main():
    parser = argparse.ArgumentParser(prog="scripts/compatibility")
    parser.add_argument("--only", action="append", metavar="NAME",
                        help="applications whose name has this in it; may be repeated")
    parser.add_argument("--check", action="store_true",
                        help="fail when docs/compatibility.md says something else")
    args = parser.parse_args()
    titles = {kind: filled(kind.title, debian) for kind in APPLICATIONS}
    chosen = [kind for kind in APPLICATIONS if not args.only or
              any(name.lower() in titles[kind].lower() for name in args.only)]
    if not chosen:
        parser.error("no application has that name: %s" % ", ".join(titles.values()))

    # Whatever ends the run, what it started ends with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT)
    with tempfile.TemporaryDirectory(prefix="tunnel-compat-", ignore_cleanup_errors=True) as path:
        stage = new_stage(path)
        browser = None
        try:
            if set(chosen) & set(PAGES):
                browser = Browser(stage.path, stage.env)
            results = {kind: judge(kind, titles[kind], browser) for kind in chosen}
        finally:
            if browser:
                browser.stop()
            stage.close()
    rows = [row(kind, titles[kind], words) for kind, words in results.items()]
    print("\n".join(head() + rows))
    if args.check:
        wrong = compare(rows)
        if wrong:
            say("docs/compatibility.md says (-) what was not found (+):\n" + wrong)
        sys.exit(1 if wrong else 0)
    sys.exit(1 if any(NO in words.values() for words in results.values()) else 0)


if __name__ == "__main__":
    main()
