// The bare server of the bench: one statement for each request, and about as many bytes as a workspace's row has.
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import postgres from 'postgres';

const sql = postgres(process.argv[2] ?? '', { onnotice: () => {} });
const TEXT = 'x'.repeat(900);

const server = createServer((_request, response) => {
  void sql`select ${TEXT}::text as text`.then((rows) => {
    response.setHeader('content-type', 'application/json');
    response.end(JSON.stringify(rows));
  });
});
server.listen(0, '127.0.0.1', () => process.send?.({ port: (server.address() as AddressInfo).port }));
