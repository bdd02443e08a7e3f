"""Chromium that asks before it opens a camera: what a context was not granted is refused. The other one of the tests never asks."""

from playwright.async_api import async_playwright

from .chromium import EXECUTABLE, FLAGS, Chromium


class AskingChromium(Chromium):
    async def start(self):
        self._playwright = await async_playwright().start()
        flags = [flag for flag in FLAGS if flag != "--use-fake-ui-for-media-stream"]
        self.browser = await self._playwright.chromium.launch(executable_path=EXECUTABLE, headless=True, args=flags)
        return self
