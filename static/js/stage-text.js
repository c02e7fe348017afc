// What is said and done on stage: paragraphs, *stage directions*, **stress**. Nothing else means anything, least of all HTML.

const STYLED = /\*\*([^*\s](?:[^*]*[^*\s])?)\*\*|\*([^*\s](?:[^*]*[^*\s])?)\*/g;
const OPEN = /(^|\s)(\*{1,2})([^*\s][^*]*)$/;

/**
 * Splits `text` into paragraphs of pieces: [[{type: "text"|"em"|"strong", text}]]; a line break in it is one on the page.
 * With `open`, a direction whose end is still to come is one already, so that a streaming reply does not flicker.
 */
export function parse(text, { open = false } = {}) {
  const paragraphs = splitParagraphs(text);
  return paragraphs.map((paragraph, index) => parseParagraph(paragraph, open && index === paragraphs.length - 1));
}

export function splitParagraphs(text) {
  return text
    .replace(/\r\n?/g, "\n")
    .split(/\n[^\S\n]*\n\s*/)
    .map((paragraph) => paragraph.trim())
    .filter(Boolean);
}

function parseParagraph(paragraph, open) {
  const pieces = [];
  let rest = 0;
  for (const match of paragraph.matchAll(STYLED)) {
    addText(pieces, "text", paragraph.slice(rest, match.index));
    addText(pieces, match[1] ? "strong" : "em", match[1] ?? match[2]);
    rest = match.index + match[0].length;
  }
  const tail = paragraph.slice(rest);
  const unfinished = open ? tail.match(OPEN) : null;
  if (unfinished) {
    addText(pieces, "text", tail.slice(0, unfinished.index) + unfinished[1]);
    addText(pieces, unfinished[2] === "**" ? "strong" : "em", unfinished[3]);
  } else {
    addText(pieces, "text", tail);
  }
  return pieces;
}

function addText(pieces, type, text) {
  if (text) pieces.push({ type, text });
}

function paragraphNode(pieces) {
  const node = document.createElement("p");
  for (const { type, text } of pieces) {
    const place = type === "text" ? node : node.appendChild(document.createElement(type));
    text.split("\n").forEach((line, index) => place.append(...(index ? [document.createElement("br"), line] : [line])));
  }
  return node;
}

const shown = new WeakMap();

/** Shows `text` inside `element`, touching only paragraphs that changed since the last call. */
export function renderInto(element, text, { open = false } = {}) {
  const paragraphs = splitParagraphs(text);
  const before = shown.get(element) ?? [];
  if (before.length === 0) element.replaceChildren();
  const keys = paragraphs.map((paragraph, index) => (open && index === paragraphs.length - 1 ? "…" : "") + paragraph);
  keys.forEach((key, index) => {
    if (before[index] === key) return;
    const node = paragraphNode(parseParagraph(paragraphs[index], key !== paragraphs[index]));
    if (element.children[index]) element.children[index].replaceWith(node);
    else element.append(node);
  });
  while (element.children.length > keys.length) element.lastElementChild.remove();
  shown.set(element, keys);
}
