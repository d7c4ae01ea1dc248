/* The buttons of a message and of a conversation: copying, editing a question, renaming, deleting. */
(() => {
  "use strict";
  const { words, element, command } = window.kotae;

  /* ---- copying ---- */
  function plain(box) {
    const text = box.querySelector(".kotae-text").cloneNode(true);
    text.querySelectorAll(".kotae-sr").forEach((e) => e.remove());
    text.querySelectorAll(".kotae-cite").forEach((e) => { e.textContent = `[${e.textContent.trim()}]`; });
    text.querySelectorAll("br").forEach((e) => e.replaceWith("\n"));
    text.querySelectorAll("p, li, pre, h3, h4, h5, h6, tr, blockquote").forEach((e) => e.append("\n"));
    const lines = [text.textContent.trim()];
    const sources = box.querySelectorAll(".kotae-source");
    if (sources.length) lines.push("");
    for (const source of sources) {
      const part = (name) => source.querySelector(name)?.textContent.trim();
      lines.push([`[${part(".kotae-number")}] ${part(".kotae-title")}`, part(".kotae-where")].filter(Boolean).join(" › "));
    }
    return lines.join("\n");
  }
  async function copy(button) {
    const box = button.closest(".kotae-answer, .kotae-question");
    try { await navigator.clipboard.writeText(plain(box)); } catch { return; }
    button.classList.add("kotae-is-done");
    button.querySelector(".kotae-sr").textContent = words["message.copied"];
    setTimeout(() => {
      button.classList.remove("kotae-is-done");
      button.querySelector(".kotae-sr").textContent = words["message.copy"];
    }, 1600);
  }

  /* ---- small forms ---- */
  function edit(button) {
    const box = button.closest(".kotae-question");
    if (box.querySelector(".kotae-editor")) return;
    const form = element("div", "kotae-editor");
    const area = element("textarea");
    area.value = plain(box);
    area.rows = Math.min(8, area.value.split("\n").length + 1);
    area.setAttribute("aria-label", words["ask.label"]);
    const save = element("button", "kotae-primary", words["message.save"]);
    const cancel = element("button", "kotae-plain", words["message.cancel"]);
    const row = element("div", "kotae-edit-row");
    row.append(element("span", "kotae-keys", words["message.edit_warning"]), cancel, save);
    form.append(area, row);
    const close = () => { form.remove(); box.classList.remove("kotae-is-edited"); button.focus(); };
    const send = () => {
      if (!area.value.trim()) return;
      command({ do: "edit", index: Number(button.value), text: area.value });
      close();
    };
    save.addEventListener("click", send);
    cancel.addEventListener("click", close);
    area.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key === "Enter" && !event.shiftKey) { event.preventDefault(); send(); }
      if (event.key === "Escape") { event.stopPropagation(); close(); }
    });
    box.classList.add("kotae-is-edited");
    box.append(form);
    area.focus();
  }
  function rename(button) {
    const row = button.closest(".kotae-thread");
    const title = row.querySelector(".kotae-thread-title");
    const field = element("input", "kotae-rename-field");
    field.value = title.textContent;
    field.maxLength = 200;
    field.setAttribute("aria-label", words["nav.rename"]);
    let done = false;
    const finish = (save) => {
      if (done) return;
      done = true;
      if (save && field.value.trim() && field.value.trim() !== title.textContent) {
        title.textContent = field.value.trim();
        command({ do: "rename", thread: button.value, text: field.value.trim() });
      }
      row.classList.remove("kotae-is-renamed");
      field.remove();
    };
    field.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key === "Enter") finish(true);
      if (event.key === "Escape") { event.stopPropagation(); finish(false); }
    });
    field.addEventListener("blur", () => finish(true));
    row.classList.add("kotae-is-renamed");
    row.prepend(field);
    field.select();
  }
  function remove(button) {
    const name = button.closest(".kotae-thread").querySelector(".kotae-thread-title").textContent;
    const dialog = element("dialog", "kotae-dialog");
    dialog.append(element("h2", "", words["dialog.delete_title"]), element("p", "kotae-dialog-name", name),
      element("p", "", words["dialog.delete_text"]));
    const cancel = element("button", "kotae-plain", words["dialog.cancel"]);
    const confirm = element("button", "kotae-danger", words["dialog.delete"]);
    const row = element("div", "kotae-edit-row");
    row.append(cancel, confirm);
    dialog.append(row);
    cancel.addEventListener("click", () => dialog.close());
    confirm.addEventListener("click", () => { command({ do: "delete", thread: button.value }); dialog.close(); });
    dialog.addEventListener("close", () => dialog.remove());
    dialog.addEventListener("click", (event) => { if (event.target === dialog) dialog.close(); });
    document.body.append(dialog);
    dialog.showModal();
    cancel.focus();
  }

  const clicks = { "kotae-copy": copy, "kotae-edit": edit, "kotae-rename": rename, "kotae-delete": remove };
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    const found = button && Object.keys(clicks).find((name) => button.classList.contains(name));
    if (found) clicks[found](button);
  });
})();
