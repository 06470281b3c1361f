# SPDX-License-Identifier: MIT
"""The admin API as docs/openapi.yaml says it, against a running server: each request that the document has,
answered as it says; and refusals of each kind."""

import json

from harness.admin import ask
from harness.certs import certificate_request
from harness.openapi import DOCUMENT, check_answer

GRANTS = {"hosts": ["a.example.org", "*.b.example.org"], "ports": ["2222", "7000-7010"], "udpPorts": ["0"],
          "publish": ["redis"], "consume": ["super-*"], "allowFrom": ["10.0.0.0/8"], "maxSessions": 3,
          "maxStreams": None, "rateUp": 1 << 20, "operator": True, "description": "the web team",
          "expiresIn": "90d"}
NAME = "/api/v1/identities/web"


def request(server, method, target, body=None, status=200, seen=None):
    options = ["-X", method] + (["--data-binary", json.dumps(body)] if body is not None else [])
    answer = ask(server, target, *options)
    assert answer.status == status, (method, target, answer.status, answer.body)
    template, _ = check_answer(method, target, answer)
    if seen is not None and status < 400:
        seen.add((method, template))
    return answer.json if "json" in answer.fields["content-type"] else answer.body


def test_every_request(tunnel):
    server = tunnel.server()
    seen = set()

    def fine(method, target, body=None, status=200):
        return request(server, method, target, body, status, seen)

    fine("GET", "/api/v1/store")
    created = fine("POST", "/api/v1/identities", dict(GRANTS, name="web"), 201)
    assert len(created["token"]) == 40
    fine("POST", "/api/v1/identities", {"name": "imported", "token": "a token of our own"}, 201)
    fine("GET", "/api/v1/identities")
    page = fine("GET", "/api/v1/identities?limit=1&name=w")
    assert [i["name"] for i in page["items"]] == ["web"] and page["next"] is None
    fine("GET", NAME)
    fine("PATCH", NAME, {"hosts": None, "maxSessions": None, "expiresAt": None})
    token = fine("POST", NAME + "/tokens", {"overlap": "24h", "label": "second"}, 201)
    fine("POST", NAME + "/tokens", None, 201)
    fine("DELETE", NAME + "/tokens/" + token["keyId"])
    fine("POST", NAME + "/revoke")
    fine("DELETE", NAME)
    fine("POST", "/api/v1/apply?dryRun=true", {"identities": [{"name": "a"}, {"name": "imported"}]})
    fine("POST", "/api/v1/apply?dryRun=true", {"intentions": [{"source": "a", "destination": "b"}]})
    applied = fine("POST", "/api/v1/apply", {"identities": [{"name": "a", "ports": ["1"]}]})
    assert len(applied["tokens"]["a"]) == 40
    service = "/api/v1/services/redis"
    fine("POST", "/api/v1/services", {"name": "redis", "visibility": ["a", "*"], "autoApproval": ["a"], "fqdns": ["r.example"],
                                      "description": "for the shop"}, 201)
    fine("GET", "/api/v1/services?owner=default&all=true&limit=1")
    alias = fine("GET", service)["properties"]["alias"]
    fine("GET", "/api/v1/services/" + alias)
    fine("PATCH", service, {"managed": True, "fqdns": None})
    asked = fine("POST", "/api/v1/endpoints", {"service": alias, "consumer": "imported", "message": "ticket 4711"}, 201)
    fine("POST", "/api/v1/endpoints", {"service": alias, "consumer": "imported"})
    endpoint = "/api/v1/endpoints/" + asked["name"]
    fine("GET", "/api/v1/endpoints?status=Pending&service=redis&consumer=imported&limit=5")
    fine("GET", "/api/v1/endpoints?view=basic")
    fine("GET", endpoint + "?service=redis")
    fine("POST", endpoint + "/approve", {"description": "yes", "endToEndKey": None})
    fine("POST", endpoint + "/reject", None)
    fine("DELETE", endpoint)
    fine("DELETE", endpoint)
    fine("POST", "/api/v1/apply?dryRun=true", {"services": [{"name": "redis", "kind": "tcp"}],
                                               "endpoints": [{"consumer": "a", "service": "redis", "status": "Approved"}]})
    fine("DELETE", service)
    pair = "/api/v1/intentions/web/redis"
    fine("POST", "/api/v1/intentions", {"source": "*", "destination": "redis", "meta": {"owner": "me"}}, 201)
    fine("PUT", pair, {"action": "deny"}, 201)
    fine("PUT", pair, {"action": "deny", "description": "for now", "meta": None})
    fine("GET", pair)
    for query in ("", "/match?by=source&name=web", "/match?by=destination&name=redis&limit=1"):
        assert fine("GET", "/api/v1/intentions" + query)["items"][0]["source"] == "web"
    for query in ("source=web&destination=redis&explain=true", "source=a&destination=*", "source=a&destination=b&explain=true"):
        fine("GET", "/api/v1/intentions/check?" + query)
    fine("DELETE", pair + "?keepLive=true")
    fine("DELETE", pair)
    audit = fine("GET", "/api/v1/audit")["items"]
    assert [row["action"] for row in audit] == [
        "intention.delete", "intention.replace", "intention.create", "intention.create",
        "service.delete", "endpoint.delete", "endpoint.disconnect", "endpoint.reject", "endpoint.approve", "endpoint.request",
        "service.update", "service.create", "apply", "identity.delete", "identity.revoke", "token.revoke", "token.rotate", "token.rotate",
        "identity.update", "identity.create", "identity.create"]
    fine("POST", "/api/v1/ca", {"lifetime": "1h"}, 201)
    fine("GET", "/api/v1/ca")
    fine("POST", "/api/v1/ca/rotate", {"lifetime": "2h"})
    fine("POST", "/api/v1/certificates", {"request": certificate_request(), "identity": "a", "lifetime": 60}, 201)
    fine("POST", "/api/v1/store/backup", {"file": str(tunnel.path / "copy.db")})
    fine("POST", "/api/v1/store/check")
    fine("GET", "/api/v1/store")
    fine("GET", "/api/v1/info")
    for what in ("overview", "attention", "limits"):
        fine("GET", "/api/v1/" + what)
    fine("GET", "/api/v1/log")
    fine("PUT", "/api/v1/log", {"level": "info", "rooms": {"link": "debug"}})
    fine("PUT", "/api/v1/log", {"rooms": {}})
    for target in ("/healthz", "/readyz"):
        assert fine("GET", target) == b"ok\n"
    tunnel.client(server, "a.example.org=" + tunnel.upstream("ok").url)
    for target in ("/metrics", "/metrics/inlets", "/api/v1/status", "/status", "/api/v1/routes", "/api/v1/routes?host=a.example.org&path=/x"):
        fine("GET", target)
    fine("POST", "/api/v1/routes/explain", {"method": "GET", "url": "http://a.example.org/x", "headers": ["A: b"]})
    session, = fine("GET", "/api/v1/sessions")["items"]
    fine("GET", "/api/v1/sessions/" + session["id"])
    fine("GET", "/api/v1/requests")
    tunnel.visitor(server).get("/x", host="a.example.org")
    ended, = fine("GET", "/api/v1/requests?status=2xx&method=get&host=a.example.org&q=x&limit=5&after=1")["items"]
    fine("GET", "/api/v1/requests?before=" + ended["id"])
    publication, = fine("GET", "/api/v1/publications")["items"]
    fine("GET", "/api/v1/publications/" + publication["id"])
    fine("DELETE", "/api/v1/sessions/" + session["id"] + "?drain=1")
    for path, item in DOCUMENT["paths"].items():
        for method in item.keys() - {"parameters"}:
            assert (method.upper(), path) in seen, "%s %s was not asked" % (method, path)


