// Keys for the forms that are on the page; every one of them works without this file as well.
"use strict";

const typing = (at) => at && at.matches && at.matches("input:not([type=checkbox]), textarea, select");
const items = () => [...document.querySelectorAll("[data-item]")];
let current = null;

function point(card) {
  current = card;
  document.querySelectorAll("#text mark.on").forEach((mark) => mark.classList.remove("on"));
  const ref = card.dataset.ref;
  const lit = ref ? [...document.querySelectorAll("#text mark[data-refs]")].filter((mark) => mark.dataset.refs.split(" ").includes(ref)) : [];
  lit.forEach((mark) => mark.classList.add("on"));
  const pane = document.getElementById("text");
  if (lit.length && pane && pane.scrollHeight > pane.clientHeight) {
    pane.scrollTop = Math.max(0, lit[0].offsetTop - pane.offsetTop - pane.clientHeight / 3);
  }
}

function step(by) {
  const all = items();
  if (!all.length) return;
  const at = all.indexOf(current && all.includes(current) ? current : document.activeElement);
  const next = all[at < 0 ? 0 : Math.min(all.length - 1, Math.max(0, at + by))];
  next.focus();
  next.scrollIntoView({ block: "nearest" });
}

function quote(card) {
  const field = (card || document).querySelector("[data-evidence]");
  if (!field) return;
  const chosen = String(window.getSelection()).trim();
  const around = field.closest("details");
  if (around) around.open = true;
  if (chosen && document.getElementById("text").contains(window.getSelection().anchorNode)) field.value = chosen;
  field.focus();
}

function press(wanted) {
  if (wanted.matches("input, textarea, select")) {
    wanted.focus();
  } else if (wanted.matches("summary")) {
    wanted.parentElement.open = true;
    const first = wanted.parentElement.querySelector("select, input:not([type=hidden]), textarea");
    if (first) first.focus();
  } else {
    wanted.click();
  }
}

document.addEventListener("focusin", (event) => {
  const card = event.target.closest("[data-item]");
  if (card) point(card);
});

document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.isComposing) return;
  const help = document.getElementById("help");
  if (help && help.open) {
    if (event.key === "?") { help.close(); event.preventDefault(); }
    return;
  }
  if (typing(event.target)) {
    if (event.key === "Escape") {
      event.preventDefault();
      if (current) current.focus(); else event.target.blur();
    }
    return;
  }
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  const card = current && current.matches(".card") ? current : document.querySelector(".card");
  const own = card && card.querySelector(`[data-card-key="${CSS.escape(key)}"]`);
  if (event.repeat && key !== "j" && key !== "k") return;
  if (key === "?" && help) help.showModal();
  else if (key === "j" || key === "k") step(key === "j" ? 1 : -1);
  else if (key === "e") quote(card);
  else if (own) own.click();
  else {
    const wanted = document.querySelector(`[data-key="${CSS.escape(key)}"]`);
    if (!wanted) return;
    press(wanted);
  }
  event.preventDefault();
});

document.addEventListener("submit", (event) => {
  if (event.target.dataset.sent) event.preventDefault();
  if (event.target.method === "post") event.target.dataset.sent = "1";
});

window.addEventListener("pageshow", () => document.querySelectorAll("form[data-sent]").forEach((form) => delete form.dataset.sent));

document.querySelectorAll("[data-help]").forEach((button) => button.addEventListener("click", () => document.getElementById("help").showModal()));

const start = document.querySelector("[autofocus]");
if (start) {
  start.focus();
  const card = start.closest("[data-item]");
  if (card) point(card);
}
