/* What the page's scripts share: its texts, its content, and one question at a time. */
"use strict";
window.dawuPage = (() => {
  const connection = window.dawuConnection, base = connection.base;
  const state = { content: null, shown: null, title: "", since: 0, slow: 0 };
  const reduced = () => matchMedia("(prefers-reduced-motion: reduce)").matches;
  const narrow = () => matchMedia("(max-width: 767px)").matches;
  const t = (key) => (state.content ? state.content.texts[key] : "") || "";
  const by = (id) => document.getElementById(id);

  function language() {
    return document.documentElement.lang.startsWith("zh") ? "zh" : "en";
  }

  async function fetched(path) {
    const answer = await connection.reach(`${base}/page/${path}?lang=${language()}`, { credentials: "same-origin" });
    if (!answer.ok) throw new Error(`${path}: ${answer.status}`);
    return answer.json();
  }

  /* Calls back whenever a region's place in Gradio's page exists and is empty. */
  function fill(id, html) {
    const place = by(id);
    if (!place || place.dataset.version === html.length + ":" + state.content.fingerprint) return;
    place.innerHTML = html;
    place.dataset.version = html.length + ":" + state.content.fingerprint;
    place.dispatchEvent(new CustomEvent("dawu:filled", { bubbles: true }));
  }

  function header() {
    const other = language() === "zh" ? "en" : "zh";
    const lang = other === "zh" ? "zh-CN" : "en";
    return (
      `<div class="dq-title">${state.content.header}</div>` +
      `<div class="dq-tools"><button type="button" id="dq-open">${t("doc.open")}</button>${state.content.about}` +
      `<button type="button" id="dq-language" data-language="${other}" lang="${lang}" aria-label="${t("page.switch_label")}">` +
      `${t("page.switch")}</button></div>`
    );
  }

  function fillAll() {
    if (!state.content) return;
    /* Gradio writes a title of its own once it has loaded. */
    if (document.title !== state.title) document.title = state.title;
    fill("dq-header", header());
    fill("dq-interview", state.content.interview);
  }

  async function load() {
    try {
      state.content = await fetched("content");
      state.title = [state.content.title, t("page.suffix")].filter(Boolean).join(" · ");
      fillAll();
      if (state.shown) apply(state.shown);
      if (!state.content.ready) await untilReady();
    } catch (error) {
      connection.failed();
    }
  }

  /* The page is there before the model; who asks meanwhile is told what they wait for. */
  async function untilReady() {
    const say = (words) => { const place = by("dq-status"); if (place) place.textContent = words; };
    for (let ready = false; !ready; ) {
      say(t("page.model"));
      await new Promise((resolve) => setTimeout(resolve, 500));
      /* Not /readyz: its 503 would stand in the console as an error. */
      ready = await fetched("ready").then((answer) => answer.ready, () => false);
    }
    say("");
  }

  function switchLanguage(to) {
    const address = new URL(location.href);
    address.searchParams.set("lang", to);
    location.assign(address);
  }

  /* The choice is kept in a cookie by now; the address that people share stays free of it. */
  function forgetLanguageInAddress() {
    const address = new URL(location.href);
    if (!address.searchParams.has("lang")) return;
    address.searchParams.delete("lang");
    history.replaceState(null, "", address);
  }

  /* One question at a time: two answers on their way would each leave the other's question out. */
  function waiting() {
    return Boolean(state.since) && (connection.away() || Date.now() - state.since < 10000);
  }

  function begin() {
    if (waiting()) return false;
    state.since = Date.now();
    /* Whoever is answered at once is not shown that they wait, and nothing is painted meanwhile. */
    state.slow = setTimeout(() => document.body.classList.add("dq-waiting"), 400);
    return true;
  }

  function end() {
    state.since = 0;
    clearTimeout(state.slow);
    document.body.classList.remove("dq-waiting");
  }

  function ask(question) {
    if (!window.dawuBridge || !begin()) return;
    document.body.classList.remove("dq-sheet");
    chooseTab(0);
    window.dawuBridge("select", { question });
  }

  function chooseTab(at) {
    const tabs = document.querySelectorAll('#dq-tabs [role="tab"]');
    if (tabs[at] && tabs[at].getAttribute("aria-selected") !== "true") tabs[at].click();
  }

  /* What the server says after each question: the documents' version, the place to light, the question itself. */
  function shown(value) {
    if (value && Object.keys(value).length) end();
    if (value && value.notice) document.dispatchEvent(new CustomEvent("dawu:answered", { detail: value }));
    if (!value || (!value.cleared && !value.fingerprint)) return;
    state.shown = value;
    if (value.cleared) {
      address("");
      document.dispatchEvent(new CustomEvent("dawu:cite", { detail: { cite: null } }));
      return;
    }
    /* A browser takes milliseconds for it, so the answer is painted first; the chat may be cleared meanwhile. */
    if (value.asked) setTimeout(() => { if (state.shown === value) address(value.question); }, 20);
    if (state.content && value.fingerprint !== state.content.fingerprint) load();
    else if (state.content) apply(value);
  }

  function apply(value) {
    document.dispatchEvent(new CustomEvent("dawu:cite", { detail: { cite: value.cite || null, focus: false } }));
    if (value.asked) document.dispatchEvent(new CustomEvent("dawu:answered", { detail: value }));
  }

  function address(question) {
    const now = new URL(location.href);
    if (question) now.searchParams.set("q", question);
    else now.searchParams.delete("q");
    history.replaceState(null, "", now);
  }

  /* The information panel lies over the page; a click beside it or Escape closes it. */
  function closeAbout(event) {
    const about = document.querySelector(".dq-tools details[open]");
    if (about && (event.key === "Escape" || (event.type === "click" && !about.contains(event.target)))) about.open = false;
  }

  document.addEventListener("dawu:failed", end);
  document.addEventListener("keydown", closeAbout);
  document.addEventListener("click", closeAbout);
  document.addEventListener("click", (event) => {
    const target = event.target.closest && event.target.closest("button, a");
    if (!target) return;
    if (target.id === "dq-language") switchLanguage(target.dataset.language);
    else if (target.classList.contains("dq-ask")) ask(target.textContent);
    else if (target.classList.contains("dq-vote") && window.dawuBridge) {
      const turn = target.closest(".dq-answer"), vote = /dq-vote-(\w+)/.exec(target.className)[1];
      if (turn) window.dawuBridge("like", { turn: turn.id.replace("turn-", ""), vote });
    }
  });

  new MutationObserver(fillAll).observe(document.documentElement, { childList: true, subtree: true });
  forgetLanguageInAddress();
  load();
  return { state, begin, waiting, t, by, fetched, language, reduced, narrow, shown, chooseTab, base };
})();
