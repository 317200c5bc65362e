// What a person does on the canvas: the pointer moves cards, pulls edges from ports and pushes the ground along; keys
// do the same. `hooks` are told what is meant.
import * as dag from './dag.js'

const { box, cards, lines, tools, nameOf, nodes, places, width, height } = dag
const wire = box.querySelector('[data-wire]')
let source = null, hooks = {}

export const start = given => { hooks = given }

// ---- the edge that was chosen

lines.addEventListener('click', event => {
  const group = event.target.closest('[data-edge]')
  if (!group) return
  dag.choose(group.dataset.edge)
  tools.querySelector('select').focus()
})
tools.querySelector('select').addEventListener('change', event => {
  const { from, to, kind } = dag.chosenEdge()
  hooks.retype(from, to, event.target.value, kind)
})
function deleteEdge() {
  const { from, to, kind } = dag.chosenEdge()
  hooks.disconnect(from, to, kind)
  dag.focus(to)
}
tools.querySelector('button').addEventListener('click', deleteEdge)
tools.addEventListener('keydown', event => {
  if (!['Delete', 'Backspace', 'Escape'].includes(event.key)) return
  event.preventDefault()
  if (event.key !== 'Escape') return deleteEdge()
  dag.focus(dag.chosenEdge().to)
  dag.choose(null)
})

// ---- the pointer: a card is moved, a port makes an edge, the ground is pushed along

function track(event, { move, end }) {
  const target = event.target, begin = [event.clientX, event.clientY]
  let last = event, due = 0, far = false
  target.setPointerCapture(event.pointerId)
  const moved = now => {
    last = now
    far ||= Math.hypot(now.clientX - begin[0], now.clientY - begin[1]) > 4
    if (far) due ||= requestAnimationFrame(() => { due = 0; move(last) })
  }
  const done = now => {
    cancelAnimationFrame(due)
    target.removeEventListener('pointermove', moved)
    for (const type of ['pointerup', 'pointercancel']) target.removeEventListener(type, done)
    end(now.type === 'pointerup' && far ? now : null)
  }
  target.addEventListener('pointermove', moved)
  for (const type of ['pointerup', 'pointercancel']) target.addEventListener(type, done)
}

cards.addEventListener('pointerdown', event => {
  const name = nameOf(event.target), port = event.target.closest('.port')
  if (!name || event.button) return
  if (port) return pull(event, name, port.classList.contains('out'))
  dag.focus(name)
  drag(event, name)
})

function drag(event, name) {
  const [x, y] = dag.point(event), [left, top] = places.get(name)
  let isUp = false
  track(event, {
    move(now) {
      if (!isUp) dag.lift(name, isUp = true)
      const [toX, toY] = dag.point(now)
      dag.place(name, [Math.max(0, Math.round(left + toX - x)), Math.max(0, Math.round(top + toY - y))])
      dag.redraw(name)
      scrollAlong(now)
    },
    end(now) {
      if (isUp) dag.lift(name, false)
      if (now) dag.settle()
    },
  })
}

function scrollAlong({ clientX, clientY }) {
  const { left, right, top, bottom } = box.getBoundingClientRect(), edge = 32
  const push = (before, after) => before < edge ? -12 : after < edge ? 12 : 0
  box.scrollBy(push(clientX - left, right - clientX), push(clientY - top, bottom - clientY))
}

const under = event => {
  const found = document.elementFromPoint(event.clientX, event.clientY)
  return found && box.contains(found) ? { name: nameOf(found) } : {}
}

function pull(event, name, isOut) {
  const [x, y] = places.get(name), from = [x + (isOut ? width : 0), y + height / 2]
  event.preventDefault()
  dag.choose(null)  // what floats beside an edge is in the way
  let over = null
  const aim = target => {
    nodes.get(over)?.classList.remove('target')
    over = target && target !== name ? target : null
    nodes.get(over)?.classList.add('target')
  }
  box.classList.add('pulling')
  track(event, {
    move(now) {
      const to = dag.point(now)
      wire.setAttribute('d', isOut ? dag.curve(...from, ...to) : dag.curve(...to, ...from))
      aim(under(now).name)
      scrollAlong(now)
    },
    end(now) {
      aim(null)
      box.classList.remove('pulling')
      wire.setAttribute('d', '')
      if (now) drop(now, name, isOut)
    },
  })
}

function drop(event, name, isOut) {
  const found = under(event), [x, y] = dag.point(event).map(Math.round)
  if (found.name && found.name !== name) hooks.connect(...(isOut ? [name, found.name] : [found.name, name]))
  else if ('name' in found && !found.name && isOut) hooks.add(name, [x, Math.max(0, y - height / 2)])
}

box.addEventListener('pointerdown', event => {
  if (event.target.closest('.job-box, .edge-group, .edge-tools') || event.button) return
  if (event.pointerType === 'touch') return  // that scrolls by itself
  const [x, y, left, top] = [event.clientX, event.clientY, box.scrollLeft, box.scrollTop]
  if (event.offsetX > event.target.clientWidth && event.target === box) return  // the scroll bar
  track(event, {
    move: now => box.scrollTo(left + x - now.clientX, top + y - now.clientY),
    end: now => now || leave(),
  })
})
function leave() {
  dag.choose(null)
  hooks.select(null)
}
box.addEventListener('wheel', event => {
  if (!event.ctrlKey) return
  event.preventDefault()
  dag.scale(event.deltaY < 0 ? 1.1 : 1 / 1.1)
}, { passive: false })

// ---- keys on a card

const ways = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] }

function nudge(name, [x, y], far) {
  const [left, top] = places.get(name), size = far ? 80 : 16
  dag.place(name, [Math.max(0, left + x * size), Math.max(0, top + y * size)])
  dag.redraw(name)
  dag.settle()
  dag.show(name)
}

function connectKey(name) {
  const from = source
  setSource(from ? null : name)
  if (!from) hooks.say(`Connecting from ${name}: Tab to the job that is to wait for it, then c or Enter. Esc gives up.`)
  else if (from === name) hooks.say('')
  else hooks.connect(from, name)
}

function setSource(name) {
  nodes.get(source)?.classList.remove('source')
  source = name
  nodes.get(source)?.classList.add('source')
}

function giveUp() {
  if (!source) return leave()
  setSource(null)
  hooks.say('')
}

const keys = {
  Enter: name => source ? connectKey(name) : hooks.open(name),
  c: connectKey, d: name => hooks.duplicate(name), Escape: giveUp,
  Delete: name => hooks.remove(name), Backspace: name => hooks.remove(name), N: name => hooks.add(name),
}
cards.addEventListener('keydown', event => {
  const name = nameOf(event.target)
  if (!name || event.ctrlKey || event.metaKey || event.altKey) return
  if (ways[event.key]) nudge(name, ways[event.key], event.shiftKey)
  else if (Object.hasOwn(keys, event.key)) keys[event.key](name)
  else return
  event.preventDefault()
  event.stopPropagation()
})
cards.addEventListener('focusin', event => hooks.select(nameOf(event.target)))
cards.addEventListener('dblclick', event => nameOf(event.target) && hooks.open(nameOf(event.target)))
