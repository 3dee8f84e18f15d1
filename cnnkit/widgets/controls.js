// Controls: native inputs with labels, built from descriptions, and one message in flight at a time.
// A slider that is dragged would otherwise queue a computation for every pixel it passes.

const CHUNK = 4 * 2 ** 20; // bytes of a file per message: the server closes connections on more than 10 MB
const SPEEDS = { slow: 1500, normal: 800, fast: 300, "very fast": 120 }; // milliseconds per step
const MINUS = /[−–]/g;

function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value === true || value === false) made.toggleAttribute(name, value);
    else made.setAttribute(name, value);
  }
  made.append(...children);
  return made;
}

// Without the attribute on the focused element itself, JupyterLab takes arrow keys as its own shortcuts.
function input(tag, attributes) {
  return element(tag, { "data-lm-suppress-shortcuts": "true", ...attributes });
}

// The same text again would be spoken again.
function setText(output, text) {
  if (output.textContent !== text) output.textContent = text;
}

function numberText(value) {
  return String(Number(Number(value).toPrecision(4)) + 0);
}

// "0,5", "1/9" and "−2" are numbers to a person; NaN means that the text is none.
function parseNumber(text) {
  const [top, bottom = "1", ...rest] = text.trim().replace(MINUS, "-").replace(",", ".").split("/");
  const value = top.trim() === "" || bottom.trim() === "" || rest.length ? NaN : Number(top) / Number(bottom);
  return Number.isFinite(value) ? value : NaN;
}

// One builder per kind returns {parts, field, show(value)}: what to put in, what to describe, how to display.
function buildNumber(spec, panel, id) {
  const field = input("input", { type: "number", id, min: spec.minimum, max: spec.maximum, step: spec.step });
  let last = spec.value;
  const accepts = () => field.valueAsNumber >= spec.minimum && field.valueAsNumber <= spec.maximum; // NaN is neither
  field.addEventListener("input", () => {
    field.setAttribute("aria-invalid", !accepts());
    if (accepts()) panel.edit(spec.name, (last = field.valueAsNumber));
  });
  field.addEventListener("change", () => {
    panel.complain(spec.name, accepts() ? "" : `Type a number from ${spec.minimum} to ${spec.maximum}; ${last} kept.`);
    field.value = last;
    field.removeAttribute("aria-invalid");
  });
  const show = (value) => {
    last = value;
    const typing = field.getAttribute("aria-invalid") === "true"; // half a number: "-", "1e"
    if (!typing && field.valueAsNumber !== value) field.value = value;
  };
  return { parts: [label(spec, id), field], field, show };
}

function buildRange(spec, panel, id) {
  const field = input("input", { type: "range", id, min: spec.minimum, max: spec.maximum, step: spec.step });
  const shown = element("span", { class: "cnnkit-value", "aria-hidden": "true" }); // the input itself speaks
  const write = (value) => {
    const text = spec.texts[Math.round((value - spec.minimum) / spec.step)] ?? numberText(value);
    shown.textContent = text;
    field.setAttribute("aria-valuetext", text);
  };
  const edit = () => {
    write(field.valueAsNumber);
    panel.edit(spec.name, field.valueAsNumber);
  };
  field.addEventListener("input", edit);
  const show = (value) => {
    field.value = value;
    write(value);
  };
  const head = element("div", { class: "cnnkit-head" }, label(spec, id), shown);
  const player = spec.play ? [buildPlayer(spec, panel, field, edit)] : [];
  return { parts: [head, element("div", { class: "cnnkit-track" }, ...player, field)], field, show };
}

