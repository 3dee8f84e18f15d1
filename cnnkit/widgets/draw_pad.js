// DrawPad: strokes on a sheet of cells, by mouse, touch, pen or keys.
// The line appears here at once; Python gets the sheet's bytes, and only as fast as it can take them.

const MAX_HISTORY = 100; // strokes that can be undone
const ERASER = 2; // times the pen's width
const KEY_STEPS = 64; // key presses from one edge to the other
const FAST = 4; // times as far with Shift
const ERASER_BUTTON = 32; // in a pointer event's `buttons`: the other end of a pen
const ARROWS = { ArrowUp: [0, -1], ArrowDown: [0, 1], ArrowLeft: [-1, 0], ArrowRight: [1, 0] };
const ACTIONS = {
  " ": "togglePen", Enter: "togglePen", e: "toggleEraser", E: "toggleEraser", Backspace: "undo", Escape: "clear",
};
const COMMANDS = { z: "undo" }; // with Ctrl or Cmd
const HELP = "Keys: arrows move the pen, Space sets it down or lifts it, E erases, Backspace undoes, Escape clears.";

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

// The same text again would be spoken again.
function setText(output, text) {
  if (output.textContent !== text) output.textContent = text;
}

// ---- the sheet: one canvas pixel per cell, its opacity is the ink ----------------------------------------------

class Sheet {
  constructor(columns, rows) {
    this.canvas = new OffscreenCanvas(columns, rows);
    this.context = this.canvas.getContext("2d", { willReadFrequently: true });
    Object.assign(this.context, { lineCap: "round", lineJoin: "round" });
  }

  // The whole path at once: pieces laid over each other would have dents where they meet.
  stroke(path, width, erasing) {
    const { context } = this;
    context.globalCompositeOperation = erasing ? "destination-out" : "source-over";
    context.lineWidth = width * (erasing ? ERASER : 1);
    context.beginPath();
    context.moveTo(...path[0]);
    for (const [x, y] of path) context.lineTo(x + 0.01, y); // a line of no length would leave no dot
    context.stroke();
  }

  clear() {
    this.context.clearRect(0, 0, this.canvas.width, this.canvas.height);
  }

  snapshot() {
    return this.context.getImageData(0, 0, this.canvas.width, this.canvas.height);
  }

  restore(image) {
    this.context.putImageData(image, 0, 0);
  }

  bytes() {
    const { data } = this.snapshot();
    return Uint8Array.from({ length: data.length / 4 }, (_, cell) => data[4 * cell + 3]);
  }

  load(cells) {
    const image = new ImageData(this.canvas.width, this.canvas.height);
    for (let cell = 0; cell < cells.byteLength; cell++) image.data[4 * cell + 3] = cells.getUint8(cell);
    this.restore(image);
  }
}

// ---- the view -------------------------------------------------------------------------------------------------

class Pad {
  constructor(model, el) {
    this.model = model;
    this.life = new AbortController(); // its abort removes every DOM listener at once
    this.history = []; // the sheet before each stroke
    this.held = new Set(); // arrow keys that are down: two make a diagonal
    this.erasing = false;
    this.down = false; // the keyboard's pen
    this.dragging = false; // the pointer's
    this.byKeys = false; // whether keys were used last
    const { rows, columns } = this.get("rows", "columns");
    this.sheet = new Sheet(columns, rows);
    this.sheet.load(model.get("pixels"));
    this.pen = [columns / 2, rows / 2];
    this.buildElements(el);
    this.listen();
    this.arrange();
  }

  buildElements(el) {
    const id = `cnnkit-${Math.random().toString(36).slice(2)}`;
    this.canvas = element("canvas", {
      role: "img", tabindex: "0", "data-lm-suppress-shortcuts": "true", "aria-describedby": id,
    });
    this.caption = element("figcaption");
    this.stage = element("div", { class: "cnnkit-pad-stage", role: "application" }, this.canvas);
    this.buttons = {
      erase: this.button("Eraser", () => this.toggleEraser()),
      undo: this.button("Undo", () => this.undo()),
      clear: this.button("Clear", () => this.clear()),
    };
    this.tools = element("div", { class: "cnnkit-pad-tools", role: "group" }, ...Object.values(this.buttons));
    this.output = element("output", { "aria-live": "polite" });
    const help = element("small", { id }, HELP);
    this.figure = element("figure", { class: "cnnkit-pad" });
    this.figure.append(this.caption, this.stage, this.tools, this.output, help);
    el.append(this.figure);
  }

  button(text, react) {
    const made = element("button", { type: "button", "data-lm-suppress-shortcuts": "true" }, text);
    made.addEventListener("click", react, { signal: this.life.signal });
    return made;
  }

