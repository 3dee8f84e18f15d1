// A drill's card. Python holds the state: `face` is everything on show, messages are everything the learner does.
// The card is built once per question and then changed in place, so that focus and typed text stay.

const WAIT_MS = 60000; // a learner's endless loop is stopped well before this
const LETTERS = "abcdefghij"; // keys that choose an option; h, s and n are never needed as letters

function make(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (name === "html") element.innerHTML = value; // from Python, which escapes all text
    else if (name.startsWith("on")) element.addEventListener(name.slice(2), value);
    else if (value !== false) element.setAttribute(name, value === true ? "" : value);
  }
  element.append(...children);
  // JupyterLab listens for single keys on everything that does not carry this mark itself.
  if (element.matches("button, input, textarea")) element.dataset.lmSuppressShortcuts = "true";
  return element;
}

function button(label, key, onclick) {
  const keys = key ? { "aria-keyshortcuts": key } : {};
  const shown = key ? [make("kbd", { "aria-hidden": "true" }, key)] : [];
  return make("button", { type: "button", ...keys, onclick }, make("span", {}, label), ...shown);
}

function setHtml(element, html) {
  if (element.shownHtml === html) return; // a live region speaks again when it is written again
  element.innerHTML = html;
  element.shownHtml = html;
}

// ---- answers: each kind of input tells its value and takes the focus ------------------------------------------

function textAnswer(face, id, describedBy) {
  const input = make("input", {
    id, type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false",
    "aria-describedby": describedBy,
  });
  return { label: "Your answer", nodes: [input], value: () => input.value, focus: () => input.select() };
}

function insert(area, text) {
  // execCommand keeps the browser's undo history; setRangeText is for browsers that dropped it.
  if (!document.execCommand("insertText", false, text)) {
    area.setRangeText(text, area.selectionStart, area.selectionEnd, "end");
  }
}

function indentation(area) {
  const line = area.value.slice(0, area.selectionStart).split("\n").at(-1);
  return line.match(/^ */)[0] + (line.trimEnd().endsWith(":") ? "    " : "");
}

function codeAnswer(face, id, describedBy) {
  let leaving = false; // after Escape, Tab moves on instead of indenting
  const rows = Math.max(8, face.starter.split("\n").length + 3);
  const onkeydown = (event) => {
    const plain = !(event.shiftKey || event.ctrlKey || event.metaKey || event.altKey);
    const text = { Tab: leaving ? null : "    ", Enter: `\n${indentation(area)}` }[event.key];
    if (plain && text) {
      event.preventDefault();
      insert(area, text);
    }
    leaving = event.key === "Escape" || (leaving && event.key === "Shift");
  };
  const area = make("textarea", {
    id, rows, spellcheck: "false", autocapitalize: "off", autocomplete: "off", wrap: "off", class: "cnnkit-code",
    "aria-describedby": `${id}-keys ${describedBy}`, onkeydown,
  });
  area.value = face.starter;
  const keys = make(
    "p", { id: `${id}-keys`, class: "cnnkit-small" }, "Tab indents; Escape, then Tab leaves. Ctrl+Enter checks.",
  );
  return { label: "Your function", nodes: [area, keys], value: () => area.value, focus: () => area.focus() };
}

function choiceAnswer(face, id, describedBy) {
  const type = face.several ? "checkbox" : "radio";
  const inputs = face.choices.map(({ letter }) => make("input", { type, name: id, value: letter }));
  const options = face.choices.map(({ letter, html }, place) => make(
    "label", { class: "cnnkit-option" }, inputs[place],
    make("b", {}, `${letter}.`), make("span", { html }),
  ));
  const legend = face.several ? "Your answer (one or more)" : "Your answer";
  const group = make(
    "fieldset", { "aria-describedby": describedBy }, make("legend", {}, legend), ...options,
  );
  const toggle = (place) => {
    inputs[place].checked = face.several ? !inputs[place].checked : true;
    inputs[place].focus();
  };
  return {
    nodes: [group],
    value: () => inputs.filter((input) => input.checked).map((input) => input.value).join(", "),
    focus: () => (inputs.find((input) => input.checked) ?? inputs[0])?.focus(),
    key: (key) => {
      const place = LETTERS.indexOf(key);
      if (key.length !== 1 || place < 0 || place >= inputs.length) return false;
      toggle(place);
      return true;
    },
  };
}

