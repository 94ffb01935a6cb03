// Tocsin in the browser: clocks, the live connection, copying, the command palette. Every page works without it.
(() => {
  "use strict";
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];
  const lead = document.querySelector('meta[name="csrf"]');

  // --- clocks: the server's time, moving ------------------------------------------------------------------------
  let ahead = 0; // this machine's clock minus the server's, in ms
  const readServerTime = () => {
    const said = document.querySelector("main [data-server-now]") || document.body;
    if (said.dataset.title) document.title = said.dataset.title;
    if (said && said.dataset.serverNow !== readServerTime.last) {
      readServerTime.last = said.dataset.serverNow;
      ahead = Date.now() - Date.parse(said.dataset.serverNow);
    }
  };
  const two = (n) => String(n).padStart(2, "0");
  const span = (ms) => {
    const s = Math.max(0, Math.floor(ms / 1000)), h = Math.floor(s / 3600), d = Math.floor(h / 24);
    if (d >= 2) return `${d} d ${h % 24} h`;
    return h ? `${h}:${two(Math.floor(s / 60) % 60)}:${two(s % 60)}` : `${Math.floor(s / 60)}:${two(s % 60)}`;
  };
  const put = (element, text) => { if (element.textContent !== text) element.textContent = text; };
  const tick = () => {
    const now = Date.now() - ahead;
    for (const e of $$("[data-since]")) put(e, span(now - Date.parse(e.dataset.since)));
    for (const e of $$("[data-until]")) {
      const left = Date.parse(e.dataset.until) - now;
      put(e, left > 0 ? span(left) : "now");
    }
    for (const e of $$("[data-from][data-to]")) {
      const from = Date.parse(e.dataset.from), to = Date.parse(e.dataset.to);
      const part = Math.min(100, Math.max(0, (100 * (now - from)) / Math.max(1, to - from)));
      e.style.setProperty("--gone", `${part.toFixed(1)}%`);
    }
  };

  // --- the live connection: one EventSource that outlives breaks, hidden tabs and proxies ---------------------------
  const lost = () => document.getElementById("connection");
  const tell = (isLost) => { const bar = lost(); if (bar) bar.hidden = !isLost; };
  class Live extends EventTarget {
    constructor(url) {
      super();
      this.url = url; this.names = new Set(["alive", "reload", "entry"]); this.wait = 500; this.readyState = 0; this.last = "";
      this.wake = () => { if (!document.hidden) { clearTimeout(this.rest); if (!this.inner) this.connect(); }
        else this.rest = setTimeout(() => this.drop(), 60000); };
      document.addEventListener("visibilitychange", this.wake);
      window.addEventListener("online", this.wake);
      this.gone = () => this.lose();
      window.addEventListener("offline", this.gone);
      queueMicrotask(() => this.connect());
    }
    addEventListener(name, ...rest) { this.names.add(name); if (this.inner) this.listen(name); super.addEventListener(name, ...rest); }
    listen(name) {
      if (this.heard.has(name)) return;
      this.heard.add(name);
      this.inner.addEventListener(name, (event) => {
        if (event.lastEventId) this.last = event.lastEventId;
        this.hear();
        if (name === "reload") location.reload();
        if (name === "entry" && !event.data.includes("data-talk")) refreshSoon();
        this.dispatchEvent(new MessageEvent(name, { data: event.data, lastEventId: event.lastEventId }));
      });
    }
    connect() {
      if (this.readyState === 2 || this.inner) return;
      clearTimeout(this.again);
      const url = new URL(this.url, location.href);
      if (this.last) url.searchParams.set("after", this.last);
      this.inner = new EventSource(url); this.heard = new Set();
      for (const name of this.names) this.listen(name);
      this.hear();
      this.inner.onopen = () => { this.hear(); const back = this.broken; this.broken = false; this.wait = 500; this.readyState = 1; tell(false); if (back) refresh(); };
      this.inner.onerror = () => this.lose();
    }
    hear() { clearTimeout(this.silence); this.silence = setTimeout(() => this.lose(), 40000); } // a sign of life comes every 15 s
    lose() {
      if (this.readyState === 2) return;
      this.drop(); tell(true);
      clearTimeout(this.again);
      this.again = setTimeout(() => this.connect(), this.wait + Math.random() * 500);
      this.wait = Math.min(this.wait * 2, 15000);
    }
    drop() { clearTimeout(this.silence); if (this.inner) { this.inner.close(); this.inner = null; this.broken = true; } }
    close() { this.readyState = 2; clearTimeout(this.again); this.drop(); document.removeEventListener("visibilitychange", this.wake); window.removeEventListener("online", this.wake); window.removeEventListener("offline", this.gone); }
  }
  let soon = null; // many entries at once are one refresh, and the last of them is never missed
  // Where very many watch, they take turns: the server says over how many milliseconds.
  const spread = () => { const said = document.querySelector("main [data-spread]"); return said ? Number(said.dataset.spread) * (0.5 + Math.random() / 2) : 0; };
  const refreshSoon = () => { soon ??= setTimeout(() => { soon = null; refresh(); }, 250 + spread()); };
  const refresh = () => { for (const e of $$("[data-refresh]")) window.htmx.trigger(e, "refresh"); };
  if (window.htmx) {
    window.htmx.createEventSource = (url) => new Live(url);
    document.addEventListener("htmx:configRequest", (event) => { if (lead) event.detail.headers["X-CSRF-Token"] = lead.content; });
    document.addEventListener("htmx:sseBeforeMessage", (event) => {
      const id = /id="(entry-\d+)"/.exec(event.detail.data || "");
      if (id && document.getElementById(id[1])) event.preventDefault();
    });
    document.addEventListener("htmx:afterSwap", () => { readServerTime(); tick(); for (const form of $$("form[data-refused]")) keep(form); });
    document.addEventListener("htmx:sendError", () => tell(true));
    // What is refused is told in the message line, and what was written stays until it is sent again.
    document.addEventListener("htmx:beforeSwap", (event) => {
      if (event.detail.isError && event.detail.xhr.getResponseHeader("HX-Retarget")) event.detail.shouldSwap = true; });
    const keep = (form) => { if (form.matches("form") && form.isConnected) form.dataset.touched = "yes"; };
    document.addEventListener("htmx:afterRequest", (event) => {
      const refused = !event.detail.successful || event.detail.xhr.getResponseHeader("Tocsin-Refused");
      if (refused) keep(event.detail.elt);
      else if (event.detail.elt.matches("[data-reset]")) event.detail.elt.reset();
      if (event.detail.successful && !$$("[sse-connect]").length) tell(false); });
  }
  if (window.Idiomorph) {
    // What a person opened or is typing stays as it is when the server redraws around it.
    window.Idiomorph.defaults.ignoreActiveValue = true;
    window.Idiomorph.defaults.callbacks.beforeAttributeUpdated = (name, element) =>
      name !== "data-touched" && !(name === "open" && element.tagName === "DETAILS") && !(name === "style" && element.matches("[data-from]"));
    window.Idiomorph.defaults.callbacks.beforeNodeMorphed = (old, fresh) =>
      !(old.nodeType === 1 && old.matches("textarea, input:not([type=hidden]), select") && old.form && old.form.dataset.touched && fresh);
    window.Idiomorph.defaults.callbacks.beforeNodeRemoved = (old) =>
      !(old.nodeType === 1 && old.matches(".refusal") && old.closest("form[data-touched]"));
  }
  document.addEventListener("input", (event) => { if (event.target.form) event.target.form.dataset.touched = "yes"; });
  document.addEventListener("submit", (event) => { delete event.target.dataset.touched; });

  // --- small helps ----------------------------------------------------------------------------------------------
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) {
      const source = document.getElementById(button.dataset.copy), words = button.querySelector("[data-words]") || button;
      const before = words.textContent;
      try { await navigator.clipboard.writeText(source.textContent); words.textContent = "Copied"; }
      catch { getSelection().selectAllChildren(source); words.textContent = "Selected: press Ctrl+C"; }
      setTimeout(() => { words.textContent = before; }, 2500);
    }
    if (event.target.closest("[data-palette]")) { event.preventDefault(); openPalette(); }
  });
  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (zone && !document.cookie.includes(`tocsin_browser_zone=${encodeURIComponent(zone)}`))
    document.cookie = `tocsin_browser_zone=${encodeURIComponent(zone)}; path=/; max-age=31536000; SameSite=Lax`;

  // --- command palette ------------------------------------------------------------------------------------------
  const palette = document.getElementById("palette");
  let options = [], chosen = 0, asked = 0;
  const draw = () => {
    const list = palette.querySelector("ul"), box = palette.querySelector("input");
    options = $$('[role="option"]', list);
    chosen = Math.min(Math.max(chosen, 0), Math.max(options.length - 1, 0));
    options.forEach((o, n) => { o.setAttribute("aria-selected", n === chosen); o.onclick = () => { location.href = o.dataset.href; }; });
    if (options[chosen]) { box.setAttribute("aria-activedescendant", options[chosen].id); options[chosen].scrollIntoView({ block: "nearest" }); }
    else box.removeAttribute("aria-activedescendant");
  };
  const ask = async () => {
    const turn = ++asked, text = palette.querySelector("input").value;
    const answer = await fetch(`/palette?q=${encodeURIComponent(text)}`, { headers: { "HX-Request": "true" } }).catch(() => null);
    if (answer && answer.ok && turn === asked) { palette.querySelector("ul").innerHTML = await answer.text(); chosen = 0; draw(); }
  };
  const openPalette = () => { if (!palette || palette.open) return; palette.showModal(); palette.querySelector("input").select(); ask(); };
  if (palette) {
    palette.querySelector("input").addEventListener("input", ask);
    palette.addEventListener("click", (event) => { if (event.target === palette) palette.close(); });
    palette.addEventListener("keydown", (event) => {
      if (event.key === "ArrowDown" || event.key === "ArrowUp") { event.preventDefault(); chosen += event.key === "ArrowDown" ? 1 : -1; draw(); }
      if (event.key === "Enter" && options[chosen]) { event.preventDefault(); location.href = options[chosen].dataset.href; }
    });
    document.addEventListener("keydown", (event) => {
      const typing = event.target.closest("input, textarea, select");
      if ((event.key === "k" && (event.ctrlKey || event.metaKey)) || (event.key === "/" && !typing)) { event.preventDefault(); openPalette(); }
    });
  }

  // --- what was saved, or was not: said where one lands, not only far above ----------------------------------------
  addEventListener("load", () => {
    const landed = document.querySelector("main section:target, main div:target"), said = document.querySelector("#messages > .banner");
    if (landed && said) landed.prepend(said);
  });

  // --- the menu: what is unfolded, and where one is, stays in view --------------------------------------------------
  const fold = document.querySelector(".fold");
  if (fold) {
    const show = () => { if (fold.open) fold.scrollIntoView({ block: "nearest" }); };
    fold.addEventListener("toggle", show);
    show();
  }

  readServerTime(); tick(); setInterval(tick, 1000);
})();
