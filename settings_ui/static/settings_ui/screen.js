// The settings: one form over all tabs. Whatever changes its shape is asked of the server, which answers with the
// section drawn anew; nothing is lost by switching tabs, because nothing is sent by it.
import { Beside } from "./beside.js";
import { Draft } from "./draft.js";
import { makeDraggable } from "./drag.js";
import { elementAt, idAt, pathOf } from "./places.js";
import { Rehearsal } from "./rehearsal.js";
import { send, SessionOver } from "./session.js";

const SEARCH_MS = 200;
const STALE = 409;

export class Screen {
  constructor(place, bridge, say) {
    Object.assign(this, { place, bridge, say, tab: "main", changed: new Set(), unchecked: new Set() });
    this.draft = new Draft(this);
    this.rehearsal = new Rehearsal(this);
    this.beside = new Beside(this);
    place.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.target.id === "settings") this.save();
    });
    place.addEventListener("click", (event) => this.click(event));
    place.addEventListener("keydown", (event) => this.key(event));
    place.addEventListener("input", (event) => this.input(event));
    place.addEventListener("change", (event) => this.change(event));
    place.addEventListener("focusin", (event) => event.target.dataset.search && this.search(event.target));
    place.addEventListener("focusout", (event) => this.leave(event.target));
    const open = ({ target }) => target.open && [this.rehearsal, this.beside].forEach((one) => one.open(target));
    place.addEventListener("toggle", open, true);
    makeDraggable(place, (rule, index) => this.edit(rule, { do: "move", at: rule.dataset.rule, value: String(index) }));
    this.settle();
  }

  get form() {
    return this.place.querySelector("#settings");
  }

  // --- asking

  body(more) {
    return { credential: this.form?.dataset.credential ?? this.place.dataset.credential, ...more };
  }

  async ask(name, more = {}, { quiet = false } = {}) {
    if (!quiet) this.place.setAttribute("aria-busy", "true");
    try {
      const answer = await send(this.bridge, this.place.dataset[name], JSON.stringify(this.body(more)));
      if (answer.ok || answer.status === STALE) return answer;
      if (!quiet) this.say(answer.status === 403 ? this.place.dataset.denied : this.place.dataset.away);
    } catch (error) {
      if (!quiet) this.say(error instanceof SessionOver ? this.place.dataset.over : this.place.dataset.away);
    } finally {
      this.place.removeAttribute("aria-busy");
    }
    return null;
  }

  card(section) {
    return this.place.querySelector(`[data-section="${CSS.escape(section)}"]`);
  }

  pairs() {
    return [...new FormData(this.form)].filter(([name]) => name.includes(":"));
  }

  // The form as it stands, and the revision it began from.
  typed() {
    return { form: this.pairs(), base: Number(this.form.dataset.base) };
  }

  // Ask for a whole screen, and take it in place of the old one.
  async turn(name, more = {}) {
    await this.draft.stop();
    const answer = await this.ask(name, more);
    if (!answer) return;
    const opened = [...this.place.querySelectorAll("details[id][open]")].map((details) => details.id);
    this.place.innerHTML = await answer.text();
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    this.settle();
    const target = this.place.querySelector("[data-focus]");
    target?.focus({ preventScroll: true });
    target?.scrollIntoView({ block: "nearest" });
  }

  settle() {
    if (!this.form) return;
    this.unchecked.clear();
    this.show(this.tab);
    this.mark("draft" in this.form.dataset ? [] : JSON.parse(document.getElementById("changed").textContent));
    if ("dirty" in this.form.dataset) this.draft.later();
    this.beside.settle();
    for (const card of this.place.querySelectorAll("details[data-section][open]")) this.rehearsal.open(card);
  }

  load(credential) {
    if (credential) this.place.dataset.credential = credential;
    return this.turn("load", credential ? { credential } : {});
  }

  async save() {
    if (this.saving) return;
    this.saving = true;
    const chosen = [...this.place.querySelectorAll("[data-conflict]:checked")];
    const choices = Object.fromEntries(chosen.map((radio) => [radio.dataset.conflict, radio.value]));
    await this.turn("save", { ...this.typed(), seen: Number(this.form.dataset.seen), choices });
    this.saving = false;
  }

  async edit(button, what) {
    const section = button.closest("[data-section]")?.dataset.section ?? what.at;
    const sent = valuesIn(this.card(section));
    const number = (this.edits = (this.edits ?? 0) + 1);
    const answer = await this.ask("edit", { form: this.pairs(), section, ...what });
    const html = await answer?.text();
    if (!answer || number !== this.edits) return; // a later edit has sent all of this
    const card = this.card(section);
    // Who goes on typing while the answer is under way keeps what he types, and his place.
    const typed = what.do === "refresh" ? [...valuesIn(card)].filter(([id, value]) => sent.get(id) !== value) : [];
    const here = what.do === "refresh" && card.contains(document.activeElement) ? document.activeElement.id : "";
    const opened = isOrder(what) ? [] : [...card.querySelectorAll("details[id][open]")].map((one) => one.id);
    card.innerHTML = html;
    card.open = true;
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    for (const [id, value] of typed) {
      const control = document.getElementById(id);
      if (control) control.value = value;
    }
    this.touch(what.at);
    this.tell(button.dataset.said);
    const target = document.getElementById(here) ?? document.getElementById(idAt(answer.headers.get("X-Focus") ?? ""));
    const focused = card.contains(target) ? target : card;
    reveal(focused);
    focused.focus();
  }

  // --- what happens on the page

  click(event) {
    const button = event.target.closest("button, a[data-goto]");
    if (!button) return;
    const { dataset } = button;
    if (dataset.tab) return this.show(dataset.tab);
    if (dataset.do) return this.edit(button, { do: dataset.do, at: dataset.at, value: dataset.value ?? "" });
    if (dataset.insert) return this.insert(button);
    if (dataset.goto) {
      event.preventDefault();
      return this.goTo(dataset.goto, dataset.tabOf);
    }
    if ("more" in dataset) return this.more(button);
    if ("discard" in dataset) return this.turn("draftDrop");
    if ("draftResume" in dataset) return this.turn("draftResume");
    if ("changes" in dataset) return this.changes(button);
    if (dataset.choose) return this.choose(dataset.choose);
    if (dataset.switchOn) return this.switchOn(dataset.switchOn);
    this.rehearsal.click(button);
    this.beside.click(button);
  }

  key(event) {
    const tabs = [...this.place.querySelectorAll("[role=tab]")];
    const here = tabs.indexOf(event.target);
    if (here < 0) return;
    const steps = { ArrowRight: 1, ArrowLeft: -1, Home: -here, End: tabs.length - 1 - here };
    if (!(event.key in steps)) return;
    event.preventDefault();
    const next = tabs[(here + steps[event.key] + tabs.length) % tabs.length];
    this.show(next.dataset.tab);
    next.focus();
  }

  input(event) {
    const { target } = event;
    if (target.name?.includes(":")) {
      this.unchecked.add(target.name);
      this.touch(pathOf(target));
    }
    if (target.dataset.search) this.later(() => this.search(target));
    if (target.dataset.preview) this.later(() => this.preview(target));
  }

  change(event) {
    const { target } = event;
    if (target.dataset.refresh) this.edit(target, { do: "refresh", at: target.dataset.refresh });
    this.rehearsal.change(target);
    this.beside.change(target);
  }

  later(action) {
    clearTimeout(this.timer);
    this.timer = setTimeout(action, SEARCH_MS);
  }

  show(code) {
    this.tab = code;
    for (const tab of this.place.querySelectorAll("[role=tab]")) {
      const isChosen = tab.dataset.tab === code;
      tab.setAttribute("aria-selected", String(isChosen));
      tab.tabIndex = isChosen ? 0 : -1;
    }
    for (const panel of this.place.querySelectorAll("[data-panel]")) panel.hidden = panel.dataset.panel !== code;
  }

  // --- what is changed

  touch(path) {
    this.mark([...this.changed, path]);
    this.draft.later();
    this.rehearsal.touched(path);
  }

  // What the server says of the form that it has kept.
  told({ changed, kept_at, hints }) {
    this.mark(changed);
    const kept = this.place.querySelector("[data-kept]");
    if (kept) kept.textContent = kept_at ? this.place.dataset.kept.replace("{at}", kept_at) : "";
    const place = this.place.querySelector("#hints");
    const isOpen = place?.querySelector("details")?.open;
    if (place && place.innerHTML.trim() !== hints.trim()) place.innerHTML = hints;
    if (isOpen) place.querySelector("details")?.setAttribute("open", "");
  }

  mark(paths) {
    this.changed = new Set(paths);
    for (const one of this.place.querySelectorAll(".is-changed")) one.classList.remove("is-changed");
    for (const path of this.changed) {
      const element = elementAt(path);
      element?.closest(".field")?.classList.add("is-changed");
      element?.closest("[data-section]")?.classList.add("is-changed");
    }
    const codes = new Set([...this.changed].map((path) => path.split(".")[0]));
    for (const dot of this.place.querySelectorAll("[data-dot]")) dot.hidden = !codes.has(dot.dataset.dot);
    const tabs = [...this.place.querySelectorAll("[role=tab]")].filter((tab) => codes.has(tab.dataset.tab));
    const names = tabs.map((tab) => tab.firstChild.textContent).join(", ");
    const text = names ? `${this.place.dataset.unsaved} ${names}` : "";
    for (const status of this.place.querySelectorAll("[data-unsaved]")) {
      if (status.textContent !== text) status.textContent = text;
    }
    const isDirty = names !== "" || "dirty" in this.form.dataset;
    for (const button of this.place.querySelectorAll(".savebar [data-discard], [data-changes]")) button.hidden = !isDirty;
    const credentials = this.place.querySelector("[data-credentials]");
    if (credentials) credentials.disabled = isDirty; // another one's settings would take the place of unsaved ones
  }

  async changes(button) {
    const place = button.closest(".savebar").querySelector("[data-changes-place]");
    if (place.childElementCount) return place.replaceChildren();
    const answer = await this.ask("changes", this.typed());
    if (answer) place.innerHTML = await answer.text();
  }

  choose(side) {
    for (const radio of this.place.querySelectorAll(`[data-conflict][value="${side}"]`)) radio.checked = true;
  }

  switchOn(id) {
    const box = document.getElementById(id);
    box.click();
    this.goTo(id, "main");
  }

  // --- what is wrong, when somebody leaves a control

  leave(control) {
    if (!control.name?.includes(":") || !this.unchecked.delete(control.name)) return;
    this.check(pathOf(control));
  }

  async check(path) {
    const answer = await this.ask("check", { form: this.pairs(), at: path }, { quiet: true });
    const html = await answer?.text();
    const control = document.getElementById(idAt(path));
    if (!answer || !control) return;
    const field = control.closest(".field");
    for (const old of field.querySelectorAll(":scope > .error, :scope > .warning")) old.remove();
    const hint = field.querySelector(":scope > .hint");
    if (hint) hint.insertAdjacentHTML("beforebegin", html);
    else field.insertAdjacentHTML("beforeend", html);
    const about = ["error", "warning", "hint"].map((part) => `${control.id}-${part}`);
    const described = about.filter((id) => document.getElementById(id)).join(" ");
    control.toggleAttribute("aria-describedby", described !== "");
    if (described) control.setAttribute("aria-describedby", described);
    if (field.querySelector(":scope > .error")) control.setAttribute("aria-invalid", "true");
    else control.removeAttribute("aria-invalid");
    field.classList.toggle("field-bad", control.hasAttribute("aria-invalid"));
  }

  tell(text) {
    const said = this.place.querySelector("#said");
    if (said && text) said.textContent = text;
  }

  goTo(id, tab) {
    if (tab) this.show(tab);
    const target = document.getElementById(id);
    reveal(target);
    target?.focus();
    target?.scrollIntoView({ block: "center" });
  }

  insert(button) {
    const field = document.getElementById(button.dataset.into);
    field.setRangeText(`{{${button.dataset.insert}}}`, field.selectionStart, field.selectionEnd, "end");
    field.dispatchEvent(new Event("input", { bubbles: true }));
    field.focus();
  }

  more(button) {
    const inputs = button.parentElement.querySelectorAll("input[data-search]");
    const added = inputs[inputs.length - 1].cloneNode();
    const list = document.createElement("datalist");
    added.id = `${button.parentElement.id}-${inputs.length + 1}`;
    list.id = `${added.id}-list`;
    added.setAttribute("list", list.id);
    added.value = "";
    button.before(added, list);
    added.focus();
  }

  async search(input) {
    const answer = await this.ask("search", { where: input.dataset.search, text: wordsOf(input) }, { quiet: true });
    if (!answer || !input.list) return;
    const { found } = await answer.json();
    input.list.replaceChildren(...found.map((label) => Object.assign(document.createElement("option"), { value: label })));
  }

  async preview(field) {
    const text = field.value || field.placeholder;
    const asked = { stream: field.dataset.preview, result: pathOf(field).split(".").at(-1), text };
    const answer = await this.ask("preview", asked, { quiet: true });
    const output = document.getElementById(`${field.id}-preview`);
    if (!answer || !output) return;
    const { title, about } = await answer.json();
    output.textContent = title;
    output.nextElementSibling.textContent = about;
  }
}

function reveal(element) {
  for (let up = element?.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
}

// Whether an edit gives the rules other numbers: what was open under the old ones is another rule now.
function isOrder({ at }) {
  return /\.rules\[\d+\]$/.test(at);
}

// What is searched for: the text without the id that a chosen label ends with.
function wordsOf(input) {
  return input.value.replace(/\s*\([\w.:-]+\)\s*$/, "");
}

function valuesIn(card) {
  const controls = card.querySelectorAll("input[id]:not([type=checkbox], [type=radio]), textarea[id], select[id]");
  return new Map([...controls].map((control) => [control.id, control.value]));
}