  listen() {
    const { signal } = this.life;
    this.reactions = {
      "change:pixels": () => this.receive(),
      "change:title": () => this.arrange(),
      "change:width": () => this.arrange(),
      "change:pen": () => this.draw(),
    };
    for (const [event, react] of Object.entries(this.reactions)) this.model.on(event, react);
    const reactions = {
      pointerdown: (event) => this.begin(event),
      pointermove: (event) => this.follow(event),
      pointerup: (event) => this.end(event),
      pointercancel: (event) => this.end(event),
      keydown: (event) => this.pressKey(event),
      keyup: (event) => this.held.delete(event.key),
      focus: () => this.arrive(),
      blur: () => this.leave(),
      contextmenu: (event) => event.preventDefault(),
    };
    for (const [event, react] of Object.entries(reactions)) this.canvas.addEventListener(event, react, { signal });
    this.resizes = new ResizeObserver(() => this.draw());
    this.resizes.observe(this.canvas);
    this.themes = new MutationObserver(() => requestAnimationFrame(() => this.draw()));
    this.themes.observe(document.body, { attributeFilter: ["data-jp-theme-light", "data-jp-theme-name"] });
  }

  dispose() {
    for (const [event, react] of Object.entries(this.reactions)) this.model.off(event, react);
    this.life.abort();
    this.resizes.disconnect();
    this.themes.disconnect();
    cancelAnimationFrame(this.scheduled);
  }

  arrange() {
    const { rows, columns, width, title } = this.get("rows", "columns", "width", "title");
    this.stage.style.maxWidth = `${width}px`;
    this.canvas.style.aspectRatio = `${columns} / ${rows}`;
    this.caption.textContent = title;
    this.stage.setAttribute("aria-label", title);
    this.tools.setAttribute("aria-label", `${title}: tools`);
    this.show();
  }

  get(...names) {
    return Object.fromEntries(names.map((name) => [name, this.model.get(name)]));
  }

  // ---- the sheet and Python

  // Python, or another view of the same pad, has put something on the sheet.
  receive() {
    if (this.sending) return;
    this.dragging = this.down = false;
    this.remember();
    this.sheet.load(this.model.get("pixels"));
    this.show();
  }

  // Several strokes of one animation frame go together. The widget manager keeps one message in flight and
  // sends only the newest sheet after it.
  send() {
    cancelAnimationFrame(this.scheduled);
    this.scheduled = requestAnimationFrame(() => {
      const { buffer } = this.cells;
      this.sending = true;
      this.model.set("pixels", new DataView(buffer));
      this.sending = false;
      this.model.save_changes();
    });
  }

  changed() {
    this.show();
    this.send();
  }

  show() {
    this.cells = this.sheet.bytes();
    this.draw();
    const share = this.cells.reduce((sum, ink) => sum + ink, 0) / (255 * this.cells.length);
    const amount = share === 0 ? "empty" : `${Math.max(1, Math.round(100 * share))} % ink`;
    this.canvas.setAttribute("aria-label", `${this.model.get("title")}: ${amount}`);
    this.buttons.undo.setAttribute("aria-disabled", !this.history.length);
    this.buttons.clear.setAttribute("aria-disabled", share === 0);
    this.buttons.erase.setAttribute("aria-pressed", this.erasing);
  }

  remember() {
    this.history.push(this.sheet.snapshot());
    if (this.history.length > MAX_HISTORY) this.history.shift();
  }

  undo() {
    const before = this.history.pop();
    if (!before) return this.say("Nothing to undo.");
    this.down = false;
    this.sheet.restore(before);
    this.changed();
    this.say("Undone.");
  }

  clear() {
    this.down = false;
    if (!this.cells.some(Boolean)) return this.say("The sheet is empty.");
    this.remember();
    this.sheet.clear();
    this.changed();
    this.say("Cleared. Undo brings it back.");
  }

  toggleEraser() {
    this.erasing = !this.erasing;
    this.down = false;
    this.show();
    this.say(this.erasing ? "Eraser." : "Pen.");
  }

  say(text) {
    setText(this.output, text);
  }

  // ---- mouse, touch and pen

  placeOf(event) {
    const { columns, rows } = this.get("columns", "rows");
    const area = this.canvas.getBoundingClientRect();
    const [across, down] = [(event.clientX - area.left) / area.width, (event.clientY - area.top) / area.height];
    return [across * columns, down * rows];
  }

  begin(event) {
    if (this.dragging || !event.isPrimary || (event.button !== 0 && !(event.buttons & ERASER_BUTTON))) return;
    this.canvas.setPointerCapture(event.pointerId);
    this.dragging = true;
    this.byKeys = this.down = false;
    this.start(this.placeOf(event), this.erasing || Boolean(event.buttons & ERASER_BUTTON));
  }

