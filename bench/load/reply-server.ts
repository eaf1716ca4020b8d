import net from 'node:net'

// Answers every piece that arrives with one fixed reply: as little as a server can do, so that the client is what is measured.
const body = 'x'.repeat(200)
const reply = Buffer.from(
  `HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nX-Request-Id: 0\r\nConnection: keep-alive\r\nKeep-Alive: timeout=5\r\nContent-Length: ${body.length}\r\n\r\n${body}`,
)
const server = net.createServer({ noDelay: true }, (socket) => {
  // A load that has ended resets what is still open.
  socket.on('error', () => socket.destroy())
  socket.on('data', () => socket.write(reply))
})
server.listen(0, '127.0.0.1', () => process.stdout.write(`${(server.address() as net.AddressInfo).port}\n`))
