"use strict";
(function () {
  var KEY = /^t\d+-\d+$/, CASE = /^c\d+(e\d+|f\d+)?$/;
  var items = Array.prototype.slice.call(document.querySelectorAll("[data-k]"));
  var tools = document.getElementById("tools"), told = document.getElementById("told");
  var find = document.getElementById("find"), all = document.getElementById("all");
  var lists = Array.prototype.slice.call(document.querySelectorAll("[data-list]"));
  var key = "", words = "", texts = null;
  if (!tools) return;
  tools.hidden = false;

  function nameOf(k) {
    var entry = document.getElementById(k);
    return entry ? entry.getAttribute("data-name") : "";
  }
  function apply() {
    var shown = 0;
    if (words && !texts) texts = items.map(function (item) { return item.textContent.toLowerCase(); });
    items.forEach(function (item, n) {
      var fits = (!key || (" " + item.getAttribute("data-k") + " ").indexOf(" " + key + " ") >= 0) &&
        (!words || texts[n].indexOf(words) >= 0);
      item.hidden = !fits;
      if (fits) shown += 1;
    });
    lists.forEach(function (list) { list.hidden = !list.querySelector("[data-k]:not([hidden])"); });
    var why = [key ? nameOf(key) : "", words ? "含“" + words + "”" : ""].filter(Boolean).join("，");
    told.textContent = why ? "只看 " + why + "（" + shown + " 起，共 " + items.length + " 起）" : "全部 " + items.length + " 起，按优先级排列";
    all.hidden = !why;
  }
  function clear() { key = ""; words = ""; find.value = ""; apply(); }
  function follow(hash) {
    if (KEY.test(hash) && document.getElementById(hash)) {
      key = hash; words = ""; find.value = "";
      apply();
      document.getElementById("cases").scrollIntoView();
      told.focus({ preventScroll: true });
    } else if (CASE.test(hash)) {
      var target = document.getElementById(hash);
      if (!target) return;
      if (target.closest("[data-k][hidden]")) clear();
      var inside = target.querySelector("details");
      if (inside) inside.open = true;
      for (var up = target.closest("details"); up; up = up.parentElement.closest("details")) up.open = true;
      target.scrollIntoView();
    } else if (!hash) {
      clear();
    }
  }
  document.addEventListener("click", function (event) {
    var link = event.target.closest ? event.target.closest("a") : null;
    var href = link ? link.getAttribute("href") || "" : "";
    if (href.charAt(0) === "#" && href === location.hash) { event.preventDefault(); follow(href.slice(1)); }
  });
  window.addEventListener("hashchange", function () { follow(location.hash.slice(1)); });
  var later = 0;
  find.addEventListener("input", function () {
    clearTimeout(later);
    later = setTimeout(function () { words = find.value.trim().toLowerCase(); apply(); }, 150);
  });
  all.addEventListener("click", function () {
    clear();
    history.replaceState(null, "", location.pathname + location.search + "#cases");
  });
  var opened = [];
  window.addEventListener("beforeprint", function () {
    opened = Array.prototype.slice.call(document.querySelectorAll(".is-flagged details:not([open])"));
    opened.forEach(function (one) { one.open = true; });
  });
  window.addEventListener("afterprint", function () { opened.forEach(function (one) { one.open = false; }); });
  apply();
  if (location.hash) follow(location.hash.slice(1));
})();
