// What runs in a workspace and listens: answers with what it was asked, tells events, talks over WebSockets, takes and gives any number of
// bytes. `program.mjs PORT [HOST]`.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';
import { Readable } from 'node:stream';

const [, , port, host = '127.0.0.1'] = process.argv;

const routes = {
  async '/echo'(req, res) {
    let body = '';
    for await (const piece of req) body += piece;
    const { method, url, rawHeaders, headers } = req;
    res.writeHead(200, { 'content-type': 'application/json' });
    res.end(
      JSON.stringify({ method, url, headers, names: rawHeaders.filter((_, at) => at % 2 === 0), body }),
    );
  },
  '/events'(req, res) {
    res.writeHead(200, { 'content-type': 'text/event-stream' });
    let count = 0;
    const timer = setInterval(() => res.write(`data: ${++count}\n\n`), 50);
    req.once('close', () => clearInterval(timer));
  },
  '/cookies'(_req, res) {
    res.writeHead(200, [
      ['set-cookie', 'own=1; Domain=localhost; Path=/; HttpOnly'],
      ['set-cookie', 'sam-port=theirs; Path=/'],
      ['set-cookie', 'sam=theirs; Path=/'],
      ['set-cookie', 'plain=2'],
      ['clear-site-data', '"cookies", "cache"'],
      ['strict-transport-security', 'max-age=1'],
      ['content-type', 'text/html'],
    ]);
    res.end('<p>set</p>');
  },
  '/away'(_req, res) {
    res.writeHead(302, { location: `http://localhost:${port}/echo?there=1` });
    res.end();
  },
  async '/count'(req, res) {
    let bytes = 0;
    const hash = createHash('sha256');
    for await (const piece of req) {
      bytes += piece.length;
      hash.update(piece);
    }
    res.end(JSON.stringify({ bytes, hash: hash.digest('hex') }));
  },
  '/bytes'(req, res) {
    const wanted = Number(new URL(req.url, 'http://x').searchParams.get('n'));
    res.writeHead(200, { 'content-length': wanted });
    const piece = Buffer.alloc(64 * 1024, 7);
    let left = wanted;
    Readable.from(
      (function* () {
        for (; left > 0; left -= piece.length) yield left < piece.length ? piece.subarray(0, left) : piece;
      })(),
    ).pipe(res);
  },
  '/never'() {},
  '/hangs-up'(req) {
    req.socket.destroy();
  },
  '/nonsense'(req) {
    req.socket.end('this is no answer\r\n\r\n');
  },
  '/no-number'(req) {
    req.socket.end('HTTP/1.1 099 Hm\r\ncontent-length: 0\r\n\r\n');
  },
  '/no-words'(req) {
    req.socket.end('HTTP/1.1 200 O\x01K\r\ncontent-length: 0\r\n\r\n');
  },
  '/switches'(req) {
    req.socket.end('HTTP/1.1 101 Switching Protocols\r\nconnection: upgrade\r\nupgrade: other\r\n\r\n');
  },
  '/kept'(req, res) {
    const headers = {
      ...(req.url.endsWith('?hop') && { connection: 'cache-control' }),
      'cache-control': 'public, max-age=60, s-maxage=600',
      'cdn-cache-control': 'max-age=600',
    };
    res.writeHead(200, headers).end('kept');
  },
  '/memory'(_req, res) {
    res.end(String(process.memoryUsage().rss));
  },
};

const server = createServer((req, res) => {
  const route = routes[new URL(req.url, 'http://x').pathname];
  if (route) return void route(req, res);
  res.writeHead(200, { 'content-type': 'text/html' });
  res.end(`<!doctype html><title>The program</title><p id="said">Hello from ${port}</p>`);
});

/** Says back what it hears, in small text frames. */
server.on('upgrade', (req, socket) => {
  socket.on('error', () => socket.destroy());
  if (req.url.startsWith('/refused-slowly'))
    return void socket.write('HTTP/1.1 418 No\r\ntransfer-encoding: chunked\r\n\r\n');
  if (req.url.startsWith('/refused-badly'))
    return void socket.end('HTTP/1.1 418 No\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n');
  if (req.url.startsWith('/no-words'))
    return void socket.end('HTTP/1.1 418 N\x01\r\ncontent-length: 0\r\n\r\n');
  if (req.url.startsWith('/refused'))
    return void socket.end('HTTP/1.1 418 No\r\ncontent-length: 2\r\n\r\nno');
  const key = req.headers['sec-websocket-key'];
  const accept = createHash('sha1').update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`).digest('base64');
  socket.write(
    `HTTP/1.1 101 Switching Protocols\r\nupgrade: websocket\r\nconnection: Upgrade\r\nsec-websocket-accept: ${accept}\r\n\r\n`,
  );
  socket.on('data', (frame) => {
    const length = frame[1] & 127;
    if ((frame[0] & 15) !== 1 || length > 120) return void socket.end();
    const mask = frame.subarray(2, 6);
    const text = Buffer.from(frame.subarray(6, 6 + length)).map((byte, at) => byte ^ mask[at % 4]);
    socket.write(Buffer.concat([Buffer.from([0x81, length]), text]));
  });
});

server.listen(Number(port), host, () => console.log(`listens on ${server.address().port}.`));
