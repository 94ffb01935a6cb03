// The page without a network: what was open when Tocsin was last reached, and no claim that it still is.
(async () => {
  "use strict";
  const $ = (name) => document.querySelector(`[data-${name}]`);
  const ago = (at) => {
    const minutes = Math.max(0, Math.floor((Date.now() - at) / 60000));
    return minutes < 1 ? "less than a minute ago" : minutes < 120 ? `${minutes} min ago` : minutes < 2880 ? `${Math.floor(minutes / 60)} h ago` : `${Math.floor(minutes / 1440)} days ago`;
  };
  const clock = (at) => new Date(at).toLocaleString([], { weekday: "short", day: "numeric", month: "short", hour: "2-digit", minute: "2-digit" });
  addEventListener("online", () => location.reload());
  $("again").addEventListener("click", () => location.reload());
  const found = "caches" in window ? await caches.match("/now.json", { cacheName: "tocsin-state" }) : null;
  if (!found) { $("nothing").hidden = false; return; }
  const seen = await found.json();
  const tell = () => { $("when").textContent = `${clock(seen.seen_at)}, ${ago(seen.seen_at)}`; };
  tell();
  setInterval(tell, 15000);
  $("seen").hidden = false;
  $("count").textContent = seen.open_count === 0 ? "Nothing was open" : seen.open_count === 1 ? "One incident was open" : `${seen.open_count} incidents were open`;
  const list = $("list");
  for (const incident of seen.items) {
    const pattern = document.querySelector(`template[data-severity="${incident.severity}"]`);
    if (!pattern) continue;
    const card = pattern.content.cloneNode(true);
    const fill = (name, text) => { card.querySelector(`[data-${name}]`).textContent = text; };
    fill("title", incident.title);
    fill("name", incident.name);
    fill("status", incident.status);
    fill("service", incident.service);
    fill("since", `since ${clock(incident.created_at)}`);
    fill("who", incident.who);
    list.append(card);
  }
})();
