// The learner's progress: a table from Python, and the date of the interview.

function render({ model, el }) {
  el.classList.add("jupyter-widgets");
  const root = document.createElement("div");
  root.className = "cnnkit-progress";
  root.innerHTML = `
    <div class="cnnkit-table"></div>
    <p role="status"></p>
    <div class="cnnkit-date">
      <label>Date of the interview <input type="date"></label>
      <button type="button">Set the date</button>
      <button type="button">Refresh</button>
    </div>`;
  const [table, status] = [root.querySelector(".cnnkit-table"), root.querySelector("p")];
  const input = root.querySelector("input");
  const [set, refresh] = root.querySelectorAll("button");
  // JupyterLab listens for single keys on everything that does not carry this mark itself.
  for (const element of [input, set, refresh]) element.dataset.lmSuppressShortcuts = "true";

  const send = () => model.send({ do: "date", value: input.value });
  set.addEventListener("click", send);
  input.addEventListener("keydown", (event) => event.key === "Enter" && send());
  refresh.addEventListener("click", () => model.send({ do: "open" }));

  const update = () => {
    const face = model.get("face");
    table.innerHTML = face.html; // from Python, which escapes all text
    status.textContent = face.message;
    if (document.activeElement !== input) input.value = face.date;
  };
  model.on("change:face", update);
  update();
  el.append(root);
  model.send({ do: "open" });
  return () => model.off("change:face", update);
}

export default { render };
