(function () {
  "use strict";
  // Filter, sort and portions of the one big table. The page says everything without this.
  var table = document.getElementById("lines"), box = document.getElementById("find");
  var PORTION = 200, shown = PORTION;
  document.addEventListener("keydown", function (event) {
    var field = /^(INPUT|SELECT|TEXTAREA)$/.test(event.target.tagName);
    if (event.key === "/" && !field && box && !event.ctrlKey && !event.metaKey && !event.altKey) { event.preventDefault(); box.focus(); box.select(); }
  });
  var made = document.getElementById("made");
  if (made) {
    var hours = Math.floor((Date.now() - Date.parse(made.getAttribute("datetime"))) / 3600000);
    if (hours >= 24) { document.getElementById("age").textContent = ". These pages are " + Math.floor(hours / 24) + " d old: write them anew."; }
  }
  if (!table || document.getElementById("search")) { return; }
  var body = table.tBodies[0], rows = Array.prototype.slice.call(body.rows), texts = null;
  // A large table's rest is not laid out while it is read (class js, set in the head); from here on it is rows like all others.
  Array.prototype.slice.call(table.tBodies, 1).forEach(function (rest) {
    Array.prototype.slice.call(rest.rows).forEach(function (row) { row.hidden = true; rows.push(row); body.appendChild(row); });
    rest.remove();
  });
  var told = document.getElementById("told"), more = document.getElementById("more"), flags = [];
  var tiles = Array.prototype.slice.call(document.querySelectorAll("ul.tiles li[data-flag]"));
  function words() { return box ? box.value.toLowerCase().split(/\s+/).filter(Boolean) : []; }
  function apply(all) {
    var wanted = words(), hits = 0;
    if (wanted.length && !texts) { texts = rows.map(function (row) { return row.textContent.toLowerCase(); }); }
    rows.forEach(function (row, at) {
      var own = " " + (row.getAttribute("data-flags") || "") + " ";
      var hit = flags.every(function (flag) { return own.indexOf(" " + flag + " ") >= 0; }) &&
        (!wanted.length || wanted.every(function (word) { return texts[at].indexOf(word) >= 0; }));
      if (hit) { hits += 1; }
      row.hidden = !hit || (hits > shown && !all);
    });
    if (more) { more.parentNode.hidden = hits <= shown; }
    if (told) {
      told.textContent = (wanted.length || flags.length ? hits + " of " + rows.length + " match" : "") +
        (hits > shown ? (wanted.length || flags.length ? "; " : "") + "the first " + shown + " of " + hits + " are shown" : "");
    }
    return hits;
  }
  function remember() {
    var parts = [];
    if (box && box.value) { parts.push("q=" + encodeURIComponent(box.value)); }
    flags.forEach(function (flag) { parts.push("f=" + encodeURIComponent(flag)); });
    try { history.replaceState(null, "", parts.length ? "#" + parts.join("&") : location.pathname.split("/").pop() || "."); } catch (error) { return; }
  }
  function press() {
    tiles.forEach(function (tile) {
      tile.firstChild.setAttribute("aria-pressed", String(flags.indexOf(tile.getAttribute("data-flag")) >= 0));
    });
  }
  tiles.forEach(function (tile) {
    var button = document.createElement("button");
    button.type = "button";
    while (tile.firstChild) { button.appendChild(tile.firstChild); }
    tile.appendChild(button);
    button.addEventListener("click", function () {
      var flag = tile.getAttribute("data-flag"), at = flags.indexOf(flag);
      if (at >= 0) { flags.splice(at, 1); } else { flags.push(flag); }
      shown = PORTION; press(); apply(false); remember();
    });
  });
  if (box) {
    box.closest(".tools").hidden = false;
    box.addEventListener("input", function () { shown = PORTION; apply(false); remember(); });
    box.addEventListener("keydown", function (event) {
      if (event.key === "Escape") { box.value = ""; apply(false); remember(); }
      if (event.key === "ArrowDown" || event.key === "Enter") { event.preventDefault(); step(-1, 1); }
    });
  }
  // Arrow keys walk from row to row, so that nobody tabs through five links a row.
  function step(from, by) {
    for (var at = from + by; at >= 0 && at < rows.length; at += by) {
      var link = rows[at].hidden ? null : rows[at].querySelector("a");
      if (link) { link.focus(); return; }
    }
    if (by < 0 && box) { box.focus(); }
  }
  body.addEventListener("keydown", function (event) {
    var row = event.target.closest("tr");
    if (row && (event.key === "ArrowDown" || event.key === "ArrowUp")) { event.preventDefault(); step(rows.indexOf(row), event.key === "ArrowDown" ? 1 : -1); }
  });
  if (more) { more.addEventListener("click", function () { var from = shown; shown += PORTION; apply(false); var seen = rows.filter(function (row) { return !row.hidden; }); if (seen[from]) { var link = seen[from].querySelector("a"); if (link) { link.focus(); } } }); }
  var order = new Intl.Collator("en", { numeric: true });
  Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head, column) {
    var kind = head.getAttribute("data-sort");
    if (!kind) { return; }
    var button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.textContent = "";
    head.appendChild(button);
    button.addEventListener("click", function () {
      var down = head.getAttribute("aria-sort") === "ascending";
      Array.prototype.forEach.call(table.tHead.rows[0].cells, function (cell) { cell.removeAttribute("aria-sort"); });
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      var keyed = rows.map(function (row) {
        var cell = row.cells[column], value = cell.getAttribute("data-v");
        return [value === null ? cell.textContent.trim() : value, row];
      });
      keyed.sort(function (a, b) { return kind === "number" ? Number(a[0]) - Number(b[0]) : order.compare(a[0], b[0]); });
      if (down) { keyed.reverse(); }
      rows = keyed.map(function (pair) { return pair[1]; });
      texts = null;
      table.removeChild(body); // thousands of rows are moved outside, and laid out once
      rows.forEach(function (row) { body.appendChild(row); });
      apply(false);
      table.appendChild(body);
    });
  });
  // On paper every match, and heads without buttons: Chromium repeats no head that holds one.
  var heads = [], folded = [];
  window.addEventListener("beforeprint", function () {
    apply(true);
    folded = Array.prototype.slice.call(document.querySelectorAll("#shared details:not([open])"));
    folded.forEach(function (one) { one.open = true; }); // paper cannot be pressed
    Array.prototype.forEach.call(table.tHead.rows[0].cells, function (head) {
      if (head.firstElementChild) { heads.push([head, head.firstElementChild]); head.textContent = head.firstElementChild.textContent; }
    });
  });
  window.addEventListener("afterprint", function () {
    heads.forEach(function (pair) { pair[0].textContent = ""; pair[0].appendChild(pair[1]); });
    heads = [];
    folded.forEach(function (one) { one.open = false; });
    folded = [];
    apply(false);
  });
  location.hash.slice(1).split("&").forEach(function (part) {
    var value = "";
    try { value = decodeURIComponent(part.slice(2)); } catch (error) { return; }
    if (part.indexOf("q=") === 0 && box) { box.value = value; }
    if (part.indexOf("f=") === 0 && tiles.some(function (tile) { return tile.getAttribute("data-flag") === value; })) { flags.push(value); }
  });
  press();
  apply(false);
})();
