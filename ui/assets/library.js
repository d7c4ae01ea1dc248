/* The library's page. What is shown comes as HTML from /api/library, cleaned there; nothing here builds HTML from text.
   Work belongs to the server, so this file only asks how far it is; a page that is opened later shows the same. */
(() => {
  "use strict";
  const root = document.documentElement;
  const { words, element, command, toggle, returnTo } = window.kotae;
  const { page, fill, dialog, drops } = window.kotae.views;
  const BUSY = 500, IDLE = 3000; // milliseconds between two looks at the work
  const { place, $, $$, say, attempt, frame, shown: inLibrary, watch, ask, send } = page("library", "/api/library", {
    open, refresh, title: words["lib.document"], hint: words["lib.hint"],
  });
  const filled = (text, values) => text.replace(/\$\{?([a-z]+)\}?/g, (all, name) => (name in values ? values[name] : all));

  /* ---- the frame ---- */
  let seen = null; // what the library held when Gradio last drew its part of the page
  function open() {
    frame(async () => { await overview(); select("documents"); tick(true); }, () => tick(true));
  }

  let facts = { collections: [], types: [], counts: {}, default: "default", limit: 0 };
  async function overview() {
    facts = await ask("overview");
    if (seen === null) seen = facts.content;
    $(".kotae-lib-summary").textContent = facts.summary;
    for (const [part, count] of Object.entries(facts.counts)) {
      const badge = $(`#kotae-lib-tab-${part} .kotae-lib-count`);
      badge.textContent = count || part === "documents" ? count.toLocaleString(root.lang) : "";
    }
    for (const choice of $$(".kotae-lib-of")) options(choice, [["", words["lib.every_collection"]], ...facts.collections.map((c) => [c, c])]);
    for (const choice of $$(".kotae-lib-types")) options(choice, [["", words["lib.every_type"]], ...facts.types]);
    options($(".kotae-lib-target"), facts.collections.map((c) => [c, c]), facts.default);
  }
  function options(choice, pairs, first = "") {
    const now = choice.value || first;
    const old = [...choice.options].map((o) => [o.value, o.textContent]);
    if (JSON.stringify(old) === JSON.stringify(pairs)) return;
    choice.replaceChildren(...pairs.map(([value, text]) => { const o = element("option", "", text); o.value = value; return o; }));
    choice.value = pairs.some(([value]) => value === now) ? now : first;
  }

  /* ---- the parts ---- */
  let part = "documents";
  const listing = { sort: "title", order: "", page: 0 };
  const turns = {}; // the latest request of each part; an earlier answer that comes late is dropped
  function select(name, focus = false) {
    part = name;
    for (const tab of $$(".kotae-lib-tab")) {
      const on = tab.value === name;
      tab.setAttribute("aria-selected", String(on));
      tab.tabIndex = on ? 0 : -1;
      $(`#kotae-lib-${tab.value}`).hidden = !on;
      if (on && focus) tab.focus();
    }
    if (name !== "search") load(name);
  }
  async function load(name) {
    const box = $(`#kotae-lib-${name} .kotae-lib-list`);
    const form = $(`#kotae-lib-${name} .kotae-lib-filter`);
    const query = name === "documents" ? { ...Object.fromEntries(new FormData(form)), ...listing }
      : name === "search" ? Object.fromEntries(new FormData(form)) : {};
    const turn = turns[name] = (turns[name] || 0) + 1;
    box.setAttribute("aria-busy", "true");
    try {
      const html = await ask(name, { query });
      if (turns[name] === turn) fill(box, html);
    } catch (error) {
      if (turns[name] === turn) box.replaceChildren(element("p", "kotae-notice", error.message));
    } finally {
      if (turns[name] === turn) box.removeAttribute("aria-busy");
    }
  }
  async function refresh() {
    try { await overview(); } catch (error) { say(error.message, true); }
    if (part !== "search") load(part);
  }

  /* ---- work ---- */
  const tick = watch((state) => {
    if (state.html !== undefined) work(state.html);
    if (state.renewed) refresh();
    if (!state.busy && seen !== state.content) { seen = state.content; command({ do: "refresh" }); }
  }, { idle: IDLE, busy: BUSY });
  /* Only the jobs that changed are drawn anew, so that a list keeps its place and a button its focus. */
  function work(html) {
    const box = $(".kotae-lib-work");
    const fresh = new DOMParser().parseFromString(html, "text/html");
    const old = new Map([...box.querySelectorAll(".kotae-job[id]")].map((job) => [job.id, job]));
    const rows = [...fresh.querySelectorAll(".kotae-job")].map((job) => {
      const before = old.get(job.id);
      if (!before) return document.adoptNode(job);
      if (before.innerHTML !== job.innerHTML) {
        const list = before.querySelector(".kotae-lib-items");
        const at = list ? list.scrollTop : 0;
        fill(before, job.innerHTML);
        before.className = job.className;
        const again = before.querySelector(".kotae-lib-items");
        if (again) again.scrollTop = at;
      }
      return before;
    });
    const own = [...box.querySelectorAll(".kotae-job:not([id])")];
    for (const job of old.values()) if (!rows.includes(job)) job.remove();
    const wantedRows = [...own, ...rows];
    wantedRows.forEach((row, i) => { if (box.children[i] !== row) box.insertBefore(row, box.children[i] || null); });
    box.hidden = !box.children.length;
  }
  /* What was not taken, said by the page itself: the server has no job for it. */
  function refused(names) {
    const box = $(".kotae-lib-work");
    const job = element("article", "kotae-job kotae-is-failed");
    const head = element("div", "kotae-job-head");
    const clear = element("button", "kotae-plain", words["lib.clear"]);
    clear.addEventListener("click", () => { job.remove(); box.hidden = !box.children.length; });
    head.append(element("h3", "kotae-job-title", words["lib.not_added"]), clear);
    const list = element("ul", "kotae-lib-items");
    for (const [name, reason] of names) {
      const row = element("li", "kotae-lib-item kotae-is-failed");
      row.append(element("span", "kotae-lib-name", name), element("span", "kotae-lib-reason", reason));
      list.append(row);
    }
    job.append(head, list);
    box.prepend(job);
    box.hidden = false;
  }

  /* ---- files ---- */
  async function upload(files) {
    const collection = $(".kotae-lib-target").value || facts.default;
    const bad = [];
    let batch = "";
    for (const file of files) {
      if (file.size > facts.limit) { bad.push([file.name, facts.limit_said]); continue; }
      say(filled(words["lib.sending"], { name: file.name }));
      for (;;) {
        try {
          const query = { name: file.name, collection, batch };
          batch = (await ask("uploads", { method: "POST", query, body: file, type: "application/octet-stream" })).batch;
          tick(true);
        } catch (error) {
          if (error.status === 410) { say(""); tick(true); return; } // the reader stopped this job
          if (error.status === 429) { await new Promise((go) => setTimeout(go, 1000)); continue; }
          bad.push([file.name, error.message]);
        }
        break;
      }
    }
    say("");
    if (bad.length) refused(bad);
    tick(true);
  }
  async function within(entry) {
    if (entry.name.startsWith(".")) return [];
    if (entry.isFile) return [await new Promise((go, no) => entry.file(go, no))];
    const reader = entry.createReader(), found = [];
    for (;;) {
      const some = await new Promise((go, no) => reader.readEntries(go, no));
      if (!some.length) break;
      for (const one of some) found.push(...(await within(one)));
    }
    return found;
  }
  async function dropped(data) {
    const entries = [...data.items].map((item) => item.webkitGetAsEntry?.()).filter(Boolean);
    if (!entries.some((entry) => entry.isDirectory)) return [...data.files];
    return (await Promise.all(entries.map(within))).flat();
  }
  function hover(on) {
    const zone = $(".kotae-drop");
    if (!zone) return;
    zone.classList.toggle("kotae-is-over", on);
    const collection = $(".kotae-lib-target").value;
    $(".kotae-drop-text").textContent = on ? filled(words["lib.drop_now"], { collection }) : words["lib.drop"];
  }
  drops(inLibrary, hover, async (data) => { if (place()) upload(await dropped(data)); });

  /* ---- dialogs ---- */
  const named = (text) => element("p", "kotae-dialog-name", text);
  function removal(button) {
    const { title, uploaded } = button.dataset;
    const text = words[uploaded ? "lib.remove_upload" : "lib.remove_text"];
    dialog(words["lib.remove_title"], [named(title), element("p", "", text)], words["lib.remove_yes"], "kotae-danger", () => {
      attempt(() => ask(`documents/${encodeURIComponent(button.value)}`, { method: "DELETE" }), "lib.removed");
      if (shown.id === button.value) toggle("panel", false);
    });
  }
  function moving(button) {
    const choice = element("select", "kotae-field");
    choice.setAttribute("aria-label", words["lib.collection"]);
    options(choice, facts.collections.map((c) => [c, c]), button.dataset.collection);
    dialog(words["lib.move_title"], [named(button.dataset.title), choice], words["lib.move_yes"], "kotae-primary", () =>
      attempt(() => send(`documents/${encodeURIComponent(button.value)}/move`, { collection: choice.value }), "lib.moved"));
  }
  function renaming(button) {
    const field = element("input", "kotae-field");
    field.value = button.value;
    field.maxLength = 64;
    field.required = true;
    field.setAttribute("aria-label", words["lib.rename_label"]);
    dialog(words["lib.rename_title"], [field], words["lib.rename_yes"], "kotae-primary", () =>
      attempt(() => send("collections/rename", { name: button.value, new: field.value }), "lib.renamed"));
    field.select();
  }
  function deletion(button) {
    const n = Number(button.dataset.documents);
    const title = filled(words[button.dataset.fixed ? "lib.empty_title" : "lib.delete_title"], { name: button.value });
    const text = n === 0 ? words["lib.delete_none"] : n === 1 ? words["lib.delete_one"]
      : filled(words["lib.delete_many"], { n: n.toLocaleString(root.lang) });
    dialog(title, [element("p", "", text)], button.title, "kotae-danger", () =>
      attempt(() => send("collections", { name: button.value }, "DELETE"), "lib.removed"));
  }
  function giving_up(button) {
    dialog(words["lib.source_gone_title"], [named(button.value), element("p", "", words["lib.source_gone_text"])],
      words["lib.remove_yes"], "kotae-danger", () =>
        attempt(() => send("sources", { path: button.value, collection: button.dataset.collection }, "DELETE"), "lib.removed"));
  }

  /* ---- a document in the panel ---- */
  let shown = { id: "", turn: 0 };
  async function read(button) {
    const body = document.querySelector(".kotae-panel-body");
    const turn = shown.turn + 1;
    shown = { id: button.value, turn };
    returnTo(button);
    $$(".kotae-is-current").forEach((e) => e.classList.remove("kotae-is-current"));
    button.closest("tr, li")?.classList.add("kotae-is-current");
    toggle("panel", true);
    const passage = button.dataset.passage || "";
    const query = passage ? $("#kotae-lib-search [name=query]").value : "";
    if (!body.querySelector("article")) body.replaceChildren(element("p", "kotae-none", words["panel.loading"]));
    try {
      const html = await ask(`documents/${encodeURIComponent(button.value)}`, { query: { passage, query } });
      if (shown.turn !== turn) return;
      body.innerHTML = html;
      body.scrollTop = 0;
      const at = passage && body.querySelector(`#kotae-passage-${CSS.escape(passage)}`);
      if (at) { at.classList.add("kotae-is-current"); body.scrollTop = at.offsetTop - body.offsetTop - 16; }
    } catch (error) {
      if (shown.turn === turn) body.replaceChildren(element("p", "kotae-notice", error.message));
    }
  }
  async function more(button) {
    button.disabled = true;
    const path = `documents/${encodeURIComponent(button.dataset.document)}`;
    const html = await attempt(() => ask(path, { query: { first: button.value } }));
    if (html === undefined) { button.disabled = false; return; }
    const holder = element("div");
    holder.innerHTML = html;
    button.closest("p").replaceWith(...holder.childNodes);
  }

  /* ---- clicks and keys ---- */
  const at = (b) => ({ path: b.value, collection: b.dataset.collection });
  const job = (action) => attempt(action).then(() => tick(true));
  const clicks = [
    ["#kotae-library .kotae-lib-tab", (b) => select(b.value)],
    [".kotae-lib-choose", () => $(".kotae-lib-files").click()],
    [".kotae-lib-source", (b) => {
      const form = $(".kotae-lib-source-form");
      form.hidden = !form.hidden;
      b.setAttribute("aria-expanded", String(!form.hidden));
      if (!form.hidden) form.elements.path.focus();
    }],
    [".kotae-job-stop", (b) => { b.disabled = true; job(() => send(`jobs/${b.value}/stop`)); }],
    [".kotae-job-clear", (b) => b.value && job(() => send(`jobs/${b.value}/dismiss`))],
    [".kotae-sort", (b) => {
      listing.order = listing.sort === b.value && !listing.order ? "descending" : "";
      listing.sort = b.value;
      listing.page = 0;
      load("documents");
    }],
    ["#kotae-library :is(.kotae-page-previous, .kotae-page-next)", (b) => {
      listing.page = Number(b.value);
      load("documents").then(() => $("#kotae-lib-tab-documents").scrollIntoView({ block: "nearest" }));
    }],
    [".kotae-doc-open", read],
    [".kotae-doc-more", more],
    [".kotae-lib-reread", (b) => job(() => send(`documents/${encodeURIComponent(b.value)}/reread`))],
    [".kotae-lib-move", moving],
    [".kotae-lib-remove", removal],
    [".kotae-lib-retry", (b) => job(() => send("failures/retry", at(b)))],
    [".kotae-lib-retry-all", () => job(() => send("failures/retry", {}))],
    [".kotae-lib-dismiss", (b) => attempt(() => send("failures/dismiss", at(b)), "lib.dismissed")],
    [".kotae-lib-switch", (b) => {
      const on = b.getAttribute("aria-checked") !== "true";
      const hours = Number(b.dataset.hours) || 24;
      attempt(() => send("sources/watch", { ...at(b), on, hours }), on ? "lib.watching" : "lib.unwatched");
    }],
    [".kotae-lib-check-now", (b) => job(() => send("sources/check", at(b)))],
    [".kotae-lib-drop-source", giving_up],
    [".kotae-lib-rename", renaming],
    [".kotae-lib-delete", deletion],
  ];
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const button = event.target.closest("button");
    const found = button && clicks.find(([selector]) => button.matches(selector));
    if (found) found[1](button);
  });
  document.addEventListener("change", (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.matches(".kotae-lib-files")) {
      const files = [...event.target.files];
      event.target.value = "";
      upload(files);
    } else if (event.target.matches(".kotae-lib-web select")) {
      const choice = event.target;
      attempt(() => send("collections/web", { name: choice.dataset.collection, web: choice.value }), "lib.web_set");
    } else if (event.target.matches("#kotae-lib-documents select")) { listing.page = 0; load("documents"); }
    else if (event.target.matches("#kotae-lib-search select") && $("#kotae-lib-search [name=query]").value.trim()) load("search");
  });
  let typing = 0;
  document.addEventListener("input", (event) => {
    if (!(event.target instanceof Element)) return;
    if (event.target.matches("#kotae-lib-documents [name=text]")) {
      clearTimeout(typing);
      typing = setTimeout(() => { listing.page = 0; load("documents"); }, 200);
    } else if (event.target.matches(".kotae-lib-source-form [name=path]")) {
      $(".kotae-lib-hours").hidden = !/^https?:\/\//i.test(event.target.value.trim());
    }
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.closest?.("#kotae-library")) return;
    event.preventDefault();
    if (form.matches(".kotae-lib-query")) { if (form.elements.query.value.trim()) load("search"); }
    else if (form.matches(".kotae-lib-new")) {
      attempt(() => send("collections", { name: form.elements.name.value }), "lib.created").then((made) => { if (made) form.reset(); });
    } else if (form.matches(".kotae-lib-source-form")) {
      const { path, watch, hours } = form.elements;
      const source = { path: path.value, collection: $(".kotae-lib-target").value, watch: watch.checked, hours: Number(hours.value) || 24 };
      attempt(() => send("sources", source)).then((made) => { if (made) { form.reset(); $(".kotae-lib-hours").hidden = true; tick(true); } });
    }
  });
  document.addEventListener("keydown", (event) => {
    const tab = event.target instanceof Element && event.target.closest("#kotae-library .kotae-lib-tab");
    if (!tab) return;
    const tabs = $$(".kotae-lib-tab"), here = tabs.indexOf(tab);
    const to = { ArrowRight: here + 1, ArrowLeft: here - 1, Home: 0, End: tabs.length - 1 }[event.key];
    if (to === undefined) return;
    event.preventDefault();
    select(tabs[(to + tabs.length) % tabs.length].value, true);
  });
})();
