import http2 from 'node:http2'

// The least that a unary call can cost here: its message is read and an answer of the same size as ours is sent, nothing else.
const REPLY_BYTES = 171
const reply = Buffer.alloc(REPLY_BYTES)

const server = http2.createServer()
server.on('stream', (stream) => {
  stream.on('error', () => {})
  stream.on('data', () => {})
  stream.on('end', () => {
    stream.respond({ ':status': 200, 'content-type': 'application/grpc+proto' }, { waitForTrailers: true })
    stream.once('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }))
    stream.end(reply)
  })
})
server.listen(Number(process.argv[2]), '127.0.0.1', () => process.stdout.write('listening\n'))
