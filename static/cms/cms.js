// What makes the CMS quicker with a keyboard and a mouse. Every page does all it does without it.

// Ctrl K, or / outside of a field: to the search, or into the field of a page that has one.
document.addEventListener("keydown", (event) => {
  const isTyping = event.target.closest?.("input, textarea, select, [contenteditable]");
  const wantsSearch =
    ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "k") ||
    (event.key === "/" && !isTyping && !event.ctrlKey && !event.metaKey && !event.altKey);
  if (wantsSearch) {
    const link = document.querySelector("[data-search]");
    if (!link) return;
    event.preventDefault();
    const field = document.querySelector('main input[type="search"]');
    if (event.key === "/" && field) field.focus();
    else if (location.pathname === link.pathname && field) field.focus();
    else location.assign(link.href);
  }
  if (event.key === "Escape") closeMenus();
});

// The row of sections shows where one is.
document.querySelector(".sections [aria-current]")?.scrollIntoView({ inline: "center", block: "nearest" });

// A menu closes when one looks elsewhere.
function closeMenus(but) {
  for (const menu of document.querySelectorAll("details.menu[open]")) {
    if (menu === but) continue;
    const hadFocus = menu.contains(document.activeElement);
    menu.open = false;
    if (hadFocus) menu.querySelector("summary").focus();
  }
}
document.addEventListener("click", (event) => closeMenus(event.target.closest?.("details.menu")));

// A list whose rows can be chosen: all of the page at once, and how many they are.
for (const list of document.querySelectorAll("form[data-choose]")) {
  const rows = [...list.querySelectorAll('input[name="chosen"]')];
  const page = list.querySelector("[data-choose-page]");
  const number = list.querySelector("[data-chosen]");
  const count = () => {
    const chosen = rows.filter((row) => row.checked).length;
    number.textContent = String(chosen);
    page.checked = chosen === rows.length;
    page.indeterminate = chosen > 0 && chosen < rows.length;
  };
  for (const part of [page, number]) part.closest("[hidden]")?.removeAttribute("hidden");
  page.addEventListener("change", () => {
    for (const row of rows) row.checked = page.checked;
    count();
  });
  for (const row of rows) row.addEventListener("change", count);
  count();
}
