import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import path from 'node:path';

const modules = {
  client: new URL('../../dist/', import.meta.url),
  'openapi-fetch': new URL('../../node_modules/openapi-fetch/dist/', import.meta.url),
};

const page = `<!doctype html>
<title>An app with a Gatehouse</title>
<link rel="icon" href="data:,">
<script type="importmap">
{ "imports": { "@gatehouse/client": "/client/index.js", "openapi-fetch": "/openapi-fetch/index.mjs" } }
</script>
<script type="module">
  import { createGatehouse, localStorageStore } from '@gatehouse/client';

  const baseUrl = new URLSearchParams(location.search).get('service');
  const client = createGatehouse({ baseUrl, store: localStorageStore() });
  Object.assign(window, { client, createGatehouse });
  client.onSessionEnd(({ reason }) => report('end', reason));

  let leaving = false;
  addEventListener('beforeunload', () => {
    leaving = true;
  });
  async function ask() {
    while (await client.isLoggedIn()) {
      await client.me().then(
        () => report('answer'),
        // What a reload breaks off is nobody's loss
        (error) => leaving || report('failure', String(error)),
      );
      await new Promise((resolve) => setTimeout(resolve, 50 * Math.random()));
    }
  }
  window.askAlways = () => Promise.all([ask(), ask()]);
  if (new URLSearchParams(location.search).has('ask')) window.askAlways();
  window.isReady = true;
</script>`;

const below = '/auth-service';

/**
 * An app of another origin that uses the client as it is built.
 *
 * @param {() => string} service where the service is, to which /auth-service of the app's own origin leads
 */
export async function startApp(service) {
  async function forward(request, response) {
    const { method, headers, url } = request;
    const { host: _, connection: __, 'content-length': ___, ...others } = headers;
    const body = Buffer.concat(await request.toArray());
    const answer = await fetch(service() + url.slice(below.length), {
      method,
      headers: others,
      ...(body.length > 0 && { body }),
    });
    const type = answer.headers.get('content-type');
    response.writeHead(answer.status, type ? { 'content-type': type } : {});
    response.end(Buffer.from(await answer.arrayBuffer()));
  }

  const server = createServer((request, response) => {
    const { pathname } = new URL(request.url, 'http://app');
    if (pathname.startsWith(`${below}/`)) {
      forward(request, response).catch(() => request.socket.destroy());
      return;
    }
    if (pathname === '/') return response.setHeader('content-type', 'text/html; charset=utf-8').end(page);
    const [, module, file] = pathname.split('/');
    response.setHeader('content-type', 'text/javascript');
    response.end(readFileSync(new URL(path.basename(file), modules[module])));
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: server.address().port,
    stop() {
      server.close();
      server.closeAllConnections();
    },
  };
}
