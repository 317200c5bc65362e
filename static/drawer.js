// A drawer beside a page: what it was opened from is marked, its log follows its end, Escape closes it. Links do the rest.
export const drawer = () => document.querySelector('#drawer:not([hidden])')
export const owner = () => document.getElementById(drawer()?.dataset.of)  // what it was opened from
const KEPT = 500_000  // characters of a log that are kept in the drawer; the page of the job has more

// ---- what is shown is marked in a graph or table, which a refresh may draw without it

function mark() {
  const chosen = owner()
  for (const other of document.querySelectorAll(':is(#jobs, #cells) [id][aria-current=true]')) {
    if (other !== chosen) other.removeAttribute('aria-current')
  }
  chosen?.setAttribute('aria-current', 'true')
}

// ---- the log stays at its end while its reader is there

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

// ---- after each swap; `opened` is called when another one is open

let known = null
export function attend(opened = () => {}) {
  const settle = () => {
    const log = tail(), now = drawer()
    mark()
    if (now !== known) {
      atEnd = true
      opened()
    }
    known = now
    if (log) follow(log)
  }
  document.addEventListener('htmx:after:swap', settle)
  settle()
}

document.addEventListener('keydown', event => {
  if (event.key !== 'Escape' || event.defaultPrevented || document.querySelector('dialog[open]')) return
  if (!drawer() || event.target.matches('input, textarea, select')) return
  const from = owner()
  drawer().querySelector('[data-close]').click()
  ;(from?.matches('a') ? from : from?.querySelector('a'))?.focus()
})
