// TensorView: draws an array as coloured cells and moves a cursor over them.
// The browser holds the cells, so hovering, framing windows and reading a value need no round trip.

const MIN_CELL_FOR_NUMBERS = 18; // CSS pixels, as every size here
const INDEX_MARGIN = 18; // room for row and column numbers
const MIN_FRAME = 11; // a window over a large photo is a few pixels wide: its frame stays visible
const FAST_STEP = 10; // cells per PageUp, PageDown and Shift+arrow
const MAX_SPELT_CELLS = 100; // larger arrays are named by size and range, smaller ones number by number
const MISSING = { nan: [204, 121, 167], plus: [240, 228, 66], minus: [0, 158, 115] }; // Okabe & Ito
const HIDDEN = [216, 216, 216];
const HINT = "Arrow keys move the cursor; Home and End go along the row; Page Up and Page Down jump.";
const CURSOR = { height: 1, width: 1, dilation: [1, 1], color: "#ffffff", label: "" };

function decode(frame) {
  const { buffer, byteOffset, byteLength } = frame.data;
  const bytes = buffer.slice(byteOffset, byteOffset + byteLength); // a Float32Array wants an aligned start
  const cells = frame.kind === "float32" ? new Float32Array(bytes) : new Uint8Array(bytes);
  return { ...frame, cells, hidden: new Set(frame.hidden) };
}

function level(frame, value) {
  if (frame.kind === "uint8") return value; // Python has scaled these already
  return Math.max(0, Math.min(255, Math.floor(((value - frame.low) / (frame.high - frame.low)) * 256)));
}

function cellColor(frame, colors, index) {
  if (frame.hidden.has(index)) return HIDDEN;
  const value = frame.cells[index * frame.channels];
  if (Number.isNaN(value)) return MISSING.nan;
  if (!Number.isFinite(value)) return value > 0 ? MISSING.plus : MISSING.minus;
  if (frame.channels === 3) return [0, 1, 2].map((c) => level(frame, frame.cells[3 * index + c]));
  const at = 3 * level(frame, value);
  return [colors.getUint8(at), colors.getUint8(at + 1), colors.getUint8(at + 2)];
}

// One canvas pixel per cell; the stage scales it up or down.
function paintCells(frame, colors) {
  const picture = new OffscreenCanvas(frame.columns, frame.rows);
  const context = picture.getContext("2d");
  const image = context.createImageData(frame.columns, frame.rows);
  const pixels = new Uint32Array(image.data.buffer);
  const pixel = ([red, green, blue]) => (255 << 24) | (blue << 16) | (green << 8) | red; // little-endian
  if (frame.kind === "uint8" && frame.channels === 1 && !frame.hidden.size) {
    const oneCell = (value) => cellColor({ ...frame, cells: [value] }, colors, 0);
    const table = Uint32Array.from({ length: 256 }, (_, value) => pixel(oneCell(value)));
    for (let i = 0; i < pixels.length; i++) pixels[i] = table[frame.cells[i]];
  } else {
    for (let i = 0; i < pixels.length; i++) pixels[i] = pixel(cellColor(frame, colors, i));
  }
  context.putImageData(image, 0, 0);
  return picture;
}

function numberText(value, digits = 4, words = ["not a number", "infinity", "minus infinity"]) {
  if (Number.isNaN(value)) return words[0];
  if (!Number.isFinite(value)) return value > 0 ? words[1] : words[2];
  return String(Number(value.toPrecision(digits)) + 0);
}

const shortText = (value) => numberText(value, 3, ["NaN", "∞", "−∞"]).replace("-", "−");

function cellText(frame, row, column) {
  const index = row * frame.columns + column;
  if (frame.hidden.has(index)) return "hidden";
  const values = Array.from(frame.cells.slice(index * frame.channels, (index + 1) * frame.channels));
  if (frame.kind === "float32") return values.map((value) => numberText(value)).join(", ");
  const scaled = values.map((value) => frame.low + (value / 255) * (frame.high - frame.low));
  return `about ${scaled.map((value) => numberText(value, 2)).join(", ")}`;
}

// ---- drawing -------------------------------------------------------------------------------------------------

// Where the cells lie on a stage of this size: whole pixels per cell wherever cells are large.
function placeCells(frame, width, height, maxCell) {
  const fit = (margin) => Math.min((width - margin) / frame.columns, (height - margin) / frame.rows, maxCell);
  const margin = fit(INDEX_MARGIN + 2) >= MIN_CELL_FOR_NUMBERS - 2 ? INDEX_MARGIN : 0;
  const room = fit(margin + 2);
  const cell = room >= 4 ? Math.floor(room) : fit(margin);
  return { cell, margin, x: (column) => margin + column * cell, y: (row) => margin + row * cell };
}

