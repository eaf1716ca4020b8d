/** What the longest names of common file systems and of object stores leave room for. */
const MOST_PATH_BYTES = 1_024
const MOST_NAME_BYTES = 255
const MOST_FOLDERS_DEEP = 64
/** A name encoded more often than this is an attack. */
const MOST_DECODINGS = 8

/**
 * A path within a tree of files in its one spelling: names joined by `/`, without `.`, doubled or closing slashes; `''`
 * is the root. Or what is wrong with it: whatever could climb out of the tree on any system, in any encoding.
 */
export function readArtifactPath(given: string): { readonly path: string } | { readonly problem: string } {
  if (Buffer.byteLength(given) > MOST_PATH_BYTES * 4) return { problem: `is longer than ${MOST_PATH_BYTES} bytes` }
  const forms = decodings(given)
  if (!forms) return { problem: `is encoded more than ${MOST_DECODINGS} times over` }
  const hidden = forms.map(problemIn).find(Boolean)
  if (hidden) return { problem: hidden }
  const names = given.split('/').filter((name) => name !== '' && name !== '.')
  const path = names.join('/')
  if (Buffer.byteLength(path) > MOST_PATH_BYTES) return { problem: `is longer than ${MOST_PATH_BYTES} bytes` }
  if (names.length > MOST_FOLDERS_DEEP) return { problem: `is more than ${MOST_FOLDERS_DEEP} folders deep` }
  const long = names.find((name) => Buffer.byteLength(name) > MOST_NAME_BYTES)
  return long === undefined ? { path } : { problem: `holds a name longer than ${MOST_NAME_BYTES} bytes` }
}

/** The path, and what it becomes to anything that decodes it again, and again; nothing when it never comes to rest. */
function decodings(given: string): readonly string[] | undefined {
  const forms: string[] = []
  for (let form = given, left = MOST_DECODINGS; left > 0; left--) {
    forms.push(form, form.normalize('NFKC'))
    const decoded = form.replaceAll(/(?:%[0-9a-f]{2})+/gi, (escapes) => Buffer.from(escapes.replaceAll('%', ''), 'hex').toString('utf8'))
    if (decoded === form) return forms
    form = decoded
  }
  return undefined
}

function problemIn(form: string): string | undefined {
  if (!form.isWellFormed() || /%c[01]%[89ab]/i.test(form)) return 'is no proper UTF-8'
  if (form.startsWith('/')) return 'starts at the root of a system'
  if (/^[a-z][a-z0-9+.-]*:[/\\]/i.test(form)) return 'names a drive or a scheme'
  if (form.includes('\\')) return 'holds a backslash'
  // biome-ignore lint/suspicious/noControlCharactersInRegex: refusing them is the point
  if (/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069\ufeff]/.test(form)) return 'holds a control character'
  if (form.includes('#')) return 'holds a "#", which addresses cut off'
  if (form.split('/').includes('..')) return 'climbs out of its folder'
  return undefined
}

/** The folder a normalised path lies in; `''` for what lies in the root. */
export function folderOf(path: string): string {
  return path.slice(0, Math.max(path.lastIndexOf('/'), 0))
}

/** The last name of a normalised path. */
export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** A normalised path below a normalised folder. */
export function joinPath(folder: string, path: string): string {
  return folder === '' || path === '' ? folder + path : `${folder}/${path}`
}
