import { once } from 'node:events'
import fs from 'node:fs'
import http from 'node:http'
import type { AddressInfo } from 'node:net'
import os from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { createStaticFiles } from './static-files.ts'

const root = fs.mkdtempSync(path.join(os.tmpdir(), 'setpoint-static-'))
afterAll(() => fs.rmSync(root, { recursive: true, force: true }))
const folder = path.join(root, 'web')
fs.mkdirSync(path.join(folder, 'assets'), { recursive: true })
for (const [name, text] of [
  ['web/index.html', '<p>home</p>'],
  ['web/assets/app-1a.js', 'run()'],
  ['web/data.bin', 'bytes'],
  ['secret.txt', 'hidden'],
] as const)
  fs.writeFileSync(path.join(root, name), text)
let serve = createStaticFiles(folder)
const server = http.createServer((request, response) => {
  if (!serve(request, response)) response.writeHead(404).end()
})
beforeAll(async () => {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})
afterAll(() => server.close())

/** The headers and length of the answer; undefined when the request was not served. The path is sent as it is written. */
async function answerTo(url: string, accept = '*/*'): Promise<{ headers: http.IncomingHttpHeaders; length: number } | undefined> {
  const { port } = server.address() as AddressInfo
  const request = http.get({ port, host: '127.0.0.1', path: url, agent: false, headers: { accept } })
  const [response] = (await once(request, 'response')) as [http.IncomingMessage]
  let length = 0
  for await (const chunk of response) length += (chunk as Buffer).length
  return response.statusCode === 200 ? { headers: response.headers, length } : undefined
}

test.each([
  ['/index.html', 'text/html; charset=utf-8', 11],
  ['/assets/app-1a.js', 'text/javascript; charset=utf-8', 5],
  ['/assets/app-1a.js?v=2', 'text/javascript; charset=utf-8', 5],
  ['/data.bin', 'application/octet-stream', 5],
  ['/', 'text/html; charset=utf-8', 11],
  ['/loop/loop_01k8', 'text/html; charset=utf-8', 11],
])('%s is served', async (url, type, length) => {
  expect(await answerTo(url)).toMatchObject({ headers: { 'content-type': type, 'content-length': String(length) }, length })
})

test.each([
  '/absent.js',
  '/api/v1/absent',
  '/p/fraud/api/v1/absent',
  '/../secret.txt',
  '/%2e%2e/secret.txt',
  '/..%2fsecret.txt',
  '/assets/../../secret.txt',
])('%s is not served', async (url) => {
  expect(await answerTo(url)).toBeUndefined()
})

test('a browser that goes to a page gets the console also when a dot is in the name, but no file or answer that is not there', async () => {
  const goesTo = async (url: string) => (await answerTo(url, 'text/html,application/xhtml+xml,*/*;q=0.8'))?.length
  expect(await goesTo('/models/churn.v2')).toBe(11)
  expect(await goesTo('/p/fraud/models/churn.v2')).toBe(11)
  expect(await answerTo('/models/churn.v2')).toBeUndefined()
  expect(await goesTo('/assets/absent.js')).toBeUndefined()
  expect(await goesTo('/api/v1/absent')).toBeUndefined()
})

test('named assets are kept for good, pages are asked for anew, and both forbid foreign code and frames', async () => {
  expect((await answerTo('/assets/app-1a.js'))!.headers['cache-control']).toContain('immutable')
  expect((await answerTo('/'))!.headers).toMatchObject({
    'cache-control': 'no-cache',
    'content-security-policy': expect.stringMatching(/default-src 'self'.*frame-ancestors 'none'/),
    'x-content-type-options': 'nosniff',
  })
})

test('a file that came after the start is not served, and without a folder nothing is', async () => {
  fs.writeFileSync(path.join(folder, 'late.js'), 'x')
  expect(await answerTo('/late.js')).toBeUndefined()
  serve = createStaticFiles(path.join(root, 'absent'))
  expect(await answerTo('/')).toBeUndefined()
})
