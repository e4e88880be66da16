// Runs in the live page, before the page's own scripts: looks at each picture when the page says that it is shown.
//
// It reads the number that `streamsdk_capture::marker` describes, and from time to time the clock of the test pattern,
// out of the pixels. What was seen waits in `window.streamsdkSeen` until it is taken.

(() => {
  const CELLS = 30;
  const NUMBER_BITS = 24;
  const UNIT_CELLS = 40;
  const SMALLEST_UNIT = 320;
  // How much brighter than black white must be, at least.
  const CONTRAST = 64;

  // Drawn over a picture that has no boxes.
  const NO_FRAME = (1 << NUMBER_BITS) - 1;

  const CLOCK_CHARACTERS = 12;
  const CLOCK_EVERY = 10;
  const DOTS = { across: 5, down: 7, advance: 6 };
  // Dots of a digit that may be misread.
  const WRONG_DOTS = 3;
  const DAY_MS = 24 * 60 * 60 * 1000;

  // Rows from top to bottom, as in the font of `streamsdk_media::draw`.
  const DIGITS = [
    "01110 10001 10011 10101 11001 10001 01110",
    "00100 01100 00100 00100 00100 00100 01110",
    "01110 10001 00001 00110 01000 10000 11111",
    "01110 10001 00001 00110 00001 10001 01110",
    "00010 00110 01010 10010 11111 00010 00010",
    "11111 10000 11110 00001 00001 10001 01110",
    "00110 01000 10000 11110 10001 10001 01110",
    "11111 00001 00010 00100 01000 01000 01000",
    "01110 10001 10001 01110 10001 10001 01110",
    "01110 10001 10001 01111 00001 00010 01100",
  ].map((rows) => [...rows.replaceAll(" ", "")].map(Number));

  const seen = (window.streamsdkSeen = { pictures: [], errors: [], take });
  const clip = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  let count = 0;

  document.addEventListener("streamsdk:shown", ({ detail }) => {
    try {
      seen.pictures.push(look(detail));
    } catch (error) {
      seen.errors.push(String(error));
    }
  });

  /** What was seen since the last time. */
  function take() {
    return { pictures: seen.pictures.splice(0), errors: seen.errors.splice(0) };
  }

  function look({ stream, rtp, frame, time, boxes, late = false }) {
    const now = Date.now();
    const place = placeOf(stream);
    const picture = pictureIn(place);
    const number = readMarker(picture);
    count += 1;
    if (seen.marksOverlay) drawMark(place, picture, frame);
    return {
      stream,
      rtp,
      frame,
      time,
      boxes,
      // The boxes came after their picture, which is announced once more then.
      amends: late,
      number,
      late: count % CLOCK_EVERY === 0 ? lateness(picture, now) : null,
      at: now,
    };
  }

  function placeOf(stream) {
    return document.querySelector(`[data-stream="${CSS.escape(stream)}"]`);
  }

  /** The video or the canvas that can be seen. */
  function pictureIn(place) {
    // A canvas lies over the video.
    const picture = ["canvas.picture", "video"].map((one) => place.querySelector(one)).find(isSeen);
    if (!picture) throw new Error("no picture can be seen");
    return picture;
  }

  function isSeen(picture) {
    return picture !== null && picture.getClientRects().length > 0 && sizeOf(picture).width > 0;
  }

  function sizeOf(picture) {
    return { width: picture.videoWidth ?? picture.width, height: picture.videoHeight ?? picture.height };
  }

  /** The number in the picture, or null where there is none that can be read. */
  function readMarker(picture) {
    return readMarkerAt(picture, { left: 0, top: 0, ...sizeOf(picture) });
  }

  /** The number of a picture that is somewhere within another. */
  function readMarkerAt(picture, { left, top, width, height }) {
    const unit = Math.max(width, SMALLEST_UNIT);
    const edges = Array.from({ length: CELLS + 1 }, (_, cell) => Math.floor((cell * unit) / UNIT_CELLS));
    const side = Math.floor(unit / UNIT_CELLS);
    if (edges[CELLS] > width || side > height) return null;
    const quarter = Math.floor(side / 4);
    const light = brightness(picture, left, top + quarter, edges[CELLS], side - 2 * quarter);
    const cells = edges.slice(1).map((end, cell) => {
      const margin = Math.floor((end - edges[cell]) / 4);
      return mean(light, edges[cell] + margin, end - margin);
    });
    const [white, black] = cells;
    if (white < black + CONTRAST) return null;
    const bits = cells.slice(2).map((cell) => (cell > (white + black) / 2 ? 1 : 0));
    const number = bits.slice(0, NUMBER_BITS).reduce((value, bit) => value * 2 + bit, 0);
    const given = bits.slice(NUMBER_BITS).reduce((value, bit) => value * 2 + bit, 0);
    return checksum(number) === given ? number : null;
  }

  function checksum(number) {
    let sum = 0;
    for (let shift = 0; shift < NUMBER_BITS; shift += 4) sum += (number >> shift) & 0xf;
    return sum & 0xf;
  }

  /** From now on the number of the frame whose boxes were drawn is drawn along with them, a little below the picture's own. */
  function markOverlay() {
    seen.marksOverlay = true;
  }

  function drawMark(place, picture, frame) {
    const overlay = place.querySelector("canvas.overlay");
    const [area, bounds] = [contentOf(picture), overlay.getBoundingClientRect()];
    const [across, down] = [overlay.width / bounds.width, overlay.height / bounds.height];
    const context = overlay.getContext("2d");
    const number = frame ?? NO_FRAME;
    const value = [1, 0, ...bitsOf(number, NUMBER_BITS), ...bitsOf(checksum(number), 4)];
    const side = area.width / UNIT_CELLS;
    context.save();
    context.resetTransform();
    // Boxes and their labels would cover the number in the picture.
    const corner = [(area.left - bounds.left) * across, (area.top - bounds.top) * down];
    context.clearRect(...corner, area.width * across, side * down);
    for (const [cell, isWhite] of value.entries()) {
      const left = area.left + (cell * area.width) / UNIT_CELLS - bounds.left;
      const top = markTop(area) - bounds.top;
      context.fillStyle = isWhite ? "#fff" : "#000";
      context.fillRect(left * across, top * down, side * across, side * down);
    }
    context.restore();
  }

  function bitsOf(number, count) {
    return Array.from({ length: count }, (_, bit) => (number >> (count - 1 - bit)) & 1);
  }

  /** Where on the page the picture is, which need not fill its element. */
  function contentOf(picture) {
    const bounds = picture.getBoundingClientRect();
    const { width, height } = sizeOf(picture);
    const scale = Math.min(bounds.width / width, bounds.height / height);
    const content = { width: width * scale, height: height * scale };
    const left = bounds.left + (bounds.width - content.width) / 2;
    return { left, top: bounds.top + (bounds.height - content.height) / 2, ...content };
  }

  function markTop(area) {
    return area.top + (3 * area.width) / UNIT_CELLS;
  }

  /** What a picture of the screen shows: the number in the stream's picture, and that which was drawn over it. */
  async function readScreen(stream, base64) {
    const bytes = Uint8Array.from(atob(base64), (character) => character.charCodeAt(0));
    const screen = await createImageBitmap(new Blob([bytes]));
    const area = contentOf(pictureIn(placeOf(stream)));
    const rounded = ({ left, top, width, height }) => {
      const [x, y] = [Math.round(left), Math.round(top)];
      return { left: x, top: y, width: Math.round(width), height: Math.round(height) };
    };
    const number = readMarkerAt(screen, rounded(area));
    const drawn = readMarkerAt(screen, rounded({ ...area, top: markTop(area) }));
    screen.close();
    return { number, frame: drawn === NO_FRAME ? null : drawn, isMarked: drawn !== null };
  }

  /** How many milliseconds ago the clock in the picture was drawn; null where it cannot be read. */
  function lateness(picture, now) {
    const { width, height } = sizeOf(picture);
    const scale = Math.max(1, Math.min(Math.floor(width / 120), Math.floor(height / 60)));
    const left = Math.floor(width / 20) + scale;
    const top = Math.floor(height / 3) + 20 * scale + scale;
    const columns = CLOCK_CHARACTERS * DOTS.advance * scale;
    const light = brightness(picture, left, top, columns, DOTS.down * scale);
    const isSet = (character, column, row) => {
      const at = (dot) => Math.floor((dot + 0.5) * scale);
      return light.at(at(character * DOTS.advance + column), at(row)) > 128;
    };
    const digits = [0, 1, 3, 4, 6, 7, 9, 10, 11].map((character) => readDigit(isSet, character));
    if (digits.includes(null)) return null;
    const [h1, h2, m1, m2, s1, s2, ...ms] = digits;
    const seconds = (h1 * 10 + h2) * 3600 + (m1 * 10 + m2) * 60 + s1 * 10 + s2;
    const drawn = seconds * 1000 + Number(ms.join(""));
    return (((now - drawn) % DAY_MS) + DAY_MS) % DAY_MS;
  }

  function readDigit(isSet, character) {
    const wrong = DIGITS.map((dots) =>
      dots.filter((dot, index) => {
        const [column, row] = [index % DOTS.across, Math.floor(index / DOTS.across)];
        return isSet(character, column, row) !== (dot === 1);
      }).length,
    );
    const least = Math.min(...wrong);
    const isCertain = least <= WRONG_DOTS && wrong.filter((count) => count === least).length === 1;
    return isCertain ? wrong.indexOf(least) : null;
  }

  /** The brightness of a part of the picture. */
  function brightness(picture, left, top, width, height) {
    if (clip.canvas.width < width) clip.canvas.width = width;
    if (clip.canvas.height < height) clip.canvas.height = height;
    clip.drawImage(picture, left, top, width, height, 0, 0, width, height);
    const { data } = clip.getImageData(0, 0, width, height);
    const at = (x, y) => {
      const pixel = (y * width + x) * 4;
      return (data[pixel] + data[pixel + 1] + data[pixel + 2]) / 3;
    };
    return { height, at };
  }

  function mean(light, begin, end) {
    let sum = 0;
    for (let y = 0; y < light.height; y += 1) {
      for (let x = begin; x < end; x += 1) sum += light.at(x, y);
    }
    return sum / ((end - begin) * light.height);
  }

  // For what is asked of a page besides.
  Object.assign(seen, { numberNow: (stream) => readMarker(pictureIn(placeOf(stream))), markOverlay, readScreen });
})();
