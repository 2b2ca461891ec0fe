// A registry with one image, for engines that fetch it: a manifest, a configuration, and a Debian in one layer. Knows no engine.
import { createHash } from 'node:crypto';
import { createReadStream, statSync } from 'node:fs';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

const ARCHITECTURES: Partial<Record<NodeJS.Architecture, string>> = { x64: 'amd64', arm64: 'arm64' };
const KIND = 'application/vnd.oci.image';
const NAME = 'acme/base';

interface Described {
  mediaType: string;
  digest: string;
  size: number;
}

/** `archive`: a tar of the whole file system. */
export async function serveImage(archive: string) {
  const layer = {
    mediaType: `${KIND}.layer.v1.tar`,
    digest: await hashOf(archive),
    size: statSync(archive).size,
  };
  const configuration = Buffer.from(
    JSON.stringify({
      architecture: ARCHITECTURES[process.arch] ?? process.arch,
      os: 'linux',
      config: { Env: ['PATH=/usr/local/bin:/usr/bin:/bin'], Cmd: ['/bin/sh'] },
      rootfs: { type: 'layers', diff_ids: [layer.digest] },
    }),
  );
  const config = describe(`${KIND}.config.v1+json`, configuration);
  const text = { schemaVersion: 2, mediaType: `${KIND}.manifest.v1+json`, config, layers: [layer] };
  const manifest = Buffer.from(JSON.stringify(text));
  const pulls: string[] = [];
  const server = createServer(({ method = '', url = '' }, response) => {
    pulls.push(`${method} ${url}`);
    const send = (what: Described, body: Buffer | undefined) => answer(response, method, what, body, archive);
    if (url === '/v2/') return void response.writeHead(200).end('{}');
    if (url === `/v2/${NAME}/blobs/${layer.digest}`) return send(layer, undefined);
    if (url === `/v2/${NAME}/blobs/${config.digest}`) return send(config, configuration);
    const described = describe(text.mediaType, manifest);
    const names = ['1', described.digest].map((one) => `/v2/${NAME}/manifests/${one}`);
    if (names.includes(url)) return send(described, manifest);
    response.writeHead(404).end('{}');
  });
  await once(server.listen(0, '127.0.0.1'), 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    image: `127.0.0.1:${port}/${NAME}:1`,
    /** Of whole images. */
    pulls: () => pulls.filter((one) => one === `GET /v2/${NAME}/blobs/${layer.digest}`).length,
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      await once(server.close(), 'close');
    },
  };
}

function answer(
  response: ServerResponse,
  method: string,
  { mediaType, digest, size }: Described,
  body: Buffer | undefined,
  archive: string,
): void {
  response.writeHead(200, {
    'content-type': mediaType,
    'content-length': size,
    'docker-content-digest': digest,
  });
  if (method === 'HEAD') response.end();
  else if (body) response.end(body);
  else createReadStream(archive).pipe(response);
}

const describe = (mediaType: string, body: Buffer): Described => ({
  mediaType,
  digest: `sha256:${createHash('sha256').update(body).digest('hex')}`,
  size: body.length,
});

async function hashOf(archive: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const part of createReadStream(archive)) hash.update(part as Buffer);
  return `sha256:${hash.digest('hex')}`;
}
