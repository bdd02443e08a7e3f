"""A person at the web app, in either browser: joins by a link, and tells what they see and hear."""

import json
from pathlib import Path
from urllib.parse import urlsplit

import aiohttp
import jwt

from .firefox import FirefoxPage
from .page import from_json
from .waiting import until

PROBE = Path(__file__).with_name("guest.js").read_text()
PRELOAD = Path(__file__).with_name("preload.js").read_text()

# What the browser itself writes for a refusal or a server that is away; the tests ask for both.
EXPECTED = ("Failed to load resource", "WebSocket connection to", "net::ERR_")


def preload(saves_data=True, speaks=False, slow_camera=False):
    """`speaks`: a steady tone is the microphone; `slow_camera`: nothing opens before `openCamera()` is called in the page."""
    wishes = {"savesData": saves_data, "speaks": speaks, "isSlow": slow_camera}
    return f"const wishes = {json.dumps(wishes)};\n{PRELOAD}"


class Guest:
    """One page of the web app. A driver's guest gives `run(expression)`, `goto(url)`, `click`, `fill` and `close()`."""

    saw_complaints = ()

    async def ask(self, expression):
        return await self.run(f"(() => {{ if (!window.probe) {{ {PROBE} }} return ({expression}); }})()")

    # Going in and out.

    async def make_link(self, url):
        """From the first page to a room's link."""
        await self.goto(url + "/")
        await self.click("create")
        await until(lambda: self.shows("link"), "the link is shown", 10)
        link = await self.ask("probe.find('link').value")
        assert link.startswith(url + "/#")
        return link

    async def join(self, link, name):
        """By the link and the lobby into the call; returns once the page is connected."""
        await self.goto(link)
        await self.enter(name)
        return await self.connected()

    async def enter(self, name, camera=True):
        """Through the lobby; waits for its picture unless there is to be none."""
        await until(lambda: self.shows("join"), "the lobby is shown", 15)
        if camera:
            await until(lambda: self.ask("probe.hasPreview()"), "the lobby has opened the camera", 15)
        await self.fill("name", name)
        await self.click("join")

    async def leave(self):
        await self.click("leave")
        await until(self.has_left, "the page has left the call", 10)

    async def has_left(self):
        return not await self.shows("leave")

    async def shows(self, name):
        return await self.ask(f"probe.isShown({name!r})")

    async def state(self):
        return await self.ask("window.apus.state")

    async def connected(self, timeout=20):
        async def check():
            return await self.state() == "connected"

        try:
            await until(check, "the page is connected", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says: {await self.words()}") from None
        self.identity = await self.ask("probe.me()")
        return self

    # Seeing and hearing.

    async def tiles(self):
        return await self.ask("probe.tiles()")

    async def marks(self, other, **marks):
        """Awaits that the tile of `other` says all of `marks` (`muted="true"`)."""
        found = {}

        async def check():
            found.update((await self.tiles()).get(other.identity) or {"gone": True})
            return all(found.get(name) == value for name, value in marks.items())

        try:
            await until(check, f"the tile says {marks}", 15)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says {found}") from None

    async def sees_only(self, *people, timeout=15):
        """Awaits that there is one tile for each of `people`, oneself among them, and no other."""
        wanted = sorted(person.identity for person in people)
        found = []

        async def check():
            found[:] = sorted(await self.tiles())
            return found == wanted

        try:
            await until(check, f"{len(wanted)} tiles are shown", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; there are {found}, not {wanted}") from None

    async def sees_pictures(self, count, kind="tile", timeout=25):
        """Awaits that there are `count` tiles and every picture is lit and changes: a decoded frame can be black, a frozen one bright."""
        first, alive, found = {}, set(), {}

        async def check():
            found.clear()
            found.update(await self.ask(f"probe.pictures({kind!r})"))
            for identity, picture in found.items():
                if not picture or max(picture) <= 40:
                    continue
                before = first.setdefault(identity, picture)
                if max(abs(a - b) for a, b in zip(before, picture)) > 4:
                    alive.add(identity)
            return len(found) == count and alive.issuperset(found)

        try:
            await until(check, f"{count} pictures move", timeout, every=0.2)
        except AssertionError as error:
            still = {name: picture and f"brightness to {max(picture):.0f}" for name, picture in found.items() if name not in alive}
            lacks = {name: lack for name, lack in (await self.ask("probe.lacks()")).items() if name in still}
            raise AssertionError(f"{error}; there are {len(found)}, without movement: {still}; {lacks}; {await self.people()}") from None

    async def sees_picture_of(self, other, timeout=20):
        """Awaits that the picture of one other person changes."""
        first = None

        async def check():
            nonlocal first
            picture = (await self.ask("probe.pictures()")).get(other.identity)
            first = first or picture
            return picture and max(picture) > 40 and max(abs(a - b) for a, b in zip(first, picture)) > 4

        await until(check, "the picture of the other one moves", timeout, every=0.2)

    async def hears(self, count, timeout=20):
        """Awaits that the sound of `count` others is played and is no silence."""
        first, heard, found = {}, set(), {}

        async def check():
            found.clear()
            found.update((await self.ask("probe.arrives()"))["energy"])
            for track, energy in found.items():
                if energy > first.setdefault(track, energy):
                    heard.add(track)
            return len(heard & found.keys()) >= count

        try:
            await until(check, f"{count} others are heard", timeout, every=0.2)
        except AssertionError as error:
            raise AssertionError(f"{error}; heard: {sorted(heard)} of {found}; {await self.people()}") from None

    async def people(self):
        return await self.ask("window.apus.participants()")

    # Words.

    async def words(self):
        return await self.ask("probe.words()")

    async def says(self, *pieces, timeout=15):
        """Awaits that something to read on the page holds one of `pieces`, whatever their case."""
        read = ""

        async def check():
            nonlocal read
            read = await self.words()
            return any(piece.lower() in read.lower() for piece in pieces)

        try:
            await until(check, f"the page says {' or '.join(pieces)!r}", timeout)
        except AssertionError as error:
            raise AssertionError(f"{error}; it says: {read!r}") from None

    # What the browser holds against the page.

    async def complaints(self):
        heard = await self.run("window.complaints ?? []")
        strangers = await self.run("window.strangers ? window.strangers() : []")
        return [*heard, *(f"request to another origin: {url}" for url in strangers), *self.saw_complaints]


class ChromiumGuest(Guest):
    """`options` are playwright's of a context: viewport, is_mobile, …"""

    async def open(self, chromium, speaks=False, slow_camera=False, saves_data=True, **options):
        self.context = await chromium.browser.new_context(**options)
        await self.context.add_init_script(f"(() => {{ {preload(saves_data, speaks, slow_camera)} }})()")
        self.page = await self.context.new_page()
        self.saw_complaints, self.origin = [], None
        self.page.on("console", self._console)
        self.page.on("pageerror", lambda error: self.saw_complaints.append(f"pageerror: {error}"))
        self.page.on("request", lambda request: self._asked(request.url))
        self.page.on("websocket", lambda socket: self._asked(socket.url.replace("ws", "http", 1)))
        return self

    def _console(self, message):
        if message.type == "error" and not any(piece in message.text for piece in EXPECTED):
            self.saw_complaints.append(f"console: {message.text}")

    def _asked(self, url):
        if self.origin and not url.startswith(("data:", "blob:")) and urlsplit(url).netloc != self.origin:
            self.saw_complaints.append(f"request to another origin: {url}")

    async def run(self, expression):
        return from_json(await self.page.evaluate(as_json(expression)))

    async def goto(self, url):
        self.origin = urlsplit(url).netloc
        # A page that differs in its fragment only would not be loaded again.
        if self.page.url.split("#")[0] == url.split("#")[0]:
            await self.page.goto("about:blank")
        await self.page.goto(url)

    async def click(self, name):
        await self.page.get_by_test_id(name).click(timeout=15_000)

    async def fill(self, name, text):
        await self.page.get_by_test_id(name).fill(text, timeout=15_000)

    async def close(self):
        await self.context.close()


class FirefoxGuest(Guest):
    """In a container of its own, as another person's browser would be."""

    async def open(self, firefox, saves_data=True):
        self.browser = firefox
        self.container = (await firefox.command("browser.createUserContext", {}))["userContext"]
        self.context = (await firefox.command("browsingContext.create", {"type": "tab", "userContext": self.container}))["context"]
        self.page = FirefoxPage(firefox, self.context)
        function = f"() => {{ {preload(saves_data)} }}"
        await firefox.command("script.addPreloadScript", {"functionDeclaration": function, "contexts": [self.context]})
        return self

    async def run(self, expression):
        return await self.page.run(expression)

    async def goto(self, url):
        await self.browser.command("browsingContext.navigate", {"context": self.context, "url": url, "wait": "complete"})

    async def click(self, name):
        await until(lambda: self.shows(name), f"{name} is shown", 15)
        await self.ask(f"probe.click({name!r})")

    async def fill(self, name, text):
        await self.ask(f"probe.fill({name!r}, {json.dumps(text)})")

    async def close(self):
        await self.browser.command("browser.removeUserContext", {"userContext": self.container})


def as_json(expression):
    return f"(async () => JSON.stringify((await ({expression})) ?? null))()"


# Links.


def room_of(link):
    """The room that a link of the web app leads to."""
    return jwt.decode(link.split("#")[1], options={"verify_signature": False})["room"]


async def make_room(server, title=None):
    """A link to a new room, by the server's own interface."""
    async with aiohttp.ClientSession() as http:
        async with http.post(server.url + "/api/rooms", json={"title": title} if title else {}) as response:
            assert response.status == 201, f"/api/rooms answers {response.status}: {await response.text()}"
            return server.url + (await response.json())["link"]


class Guests:
    """Opens pages and closes them all; on the way out none may have had a complaint of the browser's."""

    def __init__(self, chromium, firefox):
        self._chromium, self._firefox = chromium, firefox
        self.opened = []

    async def chromium(self, **options):
        return await self._open(ChromiumGuest(), self._chromium, options)

    async def firefox(self, **options):
        return await self._open(FirefoxGuest(), self._firefox, options)

    async def named(self, name, **options):
        return await {"chromium": self.chromium, "firefox": self.firefox}[name](**options)

    async def _open(self, guest, browser, options):
        self.opened.append(guest)
        return await guest.open(browser, **options)

    async def close(self):
        complaints = []
        for guest in reversed(self.opened):
            try:
                complaints += await guest.complaints()
            finally:
                await guest.close()
        assert not complaints, complaints
