// NetworkView: what every layer of a network returns, layer below layer, on one canvas.
// The browser holds all numbers: cursor, windows and fields move at once.

const LABEL = 19; // CSS pixels for a layer's name, as every size here
const BELOW = 9; // between layers
const GAP = 6; // between maps
const CELLS = [14, 12, 11, 10, 9, 8, 7, 6, 5, 4];
const TALLEST = 84; // of a map
const INPUT = 112; // of the input
const BAND = (rows) => 50 + 14 * rows; // of all lines of a layer's maps
const BARS = { height: 86, slot: 46, words: 16 };
const [OFF, UNIT, READS, SEES] = ["#d55e00", "#ffffff", "#e69f00", "#56b4e9"];
const LEGEND = { "the chosen unit": UNIT, "what it reads": READS, "its field: what it sees of the input": SEES };
const HINT = "Arrow keys move from unit to unit; Page Up and Page Down change the layer";
const SWITCH_HINT = "; X switches the map off or on";
const FONT = "12px system-ui, sans-serif";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

function numberText(value) {
  return String(Number(value.toPrecision(4)) + 0).replace("-", "−");
}

const percent = (share) => `${(100 * share).toFixed(share > 0.9995 || share < 0.0005 ? 0 : 1)} %`;

// Maps stand in lines; as many pixels a cell as the lines leave room for.
function placeMaps(layer, width, top, tallest) {
  const { rows, columns, channels } = layer;
  const gap = rows * columns === 1 ? 2 : GAP;
  const perLine = (cell) => Math.max(1, Math.floor((width + gap) / (columns * cell + gap)));
  const high = (cell) => Math.ceil(channels / perLine(cell)) * (cell * rows + gap);
  const cell = CELLS.find((size) => size * rows <= tallest && high(size) <= BAND(rows)) ?? CELLS.at(-1);
  const across = Math.min(channels, perLine(cell));
  const [mapWidth, mapHeight] = [columns * cell, rows * cell];
  const map = (channel) => ({
    x: (channel % across) * (mapWidth + gap),
    y: top + LABEL + Math.floor(channel / across) * (mapHeight + gap),
  });
  const box = (row, column, channel) => {
    const { x, y } = map(channel);
    return { x: x + column * cell, y: y + row * cell, width: cell, height: cell };
  };
  const right = across * (mapWidth + gap) - gap;
  return { top, cell, map, box, mapWidth, mapHeight, right, end: top + LABEL + high(cell) - gap };
}

function placeBars(layer, width, top) {
  const slot = Math.min(BARS.slot, width / layer.channels);
  const box = (_row, _column, channel) => ({
    x: channel * slot, y: top + LABEL, width: slot - 4, height: BARS.height + 2 * BARS.words,
  });
  const map = (channel) => box(0, 0, channel);
  return { top, box, map, slot, mapWidth: slot - 4, mapHeight: BARS.height, end: box(0, 0, 0).y + BARS.height + 34 };
}

function placeAll(layers, width) {
  let top = 0;
  return layers.map((layer, index) => {
    const tallest = index ? TALLEST : INPUT;
    const place = layer.labels.length ? placeBars(layer, width, top) : placeMaps(layer, width, top, tallest);
    top = place.end + BELOW;
    return place;
  });
}

class View {
  constructor(model, el) {
    this.model = model;
    this.life = new AbortController(); // its abort removes every DOM listener at once
    const id = `cnnkit-${Math.random().toString(36).slice(2)}`;
    this.caption = element("figcaption");
    this.canvas = element("canvas", {
      role: "img", tabindex: "0", "data-lm-suppress-shortcuts": "true", "aria-describedby": id,
    });
    const free = model.get("fixed").length < model.get("_layers").length;
    const hint = element("span", { class: "cnnkit-hint", id }, `${HINT}${free ? SWITCH_HINT : ""}.`);
    this.stage = element("div", { class: "cnnkit-network-stage", role: "application" }, this.canvas, hint);
    this.output = element("output", { "aria-live": "polite" });
    this.figure = element("figure", { class: "cnnkit-network" });
    this.figure.append(this.caption, this.stage, this.output);
    el.append(this.figure);
    this.listen();
    this.take();
    this.name();
  }

