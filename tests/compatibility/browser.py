# SPDX-License-Identifier: MIT
"""Headless Chromium, driven by its DevTools protocol over a pair of pipes.

https://chromedevtools.github.io/devtools-protocol/: JSON objects, each ended by a zero byte. With
--remote-debugging-pipe Chromium reads them from descriptor 3 and writes to descriptor 4: no port,
no WebSocket, no library.
"""

import contextlib
import itertools
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse

# A page of this machine's, with both cores busy.
PATIENCE = 15.0  # seconds
# Names that only this Chromium knows, all at the loopback address: .test is nobody's (RFC 6761).
# A page of "localhost" would have rights that the pages of public names do not have.
NAMES = "MAP *.test 127.0.0.1"

# Where an element is that can be clicked.
MIDDLE = """(e => {
    if (!e || e.disabled)
        return null;
    e.scrollIntoView({block: "center", behavior: "instant"});
    const r = e.getBoundingClientRect();
    return r.width && [r.x + r.width / 2, r.y + r.height / 2];
})(document.querySelector(%s))"""


class PageError(AssertionError):
    """What a page did, or did not; the text is one line."""


class Browser:
    def __init__(self, folder, env):
        argv = ["chromium", "--headless=new", "--remote-debugging-pipe", "--disable-gpu",
                "--user-data-dir=%s/chromium" % folder, "--no-first-run", "--no-proxy-server",
                "--disable-dev-shm-usage", "--disable-component-update",
                "--disable-background-networking", "--ignore-certificate-errors",
                "--host-resolver-rules=" + NAMES, "--window-size=1400,1000", "about:blank"]
        if os.geteuid() == 0:
            argv.insert(1, "--no-sandbox")  # which does not start as root
        theirs_in, self.out = os.pipe()
        self.inp, theirs_out = os.pipe()
        # Any descriptors but 3 and 4, so that the shell can move them there.
        self.log_path = folder / "chromium.log"
        with open(self.log_path, "wb") as log:
            self.process = subprocess.Popen(
                ["bash", "-c", 'exec "$@" 3<&%d 4>&%d' % (theirs_in, theirs_out), "bash"] + argv,
                env=env, stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                pass_fds=(theirs_in, theirs_out), start_new_session=True)
        os.close(theirs_in)
        os.close(theirs_out)
        self.numbers = itertools.count(1)
        self.answers = {}
        self.pages = {}  # by session
        self.news = threading.Condition()
        self.ended = False
        threading.Thread(target=self.read, daemon=True).start()

    def read(self):
        with os.fdopen(self.inp, "rb") as stream:
            rest = b""
            while data := stream.read1(1 << 20):
                *messages, rest = (rest + data).split(b"\0")
                with self.news:
                    for message in map(json.loads, messages):
                        self.received(message)
                    self.news.notify_all()
        with self.news:
            self.ended = True
            self.news.notify_all()

    def received(self, message):
        if "id" in message:
            self.answers[message["id"]] = message
        elif message.get("sessionId") in self.pages:
            self.pages[message["sessionId"]].event(message["method"], message["params"])

    def call(self, method, session=None, **params):
        number = next(self.numbers)
        message = {"id": number, "method": method, "params": params}
        if session:
            message["sessionId"] = session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        with self.news:
            if not self.news.wait_for(lambda: number in self.answers or self.ended, PATIENCE):
                raise PageError("Chromium does not answer %s" % method)
            if self.ended:
                raise PageError("Chromium ended")
            answer = self.answers.pop(number)
        if "error" in answer:
            raise PageError("%s: %s" % (method, answer["error"]["message"]))
        return answer["result"]

    def page(self, url):
        return Page(self, url)

    def stop(self):
        if self.process.poll() is None:
            self.process.terminate()
            with contextlib.suppress(subprocess.TimeoutExpired):
                self.process.wait(5)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)  # its children, of whatever is left
        self.process.wait()
        os.close(self.out)


