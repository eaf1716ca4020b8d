/** Rows of numbers under named columns, one array a column; a missing value is NaN. */
export type NumericTable = { readonly names: readonly string[]; readonly columns: readonly Float64Array[]; readonly rows: number }

const NAME = /^[^,"\r\n]{1,128}$/

/** A header and one line a row, `NaN` written as nothing. Throws RangeError for a name that CSV would have to quote. */
export function numericCsvHeader(names: readonly string[]): string {
  const bad = names.find((name) => !NAME.test(name))
  if (bad !== undefined) throw new RangeError(`column name ${JSON.stringify(bad)} may hold no comma, quote or line break`)
  return `${names.join(',')}\n`
}

export function numericCsvLine(values: ArrayLike<number>): string {
  let line = ''
  for (let i = 0; i < values.length; i++) line += (i === 0 ? '' : ',') + (Number.isNaN(values[i]) ? '' : values[i])
  return `${line}\n`
}

/**
 * Reads CSV in which every field but the header is a number or empty, in pieces cut anywhere.
 * Throws RangeError naming the line, the column and the text that is no number, or a line of another length.
 */
export function createNumericCsvReader(maxRows = 10_000_000) {
  let names: readonly string[] = []
  let buffers: Float64Array[] = []
  let rows = 0
  let rest = ''

  function line(text: string): void {
    if (text === '') return
    if (names.length === 0) {
      names = text.split(',').map((name) => name.trim())
      buffers = names.map(() => new Float64Array(1_024))
      return
    }
    const fields = text.split(',')
    if (fields.length !== names.length) throw new RangeError(`line ${rows + 2} has ${fields.length} fields; the header has ${names.length}`)
    if (rows >= maxRows) throw new RangeError(`more than ${maxRows} rows`)
    if (rows === buffers[0]!.length) buffers = buffers.map(grown)
    for (let i = 0; i < fields.length; i++) buffers[i]![rows] = numberFrom(fields[i]!, rows, names[i]!)
    rows += 1
  }

  return {
    push(piece: string): void {
      const lines = (rest + piece).split('\n')
      rest = lines.pop()!
      for (const text of lines) line(text.endsWith('\r') ? text.slice(0, -1) : text)
    },
    end(): NumericTable {
      line(rest.trimEnd())
      rest = ''
      if (names.length === 0) throw new RangeError('the file is empty; a header line is needed')
      return { names, columns: buffers.map((buffer) => buffer.subarray(0, rows)), rows }
    },
  }
}

function numberFrom(field: string, row: number, name: string): number {
  if (field === '') return Number.NaN
  const value = Number(field)
  if (Number.isNaN(value) && field !== 'NaN') throw new RangeError(`line ${row + 2}, column ${name}: ${JSON.stringify(field)} is no number`)
  return value
}

function grown(buffer: Float64Array): Float64Array {
  const larger = new Float64Array(buffer.length * 2)
  larger.set(buffer)
  return larger
}