  listen() {
    const { signal } = this.life;
    this.reactions = {
      "change:_values": () => this.take(),
      "change:cursor": () => this.moved(),
      "change:off": () => this.moved(),
      "change:text": () => this.name(),
      "change:title": () => this.name(),
    };
    for (const [event, react] of Object.entries(this.reactions)) this.model.on(event, react);
    const reactions = {
      keydown: (event) => this.pressKey(event),
      pointerdown: (event) => this.point(event),
      pointermove: (event) => event.buttons === 1 && this.point(event),
    };
    for (const [event, react] of Object.entries(reactions)) this.canvas.addEventListener(event, react, { signal });
    this.resizes = new ResizeObserver(() => this.draw());
    this.resizes.observe(this.stage);
    this.themes = new MutationObserver(() => requestAnimationFrame(() => this.draw()));
    this.themes.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  }

  dispose() {
    for (const [event, react] of Object.entries(this.reactions)) this.model.off(event, react);
    this.life.abort();
    this.resizes.disconnect();
    this.themes.disconnect();
  }

  name() {
    const title = this.model.get("title");
    this.caption.textContent = title;
    this.stage.setAttribute("aria-label", title);
    this.stage.style.maxWidth = `${this.model.get("width")}px`;
    this.canvas.setAttribute("aria-label", `${title}: ${this.model.get("text")}`);
  }

  // The numbers of all layers, cut into layers.
  take() {
    const { buffer, byteOffset, byteLength } = this.model.get("_values");
    const all = new Float32Array(buffer.slice(byteOffset, byteOffset + byteLength)); // a copy, to be aligned
    let start = 0;
    this.layers = this.model.get("_layers").map((layer) => {
      const size = layer.rows * layer.columns * layer.channels;
      start += size;
      return { ...layer, values: all.subarray(start - size, start) };
    });
    this.draw(); // at once: waiting for the next animation frame would cost half of one
    this.speak();
  }

  moved() {
    this.draw();
    this.speak();
  }

  valueAt(layer, row, column, channel) {
    const { rows, columns, values } = this.layers[layer];
    return values[(channel * rows + row) * columns + column];
  }

  isOff(layer, channel) {
    return this.model.get("off").some(([l, c]) => l === layer && c === channel);
  }

  speak() {
    const [layer, row, column, channel] = this.model.get("cursor");
    const { name, rows, columns, channels, labels } = this.layers[layer];
    const value = this.valueAt(layer, row, column, channel);
    const map = channels > 1 ? `map ${channel}, ` : "";
    const where = rows * columns > 1 ? `${map}row ${row}, column ${column}` : `unit ${channel}`;
    const spoken = labels.length ? `${labels[channel]}: ${percent(value)}` : `${where}: ${numberText(value)}`;
    const off = this.isOff(layer, channel) ? ", switched off" : "";
    const text = `${name}, ${spoken}${off}`;
    if (this.output.textContent !== text) this.output.textContent = text;
  }

  // ---- moving

  moveTo(target) {
    this.model.set("cursor", target);
    this.model.save_changes(); // the widget manager keeps one message in flight and merges what follows it
  }

  toggle() {
    const [layer, , , channel] = this.model.get("cursor");
    if (this.model.get("fixed").includes(layer)) return;
    const off = this.model.get("off");
    const others = off.filter(([l, c]) => l !== layer || c !== channel);
    this.model.set("off", others.length < off.length ? others : [...off, [layer, channel]]);
    this.model.save_changes();
  }

  pressKey(event) {
    if (event.altKey || event.metaKey || event.ctrlKey) return;
    const [layer, row, column, channel] = this.model.get("cursor");
    const { rows, columns, channels } = this.layers[layer];
    const index = channel * columns + column; // along the line of maps
    const actions = {
      ArrowLeft: () => this.along(layer, row, index - 1),
      ArrowRight: () => this.along(layer, row, index + 1),
      ArrowUp: () => (row > 0 ? this.moveTo([layer, row - 1, column, channel]) : this.across(-1)),
      ArrowDown: () => (row < rows - 1 ? this.moveTo([layer, row + 1, column, channel]) : this.across(1)),
      Home: () => this.moveTo([layer, row, 0, 0]),
      End: () => this.moveTo([layer, row, columns - 1, channels - 1]),
      PageUp: () => this.changeLayer(-1),
      PageDown: () => this.changeLayer(1),
      x: () => this.toggle(),
    };
    const react = actions[event.key === "X" ? "x" : event.key];
    if (!react) return;
    event.preventDefault();
    event.stopPropagation();
    react();
  }

