/* Thumbs under the answers. What is shown as HTML comes from /api, cleaned there; the buttons carry the address of their
   answer's feedback, which outlives what Gradio draws anew. */
(() => {
  "use strict";
  const root = document.documentElement;
  const { words, element } = window.kotae;
  const isPath = /^\/api\/threads\/[^/]+\/turns\/[^/]+\/feedback$/;
  const LASTS = 9000; // milliseconds that the thanks are shown
  const busy = new Set();

  async function ask(path, method, body) {
    if (!isPath.test(path)) throw new Error(words["feedback.failed"]);
    let response;
    try {
      response = await fetch(`${path}?lang=${root.lang}`, {
        method, body: body && JSON.stringify(body), headers: body ? { "Content-Type": "application/json" } : {},
      });
    } catch { throw new Error(words["feedback.failed"]); }
    const json = (response.headers.get("content-type") || "").startsWith("application/json");
    const got = json ? await response.json() : await response.text();
    if (!response.ok) throw new Error((json && typeof got.error === "string" && got.error) || words["feedback.failed"]);
    return got;
  }

  const thumb = (path, which) => [...document.querySelectorAll(`.kotae-thumb-${which}`)].find((b) => b.value === path);
  const answerOf = (path) => thumb(path, "down")?.closest(".kotae-answer");
  const formOf = (path) => answerOf(path)?.querySelector(".kotae-judging");

  /* What Gradio draws has lost its aria attributes. */
  function press() {
    for (const button of document.querySelectorAll(".kotae-thumb")) {
      const on = String(button.matches(".kotae-is-on"));
      if (button.getAttribute("aria-pressed") !== on) button.setAttribute("aria-pressed", on);
    }
  }
  document.addEventListener("DOMContentLoaded", () => {
    let planned = false;
    const soon = () => {
      if (planned) return;
      planned = true;
      requestAnimationFrame(() => { planned = false; press(); });
    };
    new MutationObserver(soon).observe(document.body, { subtree: true, childList: true });
  });

  /* The line is there before its words, so that it is read out. */
  function tell(path, text, bad = false) {
    const answer = answerOf(path);
    if (!answer) return;
    answer.querySelector(".kotae-thanks")?.remove();
    const line = element("p", "kotae-thanks");
    line.setAttribute("role", "status");
    line.classList.toggle("kotae-is-bad", bad);
    answer.append(line);
    requestAnimationFrame(() => { line.textContent = text; });
    setTimeout(() => line.remove(), LASTS);
  }

  function close(path, focus = true) {
    const form = formOf(path);
    if (!form) return;
    form.remove();
    const button = thumb(path, "down");
    button?.removeAttribute("aria-expanded");
    if (focus) button?.focus();
  }

  async function send(path, method, body, which) {
    if (busy.has(path)) return;
    busy.add(path);
    const form = formOf(path);
    form?.querySelectorAll("button").forEach((b) => { b.disabled = true; });
    try {
      const { thumbs, said } = await ask(path, method, body);
      close(path, false);
      const old = thumb(path, "down")?.closest(".kotae-thumbs");
      if (old) old.outerHTML = thumbs;
      press();
      thumb(path, which)?.focus({ preventScroll: true });
      tell(path, said);
    } catch (error) {
      const fault = form?.isConnected ? form.querySelector(".kotae-judging-fault") : null;
      if (fault) fault.textContent = error.message; else tell(path, error.message, true);
    } finally {
      busy.delete(path);
      form?.querySelectorAll("button").forEach((b) => { b.disabled = false; });
    }
  }

  async function open(path) {
    for (const form of document.querySelectorAll(".kotae-judging")) close(form.dataset.path, false);
    let html;
    try { html = await ask(path, "GET"); } catch (error) { tell(path, error.message, true); return; }
    const answer = answerOf(path);
    if (!answer || formOf(path)) return;
    answer.querySelector(".kotae-thanks")?.remove();
    const holder = element("div");
    holder.innerHTML = html;
    const form = holder.firstElementChild;
    answer.append(form);
    thumb(path, "down").setAttribute("aria-expanded", "true");
    form.addEventListener("keydown", (event) => {
      if (event.isComposing || event.keyCode === 229) return;
      if (event.key === "Escape") { event.stopPropagation(); close(path); }
      if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) { event.preventDefault(); say(path); }
    });
    form.querySelector(".kotae-chip").focus({ preventScroll: true });
    form.scrollIntoView({ block: "nearest" });
  }

  const pressed = (form, kind) => [...form.querySelectorAll(`.kotae-chip-${kind}[aria-pressed="true"]`)].map((b) => b.value);
  function say(path) {
    const form = formOf(path);
    if (!form) return;
    const [route] = pressed(form, "place");
    const reasons = pressed(form, "reason");
    if (route) reasons.push("wrong_route");
    send(path, "PUT", { verdict: "down", reasons, route: route || null, corrected: form.querySelector("textarea").value }, "down");
  }

  function toggle(chip) {
    const on = chip.getAttribute("aria-pressed") !== "true";
    if (on && chip.matches(".kotae-chip-place")) {
      for (const other of chip.parentElement.children) other.setAttribute("aria-pressed", "false");
    }
    chip.setAttribute("aria-pressed", String(on));
  }

  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element ? event.target.closest("button") : null;
    if (!button) return;
    const form = button.closest(".kotae-judging");
    const path = form ? form.dataset.path : button.value;
    if (button.matches(".kotae-thumb-up")) {
      close(path, false);
      if (button.matches(".kotae-is-on")) send(path, "DELETE", undefined, "up");
      else send(path, "PUT", { verdict: "up" }, "up");
    } else if (button.matches(".kotae-thumb-down")) {
      if (formOf(path)) close(path); else open(path);
    } else if (form && button.matches(".kotae-chip")) toggle(button);
    else if (form && button.matches(".kotae-say")) say(path);
    else if (form && button.matches(".kotae-unsay")) send(path, "DELETE", undefined, "down");
    else if (form && button.matches(".kotae-cancel")) close(path);
  });
})();
