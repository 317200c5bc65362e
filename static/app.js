// What every page does in the browser. Events are delegated from the document: rows swapped in need no wiring.
const all = (selector, root = document) => [...root.querySelectorAll(selector)]
const on = (type, selector, act) => document.addEventListener(type, event => {
  const found = event.target.closest?.(selector)
  if (found) act(found, event)
})

// ---- time: ages and elapsed times tick; `skew` is how far the server's clock is before the browser's, in ms

let skew = 0
const seconds = () => (Date.now() + skew) / 1000
const two = number => String(number).padStart(2, '0')

function duration(total) {
  const [days, hours, minutes] = [Math.floor(total / 86400), Math.floor(total / 3600) % 24, Math.floor(total / 60) % 60]
  const end = `${two(minutes)}:${two(total % 60)}`
  return days ? `${days}-${two(hours)}:${end}` : hours ? `${hours}:${end}` : `${minutes}:${two(total % 60)}`
}

function ago(past) {
  const ahead = past < -3  // less is only the difference of two clocks
  const size = ahead ? -past : Math.max(0, past)
  const [length, unit] = [[86400, 'd'], [3600, 'h'], [60, 'min'], [1, 's']].find(([least]) => size >= least) || [1, 's']
  return `${ahead ? 'in ~' : ''}${Math.floor(size / length)} ${unit}`
}

const write = (element, text) => { if (element.textContent !== text) element.textContent = text }
const local = time => new Date(time.dateTime).toLocaleString('sv-SE')

function tick() {
  for (const time of all('[data-age]')) write(time, ago(seconds() - time.dataset.age))
  for (const part of all('[data-start]')) {
    const past = Math.max(0, Math.floor(seconds() - part.dataset.start)), bar = part.querySelector('progress')
    write(part.querySelector('b'), duration(past))
    if (!bar) continue
    bar.value = past
    bar.classList.toggle('near', past > .9 * bar.max)
  }
}
setInterval(() => document.hidden || tick(), 1000)
on('pointerover', 'time', time => { time.title = local(time) })
document.addEventListener('htmx:after:request', event => {
  const ahead = Date.parse(event.detail.ctx.response.headers.get('Date')) - Date.now()
  skew = Math.abs(ahead) > 3000 ? ahead : 0
})

// ---- polling: [data-poll] rests in a hidden tab and asks at once when it is seen again

const ask = () => document.hidden || all('[data-poll]').forEach(part => htmx.trigger(part, 'every', {}, false))
document.addEventListener('htmx:before:request', event => {
  if (document.hidden && event.target.matches?.('[data-poll]')) event.preventDefault()
})
document.addEventListener('visibilitychange', ask)
addEventListener('pageshow', event => event.persisted && ask())

// ---- after each swap: true times and counts, and a tint on the rows whose data-v is new

const versions = new Map()
function compare(tint) {
  for (const row of all('[data-v]')) {
    if (tint && versions.get(row.id) !== row.dataset.v) {
      row.classList.add('changed')
      setTimeout(() => row.classList.remove('changed'), 2000)
    }
    versions.set(row.id, row.dataset.v)
  }
}
function settle(tint) {
  tick()
  compare(tint)
  for (const time of all('[data-clock]')) write(time, local(time))
  for (const form of all('form:has([data-tick-all])')) count(form)
  for (const toast of all('[data-toast]')) setTimeout(() => toast.remove(), 6000)
}
document.addEventListener('htmx:after:swap', event => settle(event.detail.ctx.sourceElement?.matches?.('[data-poll]')))

// ---- ticks: all, ranges with Shift, and their number on the buttons that act on them

let last = null
function count(form) {
  const boxes = all('[data-tick]', form), ticked = boxes.filter(box => box.checked)
  const head = form.querySelector('[data-tick-all]'), every = form.querySelector('[data-every]')
  head.checked = ticked.length > 0 && ticked.length === boxes.length
  head.indeterminate = ticked.length > 0 && !head.checked
  if (every && !head.checked) every.checked = false
  const number = every?.checked ? Number(every.dataset.every) : ticked.length
  for (const button of all('[data-many]', form)) {
    write(button, number === 1 ? button.dataset.one : button.dataset.many.replace('{}', number))
  }
}
on('click', '[data-tick]', (box, event) => {
  const boxes = all('[data-tick]', box.form)
  const [from, to] = [boxes.indexOf(last), boxes.indexOf(box)].sort((a, b) => a - b)
  if (event.shiftKey && from >= 0) boxes.slice(from, to + 1).forEach(other => { other.checked = box.checked })
  last = box
})
on('change', '[data-tick-all]', head => all('[data-tick]', head.form).forEach(box => { box.checked = head.checked }))
on('change', 'form:has([data-tick-all])', count)
on('reset', 'form:has([data-tick-all])', form => setTimeout(count, 0, form))

