/* The insights' page: period, figures, lists. What is shown comes as HTML from /api/insights, cleaned there. */
(() => {
  "use strict";
  const { element, words } = window.kotae;
  const { page, fill } = window.kotae.views;
  const { $, $$, say, frame, shown, ask } = page("insights", "/api/insights", { open, refresh });
  const PAUSE = 250; // milliseconds that typing rests before it is searched for
  let days = "30", which = "refused", text = "", at = 0, turn = 0;

  function open() { frame(refresh, refresh); }
  async function refresh() {
    const mine = ++turn;
    try {
      const html = await ask("figures", { query: { days } });
      if (mine !== turn) return;
      fill($(".kotae-ins-figures"), html);
      const empty = Boolean($(".kotae-ins-nothing"));
      $(".kotae-ins-lists").hidden = empty;
      $(".kotae-ins-export").disabled = empty;
      if (!empty) await list();
    } catch (error) { say(error.message, true); }
  }
  let asked = 0;
  async function list() {
    const mine = ++asked, box = $(".kotae-ins-list");
    box.setAttribute("aria-busy", "true");
    try {
      const html = await ask("list", { query: { which, days, text, page: at } });
      if (mine === asked) fill(box, html);
    } catch (error) { say(error.message, true); }
    if (mine === asked) box.removeAttribute("aria-busy");
  }
  function choose(button) {
    days = button.value;
    at = 0;
    for (const one of $$(".kotae-ins-period")) one.setAttribute("aria-pressed", String(one === button));
    refresh();
  }
  function tab(button) {
    which = button.value;
    at = 0;
    for (const one of $$(".kotae-ins-tab")) {
      one.setAttribute("aria-selected", String(one === button));
      one.tabIndex = one === button ? 0 : -1;
    }
    $(".kotae-ins-list").setAttribute("aria-labelledby", button.id);
    list();
  }
  function turnTo(button) {
    at = Number(button.value);
    list().then(() => $(".kotae-ins-lists").scrollIntoView({ block: "start" }));
  }
  function take() {
    const link = element("a");
    link.href = `/api/insights/export.csv?${new URLSearchParams({ which: "all", days, text })}`;
    link.download = "";
    link.click();
  }

  /* What a visitor asked and was told: to be read, in a dialog of its own. Of somebody who logs in it says only that
     the conversation is theirs. */
  async function visit(button) {
    const body = element("div", "kotae-ins-visited");
    body.tabIndex = 0;
    try { body.innerHTML = await ask(`visits/${button.value}`); } catch (error) { say(error.message, true); return; }
    told(button, words["insight.visitor"], body);
  }
  function keepOut(button) {
    told(button, words["insight.person"], element("p", "kotae-notice", button.title));
  }
  function told(button, label, body) {
    const box = element("dialog", "kotae-dialog kotae-ins-dialog");
    box.setAttribute("aria-label", label);
    const close = element("button", "kotae-plain", words["insight.close"]);
    const row = element("div", "kotae-edit-row");
    row.append(close);
    box.append(body, row);
    close.addEventListener("click", () => box.close());
    box.addEventListener("close", () => { box.remove(); button.focus(); });
    box.addEventListener("click", (event) => { if (event.target === box) box.close(); });
    document.body.append(box);
    box.showModal();
    close.focus();
  }

  const clicks = [
    [".kotae-ins-visit", visit],
    [".kotae-ins-private", keepOut],
    [".kotae-ins-period", choose],
    [".kotae-ins-tab", tab],
    [".kotae-page-previous, .kotae-page-next", turnTo],
    [".kotae-ins-export", take],
  ];
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("#kotae-insights button");
    const found = button && clicks.find(([selector]) => button.matches(selector));
    if (found) found[1](button);
  });
  document.addEventListener("keydown", (event) => {
    const button = event.target instanceof Element && event.target.closest(".kotae-ins-tab");
    const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!button || !step) return;
    const all = [...$$(".kotae-ins-tab")];
    const next = all[(all.indexOf(button) + step + all.length) % all.length];
    next.focus();
    tab(next);
  });
  let typing = 0;
  document.addEventListener("input", (event) => {
    if (!event.target.closest?.(".kotae-ins-search")) return;
    clearTimeout(typing);
    typing = setTimeout(() => { text = event.target.value; at = 0; list(); }, PAUSE);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.closest?.(".kotae-ins-search")) event.preventDefault();
  });
  document.addEventListener("visibilitychange", () => { if (!document.hidden && shown()) refresh(); });

  /* ---- a turn in its conversation ---- */
  const LONG = 15000; // milliseconds until nobody waits for it any more
  const HELD = 1500; // milliseconds that it is kept in view
  let sought = null;
  /* The link of a list is followed as any link to a conversation (see kotae.js); this brings its exchange into view
     when the conversation is drawn, and stays out of sight until then. */
  function seek(address) {
    const query = new URLSearchParams(address);
    if (!/^\d+$/.test(query.get("exchange") || "")) return;
    sought = { thread: query.get("thread"), n: Number(query.get("exchange")), until: Date.now() + LONG, high: -1 };
    look();
  }
  function look() {
    if (!sought) return;
    if (Date.now() > sought.until) { sought = null; return; }
    setTimeout(look, 120);
    const open = document.querySelector("#kotae-threads .kotae-is-open a");
    const log = document.querySelector("#kotae-chat [role=log]");
    if (!log || !open || new URLSearchParams(open.getAttribute("href")).get("thread") !== sought.thread) return;
    const edit = [...log.querySelectorAll(".kotae-question .kotae-edit")].find((b) => Number(b.value) === sought.n);
    if (!edit || log.scrollHeight !== sought.high) { sought.high = log.scrollHeight; return; } // still being drawn
    sought = null;
    const box = edit.closest(".kotae-question");
    hold(box);
    box.tabIndex = -1;
    box.focus({ preventScroll: true });
    box.classList.add("kotae-is-sought");
    setTimeout(() => box.classList.remove("kotae-is-sought"), 2500);
    const address = new URL(location.href);
    if (address.searchParams.has("exchange")) {
      address.searchParams.delete("exchange");
      history.replaceState(history.state, "", address);
    }
  }
  /* What is drawn late, and the chat itself, scroll a conversation to its end; the reader may do so at once. */
  function hold(box) {
    const until = Date.now() + HELD, left = new AbortController();
    for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) {
      document.addEventListener(kind, () => left.abort(), { signal: left.signal, passive: true });
    }
    const again = () => {
      if (left.signal.aborted || !box.isConnected || Date.now() > until) { left.abort(); return; }
      box.scrollIntoView({ block: "start" });
      setTimeout(again, 100);
    };
    again();
  }
  document.addEventListener("click", (event) => {
    const link = event.target instanceof Element && event.target.closest("a.kotae-ins-open");
    if (link && event.button === 0 && !event.ctrlKey && !event.metaKey && !event.shiftKey) seek(link.getAttribute("href"));
  });
  document.addEventListener("DOMContentLoaded", () => seek(location.search));
})();
