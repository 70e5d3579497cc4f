// The journal: filters, more rows, one communication over the list, working again with progress.
import { Bridge } from "./bridge.js";
import { send, SessionOver } from "./session.js";

const POLL_MS = 1500;
const page = document.body.dataset;
const main = document.getElementById("main");
const notice = document.getElementById("notice");
const listView = document.getElementById("list-view");
const list = document.getElementById("list");
const drawer = document.getElementById("drawer");
const filters = document.getElementById("filters");
const bridge = Bridge.find();
let opener = null;

async function start() {
  if (bridge) {
    bridge.follow(main);
    await bridge.init();
    bridge.setTitle(page.title);
  }
  const days = document.getElementById("days");
  const chart = await ask(days.dataset.url, new URLSearchParams(), true);
  if (chart?.trim()) days.innerHTML = chart;
}

// The answer as HTML; null when there is none, and the reason is said.
async function ask(url, body, isQuiet = false) {
  try {
    const answer = await send(bridge, url, body);
    if (answer.ok) return await answer.text();
    if (!isQuiet) say({ 403: page.denied, 404: page.gone }[answer.status] || page.away);
  } catch (error) {
    if (!isQuiet) say(error instanceof SessionOver ? page.over : page.away);
  }
  return null;
}

function wanted() {
  const body = new URLSearchParams(new FormData(filters));
  body.delete("session");
  return body;
}

async function busy(button, work) {
  button?.setAttribute("aria-busy", "true");
  try {
    await work();
  } finally {
    button?.removeAttribute("aria-busy");
  }
}

async function refresh() {
  const html = await ask(filters.action, wanted());
  if (html !== null) list.innerHTML = html;
}

async function more(button) {
  const body = wanted();
  body.set("cursor", button.dataset.more);
  const html = await ask(filters.action, body);
  if (html === null) return;
  const last = button.closest("tr");
  last.insertAdjacentHTML("afterend", html);
  const next = last.nextElementSibling;
  last.remove();
  next?.querySelector("button")?.focus();
}

async function open(button) {
  const html = await ask(button.dataset.details, new URLSearchParams());
  if (html === null) return;
  if (listView.contains(button)) opener = button;
  drawer.innerHTML = html;
  drawer.hidden = false;
  listView.hidden = true;
  drawer.querySelector("#drawer-title").focus();
  if (button.dataset.then === "rehearse") rehearse(drawer.querySelector("[data-rehearse]"));
}

function close() {
  if (drawer.hidden) return;
  drawer.hidden = true;
  listView.hidden = false;
  drawer.replaceChildren();
  (opener?.isConnected ? opener : main.querySelector("h1")).focus();
}

async function again(button) {
  const html = await ask(button.dataset.again, new URLSearchParams());
  if (html === null) return;
  const table = document.createElement("table");
  table.innerHTML = `<tbody>${html}</tbody>`;
  const fresh = table.querySelector("tr");
  const old = list.querySelector(`tr[data-row="${fresh.dataset.row}"]`);
  old?.replaceWith(fresh);
  close();
  (old ? fresh.querySelector("button") : main.querySelector("h1")).focus();
}

async function rehearse(button) {
  const place = drawer.querySelector("#rehearsal");
  const html = await ask(button.dataset.rehearse, new URLSearchParams({ communication: button.dataset.communication }));
  if (html !== null) place.innerHTML = html;
}

async function resend(form) {
  const body = new URLSearchParams(new FormData(form));
  body.delete("session");
  const html = await ask(form.action, body);
  if (html !== null) follow(form, html);
}

// Puts the progress where the form or the former progress stood, and asks again until all is done.
function follow(old, html) {
  old.insertAdjacentHTML("afterend", html);
  const fresh = old.nextElementSibling;
  old.remove();
  if (!fresh.dataset.poll) return;
  setTimeout(async () => {
    if (!fresh.isConnected) return;
    const next = await ask(fresh.dataset.poll, new URLSearchParams());
    if (next !== null) follow(fresh, next);
  }, POLL_MS);
}

// The frame is as high as its page, so the notice stands where one looks.
function say(text) {
  const here = document.activeElement?.closest("tr, form, header");
  const place = here?.closest("table") || here || main.querySelector("header");
  place.after(notice);
  notice.textContent = text;
  notice.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (notice.hidden = true), 8000);
}

const clicks = [
  ["[data-details]", open],
  ["[data-more]", more],
  ["[data-again]", again],
  ["[data-rehearse]", rehearse],
  ["[data-refresh]", refresh],
  ["[data-close]", async () => close()],
];

main.addEventListener("click", (event) => {
  const link = event.target.closest("[data-path]");
  if (link && bridge) {
    event.preventDefault();
    bridge.openPath(link.dataset.path);
    return;
  }
  for (const [selector, act] of clicks) {
    const button = event.target.closest(selector);
    if (button) return void busy(button, () => act(button));
  }
});
main.addEventListener("submit", (event) => {
  const form = event.target;
  if ("leave" in form.dataset) {
    // The session may have been renewed since the page was made.
    form.elements.session.value = document.querySelector('meta[name="app-session"]').content;
    return;
  }
  event.preventDefault();
  if (form === filters) busy(event.submitter, refresh);
  else if (form.id === "resend") busy(event.submitter, () => resend(form));
});
filters.addEventListener("reset", (event) => {
  event.preventDefault();
  for (const field of filters.querySelectorAll(".input")) field.value = "";
  busy(event.target, refresh);
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") close();
});
start();
