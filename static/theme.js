// Light, dark or as the system: applied before the first paint, kept in this browser.
{
  const set = theme => {
    if (theme === 'system') delete document.documentElement.dataset.theme
    else document.documentElement.dataset.theme = theme
    for (const button of document.querySelectorAll('[data-theme-set]')) {
      button.setAttribute('aria-pressed', button.dataset.themeSet === theme)
    }
  }
  const kept = () => localStorage.getItem('theme') || 'system'
  set(kept())
  addEventListener('DOMContentLoaded', () => set(kept()))
  addEventListener('storage', () => set(kept()))
  addEventListener('click', event => {
    const button = event.target.closest('[data-theme-set]')
    if (!button) return
    localStorage.setItem('theme', button.dataset.themeSet)
    set(button.dataset.themeSet)
  })
}
