/* Elements. Nothing here makes HTML from text, so the widget also works where a page forbids that. */

const SVG = "http://www.w3.org/2000/svg";
const ICONS = {
  chat: "M4 12a7.5 7.5 0 0 1 8-7.5c4.4 0 8 3.200 8 7.300s-3.600 7.300-8 7.300c-1.200 0-2.400-.2-3.400-.7L4.500 19.500l1-3.300A7 7 0 0 1 4 12z",
  close: "M6 6l12 12M18 6 6 18",
  send: "M12 19V5M6 11l6-6 6 6",
  stop: "M7 7h10v10H7z",
  back: "M14.500 6l-6 6 6 6",
  fresh: "M12 5v14M5 12h14",
  more: "M5 12h.01M12 12h.01M19 12h.01",
  copy: "M9 9h10v11H9zM15 9V4H5v11h4",
  done: "M5 12.500l4.500 4.500L19 7.500",
  retry: "M19.500 12a7.500 7.500 0 1 1-2.300-5.400M19.500 4v4h-4",
  up: "M7 11v9H4v-9zM7 11l4-7c1.500 0 2.500 1 2.500 2.500L13 10h5.500c1 0 1.700 1 1.400 2l-1.900 6.500c-.3 1-1 1.500-2 1.500H7",
  down: "M17 13V4h3v9zM17 13l-4 7c-1.500 0-2.500-1-2.500-2.500L11 14H5.500c-1 0-1.700-1-1.400-2L6 5.500C6.300 4.500 7 4 8 4h9",
};
const TAGS = new Set((
  "a article blockquote br button code dd del details div dl dt em figcaption figure h2 h3 h4 h5 h6 hr li mark ol p pre s "
  + "span strong summary sup table tbody td th thead time tr ul"
).split(" "));
const NAMES = new Set(["class", "lang", "title", "value", "start", "datetime", "align"]);

function element(tag, className = "", text = "") {
  const made = document.createElement(tag);
  if (className) made.className = className;
  if (text) made.textContent = text;
  if (tag === "button") made.type = "button";
  return made;
}

function icon(name) {
  const made = document.createElementNS(SVG, "svg");
  made.setAttribute("viewBox", "0 0 24 24");
  made.setAttribute("aria-hidden", "true");
  const line = document.createElementNS(SVG, "path");
  line.setAttribute("d", ICONS[name]);
  made.append(line);
  return made;
}

function button(className, name, label) {
  const made = element("button", className);
  made.append(icon(name));
  made.setAttribute("aria-label", label);
  made.title = label;
  return made;
}

/* What the server sent as a tree (see ui/widget/tree.py): only elements and attributes that are named above. */
function grow(tree, into) {
  for (const node of tree) {
    if (typeof node === "string") { into.append(node); continue; }
    const [tag, names, children] = node;
    if (!TAGS.has(tag)) continue;
    const made = element(tag);
    for (const [name, value] of Object.entries(names)) {
      if (NAMES.has(name)) made.setAttribute(name, value);
      else if (name === "source") made.dataset.source = value;
      else if (name === "href" && /^https?:\/\//.test(value)) {
        made.href = value;
        made.target = "_blank";
        made.rel = "noopener noreferrer";
      }
    }
    grow(children, made);
    into.append(made);
  }
  return into;
}

function grown(tree) {
  return grow(tree, document.createDocumentFragment());
}

/* How well one colour is read on another (WCAG 2.2, contrast ratio); colours are [red, green, blue] of 255. */
function contrast(one, other) {
  const [dark, light] = [one, other].map((colour) => {
    const [red, green, blue] = colour.map((part) => (part <= 10 ? part / 3294.6 : ((part / 255 + 0.055) / 1.055) ** 2.4));
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  }).sort((a, b) => a - b);
  return (light + 0.05) / (dark + 0.05);
}

const WHITE = [255, 255, 255];
const BLACK = [0, 0, 0];
const rgb = (colour) => [1, 3, 5].map((at) => parseInt(colour.slice(at, at + 2), 16));
const css = (colour) => `rgb(${colour.map(Math.round).join(" ")})`;

/* White or black, whichever is read better on a colour. */
function inkOn(colour) {
  return contrast(rgb(colour), WHITE) >= contrast(rgb(colour), BLACK) ? css(WHITE) : css(BLACK);
}

/* A colour, moved towards `end` until it can be read on `paper` as text. */
function readable(colour, paper, end) {
  let found = rgb(colour);
  for (let steps = 0; steps < 20 && contrast(found, paper) < 5; steps += 1) {
    found = found.map((part, n) => part + (end[n] - part) * 0.12);
  }
  return css(found);
}
