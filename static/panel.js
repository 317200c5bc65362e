// The panel of the builder: the fields of the job that is selected, or of the workflow. What is typed is sent after a
// moment, and each time it replaces what was sent since the field was entered: one step to undo.
const page = document.querySelector('[data-builder]'), panel = page.querySelector('.panel')
const all = (selector, root = panel) => [...root.querySelectorAll(selector)]
const template = id => page.querySelector(`#${id}`).content.firstElementChild
const pause = 300
let handle = null, view = null, session = 0, hooks = {}  // handle: { name } of the job, which lasts when it is renamed

export const start = given => { hooks = given }
const current = () => panel.querySelector('[data-panel]:not([hidden])')
const job = () => view.jobs.find(one => one.name === handle?.name)
const fields = () => (handle ? job().fields : view.top)

// ---- what is shown

export function fill(newView, newHandle, isForced) {
  const isOther = newHandle !== handle || !view
  view = newView
  handle = newHandle
  if (isOther) session++
  for (const part of all('[data-panel]')) part.hidden = (part.dataset.panel === 'job') !== Boolean(handle)
  for (const control of all('[data-path]', current())) if (isForced || isOther || !isBusy(control)) write(control)
  for (const map of all('[data-map]', current())) fillMap(map, isForced || isOther)
  if (handle) fillJob()
  showFaults()
  for (const group of all('details', current())) describe(group, isOther)
  if (isForced && panel.contains(document.activeElement)) begin(document.activeElement)
}

const isBusy = control => control === document.activeElement
function write(control) {
  const text = fields()[control.dataset.path]
  const form = panel.querySelector(`[data-form="${control.dataset.path}"]`)
  control.checked = text === 'true'
  control.indeterminate = ![undefined, 'true', 'false'].includes(text)
  if (control.matches('select')) offer(control, text)
  if (Array.isArray(text)) control.dataset.words = ''
  else delete control.dataset.words
  if (form) form.value = Array.isArray(text) ? 'words' : 'text'
  if (control.type !== 'checkbox') control.value = Array.isArray(text) ? text.join('\n') : text ?? ''
  control.dataset.sent = JSON.stringify(read(control))
}

function offer(select, text) {  // a value that is not among the choices is one more of them
  select.querySelector('[data-other]')?.remove()
  if (text === undefined || [...select.options].some(option => option.value === text)) return
  const option = Object.assign(document.createElement('option'), { textContent: text })
  option.dataset.other = ''
  select.append(option)
}

function fillJob() {
  const mine = job(), parts = ['[data-title]', '[data-waits]', '[data-parents]']
  const [title, waits, others] = parts.map(selector => panel.querySelector(selector))
  title.textContent = handle.name
  while (waits.children.length > mine.waits.length) waits.lastElementChild.remove()
  mine.waits.forEach(([kind, name], at) => {
    const row = waits.children[at] || waits.appendChild(template('wait-row').cloneNode(true))
    Object.assign(row.dataset, { from: name, kind })
    row.querySelector('select').value = kind
    row.querySelector('select').ariaLabel = `Type of the dependency on ${name}`
    row.querySelector('[data-go]').textContent = name
    row.querySelector('[data-remove]').ariaLabel = `Don't wait for ${name}`
  })
  const known = new Set([handle.name, ...mine.waits.map(wait => wait[1])])
  const names = view.jobs.map(one => one.name).filter(name => !known.has(name))
  if (names.join() === [...others.options].map(option => option.value).join()) return
  others.replaceChildren(...names.map(name => new Option(name)))
}

function fillMap(map, isForced) {
  const rows = map.querySelector('.map-rows'), pairs = fields()[map.dataset.map] || []
  const known = [...rows.children].filter(row => row.dataset.key !== undefined)
  known.slice(pairs.length).forEach(row => row.remove())
  if (isForced) for (const row of [...rows.children]) if (row.dataset.key === undefined) row.remove()
  pairs.forEach(([key, value], at) => {
    const row = known[at] || makeRow(map, rows.querySelector(':scope > :not([data-key])'))
    row.dataset.key = key
    const [name, text] = row.children
    if (isForced || !isBusy(name)) name.value = key
    if (isForced || !isBusy(text)) text.value = value
    row.dataset.sent = value
    row.lastElementChild.ariaLabel = `Remove ${key}`
  })
}

function makeRow(map, before = null) {
  const row = template('map-row').cloneNode(true), { name } = map.dataset
  row.children[0].ariaLabel = `Name of the ${name}`
  row.children[1].ariaLabel = `Value of the ${name}`
  row.lastElementChild.ariaLabel = `Remove the ${name}`
  map.querySelector('.map-rows').insertBefore(row, before)
  return row
}

