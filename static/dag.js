// The canvas of the builder: jobs as cards, edges between their ports. It draws what it is given; where the cards stand
// is its own business, and is kept in this browser.
const page = document.querySelector('[data-builder]')
export const box = page.querySelector('[data-canvas]'), cards = box.querySelector('[data-nodes]')
export const lines = box.querySelector('[data-edges]'), tools = box.querySelector('[data-edge-tools]')
const sheet = box.querySelector('.sheet'), drawings = sheet.querySelectorAll('svg')
export const [width, height] = [Number(page.dataset.width), Number(page.dataset.height)]
const room = 24

export const nodes = new Map()  // the jobs that are drawn, by name: their elements
export const places = new Map()  // where jobs stand or stood, by name: [x, y]; one that comes back stands where it was
export const edges = new Map()  // by "from kind to"
let arranged = { places: {}, edges: [] }, paths = new Map(), key = null, isMoved = false
let zoom = 1, chosen = null, size = '', view = { width: box.clientWidth, height: box.clientHeight }

const id = (from, to, kind) => `${from} ${kind} ${to}`
const element = (name, attributes = {}) => {
  const made = document.createElementNS('http://www.w3.org/2000/svg', name)
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value)
  return made
}
export const nameOf = target => target.closest('.job-box')?.dataset.name
export const focus = name => nodes.get(name)?.firstElementChild.focus()

export function start(layout, storageKey) {
  key = storageKey
  take(layout)
  try {
    for (const [name, place] of Object.entries(JSON.parse(localStorage.getItem(key)) || {})) places.set(name, place)
  } catch { /* nothing was kept */ }
  isMoved = places.size > 0
}

// ---- places

function take(layout) {
  arranged = layout
  paths = new Map(layout.edges.map(([from, to, kind, path, x, y]) => [id(from, to, kind), { path, x, y }]))
}

export function arrange(layout) {
  take(layout)
  for (const [name, place] of Object.entries(layout.places)) places.set(name, place)
  isMoved = false
  keep()
}

export function keep(newKey = key) {
  key = newKey
  try {
    if (!isMoved) return localStorage.removeItem(key)
    const kept = Object.fromEntries([...places].filter(([name]) => nodes.has(name)))
    localStorage.setItem(key, JSON.stringify(kept))
  } catch { /* no room, or not allowed: then they are kept until the page is left */ }
}

export function rename(old, name) {
  if (places.has(old)) places.set(name, places.get(old))
  if (nodes.has(old)) nodes.set(name, nodes.get(old)).delete(old)
  if (nodes.has(name)) nodes.get(name).dataset.name = name
}

export function place(name, spot) {
  places.set(name, spot)
  isMoved = true
}

export function spotAfter(name) {
  const [x, y] = places.get(name)
  return below(x + width + 64, y)
}

export function spotBelow(name) {
  const [x, y] = places.get(name)
  return below(x, y + height + room)
}

export const spotInView = () => free(Math.round(box.scrollLeft / zoom) + room, Math.round(box.scrollTop / zoom) + room)

function free(x, y) {  // the first place that is, in rows as wide as what is seen
  const columns = Math.max(1, Math.floor((box.clientWidth / zoom - room) / (width + 64)))
  for (let number = 0; ; number++) {
    const spot = [x + (number % columns) * (width + 64), y + Math.floor(number / columns) * (height + room)]
    if (isFree(...spot)) return spot
  }
}

function below(x, y) {  // the same in a column
  while (!isFree(x, y)) y += height + room
  return [x, y]
}

const taken = () => [...nodes.keys()].map(name => places.get(name))
const isFree = (x, y) =>
  taken().every(([left, top]) => Math.abs(left - x) >= width + room || Math.abs(top - y) >= height + 16)

// ---- drawing

export function draw({ jobs, edges: list, faults }) {
  const names = new Set(jobs.map(job => job.name)), wrong = new Map()
  for (const { job } of faults) wrong.set(job, (wrong.get(job) || 0) + 1)
  for (const [name, node] of nodes) {
    if (names.has(name)) continue
    node.remove()
    nodes.delete(name)
  }
  for (const job of jobs) drawCard(job, wrong.get(job.name) || 0)
  sort(jobs)
  drawEdges(list)
  resize()
}

function drawCard(job, faults) {
  if (!places.has(job.name)) places.set(job.name, below(...(arranged.places[job.name] || [room, room])))
  const node = nodes.get(job.name) || makeCard(job.name), button = node.firstElementChild
  put(job.name)
  const said = JSON.stringify([job.name, job.runs, job.asks, faults])
  if (node.said === said) return  // of hundreds of cards, one has changed
  node.said = said
  const asks = job.asks.join(' · '), problems = faults === 1 ? '1 problem' : `${faults} problems`
  node.querySelector('b').textContent = job.name
  node.querySelector('[data-runs]').textContent = job.runs || 'no command yet'
  node.querySelector('[data-asks]').textContent = asks
  node.classList.toggle('gpu', job.has_gpu)
  node.dataset.faults = faults || ''
  button.ariaLabel = [job.name, job.runs, asks, faults ? problems : ''].filter(Boolean).join(', ')
  button.title = [job.name, job.runs, asks].filter(text => text.length > 26).join('\n')
}

function makeCard(name) {
  const node = page.querySelector('#node').content.firstElementChild.cloneNode(true)
  node.dataset.name = name
  cards.append(node)
  nodes.set(name, node)
  return node
}