function drawCells(context, { picture, frame }, { cell, x, y }) {
  context.imageSmoothingEnabled = cell < 1;
  context.drawImage(picture, x(0), y(0), frame.columns * cell, frame.rows * cell);
  if (cell < 8) return;
  context.fillStyle = "rgba(120, 120, 120, 0.55)";
  for (let row = 0; row <= frame.rows; row++) context.fillRect(x(0), y(row), frame.columns * cell, 1);
  for (let column = 0; column <= frame.columns; column++) context.fillRect(x(column), y(0), 1, frame.rows * cell);
}

// Padding is greyed, so that its zeros are not taken for data.
function drawBorder(context, frame, { cell, x, y }, [top, bottom, left, right]) {
  const inner = [frame.columns - left - right, frame.rows - top - bottom];
  context.beginPath();
  context.rect(x(0), y(0), frame.columns * cell, frame.rows * cell);
  context.rect(x(left), y(top), inner[0] * cell, inner[1] * cell);
  context.fillStyle = "rgba(128, 128, 128, 0.35)";
  context.fill("evenodd");
}

function write(context, text, x, y, color, font) {
  context.font = `${font}px system-ui, sans-serif`;
  context.textAlign = "center";
  context.textBaseline = "middle";
  context.fillStyle = color;
  context.fillText(text, x + 0.5, y + 1);
}

function drawNumbers(context, { frame, colors }, { cell, x, y }) {
  if (frame.channels > 1) return;
  const texts = Array.from(frame.cells, shortText);
  const longest = Math.max(...texts.map((text) => text.length));
  const font = Math.min(14, cell * 0.42, (cell - 4) / (0.58 * longest));
  texts.forEach((text, index) => {
    const [column, row] = [index % frame.columns, Math.floor(index / frame.columns)];
    const hidden = frame.hidden.has(index);
    const [red, green, blue] = cellColor(frame, colors, index);
    const ink = 0.299 * red + 0.587 * green + 0.114 * blue < 128 ? "#fff" : "#222";
    const [words, size] = hidden ? ["?", 14] : [text, font];
    if (size >= 8) write(context, words, x(column + 0.5), y(row + 0.5), ink, size);
  });
}

// Numbered like the formulas: padding lies before row 0 and column 0.
function drawIndices(context, frame, { x, y }, border, ink) {
  const name = (index) => String(index).replace("-", "−");
  const middle = INDEX_MARGIN / 2;
  for (let row = 0; row < frame.rows; row++) write(context, name(row - border[0]), middle, y(row + 0.5), ink, 10);
  for (let column = 0; column < frame.columns; column++) {
    write(context, name(column - border[2]), x(column + 0.5), middle, ink, 10);
  }
}

function drawWindow(context, { cell, x, y }, { row, column, height, width, dilation, color, label }) {
  const size = [dilation[1] * (width - 1) + 1, dilation[0] * (height - 1) + 1].map((cells) => cells * cell);
  const [wide, high] = size.map((length) => Math.max(length, MIN_FRAME));
  const [left, top] = [x(column) - (wide - size[0]) / 2 + 0.5, y(row) - (high - size[1]) / 2 + 0.5];
  // A dark line under the coloured one shows on every photo.
  for (const [stroke, lineWidth] of [["rgba(0, 0, 0, 0.75)", 5], [color, 3]]) {
    Object.assign(context, { strokeStyle: stroke, lineWidth });
    context.strokeRect(left, top, wide, high);
  }
  if (Math.max(...dilation) > 1 && cell >= 8) {
    const taps = Array.from({ length: height * width }, (_, i) => [Math.floor(i / width), i % width]);
    context.lineWidth = 2;
    for (const [m, n] of taps) {
      context.strokeRect(x(column + n * dilation[1]) + 4, y(row + m * dilation[0]) + 4, cell - 7, cell - 7);
    }
  }
  if (label) {
    context.font = "11px system-ui, sans-serif";
    const textWidth = context.measureText(label).width + 6;
    context.fillStyle = "rgba(255, 255, 255, 0.9)";
    context.fillRect(left - 1, Math.max(0, top - 18), textWidth, 15);
    write(context, label, left - 1 + textWidth / 2, Math.max(0, top - 18) + 7, "#222", 11);
  }
}

// ---- the view ------------------------------------------------------------------------------------------------

class View {
  constructor(model, el) {
    this.model = model;
    this.life = new AbortController(); // its abort removes every DOM listener at once
    this.held = false;
    this.buildElements(el);
    this.listen();
    this.arrange();
    this.followLink();
  }

