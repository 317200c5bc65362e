// The script editor: a textarea over its highlighted copy; fields with data-sbatch="time t" write its #SBATCH lines,
// those with data-sbatch-also="gres" that line, too, where the script has it.
const area = document.querySelector('.editor textarea'), copy = document.querySelector('.editor pre')
const escape = text => text.replace(/[&<>]/g, sign => ({ '&': '&amp;', '<': '&lt;', '>': '&gt;' })[sign])
const words = 'if|then|else|elif|fi|for|while|until|do|done|case|esac|in|function|return|exit|export|local|set|source'
  + '|srun|module|cd|echo|exec|trap|wait'
const pattern = RegExp([
  /(?<directive>^#SBATCH\b.*)/, /(?<comment>(?<!\S)#.*)/, /(?<string>"(?:\\.|[^"\\])*"|'[^']*')/,
  /(?<variable>\$\{[^}]*\}|\$\w+|\$[@#?*!$-])/, RegExp(`(?<word>(?<![\\w./-])(?:${words})(?![\\w./=-]))`),
].map(part => part.source).join('|'), 'gm')

const head = text => text.match(/^(?:(?:[ \t]*|#.*)(?:\n|$))*/)[0]

function highlight(text) {
  const commands = head(text).length  // sbatch reads no #SBATCH line after the first command
  let html = '', end = 0
  for (const match of text.matchAll(pattern)) {
    const group = Object.keys(match.groups).find(name => match.groups[name] !== undefined)
    const kind = group === 'directive' && match.index >= commands ? 'comment' : group
    // a span must not cross lines, for each line is a block with its number
    const inside = escape(match[0]).replace(/\n/g, `</span>\n<span class="code-${kind}">`)
    html += `${escape(text.slice(end, match.index))}<span class="code-${kind}">${inside}</span>`
    end = match.index + match[0].length
  }
  return (html + escape(text.slice(end))).split('\n').map(line => `<span class="l">${line}</span>`).join('')
}

function paint() {
  copy.innerHTML = highlight(area.value)
  follow()
}
function follow() {
  copy.scrollTop = area.scrollTop
  copy.scrollLeft = area.scrollLeft
}

// ---- keys: Tab indents (after Escape it leaves the editor), Enter keeps the indent; execCommand, so that undo works

let leaving = false
const insert = text => document.execCommand('insertText', false, text)
area.addEventListener('keydown', event => {
  const plain = !event.shiftKey && !event.ctrlKey && !event.metaKey && !event.altKey
  if (event.key === 'Tab' && plain && !leaving) {
    event.preventDefault()
    insert('    ')
  } else if (event.key === 'Enter' && plain && !event.isComposing) {
    event.preventDefault()
    insert('\n' + area.value.slice(0, area.selectionStart).split('\n').pop().match(/^[ \t]*/)[0])
  }
  leaving = event.key === 'Escape'
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
