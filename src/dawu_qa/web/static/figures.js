/* The figures: fetched when their tab is opened, sorted and filtered here. */
"use strict";
(() => {
  const page = window.dawuPage;
  let fetchedFor = "";

  async function fill() {
    const place = page.by("dq-figures");
    if (!place || !page.state.content || fetchedFor === page.state.content.fingerprint) return;
    if (!place.offsetParent) return;
    fetchedFor = page.state.content.fingerprint;
    try {
      place.innerHTML = (await page.fetched("figures")).html;
      const csv = page.by("dq-csv");
      if (csv) csv.href = `${page.base}/${csv.getAttribute("href")}`;
      filter();
    } catch (error) {
      fetchedFor = "";
      place.textContent = page.t("notice.error");
    }
  }

  function rows() {
    return [...document.querySelectorAll("#dq-table tbody tr")];
  }

  function filter() {
    const words = (page.by("dq-filter") ? page.by("dq-filter").value : "").trim().toLowerCase();
    const unit = page.by("dq-unit") ? page.by("dq-unit").value : "";
    let shown = 0;
    for (const row of rows()) {
      row.hidden = (unit && row.dataset.unit !== unit) || (words && !row.textContent.toLowerCase().includes(words));
      shown += row.hidden ? 0 : 1;
    }
    const count = page.by("dq-count");
    if (count) count.textContent = count.dataset.text.replace("{shown}", shown).replace("{total}", rows().length);
  }

  function sort(button) {
    const head = button.closest("th"), at = Number(button.dataset.sort);
    const rising = head.getAttribute("aria-sort") !== "ascending";
    document.querySelectorAll("#dq-table th").forEach((th) => th.setAttribute("aria-sort", "none"));
    head.setAttribute("aria-sort", rising ? "ascending" : "descending");
    const collator = new Intl.Collator("zh-CN", { numeric: true });
    /* The first column shows the value as it is written; it sorts by what that amounts to. */
    const value = (row) => Number(row.children[1].dataset.value);
    const compare = at < 2 ? (a, b) => value(a) - value(b)
      : (a, b) => collator.compare(a.children[at].textContent, b.children[at].textContent);
    const body = document.querySelector("#dq-table tbody");
    body.append(...rows().sort((a, b) => (rising ? compare(a, b) : compare(b, a))));
  }

  document.addEventListener("input", (event) => {
    if (["dq-filter", "dq-unit"].includes(event.target.id)) filter();
  });
  document.addEventListener("click", (event) => {
    const target = event.target;
    if (!target.closest) return;
    if (target.closest("#dq-table [data-sort]")) sort(target.closest("[data-sort]"));
    else if (target.closest("#dq-table tbody tr") && !target.closest("a") && !String(getSelection())) {
      target.closest("tr").querySelector(".dq-open").click();
    }
    if (target.closest('#dq-tabs [role="tab"]')) setTimeout(fill, 0);
  });
  new MutationObserver(fill).observe(document.documentElement, { childList: true, subtree: true, attributes: true, attributeFilter: ["style", "class", "hidden"] });
})();
