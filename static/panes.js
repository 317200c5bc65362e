// What the builder makes, as text: the YAML beside the canvas, the script of the job that is selected, the problems.
const page = document.querySelector('[data-builder]'), part = name => page.querySelector(`[data-${name}]`)
const yaml = part('yaml'), script = part('script'), none = part('no-script')
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
    const opens = /(?:^|[:-]) *[|>][-+\d]*\s*(?:\s#.*)?$/.test(line)
    if (!isText) block = opens ? line.match(/^ *(?:- +(?=\S+:))*/)[0].length : -1
    return `<span class="${at >= first && at < past ? 'l mine' : 'l'}">${isText ? escape(line) : paint(line)}\n</span>`
  }).join('')
}

function linesOf(text, number) {  // [first, past] of a job: the items of `jobs` all begin in the same column
  const lines = text.split('\n'), start = lines.findIndex(line => /^jobs:\s*(#.*)?$/.test(line))
  const indent = lines.slice(start + 1).find(line => /^ *- /.test(line))?.search('-')
  const isItem = line => line[indent] === '-' && line.search(/\S/) === indent
  const items = lines.flatMap((line, at) => (at > start && isItem(line) ? [at] : []))
  if (start < 0 || !(number in items)) return [0, 0]
  const past = lines.findIndex((line, at) => at > items[number] && line.trim() && line.search(/\S/) <= indent)
  return [items[number], past < 0 ? lines.length : past]
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

export const counted = (number, word) => `${number} ${word}${number === 1 ? '' : 's'}`

export function showProblems({ faults, jobs }) {
  const list = part('problems'), none = jobs.length ? 'No problems' : ''
  const before = list.contains(document.activeElement) ? document.activeElement.dataset.at : null
  part('problems-title').textContent = faults.length ? counted(faults.length, 'problem') : none
  list.replaceChildren(...faults.map(({ job, words, line }, at) => {
    const item = document.createElement('li'), button = item.appendChild(document.createElement('button'))
    Object.assign(button, { type: 'button', className: 'plain', textContent: job ? `${job} · ${words}` : words })
    if (line) button.title = `line ${line} of the YAML`
    button.dataset.at = at
    return item
  }))
  if (before !== null) (list.children[before] || list.lastElementChild)?.firstElementChild.focus()
}