function talkAnswer(face, id, describedBy) {
  const notes = make("textarea", { id, rows: 5, "aria-describedby": describedBy });
  const boxes = face.rubric.map((_, place) => make("input", { type: "checkbox", value: place + 1 }));
  const points = face.rubric.map((html, place) => make(
    "label", { class: "cnnkit-option" }, boxes[place], make("span", { html }),
  ));
  const rubric = make(
    "fieldset", { hidden: true }, make("legend", {}, "Which of these points did you cover?"), ...points,
  );
  return {
    label: "Say it aloud, or write it here (not kept)",
    nodes: [notes, rubric],
    submit: "Compare with the points",
    // The first press shows the points, the second sends those that are ticked.
    value: () => boxes.filter((box) => box.checked).map((box) => box.value).join(", ") || "none",
    ready: (submit) => {
      if (!rubric.hidden) return true;
      rubric.hidden = false;
      submit.firstChild.textContent = "Score my answer";
      boxes[0]?.focus();
      return false;
    },
    focus: () => (rubric.hidden ? notes : boxes[0])?.focus(),
  };
}

const ANSWERS = { code: codeAnswer, bug: codeAnswer, choice: choiceAnswer, explain: talkAnswer };

// ---- the card --------------------------------------------------------------------------------------------------

function buildCard(face, send) {
  // Unique on a page with many cards; each of them has its own copy of this module, so a counter would not do.
  const id = `cnnkit-drill-${Math.random().toString(36).slice(2)}`;
  const form = make("p", { id: `${id}-form`, class: "cnnkit-small" }, face.form);
  const answer = (ANSWERS[face.kind] ?? textAnswer)(face, `${id}-answer`, `${id}-form`);
  const parts = {
    answer,
    memory: make("span", { class: "cnnkit-memory" }),
    submit: button(answer.submit ?? (answer.label === "Your function" ? "Check" : "Answer"), "", () => submit()),
    hint: button("Hint", "h", () => send("hint")),
    solve: button("Solution", "s", () => send("solution")),
    another: button("Another one", "n", () => send("another")),
    verdict: make("div", { class: "cnnkit-verdict", role: "status" }),
    hints: make("div", { class: "cnnkit-hints", "aria-live": "polite" }),
    solution: make("div", { class: "cnnkit-solution", "aria-live": "polite" }),
    ratings: make("div", { class: "cnnkit-ratings", role: "group", "aria-label": "How well did it go?" }),
    rated: make("p", { class: "cnnkit-rated", role: "status" }),
    notice: make("p", { class: "cnnkit-notice", role: "status" }),
  };
  const submit = () => {
    if (!answer.ready || answer.ready(parts.submit)) send("answer", answer.value());
  };
  parts.submit.classList.add("cnnkit-primary");
  const label = answer.label ? [make("label", { for: `${id}-answer` }, answer.label)] : [];
  const head = make(
    "div", { class: "cnnkit-head-line" },
    make("strong", {}, face.title), make("span", { class: "cnnkit-facts" }, face.facts), parts.memory,
  );
  const buttons = make("div", { class: "cnnkit-buttons" }, parts.submit, parts.hint, parts.solve, parts.another);
  parts.root = make(
    "div", { class: "cnnkit-drill", role: "group", "aria-label": `Drill: ${face.title}` },
    head, make("div", { class: "cnnkit-prompt", html: face.prompt }),
    make("div", { class: "cnnkit-answer" }, ...label, ...answer.nodes, form),
    buttons, parts.verdict, parts.hints, parts.solution, parts.ratings, parts.rated, parts.notice,
  );
  parts.root.addEventListener("keydown", (event) => onKey(event, parts, submit, send));
  // JupyterLab cancels every line break inside a cell with a listener on the text box itself.
  parts.root.addEventListener("beforeinput", (event) => event.stopPropagation(), true);
  return parts;
}

