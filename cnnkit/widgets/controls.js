// Controls: native inputs with labels, built from descriptions, and one message in flight at a time.
// A slider that is dragged would otherwise queue a computation for every pixel it passes.

const CHUNK = 4 * 2 ** 20; // bytes of a file per message: the server closes connections on more than 10 MB
const NORMAL_SPEED = 800; // milliseconds per step
const SPEEDS = [["slow", 1500], ["normal", NORMAL_SPEED], ["fast", 300], ["very fast", 120]];
const MINUS = /[−–]/g;

// ---- small tools ---------------------------------------------------------------------------------------------

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

function numberText(value) {
  return String(Number(Number(value).toPrecision(4)) + 0);
}

// "0,5", "1/9" and "−2" are numbers to a person; NaN means that the text is none.
function parseNumber(text) {
  const [top, bottom = "1", ...rest] = text.trim().replace(MINUS, "-").replace(",", ".").split("/");
  const value = top.trim() === "" || bottom.trim() === "" || rest.length ? NaN : Number(top) / Number(bottom);
  return Number.isFinite(value) ? value : NaN;
}

// ---- one builder per kind: {parts, field, show(value)} ---------------------------------------------------------

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
  speed.append(...SPEEDS.map(([name, pause]) => element("option", { value: pause }, name)));
  speed.value = NORMAL_SPEED;
  let timer = null;
  const say = () => {
    button.textContent = timer ? "❚❚ Pause" : "▶ Play";
    button.setAttribute("aria-label", `${timer ? "Pause" : "Play"}: ${spec.label}`);
  };
  const stop = () => {
    clearTimeout(timer);
    timer = null;
    say();
  };
  const tick = () => {
    const gone = !field.isConnected || field.disabled; // replaced by a slider of another length, or greyed out
    if (gone || field.valueAsNumber >= Number(field.max)) return stop();
    field.stepUp();
    edit();
    timer = setTimeout(tick, Number(speed.value));
  };
  button.addEventListener("click", () => {
    if (timer) return stop();
    if (field.valueAsNumber >= Number(field.max)) field.value = field.min;
    edit();
    timer = setTimeout(tick, Number(speed.value));
    say();
  });
  field.addEventListener("pointerdown", stop);
  panel.life.signal.addEventListener("abort", stop);
  say();
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
    if (event.key !== "Enter" || !spec.submit) return;
    commit();
    panel.press(spec.submit);
  });
  const show = (value) => {
    if (field.value !== value) field.value = value;
  };
  return { parts: [label(spec, id), field], field, show };
}

function buildFile(spec, panel, id) {
  const field = input("input", { type: "file", id, accept: spec.accept });
  field.addEventListener("change", async () => {
    const [file] = field.files;
    if (!file) return;
    if (file.size > spec.max_bytes) {
      const [size, limit] = [file.size, spec.max_bytes].map((bytes) => (bytes / 2 ** 20).toFixed(0));
      panel.complain(spec.name, `${file.name} has ${size} MB; the limit is ${limit} MB.`);
    } else {
      panel.complain(spec.name, `Reading ${file.name} …`);
      const bytes = await file.arrayBuffer();
      for (let start = 0; start === 0 || start < bytes.byteLength; start += CHUNK) {
        const head = { kind: "file", name: spec.name, filename: file.name, start, size: bytes.byteLength };
        panel.model.send(head, undefined, [bytes.slice(start, start + CHUNK)]);
      }
    }
    field.value = ""; // choosing the same file again is a change, too
  });
  return { parts: [label(spec, id), field], field, show: () => {} };
}

function buildReadout(spec, panel, id) {
  const field = element("output", { "aria-labelledby": id, "aria-live": "polite" });
  field.style.minHeight = `${1.4 * spec.lines}em`;
  const show = (value) => {
    if (field.textContent !== value) field.textContent = value;
  };
  return { parts: [element("span", { id, class: "cnnkit-name" }, spec.label), field], field, show };
}