  along(layer, row, index) {
    const { columns, channels } = this.layers[layer];
    const inside = Math.max(0, Math.min(columns * channels - 1, index));
    this.moveTo([layer, row, inside % columns, Math.floor(inside / columns)]);
  }

  // To the line of maps above or below, of this layer or the next: whatever cell is nearest.
  across(direction) {
    const [layer, , , channel] = this.model.get("cursor");
    const at = this.centre(this.model.get("cursor"));
    const edge = this.places[layer].map(channel);
    const isBeyond = ([l, , , c]) => {
      const { y } = this.places[l].map(c);
      return direction < 0 ? y < edge.y : y > edge.y;
    };
    const beyond = [...this.units(layer), ...this.units(layer + direction)].filter(isBeyond);
    if (beyond.length) this.moveTo(this.nearest(beyond, at));
  }

  changeLayer(direction) {
    const units = this.units(this.model.get("cursor")[0] + direction);
    if (units.length) this.moveTo(this.nearest(units, this.centre(this.model.get("cursor"))));
  }

  units(layer) {
    const { rows = 0, columns = 0, channels = 0 } = this.layers[layer] ?? {};
    const unit = (_, index) => {
      const cell = index % (rows * columns);
      return [layer, Math.floor(cell / columns), cell % columns, Math.floor(index / (rows * columns))];
    };
    return Array.from({ length: rows * columns * channels }, unit);
  }

  centre([layer, ...place]) {
    const { x, y, width, height } = this.places[layer].box(...place);
    return [x + width / 2, y + height / 2];
  }

  nearest(units, [x, y]) {
    const distance = (unit) => Math.hypot(...this.centre(unit).map((at, axis) => at - [x, y][axis]));
    return units.reduce((best, unit) => (distance(unit) < distance(best) ? unit : best));
  }

  point(event) {
    const [x, y] = [event.offsetX, event.offsetY];
    const layer = this.places.findIndex(({ end }) => y < end + BELOW / 2);
    const holds = (unit) => {
      const box = this.places[layer].box(...unit.slice(1));
      return x >= box.x && x < box.x + box.width && y >= box.y && y < box.y + box.height;
    };
    const unit = this.units(layer).find(holds);
    if (unit) this.moveTo(unit);
  }

  // ---- drawing

  draw() {
    const width = this.stage.clientWidth;
    if (!width) return; // not on screen; the resize observer calls again
    this.places = placeAll(this.layers, width);
    const height = Math.ceil(this.places.at(-1).end) + 1;
    const ratio = window.devicePixelRatio;
    this.canvas.style.height = `${height}px`;
    for (const [side, length] of Object.entries({ width, height })) {
      const pixels = Math.round(length * ratio); // sharp on dense screens; assigning also clears, hence the test
      if (this.canvas[side] !== pixels) this.canvas[side] = pixels;
    }
    const context = this.canvas.getContext("2d");
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    this.ink = getComputedStyle(this.figure).color;
    this.layers.forEach((layer, index) => this.drawLayer(context, layer, index));
    this.drawLegend(context);
    this.drawFrames(context);
  }

  write(context, text, x, y, align = "left", weight = "") {
    Object.assign(context, { fillStyle: this.ink, textAlign: align, textBaseline: "middle" });
    context.font = `${weight} ${FONT}`;
    context.fillText(text, x, y);
  }

  drawLayer(context, layer, index) {
    const place = this.places[index];
    this.write(context, layer.name, 0, place.top + LABEL / 2, "left", "bold");
    const after = context.measureText(layer.name).width;
    this.write(context, layer.about, after + 8, place.top + LABEL / 2);
    if (layer.labels.length) this.drawBars(context, layer, place);
    else this.drawMaps(context, layer, index, place);
  }

  drawLegend(context) {
    const left = this.places[0].right + 24;
    Object.entries(LEGEND).forEach(([text, color], line) => {
      const middle = LABEL + 14 + 22 * line;
      this.frame(context, left, middle - 6, 12, 12, color);
      this.write(context, text, left + 22, middle);
    });
  }

