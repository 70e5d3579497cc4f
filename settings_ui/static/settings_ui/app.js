// Forms marked data-part are sent in the background; the answer replaces the main part of the page.
import { Bridge } from "./bridge.js";
import { Screen } from "./screen.js";
import { send, SessionOver } from "./session.js";

const page = document.body.dataset;
const main = document.getElementById("main");
const notice = document.getElementById("notice");
const bridge = Bridge.find();
const all = document.getElementById("all");
const screen = new Screen(document.getElementById("screen"), bridge, say);

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
  try {
    const body = new URLSearchParams(new FormData(form));
    body.delete("session");
    show(await send(bridge, form.action, body));
  } catch (error) {
    say(error instanceof SessionOver ? page.over : page.away);
  } finally {
    if (button?.isConnected) {
      button.removeAttribute("aria-busy");
      button.disabled = false;
      button.textContent = label;
    }
  }
}

async function show(answer) {
  if (answer.status === 403) return say(page.denied);
  if (!answer.ok) return say(page.away);
  main.innerHTML = await answer.text();
  const target = main.querySelector('[role="alert"][tabindex], #addresses') || main.querySelector("h1");
  target.tabIndex = -1;
  target.focus({ preventScroll: true });
  const { credential } = main.querySelector("header").dataset;
  if (credential && !screen.form) screen.load(credential);
}

// The frame is as high as its page, so the edge of the window may be out of sight: the notice stands where one looks.
function say(text) {
  (document.activeElement?.closest("#settings .card, form, .copy") || main.querySelector("header") || main).after(notice);
  notice.textContent = text;
  notice.hidden = false;
  clearTimeout(say.timer);
  say.timer = setTimeout(() => (notice.hidden = true), 8000);
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
all.addEventListener("click", (event) => {
  const button = event.target.closest("[data-copy]");
  if (button) copy(document.getElementById(button.dataset.copy));
});
start();
