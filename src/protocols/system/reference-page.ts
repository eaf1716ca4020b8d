type Operation = {
  operationId: string
  tags: string[]
  summary: string
  'x-scope': string
  parameters: { name: string; in: string; required: boolean; description?: string }[]
}

/** The API reference as one self-contained page without scripts, made from the OpenAPI document. */
export function referencePage(openapi: Record<string, unknown>): string {
  const paths = openapi.paths as Record<string, Record<string, Operation>>
  const operations = Object.entries(paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ path, method: method.toUpperCase(), operation })),
  )
  const modules = [...new Set(operations.map(({ operation }) => operation.tags[0]!))]
  const sections = modules.map((module) => {
    const rows = operations.filter(({ operation }) => operation.tags[0] === module).map(row)
    return `<h2 id="${escapeHtml(module)}">${escapeHtml(module)}</h2>${rows.join('')}`
  })
  const links = modules.map((module) => `<a href="#${escapeHtml(module)}">${escapeHtml(module)}</a>`).join(' · ')
  return `<!doctype html><html lang="en"><meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Setpoint API</title><style>${STYLE}</style><main><h1>Setpoint API</h1><p>Send <code>Authorization: Bearer sp_…</code>. The machine-readable form is <a href="/openapi.json">/openapi.json</a>.</p><p>${links}</p>${sections.join('')}</main></html>`
}

function row({ path, method, operation }: { path: string; method: string; operation: Operation }): string {
  const fields = operation.parameters.map(
    (field) =>
      `<li><code>${escapeHtml(field.name)}</code> ${field.required ? '' : '<i>optional</i> '}${escapeHtml(field.description ?? '')}</li>`,
  )
  return `<section id="${escapeHtml(operation.operationId)}"><h3>${escapeHtml(operation.operationId)}</h3><p><b>${method}</b> <code>${escapeHtml(path)}</code> <small>scope ${escapeHtml(operation['x-scope'])}</small></p><p>${escapeHtml(operation.summary)}</p>${fields.length > 0 ? `<ul>${fields.join('')}</ul>` : ''}</section>`
}

const STYLE =
  'body{font:16px/1.5 system-ui,sans-serif;margin:0;background:#fbfbfa;color:#1c1c1a}main{max-width:52rem;margin:0 auto;padding:2rem}h2{margin-top:3rem;border-bottom:1px solid #ddd}h3{margin-bottom:0}code{background:#efefec;padding:.1em .3em;border-radius:3px}small{color:#666}section p{margin:.2rem 0}'

function escapeHtml(text: string): string {
  return text.replace(/[&<>"]/g, (char) => `&#${char.charCodeAt(0)};`)
}
