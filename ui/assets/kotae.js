/* The page's behaviour. Every command goes to the server as JSON through a hidden text field (see ui/chat_page.py);
   nothing here builds HTML from text: what is shown as HTML comes from the server, which has cleaned it. */
(() => {
  "use strict";
  const words = JSON.parse(document.getElementById("kotae-words").textContent);
  const root = document.documentElement;
  const spoken = root.lang; // Gradio puts the browser's language in its place
  const narrow = window.matchMedia("(max-width: 1099px)");
  const phone = window.matchMedia("(max-width: 799px)");
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const $ = (selector) => document.querySelector(selector);

  const stored = (key) => { try { return localStorage.getItem(key); } catch { return null; } };
  const store = (key, value) => { try { localStorage.setItem(key, value); } catch { /* private mode */ } };

  /* ---- commands ---- */
  /* Gradio may lose what is sent in the moment in which the drawing of the page ends: its stream of answers is closed by
     the server while the page takes it for open. So what is asked for before the conversations are drawn waits for them. */
  const drawn = () => Boolean($("#kotae-threads .kotae-threads, #kotae-threads .kotae-none"));
  let held = null;
  const onceDrawn = (act) => { if (drawn()) act(); else held = act; };
  let counter = 0;
  const command = (order) => onceDrawn(() => send(order));
  function send(order) {
    const field = $("#kotae-command textarea, #kotae-command input");
    if (!field) return;
    counter += 1;
    awaited = undefined;
    field.value = JSON.stringify({ ...order, count: counter });
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.dispatchEvent(new KeyboardEvent("keypress", { key: "Enter", bubbles: true, cancelable: true }));
  }

  /* ---- appearance ---- */
  const themes = ["auto", "light", "dark"];
  const theme = () => (themes.includes(stored("kotae-theme")) ? stored("kotae-theme") : "auto");
  function paint() {
    const isDark = theme() === "dark" || (theme() === "auto" && dark.matches);
    root.dataset.kotaeTheme = theme();
    if (root.classList.contains("kotae-dark") !== isDark) root.classList.toggle("kotae-dark", isDark);
    if (document.body && document.body.classList.contains("dark") !== isDark) document.body.classList.toggle("dark", isDark);
    for (const button of document.querySelectorAll(".kotae-do-theme")) {
      const label = words[`theme.${theme()}`];
      if (button.title !== label) {
        button.title = label;
        const hidden = button.querySelector(".kotae-sr");
        if (hidden) hidden.textContent = label;
      }
    }
  }
  dark.addEventListener("change", paint);
  paint();

  /* ---- drawers ---- */
  let returnTo = null;
  const isOpen = (drawer) => root.classList.contains(`kotae-${drawer}-open`);
  function toggle(drawer, open) {
    root.classList.toggle(`kotae-${drawer}-open`, open);
    if (drawer === "nav" && !narrow.matches) store("kotae-nav", open ? "open" : "closed");
    if (open && narrow.matches) {
      root.classList.toggle(`kotae-${drawer === "nav" ? "panel" : "nav"}-open`, false);
      $(drawer === "nav" ? "#kotae-nav .kotae-do-nav" : "#kotae-panel .kotae-do-panel-close")?.focus();
    }
    inertness();
  }
  /* What is out of sight must not be reached with the keyboard. */
  function inertness() {
    for (const drawer of ["nav", "panel"]) {
      const element = $(`#kotae-${drawer}`);
      if (element) element.inert = !isOpen(drawer);
    }
  }
  root.classList.toggle("kotae-nav-open", !narrow.matches && stored("kotae-nav") !== "closed");
  narrow.addEventListener("change", () => toggle("nav", !narrow.matches && stored("kotae-nav") !== "closed"));

  /* ---- sources ---- */
  const isSource = /^\/api\/threads\/[^/]+\/answers\/\d+\/sources\/\d+$/;
  let wanted = "";
  async function openSource(link) {
    const path = link.getAttribute("href");
    if (!isSource.test(path)) return;
    returnTo = link;
    wanted = path;
    document.querySelectorAll(".kotae-is-current").forEach((e) => e.classList.remove("kotae-is-current"));
    const answer = link.closest(".kotae-answer");
    answer?.querySelectorAll("a.kotae-cite, a.kotae-source").forEach((e) => {
      if (e.getAttribute("href") === path) e.classList.add("kotae-is-current");
    });
    toggle("panel", true);
    const body = $(".kotae-panel-body");
    const say = (text) => body.replaceChildren(element("p", "kotae-none", text));
    if (!body.querySelector("article")) say(words["panel.loading"]);
    try {
      const response = await fetch(`${path}?lang=${root.lang}`, { headers: { Accept: "text/html" } });
      if (!response.ok) throw new Error(String(response.status));
      const html = await response.text();
      if (wanted !== path) return;
      body.innerHTML = html;
      body.scrollTop = 0;
      const mark = body.querySelector("mark");
      if (mark) body.scrollTop = Math.max(0, mark.offsetTop - body.offsetTop - body.clientHeight * 0.3);
    } catch {
      if (wanted === path) say(words["panel.failed"]);
    }
  }

  function element(tag, className, text) {
    const made = document.createElement(tag);
    if (className) made.className = className;
    if (text) made.textContent = text;
    if (tag === "button") made.type = "button";
    return made;
  }

  /* ---- clicks ---- */
  const leave = () => { if (narrow.matches) toggle("nav", false); };
  const clicks = [
    [".kotae-retry", (b) => command({ do: "retry", index: Number(b.value) })],
    [".kotae-choice", (b) => command({ do: "ask", text: b.value })],
    [".kotae-example", (b) => command({ do: "ask", text: b.textContent })],
    [".kotae-new", () => { command({ do: "new" }); leave(); field()?.focus(); }],
    [".kotae-do-nav", () => toggle("nav", !isOpen("nav"))],
    [".kotae-do-panel", () => toggle("panel", !isOpen("panel"))],
    [".kotae-do-panel-close", () => { toggle("panel", false); returnTo?.focus(); }],
    [".kotae-do-theme", () => { store("kotae-theme", themes[(themes.indexOf(theme()) + 1) % 3]); paint(); }],
  ];
  const field = () => $("#kotae-question textarea");
  document.addEventListener("click", (event) => {
    if (!(event.target instanceof Element)) return;
    const plainClick = event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey;
    const link = event.target.closest("a.kotae-cite, a.kotae-source, a.kotae-open, a.kotae-language");
    if (link && plainClick) {
      event.preventDefault();
      if (link.matches(".kotae-open")) {
        command({ do: "open", thread: new URLSearchParams(link.getAttribute("href")).get("thread") });
        leave();
      } else if (link.matches(".kotae-language")) {
        location.assign(link.getAttribute("href") + location.search);
      } else {
        openSource(link);
      }
      return;
    }
    const button = event.target.closest("button");
    const found = button && clicks.find(([selector]) => button.matches(selector));
    if (found) found[1](button);
    else if (event.target.id === "kotae-app" && narrow.matches) { toggle("nav", false); toggle("panel", false); }
  });

  /* ---- keys ---- */
  /* Enter that chooses a Japanese conversion must not send. Chrome and Firefox say isComposing; Safari fires one more
     keydown after the composition has ended, with key code 229. */
  for (const kind of ["keydown", "keypress"]) {
    document.addEventListener(kind, (event) => {
      if (event.key === "Enter" && (event.isComposing || event.keyCode === 229)) event.stopImmediatePropagation();
    }, true);
  }
  const ask = () => $("#kotae-send")?.click();
  for (const [kind, asks] of [
    ["keypress", (event) => event.key === "Enter" && !event.shiftKey && event.target === field()],
    ["click", (event) => event.target instanceof Element && event.target.closest("#kotae-send")],
  ]) {
    document.addEventListener(kind, (event) => {
      if (drawn() || !asks(event)) return;
      event.preventDefault();
      event.stopImmediatePropagation();
      onceDrawn(ask);
    }, true);
  }
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || event.isComposing || $("dialog[open]")) return;
    if (isOpen("panel")) { toggle("panel", false); returnTo?.focus(); }
    else if (narrow.matches && isOpen("nav")) { toggle("nav", false); $("#kotae-main .kotae-do-nav")?.focus(); }
  });

  /* ---- following what Gradio draws ---- */
  let shownThread = null;
  let awaited; // the conversation that back or forward leads to, until it is drawn
  let questions = 0;
  function follow() {
    if (root.lang !== spoken) root.lang = spoken;
    if (document.body.classList.contains("dark") !== root.classList.contains("kotae-dark")) paint();
    const page = ["library", "specialists", "insights", "settings"].find((name) => root.classList.contains(`kotae-view-${name}`));
    if (page) document.title = `${words[`tab.${page}`]} – ${words["app.name"]}`;
    if (!drawn()) return;
    if (held) { const act = held; held = null; act(); }
    const row = $("#kotae-threads .kotae-is-open");
    const address = new URL(location.href);
    const open = row ? new URLSearchParams(row.querySelector("a").getAttribute("href")).get("thread") : null;
    if (!page) document.title = row ? `${row.querySelector(".kotae-thread-title").textContent} – ${words["app.name"]}` : words["app.name"];
    row?.querySelector("a").setAttribute("aria-current", "page");
    if (awaited !== undefined && open === awaited) awaited = undefined;
    if (open !== shownThread && awaited === undefined) {
      const first = shownThread === null && address.searchParams.get("thread") === open;
      if (open) address.searchParams.set("thread", open); else address.searchParams.delete("thread");
      if (address.href !== location.href) history[first ? "replaceState" : "pushState"]({ thread: open }, "", address);
      if (shownThread) { toggle("panel", false); wanted = ""; }
      shownThread = open;
    }
    const log = $("#kotae-chat [role=log]");
    if (log) {
      const asked = log.querySelectorAll(".kotae-question").length;
      if (asked > questions) log.scrollTop = log.scrollHeight; // Gradio follows only who is at the end already
      questions = asked;
      log.setAttribute("aria-busy", String(Boolean($("#kotae-chat .kotae-is-draft"))));
      if (log.getAttribute("aria-label") !== words["app.name"]) log.setAttribute("aria-label", words["app.name"]);
    }
    /* Gradio puts a message's whole HTML into its label. */
    for (const box of document.querySelectorAll('#kotae-chat [data-testid="user"], #kotae-chat [data-testid="bot"]')) {
      const label = words[box.dataset.testid === "user" ? "message.you" : "message.kotae"];
      if (box.getAttribute("aria-label") !== label) { box.setAttribute("aria-label", label); box.setAttribute("role", "group"); }
    }
    /* The path's fold is a role=button with a nameless button inside. */
    for (const title of document.querySelectorAll("#kotae-chat .thought-group .title")) {
      const open = String(title.classList.contains("expanded"));
      if (title.getAttribute("aria-expanded") !== open) title.setAttribute("aria-expanded", open);
      const inner = title.querySelector("button");
      if (inner && inner.tabIndex !== -1) { inner.tabIndex = -1; inner.setAttribute("aria-hidden", "true"); }
    }
    inertness();
  }
  window.addEventListener("popstate", () => {
    const open = new URLSearchParams(location.search).get("thread");
    if (open === shownThread) return; // back from the library to the same conversation
    command(open ? { do: "open", thread: open } : { do: "new" });
    awaited = shownThread = open;
  });

  document.addEventListener("DOMContentLoaded", () => {
    let planned = false;
    const soon = () => {
      if (planned) return;
      planned = true;
      requestAnimationFrame(() => { planned = false; paint(); follow(); label(); });
    };
    new MutationObserver(soon).observe(document.body, { subtree: true, childList: true, attributes: true,
      attributeFilter: ["class", "aria-label"] });
    soon();
  });
  /* what the other scripts share with the chat */
  const role = $('meta[name="kotae-person"]')?.dataset.role; // of whoever has logged in, if that is needed at all
  if (role) root.classList.add(`kotae-role-${role}`);
  const seen = { reader: ["chat"], editor: ["chat", "library", "specialists", "insights"] }[role];
  const sees = (view) => !seen || seen.includes(view);
  window.kotae = { words, element, command, toggle, isOpen, follow, sees, returnTo: (to) => { returnTo = to; } };

  function label() {
    field()?.setAttribute("aria-label", words["ask.label"]);
    const roles = [["#kotae-nav", "navigation", "nav.list"], ["#kotae-main", "main", "app.name"],
      ["#kotae-panel", "complementary", "panel.label"]];
    for (const [selector, role, key] of roles) {
      const part = $(selector);
      if (part && part.getAttribute("role") !== role) { part.setAttribute("role", role); part.setAttribute("aria-label", words[key]); }
    }
    const web = $("#kotae-web");
    if (web && !web.title) {
      web.title = words["ask.web_hint"];
      const name = element("span", "kotae-web-name", words["ask.web"]);
      name.setAttribute("aria-hidden", "true");
      web.prepend(name);
    }
  }
})();
