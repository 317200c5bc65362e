// Plots and result table of a sweep: the cell under the pointer, or with the focus in its row, is marked in all of them.
const NEAR = 12  // pixels from a line
const $ = (selector, root = document) => root.querySelector(selector)
const told = () => $('#plots [data-told]')

// ---- marking: a line is drawn once more, on a sheet over the others so that they need not be; all else gets a class

let marked = null
function mark(cell) {
  if (cell === marked) return
  for (const old of document.querySelectorAll('#plots .marked, tr.marked')) {
    if (old.matches('polyline')) old.remove()
    else old.classList.remove('marked')
  }
  marked = cell
  for (const part of cell ? document.querySelectorAll(`[data-cell="${cell}"]`) : []) {
    if (part.matches('polyline')) overdraw(part)
    else part.classList.add('marked')
  }
  const words = cell && $(`#plots [data-cell="${cell}"] title`)?.textContent
  if (told()) told().textContent = words || told().dataset.told
}

function overdraw(line) {
  const copy = line.cloneNode()
  copy.removeAttribute('data-cell')
  copy.setAttribute('class', 'marked')
  line.closest('.plot').querySelector('.over').append(copy)
}

// ---- the line nearest to the pointer: they are too thin to be met, and hide each other

let known = new WeakMap()
function lines(svg) {
  if (!known.has(svg)) {
    known.set(svg, [...svg.querySelectorAll('polyline[data-cell]')].map(line => ({
      cell: line.dataset.cell,
      points: line.getAttribute('points').split(' ').map(point => point.split(',').map(Number)),
    })))
  }
  return known.get(svg)
}

function nearest(svg, event) {
  const box = svg.getBoundingClientRect(), scale = box.width / 1000
  const x = (event.clientX - box.left) / scale, y = event.clientY - box.top
  let found = null, least = NEAR
  for (const { cell, points } of lines(svg)) {
    const after = points.findIndex(point => point[0] >= x)
    if (after < 1) continue
    const [[left, top], [right, low]] = [points[after - 1], points[after]]
    const slope = (low - top) / (right - left)
    const off = Math.abs(top + slope * (x - left) - y) / Math.hypot(1, slope / scale)
    if (off <= least) [found, least] = [cell, off]  // of equal ones the last, which is on top
  }
  return found
}

function under(event) {
  const svg = event.target.closest('svg.parallel')
  return svg ? nearest(svg, event) : event.target.closest('[data-cell]')?.dataset.cell ?? null
}

// ---- pointer and keyboard; rows are reached through their links

const focused = () => document.activeElement.closest('tr[data-cell]')?.dataset.cell ?? null
document.addEventListener('pointermove', event => {
  if (event.target.closest('.plot, tr[data-cell]')) mark(under(event))
  else if (marked) mark(focused())
})
document.addEventListener('focusin', () => mark(focused()))
document.addEventListener('click', event => {
  const cell = event.target.closest('.plot') && under(event), row = cell && $(`tr[data-cell="${cell}"]`)
  if (!row) return
  row.scrollIntoView({ block: 'center' })
  $('a.main', row)?.focus({ preventScroll: true })
})
document.addEventListener('change', event => event.target.closest('form[data-plots]')?.requestSubmit())
document.addEventListener('htmx:after:swap', () => {
  const cell = marked
  ;[known, marked] = [new WeakMap(), undefined]
  mark(cell)
})
