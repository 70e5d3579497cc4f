"use strict";
const T = WORDS[document.documentElement.lang] || WORDS.ru;
const $ = (id) => document.getElementById(id);
// The portal shows [URL=…]text[/URL] as a link; here it is only marked, for there is no page behind it.
const bbLinks = (text) => text.replace(/\[URL=([^\]]*)\](.*?)\[\/URL\]/g, '<span class="link" title="$1">$2</span>');

const esc = (text) => String(text ?? "").replace(/[&<>"']/g, (c) => ({ "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" })[c]);
const fmt = (text, ...values) => text.replace(/\{(\d)\}/g, (_, n) => values[n]);
const GROUPS = {
  calls: ["answered_call", "analysed_call", "missed_call", "group_call", "transfer", "voice_mail", "outgoing_call", "outgoing_unanswered"],
  chats: ["chat_new", "chat_taken", "chat_finished", "chat_moved", "chat_reopened", "lost_chat", "chat_silent",
    "chat_without_contacts", "chat_in_messenger", "offline_request", "same_second", "chats_at_once"],
  crm: ["click", "callback"],
};
let data = null, version = -1, tab = "LEAD", opened = {}, drawn = {};

document.querySelectorAll("[data-t]").forEach((node) => { node.textContent = T[node.dataset.t]; });

function put(id, html) {
  if (drawn[id] === html) return;
  drawn[id] = html;
  $(id).innerHTML = html;
}

function toast(text) {
  $("toast").textContent = text;
  $("toast").className = "on";
  clearTimeout(toast.timer);
  toast.timer = setTimeout(() => { $("toast").className = ""; }, 2500);
}

async function control(command, body = {}) {
  const reply = await fetch(`/control/${command}`, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
  });
  const answer = await reply.json().catch(() => ({}));
  if (!reply.ok) toast(fmt(T.failed, answer.error || reply.status));
  await poll();
  return answer;
}

function phone() {
  const choice = $("client").value;
  return choice === "new" ? "" : choice === "other" ? $("phone").value.trim() : data.examples[choice];
}

function fire(kind) {
  const number = phone();
  if (kind === "click") {
    const user = data.users.find((one) => one.id === 12) || data.users[0];
    return control("click", { phone: number || "+7900555" + String(Math.floor(1000 + Math.random() * 9000)), user_id: user.id });
  }
  if (kind === "callback") return control("callback_form", { phone: number || "+7900555" + String(Math.floor(1000 + Math.random() * 9000)) });
  const body = { kind, realtime: $("realtime").checked };
  if (number) body.client_phone = number;
  const single = ["answered_call", "analysed_call", "missed_call", "voice_mail", "outgoing_call", "outgoing_unanswered", 
    "chat_taken", "chat_finished", "chat_reopened", "chat_silent", "chat_without_contacts", "chat_in_messenger"];
  if (single.includes(kind)) body.employees = [Number($("employee").value)];
  toast(fmt(T.started, T[kind]));
  return control("play", body);
}

function drawControls() {
  if (!drawn.client) {
    drawn.client = true;
    $("client").innerHTML = ["new", ...Object.keys(data.examples), "other"].map((key) => {
      const digits = data.examples[key] ? ` · ${data.examples[key]}` : "";
      return `<option value="${key}">${esc(T[key])}${digits}</option>`;
    }).join("");
  }
  const people = data.employees.map((one) => `<option value="${one.id}">${esc(one.name)}</option>`).join("");
  if (drawn.people !== people) { drawn.people = people; $("employee").innerHTML = people; }
  put("buttons", Object.entries(GROUPS).map(([group, kinds]) => `<h3>${T[group]}</h3><div class="grid">${
    kinds.map((kind) => `<button data-fire="${kind}" class="${group}">${esc(T[kind === "click" ? "click_to_call" : kind])}</button>`).join("")
  }</div>`).join(""));
  put("subtitle", `${esc(data.portal.title)} · ${data.portal.leads_on ? T.mode1 : T.mode2}`);
  const links = [];
  if (data.links.app) links.push(`<a href="/page/frame" target="_blank">${T.app}</a>`);
  if (data.links.product) links.push(`<a href="${esc(data.links.product)}" target="_blank" rel="noopener">${T.journal}</a>`);
  links.push(`<a href="/control/connection" target="_blank">${T.connection}</a>`);
  put("links", links.join(""));
  $("hint").hidden = data.links.is_connected;
  $("hint").textContent = T.not_connected;
}

function faultName(kind) { return T["f_" + kind] || kind; }

function drawFaults() {
  const sides = ["portal", "uis"].map((side) => {
    const kinds = data.fault_kinds[side].map((kind) => `<option value="${kind}">${esc(faultName(kind))}</option>`).join("");
    return `<div class="faultrow"><b>${T[side]}</b><select id="kind_${side}" aria-label="${T[side]}">${kinds}</select>
      <span class="trio"><button data-fault="${side}" data-n="1">${T.once}</button><button data-fault="${side}" data-n="3">${T.thrice}</button>
      <button data-fault="${side}" data-n="">${T.always}</button></span></div>`;
  }).join("");
  const active = ["portal", "uis"].flatMap((side) => data.faults[side].rules.map((rule) =>
    `<span class="chip bad">${T[side]}: ${esc(faultName(rule.kind))}${rule.left === null ? "" : " ×" + rule.left}${rule.match ? " · " + esc(rule.match) : ""}</span>`)).join("");
  const switches = [["crm_search_lag_seconds", "lag"], ["latency_seconds", "latency"], ["seconds_per_command", "seconds_per_command"]].map(
    ([name, word]) => `<label class="field inline"><span>${T[word]}</span><input type="number" min="0" step="0.1" data-switch="${name}" value="${data.faults.portal[name]}"></label>`).join("");
  put("faults", `${sides}<div class="chips">${active}</div>${switches}
    <div class="grid"><button data-do="clear">${T.clear}</button><button data-do="expire_tokens">${T.expire}</button>
    <button data-do="mode">${T.toggle_mode}</button><button data-do="${data.portal.installed ? "uninstall" : "install"}">${data.portal.installed ? T.uninstall : T.install}</button>
    <button data-do="reset" class="danger">${T.reset}</button></div>`);
}

function timelineRow(row) {
  const mark = { call: row.is_missed ? "✕" : "☎", todo: "✓", activity: "★", comment: "✎", log: "•", note: "✎" }[row.kind] || "•";
  const facts = [row.at, row.who, row.seconds ? `${row.seconds} ${T.seconds}` : "", row.deadline ? `${T.todo}: ${row.deadline}` : ""].filter(Boolean);
  const tags = [row.is_missed ? `<span class="chip bad">${T.missed}</span>` : ""].join("");
  const audio = row.record ? `<audio controls preload="none" src="${esc(row.record)}" aria-label="${T.record}"></audio>` : "";
  return `<li class="${row.kind}${row.is_missed ? " missed" : ""}"><i>${mark}</i><div><b>${esc(row.title || "")}</b> ${tags}
    ${row.text ? `<p>${esc(row.text)}</p>` : ""}${audio}<small>${facts.map(esc).join(" · ")}</small></div></li>`;
}

function itemCard(item) {
  const key = `${tab}:${item.id}`;
  const isOpen = opened[key] ?? item.timeline.length > 0;
  const facts = [[T.responsible, item.responsible], [T.contact, item.contact], [T.pipeline, item.pipeline], [T.source, item.source], [T.origin, item.origin]];
  const rows = [...facts, ...Object.entries(item.fields)].filter(([, value]) => value).map(([name, value]) =>
    `<div><dt>${esc(name)}</dt><dd>${esc(Array.isArray(value) ? value.join(", ") : value)}</dd></div>`).join("");
  const body = isOpen ? `<dl>${rows}</dl>${item.timeline.length ? `<ul class="timeline">${item.timeline.map(timelineRow).join("")}</ul>` : `<p class="muted">${T.empty_timeline}</p>`}` : "";
  const stage = item.stage ? `<span class="stage ${item.semantics}">${esc(item.stage)}</span>` : "";
  return `<article class="item"><button class="head" data-open="${key}" aria-expanded="${isOpen}"><span class="name"><b>${esc(item.title)}</b>
    <small>#${item.id} ${item.phones.map(esc).join(", ")}</small></span>${stage}${item.timeline.length ? `<span class="count">${item.timeline.length}</span>` : ""}</button>${body}</article>`;
}

function drawCrm() {
  put("tabs", Object.keys(data.items).map((name) =>
    `<button role="tab" aria-selected="${name === tab}" data-tab="${name}">${T[name]} <span>${data.items[name].length}</span></button>`).join(""));
  put("items", data.items[tab].map(itemCard).join("") || `<p class="muted">${T.empty_items}</p>`);
  put("notifications", data.notifications.map((row) => `<div class="note"><b>${esc(row.user)}</b> <small>${row.at}</small><p>${bbLinks(esc(row.text))}</p></div>`).join("")
    || `<p class="muted">${T.empty_notifications}</p>`);
}

function drawLog() {
  put("storylist", data.stories.map((one) => `<div class="story"><div><b>${esc(T[one.kind] || one.kind)}</b> <small>${one.at} · ${esc(one.phone)}</small></div>
    <div class="price"><span class="chip ${one.good === one.sent ? "" : "bad"}">${T.answered_events} ${one.good} ${T.of} ${one.steps}</span>
    <span class="chip blue">${one.cost.requests} ${T.req}${one.cost.shared ? ` (${one.cost.shared} ${T.shared})` : ""}</span><span class="chip">${one.cost.commands} ${T.cmd}</span></div></div>`).join("")
    || `<p class="muted">${T.empty_stories}</p>`);
  put("totals", esc(fmt(T.total, data.totals.requests, data.totals.commands, data.totals.max_concurrent)));
  put("requests", data.requests.map((one) => {
    const bad = one.error || one.fault || one.errors.length;
    const methods = one.method === "batch" ? [...new Set(one.methods)].join(", ") : "";
    return `<div class="request ${bad ? "bad" : ""}"><div><small>${one.at}</small> <b>${esc(one.method)}</b>${one.commands > 1 ? ` <span class="chip blue">${one.commands}</span>` : ""}
      <span class="status s${String(one.status)[0]}">${one.status || "—"}</span> <small>${(one.duration * 1000).toFixed(1)} ms</small></div>
      ${methods ? `<small class="methods">${esc(methods)}</small>` : ""}${one.fault ? `<small class="err">${esc(faultName(one.fault))}</small>` : ""}
      ${one.error ? `<small class="err">${esc(one.error)}</small>` : ""}${one.errors.map((text) => `<small class="err">${esc(text)}</small>`).join("")}</div>`;
  }).join("") || `<p class="muted">${T.empty_requests}</p>`);
}

function drawCards() {
  put("cards", data.cards.map((card) => `<div class="callcard"><div class="who"><span>${esc(card.user)}</span><small>${card.at}</small></div>
    <b>${card.is_out ? T.outgoing : T.incoming}</b><div class="number">${esc(card.phone)}</div>
    <div class="client">${card.client ? `${T.one[card.client_type]}: ${esc(card.client)}` : T.unknown_client}</div>
    ${card.line ? `<small>${T.line} ${esc(card.line)}</small>` : ""}</div>`).join(""));
}

function drawBucket(level) {
  const size = data.bucket_size;
  $("level").style.width = `${Math.min(100, (level / size) * 100)}%`;
  $("level").className = level > size * 0.8 ? "hot" : "";
  $("bucket").textContent = fmt(T.bucket, Math.round(level), size);
}

async function poll() {
  let fresh;
  try {
    fresh = await (await fetch(`/page/data?since=${version}`)).json();
  } catch { return; }
  if (fresh.portal) {
    data = fresh;
    version = fresh.version;
    if (!data.portal.leads_on && tab === "LEAD" && !poll.done) tab = "DEAL";
    poll.done = true;
    drawControls(); drawCrm(); drawLog(); drawCards();
    if (!document.activeElement?.closest("#faults select, #faults input")) drawFaults();
  }
  drawBucket(fresh.bucket);
}

document.addEventListener("click", (event) => {
  const node = event.target.closest("button");
  if (!node) return;
  const { fire: kind, tab: name, open, fault, n, do: act } = node.dataset;
  if (kind) fire(kind);
  if (name) { tab = name; drawCrm(); }
  if (open) { opened[open] = node.getAttribute("aria-expanded") !== "true"; drawCrm(); }
  if (fault) control("fault", { side: fault, kind: $(`kind_${fault}`).value, ...(n ? { n: Number(n) } : {}) });
  if (act === "clear") control("clear").then(() => control("clear", { side: "uis" }));
  else if (act === "mode") control("mode", { leads_on: !data.portal.leads_on });
  else if (act === "install") control("install", { url: data.links.app.replace(/app\/?$/, "events/") || "http://127.0.0.1/" });
  else if (act) control(act);
});
document.addEventListener("change", (event) => {
  const name = event.target.dataset.switch;
  if (name) control("faults", { [name]: Number(event.target.value) });
  if (event.target.id === "client") $("other").hidden = event.target.value !== "other";
});
poll();
setInterval(poll, 1000);
