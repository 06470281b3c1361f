# SPDX-License-Identifier: MIT
"""scripts/stories: what the stories show is so, they show what README says, and they can fail."""

import re
import subprocess

import pytest

from harness import TOP, programs
from harness.wait import PATIENCE

STORIES = sorted((TOP / "docs" / "stories").glob("*.story"))


def play(stage, story, *options):
    # The shells end by themselves when their terminals do.
    return subprocess.run(
        [TOP / "scripts" / "stories", *options, story], capture_output=True, text=True,
        env=dict(stage.env, TUNNEL_BIN=programs.TUNNEL, STORY_OTHER_PORTS="1"), timeout=20 * PATIENCE, check=False)


@pytest.mark.parametrize("path", STORIES, ids=lambda path: path.stem)
def test_plays(stage, path):
    done = play(stage, path.stem, "--fast")
    assert done.returncode == 0, done.stdout + done.stderr


def play_lines(stage, *lines):
    path = stage.path / "own.story"
    path.write_text("\n".join(["# a story of a test", *lines]) + "\n")
    return subprocess.run(
        [TOP / "scripts" / "stories", "--fast", path], capture_output=True, text=True,
        env=dict(stage.env, TUNNEL_BIN=programs.TUNNEL, STORY_PATIENCE="1"), timeout=60, check=False)


def test_goes_on_with_what_was_printed(stage):
    done = play_lines(stage, "m $ echo it is called Ada1 and Ada2", r"m = NAME called (\w+)", "n $ echo hello NAME",
                      "n > hello Ada1")
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("lines, why", [
    (["m $ echo one", "m > two"], "m: gave up waiting for 'two'"),
    (["m $ false"], 'm: "false" ended with status 1'),
    (["m $ echo one", "m ! one"], "m: it printed 'one'"),
    (["m $ echo one", r"m = NAME called (\w+)"], "m: gave up waiting for 'called"),
    (["m % echo one"], "not a line of a story: m % echo one"),
])
def test_can_fail(stage, lines, why):
    done = play_lines(stage, *lines)
    assert done.returncode == 1
    assert why in done.stderr


def typed(*stories):
    return [command for story in stories for command in re.findall(
        r"^[\w-]+ [$&] (.*)$", (TOP / "docs/stories" / story).with_suffix(".story").read_text(), re.M)]


@pytest.mark.parametrize("begins, ends, stories", [
    ("\nOn the exit node:\n", "\n## ", ["inlets"]),
    ("\n## Private services\n", "\n## ", ["private-link", "consul"])])
def test_shows_what_the_readme_says(begins, ends, stories):
    """The commands of its walk-throughs, word for word."""
    walk = (TOP / "README.md").read_text().split(begins, 1)[1].split(ends, 1)[0]
    commands = re.findall(r"^    (\S.*)$", walk, re.M)
    assert len(commands) >= 5
    # A person copies the token; the story has a file for that.
    assert [c for c in commands if c not in typed(*stories) and not c.startswith("export TOKEN=")] == []