function buildPlayer(spec, panel, field, edit) {
  const button = input("button", { type: "button", class: "cnnkit-play" });
  const speed = input("select", { "aria-label": `${spec.label}: speed` });
  speed.append(...Object.entries(SPEEDS).map(([name, pause]) => element("option", { value: pause }, name)));
  speed.value = SPEEDS.normal;
  let timer = null;
  const atEnd = () => field.valueAsNumber >= Number(field.max);
  const play = (on) => {
    clearInterval(timer);
    timer = on ? setInterval(tick, Number(speed.value)) : null;
    button.textContent = on ? "❚❚ Pause" : "▶ Play";
    button.setAttribute("aria-label", `${on ? "Pause" : "Play"}: ${spec.label}`);
  };
  const tick = () => {
    const gone = !field.isConnected || field.disabled; // replaced by a slider of another length, or greyed out
    if (gone || atEnd()) return play(false);
    field.stepUp();
    edit();
  };
  button.addEventListener("click", () => {
    if (!timer && atEnd()) field.value = field.min;
    edit();
    play(!timer);
  });
  speed.addEventListener("change", () => timer && play(true));
  field.addEventListener("pointerdown", () => play(false));
  panel.life.signal.addEventListener("abort", () => play(false));
  play(false);
  return element("span", { class: "cnnkit-player" }, button, speed);
}

function buildSelect(spec, panel, id) {
  const field = input("select", { id });
  field.append(...spec.options.map(([text], index) => element("option", { value: index }, text)));
  field.addEventListener("change", () => panel.edit(spec.name, spec.options[field.selectedIndex][1]));
  const show = (value) => {
    const wanted = JSON.stringify(value);
    field.selectedIndex = spec.options.findIndex(([, known]) => JSON.stringify(known) === wanted);
  };
  return { parts: [label(spec, id), field], field, show };
}

function buildCheckbox(spec, panel, id) {
  const field = input("input", { type: "checkbox", id });
  field.addEventListener("change", () => panel.edit(spec.name, field.checked));
  const line = element("div", { class: "cnnkit-check" }, field, label(spec, id));
  return { parts: [line], field, show: (value) => (field.checked = value) };
}

function buildButton(spec, panel, id) {
  const field = input("button", { type: "button", id });
  field.textContent = spec.label;
  field.addEventListener("click", () => panel.press(spec.name));
  return { parts: [field], field, show: () => {} };
}

function buildText(spec, panel, id) {
  const field = input("input", { type: "text", id, maxlength: spec.max_length, autocomplete: "off" });
  const commit = () => panel.edit(spec.name, field.value);
  field.addEventListener("change", commit);
  field.addEventListener("keydown", (event) => {
    if (event.key === "Enter") commit();
    if (event.key === "Enter" && spec.submit) panel.press(spec.submit);
  });
  const show = (value) => field.value !== value && (field.value = value); // an equal one would move the caret
  return { parts: [label(spec, id), field], field, show };
}

function buildFile(spec, panel, id) {
  const field = input("input", { type: "file", id, accept: spec.accept });
  field.addEventListener("change", async () => {
    const [file] = field.files;
    if (!file) return;
    field.value = ""; // choosing the same file again is a change, too
    const [size, limit] = [file.size, spec.max_bytes].map((bytes) => (bytes / 2 ** 20).toFixed(0));
    const tooLarge = file.size > spec.max_bytes;
    const sentence = tooLarge ? `${file.name} has ${size} MB; the limit is ${limit} MB.` : `Reading ${file.name} …`;
    panel.complain(spec.name, sentence);
    const bytes = tooLarge ? null : await file.arrayBuffer();
    for (let start = 0; bytes && (start === 0 || start < bytes.byteLength); start += CHUNK) {
      const head = { kind: "file", name: spec.name, filename: file.name, start, size: bytes.byteLength };
      panel.model.send(head, undefined, [bytes.slice(start, start + CHUNK)]);
    }
  });
  return { parts: [label(spec, id), field], field, show: () => {} };
}

function buildReadout(spec, panel, id) {
  const field = element("output", { "aria-labelledby": id, "aria-live": "polite" });
  field.style.minHeight = `${1.4 * spec.lines}em`;
  const name = element("span", { id, class: "cnnkit-name" }, spec.label);
  return { parts: [name, field], field, show: (value) => setText(field, value) };
}

// A grid of numbers: Tab enters and leaves it, arrows walk in it, typing replaces a number.
class Grid {
  constructor(spec, panel, id) {
    Object.assign(this, { spec, panel, rows: [], cells: [] });
    this.field = element("div", { role: "group", "aria-labelledby": id, class: "cnnkit-matrix" });
    this.parts = [element("span", { id, class: "cnnkit-name" }, spec.label), this.field];
    this.show = (rows) => this.showRows(rows);
    this.disable = (off) => this.cells.flat().forEach((cell) => (cell.disabled = off));
  }

