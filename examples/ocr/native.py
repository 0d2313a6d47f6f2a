"""OCR without Meterbox: the same models, and what surrounds them a second time, with numpy and OpenCV.

OpenCV finds the regions and the rectangles around them, and resizes; the job has code of its own for both.
"""

import math

import cv2
import numpy


def run(native, sources):
    page = cv2.imread(str(sources["page"])).astype(numpy.float32)  # blue, green, red
    height, width = page.shape[:2]
    places = in_reading_order(detect(native, page))
    crops = [cut(page, place) for place in places]
    for start in range(0, len(crops), 6):
        batch = crops[start : start + 6]
        shares = native.call("direction", {"x": prepared(batch, 192)})
        for index, share in enumerate(only(shares)):
            if share[1] > 0.9:
                crops[start + index] = crops[start + index][::-1, ::-1]
    letters = ["", *native.text("recognition", "character").split("\n"), " "]
    lines = [None] * len(crops)
    order = sorted(range(len(crops)), key=lambda index: ratio(crops[index]))
    for start in range(0, len(order), 6):
        batch = order[start : start + 6]
        widest = max([320 / 48] + [ratio(crops[index]) for index in batch])
        scores = native.call("recognition", {"x": prepared([crops[index] for index in batch], int(48 * widest))})
        for index, steps in zip(batch, only(scores)):
            lines[index] = decode(letters, steps)
    found = []
    for (text, score), place in zip(lines, places):
        if text and score >= 0.5:
            found.append({"text": text, "score": f"{score:.4f}", "corners": place.tolist()})
    return found


def only(outputs):
    (output,) = outputs.values()
    return output


def planes(picture):
    return ((picture / numpy.float32(255) - numpy.float32(0.5)) / numpy.float32(0.5)).transpose(2, 0, 1)


def detect(native, page):
    height, width = page.shape[:2]
    scale = min(max(736 / min(height, width), 1), 2000 / max(height, width), math.sqrt(900_000 / (width * height)))
    seen = [max(32, 32 * round(int(side * scale) / 32)) for side in (height, width)]
    resized = cv2.resize(page, (seen[1], seen[0]), interpolation=cv2.INTER_LINEAR)
    map = only(native.call("detection", {"x": planes(resized)[None]}))[0, 0]
    mask = cv2.dilate((map > numpy.float32(0.3)).astype(numpy.uint8), numpy.ones((2, 2), numpy.uint8))
    count, labels = cv2.connectedComponents(mask, connectivity=8)
    found = []
    for label in range(1, count):
        points = numpy.argwhere(labels == label)[:, ::-1].astype(numpy.int32)
        middle, sides, angle = cv2.minAreaRect(points)
        if min(sides) < 3:
            continue
        corners = cv2.boxPoints((middle, sides, angle))
        within = numpy.zeros_like(mask)
        cv2.fillPoly(within, [numpy.round(corners).astype(numpy.int32)], 1)
        if map[within > 0].mean() < 0.5:
            continue
        outwards = sides[0] * sides[1] * 1.6 / (2 * (sides[0] + sides[1]))
        sides = (sides[0] + 2 * outwards, sides[1] + 2 * outwards)
        corners = cv2.boxPoints((middle, sides, angle)).astype(float) * [width / seen[1], height / seen[0]]
        corners = numpy.clip(numpy.round(corners), 0, [width - 1, height - 1]).astype(int)
        place = ordered(corners)
        if min(side(place, 0, 1), side(place, 3, 2)) > 3 and min(side(place, 0, 3), side(place, 1, 2)) > 3:
            found.append(place)
    return found


def ordered(corners):
    corners = sorted(corners.tolist())
    left, right = (sorted(pair, key=lambda corner: corner[1]) for pair in (corners[:2], corners[2:]))
    return numpy.array([left[0], right[0], right[1], left[1]])


def side(place, start, end):
    return int(numpy.linalg.norm(place[start] - place[end]))


def in_reading_order(places):
    places = sorted(places, key=lambda place: (place[0][1], place[0][0]))
    for end in range(1, len(places)):
        for at in range(end, 0, -1):
            before, this = places[at - 1][0], places[at][0]
            if abs(this[1] - before[1]) >= 10 or this[0] >= before[0]:
                break
            places[at - 1], places[at] = places[at], places[at - 1]
    return places


def cut(page, place):
    """The place as an upright picture, interpolated between pixels. OpenCV's own would round places to 1/32."""
    width = max(1, side(place, 0, 1), side(place, 3, 2))
    height = max(1, side(place, 0, 3), side(place, 1, 2))
    across, down = (place[1] - place[0]) / width, (place[3] - place[0]) / height
    y, x = numpy.mgrid[:height, :width][..., None]
    at = place[0] + x * across + y * down
    at = numpy.clip(at, 0, [page.shape[1] - 1, page.shape[0] - 1])
    left, above = numpy.floor(at[..., 0]).astype(int), numpy.floor(at[..., 1]).astype(int)
    right, below = numpy.minimum(left + 1, page.shape[1] - 1), numpy.minimum(above + 1, page.shape[0] - 1)
    u, v = (at[..., 0] - left)[..., None], (at[..., 1] - above)[..., None]
    picture = (page[above, left] * (1 - u) + page[above, right] * u) * (1 - v) + (
        page[below, left] * (1 - u) + page[below, right] * u
    ) * v
    if height >= 1.5 * width:
        picture = numpy.rot90(picture)
    return picture.astype(numpy.float32)


def ratio(picture):
    return picture.shape[1] / picture.shape[0]


def prepared(pictures, width):
    batch = numpy.zeros((len(pictures), 3, 48, width), numpy.float32)
    for target, picture in zip(batch, pictures):
        seen = min(width, math.ceil(48 * ratio(picture)))
        resized = cv2.resize(numpy.ascontiguousarray(picture), (seen, 48), interpolation=cv2.INTER_LINEAR)
        target[:, :, :seen] = planes(resized)
    return batch


def decode(letters, steps):
    classes = steps.argmax(axis=1)
    counts = [i for i in range(len(classes)) if classes[i] and (i == 0 or classes[i] != classes[i - 1])]
    text = "".join(letters[classes[i]] for i in counts)
    return text, float(numpy.mean([steps[i].max() for i in counts], dtype=float)) if counts else 0.0


def differences(found, expected):
    """Texts are the same, corners to within a pixel, scores to within a hundredth: a corner moves them."""
    for ours, theirs in zip(found, expected):
        moved = numpy.abs(numpy.array(ours["corners"]) - numpy.array(theirs["corners"])).max()
        score = abs(float(ours["score"]) - float(theirs["score"]))
        if ours["text"] != theirs["text"] or moved > 1 or score > 0.01:
            yield f"{ours} is not {theirs}"
    if len(found) != len(expected):
        yield f"{len(found)} texts are not {len(expected)}"


RESULT = "text.json"

# Where the model wavers between two letters, ONNX Runtime differs from itself by 2.6e-4, with and without its
# optimisations.
TOLERANCES = {"recognition": 1e-3}
