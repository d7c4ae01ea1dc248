/* What the pages beside the chat share: which of them is shown, asking the server, telling the reader, dialogs.
   What is shown comes as HTML from the server, cleaned there; nothing here builds HTML from text. */
(() => {
  "use strict";
  const root = document.documentElement;
  const { words, element, toggle, follow, sees } = window.kotae;
  const NAMES = ["chat", "library", "specialists", "sites", "insights", "settings"].filter(sees);
  const views = {};

  /* ---- asking the server ---- */
  class Refusal extends Error {
    constructor(status, text, field = "") { super(text); this.status = status; this.field = field; }
  }
  async function ask(address, { method = "GET", query = {}, body, type = "application/json" } = {}) {
    const search = new URLSearchParams({ ...query, lang: root.lang });
    let response;
    try {
      response = await fetch(`${address}?${search}`, {
        method, body: body === undefined ? undefined : type === "application/json" ? JSON.stringify(body) : body,
        headers: body === undefined ? {} : { "Content-Type": type },
      });
    } catch { throw new Refusal(0, words["lib.unreachable"]); }
    const kind = response.headers.get("content-type") || "";
    if (!response.ok) {
      const told = kind.startsWith("application/json") ? await response.json() : {};
      throw new Refusal(response.status, told.error?.message || told.error || words["cannot.unknown"], told.field);
    }
    return kind.startsWith("application/json") ? response.json() : response.text();
  }

  /* Replaces what a box shows; who was on a button of it stays on the same one, or on the box's first, and what was
     unfolded stays so. */
  function fill(box, html) {
    const active = box.contains(document.activeElement) ? document.activeElement : null;
    const open = [...box.querySelectorAll("details")].map((e) => e.open);
    box.innerHTML = html;
    box.querySelectorAll("details").forEach((e, i) => { if (open[i]) e.open = true; });
    if (!active) return;
    const same = [...box.querySelectorAll("button, summary")].find((b) => b.className === active.className && b.value === active.value);
    (same || box.querySelector("button:not([disabled])") || box.closest("[tabindex]"))?.focus();
  }

  /* ---- dialogs ---- */
  function dialog(title, parts, confirm, className, act) {
    const box = element("dialog", "kotae-dialog");
    const form = element("form");
    form.method = "dialog";
    const cancel = element("button", "kotae-plain", words["dialog.cancel"]);
    const go = element("button", className, confirm);
    go.type = "submit";
    const row = element("div", "kotae-edit-row");
    row.append(cancel, go);
    form.append(element("h2", "", title), ...parts, row);
    box.append(form);
    const opener = document.activeElement;
    form.addEventListener("submit", (event) => { event.preventDefault(); box.close(); act(form); });
    cancel.addEventListener("click", () => box.close());
    box.addEventListener("close", () => { box.remove(); if (opener?.isConnected) opener.focus(); });
    box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
    document.body.append(box);
    box.showModal();
    (form.querySelector("select, input") || cancel).focus();
  }

  /* ---- which view ---- */
  const wanted = () => {
    const view = new URLSearchParams(location.search).get("view");
    return NAMES.includes(view) ? view : "chat";
  };
  let drawn = ""; // the view that the panel is dressed for
  function dress(view) {
    root.classList.toggle("kotae-view-page", view !== "chat");
    for (const name of NAMES) root.classList.toggle(`kotae-view-${name}`, name === view && name !== "chat");
  }
  function show(view, push) {
    if (push && wanted() !== view) {
      const address = new URL(location.href);
      if (view === "chat") address.searchParams.delete("view"); else address.searchParams.set("view", view);
      address.searchParams.delete("specialist");
      history.pushState(history.state, "", address);
    }
    if (drawn !== view) {
      const first = !drawn;
      drawn = view;
      dress(view);
      if (!first) toggle("panel", false);
      const { title, hint } = views[view] || { title: words["panel.title"], hint: words["panel.hint"] };
      const head = document.querySelector(".kotae-panel-head h2");
      if (head && title) head.textContent = title;
      if ((!first || view !== "chat") && hint) document.querySelector(".kotae-panel-body")?.replaceChildren(element("p", "kotae-none", hint));
    }
    mark();
    follow();
    views[view]?.open();
  }
  function mark() {
    for (const tab of document.querySelectorAll(".kotae-tab")) {
      const on = tab.value === (NAMES.find((name) => root.classList.contains(`kotae-view-${name}`)) || "chat");
      if (on !== (tab.getAttribute("aria-current") === "page")) {
        if (on) tab.setAttribute("aria-current", "page"); else tab.removeAttribute("aria-current");
      }
      if (!tab.parentElement.getAttribute("aria-label")) tab.parentElement.setAttribute("aria-label", words["tab.label"]);
    }
  }
  dress(wanted());
  window.addEventListener("popstate", () => show(wanted(), false));
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.closest("a.kotae-open")) { show("chat", true); return; }
    const button = event.target.closest("button");
    if (button?.matches(".kotae-tab")) show(button.value, true);
    else if (button?.matches(".kotae-new")) show("chat", true);
  });

  /* A page: `open` is called whenever it is shown; what its panel is called and shows at first. The page gets what it
     asks and tells with. */
  function page(name, api, { open, title, hint, refresh }) {
    const place = () => document.querySelector(`#kotae-${name} .kotae-lib-place`);
    const $ = (selector) => place()?.querySelector(selector);
    const $$ = (selector) => [...(place()?.querySelectorAll(selector) || [])];
    let silence = 0;
    function say(text, bad = false) {
      const line = $(".kotae-lib-said");
      if (!line) return;
      clearTimeout(silence);
      line.textContent = text;
      line.classList.toggle("kotae-is-bad", bad);
      if (text) silence = setTimeout(() => { line.textContent = ""; }, bad ? 12000 : 4000);
    }
    async function attempt(action, done) {
      try {
        const result = await action();
        if (done) say(words[done]);
        return result;
      } catch (error) {
        say(error.message, true);
        return undefined;
      } finally {
        if (done) refresh();
      }
    }
    /* Asks for the frame once; `ready` fills it. */
    let opening = false;
    async function frame(ready, again) {
      const holder = document.querySelector(`#kotae-${name} .kotae-none, #kotae-${name} .kotae-lib-place`);
      if (!holder || opening) return;
      if (place()) { again(); return; }
      opening = true;
      try {
        const html = await ask(`${api}/frame`);
        const box = element("div", "kotae-lib-place");
        box.innerHTML = html;
        holder.replaceWith(box);
        await ready();
      } catch (error) {
        const retry = element("button", "kotae-plain", words["lib.again"]);
        retry.addEventListener("click", () => { retry.remove(); holder.textContent = words["lib.loading"]; open(); });
        holder.textContent = error.message;
        holder.append(document.createElement("br"), retry);
      } finally { opening = false; }
    }
    /* Looks after what goes on, more often while something does, as long as the page is shown. `told` gets each state:
       `html` only where it has changed, `renewed` when what the page lists has. Call the result to look at once. */
    function watch(told, { idle, busy }) {
      let revision = -1, content = null, timer = 0, asking = false;
      async function tick(now = false) {
        clearTimeout(timer);
        if (!root.classList.contains(`kotae-view-${name}`) || !place() || asking) return;
        if (document.hidden && !now) { timer = setTimeout(tick, idle); return; }
        asking = true;
        let pause = idle;
        try {
          const state = await ask(`${api}/work`, { query: { after: revision } });
          revision = state.revision;
          const renewed = content !== null && state.content !== content;
          content = state.content;
          await told({ ...state, renewed });
          if (state.busy) pause = busy;
        } catch (error) { if (error.status === 0) say(error.message, true); }
        asking = false;
        timer = setTimeout(tick, pause);
      }
      document.addEventListener("visibilitychange", () => { if (!document.hidden) tick(true); });
      return tick;
    }
    views[name] = { open, title, hint };
    return {
      place, $, $$, say, attempt, frame, watch,
      shown: () => root.classList.contains(`kotae-view-${name}`),
      ask: (path, given) => ask(`${api}/${path}`, given),
      send: (path, body, method = "POST") => ask(`${api}/${path}`, { method, body }),
    };
  }

  /* Files that are dropped anywhere on a page that takes them. `over` is told whether they hover. */
  function drops(takes, over, dropped) {
    const carries = (event) => takes() && [...(event.dataTransfer?.types || [])].includes("Files");
    let hovering = 0;
    document.addEventListener("dragenter", (event) => { if (carries(event)) { event.preventDefault(); hovering += 1; over(true); } });
    document.addEventListener("dragleave", (event) => { if (carries(event)) { hovering -= 1; if (hovering <= 0) over(false); } });
    document.addEventListener("dragover", (event) => { if (carries(event)) event.preventDefault(); });
    document.addEventListener("drop", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      hovering = 0;
      over(false);
      dropped(event.dataTransfer);
    });
  }

  /* Gradio draws the page some time after this file is read. */
  document.addEventListener("DOMContentLoaded", () => {
    const watch = new MutationObserver(() => {
      if (document.querySelector(".kotae-tab")) mark();
      if (!NAMES.every((name) => name === "chat" || document.querySelector(`#kotae-${name} .kotae-none`))) return;
      watch.disconnect();
      show(wanted(), false);
    });
    watch.observe(document.body, { subtree: true, childList: true });
  });

  window.kotae.views = { page, fill, dialog, drops, show };
})();
