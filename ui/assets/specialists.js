/* The specialists' page. What is shown comes as HTML from /api/specialists, cleaned there. Work belongs to the server,
   so this file only asks how far it is; a page that is opened later shows the same. */
(() => {
  "use strict";
  const root = document.documentElement;
  const { words, element } = window.kotae;
  const { page, fill, dialog, drops } = window.kotae.views;
  const BUSY = 700, IDLE = 3000; // milliseconds between two looks at the work
  const { place, $, $$, say, attempt, frame, shown, watch, ask, send } = page("specialists", "/api/specialists", { open, refresh });
  const filled = (text, values) => text.replace(/\$\{?([a-z]+)\}?/g, (all, name) => (name in values ? values[name] : all));
  const named = (name, act) => `named/${encodeURIComponent(name)}${act ? `/${act}` : ""}`;

  /* ---- list, form, or one specialist ---- */
  let part = "home", one = { name: "", version: "", turn: 0 };
  function open() {
    frame(async () => { await where(); tick(true); }, async () => { await where(); tick(true); });
  }
  /* The address says which specialist is shown. */
  async function where() {
    const name = new URLSearchParams(location.search).get("specialist");
    if (name) { if (part !== "one" || one.name !== name) await read(name); } else if (part === "one" || !$(".kotae-spec-list").firstChild) await home();
  }
  function turn(to) {
    part = to;
    for (const name of ["home", "form", "one"]) $(`.kotae-spec-${name}`).hidden = name !== to;
    document.querySelector("#kotae-specialists").scrollTop = 0;
  }
  function address(name) {
    const to = new URL(location.href);
    if (name) to.searchParams.set("specialist", name); else to.searchParams.delete("specialist");
    if (to.href !== location.href) history.pushState(history.state, "", to);
  }
  async function home() {
    one = { name: "", version: "", turn: one.turn + 1 };
    turn("home");
    await list();
  }
  async function list() {
    try { fill($(".kotae-spec-list"), await ask("list")); } catch (error) { say(error.message, true); }
  }
  async function read(name, version = "") {
    const at = one.turn + 1;
    one = { name, version, turn: at };
    const box = $(".kotae-spec-one");
    try {
      const html = await ask(named(name), { query: version ? { version } : {} });
      if (one.turn !== at) return;
      const typed = box.querySelector(".kotae-spec-ask textarea")?.value, answers = box.querySelector(".kotae-spec-answers")?.innerHTML;
      const same = box.dataset.shown === `${name} ${version}`;
      fill(box, html);
      if (same && typed) box.querySelector(".kotae-spec-ask textarea").value = typed;
      if (same && answers) box.querySelector(".kotae-spec-answers").innerHTML = answers;
      box.dataset.shown = `${name} ${version}`;
      if (part !== "one") { turn("one"); box.querySelector("h3")?.focus({ preventScroll: true }); }
    } catch (error) {
      say(error.message, true);
      if (part === "one" || error.status === 404) { address(""); await home(); }
    }
  }
  function refresh() {
    if (part === "one") read(one.name, one.version); else list();
  }

  /* ---- work ---- */
  let listed = 0;
  const tick = watch((state) => {
    if (state.html !== undefined) work(state.html, state.busy);
    if (state.renewed) refresh();
    // the list tells the share too, but need not do so all the time
    if (state.busy && part === "home" && Date.now() - listed > 3000) { listed = Date.now(); list(); }
  }, { idle: IDLE, busy: BUSY });
  function work(html, busy) {
    const box = $(".kotae-spec-work");
    fill(box, html);
    box.hidden = !html;
    for (const button of $$(".kotae-spec-fields [type=submit], .kotae-spec-make")) button.disabled = busy;
  }

  /* ---- the form ---- */
  let files = [];
  function chips() {
    $(".kotae-spec-chips").replaceChildren(...files.map((file) => {
      const chip = element("li", `kotae-spec-chip${file.bad ? " kotae-is-bad" : ""}`);
      chip.append(element("span", "", file.name));
      if (file.said) chip.append(element("span", "kotae-spec-hint", file.said));
      const gone = element("button", "kotae-act kotae-spec-chip-gone");
      gone.title = filled(words["spec.take_out"], { name: file.name });
      gone.append(element("span", "kotae-sr", gone.title));
      gone.addEventListener("click", () => {
        files = files.filter((other) => other !== file);
        if (file.id) send(`uploads/${file.id}/forget`).catch(() => {});
        unchecked();
        chips();
        $(".kotae-spec-choose").focus();
      });
      chip.append(gone);
      return chip;
    }));
  }
  const unchecked = () => $(".kotae-spec-checked").replaceChildren();
  async function upload(chosen) {
    for (const one of chosen) {
      const file = { name: one.name, said: words["spec.sending"] };
      files.push(file);
      chips();
      try {
        file.id = (await ask("uploads", { method: "POST", query: { name: one.name }, body: one, type: "application/octet-stream" })).id;
        file.said = "";
      } catch (error) { file.said = error.message; file.bad = true; }
      unchecked();
      chips();
    }
  }
  function blank() {
    const form = $(".kotae-spec-fields");
    form.reset();
    files = [];
    chips();
    unchecked();
  }
  const NUMBERS = ["epochs", "learning_rate", "rank", "layers", "batch", "longest", "general", "shots", "seed"];
  function order() {
    const form = $(".kotae-spec-fields");
    const value = (name) => form.elements[name].value.trim();
    const settings = {};
    for (const name of NUMBERS) if (value(name)) settings[name] = Number(value(name));
    return {
      name: value("name"), use: value("use"), base: value("base"), method: value("method"), settings,
      description: [value("description"), value("description_other")].filter(Boolean),
      files: files.filter((file) => file.id).map(({ id, name }) => ({ id, name })),
      feedback: form.elements.feedback.checked, question: value("question"), answer: value("answer"),
      prompt: value("prompt"), licence: value("licence"), again: form.elements.again.checked,
      continues: form.elements.continues.checked,
      personal: Boolean(form.elements.personal?.checked), promote: form.elements.promote.checked,
    };
  }
  async function check() {
    const box = $(".kotae-spec-checked");
    const allowed = $(".kotae-spec-fields").elements.personal?.checked;
    box.setAttribute("aria-busy", "true");
    box.replaceChildren(element("p", "kotae-none", words["spec.checking"]));
    try {
      // a name is needed to train, not to look
      const given = order();
      box.innerHTML = await send("check", { ...given, name: given.name || "new" });
      const again = $(".kotae-spec-fields").elements.personal;
      if (again && allowed) again.checked = true;
      box.firstElementChild?.scrollIntoView({ block: "nearest" });
    } catch (error) {
      box.replaceChildren(element("p", "kotae-notice", error.message));
    } finally { box.removeAttribute("aria-busy"); }
  }
  async function train() {
    const given = order();
    const begun = await attempt(() => send("train", given));
    if (begun) { blank(); await home(); }
    tick(true);
  }
  function hover(on) {
    const zone = $(".kotae-drop");
    if (!zone) return;
    zone.classList.toggle("kotae-is-over", on);
    $(".kotae-drop-text").textContent = on ? words["spec.drop_now"] : words["spec.drop"];
  }
  drops(() => shown() && part !== "one", hover, (data) => {
    if (!place()) return;
    const dropped = [...data.files];
    if (part === "home" && dropped.length === 1 && dropped[0].name.toLowerCase().endsWith(".zip")) { take(dropped[0]); return; }
    turn("form");
    upload(dropped);
  });

  /* ---- one specialist ---- */
  async function compare(form) {
    const question = form.elements.question.value.trim();
    if (!question) { form.elements.question.focus(); return; }
    const box = $(".kotae-spec-answers"), go = form.querySelector("[type=submit]");
    go.disabled = true;
    box.setAttribute("aria-busy", "true");
    box.replaceChildren(element("p", "kotae-none", words["spec.comparing"]));
    try {
      box.innerHTML = await send(named(form.dataset.name, "compare"), { question, version: Number(form.dataset.version) });
    } catch (error) {
      box.replaceChildren(element("p", "kotae-notice", error.message));
    } finally { go.disabled = false; box.removeAttribute("aria-busy"); }
  }
  async function take(file) {
    say(filled(words["lib.sending"], { name: file.name }));
    const taken = await attempt(() => ask("archives", { method: "POST", query: { name: file.name }, body: file, type: "application/octet-stream" }));
    if (taken) { say(filled(words["spec.taken"], { name: taken.name, n: taken.version })); list(); }
  }
  function removal(button) {
    const several = $$(".kotae-spec-versions option").length > 1;
    const choice = element("select", "kotae-field");
    choice.setAttribute("aria-label", words["spec.remove_what"]);
    for (const [value, text] of [["", words["spec.remove_all"]], [button.dataset.version, filled(words["spec.remove_one"], { n: button.dataset.version })]]) {
      const option = element("option", "", text);
      option.value = value;
      choice.append(option);
    }
    const parts = [element("p", "kotae-dialog-name", button.value), element("p", "", words["spec.remove_text"]), ...(several ? [choice] : [])];
    dialog(words["spec.remove_title"], parts, words["spec.remove_yes"], "kotae-danger", async () => {
      const version = several && choice.value ? Number(choice.value) : null;
      const gone = await attempt(() => send(named(button.value), { version }, "DELETE"));
      if (!gone) return;
      say(words["lib.removed"]);
      if (version) { one.version = ""; read(button.value); } else { address(""); home(); }
    });
  }
  function exporting(button) {
    const box = element("input");
    box.type = "checkbox";
    const label = element("label", "kotae-lib-check");
    label.append(box, words["spec.export_data"]);
    dialog(words["spec.export_title"], [element("p", "", words["spec.export_text"]), label], words["spec.export"], "kotae-primary", () => {
      const link = element("a");
      link.href = `/api/specialists/${named(button.value, "export")}?${new URLSearchParams({ version: button.dataset.version, data: String(box.checked) })}`;
      link.download = "";
      link.click();
    });
  }

  /* These stand where the button was that put it into use: a second click on that one must not undo it. */
  function sure(button, act, done) {
    const parts = [element("p", "kotae-dialog-name", button.value), element("p", "", button.title)];
    dialog(button.textContent, parts, button.textContent, "kotae-primary", () => attempt(() => send(named(button.value, act)), done));
  }

  /* ---- clicks ---- */
  const job = (action) => attempt(action).then(() => tick(true));
  const version = (b) => ({ version: b.dataset.version ? Number(b.dataset.version) : null });
  const clicks = [
    [".kotae-spec-new", () => { turn("form"); $(".kotae-spec-fields").elements.name.focus(); }],
    [".kotae-spec-cancel", () => home().then(() => $(".kotae-spec-new").focus())],
    [".kotae-spec-import", () => $(".kotae-spec-archive").click()],
    [".kotae-spec-choose", () => $(".kotae-spec-files").click()],
    [".kotae-spec-check", check],
    [".kotae-spec-open", (b) => { address(b.value); read(b.value, b.dataset.version); }],
    [".kotae-spec-home-link", () => { const name = one.name; address(""); home().then(() => $(`.kotae-spec-open[value="${CSS.escape(name)}"]`)?.focus()); }],
    [".kotae-spec-promote", (b) => attempt(() => send(named(b.value, "promote"), version(b)), "spec.promoted")],
    [".kotae-spec-rollback", (b) => sure(b, "rollback", "spec.rolled_back")],
    [".kotae-spec-retire", (b) => sure(b, "retire", "spec.retired")],
    [".kotae-spec-examine", (b) => job(() => send(named(b.value, "examine"), version(b)))],
    [".kotae-spec-again", (b) => job(() => send(named(b.value, "again")))],
    [".kotae-spec-shipped", (b) => job(() => send(named(b.value, "shipped")))],
    [".kotae-spec-resume", (b) => job(() => send(named(b.value, "resume")))],
    [".kotae-spec-give-up", (b) => dialog(words["spec.give_up_title"], [element("p", "", words["spec.give_up_text"])], words["spec.give_up"], "kotae-danger",
      () => attempt(() => send(named(b.value, "give-up")), "lib.removed"))],
    [".kotae-spec-export", exporting],
    [".kotae-spec-remove", removal],
    [".kotae-spec-stop", (b) => { b.disabled = true; job(() => send(`work/${b.value}/stop`)); }],
    [".kotae-spec-clear", (b) => job(() => send(`work/${b.value}/dismiss`))],
    [".kotae-spec-make", () => job(() => send("raft", { collection: $(".kotae-spec-collection").value, questions: Number($(".kotae-spec-questions").value) || 200 }))],
    [".kotae-spec-use", (b) => { 
      const { name, use } = $(".kotae-spec-fields").elements;
      if (!files.some((file) => file.id === b.value)) files.push({ id: b.value, name: b.dataset.name });
      use.value = "grounded"; // they are examples of reading
      unchecked();
      turn("form");
      chips();
      name.focus();
    }],
  ];
  document.addEventListener("click", (event) => {
    const button = event.target instanceof Element && event.target.closest("#kotae-specialists button");
    const found = button && clicks.find(([selector]) => button.matches(selector));
    if (found) found[1](button);
  });
  document.addEventListener("change", (event) => {
    if (!(event.target instanceof Element) || !event.target.closest("#kotae-specialists")) return;
    if (event.target.matches(".kotae-spec-files, .kotae-spec-archive")) {
      const chosen = [...event.target.files];
      event.target.value = "";
      if (event.target.matches(".kotae-spec-archive")) { if (chosen[0]) take(chosen[0]); } else upload(chosen);
    } else if (event.target.matches(".kotae-spec-versions")) read(one.name, event.target.value);
  });
  document.addEventListener("submit", (event) => {
    const form = event.target;
    if (!form.closest?.("#kotae-specialists")) return;
    event.preventDefault();
    if (form.matches(".kotae-spec-ask")) compare(form); else if (form.matches(".kotae-spec-fields")) train();
  });
  document.addEventListener("keydown", (event) => {
    const area = event.target instanceof Element && event.target.closest(".kotae-spec-ask textarea");
    if (area && event.key === "Enter" && !event.shiftKey && !event.isComposing) { event.preventDefault(); compare(area.form); }
  });
})();
