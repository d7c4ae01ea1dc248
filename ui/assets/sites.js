/* The page of sites: the list, the form of one, and the widget as it will look. What is shown as HTML comes from the
   server, cleaned there. */
(() => {
  "use strict";
  const { words, element } = window.kotae;
  const { page, fill, dialog } = window.kotae.views;
  const NEW = "new";
  const here = page("sites", "/api/sites", {
    open: () => here.frame(ready, list),
    title: "site.panel",
    hint: "site.panel_hint",
    refresh: () => list(),
  });
  const { $, $$, say, attempt, ask, send } = here;

  function ready() {
    here.place().addEventListener("click", clicked);
    here.place().addEventListener("input", () => later());
    here.place().addEventListener("change", (event) => { if (event.target.matches(".kotae-site-file")) logo(event.target.files[0]); });
    here.place().addEventListener("submit", (event) => { event.preventDefault(); save(); });
    return list();
  }

  async function list() {
    if (!$(".kotae-site-one")?.hidden) return;
    await attempt(async () => fill($(".kotae-site-list"), await ask("list")));
  }

  async function open(id) {
    await attempt(async () => {
      $(".kotae-site-one").innerHTML = await ask(`${id}/form`);
      $(".kotae-site-home").hidden = true;
      $(".kotae-site-one").hidden = false;
      for (const box of $$(".kotae-site-file")) box.accept = "image/png,image/jpeg,image/gif,image/webp";
      $(".kotae-site-name").focus();
      here.place().scrollIntoView?.();
      await preview();
    });
  }

  async function back() {
    $(".kotae-site-one").replaceChildren();
    $(".kotae-site-one").hidden = true;
    $(".kotae-site-home").hidden = false;
    await list();
    $(".kotae-site-new").focus();
  }

  /* ---- what the form says ---- */
  const form = () => $(".kotae-site-form");
  const value = (name) => form().elements[name]?.value ?? "";
  const lines = (name) => value(name).split("\n").map((line) => line.trim()).filter(Boolean);
  function look() {
    const texts = {};
    for (const language of ["en", "ja"]) {
      texts[language] = {
        title: value(`heading.${language}`).trim(), greeting: value(`greeting.${language}`).trim(),
        suggestions: lines(`suggestions.${language}`), note: value(`note.${language}`).trim(),
      };
    }
    return { accent: value("accent"), corner: value("corner"), theme: value("theme"), language: value("language"), texts };
  }
  function wanted() {
    return {
      name: value("name"), origins: lines("origins"), web: value("web"),
      collections: $$("[name=collection]").filter((box) => box.checked).map((box) => box.value),
      specialists: form().elements.specialists.checked, on: form().elements.on.checked,
      daily: Number(value("daily")), daily_each: Number(value("daily_each")), look: look(),
    };
  }

  async function save() {
    const id = form().dataset.id;
    for (const one of $$("[aria-invalid]")) one.removeAttribute("aria-invalid");
    try {
      const kept = await send(id, wanted(), id === NEW ? "POST" : "PUT");
      say(words[id === NEW ? "site.made" : "site.saved"]);
      if (id === NEW) await open(kept.id);
      else $(".kotae-site-name").textContent = value("name");
    } catch (error) {
      say(error.message, true);
      const field = form().elements[error.field];
      field?.setAttribute?.("aria-invalid", "true");
      field?.focus?.();
    }
  }

  async function logo(file) {
    if (!file && file !== null) return;
    const id = form().dataset.id;
    await attempt(async () => {
      const kept = await ask(`${id}/logo`, { method: "PUT", body: file ?? "", type: "application/octet-stream" });
      $(".kotae-site-unlogo").hidden = !kept.logo;
      await preview();
    });
  }

  function remove() {
    const id = form().dataset.id;
    const text = element("p", "", words["site.remove_text"]);
    dialog(words["site.remove_title"], [text], words["site.remove"], "kotae-danger", () => attempt(async () => {
      await ask(id, { method: "DELETE" });
      await back();
    }, "site.removed"));
  }

  /* ---- how it will look ---- */
  let loading;
  const widget = () => loading ??= new Promise((resolve, reject) => {
    const script = element("script");
    script.src = "/widget.js";
    script.addEventListener("load", resolve);
    script.addEventListener("error", reject);
    document.head.append(script);
  });
  let timer = 0;
  function later() {
    clearTimeout(timer);
    timer = setTimeout(() => form() && preview().catch(() => {}), 300);
  }
  async function preview() {
    const stage = $(".kotae-site-stage");
    const [seen] = await Promise.all([send(`${form().dataset.id}/preview`, look()), widget()]);
    let chat = stage.querySelector("kotae-chat");
    if (!chat) {
      chat = document.createElement("kotae-chat");
      chat.setAttribute("preview", "");
      chat.inert = true;
      stage.replaceChildren(chat);
    }
    chat.preview(seen.session, seen.exchanges);
  }

  async function copy(button) {
    try { await navigator.clipboard.writeText($(".kotae-site-code code").textContent); } catch { return; }
    button.textContent = words["site.copied"];
    setTimeout(() => { button.textContent = words["site.copy"]; }, 1600);
  }

  function clicked(event) {
    const hit = event.target.closest("button");
    if (!hit) return;
    if (hit.matches(".kotae-site-new")) open(NEW);
    else if (hit.matches(".kotae-site-open")) open(hit.value);
    else if (hit.matches(".kotae-site-back")) back();
    else if (hit.matches(".kotae-site-copy")) copy(hit);
    else if (hit.matches(".kotae-site-logo")) $(".kotae-site-file").click();
    else if (hit.matches(".kotae-site-unlogo")) logo(null);
    else if (hit.matches(".kotae-site-remove")) remove();
  }
})();
