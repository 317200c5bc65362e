// The page of a run: the drawer beside the graph, its log, Escape. Links do the rest.
const drawer = () => document.querySelector('#drawer:not([hidden])')
const node = name => document.getElementById(`n-${name}`)
const KEPT = 500_000  // characters of a log that are kept in the drawer; the page of the job has more

// ---- the chosen job is marked in the graph, which a refresh draws without it, and kept by the other view

function mark() {
  const chosen = drawer()?.dataset.job
  for (const view of document.querySelectorAll('#run .either a')) {
    const url = new URL(view.href)
    url.searchParams.delete('job')
    if (chosen) url.searchParams.set('job', chosen)
    view.href = url
  }
  for (const other of document.querySelectorAll('#jobs [aria-current]')) {
    if (other.id !== `n-${chosen}`) other.removeAttribute('aria-current')
  }
  if (chosen) node(chosen)?.setAttribute('aria-current', 'true')
}

function show() {
  const box = document.getElementById('graph-box'), chosen = box && node(drawer()?.dataset.job)
  if (!chosen) return
  const [inner, outer] = [chosen.getBoundingClientRect(), box.getBoundingClientRect()]
  box.scrollLeft += Math.min(0, inner.left - outer.left - 16) + Math.max(0, inner.right - outer.right + 16)
  box.scrollTop += Math.min(0, inner.top - outer.top - 16) + Math.max(0, inner.bottom - outer.bottom + 16)
}

// ---- the log of the drawer stays at its end while its reader is there

let atEnd = true
const tail = () => document.querySelector('[data-tail]')
const isAtEnd = log => log.scrollHeight - log.scrollTop - log.clientHeight < 8
document.addEventListener('scroll', event => {
  if (event.target.matches?.('[data-tail]')) atEnd = isAtEnd(event.target)
}, true)

function follow(log) {
  let over = log.textContent.length - KEPT
  while (over > 0 && log.firstChild.id !== 'tail') {
    over -= log.firstChild.textContent.length
    log.firstChild.remove()
  }
  if (atEnd) log.scrollTop = log.scrollHeight
}

let known = null
function settle() {
  const log = tail(), opened = drawer()
  mark()
  if (opened !== known) {
    atEnd = true
    show()
  }
  known = opened
  if (log) follow(log)
}
document.addEventListener('htmx:after:swap', settle)

// ---- keys, and menus that close by themselves

document.addEventListener('keydown', event => {
  if (event.key !== 'Escape' || document.querySelector('dialog[open]')) return
  const menu = document.querySelector('.menu-box[open]'), chosen = drawer()?.dataset.job
  if (menu) {
    menu.open = false
    menu.querySelector('summary').focus()
  } else if (chosen && !event.target.matches('input, textarea, select')) {
    drawer().querySelector('[data-close]').click()
    const link = node(chosen)
    ;(link?.matches('a') ? link : link?.querySelector('a'))?.focus()
  }
})
document.addEventListener('click', event => {
  const menu = document.querySelector('.menu-box[open]')
  if (menu && !menu.contains(event.target)) menu.open = false
})

settle()