function sort(jobs) {  // so that Tab goes in the order of the file
  let last = null
  for (const { name } of jobs) {
    const node = nodes.get(name)
    if (node.previousElementSibling !== last) {
      const hadFocus = node.contains(document.activeElement)
      if (last) last.after(node)
      else cards.prepend(node)
      if (hadFocus) focus(name)
    }
    last = node
  }
}

function put(name) {
  const [x, y] = places.get(name), node = nodes.get(name), spot = `${x}px ${y}px`
  if (node.spot !== spot) node.style.translate = node.spot = spot
}

function drawEdges(list) {
  const wanted = new Set(list.map(edge => id(...edge)))
  for (const [name, { group }] of edges) {
    if (wanted.has(name)) continue
    group.remove()
    edges.delete(name)
  }
  for (const edge of list) {
    if (!edges.has(id(...edge))) makeEdge(...edge)
    route(edges.get(id(...edge)))
  }
  choose(edges.has(chosen) ? chosen : null)
}

function makeEdge(from, to, kind) {
  const group = element('g', { class: 'edge-group' }), name = id(from, to, kind)
  const label = element('text', { class: kind === 'afternotok' ? 'not' : '' })
  label.textContent = kind === 'afterok' ? '' : kind
  const parts = { hit: element('path', { class: 'hit' }), line: element('path', { class: `edge ${kind}` }), label }
  group.append(...Object.values(parts))
  group.dataset.edge = name
  lines.append(group)
  edges.set(name, { from, to, kind, group, ...parts })
}

const stands = name => String(places.get(name)) === String(arranged.places[name])

function route(edge) {
  const known = paths.get(id(edge.from, edge.to, edge.kind))
  const drawn = known && stands(edge.from) && stands(edge.to) ? known : between(edge.from, edge.to)
  if (edge.path === drawn.path) return
  edge.path = drawn.path
  edge.hit.setAttribute('d', drawn.path)
  edge.line.setAttribute('d', drawn.path)
  edge.label.setAttribute('x', drawn.x)
  edge.label.setAttribute('y', drawn.y)
  edge.middle = [drawn.x, drawn.y]
}

function between(from, to) {
  const [x, y] = places.get(from), [endX, endY] = places.get(to), half = height / 2
  const path = curve(x + width, y + half, endX, endY + half)
  return { path, x: Math.round((x + width + endX) / 2), y: Math.round((y + endY) / 2 + half) - (y === endY ? 8 : 0) }
}

export function curve(x, y, endX, endY) {
  const pull = endX < x ? 56 : Math.max(36, Math.min(160, (endX - x) / 2))
  return `M${x} ${y}C${x + pull} ${y} ${endX - pull} ${endY} ${endX} ${endY}`
}

const near = name => [...edges.values()].filter(edge => edge.from === name || edge.to === name)
export function redraw(name) {  // a job that was moved
  put(name)
  near(name).forEach(route)
}
export function lift(name, isUp) {  // while it moves, its edges are drawn in front, apart from all others
  nodes.get(name)?.classList.toggle('moving', isUp)
  const into = isUp ? sheet.querySelector('[data-front]') : lines
  into.append(...near(name).map(edge => edge.group))
}

export function settle() {
  resize()
  keep()
  if (chosen) choose(chosen)
}

export const point = ({ clientX, clientY }) => {  // of the pointer, on the sheet
  const { left, top } = box.getBoundingClientRect()
  return [(clientX - left + box.scrollLeft) / zoom, (clientY - top + box.scrollTop) / zoom]
}

function resize() {
  const all = taken()
  const least = (axis, own, seen) => Math.max(Math.floor(seen / zoom), ...all.map(spot => spot[axis] + own + 48))
  const [wide, high] = [least(0, width, view.width), least(1, height, view.height)]
  if (`${wide} ${high} ${zoom}` === size) return
  size = `${wide} ${high} ${zoom}`
  for (const drawing of drawings) {
    drawing.setAttribute('width', wide)
    drawing.setAttribute('height', high)
  }
  sheet.style.scale = zoom
}
new ResizeObserver(() => {
  view = { width: box.clientWidth, height: box.clientHeight }
  resize()
}).observe(box)

export function scale(wanted) {
  const [right, bottom] = [0, 1].map(axis => Math.max(0, ...taken().map(spot => spot[axis])))
  const fit = () => Math.min(1, view.width / (right + width + 32), view.height / (bottom + height + 32))
  zoom = Math.min(2, Math.max(.2, wanted === 'fit' ? fit() : zoom * wanted))
  resize()
}

export function select(name) {
  for (const [other, node] of nodes) {
    node.classList.toggle('selected', other === name)
    node.firstElementChild.setAttribute('aria-pressed', other === name)
  }
}

export const show = name => nodes.get(name)?.scrollIntoView({ block: 'nearest', inline: 'nearest' })

// ---- an edge that was chosen has its type beside it, and a button that deletes it

export function choose(name) {
  if (chosen && edges.has(chosen)) edges.get(chosen).group.classList.remove('chosen')
  chosen = name
  tools.hidden = !name
  if (!name) return
  const { kind, group, middle: [x, y], from, to } = edges.get(name)
  group.classList.add('chosen')
  tools.ariaLabel = `${from} to ${to}`
  tools.querySelector('select').value = kind
  tools.style.translate = `${x}px ${y}px`
}
export const chosenEdge = () => edges.get(chosen)
export const chooseBetween = (from, to, kind) => choose(edges.has(id(from, to, kind)) ? id(from, to, kind) : null)