  drawMaps(context, layer, index, place) {
    const table = this.model.get("_colors")[layer.cmap];
    const scale = 256 / (layer.high - layer.low);
    this.units(index).forEach(([, row, column, channel], at) => {
      const level = 3 * Math.max(0, Math.min(255, Math.floor((layer.values[at] - layer.low) * scale)));
      const { x, y, width, height } = place.box(row, column, channel);
      context.fillStyle = `rgb(${table.getUint8(level)},${table.getUint8(level + 1)},${table.getUint8(level + 2)})`;
      context.fillRect(x, y, width, height);
    });
    Object.assign(context, { strokeStyle: "rgba(128, 128, 128, 0.7)", lineWidth: 1 });
    for (let channel = 0; channel < layer.channels; channel++) {
      const { x, y } = place.map(channel);
      context.strokeRect(x + 0.5, y + 0.5, place.mapWidth - 1, place.mapHeight - 1);
    }
    for (const [l, channel] of this.model.get("off")) if (l === index) this.crossOut(context, place, channel);
  }

  crossOut(context, { map, mapWidth, mapHeight }, channel) {
    const { x, y } = map(channel);
    Object.assign(context, { strokeStyle: OFF, lineWidth: 2 });
    context.strokeRect(x + 1, y + 1, mapWidth - 2, mapHeight - 2);
    context.beginPath();
    context.moveTo(x + 1, y + 1);
    context.lineTo(x + mapWidth - 1, y + mapHeight - 1);
    context.moveTo(x + mapWidth - 1, y + 1);
    context.lineTo(x + 1, y + mapHeight - 1);
    context.stroke();
  }

  drawBars(context, layer, place) {
    const best = layer.values.indexOf(Math.max(...layer.values));
    layer.values.forEach((share, channel) => {
      const { x, y, width } = place.box(0, 0, channel);
      const floor = y + BARS.words + BARS.height;
      const high = Math.max(1, BARS.height * share);
      context.fillStyle = channel === best ? "#0072b2" : "#8c8c8c";
      context.fillRect(x + 4, floor - high, width - 8, high);
      const weight = channel === best ? "bold" : "";
      this.write(context, `${Math.round(100 * share)} %`, x + width / 2, floor - high - 8, "center", weight);
      this.write(context, layer.labels[channel], x + width / 2, floor + 10, "center", weight);
    });
  }

  // The cursor, what its unit reads of the layer below, and what it sees of the input.
  drawFrames(context) {
    const [layer, row, column, channel] = this.model.get("cursor");
    const { windows, fields } = this.layers[layer];
    if (layer > 1) {
      const span = ([size, jump, start], at) => [start + at * jump, size];
      this.frameMaps(context, 0, fields && [span(fields[0], row), span(fields[1], column)], SEES);
    }
    if (layer > 0) {
      const span = ([size, stride, start], at) => [start + at * stride, size];
      this.frameMaps(context, layer - 1, windows && [span(windows[0], row), span(windows[1], column)], READS, channel);
    }
    const { x, y, width, height } = this.places[layer].box(row, column, channel);
    this.frame(context, x, y, width, height, UNIT);
  }

  // Frame a part of every map of a layer, cut off at the map's edges; null for all of it.
  frameMaps(context, layer, spans, color, only) {
    const { rows, columns, channels } = this.layers[layer];
    const { cell, map, right, end } = this.places[layer];
    if (rows * columns === 1) return this.frame(context, 0, map(0).y, right, end - map(0).y, color); // one for all
    const cut = (span, size) => {
      const [start, length] = span ?? [0, size];
      const [first, last] = [Math.max(0, start), Math.min(size, start + length)];
      return [first, Math.max(0, last - first)];
    };
    const [[top, high], [left, wide]] = [cut(spans?.[0], rows), cut(spans?.[1], columns)];
    const own = only !== undefined && this.layers[layer + 1].own; // pooling reads its own map alone
    for (let channel = 0; channel < channels; channel++) {
      if (own && channel !== only) continue;
      const { x, y } = map(channel);
      this.frame(context, x + left * cell, y + top * cell, wide * cell, high * cell, color);
    }
  }

  frame(context, x, y, width, height, color) {
    // A dark line under the coloured one shows on every colour and in both themes.
    for (const [strokeStyle, lineWidth] of [["rgba(0, 0, 0, 0.8)", 4], [color, 2]]) {
      Object.assign(context, { strokeStyle, lineWidth });
      context.strokeRect(x, y, width, height);
    }
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.dispose();
  },
};
