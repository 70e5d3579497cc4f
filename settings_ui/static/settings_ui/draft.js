// What is typed is kept on the server a moment later, and at once when the page goes away: a slider that is closed asks
// nobody, and the browser of a frame keeps nothing.
import { sendLast } from "./session.js";

const KEEP_MS = 800;

export class Draft {
  constructor(screen) {
    Object.assign(this, { screen, timer: 0, flying: Promise.resolve() });
    addEventListener("pagehide", () => this.flush());
    document.addEventListener("visibilitychange", () => document.hidden && this.flush());
  }

  later() {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => (this.flying = this.flying.then(() => this.keep())), KEEP_MS);
  }

  // Nothing is on its way any more: a draft that comes late would bring back what has just been saved or dropped.
  async stop() {
    clearTimeout(this.timer);
    this.timer = 0;
    await this.flying;
  }

  async keep() {
    this.timer = 0;
    const answer = await this.screen.ask("draft", this.screen.typed(), { quiet: true });
    if (!answer) return;
    const told = await answer.json();
    if (!this.timer) this.screen.told(told); // else it is out of date: somebody types on
  }

  flush() {
    if (!this.timer) return;
    clearTimeout(this.timer);
    this.timer = 0;
    sendLast(this.screen.place.dataset.draft, JSON.stringify(this.screen.body(this.screen.typed())));
  }
}
