# SPDX-License-Identifier: MIT
"""Applications with pages, which a browser uses as a person does."""

import hashlib
import json
import os
import shutil

from application import FILES, HERE, NODE, PYTHON, Application, Failed, expect

from harness.wait import wait_until

UPLOAD = os.urandom(3 << 20)
UPLOAD_DIGEST = hashlib.sha256(UPLOAD).hexdigest()


def found(selector, text):
    """An expression of JavaScript: whether an element's text has this in it."""
    return "[...document.querySelectorAll(%s)].some(e => e.textContent.includes(%s))" % (
        json.dumps(selector), json.dumps(text))


class PythonApplication(Application):
    def prepare(self):
        self.env.update(PATH="%s:%s" % (PYTHON, self.env["PATH"]), HOME=str(self.path),
                        GRADIO_ANALYTICS_ENABLED="False", PYTHONDONTWRITEBYTECODE="1")
        self.sent = self.path / "sent.bin"
        self.sent.write_bytes(UPLOAD)


class JupyterLab(PythonApplication):
    title = "JupyterLab {jupyterlab}"
    checks = "a notebook opens, its kernel computes `6*7` (WebSocket), it is saved"
    options = ("--ServerApp.allow_remote_access=True",)

    def prepare(self):
        super().prepare()
        self.work = self.path / "work"
        self.work.mkdir()

    def argv(self, options):
        root = ["--allow-root"] if os.geteuid() == 0 else []
        return [PYTHON / "jupyter-lab", "--no-browser", "--ip=" + HERE, "--port=%d" % self.port,
                "--ServerApp.port_retries=0", "--IdentityProvider.token=secret",
                "--ServerApp.root_dir=%s" % self.work, "--LabApp.check_for_updates_class="
                "jupyterlab.NeverCheckForUpdate", *root, *options]

    def check(self, place):
        self.rounds += 1
        name = "round-%d.ipynb" % self.rounds
        cell = {"cell_type": "code", "id": "first", "execution_count": None, "metadata": {},
                "outputs": [], "source": "6*7"}
        spec = {"kernelspec": {"name": "python3", "display_name": "Python 3 (ipykernel)"}}
        path = self.work / name
        path.write_text(json.dumps({"cells": [cell], "metadata": spec, "nbformat": 4,
                                    "nbformat_minor": 5}))
        url = place.url + "/lab/workspaces/%d/tree/%s?token=secret" % (self.rounds, name)
        with self.browser.page(url) as page:
            page.wait("document.querySelector('.jp-Notebook .jp-Cell .cm-content')", "notebook")
            page.wait("document.querySelector('.jp-Notebook-ExecutionIndicator')"
                      "?.dataset.status == 'idle'", "kernel")
            page.wait_socket(place.host)
            page.click_until([".jp-Notebook .jp-Cell .cm-content",
                              "[data-command='notebook:run-cell-and-select-next']"],
                             found(".jp-OutputArea-output", "42"), "42 in the notebook")
            page.press_control("s")
            wait_until(lambda: '"42"' in path.read_text(), "the notebook to be saved")


class Streamlit(PythonApplication):
    title = "Streamlit {streamlit}"
    checks = "the page shows, a button counts (WebSocket), a file of 3 MiB is sent"
    def argv(self, options):
        return [PYTHON / "streamlit", "run", FILES / "streamlit_app.py",
                "--server.address=" + HERE, "--server.port=%d" % self.port,
                "--server.headless=true", "--browser.gatherUsageStats=false", *options]

    def check(self, place):
        with self.browser.page(place.url) as page:
            page.wait(found("h1", "Streamlit says hello"), "title")
            for i in (1, 2):
                page.click("[data-testid=stButton] button")
                page.wait(found("p", "count %d" % i), "count %d" % i)
            page.wait("document.querySelector('input[type=file]')", "field for a file")
            page.upload("input[type=file]", self.sent)
            page.wait(found("p", "sha256 " + UPLOAD_DIGEST), "file that was sent")


class Gradio(PythonApplication):
    title = "Gradio {gradio}"
    checks = "a function answers in steps (event stream), a file of 3 MiB is sent"

    def argv(self, options):
        return [PYTHON / "python3", FILES / "gradio_app.py", str(self.port), *options]

    def check(self, place):
        with self.browser.page(place.url) as page:
            page.wait("document.querySelector('#name textarea, #name input')", "page")
            page.evaluate("document.querySelector('#name textarea, #name input').focus()")
            page.type("visitor")
            page.click("#count")
            page.wait("document.querySelector('#answer textarea, #answer input')"
                      ".value == 'visitor 3'", "answer")
            page.upload("#file input[type=file]", self.sent)
            page.wait("document.querySelector('#digest textarea, #digest input').value == '%s'"
                      % UPLOAD_DIGEST, "file that was sent")


class NodeApplication(Application):
    def prepare(self):
        self.env.update(PATH="%s:%s" % (PYTHON, self.env["PATH"]), HOME=str(self.path))


