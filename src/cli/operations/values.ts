import fs from 'node:fs'
import path from 'node:path'
import { messageFrom } from '../../contract/errors.ts'
import { usageError } from '../failures.ts'
import type { Field } from './fields.ts'

/** Reads the value of a field as it was typed. Throws a usage error naming the option and what it takes. */
export function valueFrom(field: Field, typed: string | boolean, folder: string): unknown {
  if (typeof typed === 'boolean') return field.asText ? String(typed) : typed
  switch (field.kind) {
    case 'text':
    case 'bytes':
      return typed
    case 'number':
      return numberFrom(field, typed)
    case 'switch':
      return typed
    case 'list':
      return listFrom(field, typed, folder)
    case 'json':
      return jsonFrom(field, typed.startsWith('@') ? readNamed(field, typed, folder) : typed)
  }
}

/** How a mistake in the field is named: as a person typed it. */
export function shownName(field: Pick<Field, 'inPath' | 'flag'>): string {
  return field.inPath ? `<${field.flag}>` : `--${field.flag}`
}

function numberFrom(field: Field, typed: string): number {
  const value = Number(typed)
  if (typed.trim() === '' || !Number.isFinite(value)) throw usageError(`${shownName(field)}: "${typed}" is no number`)
  return value
}

function listFrom(field: Field, typed: string, folder: string): unknown[] {
  const text = (typed.startsWith('@') ? readNamed(field, typed, folder) : typed).trim()
  if (text.startsWith('[')) {
    const value = jsonFrom(field, text)
    if (Array.isArray(value)) return value
  }
  const items = text
    .split(/[,\n]/)
    .map((item) => item.trim())
    .filter((item) => item !== '')
  return field.items === 'number' ? items.map((item) => numberFrom(field, item)) : items
}

function jsonFrom(field: Field, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    throw usageError(`${shownName(field)}: ${messageFrom(error)}; give JSON, or @file.json`, error)
  }
}

function readNamed(field: Field, typed: string, folder: string): string {
  const file = path.resolve(folder, typed.slice(1))
  try {
    return fs.readFileSync(file, 'utf8')
  } catch (error) {
    throw usageError(`${shownName(field)}: cannot read ${file}: ${messageFrom(error)}`, error)
  }
}
