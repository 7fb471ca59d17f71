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
  // Only what really scrolls is a stop for the keyboard.
  function stops() {
    document.querySelectorAll(".scroll, .table").forEach(function (box) {
      box.tabIndex = box.scrollWidth > box.clientWidth + 1 || box.scrollHeight > box.clientHeight + 1 ? 0 : -1;
    });
  }
  stops();
  addEventListener("resize", stops);
  document.addEventListener("toggle", stops, true);
})();
