import { Agent, request } from 'node:http'

const agent = new Agent({ keepAlive: true, maxSockets: 64 })

/** Calls the protocol as its clients do. Throws with the reply’s text unless it is a 200, and when it takes too long. */
export function call<T = Record<string, never>>(
  url: string,
  method: 'GET' | 'POST',
  path: string,
  fields: object,
  signal?: AbortSignal,
): Promise<T> {
  const query = method === 'GET' ? `?${new URLSearchParams(fields as Record<string, string>)}` : ''
  const body = method === 'GET' ? undefined : JSON.stringify(fields)
  return new Promise((resolve, reject) => {
    const headers = body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
    const sent = request(`${url}/api/2.0/mlflow/${path}${query}`, { method, agent, headers, signal }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        const text = Buffer.concat(chunks).toString('utf8')
        if (response.statusCode === 200) resolve(JSON.parse(text) as T)
        else reject(new Error(`${method} ${path}: ${response.statusCode} ${text.slice(0, 300)}`))
      })
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

export function disconnect(): void {
  agent.destroy()
}
