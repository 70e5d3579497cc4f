// The portal's side of the frame: answers the messages of the vendor's frame library.
"use strict";
const frame = document.getElementById("app");
document.getElementById("open").submit();

async function answer(command) {
  if (command === "refreshAuth" || command === "getInitData") {
    const reply = await fetch("/control/frame", {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ user_id: Number(frame.dataset.user) }),
    });
    const { query, body } = await reply.json();
    const auth = { AUTH_ID: body.AUTH_ID, REFRESH_ID: body.REFRESH_ID, AUTH_EXPIRES: body.AUTH_EXPIRES };
    return command === "refreshAuth"
      ? auth
      : { ...auth, ...query, LANG: "ru", MEMBER_ID: body.member_id, IS_ADMIN: true, PLACEMENT: body.PLACEMENT,
          PLACEMENT_OPTIONS: body.PLACEMENT_OPTIONS, INSTALL: false, FIRST_RUN: false, USER_OPTIONS: {}, APP_OPTIONS: {} };
  }
  return true;
}

addEventListener("message", async (event) => {
  if (event.source !== frame.contentWindow || typeof event.data !== "string") return;
  const parts = event.data.split(":");
  const sid = parts.pop();
  const callback = parts.pop();
  const command = parts.shift();
  if (!sid || !command) return;
  const params = parts.join(":");
  if (command === "resizeWindow") {
    try { frame.style.height = `${Math.max(300, JSON.parse(params).height)}px`; } catch { /* a library's own form */ }
  }
  const value = await answer(command);
  if (callback) event.source.postMessage(`${callback}:${JSON.stringify(value)}`, event.origin);
});