  buildElements(el) {
    const id = `cnnkit-${Math.random().toString(36).slice(2)}`;
    el.innerHTML = `
      <figure class="cnnkit-view">
        <figcaption></figcaption>
        <div class="cnnkit-view-stage">
          <canvas role="img" data-lm-suppress-shortcuts="true" aria-describedby="${id}"></canvas>
          <span class="cnnkit-hint" id="${id}"></span>
        </div>
        <div class="cnnkit-view-scale"><span></span><i></i><span></span></div>
        <output aria-live="polite"></output>
      </figure>`;
    this.figure = el.querySelector("figure");
    [this.caption, this.stage, this.scale, this.output] = this.figure.children;
    [this.canvas, this.hint] = this.stage.children;
  }

  listen() {
    const { signal } = this.life;
    this.on("change:_frame change:_colors", () => this.showFrame());
    this.on("change:title change:width change:height change:scale change:readout", () => this.arrange());
    this.on("change:cursor change:windows change:border change:numbers change:max_cell", () => this.schedule());
    this.on("change:cursor change:_exact", () => this.speak());
    this.on("change:link", () => this.followLink());
    this.canvas.addEventListener("keydown", (event) => this.pressKey(event), { signal });
    this.canvas.addEventListener("pointermove", (event) => this.movePointer(event), { signal });
    this.canvas.addEventListener("pointerdown", (event) => this.pressPointer(event), { signal });
    this.resizes = new ResizeObserver(() => this.draw());
    this.resizes.observe(this.canvas);
    this.themes = new MutationObserver(() => this.schedule());
    this.themes.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  }

  // anywidget takes these off the model when the view goes; another view's model is ours to leave.
  on(events, react) {
    for (const event of events.split(" ")) this.model.on(event, react);
  }

  dispose() {
    this.life.abort();
    this.resizes.disconnect();
    this.themes.disconnect();
    cancelAnimationFrame(this.scheduled);
    this.unlink?.();
  }

  // Another view's cursor frames the window here that its cell is computed from.
  async followLink() {
    const { source } = this.model.get("link");
    const linked = source && (await this.model.widget_manager.get_model(source.slice("IPY_MODEL_".length)));
    // While the model was fetched, the view may have gone or the link may have changed again.
    if (this.life.signal.aborted || this.model.get("link").source !== source) return;
    this.unlink?.();
    const react = () => this.schedule();
    linked?.on("change:cursor", react);
    this.unlink = () => linked?.off("change:cursor", react);
    this.linked = linked;
    this.schedule();
  }

  arrange() {
    const { width, height, scale, readout, title } = this.get("width", "height", "scale", "readout", "title");
    this.stage.style.maxWidth = this.scale.style.maxWidth = `${width}px`;
    this.canvas.style.aspectRatio = `${width} / ${height}`;
    this.caption.textContent = title;
    this.scale.hidden = !scale;
    this.output.hidden = !readout;
    // A cursor that nobody hears is no use: without a readout this is a plain picture, its numbers in the label.
    // "application" lets a screen reader pass the arrow keys on.
    this.stage.setAttribute("role", readout ? "application" : "presentation");
    this.stage.setAttribute("aria-label", readout ? title : "");
    this.canvas.tabIndex = readout ? 0 : -1;
    this.hint.textContent = readout ? HINT : "";
    this.showFrame();
  }

  showFrame() {
    this.frame = decode(this.model.get("_frame"));
    this.colors = this.model.get("_colors");
    this.picture = paintCells(this.frame, this.colors);
    this.canvas.setAttribute("aria-label", this.label());
    this.paintScale();
    this.draw(); // at once: waiting for the next animation frame would cost half of one
    this.speak();
  }

  label() {
    const { rows, columns, low, high, channels } = this.frame;
    const size = `${this.model.get("title")}: ${rows} rows by ${columns} columns`;
    if (channels > 1) return `${size}, in colour`;
    if (rows * columns > MAX_SPELT_CELLS) return `${size}, shown from ${numberText(low)} to ${numberText(high)}`;
    const first = this.model.get("border")[0];
    const row = (r) => Array.from({ length: columns }, (_, c) => cellText(this.frame, r, c)).join(", ");
    return [size, ...Array.from({ length: rows }, (_, r) => `Row ${r - first}: ${row(r)}`)].join(". ");
  }

  paintScale() {
    const [low, bar, high] = this.scale.children;
    [low.textContent, high.textContent] = [this.frame.low, this.frame.high].map((value) => numberText(value));
    const stop = (i) => `rgb(${[0, 1, 2].map((c) => this.colors.getUint8(3 * i + c))})`;
    bar.style.background = `linear-gradient(to right, ${[0, 51, 102, 153, 204, 255].map(stop).join(",")})`;
  }

  speak() {
    const text = this.model.get("readout") ? this.readoutText() : "";
    if (this.output.textContent !== text) this.output.textContent = text;
  }

