// node:http alone.
import { createServer } from 'node:http';

const server = createServer((_, response) => {
  response.writeHead(200, { 'Content-Type': 'text/plain;charset=UTF-8', 'Content-Length': 2 });
  response.end('hi');
});
server.listen(0, '127.0.0.1', () => console.log(`PORT ${server.address().port}`));
