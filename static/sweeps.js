// The page of a sweep: the drawer of a cell, and the forms that say what they will do.
import { attend, owner } from './drawer.js'

if (document.getElementById('drawer')) attend(() => owner()?.scrollIntoView({ block: 'nearest' }))

document.addEventListener('change', event => {
  event.target.closest('form[data-submits]')?.requestSubmit()
  const form = event.target.closest('form[data-rerun]')
  if (form) count(form, event.target)
})

function count(form, changed) {  // the button names the number
  if (changed.name === 'cell') form.elements.which.value = 'chosen'
  const { value } = form.elements.which, button = form.querySelector('.primary')
  const number = button.dataset[value] ?? form.querySelectorAll('[name=cell]:checked').length
  const what = `${value === 'failed' ? 'failed ' : ''}${Number(number) === 1 ? 'cell' : 'cells'}`
  button.querySelector('span').textContent = `Rerun ${number} ${what}`
  button.disabled = Number(number) === 0
  if (value === 'chosen') form.querySelector('details').open = true
}

for (const form of document.querySelectorAll('form[data-rerun]')) count(form, form)
