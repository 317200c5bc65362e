// The builder: the text that the page came with, and operations on it. The server says what they make of it, or why
// not; the document itself is never here, so what the page does not show can't get lost.
import * as dag from './dag.js'
import * as hands from './hands.js'
import * as panel from './panel.js'
import { counted, showProblems, showScript, showYaml } from './panes.js'

const page = document.querySelector('[data-builder]'), form = document.getElementById('draft').elements
const part = name => page.querySelector(`[data-${name}]`)
const said = part('said'), handles = new Map()
let view = JSON.parse(page.dataset.view), operations = JSON.parse(form.operations.value), undone = []
let selected = null, merged = '', saidAt = 0, isLeaving = false

// ---- the server

async function ask(url, more) {
  const body = JSON.stringify({ yaml: form.yaml.value, mount: form.mount.value, ...more })
  const headers = { 'Content-Type': 'application/json' }
  try {
    const answer = await fetch(url, { method: 'POST', headers, body })
    if (answer.ok) return await answer.json()
    return { refused: `The server refused (${answer.status}); nothing was changed.` }
  } catch {
    return { refused: 'The server does not answer; nothing was changed.' }
  }
}

const askScript = () => ask(page.dataset.scriptUrl, { operations, job: selected?.name })

let queue = Promise.resolve()  // one thing after the other: each operation is on what those before it have made
const inTurn = task => (queue = queue.then(task, task))

async function attempt(next, done, isForced = false) {
  const found = await ask(page.dataset.draftUrl, { operations: next })
  if (found.refused) {
    say(found.refused, true)
    return found.refused
  }
  operations = next
  view = found
  done()
  show(isForced)
  return null
}

// An operation is made when its turn comes. One with the same `merge` as the last one takes the place of that, or only
// takes that away, when it leads back to where it began.
const act = (make, merge = '', done = () => {}, isBack = false) => inTurn(() => {
  const operation = make(), last = merge && merge === merged ? operations.at(-1) : null
  if (last?.was) operation.was = last.was
  const before = last ? operations.slice(0, -1) : operations, isNothing = last && isBack
  return attempt(isNothing ? before : [...before, operation], () => {
    undone = []
    merged = isNothing ? '' : merge
    if (Date.now() - saidAt > 2000) say('')  // not what was said a moment ago, when this was typed already
    done()
  })
})

// ---- what a person does

const handle = name => handles.get(name) || handles.set(name, { name }).get(name)

function called(old, name) {  // a job has got another name
  const mine = handle(old)
  handles.delete(old)
  handles.set(name, Object.assign(mine, { name }))
  dag.rename(old, name)
}

function select(name) {
  const wanted = name ? handle(name) : null
  if (wanted === selected) return
  selected = wanted
  dag.choose(null)
  show()
}

const free = stem => {
  const names = new Set(view.jobs.map(job => job.name))
  for (let number = 1; ; number++) if (!names.has(`${stem}${number}`)) return `${stem}${number}`
}

async function add(after = null, spot = null) {
  let name = ''
  const make = () => {
    name = free('job')
    return { op: 'add', name, after }
  }
  const refused = await act(make, '', () => {
    dag.place(name, spot || (after ? dag.spotAfter(after) : dag.spotInView()))
    selected = handle(name)
  })
  if (refused) return
  dag.show(name)
  panel.showTab('tab-fields')
  panel.enter()
}

async function duplicate(job) {
  let name = ''
  const make = () => {
    name = free(`${job.replace(/-\d+$/, '')}-`)
    return { op: 'duplicate', job, name }
  }
  const refused = await act(make, '', () => dag.place(name, dag.spotBelow(job)))
  if (!refused) dag.focus(name)
}

async function remove(job) {
  const names = view.jobs.map(one => one.name), at = names.indexOf(job)
  if (await act(() => ({ op: 'delete', job }))) return
  const next = names[at + 1] || names[at - 1]
  if (next) dag.focus(next)
  else part('act=add').focus()
  say(`Deleted ${job}. Ctrl+Z brings it back.`)
}

async function connect(from, to) {
  if (!await act(() => ({ op: 'connect', from, to, kind: 'afterok' }))) dag.chooseBetween(from, to, 'afterok')
}
const retype = async (from, to, kind, was) => {
  const refused = await act(() => ({ op: 'retype', from, to, kind, was }), `retype ${from} ${to}`)
  if (!refused) dag.chooseBetween(from, to, kind)
}
const disconnect = (from, to, kind) => act(() => ({ op: 'disconnect', from, to, kind }))
const rename = (mine, to) => act(() => ({ op: 'rename', job: mine.name, to }), '', () => called(mine.name, to))

function order(job, step) {
  const names = view.jobs.map(one => one.name), at = names.indexOf(job), to = at + step
  if (names[to]) act(() => ({ op: 'order', job, before: names[step < 0 ? to : to + 1] ?? null }))
}

const words = ({ op, job, name, from, to, path }) => ({
  add: `new job ${name}`, duplicate: `copy of ${job}`, delete: `deletion of ${job}`, rename: `new name ${to} of ${job}`,
  order: `place of ${job}`, connect: `${from} → ${to}`, retype: `type of ${from} → ${to}`,
  disconnect: `end of ${from} → ${to}`,
})[op] || `${(path || []).join('.')}${job ? ` of ${job}` : ''}`

const undo = () => inTurn(() => {
  const last = operations.at(-1)
  if (!last) return say('There is nothing to undo.')
  return attempt(operations.slice(0, -1), () => {
    if (last.op === 'rename') called(last.to, last.job)
    undone.push(last)
    merged = ''
    say(`Undone: ${words(last)}`)
  }, true)
})
const redo = () => inTurn(() => {
  const last = undone.at(-1)
  if (!last) return say('There is nothing to redo.')
  return attempt([...operations, last], () => {
    if (last.op === 'rename') called(last.job, last.to)
    undone.pop()
    merged = ''
    say(`Done again: ${words(last)}`)
  }, true)
})

