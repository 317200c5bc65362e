// Starts Swagger UI; a file of its own because the content security policy refuses inline scripts.
const main = document.getElementById('docs')
const dark = matchMedia('(prefers-color-scheme: dark)')
const followScheme = () => document.documentElement.classList.toggle('dark-mode', dark.matches)

followScheme()
dark.addEventListener('change', followScheme)
SwaggerUIBundle({ url: main.dataset.spec, domNode: main, deepLinking: true, validatorUrl: null })
