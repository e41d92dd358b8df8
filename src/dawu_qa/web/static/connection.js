/* The way to the server: what finds it away is told of, waits, and is sent again once the server is back. */
"use strict";
window.dawuConnection = (() => {
  const { src, dataset } = document.currentScript;
  const base = new URL(src).pathname.replace(/\/page\/static\/[^/]*$/, "");
  const send = window.fetch.bind(window);
  const pause = () => new Promise((resolve) => setTimeout(resolve, 1500));
  let back = null;

  function say(words) {
    const place = document.getElementById("dq-connection");
    if (place && place.textContent !== words) place.textContent = words;
  }

  const alive = () => send(`${base}/healthz`, { cache: "no-store", signal: AbortSignal.timeout(5000) })
    .then((answer) => answer.ok, () => false);

  async function untilBack() {
    do {
      say(dataset.offline);
      await pause();
    } while (!(await alive()));
    say("");
    back = null;
  }

  /* Null where nothing answers, or only a proxy before the server. A slow answer is waited for while the server lives. */
  async function once(where, options) {
    const stop = new AbortController();
    const watch = setInterval(async () => { if (!(await alive())) stop.abort(); }, 5000);
    try {
      const answer = await send(where, { ...options, signal: stop.signal });
      return [502, 503, 504].includes(answer.status) ? null : answer;
    } catch (error) {
      return null;
    } finally {
      clearInterval(watch);
    }
  }

  /* Sent three times at most: a question may be what ends the server. */
  async function reach(where, options) {
    for (let left = 3; left; left--) {
      const answer = await once(where, options);
      if (answer) return answer;
      await (back ??= untilBack());
    }
    throw new Error(`${where}: no answer`);
  }

  /* Gradio would tell of a failure in English and reload the page later; it is told that nothing has changed. */
  window.fetch = async (where, options) => {
    if (!String(where).includes("/gradio_api/run/")) return send(where, options);
    const answer = await reach(where, options).catch(() => null);
    say(answer && answer.ok ? "" : dataset.failed);
    if (answer && answer.ok) return answer;
    document.dispatchEvent(new CustomEvent("dawu:failed"));
    return new Response('{"data": []}', { headers: { "content-type": "application/json" } });
  };

  return { base, reach, failed: () => say(dataset.failed), away: () => Boolean(back) };
})();
