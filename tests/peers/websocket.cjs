// A WebSocket server with ws: sends each message back, and prints its length.
// Says "listening on ADDR:PORT" on stderr. NODE_PATH has ws.
const { WebSocketServer } = require('ws')

const server = new WebSocketServer({ host: '127.0.0.1', port: 0 })
server.on('listening', () => console.error(`listening on 127.0.0.1:${server.address().port}`))
server.on('connection', (socket) => {
  socket.on('message', (message, binary) => {
    console.log(`message of ${message.length}`)
    socket.send(message, { binary })
  })
  socket.on('error', () => socket.terminate())
})
