/* What Kotae keeps about its user: a dialog that the server fills, and the line under an answer that takes it back. */
(() => {
  "use strict";
  const { words, element } = window.kotae;
  const PATH = "/api/memory";
  /* Gradio sets the document's language to the browser's; the address tells the page's. */
  const LANGUAGE = location.pathname.startsWith("/chat/ja") ? "ja" : "en";

  async function ask(path, body) {
    const response = await fetch(`${path}?lang=${LANGUAGE}`, body === undefined ? {} : {
      method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    });
    if (!response.ok) throw new Error(String(response.status));
    return response.text();
  }

  let dialog = null;
  async function fill(path, body) {
    const part = dialog.querySelector(".kotae-memory-body");
    try {
      const html = await ask(path, body);
      if (!dialog) return;
      part.innerHTML = html;
      if (body !== undefined) (part.querySelector("input") ?? dialog).focus();
    } catch {
      const line = element("p", "kotae-none", words["memory.failed"]);
      line.setAttribute("role", "alert");
      part.replaceChildren(line);
    }
  }
  function open() {
    if (dialog) return;
    dialog = element("dialog", "kotae-dialog kotae-memory-dialog");
    const title = element("h2", "", words["memory.title"]);
    title.id = "kotae-memory-title";
    dialog.setAttribute("aria-labelledby", title.id);
    const body = element("div", "kotae-memory-body");
    const close = element("button", "kotae-plain kotae-memory-close", words["memory.close"]);
    const row = element("div", "kotae-edit-row");
    row.append(close);
    dialog.append(title, body, row);
    close.addEventListener("click", () => dialog.close());
    dialog.addEventListener("close", () => { dialog.remove(); dialog = null; });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog || event.target.closest("a.kotae-open")) { dialog.close(); return; }
      const button = event.target.closest("button");
      if (button?.matches(".kotae-delete-fact")) fill(`${PATH}/forget`, { ids: [button.value] });
      else if (button?.matches(".kotae-memory-all")) {
        if (button.classList.contains("kotae-is-sure")) fill(`${PATH}/forget`, { all: true });
        else { button.classList.add("kotae-is-sure"); button.textContent = words["memory.sure"]; }
      }
    });
    dialog.addEventListener("change", (event) => {
      if (event.target.closest(".kotae-memory-switch")) fill(PATH, { on: event.target.checked });
    });
    document.body.append(dialog);
    dialog.showModal();
    fill(PATH);
  }
  async function undo(button) {
    const line = button.closest(".kotae-remembered");
    button.disabled = true;
    try {
      await ask(`${PATH}/forget`, { ids: button.value.split(",") });
      line.textContent = words["memory.undone"];
    } catch {
      line.textContent = words["memory.failed"];
    }
    line.setAttribute("role", "status");
  }
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("button");
    if (!button) return;
    if (button.matches(".kotae-memory-open")) open();
    else if (button.matches(".kotae-memory-undo")) undo(button);
  });
})();
