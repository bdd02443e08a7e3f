"""Debian's Chromium, driven by playwright, with a fake camera and microphone."""

from playwright.async_api import async_playwright

from .page import Browser, MediaPage, as_json, from_json

EXECUTABLE = "/usr/bin/chromium"
FLAGS = [
    "--no-sandbox",
    "--use-fake-device-for-media-stream",
    "--use-fake-ui-for-media-stream",
    "--autoplay-policy=no-user-gesture-required",
    # Several pages live in one browser; none of them may be treated as one that nobody looks at.
    "--disable-background-timer-throttling",
    "--disable-backgrounding-occluded-windows",
    "--disable-renderer-backgrounding",
]


class ChromiumPage(MediaPage):
    def __init__(self, context, page):
        self.context, self.page = context, page
        self.console = []
        page.on("console", lambda message: self.console.append(message.text))
        page.on("pageerror", lambda error: self.console.append(f"error: {error}"))

    async def run(self, expression):
        return from_json(await self.page.evaluate(as_json(expression)))

    async def close(self):
        await self.context.close()


class Chromium(Browser):
    """One browser process; each page has a context (cookies, cache) of its own. `flags` are more arguments for it."""

    def __init__(self, *flags):
        self._flags = [*FLAGS, *flags]

    async def start(self):
        self._playwright = await async_playwright().start()
        self.browser = await self._playwright.chromium.launch(executable_path=EXECUTABLE, headless=True, args=self._flags)
        return self

    async def stop(self):
        await self.browser.close()
        await self._playwright.stop()

    async def open(self, url):
        context = await self.browser.new_context()
        page = ChromiumPage(context, await context.new_page())
        await page.page.goto(url)
        return page
