/* The line to Kotae: one site, one visitor. A token that has run out is asked for anew, once for each request. */

class Fault extends Error {
  constructor(status, code, message, wait = 0) {
    super(message || code);
    this.status = status;
    this.code = code;
    this.told = message;
    this.wait = wait;
  }
}

class Line {
  constructor(server, site, language, state) {
    this.base = `${server}/widget/${encodeURIComponent(site)}`;
    this.language = language;
    this.state = state;
    this.token = "";
    this.ended = new AbortController();
  }

  /* Everything that is under way ends; the line is of no use after that. */
  close() {
    this.ended.abort();
  }

  async open() {
    const found = await (await this.fetch("session", { visitor: this.state.visitor })).json();
    this.token = found.token;
    this.visitor = found.visitor;
    return found;
  }

  /* The visitor's secret is kept from their first question on, not before. */
  keep() {
    this.state.visitor = this.visitor;
  }

  async ask(what, body = {}, signal) {
    if (!this.token) await this.open();
    try {
      return await this.fetch(what, body, signal);
    } catch (error) {
      if (error.status !== 401) throw error;
      await this.open();
      return this.fetch(what, body, signal);
    }
  }

  async fetch(what, body, signal) {
    const headers = { "Content-Type": "application/json" };
    if (this.token && what !== "session") headers.Authorization = `Bearer ${this.token}`;
    let response;
    try {
      response = await fetch(`${this.base}/${what}?lang=${this.language}`, {
        method: "POST", mode: "cors", credentials: "omit", cache: "no-store", referrerPolicy: "no-referrer",
        headers, body: JSON.stringify(body),
        signal: signal ? AbortSignal.any([signal, this.ended.signal]) : this.ended.signal,
      });
    } catch (error) {
      throw error.name === "AbortError" ? error : new Fault(0, "offline", "");
    }
    if (response.ok) return response;
    const said = await response.json().catch(() => ({}));
    const wait = Number(response.headers.get("Retry-After")) || 0;
    throw new Fault(response.status, said.error?.code ?? "", said.error?.message ?? "", wait);
  }

  /* The events of a turn, as [type, data], until its last one. A stream that ends before that is a broken line. */
  async* events(response) {
    const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
    let rest = "";
    try {
      for (;;) {
        const { done, value } = await reader.read();
        if (done) break;
        const parts = (rest + value).split("\n\n");
        rest = parts.pop();
        for (const part of parts) {
          const type = /^event: (.*)$/m.exec(part)?.[1];
          const data = /^data: (.*)$/m.exec(part)?.[1];
          if (!type || !data) continue;
          yield [type, JSON.parse(data)];
          if (type === "done" || type === "error") return;
        }
      }
    } catch (error) {
      if (error.name === "AbortError") throw error;
    } finally {
      reader.cancel().catch(() => {});
    }
    throw new Fault(0, "offline", "");
  }
}

/* Sleeps, unless the line is closed meanwhile. */
function pause(seconds, signal) {
  return new Promise((resolve, reject) => {
    const over = () => { clearTimeout(timer); reject(new DOMException("closed", "AbortError")); };
    const timer = setTimeout(() => { signal.removeEventListener("abort", over); resolve(); }, 1000 * seconds);
    signal.addEventListener("abort", over, { once: true });
  });
}