def test_refusals(tunnel):
    server = tunnel.server()
    request(server, "POST", "/api/v1/identities", {"name": "web"}, 201)
    request(server, "POST", "/api/v1/identities", {"name": "web"}, 409)
    request(server, "POST", "/api/v1/identities", {"name": "web", "host": []}, 400)
    request(server, "GET", "/api/v1/identities?limit=501", None, 400)
    request(server, "GET", "/api/v1/identities/nobody", None, 404)
    request(server, "DELETE", "/api/v1/identities/default", None, 403)
    request(server, "POST", "/api/v1/intentions", {"source": "we*", "destination": "redis"}, 400)
    request(server, "GET", "/api/v1/intentions/a/b", None, 404)
    request(server, "POST", "/api/v1/services", {"name": "a_b"}, 400)
    request(server, "POST", "/api/v1/services", {"name": "a", "owner": "web"}, 403)
    request(server, "GET", "/api/v1/services/nothing", None, 404)
    request(server, "GET", "/api/v1/endpoints?status=new", None, 400)
    request(server, "GET", "/api/v1/endpoints?view=all", None, 400)
    request(server, "POST", "/api/v1/endpoints/web.7f/approve", None, 404)
    request(server, "POST", "/api/v1/endpoints", {"service": "nothing", "consumer": "web"}, 404)
    request(server, "GET", "/api/v1/intentions/match?by=name&name=a", None, 400)
    request(server, "GET", "/api/v1/ca", None, 404)
    request(server, "POST", "/api/v1/certificates", {"request": "none", "identity": "web"}, 404)
    request(server, "POST", "/api/v1/store/backup", {"file": "/nonexistent/copy"}, 507)
    stale = ask(server, NAME, "-X", "DELETE", "-H", 'If-Match: "7"')
    assert check_answer("DELETE", NAME, stale)[1] == 412
    method = ask(server, NAME, "-X", "PUT")
    assert method.status == 405 and method.fields["allow"] == "GET, PATCH, DELETE"
