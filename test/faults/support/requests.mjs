// Requests as bytes, for clients that do not keep to HTTP.

/** The client that the faults must not trouble; a registration needs no more than a name and a place besides. */
export const goodPerson = { email: 'good@example.com', password: 'analytical engine' };

/** @param {string[]} headers beside Host */
export function head(method, target, headers = []) {
  return [`${method} ${target} HTTP/1.1`, 'Host: gatehouse', ...headers, '', ''].join('\r\n');
}

export function post(target, body, headers = []) {
  const own = ['Content-Type: application/json', `Content-Length: ${Buffer.byteLength(body)}`];
  return `${head('POST', target, [...own, ...headers])}${body}`;
}

/** A login of the good client. */
export function login() {
  return post('/api/v1/auth/login', JSON.stringify(goodPerson));
}
