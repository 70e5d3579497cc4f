// Buttons beside the form: data-post says what is asked, data-into what the answer takes the place of. Whatever stands in
// the nearest data-fields is sent along. What carries data-poll in an answer asks again by itself.
import { send, SessionOver } from "./session.js";

const POLL_MS = 1000;
const NOT_SENT = new Set(["post", "into", "poll"]);

export class Parts {
  constructor(place, bridge, say, credential) {
    Object.assign(this, { bridge, say, credential, page: document.body.dataset });
    place.addEventListener("click", (event) => {
      const button = event.target.closest("[data-post]");
      if (button) this.press(button);
    });
    this.follow(place);
  }

  async press(button) {
    const label = button.textContent;
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    button.textContent = this.page.busy;
    await this.ask(button.dataset.post, button);
    button.removeAttribute("aria-busy");
    button.disabled = false;
    button.textContent = label;
  }

  async ask(url, element) {
    try {
      const answer = await send(this.bridge, url, this.body(element));
      if (!answer.ok) return this.say(answer.status === 403 ? this.page.denied : this.page.away);
      const place = document.getElementById(element.dataset.into);
      if (!place) return;
      place.innerHTML = await answer.text();
      this.follow(place);
    } catch (error) {
      this.say(error instanceof SessionOver ? this.page.over : this.page.away);
    }
  }

  body(element) {
    const body = new URLSearchParams({ credential: this.credential() });
    for (const [name, value] of Object.entries(element.dataset)) if (!NOT_SENT.has(name)) body.append(name, value);
    for (const field of element.closest("[data-fields]")?.querySelectorAll("[data-field]") ?? [])
      if (field.type !== "checkbox" || field.checked) body.append(field.dataset.field, field.value);
    return body;
  }

  follow(place) {
    for (const element of place.querySelectorAll("[data-poll]"))
      setTimeout(() => element.isConnected && this.ask(element.dataset.poll, element), POLL_MS);
  }
}
