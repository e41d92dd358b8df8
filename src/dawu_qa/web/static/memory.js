/* Each tab keeps a conversation of its own over reloads and restarts; a new tab goes on from the one saved last. */
"use strict";
window.dawuMemory = (() => {
  const key = `dawu_qa.conversation.v2${window.dawuConnection.base}`;

  function kept() {
    try {
      const words = sessionStorage.getItem(key) ?? localStorage.getItem(key) ?? "[]";
      sessionStorage.setItem(key, words);
      return JSON.parse(words);
    } catch (error) {
      return []; /* The browser keeps nothing, or what it kept is damaged. */
    }
  }

  /* What a reload gives back is not saved anew: another tab may have saved since. */
  function keep(turns) {
    const words = JSON.stringify(turns);
    try {
      if (words === sessionStorage.getItem(key)) return;
      sessionStorage.setItem(key, words);
      localStorage.setItem(key, words);
    } catch (error) {
      /* The browser keeps nothing. */
    }
  }

  return { kept, keep };
})();