  readoutText() {
    const cursor = this.cursor();
    if (!cursor) return "Point at a cell or use arrow keys.";
    const { border, _exact: exact } = this.get("border", "_exact");
    const known = exact.row === cursor[0] && exact.column === cursor[1];
    const value = known ? exact.text : cellText(this.frame, ...cursor);
    const held = this.held ? " (held; click again to release)" : "";
    return `row ${cursor[0] - border[0]}, column ${cursor[1] - border[2]}: ${value}${held}`;
  }

  inside(row, column) {
    return row >= 0 && column >= 0 && row < this.frame.rows && column < this.frame.columns;
  }

  cursor() {
    const cursor = this.model.get("cursor");
    return cursor.length === 2 && this.inside(...cursor) ? cursor : null;
  }

  moveTo(row, column) {
    const clamp = (value, size) => Math.max(0, Math.min(size - 1, value));
    this.model.set("cursor", [clamp(row, this.frame.rows), clamp(column, this.frame.columns)]);
    this.model.save_changes(); // the widget manager keeps one message in flight and merges what follows it
  }

  pressKey(event) {
    if (event.key === "Escape") this.held = false;
    const { rows, columns } = this.frame;
    const [row, column] = this.cursor() ?? [0, 0];
    const step = event.shiftKey ? FAST_STEP : 1;
    const target = {
      ArrowUp: [row - step, column],
      ArrowDown: [row + step, column],
      ArrowLeft: [row, column - step],
      ArrowRight: [row, column + step],
      PageUp: [row - FAST_STEP, column],
      PageDown: [row + FAST_STEP, column],
      Home: [event.ctrlKey ? 0 : row, 0],
      End: [event.ctrlKey ? rows - 1 : row, columns - 1],
    }[event.key];
    if (!target || event.altKey || event.metaKey || !this.model.get("readout")) return;
    event.preventDefault();
    event.stopPropagation();
    this.moveTo(...(this.cursor() ? target : [0, 0]));
  }

  cellAt(event) {
    const { cell, margin } = this.place;
    const at = [event.offsetY, event.offsetX].map((offset) => Math.floor((offset - margin) / cell));
    return this.inside(...at) ? at : null;
  }

  movePointer(event) {
    const mode = this.model.get("pointer"); // "hover", "click" (and drag) or "none"
    const follows = mode === "hover" ? !this.held : mode === "click" && event.buttons === 1;
    const target = follows && this.cellAt(event);
    if (target) this.moveTo(...target);
  }

  // A click holds the cursor, so that the pointer can leave without losing the place; a second one lets go.
  pressPointer(event) {
    const mode = this.model.get("pointer");
    const target = this.cellAt(event);
    if (!target || mode === "none") return;
    this.held = mode === "hover" && event.pointerType === "mouse" && !this.held;
    this.moveTo(...target);
    this.speak();
  }

  schedule() {
    cancelAnimationFrame(this.scheduled);
    this.scheduled = requestAnimationFrame(() => this.draw());
  }

  draw() {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width) return; // not on screen; the resize observer calls again
    const ratio = window.devicePixelRatio;
    for (const [side, length] of Object.entries({ width, height })) {
      const pixels = Math.round(length * ratio); // sharp on dense screens; assigning also clears, hence the test
      if (this.canvas[side] !== pixels) this.canvas[side] = pixels;
    }
    const { max_cell, numbers, border, pointer } = this.get("max_cell", "numbers", "border", "pointer");
    const context = this.canvas.getContext("2d");
    const place = placeCells(this.frame, width, height, max_cell);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    drawCells(context, this, place);
    drawBorder(context, this.frame, place, border);
    if (numbers && place.cell >= MIN_CELL_FOR_NUMBERS) drawNumbers(context, this, place);
    if (place.margin) drawIndices(context, this.frame, place, border, getComputedStyle(this.figure).color);
    for (const frame of this.frames()) drawWindow(context, place, frame);
    this.canvas.style.cursor = pointer === "none" ? "default" : "crosshair";
    this.place = place;
  }

  frames() {
    const { windows, link } = this.get("windows", "link");
    const frames = [...windows];
    const output = (link.source && this.linked?.get("cursor")) || []; // the link may be gone before its source
    if (output.length === 2) {
      const [row, column] = output.map((at, axis) => at * link.stride[axis] - link.padding[axis]);
      frames.push({ ...link, row, column, height: link.kernel_size[0], width: link.kernel_size[1] });
    }
    const own = this.cursor();
    if (own) frames.push({ ...CURSOR, row: own[0], column: own[1] });
    return frames;
  }

  get(...names) {
    return Object.fromEntries(names.map((name) => [name, this.model.get(name)]));
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.dispose();
  },
};
