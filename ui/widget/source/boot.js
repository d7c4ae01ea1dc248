/* The tag `<script src="…/widget.js" data-site="…">` puts a widget at the end of the page; without `data-site` the page
   places `<kotae-chat site="…">` itself. A second script of the same page finds the element there already. */

const SCRIPT = document.currentScript;
const SERVER = new URL(SCRIPT?.src || document.baseURI).origin;

if (!customElements.get("kotae-chat")) customElements.define("kotae-chat", KotaeChat);

function place() {
  const { site, mode, lang, target } = SCRIPT.dataset;
  const made = document.createElement("kotae-chat");
  made.setAttribute("site", site);
  made.setAttribute("server", SERVER);
  if (mode) made.setAttribute("mode", mode);
  if (lang) made.setAttribute("lang", lang);
  ((target && document.querySelector(target)) || document.body).append(made);
}

if (SCRIPT?.dataset.site) {
  if (document.body && document.readyState !== "loading") place();
  else document.addEventListener("DOMContentLoaded", place, { once: true });
}
