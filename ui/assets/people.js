/* The account of whoever has logged in, and the part "People" for owners: a dialog that the server fills. Its forms and
   buttons name the request they send; nothing here builds HTML from text. */
(() => {
  "use strict";
  const { words, element } = window.kotae;
  const ACCOUNT = "/api/account", PEOPLE = "/api/people";
  const OURS = /^\/api\/(?:account|people)(?:\/[\w/-]+)?$/;
  const LANGUAGE = location.pathname.startsWith("/chat/ja") ? "ja" : "en";
  const name = document.querySelector('meta[name="kotae-person"]').content;
  const login = () => location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);

  async function ask(path, method = "GET", body = undefined) {
    const response = await fetch(`${path}?lang=${LANGUAGE}`, {
      method, headers: body === undefined ? {} : { "Content-Type": "application/json" },
      body: body === undefined ? undefined : JSON.stringify(body),
    });
    if (response.status === 401) { login(); return new Promise(() => {}); }
    if (response.ok) return response.text();
    const told = (response.headers.get("content-type") || "").startsWith("application/json") ? await response.json() : {};
    throw new Error(told.error?.message || words["account.failed"]);
  }

  let dialog = null;
  let shown = ACCOUNT;
  async function fill(path, method, body) {
    const part = dialog.querySelector(".kotae-account-body"), said = dialog.querySelector(".kotae-account-said");
    said.textContent = "";
    try {
      const html = await ask(path, method, body);
      if (!dialog) return;
      const open = [...part.querySelectorAll("details")].map((one) => one.open);
      const kept = part.querySelectorAll("details").length;
      part.innerHTML = html;
      const details = [...part.querySelectorAll("details")];
      if (method && method !== "POST" && details.length === kept) details.forEach((one, i) => { one.open = open[i]; });
      if (method) { part.scrollTop = 0; (part.querySelector(".kotae-secret button") ?? dialog.querySelector("h2")).focus(); }
    } catch (error) {
      if (dialog) said.textContent = error.message;
    }
  }
  function show(path) {
    shown = path;
    dialog.querySelector("h2").textContent = words[path === PEOPLE ? "people.title" : "account.title"];
    dialog.querySelector(".kotae-account-back").hidden = path !== PEOPLE;
    dialog.classList.toggle("kotae-is-people", path === PEOPLE);
    dialog.querySelector(".kotae-account-body").replaceChildren(element("p", "kotae-none", words["account.loading"]));
    fill(path);
  }
  function sent(form) {
    const body = {};
    for (const field of form.elements) {
      if (!field.name || (field.type === "radio" && !field.checked)) continue;
      if (field.type === "checkbox") { body[field.name] ??= []; if (field.checked) body[field.name].push(field.value); }
      else if (field.dataset.number) { if (field.value) body[field.name] = Number(field.value); }
      else body[field.name] = field.value;
    }
    return body;
  }
  function open() {
    if (dialog) return;
    dialog = element("dialog", "kotae-dialog kotae-account-dialog");
    const title = element("h2", "", "");
    title.id = "kotae-account-title";
    title.tabIndex = -1;
    dialog.setAttribute("aria-labelledby", title.id);
    const said = element("p", "kotae-account-said", "");
    said.setAttribute("role", "alert");
    const row = element("div", "kotae-edit-row");
    const back = element("button", "kotae-plain kotae-account-back", words["people.back"]);
    const close = element("button", "kotae-plain kotae-account-close", words["account.close"]);
    row.append(back, close);
    dialog.append(title, said, element("div", "kotae-account-body", ""), row);
    dialog.addEventListener("close", () => { dialog.remove(); dialog = null; });
    dialog.addEventListener("submit", (event) => {
      event.preventDefault();
      const { method, path } = event.target.dataset;
      if (OURS.test(path)) fill(path, method, sent(event.target));
    });
    dialog.addEventListener("click", (event) => {
      if (event.target === dialog) { dialog.close(); return; }
      const button = event.target.closest("button");
      if (!button) return;
      if (button === close) dialog.close();
      else if (button === back) show(ACCOUNT);
      else if (button.matches(".kotae-people-open")) show(PEOPLE);
      else if (button.matches(".kotae-log-out")) leave();
      else if (button.matches(".kotae-copy-secret")) copy(button);
      else if (button.matches(".kotae-send")) {
        if (button.dataset.sure && !button.classList.contains("kotae-is-sure")) {
          button.classList.add("kotae-is-sure");
          button.textContent = button.dataset.sure;
        } else if (OURS.test(button.dataset.path)) fill(button.dataset.path, button.dataset.method);
      }
    });
    document.body.append(dialog);
    dialog.showModal();
    show(shown);
  }
  async function copy(button) {
    try {
      await navigator.clipboard.writeText(button.parentElement.querySelector("code").textContent);
      button.textContent = words["account.copied"];
    } catch { getSelection().selectAllChildren(button.parentElement.querySelector("code")); }
  }
  async function leave() {
    await fetch("/logout", { method: "POST", redirect: "manual" });
    location.assign(`/login?lang=${LANGUAGE}`);
  }

  document.addEventListener("click", (event) => {
    if (event.target instanceof Element && event.target.closest(".kotae-do-account")) { shown = ACCOUNT; open(); }
  });
  /* Who comes back to a page of a session that has ended is led to the login, before the next question is lost. */
  document.addEventListener("visibilitychange", async () => {
    if (document.hidden) return;
    try { if ((await fetch(`${ACCOUNT}?lang=${LANGUAGE}`)).status === 401) login(); } catch { /* no connection: nothing to say */ }
  });
  /* Gradio draws the head some time after this file is read. */
  const named = () => {
    const button = document.querySelector(".kotae-do-account");
    if (!button || button.dataset.kotaeName) return Boolean(button);
    button.dataset.kotaeName = "yes";
    button.append(element("span", "kotae-account-name", name));
    button.title = words["account.title"];
    return true;
  };
  if (!named()) {
    const watch = new MutationObserver(() => { if (named()) watch.disconnect(); });
    watch.observe(document.documentElement, { subtree: true, childList: true });
  }
})();
