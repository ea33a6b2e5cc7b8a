
"use strict";
for (const grid of document.querySelectorAll("[role=grid]")) {
  const cells = [...grid.querySelectorAll("[tabindex]")];
  cells.forEach((cell, index) => { cell.tabIndex = index === 0 ? 0 : -1; });
  const select = (cell) => {
    if (!cell) return;
    for (const other of grid.querySelectorAll("[tabindex='0']")) other.tabIndex = -1;
    cell.tabIndex = 0;
    cell.focus();
  };
  const beside = (cell, step) => {
    const row = cell.parentElement;
    const column = [...row.children].indexOf(cell);
    const other = step < 0 ? row.previousElementSibling : row.nextElementSibling;
    if (!other) return undefined;
    const there = other.children[Math.min(column, other.children.length - 1)];
    return there.tabIndex === undefined || !there.hasAttribute("tabindex") ? other.querySelector("[tabindex]") : there;
  };
  grid.addEventListener("keydown", (event) => {
    const cell = event.target.closest("[tabindex]");
    const at = cells.indexOf(cell);
    if (at < 0 || event.ctrlKey || event.altKey || event.metaKey) return;
    const next = {
      ArrowRight: () => cells[at + 1],
      ArrowLeft: () => cells[at - 1],
      ArrowDown: () => beside(cell, 1),
      ArrowUp: () => beside(cell, -1),
      Home: () => cells[0],
      End: () => cells[cells.length - 1],
    }[event.key];
    if (!next) return;
    event.preventDefault();
    select(next());
  });
}
for (const button of document.querySelectorAll("button[data-copy]")) {
  button.hidden = false;
  const name = button.textContent;
  const text = button.parentElement.querySelector("pre");
  button.addEventListener("click", async () => {
    let copied = false;
    try {
      await navigator.clipboard.writeText(text.textContent);
      copied = true;
    } catch {
      getSelection().selectAllChildren(text);
      copied = document.execCommand("copy");
    }
    button.textContent = copied ? "Copied" : "Selected";
    setTimeout(() => { button.textContent = name; }, 2000);
  });
}
