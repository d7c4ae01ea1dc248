/* What the widget looks like: its parts, and what they show. What they do is in chat.js. */

class View {
  constructor(root, inline) {
    this.inline = inline;
    this.frame = element("div", `k-frame${inline ? " k-inline" : ""}`);
    const sheet = new CSSStyleSheet(); // not held back by a page's style-src, as a <style> would be
    sheet.replaceSync(STYLE);
    root.adoptedStyleSheets = [sheet];
    root.append(this.frame);
    this.marks = new Map();
  }

  /* Builds everything. `look` is what the server sent for this site. */
  dress(look) {
    const { words } = this.look = look;
    const { frame } = this;
    frame.lang = look.language;
    frame.dataset.corner = look.corner;
    frame.dataset.theme = look.theme;
    frame.style.setProperty("--brand", look.accent);
    frame.style.setProperty("--on-brand", inkOn(look.accent));
    frame.style.setProperty("--link-light", readable(look.accent, [243, 243, 241], BLACK));
    frame.style.setProperty("--link-dark", readable(look.accent, [40, 44, 48], WHITE));
    this.launcher = element("button", "k-launcher");
    this.launcher.append(icon("chat"), element("span", "k-sr", words.open));
    this.launcher.setAttribute("aria-haspopup", "dialog");

    this.panel = element("section", "k-panel");
    this.panel.id = "panel";
    this.panel.setAttribute("aria-label", look.title);
    if (!this.inline) this.panel.setAttribute("role", "dialog");
    this.launcher.setAttribute("aria-controls", "panel");

    this.log = element("div", "k-log");
    this.log.setAttribute("role", "log");
    this.log.setAttribute("aria-label", words.conversation);
    this.log.tabIndex = 0;
    this.status = element("p", "k-sr");
    this.status.setAttribute("role", "status");
    this.panel.append(this.head(), this.log, this.form(), this.status);
    frame.replaceChildren(this.panel);
    if (!this.inline) frame.append(this.launcher);
    this.welcome();
  }

  head() {
    const { words, title } = this.look;
    const head = element("div", "k-head");
    if (this.look.logo) {
      const logo = element("img", "k-logo");
      logo.alt = "";
      logo.src = this.look.logo;
      logo.addEventListener("error", () => logo.remove());
      head.append(logo);
    }
    head.append(element("h2", "k-title", title));
    this.fresh = button("k-icon k-fresh", "fresh", words.fresh);
    this.more = button("k-icon k-more", "more", words.more);
    this.more.setAttribute("aria-expanded", "false");
    head.append(this.fresh, this.more);
    if (!this.inline) head.append(this.shut = button("k-icon k-shut", "close", words.close));
    return head;
  }

  form() {
    const { words, note } = this.look;
    const form = element("form", "k-form");
    this.box = element("textarea", "k-box");
    this.box.rows = 1;
    this.box.placeholder = words.placeholder;
    this.box.setAttribute("aria-label", words.question);
    this.box.setAttribute("enterkeyhint", "send");
    this.send = button("k-send", "send", words.send);
    this.send.type = "submit";
    this.stop = button("k-send k-stop", "stop", words.stop);
    this.stop.hidden = true;
    const row = element("div", "k-row");
    row.append(this.box, this.send, this.stop);
    this.hint = element("p", "k-hint");
    this.hint.setAttribute("role", "alert");
    form.append(row, this.hint);
    const foot = element("p", "k-foot", note);
    const by = element("a", "k-by", words.by);
    foot.append(by);
    form.append(foot);
    return form;
  }

  /* How a conversation begins. */
  welcome() {
    const { greeting, suggestions, words } = this.look;
    const start = element("div", "k-welcome");
    start.append(...greeting.split(/\n+/).map((line) => element("p", "", line)));
    if (suggestions.length) {
      const list = element("ul", "k-suggestions");
      list.setAttribute("aria-label", words.suggestions);
      for (const question of suggestions) {
        const row = element("li");
        const choice = element("button", "k-suggestion", question);
        choice.value = question;
        row.append(choice);
        list.append(row);
      }
      start.append(list);
    }
    this.log.replaceChildren(start);
  }

