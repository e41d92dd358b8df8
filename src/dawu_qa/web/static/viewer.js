/* The interview: lights a span, brings it to the middle, offers what a paragraph answers. */
"use strict";
(() => {
  const page = window.dawuPage;
  const scroller = () => document.querySelector("#dq-interview .dq-scroll");
  let lit = null;
  let opener = null;

  /* Offsets count characters; JavaScript counts UTF-16 units. */
  function units(text, characters) {
    let at = 0;
    for (const character of text) {
      if (characters-- <= 0) break;
      at += character.length;
    }
    return at;
  }

  function dim() {
    document.querySelectorAll("#dq-interview mark").forEach((mark) => {
      const parent = mark.parentNode;
      mark.replaceWith(...mark.childNodes);
      parent.normalize();
    });
    document.querySelectorAll("#dq-interview .dq-cited").forEach((block) => block.classList.remove("dq-cited"));
  }

  /* Wraps characters start..end of a block in marks, one for each piece of text they run through. */
  function wrap(block, start, end) {
    const text = block.textContent;
    const from = units(text, start), to = units(text, end);
    const walker = document.createTreeWalker(block, NodeFilter.SHOW_TEXT);
    const pieces = [];
    for (let at = 0, node; (node = walker.nextNode()); at += node.data.length) {
      const left = Math.max(from - at, 0), right = Math.min(to - at, node.data.length);
      if (left < right && !node.parentElement.closest(".dq-break")) pieces.push([node, left, right]);
    }
    return pieces.map(([node, left, right]) => {
      const range = document.createRange();
      range.setStart(node, left);
      range.setEnd(node, right);
      const mark = document.createElement("mark");
      range.surroundContents(mark);
      return mark;
    });
  }

  function openDocument(number) {
    document.querySelectorAll("#dq-interview article").forEach((article) => {
      article.hidden = article.dataset.doc !== String(number);
    });
    const picker = document.querySelector("#dq-interview .dq-picker");
    if (picker) picker.value = String(number);
  }

  function cite(place, focus) {
    dim();
    lit = place;
    const box = scroller();
    if (!place || !box) return;
    const [number, start, end] = place;
    openDocument(number);
    const blocks = [...box.querySelectorAll(`[data-start][data-doc="${number}"]`)];
    const marks = blocks.flatMap((block) => {
      const began = Number(block.dataset.start), stop = Number(block.dataset.end);
      if (began >= end || stop <= start) return [];
      block.classList.add("dq-cited");
      return wrap(block, Math.max(0, start - began), Math.min(stop, end) - began);
    });
    if (!marks.length) return;
    const first = marks[0];
    first.id = "dq-lit";
    first.tabIndex = -1;
    middle(first, box);
    if (focus) first.focus({ preventScroll: true });
  }

  /* scrollIntoView would move the whole page. */
  function middle(element, box) {
    const offset = element.getBoundingClientRect().top - box.getBoundingClientRect().top;
    const top = box.scrollTop + offset - box.clientHeight / 2 + element.offsetHeight / 2;
    box.scrollTo({ top: Math.max(0, top), behavior: page.reduced() ? "auto" : "smooth" });
  }

  function openSheet(from) {
    opener = from;
    document.body.classList.add("dq-sheet");
  }

  function closeSheet() {
    document.body.classList.remove("dq-sheet");
    if (opener && opener.isConnected) opener.focus();
    opener = null;
  }

  function offered(block) {
    const number = block.dataset.doc, start = Number(block.dataset.start), end = Number(block.dataset.end);
    return Object.entries(page.state.content.related)
      .filter(([key]) => {
        const [doc, from, to] = key.split("-");
        return doc === number && Number(from) >= start && Number(to) <= end;
      })
      .flatMap(([, questions]) => questions);
  }

  /* Each paragraph that answers something gets a button, so that the keyboard reaches what a click on it does. */
  function addButtons() {
    document.querySelectorAll("#dq-interview .dq-paragraph").forEach((block, at) => {
      if (!offered(block).length) return;
      const button = document.createElement("button");
      button.type = "button";
      button.className = "dq-what";
      button.setAttribute("aria-label", page.t("doc.ask"));
      button.title = page.t("doc.ask");
      button.setAttribute("aria-expanded", "false");
      button.setAttribute("aria-controls", `dq-offer-${at}`);
      block.append(button);
      block.dataset.offers = "1";
    });
  }

  function toggleOffer(button) {
    const block = button.closest("[data-offers]");
    const id = button.getAttribute("aria-controls");
    const open = document.getElementById(id);
    document.querySelectorAll("#dq-interview .dq-offer").forEach((offer) => offer.remove());
    document.querySelectorAll("#dq-interview .dq-what").forEach((each) => each.setAttribute("aria-expanded", "false"));
    if (open) return;
    const offer = document.createElement("div");
    offer.className = "dq-offer";
    offer.id = id;
    const label = document.createElement("p");
    label.textContent = page.t("doc.answers");
    label.lang = document.documentElement.lang;
    const list = document.createElement("ul");
    for (const question of offered(block)) {
      const item = document.createElement("li"), ask = document.createElement("button");
      ask.type = "button";
      ask.className = "dq-ask";
      ask.textContent = question;
      item.append(ask);
      list.append(item);
    }
    offer.append(label, list);
    block.after(offer);
    button.setAttribute("aria-expanded", "true");
  }

  document.addEventListener("click", (event) => {
    const target = event.target;
    if (!target.closest) return;
    const link = target.closest('a[href*="#cite-"]');
    if (link) {
      /* Gradio's <base> would turn the link into another page. */
      event.preventDefault();
      const place = link.getAttribute("href").split("#cite-")[1].split("-").map(Number);
      if (!link.closest("#dq-interview")) openSheet(link);
      cite(place, true);
      const contents = link.closest(".dq-contents");
      if (contents) contents.open = false;
    } else if (target.closest("#dq-open")) openSheet(target.closest("#dq-open"));
    else if (target.closest("#dq-interview .dq-close")) closeSheet();
    else if (target.closest(".dq-what")) toggleOffer(target.closest(".dq-what"));
    else if (target.closest("#dq-interview [data-offers]") && !String(getSelection())) {
      toggleOffer(target.closest("[data-offers]").querySelector(".dq-what"));
    }
  }, true);

  document.addEventListener("change", (event) => {
    if (event.target.matches && event.target.matches("#dq-interview .dq-picker")) openDocument(event.target.value);
  });
  document.addEventListener("keydown", (event) => {
    if (event.key === "Escape" && document.body.classList.contains("dq-sheet")) closeSheet();
  });
  document.addEventListener("dawu:cite", (event) => cite(event.detail.cite, event.detail.focus));
  document.addEventListener("dawu:filled", (event) => {
    if (event.target.id !== "dq-interview") return;
    addButtons();
    if (lit || page.state.shown) cite(lit || page.state.shown.cite, false);
  });
})();