function buildMatrix(spec, panel, id) {
  const grid = element("div", { role: "group", "aria-labelledby": id, class: "cnnkit-matrix" });
  let rows = [];
  let cells = [];
  const cellAt = (row, column) => cells[row]?.[column];
  const focus = (target) => {
    if (!target) return;
    cells.flat().forEach((cell) => (cell.tabIndex = -1)); // Tab enters and leaves the grid, arrows walk in it
    target.tabIndex = 0;
    target.focus();
    target.select();
  };
  const tint = (cell, value) => {
    const share = Math.min(1, Math.abs(value) / (Math.max(...rows.flat().map(Math.abs)) || 1));
    cell.style.setProperty("--tint", value < 0 ? "#0072b2" : "#d55e00");
    cell.style.setProperty("--share", `${Math.round(45 * share)}%`);
  };
  const write = (row, column) => {
    cells[row][column].value = numberText(rows[row][column]);
    cells[row][column].removeAttribute("aria-invalid");
  };
  const build = () => {
    cells = rows.map((numbers, row) => numbers.map((_, column) => buildCell(row, column)));
    cells[0][0].tabIndex = 0;
    grid.style.gridTemplateColumns = `repeat(${rows[0].length}, minmax(2.6em, 3.6em))`;
    grid.replaceChildren(...cells.flat());
  };
  const buildCell = (row, column) => {
    const name = `${spec.label}, row ${row}, column ${column}`;
    const cell = input("input", { type: "text", autocomplete: "off", "aria-label": name, tabindex: -1 });
    cell.addEventListener("focus", () => cell.select());
    cell.addEventListener("input", () => {
      const value = parseNumber(cell.value);
      cell.setAttribute("aria-invalid", Number.isNaN(value));
      if (Number.isNaN(value)) return;
      rows = rows.map((numbers, r) => numbers.map((old, c) => (r === row && c === column ? value : old)));
      cells.flat().forEach((other, index) => tint(other, rows.flat()[index]));
      panel.complain(spec.name, "");
      panel.edit(spec.name, rows);
    });
    cell.addEventListener("change", () => {
      const message = `“${cell.value}” is not a number; ${numberText(rows[row][column])} kept.`;
      if (Number.isNaN(parseNumber(cell.value))) panel.complain(spec.name, message);
      write(row, column);
    });
    cell.addEventListener("keydown", (event) => {
      const targets = {
        ArrowUp: [row - 1, column], ArrowDown: [row + 1, column], Enter: [row + 1, column],
        ArrowLeft: [row, column - 1], ArrowRight: [row, column + 1],
        Home: [row, 0], End: [row, rows[0].length - 1],
      };
      if (event.key === "Escape") write(row, column);
      if (!targets[event.key]) return;
      event.preventDefault();
      focus(cellAt(...targets[event.key]));
    });
    return cell;
  };
  const show = (value) => {
    const sameShape = rows.length === value.length && rows[0].length === value[0].length;
    const known = rows;
    rows = value;
    if (!sameShape) build();
    cells.flat().forEach((cell, index) => {
      const [row, column] = [Math.floor(index / rows[0].length), index % rows[0].length];
      tint(cell, rows[row][column]);
      if (!sameShape || known[row][column] !== rows[row][column]) write(row, column);
    });
  };
  const disable = (off) => cells.flat().forEach((cell) => (cell.disabled = off));
  return { parts: [element("span", { id, class: "cnnkit-name" }, spec.label), grid], field: grid, show, disable };
}

function label(spec, id) {
  return element("label", { for: id }, spec.label);
}

const BUILDERS = {
  number: buildNumber, range: buildRange, select: buildSelect, checkbox: buildCheckbox, button: buildButton,
  text: buildText, file: buildFile, readout: buildReadout, matrix: buildMatrix,
};

// ---- the panel -----------------------------------------------------------------------------------------------

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
    for (const [event, react] of Object.entries(reactions)) {
      model.on(event, react);
      this.life.signal.addEventListener("abort", () => model.off(event, react));
    }
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
    if (wanted.some((part, index) => this.root.children[index] !== part)) this.root.replaceChildren(...wanted);
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
      const described = [...help.map((part) => part.id), message.id].join(" ");
      control.field.setAttribute("aria-describedby", described);
    }
    const box = element("div", { class: "cnnkit-control", "data-name": spec.name, "data-kind": spec.kind });
    box.classList.toggle("cnnkit-wide", spec.wide);
    box.append(...control.parts, ...help, message);
    return { ...control, spec, message, element: box };
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
    for (const [name, { field, disable, element: box }] of this.controls) {
      const off = disabled.includes(name);
      if (disable) disable(off);
      else field.disabled = off;
      box.classList.toggle("cnnkit-disabled", off);
    }
  }

  showMessages(fromPython) {
    if (fromPython) this.complaints = {};
    const messages = { ...this.model.get("messages"), ...this.complaints };
    for (const [name, { message }] of this.controls) {
      const text = messages[name] ?? "";
      if (message.textContent !== text) message.textContent = text;
    }
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

  dispose() {
    this.life.abort();
  }
}

export default {
  render({ model, el }) {
    const panel = new Panel(model, el);
    return () => panel.dispose();
  },
};
