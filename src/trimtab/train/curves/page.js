const TOP = 10, BOTTOM = 166;
const figures = [...document.querySelectorAll("figure")];
let step = null;
function number(v) {
  const a = Math.abs(v);
  if (a === 0) return "0";
  if (a >= 10000) return Math.round(v).toLocaleString("en");
  return a < 1e-3 ? v.toExponential(2) : String(+v.toPrecision(4));
}
function nearest(points, at) {
  let low = 0, high = points.length - 1;
  while (high - low > 1) { const middle = (low + high) >> 1; if (points[middle][0] < at) low = middle; else high = middle; }
  return Math.abs(points[low][0] - at) <= Math.abs(points[high][0] - at) ? points[low] : points[high];
}
function show() {
  for (const figure of figures) {
    const cursor = figure.querySelector(".cursor"), output = figure.querySelector("output");
    figure.classList.toggle("live", step !== null);
    if (step === null) { cursor.setAttribute("visibility", "hidden"); output.textContent = output.dataset.rest; continue; }
    const [at, value] = nearest(DATA[figure.id], step), dot = cursor.querySelector("circle");
    const x = FRAME.left + (FRAME.right - FRAME.left) * at / Math.max(FRAME.steps, 1);
    const low = +dot.dataset.low, high = +dot.dataset.high;
    cursor.setAttribute("visibility", "visible");
    cursor.querySelector("line").setAttribute("x1", x); cursor.querySelector("line").setAttribute("x2", x);
    dot.setAttribute("cx", x);
    dot.setAttribute("cy", Math.min(BOTTOM, Math.max(TOP, BOTTOM - (BOTTOM - TOP) * (value - low) / (high - low))));
    output.textContent = number(value) + " at step " + at;
  }
}
for (const figure of figures) {
  const svg = figure.querySelector("svg");
  svg.addEventListener("pointermove", event => {
    const box = svg.getBoundingClientRect(), x = (event.clientX - box.left) * 360 / box.width;
    step = Math.round(Math.min(1, Math.max(0, (x - FRAME.left) / (FRAME.right - FRAME.left))) * FRAME.steps);
    show();
  });
  svg.addEventListener("pointerleave", () => { step = null; show(); });
}
addEventListener("keydown", event => {
  const by = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (event.key === "Escape") step = null;
  else if (by) step = Math.min(FRAME.steps, Math.max(0, (step === null ? FRAME.steps : step) + by * (event.shiftKey ? 10 : 1)));
  else return;
  show();
});
