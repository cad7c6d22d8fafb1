// Runs before anything is drawn, so that a page in the chosen theme does not flash in the other.
{
  const chosen = localStorage.getItem('theme');
  if (chosen) document.documentElement.dataset.theme = chosen;
}
