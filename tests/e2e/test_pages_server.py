# SPDX-License-Identifier: MIT
"""The pages of an exit node that runs, in Chromium: what they show and what is decided there is so."""

import json

from harness.browser import browse
from harness.panel import Panel


def post(panel, path, **body):
    status, _, answer = panel.ask("/api/v1/" + path, "POST", body=json.dumps(body))
    assert status == 201, answer
    return json.loads(answer)


def test_pages(tunnel, tmp_path):
    server, _, upstream = tunnel.through("fine", server_options=["--panel=127.0.0.1:0"])
    panel = Panel(server, server.state)
    browse(tmp_path, "rounds.mjs", "%s/#%s" % (panel.origin, panel.token), "default", "127.0.0.1")
    assert upstream


def test_decisions_by_keys(tunnel, tmp_path):
    server = tunnel.server("--panel=127.0.0.1:0")
    panel = Panel(server, server.state)
    post(panel, "identities", name="api-team", publish=["super-api", "db"])
    for name in ("web", "billing", "lab"):
        post(panel, "identities", name=name)
    for name in ("super-api", "db"):
        post(panel, "services", name=name, owner="api-team", visibility=["web", "billing"])
    asked = post(panel, "endpoints", service="super-api", consumer="web", message="web team")
    post(panel, "intentions", source="billing", destination="db", action="allow")

    browse(tmp_path, "decide_by_keys.mjs", "%s/#%s" % (panel.origin, panel.token))

    state = panel.json("/api/v1/endpoints/" + asked["name"])["properties"]["privateLinkServiceConnectionState"]
    assert (state["status"], state["description"]) == ("Approved", "ticket 4711")
    made = {(i["source"], i["destination"]): i["action"] for i in panel.json("/api/v1/intentions")["items"]}
    assert made == {("billing", "db"): "deny", ("lab", "*"): "deny"}
