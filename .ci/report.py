"""Opens the pages of `cargo immortal local --report` in headless Chromium, by the DevTools protocol, for .ci/report."""

import base64, contextlib, itertools, json, pathlib, subprocess, sys, tempfile, time
from websockets.sync.client import connect

FLAGS = ["--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
         "--disable-component-update", "--disable-sync", "--hide-scrollbars", "--remote-debugging-port=0"]
# What a page must not do.
FORBIDDEN = {"Runtime.consoleAPICalled", "Runtime.exceptionThrown", "Log.entryAdded", "Page.javascriptDialogOpening"}

# WCAG's contrast of every text's colour with the background that it stands on; returns the texts that have too little.
CONTRAST = """(() => {
  const numbers = (colour) => colour.match(/[\\d.]+/g).map(Number);
  const light = (colour) => numbers(colour).slice(0, 3).map((c) => c / 255)
    .map((c) => c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, i) => sum + c * [0.2126, 0.7152, 0.0722][i], 0);
  const ground = (element) => {
    for (let e = element; e; e = e.parentElement) {
      const colour = getComputedStyle(e).backgroundColor;
      if ((numbers(colour)[3] ?? 1) > 0) return colour;
    }
    return "rgb(255, 255, 255)";
  };
  const bad = new Set();
  for (const element of document.querySelectorAll("body *")) {
    if (![...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim())) continue;
    const style = getComputedStyle(element);
    const colour = element instanceof SVGElement ? style.fill : style.color;
    const [a, b] = [light(colour), light(ground(element))].sort((x, y) => y - x);
    if ((a + 0.05) / (b + 0.05) < 4.5) bad.add(`${element.tagName}.${element.className.baseVal ?? element.className} ${colour}`);
  }
  return [...bad];
})()"""


