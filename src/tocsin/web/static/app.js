// Tocsin as an application of a phone: the service worker, and this device among those that are paged.
(() => {
  "use strict";
  const worker = navigator.serviceWorker;
  const section = () => document.getElementById("devices");
  const draw = (html) => {
    const old = section();
    if (!old || !html) return;
    old.outerHTML = html;
    if (window.htmx) window.htmx.process(section());
    begin();
  };
  const tell = (text) => {
    const place = section().querySelector("[data-said]");
    place.hidden = false;
    place.querySelector("[data-words]").textContent = text;
  };
  const bytes = (text) => Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (c) => c.charCodeAt(0));
  const ask = async (form) => {
    const answer = await fetch("/account/devices", {
      method: form ? "POST" : "GET", body: form, headers: { "HX-Request": "true", "X-CSRF-Token": document.querySelector('meta[name="csrf"]').content },
    });
    if (answer.redirected || !(answer.headers.get("content-type") || "").startsWith("text/html")) throw new Error("You are signed out: reload the page.");
    draw(await answer.text());
  };
  const subscribe = async (button) => {
    button.disabled = true;
    try {
      if (await Notification.requestPermission() !== "granted")
        return tell("This browser may not show notifications for this site: allow it in the site's settings, and try again.");
      const registration = await worker.ready;
      const key = bytes(section().dataset.key);
      const before = await registration.pushManager.getSubscription();
      if (before && String(new Uint8Array(before.options.applicationServerKey || [])) !== String(key)) await before.unsubscribe(); // of another installation
      const made = (await registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key })).toJSON();
      const name = section().querySelector("[name=name]").value;
      await ask(new URLSearchParams({ name, endpoint: made.endpoint, p256dh: made.keys.p256dh, auth: made.keys.auth }));
    } catch (error) {
      tell(`This device could not be subscribed: ${error.message}`);
    } finally {
      button.disabled = false;
    }
  };
  const begin = async () => {
    const at = section();
    if (!at || !at.dataset.key) return;
    const able = worker && "PushManager" in window && "Notification" in window;
    for (const e of at.querySelectorAll("[data-able]")) e.hidden = !able;
    for (const e of at.querySelectorAll("[data-unable]")) e.hidden = able;
    if (!able) return;
    at.querySelector("[data-subscribe]").onclick = (event) => subscribe(event.currentTarget);
    const mine = await (await worker.ready).pushManager.getSubscription();
    for (const e of at.querySelectorAll("[data-endpoint]")) {
      const here = Boolean(mine) && e.dataset.endpoint === mine.endpoint;
      e.querySelector("[data-here]").hidden = !here;
      if (here) e.querySelector("[data-remove]").addEventListener("submit", () => { mine.unsubscribe(); });
    }
  };
  if (!worker) { begin(); return; }
  worker.register("/sw.js", { scope: "/", updateViaCache: "none" }).catch(() => {}); // without it everything works but push and offline
  worker.addEventListener("message", (event) => { if (event.data && event.data.kind === "push-arrived" && section()) ask(); });
  begin();
})();
