// What the builder makes, as text: the YAML beside the canvas, and the script of the job that is selected.
const page = document.querySelector('[data-builder]')
const yaml = page.querySelector('[data-yaml]'), script = page.querySelector('[data-script]'), none = page.querySelector('[data-no-script]')
const escape = text => text.replace(/[&<>]/g, sign => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign])
const pattern = RegExp([
  /(?<comment>(?<!\S)#.*)/, /(?<key>(?<=^ *(?:- )*|[{,] *)(?:[\w.$/-][^:#{}[\],]*|"[^"]*"|'[^']*')(?=:(?:\s|$)))/,
  /(?<string>"(?:\\.|[^"\\])*"|'(?:''|[^'])*')/, /(?<variable>\{\{.*?\}\}|\{%.*?%\})/,
].map(one => one.source).join('|'), 'g')

function paint(line) {
  let html = '', end = 0
  for (const match of line.matchAll(pattern)) {
    const kind = Object.keys(match.groups).find(name => match.groups[name] !== undefined)
    html += `${escape(line.slice(end, match.index))}<span class="code-${kind}">${escape(match[0])}</span>`
    end = match.index + match[0].length
  }
  return html + escape(line.slice(end))
}

function paintAll(text, [first, past]) {
  let block = -1  // the column that the lines of a text after | or > stand right of
  return text.split('\n').map((line, at) => {
    const column = line.search(/\S/), isText = block >= 0 && (column < 0 || column > block)
    if (!isText) block = /(?:^|[:-]) *[|>][-+\d]*\s*(?:\s#.*)?$/.test(line) ? line.match(/^ *(?:- +(?=\S+:))*/)[0].length : -1
    return `<span class="${at >= first && at < past ? 'l mine' : 'l'}">${isText ? escape(line) : paint(line)}\n</span>`
  }).join('')
}

function linesOf(text, number) {  // [first, past] of a job: the items of `jobs` all begin in the same column
  const lines = text.split('\n'), start = lines.findIndex(line => /^jobs:\s*(#.*)?$/.test(line))
  const indent = lines.slice(start + 1).find(line => /^ *- /.test(line))?.search('-')
  const items = lines.map((line, at) => at > start && line.search('- ') === indent && line[indent] === '-' ? at : -1).filter(at => at >= 0)
  const end = lines.findIndex((line, at) => at > items[number] && line.trim() && line.search(/\S/) <= indent)
  return start < 0 || number < 0 || number >= items.length ? [0, 0] : [items[number], end < 0 ? lines.length : end]
}

let marked = ''
export function showYaml(view, name = '') {
  if (yaml.closest('[hidden]')) return
  const lines = linesOf(view.yaml, view.jobs.findIndex(job => job.name === name))
  yaml.innerHTML = paintAll(view.yaml.replace(/\n$/, ''), lines)
  yaml.closest('section').querySelector('[data-copy]').dataset.copy = view.yaml
  if (marked !== name) yaml.querySelector('.mine')?.scrollIntoView({ block: 'nearest' })
  marked = name
}

let asked = 0
export async function showScript(ask) {
  if (script.closest('[hidden]')) return
  const number = ++asked, found = await ask()
  if (number !== asked) return  // it is out of date
  const copy = script.parentElement.querySelector('[data-copy]')
  none.hidden = !found.refused
  script.hidden = copy.hidden = Boolean(found.refused)
  none.textContent = found.refused || ''
  script.innerHTML = found.html || ''
  copy.dataset.copy = found.text || ''
}
