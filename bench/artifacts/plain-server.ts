import fs from 'node:fs'
import http from 'node:http'
import path from 'node:path'
import { pipeline } from 'node:stream/promises'

// A file server and nothing else: what node:http does with a stream from or to a file. No digest, no key; flushed if asked.
const [folder = '.', flush] = process.argv.slice(2)
const server = http.createServer(async (request, response) => {
  const file = path.join(folder, path.basename(request.url ?? ''))
  if (request.method === 'PUT') {
    await pipeline(request, fs.createWriteStream(file, { flush: flush === 'flush' }))
    return void response.end()
  }
  response.setHeader('content-length', fs.statSync(file).size)
  await pipeline(fs.createReadStream(file), response)
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`http://127.0.0.1:${(server.address() as { port: number }).port}\n`))
