"""How long a viewer waits for the first picture."""

from .page import page_url
from .tokens import token

FIRST_FRAME = """(async () => {
  const deadline = performance.now() + 15000;
  while (performance.now() < deadline) {
    const pc = window.apus && window.apus.pc;
    if (pc) {
      for (const entry of (await pc.getStats()).values()) {
        if (entry.type === 'inbound-rtp' && entry.kind === 'video' && entry.framesDecoded > 0) return performance.now();
      }
    }
    if (window.apus && window.apus.error) return String(window.apus.error);
    await new Promise(resolve => setTimeout(resolve, 10));
  }
  return 'no frame within 15 s';
})()"""


async def first_frame(browser, server, room, identity):
    """Opens a watching page; returns the seconds from the page's start to its first decoded frame, and closes it."""
    page = await browser.open(page_url(server.url, "watch", room, token(room, identity)))
    try:
        found = await page.run(FIRST_FRAME)
        if isinstance(found, str):
            raise AssertionError(f"{identity}: {found}")
        return found / 1000
    finally:
        await page.close()
