// The editor: a textarea over its highlighted copy, of a script or, with data-language="yaml", of YAML. Fields with
// data-sbatch="time t" write the #SBATCH lines of a script, those with data-sbatch-also="gres" that line, too, where
// the script has it. Elements with data-line mark a line as wrong, and lead there.
const area = document.querySelector('.editor textarea'), copy = document.querySelector('.editor pre')
const box = area.closest('.editor'), isYaml = box.dataset.language === 'yaml'
const escape = text => text.replace(/[&<>]/g, sign => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign])
const words = 'if|then|else|elif|fi|for|while|until|do|done|case|esac|in|function|return|exit|export|local|set|source'
  + '|srun|module|cd|echo|exec|trap|wait'
const any = (...parts) => RegExp(parts.map(part => part.source).join('|'), 'gm')
const comment = /(?<comment>(?<!\S)#.*)/
const script = any(
  /(?<directive>^#SBATCH\b.*)/, comment, /(?<string>"(?:\\.|[^"\\])*"|'[^']*')/,
  /(?<variable>\{\{.*?\}\}|\{%.*?%\}|\$\{[^}]*\}|\$\w+|\$[@#?*!$-])/,
  RegExp(`(?<word>(?<![\\w./-])(?:${words})(?![\\w./=-]))`),
)
const yaml = any(
  comment, /(?<key>(?<=^ *(?:- +)*|[{,] *)(?:[\w.$/][^:#{}[\],]*|"[^"]*"|'[^']*')(?=:(?:\s|$)))/,
  /(?<string>"(?:\\.|[^"\\])*"|'(?:''|[^'])*')/, /(?<variable>\{\{.*?\}\}|\{%.*?%\})/,
)
const folded = any(/(?<variable>\{\{.*?\}\}|\{%.*?%\})/, /(?<string>[^{]+|\{)/)

const head = text => text.match(/^(?:(?:[ \t]*|#.*)(?:\n|$))*/)[0]

function span(kind, text) {  // it must not cross lines, for each line is a block with its number
  const inside = escape(text).replace(/\n/g, `</span>\n<span class="code-${kind}">`)
  return `<span class="code-${kind}">${inside}</span>`
}

function spans(text, pattern, kindAt = kind => kind) {
  let html = '', end = 0
  for (const match of text.matchAll(pattern)) {
    const kind = kindAt(Object.keys(match.groups).find(name => match.groups[name] !== undefined), match.index)
    html += escape(text.slice(end, match.index))
    html += pattern === yaml && kind === 'string' ? spans(match[0], folded) : span(kind, match[0])
    end = match.index + match[0].length
  }
  return html + escape(text.slice(end))
}

function paintScript(text) {
  const commands = head(text).length  // sbatch reads no #SBATCH line after the first command
  return spans(text, script, (kind, index) => kind === 'directive' && index >= commands ? 'comment' : kind)
}

const dashes = line => line.match(/^ *(?:- +)*/)[0]

function paintYaml(text) {
  let block = -1  // the column that the lines of a text after | or > stand right of
  return text.split('\n').map(line => {
    const column = line.search(/\S/)
    if (block >= 0 && (column < 0 || column > block)) return spans(line, folded)
    const opens = /(?:^|[:-]) *[|>][-+\d]*\s*(?:\s#.*)?$/.test(line), isItem = /^ *(?:- +)+[|>]/.test(line)
    block = opens ? dashes(line).length - (isItem ? 2 : 0) : -1
    return spans(line, yaml)
  }).join('\n')
}

function paint() {
  const lines = (isYaml ? paintYaml : paintScript)(area.value).split('\n')
  copy.innerHTML = lines.map(line => `<span class="l">${line}</span>`).join('')
  for (const fault of document.querySelectorAll('[data-line]')) {
    copy.children[Math.min(fault.dataset.line, lines.length) - 1].classList.add('bad')
  }
  follow()
}
function follow() {
  copy.scrollTop = area.scrollTop
  copy.scrollLeft = area.scrollLeft
}

// ---- keys: Tab indents (after Escape it leaves the editor), Enter keeps the indent; execCommand, so that undo works

let leaving = false
const unit = isYaml ? '  ' : '    '
const insert = text => document.execCommand('insertText', false, text)

function indent() {
  const { selectionStart: start, selectionEnd: end, value } = area, from = value.lastIndexOf('\n', start - 1) + 1
  const chosen = value.slice(from, end)
  if (!value.slice(start, end).includes('\n')) return insert(unit)
  const moved = chosen.replace(/^(?=.)/gm, unit)
  area.setSelectionRange(from, end)
  insert(moved)
  area.setSelectionRange(from, from + moved.length)
}

function breakLine() {
  const line = area.value.slice(0, area.selectionStart).split('\n').pop()
  if (!isYaml) return insert('\n' + line.match(/^[ \t]*/)[0])
  const deeper = /(?:[:|>]|[|>][-+\d]+)\s*$/.test(line) && !/^\s*#/.test(line)
  insert('\n' + dashes(line).replace(/-/g, ' ') + (deeper ? unit : ''))
}

area.addEventListener('keydown', event => {
  const plain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey
  if (event.key === 'Tab' && plain && !leaving) {
    event.preventDefault()
    indent()
  } else if (event.key === 'Enter' && plain && !event.isComposing) {
    event.preventDefault()
    breakLine()
  } else if (event.key === 's' && (event.ctrlKey || event.metaKey) && save) {
    event.preventDefault()
    save.click()
  }
  leaving = event.key === 'Escape'
})

// ---- what is wrong: to its line, by a button or by #line-4 in the address

function show(line, column = 1) {
  const before = area.value.split('\n').slice(0, line - 1).join('\n').length + (line > 1)
  area.focus()
  area.setSelectionRange(before + column - 1, before + column - 1)
  area.scrollTop = (line - 6) * parseFloat(getComputedStyle(area).lineHeight)
  follow()
}
function showJob(name) {
  const lines = area.value.split('\n'), isIt = RegExp(`(?:^[\\s-]*|[{,]\\s*)name: *["']?${name}["']?\\s*(?:$|[,}#])`)
  show(lines.findIndex(line => isIt.test(line)) + 1 || 1)
}
document.addEventListener('click', ({ target }) => {
  const fault = target.closest('[data-line]'), job = target.closest('[data-job]')
  if (fault) show(Number(fault.dataset.line), Number(fault.dataset.column) || 1)
  if (job) showJob(job.dataset.job)
})
document.addEventListener('htmx:after:swap', event => event.detail.ctx.target?.id === 'check' && paint())

// ---- where a button saves, nothing that was typed is left by mistake

const save = document.querySelector('[data-save]'), first = area.value
let isSent = false
area.form?.addEventListener('submit', () => { isSent = true })
addEventListener('beforeunload', event => {
  if (save && !isSent && (box.hasAttribute('data-unsaved') || area.value !== first)) event.preventDefault()
})

// ---- the #SBATCH lines: the last one wins

const fields = [...document.querySelectorAll('[data-sbatch]')]
const option = field => {
  const [long, short] = field.dataset.sbatch.split(' '), also = field.dataset.sbatchAlso?.split(' ') || []
  const names = [long, ...also].map(name => `--${name}(?:=|[ \\t]+)${name === 'gres' ? 'gpu:' : ''}`)
    .concat(short ? `-${short}[ \\t]*` : []).join('|')
  return RegExp(`^(#SBATCH\\b(?:[^\\n#]*?[ \\t]))(${names})("[^"\\n]*"|'[^'\\n]*'|[^\\s"']\\S*)`, 'gm')
}
const bare = value => value.replace(/^(["'])(.*)\1$/, '$2')
const quoted = value => /^[\w@%+=:,./[\]-]+$/.test(value) ? value : `"${value.replace(/"/g, '')}"`

function read() {
  for (const field of fields) {
    const match = [...head(area.value).matchAll(option(field))].pop()
    if (field !== document.activeElement) field.value = match ? bare(match[3]) : ''
  }
}

const spellings = new Map()  // of each field, how the script had it: a cleared field writes it back the same way

function writeLine(field) {
  const top = head(area.value), match = [...top.matchAll(option(field))].pop(), value = field.value.trim()
  if (match) {
    spellings.set(field, match[2])
    const kept = value ? match[1] + match[2] + quoted(value) : match[1]
    return change(match.index, match.index + match[0].length, kept)
  }
  if (!value) return
  const after = [...top.matchAll(/^#(?:!|SBATCH).*\n?/gm)].pop(), at = after ? after.index + after[0].length : 0
  const spelling = spellings.get(field) || `--${field.dataset.sbatch.split(' ')[0]}=`
  const line = `#SBATCH ${spelling}${quoted(value)}\n`
  change(at, at, at && top[at - 1] !== '\n' ? `\n${line.trimEnd()}` : line)
}

function change(start, end, text) {
  const lone = /^#SBATCH[ \t]*$/
  let next = area.value.slice(0, start) + text + area.value.slice(end)
  if (lone.test(text)) next = next.split('\n').filter(line => !lone.test(line)).join('\n')
  area.value = next
  paint()
}

let due = 0  // once a frame: a paste can be an event for each line
area.addEventListener('input', () => {
  due ||= requestAnimationFrame(() => {
    due = 0
    paint()
    read()
  })
})
area.addEventListener('scroll', follow)
for (const field of fields) field.addEventListener('input', () => writeLine(field))
read()
paint()
if (/^#line-\d+$/.test(location.hash)) show(Number(location.hash.slice(6)))