// Enter answers from any field; single letters work wherever one is not typing.
function onKey(event, parts, submit, send) {
  const target = event.target;
  const typing = target.matches("textarea, input[type=text]");
  if (event.altKey || event.metaKey || (event.ctrlKey && event.key !== "Enter")) return;
  if (event.key === "Enter" && target.matches("input, textarea")) {
    if (target.matches("textarea") && !event.ctrlKey) return;
    event.preventDefault();
    submit();
    return;
  }
  if (typing || event.ctrlKey) return;
  const rating = parts.ratings.children[Number(event.key) - 1];
  const shortcuts = { h: parts.hint, s: parts.solve, n: parts.another };
  const pressed = /^[1-4]$/.test(event.key) ? rating : shortcuts[event.key];
  if (pressed && pressed.getAttribute("aria-disabled") !== "true") pressed.click();
  else if (!parts.answer.key?.(event.key)) return;
  event.preventDefault();
}

function showRatings(parts, face, send) {
  const key = JSON.stringify([face.ratings, face.suggested, face.rated]);
  if (parts.ratings.shownKey === key) return;
  parts.ratings.shownKey = key;
  const buttons = face.rated ? [] : face.ratings.map(({ name, due }, place) => {
    const rate = button(name, String(place + 1), () => send("rate", name));
    rate.append(" ", make("small", {}, due));
    if (name === face.suggested) {
      rate.classList.add("cnnkit-primary");
      rate.append(" ", make("small", {}, "suggested"));
    }
    return rate;
  });
  parts.ratings.replaceChildren(...buttons);
}

function showVerdict(element, verdict) {
  const kind = !verdict ? "" : !verdict.counted ? "unread" : verdict.correct ? "right" : "wrong";
  const mark = { right: "✓", wrong: "✗", unread: "?" }[kind]; // colour alone must not carry the verdict
  element.dataset.kind = kind;
  setHtml(element, kind ? `<b aria-hidden="true">${mark}</b><div>${verdict.html}</div>` : "");
}

function showFace(parts, face, send) {
  parts.memory.textContent = face.memory;
  const open = face.hints.length;
  parts.hint.firstChild.textContent = open < face.hintCount ? `Hint ${open + 1} of ${face.hintCount}` : "No more hints";
  parts.hint.setAttribute("aria-disabled", String(open >= face.hintCount));
  parts.solve.setAttribute("aria-disabled", String(Boolean(face.solution)));
  showVerdict(parts.verdict, face.verdict);
  while (parts.hints.children.length < open) {
    const place = parts.hints.children.length;
    parts.hints.append(make("div", { html: `<b>Hint ${place + 1}.</b> ${face.hints[place]}` }));
  }
  setHtml(parts.solution, face.solution && `<b>Worked solution</b>${face.solution}`);
  showRatings(parts, face, send);
  parts.rated.textContent = face.rated;
  parts.notice.textContent = face.notice;
}

// Where a keyboard user goes on after what they asked for has happened.
function moveFocus(parts, face, action) {
  if (action === "another") parts.answer.focus();
  else if (action === "rate" && face.rated) parts.another.focus();
  else if (action === "answer" && face.verdict?.correct) parts.ratings.querySelector(".cnnkit-primary")?.focus();
  else if (action === "answer") parts.answer.focus();
}

function render({ model, el }) {
  el.classList.add("jupyter-widgets"); // as every other widget's root has it
  let parts = null;
  let serial = null;
  let waiting = null; // what this view asked for and Python has not answered yet

  const send = (action, value = null) => {
    if (waiting && action !== "open") return;
    const ask = Math.floor(Math.random() * 2 ** 31);
    const timer = setTimeout(() => {
      parts.notice.textContent = "No reply from the kernel. If it was restarted, run this cell again.";
      release();
    }, WAIT_MS);
    waiting = { ask, action, timer };
    if (action === "answer") parts.root.setAttribute("aria-busy", "true");
    model.send({ do: action, value, ask });
  };

  const release = () => {
    clearTimeout(waiting?.timer);
    waiting = null;
    parts.root.removeAttribute("aria-busy");
  };

  const update = () => {
    const face = model.get("face");
    const done = waiting?.ask === face.ask ? waiting.action : null;
    if (face.serial !== serial) {
      serial = face.serial;
      parts = buildCard(face, send);
      el.replaceChildren(parts.root);
    }
    showFace(parts, face, send);
    if (done) {
      release();
      moveFocus(parts, face, done);
    }
  };

  model.on("change:face", update);
  update();
  send("open");
  return () => {
    model.off("change:face", update);
    clearTimeout(waiting?.timer);
  };
}

export default { render };