  // The browser merges moves that come faster than frames; the merged ones keep the curve round.
  follow(event) {
    if (!this.dragging || !event.isPrimary) return;
    const merged = event.getCoalescedEvents?.() ?? [];
    this.go((merged.length ? merged : [event]).map((step) => this.placeOf(step)));
  }

  end(event) {
    if (!this.dragging || !event.isPrimary) return;
    this.dragging = false;
    this.say(this.rubbing ? "Erased." : "Stroke drawn.");
  }

  start(place, rubbing) {
    this.remember();
    this.path = [];
    this.rubbing = rubbing;
    this.go([place]);
  }

  go(places) {
    this.path.push(...places);
    this.pen = places.at(-1);
    this.sheet.restore(this.history.at(-1));
    this.sheet.stroke(this.path, this.model.get("pen"), this.rubbing);
    this.changed();
  }

  // ---- keys

  pressKey(event) {
    const { key, shiftKey, altKey, repeat } = event;
    const commanded = event.ctrlKey || event.metaKey;
    const action = commanded ? COMMANDS[key] : ACTIONS[key];
    const moves = !commanded && key in ARROWS;
    if (altKey || (shiftKey && key === "Enter") || !(action || moves)) return; // Shift+Enter runs the cell
    event.preventDefault();
    event.stopPropagation();
    this.byKeys = true;
    if (moves) this.movePen(event);
    else if (!repeat || action === "undo") this[action]();
  }

  togglePen() {
    this.down = !this.down;
    if (this.down) this.start(this.pen, this.erasing);
    this.draw();
    this.sayPlace();
  }

  movePen(event) {
    this.held.add(event.key);
    const { columns, rows } = this.get("columns", "rows");
    const step = (Math.max(columns, rows) / KEY_STEPS) * (event.shiftKey ? FAST : 1);
    const sum = [...this.held].reduce(([x, y], key) => [x + ARROWS[key][0], y + ARROWS[key][1]], [0, 0]);
    const clamp = (value, most) => Math.max(0, Math.min(most, value));
    const to = [clamp(this.pen[0] + sum[0] * step, columns), clamp(this.pen[1] + sum[1] * step, rows)];
    this.pen = to;
    if (this.down) this.go([to]);
    else this.draw();
    this.sayPlace();
  }

  arrive() {
    this.byKeys = this.canvas.matches(":focus-visible");
    this.draw();
  }

  leave() {
    this.held.clear();
    this.down = false;
    this.draw();
  }

  sayPlace() {
    const { columns, rows } = this.get("columns", "rows");
    const [across, down] = [this.pen[0] / columns, this.pen[1] / rows].map((share) => Math.round(100 * share));
    const tool = this.erasing ? "Eraser" : "Pen";
    this.say(`${tool} ${this.down ? "down" : "up"}: ${across} % across, ${down} % from the top.`);
  }

  // ---- drawing

  draw() {
    const [width, height] = [this.canvas.clientWidth, this.canvas.clientHeight];
    if (!width) return; // not on screen; the resize observer calls again
    const ratio = window.devicePixelRatio;
    for (const [side, length] of Object.entries({ width, height })) {
      const pixels = Math.round(length * ratio); // sharp on dense screens; assigning also clears, hence the test
      if (this.canvas[side] !== pixels) this.canvas[side] = pixels;
    }
    const context = this.canvas.getContext("2d");
    const { color, backgroundColor } = getComputedStyle(this.canvas);
    context.setTransform(ratio, 0, 0, ratio, 0, 0);
    context.clearRect(0, 0, width, height);
    context.imageSmoothingQuality = "high";
    context.drawImage(this.sheet.canvas, 0, 0, width, height);
    this.fill(context, "source-in", color, width, height);
    this.fill(context, "destination-over", backgroundColor, width, height);
    if (this.byKeys && document.activeElement === this.canvas) this.drawPen(context, width / this.model.get("columns"));
  }

  fill(context, operation, color, width, height) {
    Object.assign(context, { globalCompositeOperation: operation, fillStyle: color });
    context.fillRect(0, 0, width, height);
    context.globalCompositeOperation = "source-over";
  }

  // Where the keyboard's pen is: a ring as wide as its line, filled when it is down.
  drawPen(context, cell) {
    const radius = Math.max(4, (this.model.get("pen") * (this.erasing ? ERASER : 1) * cell) / 2);
    context.beginPath();
    context.arc(this.pen[0] * cell, this.pen[1] * cell, radius, 0, 2 * Math.PI);
    for (const [strokeStyle, lineWidth] of [["#fff", 5], [this.erasing ? "#d55e00" : "#0072b2", 3]]) {
      Object.assign(context, { strokeStyle, lineWidth });
      context.stroke();
    }
    context.fillStyle = "rgba(0, 114, 178, 0.6)";
    if (this.down) context.fill();
  }
}

export default {
  render({ model, el }) {
    const pad = new Pad(model, el);
    return () => pad.dispose();
  },
};
