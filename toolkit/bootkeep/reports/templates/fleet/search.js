(function () {
  "use strict";
  // Searches every day's lines, newest day first. A page that lies on a disk may not fetch(); it may load scripts beside itself,
  // so the lines are data in scripts of our own making: data/<day>.js calls bootkeepLines(name, rows) with JSON and nothing else.
  var form = document.getElementById("search"), box = document.getElementById("find"), told = document.getElementById("told");
  var answers = document.getElementById("answers"), verdict = document.getElementById("verdict");
  var from = document.getElementById("from"), to = document.getElementById("to");
  var days = Array.prototype.slice.call(document.querySelectorAll("a[data-day]"));
  var MOST = 200, kept = {}, waiting = {}, run = 0;
  form.hidden = false;
  window.bootkeepLines = function (name, rows) { kept[name] = rows; };
  function load(name) {
    if (kept[name]) { return Promise.resolve(kept[name]); }
    if (!waiting[name]) {
      waiting[name] = new Promise(function (done) {
        var script = document.createElement("script");
        script.src = "data/" + name + ".js";
        script.onload = script.onerror = function () { script.remove(); delete waiting[name]; done(kept[name] || null); };
        document.head.appendChild(script);
      });
    }
    return waiting[name];
  }
  function cell(row, text, label, look) { var one = row.insertCell(); one.textContent = text; one.setAttribute("data-label", label); if (look) { one.className = look; } return one; }
  function link(to, text) { var one = document.createElement("a"); if (/^hosts\/[A-Za-z0-9~._-]+\/[A-Za-z0-9~._-]+\.html$/.test(to)) { one.href = to; } one.textContent = text; return one; }
  function draw(body, line) {
    var row = body.insertRow();
    cell(row, line[0].slice(0, 10) + " " + line[0].slice(11, 16), "Began");
    cell(row, "", "Host").appendChild(link(line[7], line[1]));
    var word = document.createElement("span");
    word.textContent = line[2];
    word.className = "verdict v-" + (line[2] === "GO" || line[2] === "NO-GO" ? line[2] : "UNKNOWN");
    cell(row, "", "Reboot").appendChild(word);
    var what = cell(row, "", "What happened", "what");
    if (line[3] !== "done") { what.append(badge(line[3], line[3] === "failed" || line[3] === "interrupted" ? "high" : "medium"), " "); }
    if (line[4]) { what.append(badge(line[4] + " weakened", "high"), " "); }
    what.appendChild(line[8] ? link(line[8], line[5]) : document.createTextNode(line[5]));
    cell(row, line[6], "By");
  }
  function badge(text, look) { var one = document.createElement("span"); one.className = "badge " + look; one.textContent = text; return one; }
  function head() {
    var table = document.createElement("table");
    table.className = "fleet";
    var row = table.createTHead().insertRow();
    ["Began (UTC)", "Host", "Reboot", "What happened", "By"].forEach(function (text) { var one = document.createElement("th"); one.scope = "col"; one.textContent = text; row.appendChild(one); });
    table.createTBody();
    return table;
  }
  function search(event) {
    if (event) { event.preventDefault(); }
    var mine = ++run, words = box.value.toLowerCase().split(/\s+/).filter(Boolean), hits = 0, looked = 0, missing = 0;
    var parts = [["q", box.value], ["v", verdict.value], ["from", from.value], ["to", to.value]].filter(function (pair) { return pair[1]; });
    try { history.replaceState(null, "", parts.length ? "#" + parts.map(function (pair) { return pair[0] + "=" + encodeURIComponent(pair[1]); }).join("&") : "timeline.html"); } catch (error) { /* a page on a disk may refuse */ }
    answers.textContent = "";
    told.textContent = "";
    if (!words.length && !verdict.value && !from.value && !to.value) { return; }
    var table = head(), body = table.tBodies[0];
    answers.appendChild(table);
    var wanted = [];
    days.forEach(function (day) {
      var name = day.getAttribute("data-day");
      if ((from.value && name < from.value) || (to.value && name > to.value)) { return; }
      day.getAttribute("data-shards").split(" ").reverse().forEach(function (part) { wanted.push(part); });
    });
    function tell(end) {
      told.textContent = hits + (hits === 1 ? " transaction" : " transactions") + (hits > MOST ? ", the newest " + MOST + " are shown" : "") +
        (end ? "" : ", searching (" + looked + " of " + wanted.length + " parts)") + (missing ? "; " + missing + " parts could not be read: write the pages anew" : "");
    }
    function next(at) {
      if (mine !== run) { return; }
      if (at >= wanted.length) { tell(true); return; }
      Promise.all(wanted.slice(at, at + 8).map(load)).then(function (several) {
        if (mine !== run) { return; }
        several.forEach(function (rows) {
          looked += 1;
          if (!rows) { missing += 1; return; }
          for (var number = rows.length - 1; number >= 0; number -= 1) {
            var line = rows[number];
            if (verdict.value && line[2] !== verdict.value) { continue; }
            if (words.length) {
              var text = (line[0] + " " + line[1] + " " + line[2] + " " + line[3] + " " + line[5] + " " + line[6]).toLowerCase();
              if (!words.every(function (word) { return text.indexOf(word) >= 0; })) { continue; }
            }
            hits += 1;
            if (hits <= MOST) { draw(body, line); }
          }
        });
        tell(false);
        next(at + 8);
      });
    }
    next(0);
  }
  form.addEventListener("submit", search);
  box.addEventListener("keydown", function (event) { if (event.key === "Escape") { box.value = ""; search(); } });
  [verdict, from, to].forEach(function (field) { field.addEventListener("change", search); });
  location.hash.slice(1).split("&").forEach(function (part) {
    var at = part.indexOf("="), value = "";
    try { value = decodeURIComponent(part.slice(at + 1)); } catch (error) { return; }
    var field = { q: box, v: verdict, from: from, to: to }[part.slice(0, at)];
    if (field) { field.value = value; }
  });
  search();
})();
