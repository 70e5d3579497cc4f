// The portal's side of the frame, spoken to by messages: "command:json:callback:sid" there, "callback:json" back.
// The portal gives the frame its name, "domain|protocol|sid", which survives navigation inside the frame.
// Outside a portal there is no bridge, and the page works without it.

const ANSWER_MS = 900; // The portal leaves some commands unanswered.
const AUTH_MS = 10000;

export class Bridge {
  static find(win = window) {
    const [domain, protocol, sid] = String(win.name).split("|");
    return sid && win.parent !== win ? new Bridge(win, { domain, protocol, sid }) : null;
  }

  constructor(win, { domain, protocol, sid }) {
    this.win = win;
    this.sid = sid;
    this.origin = `${protocol === "1" ? "https" : "http"}://${domain.toLowerCase().replace(/:(80|443)$/, "")}`;
    this.waiting = new Map();
    this.number = 0;
    win.addEventListener("message", (event) => this.receive(event));
  }

  receive(event) {
    if (event.origin !== this.origin || event.source !== this.win.parent || typeof event.data !== "string") return;
    const [, id, text] = event.data.match(/^([^:]*):?(.*)$/s);
    const settle = this.waiting.get(id);
    if (!settle) return;
    this.waiting.delete(id);
    try {
      settle(text ? JSON.parse(text) : undefined);
    } catch {
      settle(undefined);
    }
  }

  // Resolves with the portal's answer, with undefined when it does not answer in time.
  send(command, params = null, wait = ANSWER_MS) {
    this.number += 1;
    const id = `uis${this.number}x${Math.random().toString(36).slice(2)}`;
    return new Promise((resolve) => {
      this.waiting.set(id, resolve);
      setTimeout(() => this.waiting.delete(id) && resolve(undefined), wait);
      const parts = [command, ...(params ? [JSON.stringify(params)] : []), id, this.sid];
      this.win.parent.postMessage(parts.join(":"), this.origin);
    });
  }

  init() {
    return this.send("getInitData");
  }

  installFinish() {
    return this.send("setInstallFinish");
  }

  setTitle(title) {
    return this.send("setTitle", { title });
  }

  fitWindow(height) {
    return this.send("resizeWindow", { width: "100%", height });
  }

  openPath(path) {
    return this.send("openPath", { path }, AUTH_MS);
  }

  // A fresh AUTH_ID of the user who sits there, "" when the portal gives none.
  async refreshAuth() {
    const answer = await this.send("refreshAuth", {}, AUTH_MS);
    return answer?.AUTH_ID || "";
  }

  // Keep the frame as high as its page, now and whenever that changes.
  follow(element) {
    let last = 0;
    const fit = () => {
      const height = Math.ceil(element.getBoundingClientRect().height);
      if (height && height !== last) this.fitWindow((last = height));
    };
    let timer;
    new ResizeObserver(() => {
      clearTimeout(timer);
      timer = setTimeout(fit, 60);
    }).observe(element);
    fit();
  }
}
