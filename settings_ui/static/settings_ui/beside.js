// What stands beside the form: synchronisation, what was withheld, old revisions, settings as a file.
const POLL_MS = 1500;

export class Beside {
  constructor(screen) {
    Object.assign(this, { screen, place: screen.place });
  }

  settle() {
    if (this.place.querySelector("#sync[data-running]")) this.poll();
  }

  click({ dataset }) {
    if (dataset.restore) return this.screen.turn("restore", { number: Number(dataset.restore) });
    if (dataset.withheld) return this.withheld(dataset);
    if ("sync" in dataset) return this.sync("syncStart");
    if ("export" in dataset) return this.export();
  }

  change(control) {
    if ("import" in control.dataset && control.files[0]) this.import(control.files[0]);
    if ("credentials" in control.dataset) this.screen.load(control.value);
  }

  async withheld({ withheld, of }) {
    const answer = await this.screen.ask("withheld", { way: withheld, tab: of });
    if (answer) this.place.querySelector("[data-withheld-place]").innerHTML = await answer.text();
  }

  async sync(name) {
    const answer = await this.screen.ask(name, {}, { quiet: name === "syncShow" });
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
    const place = details.dataset.revision && details.querySelector("[data-revision-place]");
    if (!place || place.childElementCount) return;
    const answer = await this.screen.ask("revision", { number: Number(details.dataset.revision) });
    if (answer) place.innerHTML = await answer.text();
  }

  async export() {
    const answer = await this.screen.ask("export");
    if (!answer) return;
    const link = document.createElement("a");
    link.href = URL.createObjectURL(await answer.blob());
    link.download = "settings.json";
    link.click();
    URL.revokeObjectURL(link.href);
  }

  async import(file) {
    await this.screen.turn("import", { file: await file.text() });
  }
}
