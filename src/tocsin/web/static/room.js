// The room: Enter sends, single keys lead somewhere, clocks fill their bars, corrections stand at what they correct, answers are seen.
(() => {
  "use strict";
  const $$ = (selector, root = document) => [...root.querySelectorAll(selector)];

  // --- Enter sends, Shift+Enter breaks the line ------------------------------------------------------------------
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Enter" || event.shiftKey || event.isComposing || !event.target.matches("[data-enter-sends]")) return;
    event.preventDefault();
    if (event.target.value.trim()) event.target.form.requestSubmit();
  });

  // --- single keys: they lead to what acts, and act on nothing themselves ------------------------------------------
  const keys = document.getElementById("keys"), on = document.getElementById("keys-on");
  if (on) {
    on.checked = localStorage.getItem("tocsin-keys") !== "off";
    on.addEventListener("change", () => localStorage.setItem("tocsin-keys", on.checked ? "on" : "off"));
  }
  const reveal = (element) => {
    for (let box = element.closest("details"); box; box = box.parentElement.closest("details")) box.open = true;
    element.focus();
    element.scrollIntoView({ block: "center", behavior: "auto" });
  };
  document.addEventListener("keydown", (event) => {
    if (event.ctrlKey || event.metaKey || event.altKey || document.querySelector("dialog[open]")) return;
    const typing = event.target.closest("input, textarea, select");
    if (event.key === "Escape" && typing) return event.target.blur();
    if (typing) return;
    if (event.key === "?" && keys) { event.preventDefault(); return keys.showModal(); }
    if (on && !on.checked) return;
    if (event.key === "l") { const place = document.getElementById("talk"); place.tabIndex = -1; place.focus(); return; }
    const wanted = /^[a-z]$/.test(event.key) && $$(`[data-key="${event.key}"]`)[0];
    if (wanted) { event.preventDefault(); reveal(wanted); }
  });

  // --- buttons that stand outside of their form: what they say goes with it ------------------------------------------
  document.addEventListener("click", (event) => {
    const button = event.target.closest("button[form][name]");
    if (!button || !button.form || !button.form.hasAttribute("hx-post")) return;
    for (const made of $$("[data-made]", button.form)) made.remove();
    const said = document.createElement("input");
    said.type = "hidden"; said.name = button.name; said.value = button.value; said.dataset.made = "yes";
    button.form.append(said);
  }, true);

  // --- clocks: how much of the time to a target is used --------------------------------------------------------------
  const bars = () => {
    const said = document.querySelector("main [data-server-now]");
    if (!said) return;
    if (bars.said !== said.dataset.serverNow) { bars.said = said.dataset.serverNow; bars.ahead = Date.now() - Date.parse(bars.said); }
    const now = Date.now() - bars.ahead;
    for (const bar of $$("progress[data-from]")) {
      const from = Date.parse(bar.dataset.from), to = Date.parse(bar.dataset.to);
      bar.value = Math.min(1000, Math.max(0, (1000 * (now - from)) / Math.max(1, to - from)));
    }
  };

  // --- corrections that arrive stand at the entry that they are about ------------------------------------------------
  const correct = () => {
    for (const entry of $$(".entry.new[data-corrects]:not([data-told])")) {
      entry.dataset.told = "yes";
      const wrong = document.querySelector(`#entry-${CSS.escape(entry.dataset.corrects)} > div`), said = entry.querySelector(".said");
      if (!wrong || !said) continue;
      const later = document.createElement("p"), word = document.createElement("strong");
      later.className = "correction"; word.textContent = "Corrected";
      later.append(word, ": ", said.textContent);
      wrong.append(later);
    }
  };
  // --- what became of an act stands where it can be seen, also for whoever acts far down the page ----------------------
  let landing;
  const land = (box) => { clearTimeout(landing); box.classList.remove("afloat"); for (const made of $$("[data-close]", box)) made.remove(); };
  document.addEventListener("htmx:oobAfterSwap", () => setTimeout(() => {  // not before the swap has settled
    const box = document.getElementById("messages"), said = box && box.querySelector(".banner");
    if (!said) return;
    land(box);
    const place = box.getBoundingClientRect();
    if (place.bottom > 100 && place.top < innerHeight || $$("form[data-refused] .refusal").length) return;
    const close = document.createElement("button");
    close.type = "button"; close.className = "button plain"; close.dataset.close = "yes"; close.textContent = "Close";
    close.addEventListener("click", () => land(box));
    said.append(close); box.classList.add("afloat");
    if (said.classList.contains("done")) landing = setTimeout(() => land(box), 8000);
  }, 60));
  document.addEventListener("htmx:afterSwap", () => { bars(); correct(); });
  document.addEventListener("htmx:sseMessage", correct);
  bars(); setInterval(bars, 1000);
})();
