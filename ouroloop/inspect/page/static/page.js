// Sorts and filters tables, and keeps a page about a running run up to date. Without it, everything can still be read.
"use strict";

function valueOf(row, column) {
  const cell = row.cells[column];
  if (!cell) return "";
  const text = cell.dataset.value ?? cell.textContent.trim();
  const number = Number.parseFloat(text.replace(/[,$%]/g, ""));
  return Number.isNaN(number) || /^[a-z]/i.test(text) ? text.toLowerCase() : number;
}

function sortBy(table, column, down) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row, place) => [valueOf(row, column), place, row]);
  rows.sort(([a, i], [b, j]) => {
    const order = typeof a === typeof b ? (a < b ? -1 : a > b ? 1 : 0) : typeof a === "number" ? -1 : 1;
    return (down ? -order : order) || i - j;
  });
  body.append(...rows.map(([, , row]) => row));
}

function makeSortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "descending" : "ascending");
      sortBy(table, column, down);
    });
  });
}

function filterBy(input) {
  const wanted = input.value.trim().toLowerCase();
  for (const place of document.querySelectorAll(`[data-filter="${input.dataset.for}"]`)) {
    const rows = place.tBodies ? place.tBodies[0].rows : place.querySelectorAll("[data-row]");
    for (const row of rows) row.hidden = wanted !== "" && !row.textContent.toLowerCase().includes(wanted);
  }
}

function prepare(root) {
  root.querySelectorAll("table.sortable").forEach((table) => {
    if (table.tHead && !table.tHead.querySelector("button")) makeSortable(table);
  });
  root.querySelectorAll("input[data-for]").forEach((input) => {
    input.addEventListener("input", () => filterBy(input));
    if (input.value) filterBy(input);
  });
}

async function refresh() {
  const answer = await fetch(location.href, { headers: { accept: "text/html" } });
  if (!answer.ok) return;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const old of document.querySelectorAll("[data-live]")) {
    const now = fresh.querySelector(`[data-live="${old.dataset.live}"]`);
    if (!now || now.innerHTML === old.dataset.was) continue;
    const open = [...old.querySelectorAll("details")].map((one) => one.open);
    old.dataset.was = now.innerHTML;
    old.replaceChildren(...now.childNodes);
    old.querySelectorAll("details").forEach((one, place) => { if (open[place] !== undefined) one.open = open[place]; });
    prepare(old);
  }
}

// A browser opens six connections to a host, so a page that nobody looks at gives its own back.
function watch(address) {
  let source = null, waiting = false, rests = false;
  const begin = () => {
    source = new EventSource(address);
    source.addEventListener("changed", async () => {
      if (waiting) return;
      waiting = true;
      try { await refresh(); } finally { waiting = false; }
    });
    source.addEventListener("rests", async () => { rests = true; source.close(); await refresh(); });
  };
  document.addEventListener("visibilitychange", async () => {
    if (rests) return;
    if (document.hidden) { source.close(); return; }
    await refresh();
    begin();
  });
  addEventListener("pagehide", () => source.close());
  begin();
}

prepare(document);
if (document.body.dataset.watch) watch(document.body.dataset.watch);
