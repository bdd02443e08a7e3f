"""Pictures of a page, and what can be said of them without a person."""

import io

import av
import numpy


async def screenshot(guest, path):
    """Takes a picture of what is in view of a Chromium guest, keeps it as a file, and returns it as rows of RGB."""
    png = await guest.page.screenshot(path=path, scale="css")
    with av.open(io.BytesIO(png)) as container:
        return next(container.decode(video=0)).to_ndarray(format="rgb24")


def contrast(picture, box):
    """How much the middle of `box` varies, 0 to 255: 0 is one colour. The edges, where names and marks are, do not count."""
    width, height = box["right"] - box["left"], box["bottom"] - box["top"]
    left, right = int(box["left"] + width * 0.15), int(box["right"] - width * 0.15)
    top, bottom = int(box["top"] + height * 0.15), int(box["bottom"] - height * 0.25)
    inside = picture[top:bottom, left:right].astype(int).mean(axis=2)
    low, high = numpy.percentile(inside, [2, 98])
    return float(high - low)


def overlap(one, other):
    """The area that two boxes share, in pixels, a hair of rounding left out."""
    width = min(one["right"], other["right"]) - max(one["left"], other["left"])
    height = min(one["bottom"], other["bottom"]) - max(one["top"], other["top"])
    return max(0, width - 0.5) * max(0, height - 0.5)


def is_inside(box, viewport):
    return box["left"] >= -0.5 and box["top"] >= -0.5 and box["right"] <= viewport["width"] + 0.5 and box["bottom"] <= viewport["height"] + 0.5
