/* <kotae-chat>: what the page and a visitor do with it. */

const PHONE = "(max-width: 520px)";

class KotaeChat extends Conversation {
  connectedCallback() {
    if (this.line) return;
    const root = this.shadowRoot ?? this.attachShadow({ mode: "open" });
    root.replaceChildren();
    this.view = new View(root, this.getAttribute("mode") === "inline");
    if (this.hasAttribute("preview")) return;
    this.server = new URL(this.getAttribute("server") || SERVER).origin;
    const site = this.getAttribute("site") ?? "";
    this.state = new State(this.server, site);
    this.line = new Line(this.server, site, this.language(), this.state);
    this.busyWith = null;
    this.start();
  }

  /* Everything that was begun ends here, so that nothing is left of an element that is taken out of its page. */
  disconnectedCallback() {
    this.line?.close();
    this.line = null;
    this.shadowRoot?.replaceChildren();
  }

  async start() {
    const line = this.line;
    for (const wait of [2, 8, 30, 120]) {
      try {
        const look = await line.open();
        if (line !== this.line) return;
        line.language = look.language;
        if (look.logo) look.logo = this.server + look.logo;
        this.view.dress(look);
        this.listen();
        this.ready = true;
        if (!this.view.inline && !this.state.open) this.show(false);
        else await this.opened(false);
        this.dispatchEvent(new CustomEvent("kotae-ready"));
        return;
      } catch (error) {
        if (error.name === "AbortError") return;
        if (error.status) { // this page may not show it, or there is no such site: its visitors see nothing
          console.warn(`Kotae: the widget is not shown (${error.status}).`);
          return;
        }
        await pause(wait, line.ended.signal).catch(() => {});
        if (line !== this.line) return;
      }
    }
  }

  listen() {
    const { view } = this;
    const signal = this.line.ended.signal;
    const on = (target, type, handle) => target.addEventListener(type, handle, { signal });
    on(view.launcher, "click", () => this.open());
    on(view.frame, "click", (event) => this.clicked(event));
    on(view.frame, "keydown", (event) => this.pressed(event));
    on(view.box, "input", () => { view.hint.textContent = ""; this.fit(); });
    on(view.panel.querySelector("form"), "submit", (event) => { event.preventDefault(); this.ask(view.box.value); });
    on(window, "storage", (event) => { if (event.key === this.state.key) this.elsewhere(); });
    on(window, "online", () => this.state.turn && !this.busyWith && this.opened(false));
  }

  /* ---- for the page ---- */
  open() {
    if (!this.ready) return;
    this.show(true);
    this.opened(true);
    this.dispatchEvent(new CustomEvent("kotae-open"));
  }

  close() {
    if (!this.ready || this.view.inline) return;
    this.show(false);
    this.view.launcher.focus();
    this.dispatchEvent(new CustomEvent("kotae-close"));
  }

  /* Deletes all that the visitor asked here, on the server and in the browser. */
  async forget() {
    if (this.state.visitor) await this.line.ask("forget");
    this.state.forget();
    this.line.token = "";
    this.view.welcome();
  }

  /* Shows how a site looks, without a server behind it; for Kotae's own page. */
  preview(look, exchanges = []) {
    this.view.dress(look);
    this.view.frame.classList.add("k-preview");
    for (const one of exchanges) this.view.settle(this.view.begin(one.question), one);
    this.show(true);
  }

  show(on) {
    const { frame, launcher, panel, inline } = this.view;
    if (inline) return;
    frame.classList.toggle("k-open", on);
    panel.inert = !on;
    panel.hidden = !on;
    launcher.setAttribute("aria-expanded", String(on));
    panel.setAttribute("aria-modal", String(on && matchMedia(PHONE).matches));
    if (this.state) this.state.open = on;
  }

  /* ---- sheets ---- */
  async source(place, n, from) {
    const { view, line, state } = this;
    const body = view.sheet(view.look.words.source, element("p", "k-doing", view.look.words.loading));
    view.from = from;
    try {
      const found = await (await line.ask("source", { thread: state.thread, index: place.exchange.index, n: Number(n) })).json();
      body.replaceChildren(grown(found.source));
      const mark = body.querySelector("mark");
      if (mark) body.scrollTop = Math.max(0, mark.offsetTop - body.clientHeight * 0.3);
    } catch (error) {
      if (error.name !== "AbortError") body.replaceChildren(element("p", "k-fault", this.excuse(error)));
    }
  }