  /* The place of a new exchange. Its question stands there already. */
  begin(question) {
    this.log.querySelector(".k-welcome")?.remove();
    this.log.querySelectorAll(".kotae-retry, .kotae-hint").forEach((one) => one.remove());
    for (const one of this.log.querySelectorAll("button.kotae-choice")) one.disabled = true; // something else was said
    const place = element("article", "k-exchange");
    const asked = element("div", "k-question");
    asked.append(element("span", "k-sr", this.look.words.asked));
    asked.append(...question.split("\n").flatMap((line, n) => (n ? [element("br"), line] : [line])));
    const answer = element("div", "k-answer");
    place.append(asked, answer);
    this.log.append(place);
    this.follow(true);
    return place;
  }

  /* A draft while it is written: not told to those who listen, who get the checked answer. */
  progress(place, doing, draft) {
    const near = this.nearEnd();
    const answer = place.querySelector(".k-answer");
    this.log.setAttribute("aria-busy", "true");
    const line = element("p", "k-doing", doing);
    line.prepend(element("span", "k-dots"));
    answer.replaceChildren(line, grown(draft));
    if (near) this.follow();
  }

  /* An exchange as it stays. */
  settle(place, exchange) {
    const near = this.nearEnd();
    place.exchange = exchange;
    const answer = place.querySelector(".k-answer");
    answer.replaceChildren(grown(exchange.answer));
    this.tools(answer, exchange);
    this.log.removeAttribute("aria-busy");
    if (near) this.follow();
  }

  tools(answer, exchange) {
    for (const [kind, name] of [["copy", "copy"], ["retry", "retry"], ["thumb-up", "up"], ["thumb-down", "down"]]) {
      for (const one of answer.querySelectorAll(`.kotae-${kind}`)) {
        one.append(icon(name));
        if (kind.startsWith("thumb")) one.setAttribute("aria-pressed", String(exchange.verdict === name));
      }
    }
    for (const one of answer.querySelectorAll("table")) { // a wide one is scrolled by itself
      const holder = element("div", "k-wide");
      holder.tabIndex = 0;
      one.replaceWith(holder);
      holder.append(one);
    }
  }

  /* A line in place of an answer. */
  fault(place, message, again) {
    const line = element("p", "k-fault", message);
    line.setAttribute("role", "alert");
    place.querySelector(".k-answer").replaceChildren(line);
    if (again) {
      const retry = element("button", "k-again", this.look.words.again);
      line.append(" ", retry);
    }
    this.log.removeAttribute("aria-busy");
    this.follow();
  }

  busy(on) {
    this.send.hidden = on;
    this.stop.hidden = !on;
    this.fresh.disabled = on;
    if (!on) this.log.removeAttribute("aria-busy");
  }

  say(text) {
    this.status.textContent = "";
    requestAnimationFrame(() => { this.status.textContent = text; });
  }

  nearEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 120;
  }

  follow(far = false) {
    this.log.scrollTo({ top: this.log.scrollHeight, behavior: far ? "auto" : "instant" });
  }

  /* A sheet over the conversation, with a way back. What was there stays as it is. */
  sheet(title, content) {
    this.unsheet();
    const sheet = element("div", "k-sheet");
    const head = element("div", "k-head");
    const back = button("k-icon k-back", "back", this.look.words.back);
    const name = element("h2", "k-title", title);
    name.tabIndex = -1;
    head.append(back, name);
    const body = element("div", "k-sheet-body");
    body.tabIndex = 0;
    body.setAttribute("role", "region");
    body.setAttribute("aria-label", title);
    body.append(content);
    sheet.append(head, body);
    for (const part of this.panel.children) part.inert = true;
    this.panel.append(sheet);
    this.open = sheet;
    name.focus();
    const mark = body.querySelector("mark");
    if (mark) body.scrollTop = Math.max(0, mark.offsetTop - body.clientHeight * 0.3);
    return body;
  }

  unsheet() {
    if (!this.open) return false;
    this.open.remove();
    this.open = null;
    for (const part of this.panel.children) part.inert = false;
    return true;
  }
}
