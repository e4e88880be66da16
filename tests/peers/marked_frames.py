"""Video frames that say which one they are: to a machine that sees them, and to a workflow that counts.

The number stands in a strip of black and white cells, in the format of `streamsdk_capture::marker`, which
describes it. Below, `number % 8` white squares stand on a black band, clear of everything else, so that
`workflows/marked.json` counts them by their contours however coarsely the frame was encoded. The rest is a
scene like that of the SDK's test pattern, so that encoders have as much to do.
"""

import cv2
import numpy as np

# Frames per second, wherever such frames are sent or written.
RATE = 30

CELLS = 30
NUMBER_BITS = 24
UNIT_CELLS = 40
SMALLEST_UNIT = 320
# How much brighter than black white must be, at least.
CONTRAST = 64

# Fixed, whatever the size: `workflows/marked.json` cuts out the band. The strip is lower up to a width of 1920.
BAND = slice(48, 112)
SQUARE = 40
SQUARE_ROWS = slice(60, 60 + SQUARE)
SQUARE_LEFT, SQUARE_STEP = 20, 80
SQUARE_COUNTS = 8
SMALLEST_SIZE = (640, 160)

# The colour bars of 75 %, in BGR.
BARS = [(191 * b, 191 * g, 191 * r) for g in (1, 0) for r in (1, 0) for b in (1, 0)]
GRAYS = 16
ORANGE, WHITE, BLACK = (64, 128, 255), (255, 255, 255), (0, 0, 0)


class Scene:
    """Draws frames of one size."""

    def __init__(self, width: int, height: int):
        if width < SMALLEST_SIZE[0] or height < SMALLEST_SIZE[1]:
            raise ValueError("a marked frame has at least %dx%d pixels" % SMALLEST_SIZE)
        self.width, self.height = width, height
        self._background = background(width, height)

    def frame(self, number: int) -> np.ndarray:
        """The frame of this number, BGR."""
        image = self._background.copy()
        self._draw_shapes(image, number)
        image[BAND] = 0
        for index in range(squares(number)):
            left = SQUARE_LEFT + index * SQUARE_STEP
            image[SQUARE_ROWS, left : left + SQUARE] = 255
        draw_marker(image, number)
        return image

    def _draw_shapes(self, image: np.ndarray, number: int) -> None:
        size = min(self.width, self.height) // 6
        across, down = self.width - size, self.height - size

        def fill(x: int, y: int, width: int, color) -> None:
            image[y : y + size, x : x + width] = color

        fill(bounce(5 * number, across), bounce(3 * number, down), size, ORANGE)
        center = (bounce(3 * number, across) + size // 2, bounce(4 * number, down) + size // 2)
        cv2.circle(image, center, size // 2, WHITE, thickness=-1)
        fill(bounce(8 * number, across), down, size // 2, BLACK)


def background(width: int, height: int) -> np.ndarray:
    """Colour bars above gray steps."""
    image = np.empty((height, width, 3), np.uint8)
    above, below = image[: height * 2 // 3], image[height * 2 // 3 :]
    columns = np.arange(width)
    above[:] = np.array(BARS, np.uint8)[columns * len(BARS) // width]
    below[:] = (columns * GRAYS // width * 255 // (GRAYS - 1))[:, None]
    return image


def bounce(way: int, room: int) -> int:
    """There and back again within the room."""
    place = way % (2 * room)
    return min(place, 2 * room - place)


def squares(number: int) -> int:
    """How many squares the frame of this number shows."""
    return number % SQUARE_COUNTS


def draw_marker(image: np.ndarray, number: int) -> None:
    """Draws the lowest 24 bits of a number into a BGR image."""
    number &= (1 << NUMBER_BITS) - 1
    bits = 0b10 << (NUMBER_BITS + 4) | number << 4 | checksum(number)
    edges, side = strip(image.shape[1])
    for cell in range(CELLS):
        is_white = bits >> (CELLS - 1 - cell) & 1
        image[:side, edges[cell] : edges[cell + 1]] = 255 * is_white


def read_marker(image: np.ndarray):
    """The number in a BGR image, or None where there is none that can be read."""
    edges, side = strip(image.shape[1])
    if edges[-1] > image.shape[1] or side > image.shape[0]:
        return None
    columns = image[side // 4 : side - side // 4, : edges[-1]].mean(axis=(0, 2))
    averages = [inner_mean(columns, *cell) for cell in zip(edges, edges[1:])]
    white, black = averages[:2]
    if white < black + CONTRAST:
        return None
    read = 0
    for average in averages[2:]:
        read = read << 1 | int(average > (white + black) / 2)
    number = read >> 4
    return number if checksum(number) == read & 0xF else None


def strip(width: int):
    """The edges of the cells, and how high they are."""
    unit = max(width, SMALLEST_UNIT)
    return [cell * unit // UNIT_CELLS for cell in range(CELLS + 1)], unit // UNIT_CELLS


def inner_mean(columns: np.ndarray, begin: int, end: int) -> float:
    """Without a quarter on each side, where neighbours may have left something."""
    quarter = (end - begin) // 4
    return columns[begin + quarter : end - quarter].mean()


def checksum(number: int) -> int:
    return sum(number >> shift & 0xF for shift in range(0, NUMBER_BITS, 4)) & 0xF
