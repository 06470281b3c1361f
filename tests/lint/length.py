"""Nobody reads a file of more than 600 lines: it is split, or listed here with the reason."""

import sources

LIMIT = 600  # lines

# path: why it is one file all the same
EXCEPTIONS = {}


def main():
    complaints = []
    listed = dict(EXCEPTIONS)
    for path in sources.files(".c", ".h", ".py", ".build"):
        lines = len(sources.text(path).splitlines())
        reason = listed.pop(path.as_posix(), None)
        if lines > LIMIT and not reason:
            complaints.append(f"{path} has {lines} lines, more than {LIMIT}: split it")
        if lines <= LIMIT and reason:
            complaints.append(f"{path} has only {lines} lines: take it off the list")
    complaints += [f"{path} is on the list and does not exist" for path in listed]
    sources.finish(complaints)


main()