class Vite(NodeApplication):
    title = "Vite {vite}"
    checks = "the page shows, a changed source reaches it without a reload (WebSocket)"
    options = ("server: { allowedHosts: ['.test'] }",)
    advice = "`server.allowedHosts: ['visitors.example.org']`"

    def prepare(self):
        super().prepare()
        self.source = self.path / "message.js"
        (self.path / "package.json").write_text('{"type": "module"}')
        (self.path / "index.html").write_text(
            "<!doctype html><title>Vite</title><p id=message></p>"
            "<script type=module src=/main.js></script>")
        (self.path / "main.js").write_text("""
import { message } from "./message.js";
const show = (text) => { document.querySelector("#message").textContent = text; };
show(message);
import.meta.hot.accept("./message.js", (changed) => show(changed.message));
""")
        self.say("first")

    def say(self, word):
        self.source.write_text('export const message = "%s";\n' % word)

    def argv(self, options):
        (self.path / "vite.config.js").write_text(
            "export default { %s };\n" % ", ".join(["cacheDir: '.vite'", *options]))
        return [PYTHON / "node", NODE / "vite/bin/vite.js", "--host", HERE, "--port",
                str(self.port), "--strictPort"]

    def check(self, place):
        self.rounds += 1
        self.say("before")
        with self.browser.page(place.url) as page:
            page.wait(found("#message", "before"), "page")
            page.evaluate("window.loaded = 'once'")
            # Where that does not work, it tries its own port, which is of this machine as well.
            page.wait_socket(place.host)
            self.say("after %d" % self.rounds)
            page.wait(found("#message", "after %d" % self.rounds), "change on the page")
            expect("the page's variable", page.evaluate("window.loaded"), "once")


class NodeRed(NodeApplication):
    title = "Node-RED {node-red}"
    checks = ("the editor loads, a flow is deployed and answers, the debug pane shows its message "
              "(WebSocket)")

    def prepare(self):
        super().prepare()
        shutil.copy(FILES / "node_red_settings.js", self.path / "settings.js")

    def argv(self, options):
        return [PYTHON / "node", NODE / "node-red/red.js", "--userDir", self.path, "--settings",
                self.path / "settings.js", "--port", str(self.port), *options]

    def check(self, place):
        self.rounds += 1
        word = "round-%d" % self.rounds
        flow = [
            {"id": "tab", "type": "tab", "label": "A flow"},
            {"id": "in", "type": "http in", "z": "tab", "url": "/" + word, "method": "get", "x": 90,
             "y": 40, "wires": [["function"]]},
            {"id": "function", "type": "function", "z": "tab", "x": 300, "y": 40, "outputs": 1,
             "func": "msg.payload = 'flow %s'; return msg;" % word, "wires": [["out", "debug"]]},
            {"id": "out", "type": "http response", "z": "tab", "x": 500, "y": 40, "wires": []},
            {"id": "debug", "type": "debug", "z": "tab", "x": 500, "y": 90, "active": True,
             "tosidebar": True, "complete": "payload", "wires": []},
        ]
        with self.browser.page(place.url) as page:
            expect("the deployment's status", page.evaluate("""fetch("flows", {method: "POST",
                headers: {"Content-Type": "application/json", "Node-RED-Deployment-Type": "full"},
                body: %s}).then(r => r.status)""" % json.dumps(json.dumps(flow))), 204)
            # It is deployed some time after that answer.
            page.wait("fetch(%s).then(r => r.text()).then(text => text == %s)" % (
                json.dumps("/" + word), json.dumps("flow " + word)), "answer of the flow")
            page.go(place.url)  # the editor does not show what others deploy
            page.wait("document.querySelector('.red-ui-flow-node')", "editor with the flow")
            page.wait_socket(place.host)
            # Again and again, as the editor subscribes some time after its WebSocket is open.
            page.wait("(fetch(%s), %s)" % (json.dumps("/" + word), found(
                ".red-ui-debug-msg", "flow " + word)), "message in the debug pane")


class SocketIo(NodeApplication):
    title = "socket.io {socket.io}"
    checks = "polling, WebSocket, the upgrade from one to the other; rooms; 500 kB there and back"

    def argv(self, options):
        return [PYTHON / "node", FILES / "socketio_server.mjs", str(self.port), NODE, *options]

    def check(self, place):
        with self.browser.page(place.url) as page:
            page.wait("window.io", "client's script")
            for transports in (["polling"], ["websocket"], ["polling", "websocket"]):
                try:
                    got = page.evaluate(ROOMS % json.dumps(transports))
                except AssertionError as e:
                    raise Failed("%s: %s%s" % ("+".join(transports), str(e).split("\n")[0],
                                               page.complaints())) from e
                expect("+".join(transports), got, [transports[-1], ["red: all"], ["blue: some"],
                                                   500000])


# Two visitors in rooms of their own; each gets what is said in his.
ROOMS = """(async () => {
    const transports = %s, limit = 10000;
    const open = () => new Promise((done, fail) => {
        const s = io({transports, forceNew: true, reconnection: false});
        s.heard = [];
        s.on("said", text => s.heard.push(text));
        s.on("connect_error", e => fail(e.message));
        s.on("connect", () => done(s));
        setTimeout(() => fail("it did not connect"), limit);
    });
    const one = await open(), two = await open();
    try {
        await one.timeout(limit).emitWithAck("join", "red");
        await two.timeout(limit).emitWithAck("join", "blue");
        const engine = one.io.engine;
        const wanted = transports[transports.length - 1];
        for (let i = 0; engine.transport.name != wanted && i < limit / 20; i++)
            await new Promise(next => setTimeout(next, 20));
        await one.timeout(limit).emitWithAck("say", "red", "red: all");
        await one.timeout(limit).emitWithAck("say", "blue", "blue: some");
        const back = await one.timeout(limit).emitWithAck("bytes", new Uint8Array(500000));
        await two.timeout(limit).emitWithAck("bytes", new Uint8Array(1));
        return [engine.transport.name, one.heard, two.heard, back.byteLength];
    } finally {
        one.close();
        two.close();
    }
})()"""

PAGES = [JupyterLab, Streamlit, Gradio, Vite, NodeRed, SocketIo]
