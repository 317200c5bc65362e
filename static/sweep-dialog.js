// The lists of a run form: a field says that it is wrong as soon as the server does.
const form = document.querySelector('form:has([data-live])')

function mark() {
  for (const field of form.querySelectorAll('[data-live]')) {
    field.ariaInvalid = document.getElementById(`w-${field.name}`).textContent ? 'true' : null
  }
}
const isKept = field => field.value !== field.defaultValue || field.checked !== field.defaultChecked
if (form) {
  document.addEventListener('htmx:after:swap', mark)
  addEventListener('pageshow', () => {  // a browser that comes back may have kept what was typed
    if ([...form.querySelectorAll('input')].some(isKept)) htmx.trigger(form, 'change')
  })
}