function describe(group, isOther) {
  const texts = all('[data-path]', group).map(control =>
    control.type === 'checkbox' ? (control.checked ? control.dataset.path.split('.').pop() : '') : control.value)
  const keys = all('.map-row', group).map(row => row.dataset.key)
  const waits = all('[data-waits] > li', group).map(row => row.dataset.from)
  const said = [...texts, ...keys, ...waits].filter(Boolean).map(text => text.split('\n')[0])
  group.querySelector('summary small').textContent = said.join(' · ')
  const isWrong = Boolean(group.querySelector('[data-wrong]:not([hidden])'))
  if (isOther) group.open = said.length > 0 || isWrong || group.dataset.group === 'resources'
  else if (isWrong) group.open = true
  const apptainer = group.querySelector('[data-apptainer]'), runtime = group.querySelector('[data-path$=".runtime"]')
  const isUsed = input => (input.type === 'checkbox' ? input.checked : input.value !== '')
  if (apptainer) apptainer.hidden = ['', 'pyxis'].includes(runtime.value) && !all('input', apptainer).some(isUsed)
}

// ---- what is wrong

function place({ path, words }) {  // the field of a fault, or of the longest beginning of its path that has one
  const keys = !path.length && /of command and script_path/.test(words) ? ['command'] : path
  for (let end = keys.length; end > 0; end--) {
    const found = current().querySelector(`[data-field="${CSS.escape(keys.slice(0, end).join('.'))}"]`)
    if (found) return found
  }
  return null
}
const controlOf = (field, { path }) =>
  all('.map-row', field).find(row => row.dataset.key === path.at(-1))?.children[1] || field.querySelector('[data-path]')

function showFaults() {
  const rest = current().querySelector('[data-whole]')
  for (const part of all('[data-wrong]')) Object.assign(part, { hidden: true, textContent: '' })
  for (const part of all('[aria-invalid]')) part.removeAttribute('aria-invalid')
  rest.replaceChildren()
  for (const fault of view.faults.filter(one => one.job === (handle?.name ?? null))) {
    const field = place(fault), words = fault.words.replace(/^[\w.]+: /, '')
    if (field?.querySelector('[data-wrong]')) complain(field, words, controlOf(field, fault))
    else rest.append(Object.assign(document.createElement('li'), { textContent: fault.words }))
  }
}

function complain(field, words, control = field.querySelector('[data-path]')) {
  const part = field.querySelector('[data-wrong]')
  if (words && !part.textContent.split('; ').includes(words)) part.textContent += (part.textContent && '; ') + words
  part.hidden = !part.textContent
  control?.setAttribute('aria-invalid', 'true')
}

export function reveal(fault) {
  const field = place(fault) || current()
  for (let group = field.closest('details'); group; group = group.parentElement.closest('details')) group.open = true
  showTab('tab-fields')
  const control = controlOf(field, fault) || field.querySelector('button, select')
  if (field.dataset.field && fault.words) complain(field, fault.words.replace(/^[\w.]+: /, ''), control)
  control?.focus()
  control?.scrollIntoView({ block: 'nearest' })
}
export const enter = () => current().querySelector('[data-path]').select()

// ---- what is typed

const listed = text => text.split('\n').filter(line => line.trim())

function read(control) {
  if (control.type === 'checkbox') return control.checked ? 'true' : null
  const isList = control.hasAttribute('data-lines') || 'words' in control.dataset
  return isList ? listed(control.value) : control.value
}

function send(path, value, { more = '', isBack = false } = {}) {
  const mine = handle, make = () => ({ op: 'set', job: mine?.name ?? null, path, value })
  return hooks.act(make, `${session} ${path.join('.')}${more}`, undefined, isBack)
}

async function commit(control) {
  const { path } = control.dataset, value = read(control), mine = handle, said = JSON.stringify(value)
  if (control.dataset.sent === said) return
  control.dataset.sent = said
  const isName = handle && path === 'name', isBack = said === first
  const refused = await (isName ? hooks.rename(mine, value.trim()) : send(path.split('.'), value, { isBack }))
  if (refused && mine === handle) {
    complain(control.closest('[data-field]'), refused)
    delete control.dataset.sent
  }
}

async function commitEntry(row) {
  const [name, text] = row.children, key = name.value.trim()
  const map = row.closest('[data-map]'), path = map.dataset.map.split('.')
  const old = row.dataset.key, isTaken = all('.map-row', map).some(other => other !== row && other.dataset.key === key)
  if (!key) name.value = old ?? ''
  if (!key || (key === old && text.value === row.dataset.sent)) return
  if (isTaken) return complain(map, `There is a ${key} already`)
  row.dataset.key = key
  const mine = handle
  let refused = null
  if (old !== undefined && key !== old) {
    refused = await hooks.act(() => ({ op: 'key', job: mine?.name ?? null, path: [...path, old], to: key }))
  } else {
    row.dataset.sent = text.value
    refused = await send([...path, key], text.value)
  }
  if (refused && mine === handle) complain(map, refused)
}

