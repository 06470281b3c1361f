# SPDX-License-Identifier: MIT
"""The panel's pages in Chromium, on made-up data (harness/fake_scenes.py): each in light and dark, on a desk and on a
telephone, by keyboard alone, with ten thousand rows, and with the names that attackers choose."""

import json

import pytest

from harness.browser import SCREENSHOTS, Browser, browse
from harness.fake_panel import HOSTILE, TOKEN, FakePanel
from harness.fake_scenes import attacked_client, attacked_server, busy_client, busy_server

MANY = 10000


@pytest.mark.parametrize("viewport", ["desk", "phone"])
@pytest.mark.parametrize("colours", ["light", "dark"])
@pytest.mark.parametrize("scene,pages", [
    (busy_server, "overview services requests summary private"), (busy_client, "requests status"), (busy_client, "entry")])
def test_looks(tmp_path, scene, pages, colours, viewport):
    SCREENSHOTS.mkdir(exist_ok=True)
    with scene() as panel:
        browse(tmp_path, "looks.mjs", SCREENSHOTS, panel.url + "#" + TOKEN, colours, viewport, *pages.split())


def test_inspector_by_keys(tmp_path):
    with busy_client() as panel:
        browse(tmp_path, "inspect_by_keys.mjs", panel.url + "#" + TOKEN, "/api/order")
        replays = [(path, body) for method, path, body in panel.asked if path.endswith("/replay")]
        rows = [each["row"] for each in panel.requests.values()]
        first = next(row["id"] for row in rows if row["path"] == "/api/order")
        again = next(row["id"] for row in rows if row.get("replay_of") == first)
        assert replays == [("/api/v1/requests/%s/replay" % first, {}),
                           ("/api/v1/requests/%s/replay" % again, {"target": "/api/order?edited=1", "body": "edited body"})]


def test_decisions_by_keys(tmp_path):
    with busy_server() as panel:
        browse(tmp_path, "decide_by_keys.mjs", panel.url + "#" + TOKEN)
        assert [(m, p, b) for m, p, b in panel.asked if m != "GET"] == [
            ("POST", "/api/v1/endpoints/web.0000000000000001/approve?service=super-api", {"description": "ticket 4711"}),
            ("PUT", "/api/v1/intentions/billing/db", {"action": "deny", "description": "", "meta": {}}),
            ("POST", "/api/v1/intentions", {"source": "lab", "destination": "*", "action": "deny", "description": ""})]


@pytest.mark.parametrize("scene", [attacked_server, attacked_client])
def test_what_strangers_send_is_text(tmp_path, scene):
    with scene() as panel:
        browse(tmp_path, "strangers.mjs", panel.url + "#" + TOKEN, json.dumps(HOSTILE))


def test_ten_thousand_rows(tmp_path):
    with FakePanel("client") as panel:
        for i in range(MANY):
            panel.add("GET", "/path/%d" % i, age=MANY - i)
        seen = browse(tmp_path, "many.mjs", panel.url + "#" + TOKEN, MANY)
        assert seen["rows"] < 100


def test_feed(tmp_path):
    with FakePanel("client") as panel, \
            Browser(tmp_path, "feed.mjs", panel.url + "#" + TOKEN) as browser:
        for line in iter(browser.line, ""):
            what, *path = line.split()
            if what == "request":
                panel.push(panel.add("GET", path[0]))
            else:
                panel.add("GET", "/while-away")
                panel.drop()
            browser.go_on()
        browser.wait()


@pytest.mark.slow
def test_pictures(tmp_path):
    """Those of README.md: cp build/screenshots/{dashboard,inspector}.png docs/images"""
    SCREENSHOTS.mkdir(exist_ok=True)
    with busy_server() as server, busy_client() as client:
        browse(tmp_path, "pictures.mjs", SCREENSHOTS, server.url + "#" + TOKEN, client.url + "#" + TOKEN)
    for name in ("dashboard.png", "inspector.png"):
        assert (SCREENSHOTS / name).stat().st_size < 200 << 10


def test_sign_in(tmp_path):
    with FakePanel("client") as panel:
        browse(tmp_path, "sign_in.mjs", panel.url, TOKEN)