  async earlier(from) {
    const { view, line, state } = this;
    const { words } = view.look;
    const body = view.sheet(words.more, element("p", "k-doing", words.loading));
    view.from = from;
    try {
      const threads = state.visitor ? (await (await line.ask("history", {})).json()).threads : [];
      const list = element("ul", "k-threads");
      for (const one of threads) {
        const row = element("li");
        const open = element("button", "k-thread", one.title);
        open.value = one.id;
        if (one.id === state.thread) open.setAttribute("aria-current", "true");
        row.append(open);
        list.append(row);
      }
      const parts = threads.length ? [list] : [element("p", "k-none", words.none)];
      if (threads.length) parts.push(element("button", "k-forget", words.forget));
      body.replaceChildren(...parts);
    } catch (error) {
      if (error.name !== "AbortError") body.replaceChildren(element("p", "k-fault", this.excuse(error)));
    }
  }

  back() {
    if (this.view.unsheet() && this.view.from?.isConnected) this.view.from.focus();
  }

  /* ---- hands ---- */
  async clicked(event) {
    const hit = event.target.closest("button");
    if (!hit) return;
    const { view } = this;
    const place = hit.closest(".k-exchange");
    if (hit === view.shut) this.close();
    else if (hit === view.stop) this.halt();
    else if (hit === view.fresh) this.fresh();
    else if (hit === view.more) this.earlier(hit);
    else if (hit.matches(".k-back")) this.back();
    else if (hit.matches(".k-suggestion, .kotae-choice")) this.ask(hit.value);
    else if (hit.dataset.source) this.source(place, hit.dataset.source, hit);
    else if (hit.matches(".kotae-copy")) this.copy(hit, place);
    else if (hit.matches(".kotae-thumb")) this.judge(hit, place);
    else if (hit.matches(".k-again, .kotae-retry")) this.again(place);
    else if (hit.matches(".k-thread")) this.take(hit.value);
    else if (hit.matches(".k-forget")) this.forgetAll(hit);
  }

  pressed(event) {
    const { view } = this;
    if (event.isComposing || event.keyCode === 229) return; // Enter ends a conversion from kana
    if (event.key === "Enter" && !event.shiftKey && event.target === view.box) {
      event.preventDefault();
      this.ask(view.box.value);
    } else if (event.key === "Escape") {
      event.stopPropagation();
      if (view.open) this.back(); else this.close();
    } else if (event.key === "Tab" && !view.inline && matchMedia(PHONE).matches) this.turnAround(event);
  }

  /* On a phone the widget covers the page, and so the keyboard must not leave it for what is below. */
  turnAround(event) {
    const reached = (view) => [...view.panel.querySelectorAll("button, a[href], textarea, [tabindex='0']")]
      .filter((one) => !one.closest("[inert]") && !one.hidden && !one.disabled && one.checkVisibility());
    const all = reached(this.view);
    const at = this.shadowRoot.activeElement;
    const [first, last] = [all[0], all.at(-1)];
    if (event.shiftKey && at === first) { event.preventDefault(); last.focus(); }
    else if (!event.shiftKey && at === last) { event.preventDefault(); first.focus(); }
  }

  /* Asks once more before it deletes. */
  async forgetAll(hit) {
    const { words } = this.view.look;
    if (!hit.classList.contains("k-sure")) {
      hit.classList.add("k-sure");
      hit.textContent = words.sure;
      return;
    }
    try {
      await this.forget();
      this.back();
      this.view.say(words.forgotten);
    } catch (error) {
      if (error.name !== "AbortError") hit.replaceWith(element("p", "k-fault", this.excuse(error)));
    }
  }

  async judge(hit, place) {
    const verdict = hit.matches(".kotae-thumb-up") ? "up" : "down";
    const said = place.exchange.verdict === verdict ? "" : verdict;
    try {
      await this.line.ask("feedback", { thread: this.state.thread, turn: place.exchange.turn, verdict: said });
      place.exchange.verdict = said;
      for (const one of place.querySelectorAll(".kotae-thumb")) {
        one.setAttribute("aria-pressed", String(one.matches(`.kotae-thumb-${said || "none"}`)));
      }
      this.view.say(this.view.look.words[said ? "thanks" : "withdrawn"]);
    } catch (error) {
      if (error.name !== "AbortError") this.view.say(this.excuse(error));
    }
  }

  async copy(hit, place) {
    const text = place.querySelector(".kotae-text").cloneNode(true);
    text.querySelectorAll(".kotae-sr, sup").forEach((one) => one.remove());
    text.querySelectorAll("p, li, tr, h3, h4, pre").forEach((one) => one.append("\n"));
    try { await navigator.clipboard.writeText(text.textContent.trim()); } catch { return; }
    hit.replaceChildren(icon("done"));
    this.view.say(this.view.look.words.copied);
    setTimeout(() => hit.isConnected && hit.replaceChildren(icon("copy"), element("span", "k-sr", this.view.look.words.copy)), 1600);
  }
}
