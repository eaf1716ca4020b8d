import { createHash } from 'node:crypto'
import fs from 'node:fs'
import path from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { createPerson, type Person } from '../for-tests.ts'

const people: Person[] = []
afterEach(() => {
  for (const person of people.splice(0)) person.close()
})
const file = Buffer.from([0, 1, 2, 255])

function downloader(headers: Record<string, string>, columns?: number, body: BodyInit = file): Person {
  const send = async () => new Response(body, { headers: { 'content-type': 'application/octet-stream', ...headers } })
  const person = createPerson({ url: 'http://server', ...(columns ? { columns } : {}) }, { send })
  people.push(person)
  return person
}
const download = ['registry', 'download-artifact', 'churn', '1'] as const
const digest = createHash('sha256').update(file).digest('hex')

test('bytes go to standard output, or to a file once they are complete and verified', async () => {
  expect((await downloader({}).run(...download)).bytes).toEqual(file)
  const person = downloader({ etag: `"${digest}"`, 'content-length': '4' })
  expect(await person.run(...download, '--output', 'm.onnx')).toMatchObject({ code: 0, out: '', notes: expect.stringContaining('wrote ') })
  expect(fs.readFileSync(path.join(person.folder, 'm.onnx'))).toEqual(file)
})

test('a download that is damaged or cut off leaves nothing behind', async () => {
  const damaged = downloader({ etag: `"${'0'.repeat(64)}"` })
  expect(await damaged.run(...download, '--output', 'm.onnx')).toMatchObject({
    code: 3,
    notes: expect.stringContaining('nothing was kept'),
  })
  const cut = new ReadableStream<Uint8Array>({
    pull(controller) {
      controller.error(new TypeError('terminated'))
    },
  })
  const broken = downloader({}, undefined, cut)
  expect(await broken.run(...download, '--output', 'm.onnx')).toMatchObject({
    code: 4,
    notes: expect.stringContaining('the connection to the server broke'),
  })
  for (const { folder } of people) expect(fs.readdirSync(folder)).toEqual([])
})

test('a terminal is spared bytes, and a folder that is not there is named', async () => {
  expect(await downloader({}, 80).run(...download)).toMatchObject({ code: 2, out: '', notes: expect.stringContaining('--output FILE') })
  expect(await downloader({}).run(...download, '--output', 'absent/m.onnx')).toMatchObject({
    code: 2,
    notes: expect.stringContaining('cannot write'),
  })
})

test('standard input can be uploaded', async () => {
  const sent: string[] = []
  const person = createPerson(
    { url: 'http://server', input: 'from a pipe' },
    {
      async send(_url, init) {
        sent.push(await new Response(init.body).text())
        return new Response(JSON.stringify({ digest, sizeBytes: 4 }))
      },
    },
  )
  people.push(person)
  expect(await person.run('registry', 'upload-artifact', '--body', '-')).toMatchObject({
    code: 0,
    out: `digest     ${digest}\nsizeBytes  4\n`,
  })
  expect(sent).toEqual(['from a pipe'])
})
