// The page of a run: the chosen job in the graph and in the other view, and menus that close by themselves.
import { attend, drawer, owner } from './drawer.js'

document.addEventListener('keydown', event => {
  const menu = document.querySelector('.menu-box[open]')
  if (event.key !== 'Escape' || !menu || document.querySelector('dialog[open]')) return
  event.preventDefault()  // the drawer stays
  menu.open = false
  menu.querySelector('summary').focus()
}, true)
document.addEventListener('click', event => {
  const menu = document.querySelector('.menu-box[open]')
  if (menu && !menu.contains(event.target)) menu.open = false
})

function keep() {  // the other view shows the same job
  const chosen = drawer()?.dataset.job
  for (const view of document.querySelectorAll('#run .either a')) {
    const url = new URL(view.href)
    url.searchParams.delete('job')
    if (chosen) url.searchParams.set('job', chosen)
    view.href = url
  }
}
document.addEventListener('htmx:after:swap', keep)
keep()

attend(() => {
  const box = document.getElementById('graph-box'), chosen = box && owner()
  if (!chosen) return
  const [inner, outer] = [chosen.getBoundingClientRect(), box.getBoundingClientRect()]
  box.scrollLeft += Math.min(0, inner.left - outer.left - 16) + Math.max(0, inner.right - outer.right + 16)
  box.scrollTop += Math.min(0, inner.top - outer.top - 16) + Math.max(0, inner.bottom - outer.bottom + 16)
})