const arrange = () => inTurn(async () => {
  const found = await ask(page.dataset.draftUrl, { operations, layout: true })
  if (found.refused) return say(found.refused, true)
  dag.arrange(found.layout)
  show()
})

// ---- what is seen

function say(text, isRefusal = false) {
  saidAt = Date.now()
  said.textContent = text
  said.classList.toggle('refused', isRefusal)
}

function show(isForced = false) {
  const hadFocus = document.activeElement !== document.body
  if (selected && !view.jobs.some(job => job.name === selected.name)) selected = null
  dag.draw(view)
  dag.select(selected?.name)
  panel.fill(view, selected, isForced)
  showYaml(view, selected?.name)
  showScript(askScript)
  showProblems(view)
  showCounts()
  if (hadFocus && document.activeElement === document.body) dag.box.focus()
}

function showCounts() {
  const jobs = view.jobs.length, changes = operations.length, texts = [counted(jobs, 'job')]
  if (changes) texts.push(`${counted(changes, 'change')} not saved`)
  document.querySelector('[data-count]').textContent = texts.join(', ')
  part('empty').hidden = jobs > 0
  part('act=undo').ariaDisabled = !changes
  part('act=redo').ariaDisabled = !undone.length
  part('act=workflow').ariaPressed = !selected
  part('kept').textContent = view.kept.length ? `Kept as it is: ${view.kept.join(', ')}` : ''
}

part('problems').addEventListener('click', event => {
  const fault = view.faults[event.target.closest('button')?.dataset.at]
  if (!fault) return
  select(fault.job)
  if (fault.job) dag.show(fault.job)
  panel.reveal(fault)
})

// ---- saving and leaving

async function save(event) {
  event?.preventDefault()
  panel.flush()
  await queue
  if (!view.jobs.length) return say('Not saved: there is no job yet.', true)
  const isNew = 'new' in form.name.dataset, isNamed = !isNew || /^[\w-]{1,128}$/.test(view.top.name)
  const nameless = { job: null, path: ['name'], words: 'A name is needed: letters, digits, - and _' }
  const problem = isNamed ? view.faults[0] : nameless
  if (problem) {
    say(isNamed ? 'Not saved: there are problems.' : 'Not saved: the workflow needs a name.', true)
    select(problem.job)
    return panel.reveal(problem)
  }
  if (isNew) form.name.value = view.top.name
  dag.keep(page.dataset.key + form.name.value)
  form.operations.value = JSON.stringify(operations)
  isLeaving = true
  const button = event?.submitter?.name ? event.submitter : null
  if (button) form.opened.value = button.value
  document.getElementById('draft').submit()
}
document.getElementById('draft').addEventListener('submit', save)
addEventListener('beforeunload', event => { if (operations.length && !isLeaving) event.preventDefault() })
addEventListener('pageshow', () => { isLeaving = false })

// ---- buttons and keys

const job = () => selected?.name
const acts = {
  add: () => add(), undo, redo, arrange,
  smaller: () => dag.scale(1 / 1.25), larger: () => dag.scale(1.25), fit: () => dag.scale('fit'),
  workflow: () => { select(null); panel.enter() }, yaml: toggleYaml,
  keys: () => document.getElementById('builder-keys').showModal(),
  duplicate: () => duplicate(job()), delete: () => remove(job()),
  earlier: () => order(job(), -1), later: () => order(job(), 1),
}
page.addEventListener('click', ({ target }) => {
  const button = target.closest('[data-act]')
  if (button) acts[button.dataset.act](button)
})

function toggleYaml() {
  const pane = document.getElementById('yaml-pane')
  pane.hidden = !pane.hidden
  part('act=yaml').ariaPressed = !pane.hidden
  showYaml(view, selected?.name)
}

const keys = { n: 'add', w: 'workflow', y: 'yaml', '?': 'keys', '-': 'smaller', '+': 'larger', 0: 'fit' }
const withControl = { z: event => (event.shiftKey ? redo() : undo()), y: redo, s: save }

function isOwnUndo(event) {  // in a field that was typed in, Ctrl+Z is the field's
  return event.key.toLowerCase() !== 's' && event.target.matches('input:not([type=checkbox]), textarea')
    && panel.isTyping(event.target)
}

document.addEventListener('keydown', event => {
  const isControl = event.ctrlKey || event.metaKey
  if (document.querySelector('dialog[open]') || event.altKey) return
  if (isControl && Object.hasOwn(withControl, event.key.toLowerCase())) {
    if (isOwnUndo(event)) return
    event.preventDefault()
    withControl[event.key.toLowerCase()](event)
  } else if (!isControl && !event.target.matches('input, textarea, select') && !'/'.includes(event.key)) {
    if (Object.hasOwn(keys, event.key)) acts[keys[event.key]]()
    else if (!'jkx'.includes(event.key)) return
    event.preventDefault()
    event.stopImmediatePropagation()
  }
}, true)

dag.start(view.layout, 'new' in form.name.dataset ? null : page.dataset.key + form.name.value)
hands.start({ select, open: () => panel.enter(), add, remove, duplicate, connect, retype, disconnect, say })
panel.start({
  act, rename, connect, retype, disconnect, go: name => dag.focus(name),
  back: () => (selected ? dag.focus(selected.name) : dag.box.focus()),
  tab: () => showScript(askScript),
})
show()