  showRows(rows) {
    const known = this.rows;
    const sameShape = known.length === rows.length && known[0].length === rows[0].length;
    this.rows = rows;
    if (!sameShape) this.build();
    rows.forEach((numbers, row) => numbers.forEach((number, column) => {
      if (!sameShape || known[row][column] !== number) this.write(row, column);
    }));
    this.tint();
  }

  build() {
    this.narrow = this.rows[0].length > 5; // two decimals fit; the whole number shows in the visited cell
    this.cells = this.rows.map((numbers, row) => numbers.map((_, column) => this.buildCell(row, column)));
    this.cells[0][0].tabIndex = 0;
    this.field.style.gridTemplateColumns = `repeat(${this.rows[0].length}, minmax(0, 3.6em))`;
    this.field.classList.toggle("cnnkit-narrow", this.narrow);
    this.field.replaceChildren(...this.cells.flat());
  }

  buildCell(row, column) {
    const name = `${this.spec.label}, row ${row}, column ${column}`;
    const cell = input("input", { type: "text", autocomplete: "off", "aria-label": name, tabindex: -1 });
    const reactions = {
      focus: () => {
        cell.value = numberText(this.rows[row][column]);
        cell.select();
      },
      blur: () => cell === this.cells[row]?.[column] && this.write(row, column), // a removed cell blurs, too
      input: () => this.edit(cell, row, column),
      change: () => this.settle(cell, row, column),
      keydown: (event) => this.walk(event, row, column),
    };
    for (const [event, react] of Object.entries(reactions)) cell.addEventListener(event, react);
    return cell;
  }

  write(row, column) {
    const number = this.rows[row][column];
    this.cells[row][column].value = numberText(this.narrow ? number.toFixed(2) : number);
    this.cells[row][column].removeAttribute("aria-invalid");
  }

  tint() {
    const reach = Math.max(...this.rows.flat().map(Math.abs)) || 1;
    this.rows.flat().forEach((number, index) => {
      const { style } = this.cells.flat()[index];
      style.setProperty("--tint", number < 0 ? "#0072b2" : "#d55e00");
      style.setProperty("--share", `${Math.round((45 * Math.abs(number)) / reach)}%`);
    });
  }

  edit(cell, row, column) {
    const number = parseNumber(cell.value);
    cell.setAttribute("aria-invalid", Number.isNaN(number));
    if (Number.isNaN(number)) return;
    this.rows = this.rows.map((numbers, r) => (r === row ? numbers.with(column, number) : numbers));
    this.tint();
    this.panel.complain(this.spec.name, "");
    this.panel.edit(this.spec.name, this.rows);
  }

  settle(cell, row, column) {
    if (!Number.isNaN(parseNumber(cell.value))) return;
    const kept = numberText(this.rows[row][column]);
    this.panel.complain(this.spec.name, `“${cell.value}” is not a number; ${kept} kept.`);
    this.write(row, column);
  }

  walk(event, row, column) {
    if (event.key === "Escape") this.write(row, column);
    const [nextRow, nextColumn] = {
      ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], Enter: [row + 1, column],
      ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
      Home: [row, 0], End: [row, this.rows[0].length - 1],
    }[event.key] ?? [];
    const target = this.cells[nextRow]?.[nextColumn];
    if (!target) return;
    event.preventDefault();
    this.cells.flat().forEach((cell) => (cell.tabIndex = cell === target ? 0 : -1));
    target.focus();
  }
}

const label = (spec, id) => element("label", { for: id }, spec.label);

const BUILDERS = {
  number: buildNumber, range: buildRange, select: buildSelect, checkbox: buildCheckbox, button: buildButton,
  text: buildText, file: buildFile, readout: buildReadout, matrix: (...parts) => new Grid(...parts),
};