function take(control) {
  if (control.matches('[data-path]')) commit(control)
  else if (control.matches('[data-entry]')) commitEntry(control.closest('.map-row'))
}
export function flush() {  // the field that is typed in is done with
  clearTimeout(timer)
  const control = document.activeElement
  if (!panel.contains(control)) return
  take(control)
  begin(control)
}

let timer = 0, entered = '', first = ''  // what the field had when it was entered: as text, and as it would be sent
function begin(control) {
  session++
  entered = control.value
  first = control.matches('[data-path]') ? JSON.stringify(read(control)) : ''
}
panel.addEventListener('focusin', ({ target }) => begin(target))
export const isTyping = control => panel.contains(control) && control.value !== entered
panel.addEventListener('input', ({ target }) => {
  clearTimeout(timer)
  const isName = target.matches('[data-entry=key]') || (handle && target.dataset.path === 'name')
  if (!isName && target.matches('textarea, input')) timer = setTimeout(take, pause, target)
})
panel.addEventListener('change', ({ target }) => {
  clearTimeout(timer)
  if (target.matches('[data-form]')) return changeForm(target)
  const row = target.closest('[data-waits] > li')
  if (row) hooks.retype(row.dataset.from, handle.name, target.value, row.dataset.kind)
  else take(target)
})
panel.addEventListener('keydown', event => {
  if (event.key === 'Escape') hooks.back()
  else if (event.key === 'Enter' && event.target.matches('input')) flush()
  else if (event.target.matches('[role=tab]') && /^Arrow(Left|Right)$/.test(event.key)) {
    showTab(event.target.id === 'tab-fields' ? 'tab-script' : 'tab-fields')
    panel.querySelector('[role=tab][aria-selected=true]').focus()
  }
})

function changeForm(select) {  // words become a line each, and the other way round as a shell would have them
  const control = panel.querySelector(`[data-path="${select.dataset.form}"]`), isWords = select.value === 'words'
  if (isWords) control.dataset.words = ''
  else delete control.dataset.words
  control.value = isWords ? split(control.value).join('\n') : listed(control.value).map(quoted).join(' ')
  commit(control)
}

const word = /(?:\{\{.*?\}\}|"(?:\\.|[^"\\])*"|'[^']*'|\\.|[^\s"'\\])+/gs
const piece = /"((?:\\.|[^"\\])*)"|'([^']*)'|\\(.)/gs
const split = text => (text.match(word) || []).map(found => found.replace(piece, (_, double, single, sign) =>
  double?.replace(/\\(["\\$`])/g, '$1') ?? single ?? sign))
const quoted = text => (/^[\w@%+=:,./{}[\]-]+$/.test(text) ? text : `'${text.replaceAll("'", `'"'"'`)}'`)

// ---- buttons

const addRow = map => (map.querySelector('.map-row:not([data-key])') || makeRow(map)).firstElementChild.focus()

function removeRow(row) {
  const map = row.closest('[data-map]'), next = row.nextElementSibling || row.previousElementSibling
  if (row.dataset.key !== undefined) send([...map.dataset.map.split('.'), row.dataset.key], null, { more: ' gone' })
  row.remove()
  ;(next?.firstElementChild || map.querySelector('[data-more]')).focus()
}

export function showTab(id) {
  for (const tab of all('[role=tab]')) {
    const isThis = tab.id === id
    tab.ariaSelected = isThis
    tab.tabIndex = isThis ? 0 : -1
    page.querySelector(`#${tab.getAttribute('aria-controls')}`).hidden = !isThis
  }
  hooks.tab(id)
}

const clicks = {
  '[data-more]': button => addRow(button.closest('[data-map]')),
  '.map-row [data-remove]': button => removeRow(button.closest('.map-row')),
  '[data-waits] [data-remove]': button => {
    const { from, kind } = button.closest('li').dataset
    panel.querySelector('[data-parents]').focus()
    hooks.disconnect(from, handle.name, kind)
  },
  '[data-go]': button => hooks.go(button.textContent),
  '[data-connect]': button => {
    const { value } = button.previousElementSibling
    if (value) hooks.connect(value, handle.name)
  },
  '[data-clear]': button => send(button.dataset.clear.split('.'), null, { more: ' gone' }),
  '[role=tab]': tab => showTab(tab.id),
}
panel.addEventListener('click', ({ target }) => {
  for (const [selector, act] of Object.entries(clicks)) {
    const found = target.closest(selector)
    if (found) return act(found)
  }
})
