// Puts the cursor where the text of a field is wrong.
const wrong = document.querySelector("textarea[data-caret]");
if (wrong) {
  const place = Number(wrong.dataset.caret);
  wrong.focus();
  wrong.setSelectionRange(place, place + 1);
}
