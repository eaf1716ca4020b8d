/** Markup that is safe to put into a page: what came from outside has been escaped. */
export type Markup = { readonly markup: string }

/**
 * A template whose values are escaped, unless they are markup themselves or lists of it. Everything that a page shows goes through here,
 * so that no name of a column, file or category can become an element.
 */
export function html(parts: TemplateStringsArray, ...values: readonly (string | number | Markup | readonly Markup[])[]): Markup {
  return { markup: parts.reduce((text, part, i) => text + (i === 0 ? '' : textOf(values[i - 1]!)) + part, '') }
}

export const nothing: Markup = { markup: '' }

function textOf(value: string | number | Markup | readonly Markup[]): string {
  if (typeof value === 'number') return String(value)
  if (typeof value === 'string') return escaped(value)
  return 'markup' in value ? value.markup : value.map(({ markup }) => markup).join('')
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;', "'": '&#39;' }

/** Text for content and attributes; what would turn the direction of the text around, or is no character, becomes a dot. */
function escaped(text: string): string {
  return text.replace(/[&<>"']/g, (character) => ENTITIES[character]!).replace(/[^\P{Cc}\n\t]|\p{Bidi_Control}/gu, '·')
}