class Page:
    """One page in a profile of its own: no cookies, no cache of the page before."""

    def __init__(self, browser, url):
        self.browser = browser
        self.said = []  # errors that the page printed
        self.failed = []  # requests that failed, "STATUS URL"
        self.refused = False  # what stands in place of the page is an error
        self.sockets = {}  # WebSockets, by id: [URL, the answer's status]
        self.context = browser.call("Target.createBrowserContext")["browserContextId"]
        target = browser.call("Target.createTarget", url="about:blank",
                              browserContextId=self.context)["targetId"]
        self.session = browser.call("Target.attachToTarget", targetId=target,
                                    flatten=True)["sessionId"]
        browser.pages[self.session] = self
        for domain in ("Page", "Runtime", "Network", "Log", "DOM"):
            self.call(domain + ".enable")
        self.go(url)

    def go(self, url):
        self.sockets = {}
        error = self.call("Page.navigate", url=url).get("errorText")
        if error:
            raise PageError("%s: %s" % (url, error))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.browser.pages.pop(self.session, None)
        if not self.browser.ended:
            self.browser.call("Target.disposeBrowserContext", browserContextId=self.context)

    def call(self, method, **params):
        return self.browser.call(method, self.session, **params)

    def event(self, method, params):
        if method == "Runtime.exceptionThrown":
            details = params["exceptionDetails"]
            self.said.append(details.get("exception", {}).get("description", details["text"]))
        elif method == "Runtime.consoleAPICalled" and params["type"] == "error":
            self.said.append(" ".join(str(a.get("value", a.get("description", "")))
                                      for a in params["args"]))
        elif method == "Network.responseReceived" and params["response"]["status"] >= 400:
            self.failed.append("%d %s" % (params["response"]["status"], params["response"]["url"]))
            self.refused = self.refused or params["type"] == "Document"
        elif method == "Network.webSocketCreated":
            self.sockets[params["requestId"]] = [params["url"], None]
        elif method == "Network.webSocketHandshakeResponseReceived":
            self.sockets[params["requestId"]][1] = params["response"]["status"]
        elif method == "Network.webSocketFrameError" and params["requestId"] in self.sockets:
            self.said.append("%s: %s" % (self.sockets[params["requestId"]][0],
                                         params["errorMessage"]))

    def evaluate(self, expression):
        """The value of an expression of JavaScript, or of what it promises."""
        answer = self.call("Runtime.evaluate", expression=expression, awaitPromise=True,
                           returnByValue=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise PageError(details.get("exception", {}).get("description", details["text"]))
        return answer["result"].get("value")

    def wait(self, expression, what, timeout=PATIENCE):
        """Until the expression, or what it promises, is true; an exception is not, as there are
        while the page loads."""
        end = time.monotonic() + timeout
        while True:
            with contextlib.suppress(PageError):
                if self.evaluate("Promise.resolve(%s).then(v => !!v)" % expression):
                    return
            if self.refused or self.browser.ended or time.monotonic() > end:
                raise PageError("no %s%s" % (what, self.complaints()))
            time.sleep(0.05)

    def wait_socket(self, host, timeout=PATIENCE):
        """Until a WebSocket of this host is open."""
        with self.browser.news:
            if not self.browser.news.wait_for(lambda: any(
                    status == 101 and urllib.parse.urlsplit(url).netloc == host
                    for url, status in self.sockets.values()), timeout):
                raise PageError("no WebSocket of %s%s" % (host, self.complaints()))

    def complaints(self):
        """What may be why."""
        sockets = ["%s %s" % (status or "no answer", url)
                   for url, status in self.sockets.values() if status != 101]
        words = self.failed[-3:] + sockets[-2:] + self.said[-2:]
        return "".join("; " + w.split("\n")[0][:160] for w in words)

    def click(self, selector):
        """With the mouse, in the middle of it."""
        self.wait(MIDDLE % json.dumps(selector), selector)
        x, y = self.evaluate(MIDDLE % json.dumps(selector))
        for kind in ("mouseMoved", "mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def click_until(self, selectors, expression, what):
        """Clicks these in turn until the expression is true: a page that is still busy loading may
        miss a click, as a person's."""
        for _ in range(8):
            for selector in selectors:
                self.click(selector)
            with contextlib.suppress(PageError):
                return self.wait(expression, what, PATIENCE / 6)
        raise PageError("no %s%s" % (what, self.complaints()))

    def type(self, text):
        """Into whatever has the focus."""
        self.call("Input.insertText", text=text)

    def press_control(self, letter):
        for kind in ("keyDown", "keyUp"):
            self.call("Input.dispatchKeyEvent", type=kind, key=letter, code="Key" + letter.upper(),
                      modifiers=2, windowsVirtualKeyCode=ord(letter.upper()))

    def upload(self, selector, path):
        root = self.call("DOM.getDocument")["root"]["nodeId"]
        node = self.call("DOM.querySelector", nodeId=root, selector=selector)["nodeId"]
        self.call("DOM.setFileInputFiles", nodeId=node, files=[str(path)])
