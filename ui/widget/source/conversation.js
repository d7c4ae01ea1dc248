/* The conversation of a <kotae-chat>: questions are asked, their answers followed, and taken up where a line broke. */

const TRIES = [0.4, 1, 2, 4, 8, 15];
/* Seconds between the tries to take up a broken line. */

class Conversation extends HTMLElement {
  /* "en" or "ja": as the element says, as the page says, or as the browser says. */
  language() {
    const told = [this.getAttribute("lang"), document.documentElement.lang, ...(navigator.languages ?? [])];
    for (const one of told) {
      const short = (one ?? "").toLowerCase().split("-")[0];
      if (short === "ja" || short === "en") return short;
    }
    return "en";
  }

  async opened(focus) {
    if (focus) this.view.box.focus();
    if (this.loaded || this.busyWith) return;
    this.loaded = true;
    if (!this.state.thread) return;
    try {
      await this.load();
    } catch (error) {
      this.loaded = false;
      if (error.name !== "AbortError" && error.status) this.view.say(error.told);
    }
  }

  async load() {
    const { thread, turn } = this.state;
    const { exchanges } = await (await this.line.ask("history", { thread })).json();
    if (this.busyWith || thread !== this.state.thread) return;
    if (!exchanges.length && !turn) { this.state.thread = ""; return; }
    this.view.welcome();
    const running = turn ? exchanges.pop() : null; // its answer is being written
    for (const one of exchanges) this.view.settle(this.view.begin(one.question), one);
    if (running) await this.run(this.view.begin(running.question), running.question, turn);
  }

  /* Another page of the site has changed the conversation. */
  elsewhere() {
    const { thread, turn } = this.state;
    this.state.read();
    if (!this.busyWith && (thread !== this.state.thread || turn !== this.state.turn)) {
      this.loaded = false;
      if (this.state.thread) this.opened(false); else this.view.welcome();
    }
  }

  async ask(text, again = false) {
    const question = text.trim();
    if (this.busyWith || !this.ready) return;
    const { words, longest } = this.view.look;
    this.view.hint.textContent = !question ? words.empty : question.length > longest ? words.too_long : "";
    if (this.view.hint.textContent) return; // what was written stays in the box
    this.view.unsheet();
    this.view.box.value = "";
    this.fit();
    await this.run(this.view.begin(question), question, "", again);
  }

  /* Asks a question, or goes on with a turn that runs, until there is an answer or a line that says why not. */
  async run(place, question, turn, again = false) {
    const { view, line, state } = this;
    const { words } = view.look;
    const stop = new AbortController();
    this.busyWith = { stop, turn };
    view.busy(true);
    view.progress(place, words.sending, []);
    try {
      for (let lost = 0; ;) {
        try {
          const body = turn ? { turn } : { question, thread: state.thread, retry: again, ...(this.web ? { web: this.web } : {}) };
          const response = await line.ask(turn ? "follow" : "ask", body, stop.signal);
          for await (const [type, data] of line.events(response)) {
            lost = 0;
            if (type === "turn") {
              line.keep();
              turn = state.turn = this.busyWith.turn = data.turn;
              state.thread = data.thread;
            } else if (type === "screen") view.progress(place, data.doing, data.draft);
            else this.over(place, type, data);
          }
          return;
        } catch (error) {
          if (error.name === "AbortError") throw error;
          if (error.status === 404 && turn) { // it ended while nobody read it
            state.turn = "";
            await this.reload();
            return;
          }
          if (error.code === "thread" && state.thread) { // deleted elsewhere: the question begins a new one
            state.thread = "";
            continue;
          }
          if (error.status || !turn || lost >= TRIES.length) {
            view.fault(place, this.excuse(error), true);
            place.retry = question;
            if (!turn) view.box.value ||= question;
            return;
          }
          view.progress(place, words.reconnecting, []);
          await pause(TRIES[lost], stop.signal);
          lost += 1;
        }
      }
    } catch (error) {
      if (error.name !== "AbortError") throw error;
      if (this.line) { state.turn = ""; await this.reload(); }
    } finally {
      if (this.busyWith?.stop === stop) this.busyWith = null;
      if (this.line === line && line) view.busy(false);
    }
  }

  over(place, type, data) {
    const { view, state } = this;
    state.turn = "";
    if (type === "error") {
      place.querySelector(".k-answer").replaceChildren(grown(data.answer));
      place.querySelector(".kotae-notice")?.setAttribute("role", "alert");
      place.exchange = { error: true };
      return;
    }
    view.settle(place, data);
    view.say(view.look.words[data.refused ? "refused" : "answered"]);
    this.dispatchEvent(new CustomEvent("kotae-answer", { detail: { refused: data.refused } }));
  }

  async reload() {
    this.busyWith = null;
    this.loaded = false;
    await this.opened(false);
  }

  excuse(error) {
    return error.told || this.view.look.words[error.status ? "failed" : "offline"];
  }

  async halt() {
    const busy = this.busyWith;
    if (!busy) return;
    if (busy.turn) await this.line.ask("stop", { turn: busy.turn }).catch(() => {});
    busy.stop.abort();
  }

  fresh() {
    if (this.busyWith) return;
    this.state.thread = this.state.turn = "";
    this.view.unsheet();
    this.view.welcome();
    this.view.box.focus();
  }

  async again(place) {
    const question = place.retry ?? place.exchange?.question ?? place.querySelector(".k-question").lastChild.textContent;
    place.remove();
    this.view.box.value = "";
    await this.ask(question, true);
  }

  async take(thread) {
    this.view.unsheet();
    if (this.busyWith) return;
    this.state.thread = thread;
    await this.reload();
    this.view.box.focus();
  }

  fit() {
    const { box } = this.view;
    box.style.height = "auto";
    box.style.height = `${Math.min(box.scrollHeight, 140)}px`;
  }
}
