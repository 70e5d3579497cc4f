// The way to the journal. The session may have been renewed since the page was made, so it is put in when one goes; and
// nobody loses what he has not saved without having been told.
document.addEventListener("submit", (event) => {
  const form = event.target.closest("form[data-journal]");
  if (!form) return;
  const isDirty = document.getElementById("dirty")?.textContent.trim();
  const warning = form.querySelector("[data-warning]");
  if (isDirty && warning.hidden) {
    event.preventDefault();
    warning.hidden = false;
    return;
  }
  form.elements.session.value = document.querySelector('meta[name="app-session"]').content;
});
