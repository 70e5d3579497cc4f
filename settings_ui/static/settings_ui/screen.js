// The settings: one form over all tabs. Whatever changes its shape is asked of the server, which answers with the
// section drawn anew; nothing is lost by switching tabs, because nothing is sent by it.
import { send, SessionOver } from "./session.js";

const SEARCH_MS = 200;
const POLL_MS = 1500;

export class Screen {
  constructor(place, bridge, say) {
    Object.assign(this, { place, bridge, say, tab: "main", dirty: new Set() });
    place.addEventListener("submit", (event) => {
      event.preventDefault();
      if (event.target.id === "settings") this.save();
    });
    place.addEventListener("click", (event) => this.click(event));
    place.addEventListener("keydown", (event) => this.key(event));
    place.addEventListener("input", (event) => this.input(event));
    place.addEventListener("change", (event) => this.change(event));
    place.addEventListener("focusin", (event) => event.target.dataset.search && this.search(event.target));
    place.addEventListener("toggle", (event) => this.open(event.target), true);
    this.settle();
  }

  get form() {
    return this.place.querySelector("#settings");
  }

  // --- asking

  async ask(name, more = {}, { quiet = false } = {}) {
    const body = { credential: this.form?.dataset.credential ?? this.place.dataset.credential, ...more };
    if (!quiet) this.place.setAttribute("aria-busy", "true");
    try {
      const answer = await send(this.bridge, this.place.dataset[name], JSON.stringify(body));
      if (answer.ok) return answer;
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

  // Take a whole screen in place of the old one.
  async take(answer) {
    if (!answer) return;
    const opened = [...this.place.querySelectorAll("details[data-section][open]")].map((details) => details.id);
    this.place.innerHTML = await answer.text();
    for (const id of opened) document.getElementById(id)?.setAttribute("open", "");
    this.settle();
    const target = this.place.querySelector("[data-focus]");
    target?.focus({ preventScroll: true });
    target?.scrollIntoView({ block: "nearest" });
  }

  settle() {
    if (!this.form) return;
    this.dirty.clear();
    this.show(this.tab);
    if ("dirty" in this.form.dataset) this.touch(this.tab);
    if (this.place.querySelector("#sync[data-running]")) this.poll();
  }

  async load(credential) {
    if (credential) this.place.dataset.credential = credential;
    await this.take(await this.ask("load", credential ? { credential } : {}));
  }

  async save(more = {}) {
    if (this.saving) return;
    this.saving = true;
    const base = Number(this.form.dataset.base);
    await this.take(await this.ask("save", { form: this.pairs(), base, ...more }));
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
    card.innerHTML = html;
    card.open = true;
    for (const [id, value] of typed) {
      const control = document.getElementById(id);
      if (control) control.value = value;
    }
    this.touch(section.split(".")[0]);
    const path = answer.headers.get("X-Focus") ?? "";
    const id = "f-" + path.replaceAll("[", "-").replaceAll("]", "").replaceAll(".", "-");
    const target = document.getElementById(here) ?? document.getElementById(id);
    (card.contains(target) ? target : card).focus();
  }

  // --- what happens on the page

  click(event) {
    const button = event.target.closest("button, a[data-goto]");
    if (!button) return;
    const { dataset } = button;
    if (dataset.tab) return this.show(dataset.tab);
    if (dataset.do) return this.edit(button, { do: dataset.do, at: dataset.at, value: dataset.value ?? "" });
    if (dataset.insert) return this.insert(button);
    if (dataset.restore) return this.restore(Number(dataset.restore));
    if (dataset.goto) {
      event.preventDefault();
      return this.goTo(dataset.goto, dataset.tabOf);
    }
    if ("more" in dataset) return this.more(button);
    if ("discard" in dataset) return this.load();
    if ("overwriteNow" in dataset) return this.save({ overwrite: Number(this.form.dataset.overwrite) });
    if ("sync" in dataset) return this.sync("syncStart");
    if ("export" in dataset) return this.export();
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
    if (target.name?.includes(":")) this.touch(target.closest("[data-panel]")?.dataset.panel);
    if (target.dataset.search) this.later(() => this.search(target));
    if (target.dataset.preview) this.later(() => this.preview(target));
  }

  change(event) {
    const { target } = event;
    if (target.dataset.refresh) this.edit(target, { do: "refresh", at: target.dataset.refresh });
    if ("import" in target.dataset && target.files[0]) this.import(target.files[0]);
    if ("credentials" in target.dataset) this.load(target.value);
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

  touch(tab) {
    if (tab) this.dirty.add(tab);
    const status = this.place.querySelector("#dirty");
    if (!status) return;
    for (const dot of this.place.querySelectorAll("[data-dot]")) dot.hidden = !this.dirty.has(dot.dataset.dot);
    const names = [...this.dirty].map((code) => this.place.querySelector(`#tab-${code}`)?.firstChild.textContent);
    const text = `${this.place.dataset.unsaved} ${names.join(", ")}`;
    if (status.textContent !== text) status.textContent = text;
    this.place.querySelector("[data-discard]").hidden = false;
    const credentials = this.place.querySelector("[data-credentials]");
    if (credentials) credentials.disabled = true; // another one's settings would take the place of unsaved ones
  }

  goTo(id, tab) {
    if (tab) this.show(tab);
    const target = document.getElementById(id);
    for (let up = target?.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
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
    const answer = await this.ask("preview", { stream: field.dataset.preview, text }, { quiet: true });
    const output = document.getElementById(`${field.id}-preview`);
    if (answer && output) output.textContent = (await answer.json()).title;
  }

  // --- beside the form

  async sync(name) {
    const answer = await this.ask(name, {}, { quiet: name === "syncShow" });
    const place = this.place.querySelector("[data-sync-place]");
    if (!answer || !place) return;
    place.innerHTML = await answer.text();
    if (place.querySelector("[data-running]")) this.poll();
  }

  poll() {
    clearTimeout(this.polling);
    this.polling = setTimeout(() => this.sync("syncShow"), POLL_MS);
  }

  async open(details) {
    const place = details.open && details.dataset.revision && details.querySelector("[data-revision-place]");
    if (!place || place.childElementCount) return;
    const answer = await this.ask("revision", { number: Number(details.dataset.revision) });
    if (answer) place.innerHTML = await answer.text();
  }

  async restore(number) {
    await this.take(await this.ask("restore", { number }));
  }

  async export() {
    const answer = await this.ask("export");
    if (!answer) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = "settings.json";
    link.click();
    URL.revokeObjectURL(link.href);
  }

  async import(file) {
    await this.take(await this.ask("import", { file: await file.text() }));
  }
}

// What is searched for: the text without the id that a chosen label ends with.
function wordsOf(input) {
  return input.value.replace(/\s*\([\w.:-]+\)\s*$/, "");
}

function valuesIn(card) {
  const controls = card.querySelectorAll("input[id]:not([type=checkbox], [type=radio]), textarea[id], select[id]");
  return new Map([...controls].map((control) => [control.id, control.value]));
}
