// The log: follow its end, keep the newest lines, find in what is loaded, marks beside the scroll bar.
const log = document.querySelector('[data-log]')
const part = name => document.querySelector(`[data-log-${name}]`)
const trouble = RegExp([
  /(Error|Exception)\b/, /\b(ERROR|FATAL|[Ff]atal|Traceback|Killed|Aborted)\b/, /\berror:/,
  /Segmentation fault|[Oo]ut of memory|oom-kill|CANCELLED AT/,
].map(pattern => pattern.source).join('|'), 'g')
const harmless = /(?<![\w.=/-])(?:WARNING|WARN|INFO|DEBUG)\b/  // before what looks like trouble, in its line
const limits = { ranges: 5000, marks: 300, text: 2e6 }

function* texts(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) if (!walker.currentNode.parentNode.matches('.skipped')) yield walker.currentNode
}

function range(node, start, end) {
  const made = new Range()
  made.setStart(node, start)
  made.setEnd(node, end)
  return made
}

// ---- following

const follow = part('follow')
const atEnd = () => log.scrollHeight - log.scrollTop - log.clientHeight < 8
const toEnd = () => { log.scrollTop = log.scrollHeight }
let held = -1  // where `show` has scrolled to: that it may be the end does not mean to follow
log.addEventListener('scroll', () => {
  if (!follow || log.scrollTop === held) return
  held = -1
  follow.checked = atEnd()
})
follow?.addEventListener('change', () => follow.checked && toEnd())

// ---- what is kept: the newest text, and what is in view

const gone = Object.assign(document.createElement('span'), {
  className: 'skipped', textContent: '… earlier lines are not kept here',
})

function old() {
  const top = log.getBoundingClientRect().top, nodes = []
  let over = -limits.text
  for (const node of texts(log)) over += node.data.length
  if (over > 0) over += limits.text / 4  // seldom, then more: each time the whole log is laid out anew
  for (const node of log.childNodes) {
    if (over <= 0 || node.id === 'tail') break
    const whole = new Range()
    whole.selectNode(node)
    if (whole.getBoundingClientRect().bottom > top) break
    over -= node.textContent.length
    nodes.push(node)
  }
  return nodes
}

function dropOld() {
  const nodes = old(), below = log.scrollHeight - log.scrollTop
  if (!nodes.length) return
  for (const node of nodes) node.remove()
  log.prepend(gone)
  log.scrollTop = log.scrollHeight - below
}

// ---- what is found; texts of a log never change once they are there, so errors are looked for in new ones only

const seen = new WeakSet()
let errors = [], found = [], here = -1

function* linesOfTrouble(node) {
  let end = -1
  for (const { index } of node.data.matchAll(trouble)) {
    if (index < end) continue
    const start = node.data.lastIndexOf('\n', index) + 1
    end = node.data.indexOf('\n', index)
    if (end < 0) end = node.data.length
    if (!harmless.test(node.data.slice(start, index))) yield range(node, start, end)
  }
}

function lookForErrors() {
  errors = errors.filter(line => !line.collapsed)  // its text has left the log
  for (const node of texts(log)) {
    if (seen.has(node) || errors.length > limits.ranges) continue
    seen.add(node)
    for (const line of linesOfTrouble(node)) if (errors.push(line) > limits.ranges) break
  }
}

function find() {
  const words = part('find')?.value.replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
  found = []
  if (!words) return
  for (const node of texts(log)) {
    for (const match of node.data.matchAll(new RegExp(words, 'giu'))) {
      if (found.push(range(node, match.index, match.index + match[0].length)) === limits.ranges) return
    }
  }
}

function show(place) {
  if (!place) return
  if (follow) follow.checked = false
  log.scrollTop += place.getBoundingClientRect().top - log.getBoundingClientRect().top - log.clientHeight / 3
  held = log.scrollTop
}

function go(step) {
  if (!found.length) return
  here = (here + step + found.length) % found.length
  show(found[here])
  paint()
}

// ---- painting

function paint() {
  if (CSS.highlights) {
    CSS.highlights.set('trouble', new Highlight(...errors))
    CSS.highlights.set('found', new Highlight(...found))
    const shown = new Highlight(...found.slice(here, here + 1))
    CSS.highlights.set('here', Object.assign(shown, { priority: 1 }))
  }
  count()
  mark()
}

function count() {
  const isFinding = Boolean(part('find')?.value), isPart = log.matches('[data-partial], :has(.skipped)')
  const text = `${here + 1} of ${found.length}${isPart ? ' here' : ''}`
  if (part('found')) part('found').textContent = isFinding ? text : ''
  if (part('whole')) part('whole').hidden = !isFinding || !isPart
}

function mark() {
  const svg = part('marks'), top = log.getBoundingClientRect().top - log.scrollTop
  const draw = (place, name) => {
    const rect = document.createElementNS(svg.namespaceURI, 'rect')
    const y = `${100 * (place.getBoundingClientRect().top - top) / log.scrollHeight}%`
    for (const [key, value] of Object.entries({ class: name, width: 6, height: 2, y })) rect.setAttribute(key, value)
    return rect
  }
  svg?.setAttribute('height', log.clientHeight)
  svg?.replaceChildren(
    ...errors.slice(0, limits.marks).map(line => draw(line, 'trouble')),
    ...found.slice(0, limits.marks).map(place => draw(place, 'found')),
  )
}

function update() {
  dropOld()
  lookForErrors()
  const { startContainer, startOffset } = found[here] || {}
  find()
  const still = found.findIndex(place => place.startContainer === startContainer && place.startOffset === startOffset)
  here = still < 0 ? Math.min(here, found.length - 1) : still
  paint()
  if (follow?.checked) toEnd()
}

part('find')?.addEventListener('input', () => {
  find()
  here = -1
  if (found.length) go(1)
  else paint()
})
part('find')?.addEventListener('keydown', event => {
  if (event.key !== 'Enter' || !found.length) return  // nothing here: the form asks the server for the whole log
  event.preventDefault()
  go(event.shiftKey ? -1 : 1)
})
part('next')?.addEventListener('click', () => go(1))
part('previous')?.addEventListener('click', () => go(-1))
document.addEventListener('htmx:after:swap', event => log.contains(event.target) && update())
new ResizeObserver(() => { mark(); if (follow?.checked) toEnd() }).observe(log)
update()
show(document.getElementById('at'))
if (log.hasAttribute('data-end')) toEnd()
