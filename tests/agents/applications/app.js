'use strict'

// Answers a request of its own, says what it was given, and ends when its input does.
const http = require('node:http')

const server = http.createServer((request, response) => {
  response.statusCode = 204
  response.end()
})

server.listen(0, '127.0.0.1', () => {
  http.get({ host: '127.0.0.1', port: server.address().port, path: '/', agent: false }, (response) => {
    response.resume()
    console.log(`answer: ${response.statusCode}`)
    // Without the option, the title is how the program was called.
    const title = process.title
    console.log(`own option: ${title.includes('node') ? 'none' : title}`)
    process.stdin.resume().on('end', () => server.close())
  })
})