class Browser:
    def __init__(self):
        self.directory = tempfile.TemporaryDirectory(ignore_cleanup_errors=True)
        command = ["chromium", *FLAGS, f"--user-data-dir={self.directory.name}", "about:blank"]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        port = pathlib.Path(self.directory.name, "DevToolsActivePort")
        until = time.monotonic() + 30
        while not port.exists() or len(port.read_text().splitlines()) < 2:
            assert self.process.poll() is None and time.monotonic() < until, "Chromium can't be started"
            time.sleep(0.05)
        number, path = port.read_text().splitlines()
        self.stack = contextlib.ExitStack()
        self.socket = self.stack.enter_context(connect(f"ws://127.0.0.1:{number}{path}", max_size=None, proxy=None))
        self.ids, self.session, self.events = itertools.count(1), None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ["Page", "Runtime", "Log", "Network"]:
            self.call(f"{domain}.enable")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stack.close()
        self.process.terminate()
        self.process.wait()
        self.directory.cleanup()

    def receive(self):
        message = json.loads(self.socket.recv(timeout=60))
        if "method" in message:
            self.events.append((message["method"], message["params"]))
        return message

    def call(self, method, **params):
        wanted = next(self.ids)
        session = {"sessionId": self.session} if self.session else {}
        self.socket.send(json.dumps({"id": wanted, "method": method, "params": params, **session}))
        while (message := self.receive()).get("id") != wanted:
            pass
        assert "error" not in message, f"{method}: {message}"
        return message["result"]

    def open(self, path):
        """Opens a page, and returns how long it took, in milliseconds."""
        self.events.clear()
        self.call("Page.navigate", url=pathlib.Path(path).resolve().as_uri())
        while not any(method == "Page.loadEventFired" for method, _ in self.events):
            self.receive()
        # The end of the event is noted when it has been handled.
        entry = "performance.getEntriesByType('navigation')[0].loadEventEnd"
        return self.evaluate(f"new Promise((done) => setTimeout(() => done({entry})))")

    def evaluate(self, expression):
        result = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in result, result
        return result["result"].get("value")

    def press(self, key, text=None):
        code = {"Tab": 9, "Enter": 13}[key]
        down = {"text": text} if text else {}
        self.call("Input.dispatchKeyEvent", type="keyDown", key=key, code=key, windowsVirtualKeyCode=code, **down)
        self.call("Input.dispatchKeyEvent", type="keyUp", key=key, code=key, windowsVirtualKeyCode=code)

    def show(self, width=1280, height=900, scheme="light", media="", phone=False):
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=phone)
        features = [{"name": "prefers-color-scheme", "value": scheme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)

    def picture(self, path):
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": min(size["height"], 4000), "scale": 1}
        image = self.call("Page.captureScreenshot", format="png", clip=clip, captureBeyondViewport=True)
        pathlib.Path(path).write_bytes(base64.b64decode(image["data"]))

    def check_events(self, page):
        """The page did nothing but be there: nothing on the console, no dialog, and no request but for itself."""
        for method, params in self.events:
            assert method not in FORBIDDEN, f"{page}: {method} {params}"
            if method == "Network.requestWillBeSent":
                url = params["request"]["url"]
                assert url == pathlib.Path(page).resolve().as_uri(), f"{page} asks for {url}"


def check_looks(browser, pages, name):
    """Light, dark, on a phone and in print: readable, and not wider than the screen."""
    for look, options in {
        "light": {}, "dark": {"scheme": "dark"},
        "phone": {"width": 390, "height": 844, "phone": True},
        "print": {"width": 720, "media": "print", "scheme": "dark"},
    }.items():
        browser.show(**options)
        wide = browser.evaluate("document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name} is {wide} pixels wider than the screen: {look}"
        faint = browser.evaluate(CONTRAST)
        assert not faint, f"{name}, {look}: too little contrast: {faint}"
        browser.picture(pages / f"{name}-{look}.png")
    browser.show()


def check_keyboard(browser, name):
    """Tab goes from one attempt to the next, Enter shows its lines, and hides them."""
    names = browser.evaluate("[...document.querySelectorAll('.row .name strong')].map((name) => name.textContent)")
    browser.evaluate("document.querySelectorAll('details').forEach((row) => row.open = false)")
    for row in names:
        browser.press("Tab")
        focused = browser.evaluate("document.activeElement.querySelector('.name strong')?.textContent")
        assert focused == row, f"{name}: Tab leads to {focused}, and not to {row}"
        outline = browser.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline == "solid", f"{name}: the focus of {row} can't be seen"
        shown = "document.activeElement.parentElement.querySelector('.lines').checkVisibility({contentVisibilityAuto: true})"
        before = browser.evaluate(shown)
        browser.press("Enter", "\r")
        after = browser.evaluate(shown)
        browser.press("Enter", "\r")
        assert (before, after, browser.evaluate(shown)) == (False, True, False), f"{name}: Enter at {row}"
    return names


def text(browser):
    """All text of the page, with every row open."""
    browser.evaluate("document.querySelectorAll('details').forEach((row) => row.open = true)")
    return browser.evaluate("document.body.innerText")


def check(pages):
    with Browser() as browser:
        expected = {
            "interrupted": (4, ["handled on Fargate, by attempt 3", "SpotInterruption", "saved ", "the next attempt waits here"]),
            "given-up": (4, ["given up after", "Dead letter", "a visitor without a name can't be greeted",
                             "that was the last of 3 attempts", "The event itself is not in this page"]),
        }
        for name, (attempts, texts) in expected.items():
            page = pages / f"{name}.html"
            took = browser.open(page)
            check_looks(browser, pages, name)
            names = check_keyboard(browser, name)
            assert [f"Attempt {n}" for n in range(attempts)] == [n for n in names if n.startswith("Attempt")], names
            shown = text(browser)
            for wanted in texts:
                assert wanted in shown, f"{name}: no {wanted!r} in {shown}"
            browser.picture(pages / f"{name}-open.png")
            assert took < 1000, f"{name} opens in {took:.0f} ms"
            browser.check_events(page)
            print(f"{name}: {page.stat().st_size} bytes, opened in {took:.0f} ms")

        page = pages / "hostile.html"
        took = browser.open(page)
        check_looks(browser, pages, "hostile")
        check_keyboard(browser, "hostile")
        shown = text(browser)
        lines = browser.evaluate("document.querySelectorAll('.lines li.log').length")
        assert lines >= 10_000, f"{lines} lines"
        for wanted in ["line 1: </pre></style><script>document", "line 10000: </pre>", "␛[31m␀ \\u{202e}",
                       "X-Amz-Signature=(left out)", "bytes are left out"]:
            assert wanted in shown, f"no {wanted!r}"
        assert "abcdef" not in shown
        elements = browser.evaluate("document.querySelectorAll('script, img, iframe, link').length")
        assert elements == 0 and browser.evaluate("document.title") != "run", "what the handler wrote became a part of the page"
        assert took < 1000, f"with {lines} lines it opens in {took:.0f} ms"
        assert page.stat().st_size < 25_000_000, f"it has {page.stat().st_size} bytes"
        browser.check_events(page)
        print(f"hostile: {lines} lines, {page.stat().st_size} bytes, opened in {took:.0f} ms")


def picture(page, file):
    with Browser() as browser:
        browser.show(width=960)
        browser.open(page)
        browser.picture(file)
        size = pathlib.Path(file).stat().st_size
        assert size < 150_000, f"{file} has {size} bytes"
        print(f"{file}: {size} bytes")


if sys.argv[1] == "picture":
    picture(sys.argv[2], sys.argv[3])
else:
    check(pathlib.Path(sys.argv[2]))
