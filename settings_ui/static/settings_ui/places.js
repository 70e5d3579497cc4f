// Paths of settings, and the elements of the page that stand for them.

export function idAt(path) {
  return "f-" + path.replaceAll("[", "-").replaceAll("]", "").replaceAll(".", "-");
}

// The control of a path, or the nearest thing above it.
export function elementAt(path) {
  for (let at = path; at; at = at.slice(0, Math.max(at.lastIndexOf("."), at.lastIndexOf("["), 0))) {
    const found = document.getElementById(idAt(at)) ?? document.getElementById(`s-${idAt(at)}`);
    if (found) return found;
  }
  return null;
}

export function pathOf(control) {
  return control.name.slice(0, control.name.indexOf(":"));
}
