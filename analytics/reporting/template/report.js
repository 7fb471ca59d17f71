(function () {
  "use strict";
  function value(row, column) {
    var cell = row.cells[column];
    return cell.dataset.v === undefined ? cell.textContent.trim() : Number(cell.dataset.v);
  }
  function compare(a, b) {
    if (typeof a === "number" && typeof b === "number") return a - b;
    // Cells without a number (a dash) come last.
    if (typeof a === "number") return -1;
    if (typeof b === "number") return 1;
    return a < b ? -1 : a > b ? 1 : 0;
  }
  document.addEventListener("click", function (event) {
    var head = event.target.closest && event.target.closest("th[aria-sort]");
    if (!head) return;
    var body = head.closest("table").tBodies[0];
    var down = head.getAttribute("aria-sort") === "ascending";
    var rows = Array.from(body.rows).map(function (row) { return [value(row, head.cellIndex), row]; });
    rows.sort(function (a, b) {
      var order = compare(a[0], b[0]);
      return down && typeof a[0] === typeof b[0] ? -order : order;
    });
    Array.from(head.parentNode.cells).forEach(function (other) {
      if (other.hasAttribute("aria-sort")) other.setAttribute("aria-sort", "none");
    });
    head.setAttribute("aria-sort", down ? "descending" : "ascending");
    rows.forEach(function (pair) { body.appendChild(pair[1]); });
  });
  // A card of each row, where a phone has no room for its columns: the cells carry the names of their columns, and stay a table by role.
  function label(table) {
    var names = Array.from(table.tHead.rows[0].cells).map(function (head) { return head.textContent.trim(); });
    table.setAttribute("role", "table");
    [table.tHead, table.tBodies[0]].forEach(function (part) { part.setAttribute("role", "rowgroup"); });
    Array.from(table.rows).forEach(function (row) {
      row.setAttribute("role", "row");
      Array.from(row.cells).forEach(function (cell, column) {
        cell.setAttribute("role", cell.tagName === "TH" ? "columnheader" : "cell");
        if (cell.tagName === "TD") cell.dataset.h = names[column];
      });
    });
  }
  function cards() {
    var isNarrow = matchMedia("(max-width: 600px)").matches;
    document.querySelectorAll(".table").forEach(function (box) {
      box.classList.remove("cards");
      if (!isNarrow || box.closest("details") || box.scrollWidth <= box.clientWidth + 1) return;
      label(box.querySelector("table"));
      box.classList.add("cards");
    });
  }
  // Only what really scrolls is a stop for the keyboard.
  function stops() {
    document.querySelectorAll(".scroll, .table").forEach(function (box) {
      box.tabIndex = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1 ? 0 : -1;
    });
  }
  function fit() { cards(); stops(); }
  fit();
  addEventListener("resize", fit);
  document.addEventListener("toggle", stops, true);
})();
