// Chart: shows a drawing that Python made, and moves a cursor over the places on it.
// The line or frame at the cursor moves here, at once; what stands there comes from Python.

const FAST_STEP = 10; // places per PageUp, PageDown and Shift+arrow
const HINT = "Arrow keys move the cursor; Home and End go to the ends; Page Up and Page Down jump.";

function element(tag, className, parent) {
  const made = document.createElement(tag);
  made.className = className;
  parent.append(made);
  return made;
}

class View {
  constructor(model, el) {
    this.model = model;
    const figure = element("figure", "cnnkit-chart", el);
    this.caption = element("figcaption", "", figure);
    this.frame = element("div", "cnnkit-chart-frame", figure);
    this.frame.setAttribute("role", "application"); // lets a screen reader pass the arrow keys on
    this.stage = element("div", "cnnkit-chart-stage", this.frame);
    this.stage.setAttribute("role", "img");
    this.stage.tabIndex = 0;
    this.stage.dataset.lmSuppressShortcuts = "true"; // the arrow keys are ours, not the notebook's
    this.drawing = element("div", "cnnkit-chart-drawing", this.stage);
    this.mark = element("i", "cnnkit-chart-mark", this.stage);
    this.output = element("output", "", figure);
    this.hint = element("span", "cnnkit-hint", figure);
    this.hint.id = `chart-hint-${model.model_id}-${Math.random().toString(36).slice(2)}`;
    this.hint.textContent = HINT;
    this.stage.setAttribute("aria-describedby", this.hint.id);
    this.listeners = {
      "change:_drawing": () => this.show(),
      "change:cursor": () => this.place(),
      "change:text": () => this.speak(),
      "change:title": () => this.name(),
    };
    for (const [event, listener] of Object.entries(this.listeners)) model.on(event, listener);
    this.stage.addEventListener("keydown", (event) => this.pressKey(event));
    this.stage.addEventListener("pointerdown", (event) => this.press(event));
    this.stage.addEventListener("pointermove", (event) => event.buttons === 1 && this.point(event));
    this.name();
    this.show();
    this.speak();
  }

  dispose() {
    for (const [event, listener] of Object.entries(this.listeners)) this.model.off(event, listener);
  }

  name() {
    this.caption.textContent = this.model.get("title");
    this.frame.setAttribute("aria-label", this.model.get("title"));
  }

  show() {
    const { svg, label, width } = this.model.get("_drawing");
    this.drawing.innerHTML = svg;
    this.stage.style.maxWidth = `${width}px`;
    this.stage.setAttribute("aria-label", label);
    this.place();
  }

  speak() {
    const text = this.model.get("text");
    if (this.output.textContent !== text) this.output.textContent = text;
  }

  // The places are cells of a grid over a part of the drawing, given in shares of its width and height.
  place() {
    const { rows, columns, box, cells } = this.model.get("_drawing");
    const [left, top, right, bottom] = box;
    const [row, column] = this.model.get("cursor");
    const wide = (right - left) / (cells ? columns : columns - 1);
    const high = (bottom - top) / rows;
    Object.assign(this.mark.style, {
      left: `${100 * (left + column * wide)}%`,
      top: `${100 * (top + row * high)}%`,
      width: cells ? `${100 * wide}%` : "0",
      height: `${100 * high}%`,
    });
    this.mark.classList.toggle("cnnkit-chart-cell", cells);
  }

  moveTo(row, column) {
    const { rows, columns } = this.model.get("_drawing");
    const clamp = (value, size) => Math.max(0, Math.min(size - 1, value));
    this.model.set("cursor", [clamp(row, rows), clamp(column, columns)]);
    this.model.save_changes(); // the widget manager keeps one message in flight and merges what follows it
  }

  pressKey(event) {
    const { columns } = this.model.get("_drawing");
    const [row, column] = this.model.get("cursor");
    const step = event.shiftKey ? FAST_STEP : 1;
    const target = {
      ArrowUp: [row - step, column],
      ArrowDown: [row + step, column],
      ArrowLeft: [row, column - step],
      ArrowRight: [row, column + step],
      PageUp: [row, column + FAST_STEP],
      PageDown: [row, column - FAST_STEP],
      Home: [row, 0],
      End: [row, columns - 1],
    }[event.key];
    if (!target || event.altKey || event.metaKey || event.ctrlKey) return;
    event.preventDefault();
    event.stopPropagation();
    this.moveTo(...target);
  }

  press(event) {
    this.stage.setPointerCapture(event.pointerId);
    this.point(event);
  }

  point(event) {
    const { rows, columns, box, cells } = this.model.get("_drawing");
    const [left, top, right, bottom] = box;
    const area = this.stage.getBoundingClientRect();
    const across = ((event.clientX - area.left) / area.width - left) / (right - left);
    const down = ((event.clientY - area.top) / area.height - top) / (bottom - top);
    const column = cells ? Math.floor(across * columns) : Math.round(across * (columns - 1));
    this.moveTo(Math.floor(down * rows), column);
  }
}

export default {
  render({ model, el }) {
    const view = new View(model, el);
    return () => view.dispose();
  },
};
