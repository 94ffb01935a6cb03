// Tocsin's service worker: takes pushes, acknowledges from a notification, and shows the last known state when there is no network.
// Pages always come from the network; only the offline page and what it needs are kept. SHELL and VERSION are put in when it is served.
"use strict";
const VERSION = "{VERSION}", SHELL = "{SHELL}", KEPT = `tocsin-shell-${VERSION}`, STATE = "tocsin-state", NOW = "/now.json", OFFLINE = "/offline";
const PAUSE = 15000; // ms between two looks at the state
let looked = 0;

self.addEventListener("install", (event) => {
  event.waitUntil(caches.open(KEPT)
    .then((cache) => cache.addAll(SHELL.map((url) => new Request(url, { cache: "reload" }))))
    .then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  event.waitUntil(caches.keys()
    .then((names) => Promise.all(names.filter((name) => name !== KEPT && name !== STATE).map((name) => caches.delete(name))))
    .then(() => self.clients.claim()));
});

// --- pages -----------------------------------------------------------------------------------------------------------
self.addEventListener("fetch", (event) => {
  const request = event.request, url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== self.location.origin) return;
  if (url.pathname.startsWith("/sign-in")) event.waitUntil(forget()); // signed out: what was seen is nobody's business any more
  if (request.mode === "navigate") event.respondWith(page(event));
  else if (SHELL.includes(url.pathname)) event.respondWith(fetch(request).catch(() => kept(request)));
  else if (url.pathname === "/") event.waitUntil(remember()); // the page drew itself anew
});
const kept = async (request) => (await caches.match(request, { ignoreVary: true })) || Response.error();
async function page(event) {
  try {
    const answer = await fetch(event.request);
    if (answer.ok && new URL(event.request.url).pathname === "/") looked = 0;
    if (answer.ok) event.waitUntil(remember());
    return answer;
  } catch {
    return kept(OFFLINE);
  }
}
const forget = () => caches.delete(STATE);
async function remember() {
  if (Date.now() - looked < PAUSE) return;
  looked = Date.now();
  try {
    const answer = await fetch(NOW, { headers: { Accept: "application/json" }, redirect: "manual" });
    if (answer.ok) { // with the time of this device's own clock, by which its age is told
      const seen = JSON.stringify({ ...await answer.json(), seen_at: Date.now() });
      await (await caches.open(STATE)).put(NOW, new Response(seen, { headers: { "Content-Type": "application/json" } }));
    }
    else if (answer.type === "opaqueredirect" || answer.status === 401 || answer.status === 403) await forget();
  } catch {
    looked = 0;
  }
}

// --- pushes ----------------------------------------------------------------------------------------------------------
const here = (url) => { const found = new URL(url, self.location.origin); return found.pathname + found.search; }; // by whatever name we are reached
const icons = { icon: "{ICON}", badge: "{BADGE}" };
self.addEventListener("push", (event) => {
  let note;
  try { note = event.data.json(); } catch { note = { kind: "update", title: "Tocsin", body: "Something happened: open Tocsin to see it.", url: "/", tag: "unknown" }; }
  event.waitUntil(Promise.all([show(note), note.answer ? answer(note) : null]));
});
function show(note) {
  const open = { action: "open", title: "Open" };
  return self.registration.showNotification(note.title, {
    ...icons, body: note.body, tag: note.tag, renotify: note.kind === "page", requireInteraction: note.kind === "page",
    timestamp: Date.parse(note.at) || Date.now(), vibrate: note.kind === "page" ? [300, 100, 300, 100, 300] : [100], data: note,
    actions: note.acknowledge_url ? [{ action: "acknowledge", title: "Acknowledge" }, open] : [open],
  });
}
async function answer(note) {
  const done = await fetch(here(note.answer), { method: "POST" });
  for (const client of await self.clients.matchAll({ includeUncontrolled: true })) client.postMessage({ kind: "push-arrived", ok: done.ok });
}
self.addEventListener("notificationclick", (event) => {
  const note = event.notification.data || {};
  event.notification.close();
  event.waitUntil(event.action === "acknowledge" && note.acknowledge_url ? acknowledge(note) : open(note.url || "/"));
});
async function acknowledge(note) {
  let said;
  try { said = await fetch(here(note.acknowledge_url), { method: "POST" }); } catch { said = null; }
  const { acknowledge_url, ...done } = note;
  if (said && said.ok) return self.registration.showNotification("You have it", { ...icons, body: note.title, tag: note.tag, silent: true, data: done });
  const why = said ? `Tocsin answered ${said.status}.` : "There is no connection.";
  return show({ ...note, title: `Not acknowledged: ${note.title}`, body: `${why} Try again, or open the incident.` });
}
async function open(url) {
  const path = here(url);
  for (const client of await self.clients.matchAll({ type: "window" }))
    if ("focus" in client) { await client.focus(); return client.navigate ? client.navigate(path) : null; }
  return self.clients.openWindow(path);
}
// The browser changed its subscription by itself: the device goes on, once it answered a push.
self.addEventListener("pushsubscriptionchange", (event) => {
  event.waitUntil((async () => {
    const old = event.oldSubscription, now = event.newSubscription ||
      (old && await self.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: old.options.applicationServerKey }));
    if (!old || !now) return;
    const { endpoint, keys } = now.toJSON();
    await fetch("/push", { method: "POST", body: new URLSearchParams({ old: old.endpoint, endpoint, ...keys }) });
  })());
});