class Panel {
  constructor(model, el) {
    this.model = model;
    this.life = new AbortController();
    this.controls = new Map(); // name -> {spec, element, show, message}
    this.sent = null; // edits in the message under way
    this.pending = {}; // edits that wait for the next one
    this.complaints = {}; // what the browser itself has to say, until Python or the learner says otherwise
    this.root = element("div", { class: "cnnkit-controls", role: "group" });
    el.append(this.root);
    const reactions = {
      "change:_specs": () => this.build(),
      "change:values": () => this.showValues(),
      "change:disabled": () => this.showDisabled(),
      "change:messages": () => this.showMessages(true),
      "change:label": () => this.root.setAttribute("aria-label", model.get("label")),
      "msg:custom": (message) => this.hear(message),
    };
    for (const [event, react] of Object.entries(reactions)) model.on(event, react); // anywidget takes them off
    reactions["change:label"]();
    this.build();
  }

  // Only controls whose description changed are built anew: the others keep the focus and the drag.
  build() {
    const known = this.controls;
    this.controls = new Map();
    for (const spec of this.model.get("_specs")) {
      const old = known.get(spec.name);
      const same = old && JSON.stringify(old.spec) === JSON.stringify(spec);
      this.controls.set(spec.name, same ? old : this.buildControl(spec));
    }
    const wanted = Array.from(this.controls.values(), (control) => control.element);
    for (const old of [...this.root.children]) if (!wanted.includes(old)) old.remove();
    wanted.forEach((part, index) => {
      const there = this.root.children[index];
      if (there !== part) this.root.insertBefore(part, there ?? null); // moving the focused one would blur it
    });
    this.showValues();
    this.showDisabled();
    this.showMessages(false);
  }

  buildControl(spec) {
    const id = `cnnkit-${Math.random().toString(36).slice(2)}`;
    const control = BUILDERS[spec.kind](spec, this, id);
    const message = element("output", { class: "cnnkit-message", id: `${id}-message` });
    const help = spec.help ? [element("small", { id: `${id}-help` }, spec.help)] : [];
    if (spec.kind !== "readout") {
      const described = [...help, message].map((part) => part.id);
      control.field.setAttribute("aria-describedby", described.join(" "));
    }
    const box = element("div", { class: "cnnkit-control", "data-name": spec.name, "data-kind": spec.kind });
    box.classList.toggle("cnnkit-wide", spec.wide);
    box.append(...control.parts, ...help, message);
    const disable = (off) => (control.field.disabled = off);
    return { disable, ...control, spec, message, element: box };
  }

  values() {
    return { ...this.model.get("values"), ...this.sent, ...this.pending };
  }

  showValues() {
    const values = this.values();
    for (const [name, { show }] of this.controls) if (name in values) show(values[name]);
  }

  showDisabled() {
    const disabled = this.model.get("disabled");
    for (const [name, { disable, element: box }] of this.controls) {
      disable(disabled.includes(name));
      box.classList.toggle("cnnkit-disabled", disabled.includes(name));
    }
  }

  showMessages(fromPython) {
    if (fromPython) this.complaints = {};
    const messages = { ...this.model.get("messages"), ...this.complaints };
    for (const [name, { message }] of this.controls) setText(message, messages[name] ?? "");
  }

  complain(name, text) {
    this.complaints[name] = text;
    this.showMessages(false);
  }

  edit(name, value) {
    this.pending[name] = value;
    this.flush();
  }

  // A button's value counts its presses, so that two quick ones are not merged into one.
  press(name) {
    this.edit(name, this.values()[name] + 1);
  }

  flush() {
    if (this.sent || !Object.keys(this.pending).length) return;
    this.sent = this.pending;
    this.pending = {};
    this.model.send({ kind: "edit", changes: this.sent });
  }

  // Python is done with a message: the next may go, and what it refused falls back to the value it kept.
  hear(message) {
    if (message.kind !== "done") return;
    if (message.file) delete this.complaints[message.file];
    this.showMessages(false);
    this.sent = null;
    this.flush();
    this.showValues();
  }
}

export default {
  render({ model, el }) {
    const panel = new Panel(model, el);
    return () => panel.life.abort();
  },
};
