// Shows what a chart's table says of the time that is pointed at.
for (const figure of document.querySelectorAll("figure.chart")) {
  const plot = figure.querySelector(".plot");
  const cursor = figure.querySelector(".cursor");
  const values = figure.querySelector(".values");
  const names = Array.from(figure.querySelectorAll("thead th"), (cell) => cell.textContent);
  const rows = Array.from(figure.querySelectorAll("tbody tr"), (row) => ({
    at: Number(row.dataset.at),
    text: Array.from(row.cells, (cell, i) => `${names[i]} ${cell.textContent}`).join("\n"),
  }));
  const point = (event) => {
    const box = plot.getBoundingClientRect();
    const at = (event.clientX - box.left) / box.width;
    const nearest = rows.reduce((a, b) => (Math.abs(b.at - at) < Math.abs(a.at - at) ? b : a));
    cursor.style.left = `${100 * nearest.at}%`;
    values.style.left = nearest.at < 0.5 ? `${100 * nearest.at}%` : "auto";
    values.style.right = nearest.at < 0.5 ? "auto" : `${100 * (1 - nearest.at)}%`;
    values.textContent = nearest.text;
    cursor.hidden = values.hidden = false;
  };
  if (rows.length === 0) continue;
  plot.addEventListener("pointermove", point);
  plot.addEventListener("pointerdown", point);
  plot.addEventListener("pointerleave", () => { cursor.hidden = values.hidden = true; });
}
