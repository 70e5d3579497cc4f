// Requests of the frame: the session travels in a header. When it is over, the portal gives a fresh token of the same
// user, that buys a fresh session, and the request is sent once more: nobody loses what he has typed.

const meta = document.querySelector('meta[name="app-session"]');
const page = document.body.dataset;

export class SessionOver extends Error {}

export async function send(bridge, url, body) {
  const first = await post(url, body);
  if (first.status !== 401) return first;
  if (!bridge || !(await renew(bridge))) throw new SessionOver();
  return post(url, body);
}

// What is sent as the page goes away: nobody waits for the answer, and the browser takes 64 kB at most.
export function sendLast(url, body) {
  post(url, body, { keepalive: true }).catch(() => {});
}

function post(url, body, more = {}) {
  return fetch(url, { method: "POST", body, headers: { "X-App-Session": meta.content }, credentials: "omit", ...more });
}

async function renew(bridge) {
  const token = await bridge.refreshAuth();
  if (!token) return false;
  const body = new URLSearchParams({ AUTH_ID: token, member_id: page.member, LANG: page.language });
  const answer = await post(page.renew, body);
  if (!answer.ok) return false;
  meta.content = (await answer.json()).session;
  return true;
}