// ---- confirmation: a submit button (or form) with data-confirm asks first; the answer goes along as confirmed=1

const dialog = document.getElementById('confirm')
let agreed = null
document.addEventListener('submit', event => {
  const { target: form, submitter } = event
  const asker = submitter?.matches('[data-confirm]') ? submitter : form
  if (!asker.hasAttribute('data-confirm') || agreed === form) return
  event.preventDefault()
  event.stopImmediatePropagation()
  const action = asker.dataset.confirmAction || submitter?.textContent.trim() || 'Go on'
  dialog.querySelector('h2').textContent = asker.dataset.confirm || `${action}?`
  dialog.querySelector('p').textContent = form.querySelector('[data-every]:checked') ? '' : tickedNames(form)
  dialog.querySelector('[value=yes]').textContent = action
  dialog.querySelector('[value=""]').textContent = asker.dataset.confirmKeep || 'Keep'
  dialog.returnValue = ''
  dialog.onclose = () => dialog.returnValue === 'yes' && send(form, submitter)
  dialog.showModal()
}, true)
function tickedNames(form) {
  const names = all('[data-tick]:checked', form).map(box => box.ariaLabel), more = names.splice(5).length
  return names.join(', ') + (more ? ` and ${more} more` : '')
}
function send(form, submitter) {
  const answer = Object.assign(document.createElement('input'), { type: 'hidden', name: 'confirmed', value: '1' })
  form.append(answer)
  agreed = form
  form.requestSubmit(submitter)
  agreed = null
  answer.remove()
}

// ---- a form that was sent is not sent again by a second click

document.addEventListener('submit', event => {
  const form = event.target
  if (event.defaultPrevented || form.method !== 'post') return
  if (form.ariaBusy === 'true') event.preventDefault()
  form.ariaBusy = 'true'
})
addEventListener('pageshow', () => all('form[aria-busy]').forEach(form => { form.ariaBusy = null }))

// ---- rows are links as a whole; keys

const control = 'a, button, input, label, select, summary, textarea, [contenteditable]'
function openRow(row, event) {
  if (event.button > 1 || event.target.closest(control) || String(getSelection())) return
  const link = row.querySelector('a.main')
  if (event.button || event.ctrlKey || event.metaKey) window.open(link.href)
  else link.click()
}
on('click', 'tr:has(a.main)', openRow)
on('auxclick', 'tr:has(a.main)', openRow)

function move(step) {
  const links = all('tr a.main').filter(link => link.checkVisibility())
  const at = links.indexOf(document.activeElement?.closest('tr')?.querySelector('a.main'))
  const next = links[at < 0 ? 0 : Math.min(Math.max(at + step, 0), links.length - 1)]
  next?.focus({ focusVisible: true })
  next?.closest('tr').scrollIntoView({ block: 'nearest' })
}
const keys = {
  '/': () => document.querySelector('main [type=search]')?.select(),
  j: () => move(1),
  k: () => move(-1),
  x: () => document.activeElement?.closest('tr')?.querySelector('[data-tick]')?.click(),
  '?': () => document.getElementById('keys').showModal(),
}
document.addEventListener('keydown', event => {
  const typing = event.target.matches('input:not([type=checkbox]), textarea, select')
  if (event.key === 'Escape' && event.target.matches('[type=search]')) event.target.blur()
  const busy = typing || event.ctrlKey || event.metaKey || event.altKey || document.querySelector('dialog[open]')
  if (busy || !Object.hasOwn(keys, event.key)) return
  event.preventDefault()
  keys[event.key]()
})

// ---- copying

on('click', '[data-copy]', async button => {
  try {
    await navigator.clipboard.writeText(button.dataset.copy)
    say('Copied')
  } catch {  // no clipboard off localhost without TLS: leave the text selected for the reader's own Ctrl+C
    getSelection().selectAllChildren(button.previousElementSibling)
  }
})
function say(text) {
  const toast = Object.assign(document.createElement('div'), { textContent: text })
  toast.dataset.toast = ''
  document.getElementById('toasts').append(toast)
  setTimeout(() => toast.remove(), 2000)
}

settle(false)
