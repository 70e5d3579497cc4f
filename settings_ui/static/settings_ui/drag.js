// Rules in another order, with the mouse or a pen: a rule is taken by its handle and let go before or behind another
// one. The buttons ↑ and ↓ do the same for everybody else.

export function makeDraggable(place, move) {
  let taken = null;

  place.addEventListener("dragstart", (event) => {
    taken = event.target.closest("[data-handle]")?.closest("[data-rule]");
    if (!taken) return;
    event.dataTransfer.effectAllowed = "move";
    event.dataTransfer.setData("text/plain", taken.dataset.rule);
    event.dataTransfer.setDragImage(taken, 0, 0);
    taken.classList.add("is-taken");
  });

  place.addEventListener("dragover", (event) => {
    const rule = target(event);
    if (!rule) return;
    event.preventDefault();
    clear();
    rule.classList.add(isBehind(event, rule) ? "drop-behind" : "drop-before");
  });

  place.addEventListener("drop", (event) => {
    const rule = target(event);
    if (!rule) return;
    event.preventDefault();
    const [from, to] = [indexOf(taken), indexOf(rule) + (isBehind(event, rule) ? 1 : 0)];
    const index = to > from ? to - 1 : to;
    if (index !== from) move(taken, index);
  });

  place.addEventListener("dragend", () => {
    taken?.classList.remove("is-taken");
    taken = null;
    clear();
  });

  function target(event) {
    const rule = event.target.closest("[data-rule]");
    return taken && rule?.parentElement === taken.parentElement ? rule : null;
  }

  function clear() {
    for (const one of place.querySelectorAll(".drop-before, .drop-behind")) {
      one.classList.remove("drop-before", "drop-behind");
    }
  }
}

function isBehind(event, rule) {
  const box = rule.getBoundingClientRect();
  return event.clientY > box.top + box.height / 2;
}

function indexOf(rule) {
  return [...rule.parentElement.children].indexOf(rule);
}
