/* The settings' page. What is shown comes as HTML from /api/settings, cleaned there; a download belongs to the server, so
   this file only asks how far it is. */
(() => {
  "use strict";
  const { words, element } = window.kotae;
  const { page, fill } = window.kotae.views;
  const { $, $$, say, attempt, frame, watch, ask, send } = page("settings", "/api/settings", { open, refresh });
  const BUSY = 700, IDLE = 5000; // milliseconds between two looks at the download

  function open() { frame(start, start); }
  async function start() { await Promise.all([refresh(), models()]); tick(true); }

  /* ---- settings ---- */
  /* What was typed and not saved stays, but in the form that has just been saved. */
  async function refresh(saved = "") {
    try {
      const { banner, parts } = await ask("parts");
      fill($(".kotae-set-banner"), banner);
      for (const box of $$(".kotae-set-fields")) {
        const form = box.querySelector("form");
        if (form && box.dataset.part !== saved && Object.keys(changes(form)).length) continue;
        fill(box, parts[box.dataset.part]);
        box.querySelector("form").noValidate = true; // the server says it in the reader's language
      }
    } catch (error) { say(error.message, true); }
  }
  /* What differs from what the form was drawn with; null where a field was emptied, which is the default. */
  function changes(form) {
    const found = {};
    for (const field of form.querySelectorAll("[name]")) {
      const was = field.matches("select") ? [...field.options].find((o) => o.defaultSelected)?.value : field.defaultValue;
      if (field.value !== was) found[field.name] = field.value.trim() || null;
    }
    for (const group of form.querySelectorAll(".kotae-set-places")) {
      const chosen = [...group.querySelectorAll("select")].map((one) => one.value).filter(Boolean).join(",");
      if (chosen !== group.dataset.was) found[group.closest("[data-key]").dataset.key] = chosen || null;
    }
    return found;
  }
  const row = (form, key) => form.querySelector(`[data-key="${CSS.escape(key)}"]`);
  function fault(form, key, text) {
    const field = row(form, key);
    if (!field) { say(text, true); return; }
    field.querySelector(".kotae-set-fault").textContent = text;
    const control = field.querySelector("input, select");
    control?.setAttribute("aria-invalid", "true");
    control?.focus();
  }
  async function save(form) {
    for (const line of form.querySelectorAll(".kotae-set-fault")) line.textContent = "";
    for (const field of form.querySelectorAll("[aria-invalid]")) field.removeAttribute("aria-invalid");
    const bad = [...form.querySelectorAll("input")].find((field) => field.validity.badInput);
    if (bad) { fault(form, bad.name, words["misfit.number"]); return; }
    const wanted = changes(form);
    if (!Object.keys(wanted).length) { say(words["option.unchanged"]); return; }
    await write(wanted, form);
  }
  async function write(wanted, form) {
    try {
      await send("values", { changes: wanted });
      say(words["option.saved"]);
    } catch (error) {
      if (form && error.field) fault(form, error.field, error.message); else say(error.message, true);
      return;
    }
    await refresh(form?.closest(".kotae-set-fields").dataset.part);
    if ("model" in wanted) models();
  }

  /* ---- models ---- */
  async function models() {
    const box = $(".kotae-set-models");
    try { fill(box, await ask("models")); }
    catch (error) { box.replaceChildren(element("p", "kotae-notice", error.message)); }
  }
  const tick = watch(async (state) => {
    if (state.html !== undefined) {
      fill($(".kotae-set-work"), state.html);
      $(".kotae-set-work").hidden = !state.html;
    }
    if (state.renewed) await models();
  }, { idle: IDLE, busy: BUSY });
  const job = (action) => attempt(action).then(() => tick(true));

  /* ---- health ---- */
  async function check(button) {
    const box = $(".kotae-set-health");
    button.disabled = true;
    box.setAttribute("aria-busy", "true");
    box.replaceChildren(element("p", "kotae-none", words["health.checking"]));
    try { fill(box, await ask("health")); }
    catch (error) { box.replaceChildren(element("p", "kotae-notice", error.message)); }
    box.removeAttribute("aria-busy");
    button.disabled = false;
    button.textContent = words["health.again"];
    button.focus();
  }

  /* ---- parts ---- */
  function tab(button) {
    for (const one of $$(".kotae-set-tab")) {
      const on = one === button;
      one.setAttribute("aria-selected", String(on));
      one.tabIndex = on ? 0 : -1;
      document.getElementById(one.getAttribute("aria-controls")).hidden = !on;
    }
  }

  const clicks = [
    [".kotae-set-tab", tab],
    [".kotae-set-reset", (b) => write({ [b.value]: null }, b.form)],
    [".kotae-set-use", (b) => write({ model: b.value }, null)],
    [".kotae-set-download", (b) => { b.disabled = true; job(() => send(`models/${encodeURIComponent(b.value)}/download`)); }],
    [".kotae-set-stop-download", (b) => { b.disabled = true; job(() => send(`work/${b.value}/stop`)); }],
    [".kotae-set-clear-download", (b) => job(() => send(`work/${b.value}/dismiss`))],
    [".kotae-set-check", check],
  ];
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("#kotae-settings button");
    const found = button && clicks.find(([selector]) => button.matches(selector));
    if (found) found[1](button);
  });
  document.addEventListener("submit", (event) => {
    if (!event.target.closest?.("#kotae-settings")) return;
    event.preventDefault();
    save(event.target);
  });
  document.addEventListener("keydown", (event) => {
    const button = event.target instanceof Element && event.target.closest(".kotae-set-tab");
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!button || !step) return;
    const all = [...$$(".kotae-set-tab")];
    const next = all[(all.indexOf(button) + step + all.length) % all.length];
    next.focus();
    tab(next);
  });
})();
