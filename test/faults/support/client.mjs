import http from 'node:http';

/**
 * A client with one connection that it keeps alive. Never rejects: an answer that did not come has no status, but an error.
 *
 * @param {{ patience: number }} options milliseconds after which it gives up on a request
 */
export function newClient(origin, { patience }) {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
  return {
    send: (method, target, options = {}) =>
      send(agent, `${origin}${target}`, { method, patience, ...options }),
    close: () => agent.destroy(),
  };
}

/** @returns {Promise<{ start, end, ms, status?, code?, retryAfter?, last?, body?, error? }>} `last` when the
 * server closes the connection after this answer */
function send(agent, url, { method, patience, body, token }) {
  const start = performance.now();
  const headers = { ...(token && { authorization: `Bearer ${token}` }) };
  const payload = body === undefined ? undefined : JSON.stringify(body);
  if (payload !== undefined) {
    headers['content-type'] = 'application/json';
    headers['content-length'] = Buffer.byteLength(payload);
  }
  return new Promise((resolve) => {
    const finish = (outcome) => {
      clearTimeout(timer);
      const end = performance.now();
      resolve({ start, end, ms: end - start, ...outcome });
    };
    const request = http.request(url, { method, agent, headers }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => {
        text += chunk;
      });
      response.on('error', (error) => finish({ error: error.code ?? error.message }));
      response.on('end', () => finish(read(response, text)));
    });
    const timer = setTimeout(() => request.destroy(new Error(`no answer in ${patience} ms`)), patience);
    request.on('error', (error) => finish({ error: error.code ?? error.message }));
    request.end(payload);
  });
}

function read({ statusCode, headers }, text) {
  let body = {};
  try {
    body = text === '' ? {} : JSON.parse(text);
  } catch {
    body = { error_code: `not JSON: ${text.slice(0, 80)}` };
  }
  return {
    status: statusCode,
    code: body.error_code,
    retryAfter: headers['retry-after'],
    last: headers.connection === 'close',
    body,
  };
}
