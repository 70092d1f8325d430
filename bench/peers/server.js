// A peer: `node server.js ws|socket.io`. Prints its port. Echoes what a client says; for a line `BYTES` on stdin sends
// one message to everybody whose frame has so many bytes. Set up as their own documentation advises for speed:
// WebSocket alone, no compression, the message made once.
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'

const listen = (server) =>
  server.listen({ port: 0, host: '127.0.0.1', backlog: 4096 }, () => console.log(`port ${server.address().port}`))

async function ws() {
  const { WebSocketServer } = await import('ws')
  const http = createServer()
  const peers = new WebSocketServer({ server: http, perMessageDeflate: false, clientTracking: true })
  peers.on('connection', (socket) => {
    socket.on('message', (data) => socket.send(data, { binary: false }))
    socket.on('error', () => {})
  })
  listen(http)
  return (bytes) => {
    const data = Buffer.alloc(bytes - 2, 'x')
    for (const socket of peers.clients) socket.send(data, { binary: false })
  }
}

async function socketIo() {
  const { Server } = await import('socket.io')
  const http = createServer()
  const io = new Server(http, { transports: ['websocket'], perMessageDeflate: false, serveClient: false })
  io.on('connection', (socket) => socket.on('m', (text) => socket.emit('m', text)))
  listen(http)
  // The packet is 42["m","…"].
  return (bytes) => io.emit('m', 'x'.repeat(bytes - 2 - 10))
}

const publish = await (process.argv[2] === 'ws' ? ws() : socketIo())
createInterface({ input: process.stdin }).on('line', (line) => publish(Number(line))).on('close', () => process.exit(0))
