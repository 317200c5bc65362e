// The log: follow its end, find in what is loaded, go to the first error, marks beside the scroll bar.
const log = document.querySelector('[data-log]')
const part = name => document.querySelector(`[data-log-${name}]`)
const trouble = RegExp([
  /(Error|Exception)\b/, /\b(ERROR|FATAL|[Ff]atal|Traceback|Killed|Aborted)\b/, /\berror:/,
  /Segmentation fault|[Oo]ut of memory|oom-kill|CANCELLED AT/,
].map(pattern => pattern.source).join('|'), 'g')
const limits = { ranges: 5000, marks: 300 }

function* texts(root) {
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT)
  while (walker.nextNode()) yield walker.currentNode
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
log.addEventListener('scroll', () => { if (follow && !follow.disabled) follow.checked = atEnd() })
follow?.addEventListener('change', () => follow.checked && toEnd())

// ---- what is found; texts of a log never change once they are there, so errors are looked for in new ones only

const seen = new WeakSet()
let errors = [], found = [], here = -1

function* linesOfTrouble(node) {
  let end = -1
  for (const { index } of node.data.matchAll(trouble)) {
    if (index < end) continue
    end = node.data.indexOf('\n', index)
    if (end < 0) end = node.data.length
    yield range(node, node.data.lastIndexOf('\n', index) + 1, end)
  }
}

function lookForErrors() {
  for (const node of texts(log)) {
    if (seen.has(node) || errors.length > limits.ranges) continue
    seen.add(node)
    for (const line of linesOfTrouble(node)) if (errors.push(line) > limits.ranges) break
  }
  errors = errors.filter(line => line.startContainer.isConnected)
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
  if (part('found')) part('found').textContent = part('find').value ? `${here + 1} of ${found.length}` : ''
  if (part('error')) part('error').disabled = !errors.length
  mark()
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
  lookForErrors()
  find()
  here = Math.min(here, found.length - 1)
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
part('error')?.addEventListener('click', () => show(errors[0]))
document.addEventListener('htmx:after:swap', event => log.contains(event.target) && update())
new ResizeObserver(() => { mark(); if (follow?.checked) toEnd() }).observe(log)
update()
