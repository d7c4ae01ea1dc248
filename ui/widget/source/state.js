/* What stays of a visitor between the pages of a site: one entry of its storage, and none before the first question. */

class State {
  constructor(server, site) {
    this.key = `kotae:${new URL(server).host}:${site}`;
    this.held = { visitor: "", thread: "", turn: "" };
    this.read();
  }

  read() {
    try {
      Object.assign(this.held, JSON.parse(localStorage.getItem(this.key) ?? "{}"));
    } catch { /* no storage, or not ours: nothing is kept */ }
  }

  put(name, value) {
    this.held[name] = value;
    try {
      if (this.held.visitor) localStorage.setItem(this.key, JSON.stringify(this.held));
    } catch { /* private mode */ }
  }

  get visitor() { return this.held.visitor; }
  set visitor(secret) { if (secret !== this.held.visitor) this.put("visitor", secret); }
  get thread() { return this.held.thread; }
  set thread(id) { this.put("thread", id); }
  /* The turn that runs: another page of the site, or this one after a reload, goes on with it. */
  get turn() { return this.held.turn; }
  set turn(id) { this.put("turn", id); }

  /* Whether the widget was open on the page before. */
  get open() { try { return sessionStorage.getItem(this.key) === "open"; } catch { return false; } }
  set open(on) {
    try { if (on) sessionStorage.setItem(this.key, "open"); else sessionStorage.removeItem(this.key); } catch { /* dito */ }
  }

  forget() {
    this.held = { visitor: "", thread: "", turn: "" };
    try { localStorage.removeItem(this.key); } catch { /* there is nothing */ }
  }
}
