"""The web app without a mouse, and as a screen reader is told of it."""

from clients.guest import make_room
from clients.waiting import until

INTERACTIVE = {"button", "textbox", "searchbox", "combobox", "listbox", "checkbox", "radio", "switch", "link", "slider", "menuitem", "DisclosureTriangle"}
FOCUS = "(document.activeElement.closest('[data-testid]') ?? document.body).dataset.testid ?? null"


async def tab_to(guest, name):
    """Presses Tab until `name` has the focus, and it is seen that it has."""
    passed = []
    for _ in range(30):
        await guest.page.keyboard.press("Tab")
        passed.append(await guest.ask(FOCUS))
        if passed[-1] == name:
            assert await guest.ask("document.activeElement.matches(':focus-visible')"), f"{name} has the focus, and it is not shown"
            return
    raise AssertionError(f"Tab does not come to {name}: {passed}")


async def press(guest, name, key):
    await tab_to(guest, name)
    await guest.page.keyboard.press(key)


async def test_a_call_by_keyboard_alone(apus, guests):
    """A room is made, entered, spoken in and left: Tab, Enter, Space and the shortcuts are enough."""
    ada, grace = await guests.chromium(), await guests.chromium()
    await ada.goto(apus.url + "/")
    await until(lambda: ada.shows("create"), "the first page is shown", 10)
    await press(ada, "create", "Enter")
    await until(lambda: ada.shows("link"), "the link is shown", 10)
    await tab_to(ada, "link")
    await tab_to(ada, "copy")
    link = await ada.ask("probe.find('link').value")
    await grace.join(link, "Grace")

    await ada.goto(link)
    await until(lambda: ada.ask("probe.hasPreview()"), "the lobby has opened the camera", 15)
    if await ada.ask(FOCUS) != "name":
        await tab_to(ada, "name")
    await ada.page.keyboard.type("Ada, m v s")  # letters of shortcuts are letters in a name
    assert await ada.ask("probe.find('name').value") == "Ada, m v s"
    await press(ada, "join", "Enter")
    await ada.connected()
    await grace.sees_only(ada, grace)
    await grace.marks(ada, muted="false", cameraOff="false")

    await ada.page.keyboard.press("m")
    await grace.marks(ada, muted="true", cameraOff="false")
    await ada.page.keyboard.press("v")
    await grace.marks(ada, muted="true", cameraOff="true")
    await press(ada, "mute", "Space")
    await grace.marks(ada, muted="false", cameraOff="true")
    await press(ada, "camera", "Enter")
    await grace.marks(ada, muted="false", cameraOff="false")

    await press(ada, "devices", "Enter")
    await until(lambda: ada.ask("Boolean(document.activeElement.closest('dialog, [role=dialog]'))"), "the focus is in the dialog", 5)
    await ada.page.keyboard.press("m")
    await ada.page.keyboard.press("Escape")
    await until(lambda: ada.ask("!document.querySelector('dialog[open]')"), "Escape closes the dialog", 5)
    assert await ada.ask(FOCUS) == "devices", "the focus is not where it was before the dialog"

    await press(ada, "share", "Enter")
    await grace.sees_pictures(1, kind="screen")
    await press(ada, "leave", "Enter")
    await until(ada.has_left, "the page has left the call", 10)
    await grace.sees_only(grace)


async def test_single_letters_can_be_turned_off(apus, guests):
    """WCAG 2.2, 2.1.4: who speaks to the machine does not write, and must not press keys by it."""
    ada = await guests.chromium()
    link = await make_room(apus)
    await ada.join(link, "Ada")
    await ada.page.keyboard.press("m")
    await ada.marks(ada, muted="true")
    assert await ada.ask("probe.find('mute').title") == "Turn the microphone on (M)"

    await press(ada, "devices", "Enter")
    await press(ada, "letters", "Space")
    await ada.page.keyboard.press("Escape")
    assert await ada.ask("probe.find('mute').title") == "Turn the microphone on"
    for key in "mvs":
        await ada.page.keyboard.press(key)
    await press(ada, "camera", "Space")
    await ada.marks(ada, muted="true", cameraOff="true")
    assert await ada.ask("document.querySelector('[data-testid=screen]') === null")

    # The browser remembers it, and it can be turned on again.
    await ada.join(link, "Ada")
    await ada.page.keyboard.press("m")
    await press(ada, "devices", "Enter")
    assert not await ada.ask("probe.find('letters').checked")
    await press(ada, "letters", "Space")
    await ada.page.keyboard.press("Escape")
    await ada.marks(ada, muted="false")
    await ada.page.keyboard.press("m")
    await ada.marks(ada, muted="true")


async def test_every_control_has_a_name_and_the_status_is_announced(apus, guests):
    ada, grace = await guests.chromium(), await guests.chromium()
    await ada.goto(apus.url + "/")
    await until(lambda: ada.shows("create"), "the first page is shown", 10)
    assert len(await named(ada)) >= 2
    link = await make_room(apus)
    await ada.goto(link)
    await until(lambda: ada.shows("join"), "the lobby is shown", 15)
    assert len(await named(ada)) >= 4
    await ada.enter("Ada")
    await ada.connected()
    await grace.join(link, "Grace")
    await ada.sees_only(ada, grace)
    controls = await named(ada)
    assert len(controls) >= 5 and len(set(controls)) == len(controls), controls
    tree = await accessibility(ada)
    assert any(role == "status" for role, _ in tree), "nothing tells the status of the call"
    assert await ada.ask("probe.find('status').closest('[role=status], [aria-live=polite], [aria-live=assertive]') !== null")
    assert await ada.ask("probe.find('status').innerText.trim()")

    # What a toggle says changes with its state; that it is pressed as well would be said of the other one.
    assert not await ada.ask("document.querySelectorAll('.controls [aria-pressed]').length")
    await ada.click("mute")
    await grace.marks(ada, muted="true")
    await until(lambda: differs(ada, controls), "the microphone's button is called otherwise", 5)
    await ada.click("devices")
    assert len(await named(ada)) >= 3


async def differs(guest, controls):
    return await named(guest) != controls


async def accessibility(guest):
    """(role, name) of everything that assistive technology is told of."""
    session = await guest.context.new_cdp_session(guest.page)
    nodes = (await session.send("Accessibility.getFullAXTree"))["nodes"]
    await session.detach()
    return [
        (node.get("role", {}).get("value"), (node.get("name", {}).get("value") or "").strip()) for node in nodes if not node.get("ignored")
    ]


async def named(guest):
    """The names of all controls; one without a name is a failure."""
    controls = [(role, name) for role, name in await accessibility(guest) if role in INTERACTIVE]
    nameless = [role for role, name in controls if not name]
    assert not nameless, f"controls without a name: {nameless} among {controls}"
    return [name for _, name in controls]
