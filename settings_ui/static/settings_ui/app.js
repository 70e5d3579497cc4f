// Forms marked data-part are sent in the background; the answer replaces the main part of the page.
import { Bridge } from "./bridge.js";
import { Parts } from "./parts.js";
import { Screen } from "./screen.js";
import { send, SessionOver } from "./session.js";

const page = document.body.dataset;
const main = document.getElementById("main");
const notice = document.getElementById("notice");
const bridge = Bridge.find();
const all = document.getElementById("all");
const screen = new Screen(document.getElementById("screen"), bridge, say);
const shown = () => main.querySelector("header").dataset.credential ?? "";
new Parts(all, bridge, say, shown);

async function start() {
  if (!bridge) return;
  bridge.follow(all);
  await bridge.init();
  bridge.setTitle(page.title);
  // The portal opens the application anew after this; where it does not, this page is the application already.
  if ("installer" in page) bridge.installFinish();
}

async function submit(form, button) {
  const label = button?.textContent;
  if (button) {
    button.setAttribute("aria-busy", "true");
    button.disabled = true;
    button.textContent = page.busy;
  }
  const body = new URLSearchParams(new FormData(form));
  body.delete("session");
  try {
    await ask(form.action, body);
  } finally {
    if (button?.isConnected) {
      button.removeAttribute("aria-busy");
      button.disabled = false;
      button.textContent = label;
    }
  }
}

async function ask(url, body) {
  try {
    await show(await send(bridge, url, body));
  } catch (error) {
    say(error instanceof SessionOver ? page.over : page.away);
  }
}

// The settings follow to the credential that is shown above them, unless something is typed there.
async function show(answer) {
  if (answer.status === 403) return say(page.denied);
  if (!answer.ok) return say(page.away);
  main.innerHTML = await answer.text();
  const target = main.querySelector('[role="alert"][tabindex], #addresses') || main.querySelector("h1");
  target.tabIndex = -1;
  target.focus({ preventScroll: true });
  const loaded = screen.place.dataset.credential ?? screen.form?.dataset.credential;
  if (shown() && shown() !== loaded && !screen.changed.size) screen.load(shown());
}

// The frame is as high as its page, so the edge of the window may be out of sight: the notice stands where one looks.
function say(text) {
  (document.activeElement?.closest("#settings .card, form, .copy") || main.querySelector("header") || main).after(notice);
  notice.textContent = text;
  notice.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (notice.hidden = true), 8000);
}

// Show another credential above the tabs, and its settings below.
function open(credential) {
  return ask(main.dataset.checklist, new URLSearchParams({ credential }));
}

// The clipboard's own interface is closed to frames of another site and complains in the console; the old command works.
// Where even that is refused, the text stays selected for the keyboard.
function copy(input) {
  input.select();
  if (document.execCommand("copy")) say(page.copied);
}

main.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-part]");
  if (!form) return;
  event.preventDefault();
  submit(form, event.submitter);
});
all.addEventListener("change", (event) => {
  if ("credentials" in event.target.dataset) open(event.target.value);
});
all.addEventListener("click", (event) => {
  const chosen = event.target.closest("button[data-credential]");
  if (chosen) screen.changed.size ? say(page.first) : open(chosen.dataset.credential);
  const button = event.target.closest("[data-copy]");
  if (button) copy(document.getElementById(button.dataset.copy));
});
start();
