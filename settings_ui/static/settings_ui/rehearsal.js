// Trying out the settings as they stand on the screen: nothing is sent to anybody, and nothing is saved.
import { send, SessionOver } from "./session.js";

const COUNT_MS = 600;

export class Rehearsal {
  constructor(screen) {
    this.screen = screen;
    this.place = screen.place;
    screen.place.addEventListener("submit", (event) => "tryForm" in event.target.dataset && this.play());
  }

  // A section that was opened shows what it comes to.
  open(details) {
    if ("try" in details.dataset) this.fill(details);
    if (!details.dataset.section) return;
    for (const status of details.querySelectorAll("[data-passing]")) this.count(status);
    for (const field of details.querySelectorAll("textarea[data-preview]")) this.screen.preview(field);
  }

  // The section that was drawn anew, or in which somebody types.
  touched(path) {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => {
      const card = [...this.place.querySelectorAll("details[data-section][open]")];
      const own = card.find((one) => path.startsWith(one.dataset.section) && one.querySelector("[data-passing]"));
      if (own) this.count(own.querySelector("[data-passing]"));
    }, COUNT_MS);
  }

  async count(status) {
    const asked = { form: this.screen.pairs(), at: status.dataset.passing };
    const answer = await this.screen.ask("passing", asked, { quiet: true });
    if (!answer) return;
    const { text } = await answer.json();
    if (status.textContent !== text) status.textContent = text;
  }

  async fill(details) {
    const place = details.querySelector("[data-try-place]");
    if (place.childElementCount) return;
    const answer = await this.screen.ask("events");
    if (!answer) return;
    place.innerHTML = await answer.text();
    this.choose(place.querySelector("[data-try-event]").value);
  }

  change(control) {
    if ("tryEvent" in control.dataset) this.choose(control.value);
  }

  choose(event) {
    for (const part of this.place.querySelectorAll("[data-imaginary]")) {
      part.hidden = part.disabled = !part.dataset.imaginary.split(" ").includes(event);
    }
  }

  click(button) {
    if ("tryLast" in button.dataset) this.ask({ last: "1" }, button);
  }

  play() {
    const form = this.place.querySelector("[data-try-form]");
    const event = form.querySelector("[data-try-event]").value;
    const button = form.querySelector("[type=submit]");
    if (/^\d+$/.test(event)) return this.ask({ communication: event }, button);
    return this.ask({ imaginary: event, ...Object.fromEntries(new FormData(form)) }, button);
  }

  async ask(event, button) {
    const { dataset } = this.place;
    const form = JSON.stringify(this.screen.pairs());
    const body = new URLSearchParams({ credential: this.screen.body().credential, form, ...event });
    button.setAttribute("aria-busy", "true");
    try {
      const answer = await send(this.screen.bridge, dataset.rehearsal, body);
      if (answer.ok) this.place.querySelector("[data-try-result]").innerHTML = await answer.text();
      else this.screen.say(dataset.away);
    } catch (error) {
      this.screen.say(error instanceof SessionOver ? dataset.over : dataset.away);
    } finally {
      button.removeAttribute("aria-busy");
    }
  }
}
