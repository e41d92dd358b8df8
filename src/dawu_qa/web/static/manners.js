/* What Gradio leaves out: names for its buttons, input methods, copying as read, where a long answer begins. */
"use strict";
(() => {
  const page = window.dawuPage;
  let composing = false;

  addEventListener("compositionstart", () => { composing = true; }, true);
  addEventListener("compositionend", () => { composing = false; }, true);
  for (const kind of ["keydown", "keypress"]) {
    addEventListener(kind, (event) => {
      /* Enter ends what an input method composes; it does not send. 229: a key that went to the method. */
      if (event.key !== "Enter") return;
      const ends = composing || event.isComposing || event.keyCode === 229;
      if (!ends && (kind === "keydown" || event.shiftKey || !event.target.closest("#dq-box") || page.begin())) return;
      event.stopImmediatePropagation();
      if (kind === "keypress") event.preventDefault();
    }, true);
  }
  addEventListener("click", (event) => {
    const on = (selector) => event.target.closest && event.target.closest(selector);
    /* Cleared while it is on its way, an answer would bring the former conversation back. */
    if ((on("#dq-box button") && !page.begin()) || (on("#dq-new") && page.waiting())) event.stopImmediatePropagation();
  }, true);

  function name(selector, key) {
    const words = page.t(key);
    if (!words) return;
    document.querySelectorAll(selector).forEach((element) => {
      if (element.getAttribute("aria-label") === words) return;
      element.setAttribute("aria-label", words);
      if (element.tagName === "BUTTON") element.title = words;
    });
  }

  function names() {
    name("#dq-box button.submit-button, #dq-box [data-testid='submit-button']", "chat.send");
    name("#dq-box button.stop-button, #dq-box [data-testid='stop-button']", "chat.stop");
    name("#dq-chat [role='log']", "chat.log");
    name("#dq-box textarea", "chat.box");
    name("#dq-chat .scroll-down-button-container button", "chat.down");
    for (const [role, key] of [["user", "chat.you"], ["bot", "chat.me"]]) {
      document.querySelectorAll(`#dq-chat [data-testid="${role}"]`).forEach((message) => {
        if (message.getAttribute("role") !== "group") message.setAttribute("role", "group");
      });
      name(`#dq-chat [data-testid="${role}"]`, key);
    }
    /* Gradio's sanitizer leaves classes and drops roles and states. */
    document.querySelectorAll("#dq-chat .dq-vote").forEach((button) => {
      const pressed = String(button.classList.contains("dq-pressed"));
      if (button.getAttribute("aria-pressed") !== pressed) button.setAttribute("aria-pressed", pressed);
    });
    document.querySelectorAll("#dq-chat .dq-thanks:not([role])").forEach((told) => told.setAttribute("role", "status"));
    document.querySelectorAll("#dq-chat .dq-actions:not([role])").forEach((actions) => {
      actions.setAttribute("role", "group");
      actions.setAttribute("aria-label", page.t("chat.votes"));
    });
    document.querySelectorAll("#dq-chat .dq-cite:not([aria-label])").forEach((link) => link.setAttribute("aria-label", link.title || link.textContent));
  }

  async function copy(button) {
    const answer = button.closest(".dq-answer");
    const words = [...answer.querySelectorAll(".dq-value, blockquote, .dq-where, .dq-say")]
      .map((part) => part.innerText.trim()).join("\n");
    let done = false;
    try {
      await navigator.clipboard.writeText(words);
      done = true;
    } catch (error) {
      /* The clipboard is closed to pages on plain http. */
      const area = document.createElement("textarea");
      area.value = words;
      document.body.append(area);
      area.select();
      done = document.execCommand("copy");
      area.remove();
      button.focus();
    }
    const told = answer.querySelector(".dq-thanks");
    if (done && told) told.textContent = page.t("chat.copied");
  }

  /* A long answer is read from its beginning. */
  function showLast() {
    const log = document.querySelector("#dq-chat [role='log']");
    const asked = [...document.querySelectorAll('#dq-chat [data-testid="user"]')].pop();
    if (!log || !asked) return;
    const offset = asked.getBoundingClientRect().top - log.getBoundingClientRect().top;
    log.scrollTo({ top: log.scrollTop + offset - 8, behavior: page.reduced() ? "auto" : "smooth" });
  }

  function focusBox() {
    const box = document.querySelector("#dq-box textarea");
    if (box && !page.narrow()) box.focus({ preventScroll: true });
  }

  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest(".dq-copy");
    if (button) copy(button);
  });
  document.addEventListener("dawu:answered", () => {
    requestAnimationFrame(() => setTimeout(showLast, 60));
    focusBox();
  });
  /* The panes take what the header leaves of the window. */
  function fit() {
    const panes = document.getElementById("dq-panes");
    if (!panes) return;
    const above = `${Math.round(panes.getBoundingClientRect().top + scrollY)}px`;
    const style = document.documentElement.style;
    if (style.getPropertyValue("--dq-above") !== above) style.setProperty("--dq-above", above);
  }

  /* To ask where the panes are costs a layout: it is done when what stands above them changes, not at every answer. */
  const above = new ResizeObserver(fit);
  new MutationObserver((changes, waiting) => {
    const top = page.by("dq-top");
    if (!top || !page.by("dq-panes")) return;
    above.observe(top);
    waiting.disconnect();
  }).observe(document.documentElement, { childList: true, subtree: true });
  addEventListener("resize", fit);
  new MutationObserver(names).observe(document.documentElement, { childList: true, subtree: true });
})();
